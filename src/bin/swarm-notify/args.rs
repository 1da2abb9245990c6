//! What can be said on the command line.

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use swarm_notify::connection::Protocol;
use swarm_notify::swarm::Multiaddr;

/// A libp2p node that tells exactly what lives and what has ended.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print one JSON object a line on stdout, and nothing else there.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Two swarms in this process walk through all nine events over TCP on loopback.
    Demo,
    /// Serve /echo/1.0.0 and /sink/1.0.0 until SIGINT or SIGTERM.
    Listen(Listen),
    /// Open streams to a peer, and check what comes back.
    Dial(Dial),
}

#[derive(clap::Args)]
pub(crate) struct Listen {
    /// Where to listen.
    #[arg(default_value = "/ip4/127.0.0.1/tcp/0")]
    pub(crate) addresses: Vec<Multiaddr>,
    /// The identity, in libp2p's protobuf form; it is made if the file is not there. Without it, a fresh one.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Subscribe to a topic, print what others publish, and publish each line of stdin as soon as somebody subscribes.
    /// The end of stdin ends nothing.
    #[arg(long, value_name = "TOPIC")]
    pub(crate) floodsub: Option<String>,
}

#[derive(clap::Args, Clone)]
pub(crate) struct Dial {
    /// Whom to dial: /ip4/…/tcp/…, with /p2p/… at its end to accept no other peer.
    pub(crate) address: Multiaddr,
    /// What the streams speak: an echo is expected back, but from /sink/1.0.0.
    #[arg(long, default_value = "/echo/1.0.0", value_parser = protocol)]
    pub(crate) protocol: Protocol,
    /// How many streams to open; 1 without it, or 0 beside --ping, --identify or --floodsub.
    #[arg(long)]
    pub(crate) streams: Option<u64>,
    /// How many of them at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) concurrency: u64,
    /// How many bytes to send on each.
    #[arg(long, default_value_t = 1024)]
    pub(crate) bytes: u64,
    /// End our side as soon as all is sent, and read the echo after that.
    #[arg(long, conflicts_with = "reset")]
    pub(crate) half_close: bool,
    /// Reset each stream once its echo is complete, instead of ending it.
    #[arg(long)]
    pub(crate) reset: bool,
    /// Ping the peer so many times, one after the other.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) ping: u64,
    /// Ask the peer who it is.
    #[arg(long)]
    pub(crate) identify: bool,
    /// Subscribe to a topic, print what others publish, and publish each line of stdin as soon as somebody subscribes,
    /// until stdin ends.
    #[arg(long, value_name = "TOPIC")]
    pub(crate) floodsub: Option<String>,
    /// The identity, in libp2p's protobuf form; it is made if the file is not there. Without it, a fresh one.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Keep the connection for so long after all that.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds)]
    pub(crate) hold: f64,
}

impl Dial {
    /// How many streams to open.
    pub(crate) fn streams(&self) -> u64 {
        let is_asked_else = self.ping > 0 || self.identify || self.floodsub.is_some();
        self.streams.unwrap_or(if is_asked_else { 0 } else { 1 })
    }
}

fn protocol(name: &str) -> Result<Protocol, String> {
    Protocol::new(name).map_err(|error| error.to_string())
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e9).contains(&seconds) => Ok(seconds),
        Ok(_) | Err(_) => Err("give a number of seconds that is not negative".to_owned()),
    }
}
