//! What the owner of the swarm commands, as the script says.

use super::*;

impl<const EVENTS: usize> Script<EVENTS> {
    pub(super) fn listen(&mut self, input: &mut Input<'_>) {
        let number = self.number();
        let next = self.next(number, input);
        if let Ok(id) = self.side.swarm.listen(address(number)) {
            self.side.checker.begins(id.into(), None);
            self.begins(id.into(), next);
            self.side.something_to_drain();
        }
    }

    /// What will come of a listen or a dial.
    pub(super) fn next(&mut self, number: usize, input: &mut Input<'_>) -> Next {
        let next = match input.below(8) {
            0 => Next::Unsupported,
            1 => Next::Fails(KINDS[input.below(4)]),
            _ => Next::Fine,
        };
        self.world.state().next.insert(number, next);
        next
    }

    pub(super) fn begins(&self, id: Id, next: Next) {
        let mut model = self.model.borrow_mut();
        model.ever.insert(id);
        match next {
            Next::Fine => {}
            Next::Unsupported => drop(model.refused.insert(id, Failure::Unsupported)),
            Next::Fails(kind) => drop(model.refused.insert(id, failure(kind))),
        }
    }

    pub(super) fn dial(&mut self, input: &mut Input<'_>) {
        let number = self.number();
        let next = self.next(number, input);
        let peer: Option<PeerId> = match input.below(8) {
            0 => Some(identity(3)),
            1..3 => Some(identity(2)),
            3 => Some(self.side.swarm.local_peer()),
            _ => None,
        };
        if let Ok(id) = self.side.swarm.dial(dialed(number, peer)) {
            self.side.checker.begins(id.into(), None);
            self.begins(id.into(), next);
            if peer == Some(identity(3)) {
                self.model.borrow_mut().wrong.insert(id);
            }
            if peer == Some(self.side.swarm.local_peer()) {
                self.model.borrow_mut().refused.insert(id.into(), Failure::LocalPeer);
            }
        }
        self.side.something_to_drain();
    }

    pub(super) fn command(&mut self, input: &mut Input<'_>) {
        let swarm = &mut self.side.swarm;
        let connections: Vec<ConnectionId> = swarm.connections().collect();
        let streams: Vec<StreamId> = connections.iter().flat_map(|id| swarm.streams_of(*id)).collect();
        let listeners: Vec<ListenerId> = swarm.listeners().collect();
        let connection = input.pick(connections.into_iter());
        let stream = input.pick(streams.into_iter());
        let mut model = self.model.borrow_mut();
        match input.below(32) {
            0..8 => {
                let Some(connection) = connection else { return };
                let mut protocols = vec![SINK, ECHO];
                let unspoken = input.once_in(8);
                match input.below(4) {
                    _ if unspoken => protocols = vec![UNKNOWN],
                    0 => protocols.insert(0, UNKNOWN),
                    n => protocols.truncate(n),
                }
                drop(model);
                if let Ok(id) = self.side.try_open(connection, &protocols) {
                    let mut model = self.model.borrow_mut();
                    model.ever.insert(id.into());
                    if unspoken {
                        model.unspoken.insert(id);
                    }
                }
            }
            8..16 => {
                let Some(stream) = stream else { return };
                let from = swarm.stream(stream).unwrap().sent;
                self.side.try_write(stream, &content(0, from, input.length()));
            }
            16 => {
                let Some(stream) = stream else { return };
                let before = *swarm.counters();
                assert_ne!(self.side.flush(stream), Err(WriteError::Stale), "it lives");
                assert_eq!(*self.side.swarm.counters(), before, "a flush opens and ends nothing");
            }
            17..20 => {
                let Some(stream) = stream else { return };
                let _ = swarm.finish(stream);
                model.finished.insert(stream);
            }
            20..22 => {
                let Some(stream) = stream else { return };
                if let opening @ Some(State::Opening) = state(swarm, stream.into()) {
                    model.closes(stream.into(), opening);
                }
                let connection = swarm.stream(stream).unwrap().connection;
                swarm.close_stream(stream).expect("it lives");
                model.finished.insert(stream);
                // What still comes is dropped.
                model.whole.entry(connection).or_default().is_cut = true;
            }
            22..24 => {
                let Some(stream) = stream else { return };
                model.closes(stream.into(), state(swarm, stream.into()));
                swarm.reset(stream).expect("it lives");
            }
            24 | 25 => {
                let Some(connection) = connection else { return };
                model.closes(connection.into(), state(swarm, connection.into()));
                swarm.close_connection(connection).expect("it lives");
            }
            26 => {
                let Some(connection) = connection else { return };
                model.closes(connection.into(), state(swarm, connection.into()));
                swarm.abort_connection(connection).expect("it lives");
            }
            27 => {
                let Some(listener) = input.pick(listeners.into_iter()) else { return };
                model.closes(listener.into(), state(swarm, listener.into()));
                swarm.close_listener(listener).expect("it lives");
            }
            28..30 => {
                let Some(stream) = stream else { return };
                drop(model);
                self.side.read_all(stream);
            }
            30 => {
                // Everybody else is this peer.
                let peer = identity(2);
                if input.once_in(2) {
                    swarm.protect(peer, "friend").expect("there are few");
                } else {
                    assert!(!swarm.unprotect(peer, "friend"));
                }
                let is_open = |id: &ConnectionId| swarm.connection(*id).is_some_and(|view| view.state == State::Open);
                model.protects(swarm.is_protected(peer), swarm.connections().filter(is_open));
            }
            _ => {
                // An id that was given once: what is over is refused, and nothing changes.
                let ever: Vec<Id> = model.ever.iter().copied().collect();
                let Some(id) = input.pick(ever.into_iter()) else { return };
                let before = *swarm.counters();
                if state(swarm, id).is_none() {
                    assert_stale(swarm, id);
                }
                assert_eq!(*swarm.counters(), before);
                return;
            }
        }
        self.side.something_happened();
        // What a command causes is told by the next poll.
        self.side.something_to_drain();
    }
}
