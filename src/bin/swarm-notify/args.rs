//! The command line: its commands, their options, and the errors of a wrong one.

// By path, since `tests/attacks/attacked.rs` includes this file from elsewhere.
#[path = "args/address.rs"]
mod address;
#[path = "args/size.rs"]
mod size;

use crate::node::WRONG;
use crate::output;
use crate::report::{Form, seen};
use crate::terminal::{self, wrap_words};
use address::{to_dial, to_listen_on};
use clap::builder::{PathBufValueParser, TypedValueParser as _};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser, Subcommand};
use size::size;
use std::io::{self, Write as _};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::swarm::Multiaddr;

/// The heading of the options that each command has.
const EVERY: &str = "Options of every command";

/// A libp2p node to try things with: it prints each listener, connection and stream as it opens and as it ends.
#[derive(Parser)]
#[command(version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print each line of the log as a JSON object, for programs.
    #[arg(long, global = true, help_heading = EVERY)]
    pub(crate) json: bool,
    /// Show peer ids and long values whole at a terminal. In a file, in a pipe and in JSON they always are.
    #[arg(long, global = true, help_heading = EVERY)]
    pub(crate) long: bool,
    /// Leave out the lines of events: stdout has answers that were asked for (who a peer is, published messages), where
    /// `listen` listens, and the summary. Errors are on stderr, and at a terminal the progress bar of a long `dial`.
    #[arg(long, short, global = true, help_heading = EVERY)]
    pub(crate) quiet: bool,
}

impl Args {
    /// Reads the command line. A wrong one ends the process with clap's message, and `--help` with the help: the exit code is 1
    /// if that cannot be written.
    pub(crate) fn read() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            let error = with_tips(seen_only(error));
            let is_help = !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
            let terminal = if error.use_stderr() { terminal::stderr() } else { terminal::stdout() };
            let styled = error.render();
            let text = if terminal.has_colour { styled.ansi().to_string() } else { styled.to_string() };
            let text = match terminal.columns().filter(|_| !is_help) {
                Some(columns) => wrap_words(&text, columns),
                None => text,
            };
            std::process::exit(match (error.use_stderr(), text.as_bytes()) {
                (true, text) => {
                    // Nobody is left to hear of it.
                    let _ = io::stderr().write_all(text);
                    error.exit_code()
                }
                (false, text) => match io::stdout().write_all(text).and_then(|()| io::stdout().flush()) {
                    // A reader that has left, such as `head`, has what it wants.
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                        output::say_last(format_args!("the help cannot be written to stdout: {error}"), false);
                        output::finish(true);
                        WRONG.into()
                    }
                    Ok(()) | Err(_) => error.exit_code(),
                },
            })
        })
    }

    /// The form of what is printed.
    pub(crate) fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::Text { is_long: self.long } }
    }
}

/// Returns an error that shows each character that was typed: those that nobody sees could command a terminal.
fn seen_only(mut error: clap::Error) -> clap::Error {
    let typed = error.context().filter_map(|(kind, value)| {
        let ContextValue::String(text) = value else { return None };
        Some((kind, text.as_str(), seen(text)))
    });
    let typed: Vec<_> = typed.filter(|(_, text, seen)| text != seen).map(|(kind, _, seen)| (kind, seen)).collect();
    if !typed.is_empty() {
        // A tip may have it in it, too.
        error.remove(ContextKind::Suggested);
    }
    for (kind, seen) in typed {
        error.insert(kind, ContextValue::String(seen));
    }
    error
}

/// Returns an error about an unknown option with a tip that helps: the commands that have it, if there are any. No value of
/// ours begins with a dash, so clap's tip to pass it as one does not help.
fn with_tips(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg).cloned() else { return error };
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let has_it = |command: &&clap::Command| {
        let name = option.strip_prefix("--");
        command.get_arguments().any(|of_it| name.is_some() && of_it.get_long() == name)
    };
    let commands = Args::command();
    let having: Vec<_> = commands.get_subcommands().filter(has_it).map(clap::Command::get_name).collect();
    let is_about_values = match error.get(ContextKind::Suggested) {
        Some(ContextValue::StyledStrs(tips)) => tips.iter().any(|tip| tip.to_string().contains("as a value")),
        _ => false,
    };
    if !having.is_empty() {
        let tip = format!("{option} is an option of `{}`", having.join("` and `"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    } else if is_about_values {
        error.remove(ContextKind::Suggested);
    }
    error
}

const AFTER_HELP: &str = "\
Two terminals to try it in:
  swarm-notify listen /ip4/127.0.0.1/tcp/4001
  swarm-notify dial /ip4/127.0.0.1/tcp/4001

Exit codes:
  0    All was right.
  1    The peer, the network or what came back was wrong, or output or input was lost.
  2    The command line, the key file or the topic was wrong. Nothing was started.
  130  `dial` was interrupted by Ctrl-C before all was done; 143 by SIGTERM, 129 by SIGHUP.
A second signal ends every command at once. The same signal within 0.1 s counts as one. After a signal a slow reader of
stdout has 5 s, and what it has not read by then is lost.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show all nine kinds of events, failures among them, with two nodes in this process that connect over TCP, within this
    /// machine.
    Demo,
    /// Wait for peers until Ctrl-C or SIGTERM, and serve /echo/1.0.0, which sends back what comes, and /sink/1.0.0, which
    /// drops it.
    Listen(Listen),
    /// Connect to a peer, open streams to it, and check what comes back.
    Dial(Dial),
}

