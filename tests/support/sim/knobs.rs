//! [`Knobs`]: what a test can do to a network.

use super::network::{Cut, Exhausted, Listener, Place, Said, State};
use libp2p_core::Multiaddr;
use std::io;
use std::net::IpAddr;
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

    /// What a host dials seems to come from `ip`, from now on.
    pub(crate) fn seen_as(&mut self, host: u8, ip: IpAddr) {
        self.0.seen_as.insert(host, ip);
    }

    /// Listeners have an address only when a test [says](Self::address) so.
    pub(crate) fn binds_late(&mut self) {
        self.0.binds_late = true;
    }

    /// Listening somewhere fails, after it has begun.
    pub(crate) fn broken(&mut self, place: Place, kind: io::ErrorKind) {
        self.0.broken.insert(place, kind);
    }

    /// Dials to a place get no answer.
    pub(crate) fn silent(&mut self, place: Place) {
        self.0.silent.insert(place);
    }

    /// Pieces are under way up to so much longer, at random.
    pub(crate) fn jitter(&mut self, jitter: Duration) {
        self.0.jitter = jitter;
    }

    /// How many bytes of one direction of a pipe arrive in a second at most.
    pub(crate) fn bandwidth(&mut self, bytes: Option<u32>) {
        self.0.bandwidth = bytes;
    }

    /// Between two hosts nothing gets through; what is under way waits.
    pub(crate) fn partition(&mut self, a: u8, b: u8) {
        self.0.partitions.insert((a.min(b), a.max(b)));
    }

    /// There are no partitions any more.
    pub(crate) fn heal(&mut self) {
        self.0.heal();
    }

    /// A host has run out of something, or has enough of everything again.
    pub(crate) fn exhaust(&mut self, host: u8, of: Option<Exhausted>) {
        match of {
            Some(of) => drop(self.0.exhausted.insert(host, of)),
            None => drop(self.0.exhausted.remove(&host)),
        }
    }

    /// Breaks a pipe: both ends find it reset.
    pub(crate) fn reset(&mut self, pipe: usize) {
        self.0.reset(pipe);
    }

    /// Breaks a pipe once so many more bytes have arrived at an end.
    pub(crate) fn reset_after(&mut self, pipe: usize, end: usize, bytes: u64) {
        let end = &mut self.0.pipes[pipe][end];
        end.resets = Some(end.arrived + bytes);
    }

    /// One end finds its pipe broken.
    pub(crate) fn fail(&mut self, pipe: usize, end: usize, kind: io::ErrorKind) {
        self.0.fail(pipe, end, kind);
    }

    /// One end finds its pipe broken, and the other never hears of it.
    pub(crate) fn half_open(&mut self, pipe: usize, end: usize) {
        self.black_hole(pipe);
        self.fail(pipe, end, io::ErrorKind::ConnectionReset);
    }

    /// Whether what arrives at an end is left there unread.
    pub(crate) fn deaf(&mut self, pipe: usize, end: usize, deaf: bool) {
        let end = &mut self.0.pipes[pipe][end];
        end.deaf = deaf;
        end.reader.happens();
    }

    /// Nothing that was or will be sent through a pipe arrives any more, and nobody is told.
    pub(crate) fn black_hole(&mut self, pipe: usize) {
        self.0.pipes[pipe].iter_mut().for_each(|end| end.lost = true);
    }

    /// Whether the writes of one end are taken.
    pub(crate) fn stall(&mut self, pipe: usize, end: usize, stalled: bool) {
        let end = &mut self.0.pipes[pipe][end];
        end.stalled = stalled;
        end.writer.happens();
    }

    /// How much is taken of each write of one end at most; 0: nothing, and it is said so.
    pub(crate) fn most(&mut self, pipe: usize, end: usize, bytes: usize) {
        self.0.pipes[pipe][end].most = Some(bytes);
    }

    /// How much is given to each read of one end at most.
    pub(crate) fn sip(&mut self, pipe: usize, end: usize, bytes: usize) {
        self.0.pipes[pipe][end].sip = Some(bytes);
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
