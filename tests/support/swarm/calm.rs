//! When everything is right again, nothing hangs: whoever waits goes on, what was written arrives and can be read, what
//! was finished ends, and there is place for more.

use super::Script;
use super::model::dialed;
use super::owner::Reactions;
use super::world::{Next, number};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, State};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

impl<const EVENTS: usize> Script<EVENTS> {
    /// Heals what can be healed, and checks that it has. No time passes, but for connections that peers leave, and for those
    /// that are paced.
    pub(super) fn calm(&mut self) {
        self.heal();
        self.come_to_rest();
        self.nothing_hangs();
        self.finish_all();
        self.come_to_rest();
        self.all_is_finished();
        self.there_is_place();
        self.all_that_was_left_ends();
    }

    fn heal(&mut self) {
        (self.side.drains, self.side.reads) = (usize::MAX, true);
        self.side.something_to_drain();
        self.reactions.replace(Reactions::default());
        self.forgives();
        let mut state = self.world.state();
        for index in 0..state.pipes.len() {
            let pipe = &mut state.pipes[index];
            (pipe.stalled, pipe.most) = (false, 0);
            state.touch(index);
        }
        drop(state);
        // What was named while the owner did not read.
        self.turn();
        let connections: Vec<_> = self.side.swarm.connections().collect();
        let streams: Vec<_> = connections.iter().flat_map(|id| self.side.swarm.streams_of(*id)).collect();
        streams.into_iter().for_each(|stream| self.side.read_all(stream));
    }

    /// All that is under way comes to something.
    fn come_to_rest(&mut self) {
        loop {
            self.flow();
            let mut moved = self.world.state().close_removed();
            let hanging: Vec<usize> = {
                let state = self.world.state();
                let is_hanging = |n: &usize| state.openings[*n].handed && state.openings[*n].result.is_none();
                (0..state.openings.len()).filter(is_hanging).collect()
            };
            for opening in hanging {
                self.meets(opening, false);
                moved = true;
            }
            let mut model = self.model.borrow_mut();
            for (peer, deeds) in self.peers.iter_mut().zip(&mut model.deeds) {
                moved |= peer.goes_on(deeds);
            }
            drop(model);
            self.side.something_happened();
            if !moved && !self.is_paced() {
                return;
            }
            if !moved {
                self.advance(Duration::from_millis(250));
            }
        }
    }

    /// Whether a peer's stream waits because of its rate, and for nothing else.
    fn is_paced(&self) -> bool {
        let swarm = &self.side.swarm;
        swarm.connections().any(|id| swarm.connection(id).is_some_and(|view| view.streams_waiting > 0))
    }

    /// The pipe of a connection, once it has one.
    fn pipe(&self, id: ConnectionId) -> Option<usize> {
        super::model::pipe_of(&self.world.state(), number(self.side.swarm.connection(id)?.remote))
    }

    /// The connections on whose pipe nothing was lost or put in.
    fn untampered(&self) -> Vec<(ConnectionId, usize)> {
        let connections = self.side.swarm.connections().filter_map(|id| Some((id, self.pipe(id)?)));
        connections.filter(|(_, pipe)| !self.world.state().pipes[*pipe].tampered).collect()
    }

    fn nothing_hangs(&self) {
        let swarm = &self.side.swarm;
        assert!(swarm.connections().all(|id| self.pipe(id).is_some()), "a dial hangs");
        let accepted: Vec<usize> = self.world.state().accepted().collect();
        for number in accepted {
            let pipe = super::model::pipe_of(&self.world.state(), number).expect("no upgrade hangs");
            let is_known = |id| swarm.connection(id).is_some_and(|view| super::world::number(view.remote) == number);
            let is_known = swarm.connections().any(is_known);
            assert!(is_known || self.world.state().pipes[pipe].tampered, "{number} hangs at the door");
        }
        for (id, pipe) in self.untampered() {
            let state = self.world.state();
            match swarm.connection(id).unwrap().state {
                State::Open => {}
                // The peer went away politely. What lives on it may go on, and only that.
                State::Leaving => {
                    assert!(self.model.borrow().deeds[pipe].closed && swarm.streams_of(id).count() > 0, "{id} hangs");
                    // Its answers to our proposals have been lost behind its go-away.
                    continue;
                }
                state @ (State::Opening | State::Ended) => panic!("{id} hangs: {state:?}"),
            }
            assert!(!state.pipes[pipe].eof && state.pipes[pipe].error.is_none(), "{id} has not heard of its end");
            for stream in swarm.streams_of(id) {
                assert_ne!(swarm.stream(stream).unwrap().state, State::Opening, "{stream} hangs");
            }
        }
    }

