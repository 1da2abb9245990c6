//! [`Knobs`]: what a test can do to a network.

use super::network::{Cut, Listener, Place, Said, State, wake};
use libp2p_core::Multiaddr;
use std::io;
use std::time::Duration;

/// The knobs of a network.
pub(crate) struct Knobs<'a>(&'a mut State);

impl<'a> Knobs<'a> {
    pub(super) fn of(state: &'a mut State) -> Self {
        Self(state)
    }
}

impl Knobs<'_> {
    pub(crate) fn latency(&mut self, latency: Duration) {
        self.0.latency = latency;
    }

    pub(crate) fn spacing(&mut self, spacing: Duration, cut: Cut) {
        (self.0.spacing, self.0.cut) = (spacing, cut);
    }

    pub(crate) fn capacity(&mut self, bytes: usize) {
        self.0.capacity = bytes;
    }

    pub(crate) fn closes_late(&mut self) {
        self.0.closes_late = true;
    }

    /// Listening somewhere fails, after it has begun.
    pub(crate) fn broken(&mut self, place: Place, kind: io::ErrorKind) {
        self.0.broken.insert(place, kind);
    }

    /// Dials to a place get no answer.
    pub(crate) fn silent(&mut self, place: Place) {
        self.0.silent.insert(place);
    }

    /// Breaks a pipe: both ends find it reset.
    pub(crate) fn reset(&mut self, pipe: usize) {
        for end in &mut self.0.pipes[pipe] {
            end.error = Some(io::ErrorKind::ConnectionReset);
            end.inbox.clear();
            wake(&mut end.reader);
            wake(&mut end.writer);
        }
    }

    /// Nothing that was or will be sent through a pipe arrives any more, and nobody is told.
    pub(crate) fn black_hole(&mut self, pipe: usize) {
        self.0.pipes[pipe].iter_mut().for_each(|end| end.lost = true);
    }

    /// Whether the writes of one end are taken.
    pub(crate) fn stall(&mut self, pipe: usize, end: usize, stalled: bool) {
        let end = &mut self.0.pipes[pipe][end];
        end.stalled = stalled;
        wake(&mut end.writer);
    }

    /// Flips the byte that arrives at an end after so many others.
    pub(crate) fn flip(&mut self, pipe: usize, end: usize, after: u64) {
        self.0.pipes[pipe][end].flips = Some(after);
    }

    /// The test itself listens somewhere.
    pub(crate) fn listen_raw(&mut self, place: Place) {
        self.0.listeners.insert(place, Listener { id: None });
    }

    /// The test listens no more.
    pub(crate) fn unlisten_raw(&mut self, place: Place) {
        self.0.listeners.remove(&place);
    }

    /// A listener breaks by itself.
    pub(crate) fn break_listener(&mut self, place: Place, kind: io::ErrorKind) {
        let listener = self.0.listeners.remove(&place).expect("somebody listens there");
        let id = listener.id.expect("a transport listens there");
        self.0.say(place.0, Said::Closed(id, Err(kind)));
    }

    /// A listener has an error and goes on.
    pub(crate) fn listener_error(&mut self, place: Place, kind: io::ErrorKind) {
        let id = self.0.listeners[&place].id.expect("a transport listens there");
        self.0.say(place.0, Said::Error(id, kind));
    }

    /// A listener gets one more address, or loses one.
    pub(crate) fn address(&mut self, place: Place, address: Multiaddr, is_there: bool) {
        let id = self.0.listeners[&place].id.expect("a transport listens there");
        let said = if is_there { Said::Address(id, address) } else { Said::Expired(id, address) };
        self.0.say(place.0, said);
    }
}
