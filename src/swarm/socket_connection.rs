//! [`SocketConnection`]: a connection with its socket, from the time at which the connection gets an id until its last event
//! has been handled. Before that, an accepted connection was a visitor at the [door](super::door), which has no id. The
//! connection goes through these stages ([`ConnectionStage`]):
//!
//! ```text
//!  Dialing ──────────────────┐
//!                            ├─▶ Up ─▶ Closing ─▶ Over    (each of them ─▶ Over, when it breaks or is ended at once)
//!  an authenticated visitor ─┘
//! ```
//!
//! A connection whose peer has sent go-away 0 is `Closing`, too, but still serves its live streams.

mod denying;
mod ending;
mod facts;
mod flush_tracker;
mod held_bytes;
mod reading;
mod share;
mod streams;
mod writing;

use super::held_bytes::ConnectionAccount;
use super::pipe::{Pipe, PipeTransport};
use super::run_queue::HelpingsTaken;
use super::state::SwarmState;
use crate::connection::{Connection, Now, PackedPeer};
use crate::lifecycle::{ConnectionEnd, ConnectionId, Direction, ListenerId};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::pin::Pin;
use core::time::Duration;
pub(super) use ending::{EndCause, OfPeer};
use flush_tracker::FlushTracker;
use libp2p_core::{Multiaddr, Transport};
use libp2p_identity::PeerId;
pub(super) use share::Trim;

/// The maximum number of reads in one helping. Without this limit, a byte pipe that yields a few bytes at a time would delay
/// the turn.
pub(super) const HELPING_READS: usize = 8;

/// One connection, with the byte pipe that carries it.
pub(super) struct SocketConnection<T: Transport> {
    pub(super) id: ConnectionId,
    pub(super) direction: Direction,
    pub(super) remote: Multiaddr,
    /// Our own address of the socket, if the transport or the reactor has reported it.
    pub(super) local: Option<Multiaddr>,
    /// The address to which the dialed DNS name has led, if a name was dialed and has led to an address. It is boxed, like
    /// `expected`: most connections have neither, and an idle connection is to take no more than 2 KiB in all.
    reached: Option<Box<Multiaddr>>,
    pub(super) listener: Option<ListenerId>,
    /// The peer that the dialed address names, if it names one. The field is cleared when the real peer is known.
    pub(super) expected: Option<Box<PeerId>>,
    peer: Option<PackedPeer>,
    pub(super) error: Option<String>,
    /// The time at which the connection was dialed or accepted.
    pub(super) began: Now,
    /// The deadline that the swarm's timers have for the connection; `None` if they have none.
    pub(super) armed: Option<Duration>,
    /// `true` if the connection is in [`SwarmState::dirty`], the queue of connections with pending output or a changed
    /// deadline.
    pub(super) is_dirty: bool,
    /// `true` if the connection is in [`SwarmState::commanded`], the list of connections that commands have changed since
    /// the last turn.
    is_commanded: bool,
    /// `true` once a stream has opened on the connection.
    pub(super) has_had_stream: bool,
    /// The number of helpings that the connection has had in the last tick.
    pub(super) share: HelpingsTaken,
    pub(super) stage: ConnectionStage<T>,
    /// The encrypted output that is being written. `out[written..]` is still to be written to the byte pipe.
    out: Vec<u8>,
    written: usize,
    /// The time since which the byte pipe has accepted no bytes, if it is blocked.
    blocked: Option<Duration>,
    flush_tracker: FlushTracker,
    /// The number of bytes that were read from the byte pipe. `sent` is the number of bytes written to it.
    pub(super) received: u64,
    pub(super) sent: u64,
    /// The account of the bytes that the connection holds, with their number when they were last counted.
    pub(super) account: ConnectionAccount,
    /// The number of streams without an id that this connection had when they were last counted.
    unnamed: u32,
    /// The number of unread bytes that the streams of this connection still hold after its socket was closed.
    left: usize,
    /// The number of the peer's streams that have ever had to wait because the peer has opened them beyond its rate. The
    /// number is stored here when the socket is closed.
    paced: u32,
}

