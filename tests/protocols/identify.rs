//! Identify: its messages by themselves, and the service on a simulated pair in virtual time, with itself and with peers
//! that do it wrong, at every size of the event queue, however the byte stream is cut.

mod asking;
mod held;
mod hostile;
mod messages;
mod observers;
mod pushing;
mod records;

use crate::support::corpus;
use crate::support::identify as fuzz_target;
use crate::support::pipe;
use crate::support::services;
use crate::support::sim;
use services::{Both, Host, keypair};
use sim::Host as Name;
use std::time::Duration;
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::notifee::NotifeeId;
use swarm_notify::protocols::identify::{Config, Event, Identify, Info};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A service with the default bounds.
fn identify(name: Name) -> Identify {
    Identify::new(keypair(name).public(), Config::default())
}

/// One that asks when it is told to.
fn on_demand(name: Name) -> Identify {
    let mut config = Config::default();
    config.asks = false;
    Identify::new(keypair(name).public(), config)
}

/// What a service tells, and forgets.
fn told<const EVENTS: usize>(host: &mut Host<EVENTS>, id: NotifeeId<Identify>) -> Vec<String> {
    let identify: &mut Identify = host.service(id);
    std::iter::from_fn(|| identify.next_event())
        .map(|event| match event {
            Event::Identified { connection, peer, .. } => format!("identified {connection} {}", name(peer)),
            Event::Pushed { connection, peer, .. } => format!("pushed {connection} {}", name(peer)),
            Event::Failed { connection, peer, reason } => format!("failed {connection} {} {reason}", name(peer)),
            Event::PushFailed { connection, peer, reason } => {
                format!("push_failed {connection} {} {reason}", name(peer))
            }
            Event::Lagged { events } => format!("lagged {events}"),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn name(peer: libp2p_identity::PeerId) -> &'static str {
    let names = [(sim::A, "a"), (sim::B, "b")];
    names.into_iter().find(|(name, _)| keypair(*name).public().to_peer_id() == peer).expect("one of the two").1
}

/// What `a` knows of the peer of a connection.
#[track_caller]
fn known<const EVENTS: usize>(both: &mut Both<EVENTS>, id: NotifeeId<Identify>, connection: ConnectionId) -> Info {
    both.a.service::<Identify>(id).info(connection).expect("it is known").clone()
}

/// A message behind its length, as it stands on the wire.
fn framed(message: &[u8]) -> Vec<u8> {
    let mut framed = Vec::new();
    let mut rest = message.len();
    while rest >= 0x80 {
        framed.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    framed.push(rest as u8);
    framed.extend_from_slice(message);
    framed
}

#[test]
fn the_fuzz_target_holds_over_seeded_input() {
    let mut random = pipe::Random(1);
    for _ in 0..3_000 {
        let len = random.below(400);
        fuzz_target::run(&random.bytes(len));
    }
}

#[test]
fn the_fuzz_target_holds_over_its_corpus() {
    corpus::replay("identify", fuzz_target::run);
}
