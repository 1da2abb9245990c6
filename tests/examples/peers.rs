//! A table of peers, printed again every second: who is there, for how long, how far away, and what has gone to and fro.
//!
//! ```text
//! cargo run --example peers                 # the first terminal: it prints its address
//! cargo run --example peers -- ADDRESS…     # the second one: it dials each
//! ```
//!
//! It ends at Ctrl-C. The service `Ping` measures the round trips; without it the table has those of the handshake and of
//! the muxer.

use std::env;
use std::error::Error;
use std::time::{Duration, Instant};
use swarm_notify::lifecycle::{ConnectionId, Counts, Event};
use swarm_notify::notifee::Notifees;
use swarm_notify::protocols::ping::{self, Ping};
use swarm_notify::swarm::{Config, Swarm};
use swarm_notify::{keys, tcp};

#[path = "ctrl_c.rs"]
mod ctrl_c;
use ctrl_c::CtrlC;

const EVERY: Duration = Duration::from_secs(1);

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    run(env::args().skip(1))
}

/// Listens, dials the addresses, and prints tables until Ctrl-C.
pub(crate) fn run(addresses: impl Iterator<Item = String>) -> Result<()> {
    let reactor = tcp::Reactor::new()?;
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    let mut swarm = Swarm::from_os_rng(reactor, transport, &keys::generate()?, Config::default())?;
    let mut notifees = Notifees::new();
    let mut pings = ping::Config::default();
    pings.interval = Some(EVERY);
    let ping = notifees.install(&mut swarm, Ping::new(keys::seed()?, pings));
    swarm.listen("/ip4/127.0.0.1/tcp/0".parse()?)?;
    for address in addresses {
        swarm.dial(address.parse()?)?;
    }
    let (ctrl_c, start) = (CtrlC::new(swarm.waker())?, Instant::now());
    let mut next_table = EVERY;
    while !swarm.is_shut_down() || notifees.has_pending() {
        let now = start.elapsed();
        let until = notifees.poll_at().map_or(next_table, |at| at.min(next_table));
        swarm.wait(now, Some(until.saturating_sub(now)))?;
        let now = start.elapsed();
        swarm.tick(now);
        notifees.drive_with(&mut swarm, now, |swarm, event| {
            if let Event::Listen { listener } = event {
                let address = swarm.listener(listener).map(|view| view.addresses[0].to_string()).unwrap_or_default();
                println!("listening on {address}/p2p/{}", swarm.local_peer());
            } else if let Event::ConnectFailed { .. } = event {
                println!("{event}");
            }
        });
        while notifees.get_mut(ping).and_then(Ping::next_event).is_some() {} // the table has what they say
        if ctrl_c.has_come() {
            swarm.shutdown();
        }
        if now >= next_table {
            next_table = now + EVERY;
            print_table(&swarm);
        }
    }
    Ok(())
}

fn print_table(swarm: &tcp::Swarm) {
    let Counts { open, opened, failed, peak, .. } = swarm.counters().connections.inbound;
    println!("accepted: {open} open, {peak} at most, {opened} in all, {failed} failed");
    let Counts { open, opened, failed, peak, .. } = swarm.counters().connections.outbound;
    println!("dialed:   {open} open, {peak} at most, {opened} in all, {failed} failed");
    println!(
        "{:52}  {:8}  {:>5}  {:>10}  {:>7}  {:>9}  {:>9}",
        "peer", "", "age", "round trip", "streams", "in", "out"
    );
    for row in swarm.connections().filter_map(|connection| row(swarm, connection)) {
        println!("{row}");
    }
}

/// The row of a connection that is up.
fn row(swarm: &tcp::Swarm, connection: ConnectionId) -> Option<String> {
    let view = swarm.connection(connection)?;
    let (peer, direction) = (view.peer?.to_string(), view.direction.to_string());
    let round_trip = view.round_trip.map_or("?".into(), |time| format!("{:.3} ms", time.as_secs_f64() * 1_000.0));
    let (age, streams, received, sent) = (view.age.as_secs(), view.streams, view.received, view.sent);
    Some(format!("{peer:52}  {direction:8}  {age:3} s  {round_trip:>10}  {streams:>7}  {received:>9}  {sent:>9}"))
}