    /// Both sides finish all streams.
    fn finish_all(&mut self) {
        let connections: Vec<_> = self.side.swarm.connections().collect();
        let streams: Vec<_> = connections.iter().flat_map(|id| self.side.swarm.streams_of(*id)).collect();
        let mut model = self.model.borrow_mut();
        for stream in streams {
            let _ = self.side.swarm.finish(stream);
            model.finished.insert(stream);
        }
        for (peer, deeds) in self.peers.iter_mut().zip(&mut model.deeds) {
            peer.finish_all(deeds);
        }
        drop(model);
        self.side.something_happened();
        self.side.something_to_drain();
    }

    fn all_is_finished(&self) {
        for (id, pipe) in self.untampered() {
            if self.side.swarm.connection(id).unwrap().state == State::Leaving {
                // The peer has said its last word, which is the end of none of its streams.
                continue;
            }
            assert_eq!(self.side.swarm.streams_of(id).collect::<Vec<_>>(), [], "of {id}: both sides have finished");
            let model = self.model.borrow();
            let (peer, whole) = (&self.peers[pipe], &model.whole[&id]);
            if model.deeds[pipe].resets || whole.is_cut {
                continue;
            }
            let received: usize = whole.streams.iter().map(|stream| self.side.received(*stream).len()).sum();
            assert_eq!(received as u64, peer.written, "{id}: what the peer wrote was read");
            assert_eq!(whole.sent, peer.read, "{id}: what was written has arrived");
        }
    }

    /// On a connection that the peer has left nothing moves any more: it is cut.
    fn all_that_was_left_ends(&mut self) {
        let swarm = &self.side.swarm;
        let is_leaving = |id: &ConnectionId| swarm.connection(*id).is_some_and(|view| view.state == State::Leaving);
        let left: Vec<_> = self.untampered().into_iter().map(|(id, _)| id).filter(is_leaving).collect();
        if left.is_empty() {
            return;
        }
        // An owner who was away for so long puts deadlines off once.
        for time in [secs(5), secs(1)] {
            self.advance(time);
        }
        self.come_to_rest();
        for id in left {
            assert_eq!(self.side.swarm.connection(id).map(|view| view.state), None, "{id} hangs");
        }
    }

    /// What was held for handshakes, connections and streams is free again.
    fn there_is_place(&mut self) {
        let swarm = &self.side.swarm;
        let live: Vec<_> = swarm.connections().collect();
        // A handshake of which something was lost hangs, and holds its place.
        let hangs = live.iter().any(|id| swarm.connection(*id).unwrap().state == State::Opening);
        if self.model.borrow().shutdown || hangs {
            return;
        }
        assert!(self.world.state().is_heard() || live.len() == super::CONNECTIONS, "the transport is not heard");
        let number = self.number();
        self.world.state().next.insert(number, Next::Fine);
        let Ok(id) = self.side.swarm.dial(dialed(number, None)) else {
            return assert_eq!(live.len(), super::CONNECTIONS, "there is place for another connection");
        };
        self.side.checker.begins(id.into(), None);
        self.begins(id.into(), Next::Fine);
        self.side.something_to_drain();
        self.come_to_rest();
        assert_eq!(self.side.swarm.connection(id).map(|view| view.state), Some(State::Open));
    }
}
