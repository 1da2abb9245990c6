//! Ping on a simulated pair in virtual time: with itself, and with peers that do it wrong, at every size of the event
//! queue, however the byte stream is cut.

mod answering;
mod asking;
mod hostile;

use crate::support::services;
use services::Host;
use std::time::Duration;
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::notifee::NotifeeId;
use swarm_notify::protocols::ping::{Config, Event, Ping};

/// One way through the simulated network takes 10 ms.
const ROUND_TRIP: Duration = millis(20);

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A service that asks only when told to.
fn on_demand() -> Ping {
    let mut config = Config::default();
    config.interval = None;
    Ping::new([1; 32], config)
}

/// A service that asks every 15 s.
fn periodic() -> Ping {
    Ping::new([2; 32], Config::default())
}

/// What a service tells, and forgets.
fn told<const EVENTS: usize>(host: &mut Host<EVENTS>, id: NotifeeId<Ping>) -> Vec<String> {
    let ping: &mut Ping = host.service(id);
    std::iter::from_fn(|| ping.next_event())
        .map(|event| match event {
            Event::Pong { connection, round_trip, .. } => format!("pong {connection} {round_trip:?}"),
            Event::Failed { connection, reason, .. } => format!("failed {connection} {reason}"),
            Event::Lagged { events } => format!("lagged {events}"),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[track_caller]
fn ask<const EVENTS: usize>(host: &mut Host<EVENTS>, id: NotifeeId<Ping>, connection: ConnectionId) {
    host.service::<Ping>(id).ping(connection).expect("it is open");
}
