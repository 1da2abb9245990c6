//! Who is told what, in which order, and what they may do meanwhile: one module a claim, and random calls against a
//! slow and obvious model.

#[cfg(feature = "swarm")]
#[path = "notifee/budget.rs"]
mod budget;
#[cfg(feature = "swarm")]
#[path = "support/driven.rs"]
mod driven;
#[path = "support/each_event.rs"]
mod each_event;
#[path = "notifee/inside.rs"]
mod inside;
#[path = "notifee/late.rs"]
mod late;
#[path = "notifee/order.rs"]
mod order;
#[path = "notifee/panics.rs"]
mod panics;
#[path = "support/pipe.rs"]
#[allow(dead_code, reason = "each test crate uses its part of it")]
mod pipe;
#[path = "notifee/random.rs"]
mod random;
#[path = "support/scripted.rs"]
mod scripted;
#[cfg(feature = "swarm")]
#[path = "support/sim.rs"]
mod sim;
#[cfg(feature = "swarm")]
#[path = "notifee/swarm.rs"]
mod swarm;

use swarm_notify::lifecycle::{ConnectionId, Direction, Lifecycle, Limits, StreamId};

type World = Lifecycle<8>;

fn world() -> World {
    Lifecycle::new(Limits::default())
}

/// A connection that opens; its event waits.
fn connect(world: &mut World) -> ConnectionId {
    let connection = world.begin_connection(Direction::Inbound).unwrap();
    world.opened(connection).unwrap();
    connection
}

/// A stream that opens; its event waits.
fn open(world: &mut World, connection: ConnectionId) -> StreamId {
    let stream = world.begin_stream(connection, Direction::Outbound).unwrap();
    world.opened(stream).unwrap();
    stream
}