#[derive(clap::Args)]
pub(crate) struct Listen {
    /// The addresses to listen on: /ip4/…/tcp/… or /ip6/…/tcp/…. 0.0.0.0 or :: is every address of this machine, and port
    /// 0 any that is free.
    #[arg(value_name = "ADDRESS", default_value = "/ip4/127.0.0.1/tcp/0", value_parser = to_listen_on)]
    pub(crate) addresses: Vec<Multiaddr>,
    /// Use the identity key in this file, and so the same peer id each time. The file is in libp2p's protobuf form; it is
    /// made if it is not there. Without this option each run has a new peer id.
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(key_file))]
    pub(crate) key: Option<PathBuf>,
    /// Join this topic of floodsub (publish/subscribe): print what others publish, and publish each line of stdin as soon
    /// as somebody else has joined. It goes on after the end of stdin. Lines that wait at the end, since nobody has
    /// joined, count as no loss. Who takes too little misses
    /// lines; the others get them all.
    #[arg(long, value_name = "TOPIC")]
    pub(crate) floodsub: Option<String>,
}

#[derive(clap::Args, Clone)]
pub(crate) struct Dial {
    /// The address to dial: /ip4/…/tcp/…, /ip6/…/tcp/… or /dns/…/tcp/…, with /p2p/… at its end to accept no other peer.
    #[arg(value_parser = to_dial)]
    pub(crate) address: Multiaddr,
    /// The protocol of the streams. The peer has to send back all that it gets, or nothing if this is /sink/1.0.0.
    #[arg(long, value_name = "NAME", default_value = "/echo/1.0.0", value_parser = protocol)]
    pub(crate) protocol: Protocol,
    /// The number of streams to open. Without this option it is 1, or 0 beside --ping, --identify or --floodsub.
    #[arg(long, value_name = "COUNT", value_parser = number(0..=MAX_COUNT), allow_negative_numbers = true)]
    pub(crate) streams: Option<u64>,
    /// The number of streams that are open at the same time, of 65536 at most.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = number(1..=MAX_CONCURRENCY))]
    #[arg(allow_negative_numbers = true)]
    pub(crate) concurrency: u64,
    /// The number of bytes to send on each stream: 1500, 64k, 1M (1000000) or 1MiB (1048576).
    #[arg(long, value_name = "SIZE", default_value_t = 1024, value_parser = size(0..=MAX_BYTES))]
    #[arg(allow_negative_numbers = true)]
    pub(crate) bytes: u64,
    /// The time in which a stream has to agree on its protocol, and again for each 1024 bytes that it sends or gets, or for
    /// the rest. A ping and the answer to --identify have it, too. What takes longer is given up, and the exit code is 1. The
    /// connection itself has 10 s, whatever this is.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = time, allow_negative_numbers = true)]
    pub(crate) timeout: Duration,
    /// End our side of each stream as soon as all is sent, and read the echo after that.
    #[arg(long, conflicts_with = "reset")]
    pub(crate) half_close: bool,
    /// Reset each stream once its echo is complete, instead of ending it.
    #[arg(long)]
    pub(crate) reset: bool,
    /// Ping the peer so many times, one after the other.
    #[arg(long, value_name = "COUNT", default_value_t = 0, value_parser = number(0..=MAX_COUNT))]
    #[arg(allow_negative_numbers = true)]
    pub(crate) ping: u64,
    /// Ask the peer who it is: its implementation, its protocols and its addresses.
    #[arg(long)]
    pub(crate) identify: bool,
    /// Join this topic of floodsub (publish/subscribe): print what others publish, and publish each line of stdin as soon
    /// as somebody else has joined, until stdin ends. A line for which nobody joins within --timeout is lost, and so are
    /// those of which the peer takes less than 64 KiB in that time; the exit code is 1.
    #[arg(long, value_name = "TOPIC")]
    pub(crate) floodsub: Option<String>,
    /// Use the identity key in this file, and so the same peer id each time. The file is in libp2p's protobuf form; it is
    /// made if it is not there. Without this option each run has a new peer id.
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(key_file))]
    pub(crate) key: Option<PathBuf>,
    /// Keep the connection for so long after everything else is done.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) hold: f64,
}

impl Dial {
    /// Returns the number of streams to open.
    pub(crate) fn streams(&self) -> u64 {
        let is_asked_else = self.ping > 0 || self.identify || self.floodsub.is_some();
        self.streams.unwrap_or(if is_asked_else { 0 } else { 1 })
    }
}

/// The most of what is counted: a stream's id has as many places.
const MAX_COUNT: u64 = u32::MAX as u64;
/// The most streams at a time: each costs memory for as long as it is open.
const MAX_CONCURRENCY: u64 = 65_536;
/// The most bytes of a stream: a whole number up to this is exact in JavaScript, too.
const MAX_BYTES: u64 = (1 << 53) - 1;

fn protocol(name: &str) -> Result<Protocol, String> {
    Protocol::new(name).map_err(|error| format!("{error}; give one such as /echo/1.0.0"))
}

/// A file to keep a key in. A `-` is not one by that name: elsewhere it stands for standard input.
fn key_file(path: PathBuf) -> Result<PathBuf, String> {
    match path.as_os_str() == "-" {
        true => Err("standard input is not read for it; give a file, or ./- for one of that name".to_owned()),
        false => Ok(path),
    }
}

/// Returns a reader of whole numbers in a range.
fn number(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(format!("give a whole number from {} to {}", range.start(), range.end())),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e9).contains(&seconds) => Ok(seconds),
        Ok(_) | Err(_) => Err("give a number of seconds from 0 to 1000000000, such as 2.5".to_owned()),
    }
}

/// A time that is not 0, to the millisecond.
fn time(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=1e9).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Ok(_) | Err(_) => Err("give a number of seconds from 0.001 to 1000000000, such as 2.5".to_owned()),
    }
}
