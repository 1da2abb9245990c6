//! What the owner does with ids: commands while it is told of something, and commands for what is over.

#![allow(clippy::wildcard_enum_match_arm, reason = "what is not named has no explanation")]

use super::super::sim::SimSwarm;
use super::model::Model;
use super::peer::ECHO;
use super::world::Scripted;
use swarm_notify::lifecycle::{Event, Id, State};
use swarm_notify::swarm::{CloseError, OpenStreamError};

pub(super) fn state<const EVENTS: usize>(swarm: &SimSwarm<Scripted, EVENTS>, id: Id) -> Option<State> {
    match id {
        Id::Listener(id) => swarm.listener(id).map(|view| view.state),
        Id::Connection(id) => swarm.connection(id).map(|view| view.state),
        Id::Stream(id) => swarm.stream(id).map(|view| view.state),
    }
}

pub(super) fn assert_stale<const EVENTS: usize>(swarm: &mut SimSwarm<Scripted, EVENTS>, id: Id) {
    match id {
        Id::Listener(id) => assert_eq!(swarm.close_listener(id), Err(CloseError::Stale)),
        Id::Connection(id) => {
            assert_eq!(swarm.close_connection(id), Err(CloseError::Stale));
            assert_eq!(swarm.abort_connection(id), Err(CloseError::Stale));
            let opened = swarm.open_stream(id, &[ECHO]);
            assert!(matches!(opened, Err(OpenStreamError::Stale | OpenStreamError::Closing)), "{opened:?}");
        }
        Id::Stream(id) => {
            assert_eq!(swarm.reset(id), Err(CloseError::Stale));
            assert_eq!(swarm.close_stream(id), Err(CloseError::Stale));
            assert!(swarm.take_unread(id).is_empty());
        }
    }
}

/// P8: the owner gives a command while it is told of something.
pub(super) fn react<const EVENTS: usize>(
    swarm: &mut SimSwarm<Scripted, EVENTS>,
    model: &mut Model,
    event: Event,
    reaction: u8,
) {
    let connection = match event {
        Event::Connected { connection }
        | Event::Disconnected { connection, .. }
        | Event::OpenedStream { connection, .. }
        | Event::StreamFailed { connection, .. }
        | Event::ClosedStream { connection, .. } => Some(connection),
        _ => None,
    };
    let (closed, id): (Result<(), CloseError>, Id) = match (reaction % 4, connection, event.id()) {
        (0, Some(connection), _) => (swarm.close_connection(connection), connection.into()),
        (1, Some(connection), _) => (swarm.abort_connection(connection), connection.into()),
        (_, _, Id::Stream(stream)) => (swarm.reset(stream), stream.into()),
        (_, _, Id::Listener(listener)) => (swarm.close_listener(listener), listener.into()),
        _ => return,
    };
    if closed.is_ok() {
        model.closed.insert(id);
    }
}