pub(super) enum ConnectionStage<T: Transport> {
    Dialing(Pin<Box<T::Dial>>),
    Up(Pipe<T::Output>),
    /// The connection is being closed. If the owner or the swarm closes it, pending output is written, then our side of the
    /// byte pipe ends, then the peer's side. If the peer closes it by go-away 0, our side goes on until the last stream has
    /// ended.
    Closing(Pipe<T::Output>, ConnectionEnd, OurSide),
    /// The socket is closed. The value is the last round-trip time, if one was known.
    Over(Option<Duration>),
}

/// The state of our side of a byte pipe that is being closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OurSide {
    /// The peer has sent go-away 0. Live streams go on; our own go-away follows when the last of them has ended.
    Serving,
    /// Our go-away has been written or is pending output, and our side of the byte pipe ends after it.
    Open,
    /// The peer has sent its last byte; the connection is over once our last byte is written.
    Last,
    Closed,
}

impl<T> SocketConnection<T>
where
    T: PipeTransport,
{
    pub(super) fn new(
        id: ConnectionId,
        direction: Direction,
        remote: Multiaddr,
        stage: ConnectionStage<T>,
        now: Now,
    ) -> Self {
        Self {
            id,
            direction,
            remote,
            local: None,
            reached: None,
            listener: None,
            expected: None,
            peer: None,
            error: None,
            began: now,
            armed: None,
            is_dirty: false,
            is_commanded: false,
            has_had_stream: false,
            share: HelpingsTaken::default(),
            stage,
            out: Vec::new(),
            written: 0,
            blocked: None,
            flush_tracker: FlushTracker::default(),
            received: 0,
            sent: 0,
            account: ConnectionAccount::default(),
            unnamed: 0,
            left: 0,
            paced: 0,
        }
    }

    /// Stores the output that this connection has made while it was a visitor at the [door](super::door). `out[written..]`
    /// is still to be written.
    pub(super) fn take_over_output(&mut self, out: Vec<u8>, written: usize) {
        (self.out, self.written) = (out, written);
        // The output of the handshake is a batch of its own, which contains no data of a stream.
        self.flush_tracker.taken();
    }

    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        match &mut self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => Some(&mut pipe.connection),
            ConnectionStage::Dialing(_) | ConnectionStage::Over(_) => None,
        }
    }

    /// Returns the id of the peer, once the peer is authenticated.
    pub(super) fn peer(&self) -> Option<PeerId> {
        self.peer.and_then(PackedPeer::unpack)
    }

    /// Returns the last known round-trip time between us and the peer.
    pub(super) const fn round_trip(&self) -> Option<Duration> {
        match &self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => pipe.connection.round_trip(),
            ConnectionStage::Dialing(_) => None,
            ConnectionStage::Over(last) => *last,
        }
    }

    /// Returns the number of the peer's streams that are paced now, and the number of those that were ever paced. A paced
    /// stream waits without an id because the peer opens streams beyond its rate.
    pub(super) fn pace(&self) -> (usize, u32) {
        match &self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => {
                (pipe.connection.streams_waiting(), pipe.connection.streams_paced())
            }
            ConnectionStage::Dialing(_) => (0, 0),
            ConnectionStage::Over(_) => (0, self.paced),
        }
    }

    /// Returns a hash of the handshake's transcript, if the handshake is at the step at which this end knows its peer and
    /// the other end does not. The other end has the same transcript.
    fn transcript(&self) -> Option<[u8; 32]> {
        match &self.stage {
            ConnectionStage::Up(pipe) => pipe.connection.transcript(),
            ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_) => None,
        }
    }

    /// Adds the connection to the queue for the output phase of this turn or the next one, if it is not in the queue.
    pub(super) fn mark_dirty<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        if !core::mem::replace(&mut self.is_dirty, true) {
            state.dirty.push_back(self.id);
        }
    }

    /// Records that a command has changed the connection. A command does not pass the current time to the swarm, so the
    /// timeouts that it starts count from the next turn.
    pub(super) fn mark_commanded<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        self.mark_dirty(state);
        if !core::mem::replace(&mut self.is_commanded, true) {
            state.commanded.push(self.id);
        }
    }

    /// Starts the timeouts of the commands that were given since the last turn. They count from `now`.
    pub(super) fn count_from<const E: usize>(&mut self, state: &mut SwarmState<E>, now: Duration) {
        self.is_commanded = false;
        self.began = self.began.or(now);
        if let Some(connection) = self.connection() {
            connection.count_from(&mut state.environment(now));
        }
    }
}
