//! What the owner does with ids: commands while it is told of something, and commands for what is over.

#![allow(clippy::wildcard_enum_match_arm, reason = "what is not named has no explanation")]

use super::super::pipe::Random;
use super::super::sim::SimSwarm;
use super::super::sim::checker::Checker;
use super::model::Model;
use super::peer::ECHO;
use super::world::{Next, Scripted, World, address};
use std::collections::VecDeque;
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

/// P8: what the owner does while it is told of something.
#[derive(Default)]
pub(super) struct Reactions {
    /// What the script wants, a reaction for each event from now on.
    pub(super) asked: VecDeque<u8>,
    /// Where the script wants nothing.
    pub(super) random: Option<Random>,
}

impl Reactions {
    pub(super) fn react<const EVENTS: usize>(
        &mut self,
        swarm: &mut SimSwarm<Scripted, EVENTS>,
        checker: &mut Checker,
        world: &World,
        model: &mut Model,
        event: Event,
    ) {
        let any = |random: &mut Random| (random.below(8) == 0).then(|| random.below(256) as u8);
        let Some(reaction) = self.asked.pop_front().or_else(|| any(self.random.as_mut()?)) else { return };
        let connection = match event {
            Event::Connected { connection }
            | Event::Disconnected { connection, .. }
            | Event::OpenedStream { connection, .. }
            | Event::StreamFailed { connection, .. }
            | Event::ClosedStream { connection, .. } => Some(connection),
            _ => None,
        };
        if reaction < 128 {
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
            return;
        }
        match (reaction % 4, connection, event.id()) {
            (0, Some(connection), _) => {
                if let Ok(id) = swarm.open_stream(connection, &[ECHO]) {
                    checker.begins(id.into(), Some(connection));
                    model.ever.insert(id.into());
                }
            }
            (1, _, Id::Stream(stream)) => {
                let _ = swarm.finish(stream);
                model.finished.insert(stream);
            }
            (2, Some(connection), Id::Stream(stream)) => {
                if swarm.close_stream(stream).is_ok() {
                    model.finished.insert(stream);
                    // What still comes is dropped.
                    model.whole.entry(connection).or_default().is_cut = true;
                }
            }
            _ => {
                let number = model.number();
                world.state().next.insert(number, Next::Fine);
                if let Ok(id) = swarm.dial(address(number)) {
                    checker.begins(id.into(), None);
                    model.ever.insert(id.into());
                }
            }
        }
    }
}
