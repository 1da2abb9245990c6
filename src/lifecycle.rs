//! Lifecycle (being written).
mod event;
mod id;
mod table;
pub use event::{ConnectionEnd, Direction, Event, Failure, Fault, ListenerEnd, RemoteEnd, Side, StreamEnd};
pub use id::{ConnectionId, Key, ListenerId, StreamId};
pub use table::Table;
