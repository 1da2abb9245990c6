//! Who is told what, in which order, and what they may do meanwhile: one module a claim, and random calls against a
//! slow and obvious model.

#[cfg(feature = "swarm")]
mod budget;
mod emissions;
mod forward;
mod inside;
mod late;
mod order;
#[cfg(feature = "swarm")]
mod owner;
mod panics;
mod random;
#[cfg(feature = "swarm")]
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
