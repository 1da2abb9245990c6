//! [`SocketConnection`]: a connection with its socket, from its id to the socket's end. An accepted one has stood at the
//! [door](super::door) before.
//!
//! ```text
//!  Dialing ──────────────────┐
//!                            ├─▶ Up ─▶ Closing ─▶ Over    (any of them ─▶ Over, when it breaks or is cut)
//!  an authenticated visitor ─┘
//! ```
//!
//! A connection whose peer has sent go-away 0 is `Closing`, too, but goes on serving the streams that live.

mod denying;
mod ending;
mod flush_tracker;
mod held_bytes;
mod share;
mod streams;
mod writing;

pub(super) use ending::{EndCause, OfPeer};

use super::address_group::is_name;
use super::budget::Helping;
use super::door::Visitor;
use super::error;
use super::held_bytes::ConnectionAccount;
use super::reactor::Reactor;
use super::refusals::Refusal;
use super::retry::retry_interrupted;
use super::run_queue::HelpingsTaken;
use super::state::SwarmState;
use crate::connection::{Connection, Fact, Input, PackedPeer, UNTIMED};
use crate::lifecycle::{ConnectionEnd, ConnectionId, Direction, Failure, ListenerId, RemoteEnd};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use flush_tracker::FlushTracker;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::{Multiaddr, Transport};
use libp2p_identity::PeerId;

/// The most reads of one helping. A pipe that brings a few bytes at a time would hold the turn otherwise.
pub(super) const HELPING_READS: usize = 8;

/// The most time-outs of one connection that one deadline handles. The others are handled by the next deadline, which is
/// due at once.
const MAX_TIMEOUTS: usize = 64;

/// One connection and what it runs on.
pub(super) struct SocketConnection<T: Transport> {
    pub(super) id: ConnectionId,
    pub(super) direction: Direction,
    pub(super) remote: Multiaddr,
    /// Our address of the socket, if its transport or its reactor has told.
    pub(super) local: Option<Multiaddr>,
    /// The address that the name has led to which was dialed.
    reached: Option<Box<Multiaddr>>,
    pub(super) listener: Option<ListenerId>,
    /// The peer that it was dialed for, if one was named, until its peer is known.
    pub(super) expected: Option<Box<PeerId>>,
    peer: Option<PackedPeer>,
    pub(super) error: Option<String>,
    /// When it was dialed.
    pub(super) began: Duration,
    /// What it is armed with in the timers.
    pub(super) armed: Option<Duration>,
    /// It stands in [`SwarmState::dirty`].
    pub(super) is_dirty: bool,
    /// It stands in [`SwarmState::commanded`].
    is_commanded: bool,
    /// A stream has opened on it, ever.
    pub(super) has_had_stream: bool,
    /// The helpings that it has had of the last tick.
    pub(super) share: HelpingsTaken,
    pub(super) stage: ConnectionStage<T>,
    /// What has been transmitted and not been written yet: `out[written..]`.
    out: Vec<u8>,
    written: usize,
    /// Since when the pipe has taken nothing of it.
    blocked: Option<Duration>,
    flush_tracker: FlushTracker,
    /// The bytes that its pipe has given, and those that its pipe has taken.
    pub(super) received: u64,
    pub(super) sent: u64,
    /// The bytes that it holds, as they were counted last.
    pub(super) account: ConnectionAccount,
    /// The streams without an id that are counted of it.
    unnamed: usize,
    /// What its streams hold of unread bytes, once its connection is gone.
    left: usize,
    /// The streams of the peer's that were paced, once its connection is gone.
    paced: u32,
}

pub(super) enum ConnectionStage<T: Transport> {
    Dialing(Pin<Box<T::Dial>>),
    Up(Pipe<T::Output>),
    /// Its owner, or we, have closed it: what is due is written, then our side of the pipe ends, then the peer's. Or the
    /// peer has: then our side goes on until the last stream has ended.
    Closing(Pipe<T::Output>, ConnectionEnd, OurSide),
    /// The socket is closed. The last round trip, if one was known.
    Over(Option<Duration>),
}

/// A byte pipe and the connection on it.
pub(super) struct Pipe<Io> {
    pub(super) io: Io,
    pub(super) connection: Connection,
}

/// How far our side of a pipe that is being closed has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OurSide {
    /// The peer has sent go-away 0. Live streams go on, and our own go-away follows the last of them.
    Serving,
    /// Our go-away is written, or pending.
    Open,
    /// The peer has said its last word: once ours is written it is over.
    Last,
    Closed,
}

impl<T> SocketConnection<T>
where
    T: Transport,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
{
    pub(super) fn new(
        id: ConnectionId,
        direction: Direction,
        remote: Multiaddr,
        stage: ConnectionStage<T>,
        now: Duration,
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

    /// Makes the connection of an accepted connection whose peer is authenticated, out of what stood at the door.
    pub(super) fn accepted(id: ConnectionId, visitor: Visitor<T>, pipe: Pipe<T::Output>) -> Self {
        let Visitor { listener, remote, local, began, received, sent, out, written, .. } = visitor;
        let mut conn = Self::new(id, Direction::Inbound, remote, ConnectionStage::Up(pipe), began);
        conn.listener = Some(listener);
        conn.local = Some(local);
        (conn.received, conn.sent) = (received, sent);
        (conn.out, conn.written) = (out, written);
        // All that was said at the door is a batch of its own: no stream has written into it.
        conn.flush_tracker.taken();
        conn
    }

    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        match &mut self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => Some(&mut pipe.connection),
            ConnectionStage::Dialing(_) | ConnectionStage::Over(_) => None,
        }
    }

    /// The peer, once it is authenticated.
    pub(super) fn peer(&self) -> Option<PeerId> {
        self.peer.and_then(PackedPeer::unpack)
    }

    /// Returns the last round-trip time that is known.
    pub(super) const fn round_trip(&self) -> Option<Duration> {
        match &self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => pipe.connection.round_trip(),
            ConnectionStage::Dialing(_) => None,
            ConnectionStage::Over(last) => *last,
        }
    }

    /// Returns the number of the peer's streams that wait for their turn, and of those that ever have.
    pub(super) fn pace(&self) -> (usize, u32) {
        match &self.stage {
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => {
                (pipe.connection.streams_waiting(), pipe.connection.streams_paced())
            }
            ConnectionStage::Dialing(_) => (0, 0),
            ConnectionStage::Over(_) => (0, self.paced),
        }
    }

    /// Returns a hash of the handshake's transcript, which the other end has, too, while this end knows its peer and the
    /// other does not.
    fn transcript(&self) -> Option<[u8; 32]> {
        match &self.stage {
            ConnectionStage::Up(pipe) => pipe.connection.transcript(),
            ConnectionStage::Dialing(_) | ConnectionStage::Closing(..) | ConnectionStage::Over(_) => None,
        }
    }

    /// Puts it in line for the output phase of this turn, or of the next one.
    pub(super) fn mark_dirty<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        if !core::mem::replace(&mut self.is_dirty, true) {
            state.dirty.push_back(self.id);
        }
    }

    /// Notes that a command acts on it. A command has no clock, so the time-outs that it starts count from the next turn.
    pub(super) fn mark_commanded<const E: usize>(&mut self, state: &mut SwarmState<E>) {
        self.mark_dirty(state);
        if !core::mem::replace(&mut self.is_commanded, true) {
            state.commanded.push(self.id);
        }
    }

    /// Starts the time-outs of commands that were given since the last turn: they count from `now`.
    pub(super) fn count_from<const E: usize>(&mut self, state: &mut SwarmState<E>, now: Duration) {
        self.is_commanded = false;
        if self.began == UNTIMED {
            self.began = now;
        }
        if let Some(connection) = self.connection() {
            connection.count_from(&mut state.environment(now));
        }
    }

    /// Polls a dial for the byte pipe. `Some`: it is there.
    pub(super) fn poll_pipe<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        reactor: &mut impl Reactor,
        cx: &mut Context<'_>,
        now: Duration,
    ) -> Option<T::Output> {
        let ConnectionStage::Dialing(dial) = &mut self.stage else { return None };
        // What others have left there is not this dial's.
        let _ = reactor.dialed_from();
        let polled = dial.as_mut().poll(cx);
        if is_name(&self.remote)
            && let Some(reached) = reactor.dialed_to()
        {
            let judged = self.judge_reached(reached, state, now);
            if let Err(why) = judged {
                drop(polled);
                self.fail(state, Failure::Denied, &why);
                return None;
            }
        }
        // A transport above the socket's may have more to do before it is ready.
        self.local = reactor.dialed_from().or_else(|| self.local.take());
        match polled {
            Poll::Pending => None,
            Poll::Ready(Ok(io)) => Some(io),
            Poll::Ready(Err(error)) => {
                self.fail(state, error::failure(&error), &error);
                None
            }
        }
    }

    /// Takes a helping, in at most [`HELPING_READS`] reads.
    /// Returns `true` if the connection may have more to read or to handle and is to wait in line for another helping.
    pub(super) fn drive_input<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        input: &mut Input,
        most: Helping,
        now: Duration,
    ) -> bool {
        let Helping { bytes: mut left, mut frames } = most;
        self.heed_pressure(state);
        for _ in 0..HELPING_READS {
            let (ConnectionStage::Up(pipe)
            | ConnectionStage::Closing(pipe, _, OurSide::Serving | OurSide::Open | OurSide::Closed)) = &mut self.stage
            else {
                return false;
            };
            if !pipe.connection.wants_input() {
                return false;
            }
            let is_cut_short = pipe.connection.is_cut_short();
            pipe.connection.begin_input(input);
            input.limit_frames(frames);
            input.limit_memory(state.held_bytes.helping());
            if is_cut_short || input.space().is_empty() {
                // Frames that the last helping left, or a full buffer, are handled before more is read.
                self.handle_received(state, input, cx, now);
                return true;
            }
            let space = input.space();
            let asked = space.len().min(left);
            let read = retry_interrupted(Pin::new(&mut pipe.io).poll_read(cx, &mut space[..asked]), cx);
            if let Poll::Ready(Ok(n)) = read {
                input.filled(n);
                self.received += n as u64;
            }
            self.handle_received(state, input, cx, now);
            match read {
                Poll::Pending => return false,
                Poll::Ready(Ok(0)) => {
                    if self.is_serving() {
                        // The peer may have ended its side only: what was answered before we heard of it can arrive yet.
                        self.last_words(cx);
                    }
                    self.end(state, EndCause::Ended(ConnectionEnd::Remote(RemoteEnd::Eof)));
                    return false;
                }
                // More may have come, or the end. Our TCP says so without a system call if nothing has.
                Poll::Ready(Ok(n)) if n < asked => left -= n,
                Poll::Ready(Ok(_)) => return true,
                Poll::Ready(Err(error)) => {
                    self.end(state, EndCause::Io(error));
                    return false;
                }
            }
            frames = input.frames_left();
            let is_cut_short = self.connection().is_some_and(|connection| connection.is_cut_short());
            if frames == 0 || is_cut_short || state.held_bytes.is_over() {
                return true;
            }
        }
        true
    }

    fn handle_received<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        input: &mut Input,
        cx: &mut Context<'_>,
        now: Duration,
    ) {
        while let Some(fact) =
            self.connection().and_then(|connection| connection.receive(input, &mut state.environment(now)))
        {
            self.handle(fact, state, cx, now);
        }
        self.settle(state);
    }

    /// Handles what has timed out by `now`.
    pub(super) fn drive_timeouts<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        now: Duration,
    ) {
        if matches!(self.stage, ConnectionStage::Dialing(_)) {
            if self.deadline(state).is_some_and(|deadline| deadline <= now) {
                // There was no handshake: whoever dials learns that nothing has answered yet.
                self.end(
                    state,
                    EndCause::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "nobody has answered in time")),
                );
            }
            return;
        }
        for _ in 0..MAX_TIMEOUTS {
            let timeout =
                self.connection().and_then(|connection| connection.handle_timeout(&mut state.environment(now)));
            let Some(fact) = timeout else { break };
            self.handle(fact, state, cx, now);
        }
        self.drive_write_timeout(state, cx, now);
        self.settle(state);
    }

    /// Returns the earliest deadline of this connection.
    pub(super) fn deadline<const E: usize>(&self, state: &SwarmState<E>) -> Option<Duration> {
        let config = &state.config.connection;
        match &self.stage {
            ConnectionStage::Dialing(_) => Some(self.began.saturating_add(config.handshake_timeout)),
            ConnectionStage::Up(pipe) | ConnectionStage::Closing(pipe, ..) => {
                let deadlines = [pipe.connection.poll_at(&state.streams, config), self.write_deadline(state)];
                deadlines.into_iter().flatten().min()
            }
            ConnectionStage::Over(_) => None,
        }
    }

    fn handle<const E: usize>(&mut self, fact: Fact, state: &mut SwarmState<E>, cx: &mut Context<'_>, now: Duration) {
        match fact {
            Fact::ReadyToOpen => self.ready_to_open(state, cx, now),
            Fact::StreamOffered => self.offered(state, cx, now),
            Fact::StreamUnproposed => state.stream_without_id(self.id, Refusal::StreamUnproposed),
            Fact::StreamRefused => state.stream_without_id(self.id, Refusal::StreamLimit),
            Fact::StreamReadyToOpen(id) if state.access.has_gate() && !self.gate_allows(id, state, now) => {
                self.refuse_proposal(id, state, cx, now);
            }
            Fact::StreamReadyToOpen(id) if !state.may_speak(id) => self.refuse_protocol(id, state, now),
            Fact::StreamReadyToOpen(id) => match state.may_open_now() {
                true => self.admit_stream(id, state, now),
                false => state.enqueue_opening(id),
            },
            Fact::StreamFailed(id, failure) => state.fail_stream(id, failure),
            // It is open: a stream is told to have failed until it has permission to open.
            Fact::StreamEnded(id, end) => state.end_stream(id, end),
            Fact::Readable(id) => state.mark_readable(id),
            Fact::Writable(id) => state.mark_writable(id),
            Fact::GoAway(code) => match &mut self.stage {
                // Two polite closes cross: what is due from us is still written.
                ConnectionStage::Closing(_, _, ours @ (OurSide::Open | OurSide::Last)) if code == 0 => {
                    *ours = OurSide::Last
                }
                ConnectionStage::Closing(_, _, OurSide::Serving) if code == 0 => {}
                ConnectionStage::Up(_) if code == 0 => self.serve(state),
                ConnectionStage::Dialing(_)
                | ConnectionStage::Up(_)
                | ConnectionStage::Closing(..)
                | ConnectionStage::Over(_) => {
                    self.end(state, EndCause::Ended(ConnectionEnd::Remote(RemoteEnd::GoAway(code))));
                }
            },
            Fact::Idle => self.close(state, ConnectionEnd::Idle, now),
            Fact::CloseTimeout => self.cut(state),
            Fact::Failed(error) => {
                self.last_words(cx);
                self.end(state, EndCause::Broke(error));
            }
        }
    }

    /// Its peer is authenticated, or its muxer agreed: it goes on, or waits in line for room.
    pub(super) fn ready_to_open<const E: usize>(
        &mut self,
        state: &mut SwarmState<E>,
        cx: &mut Context<'_>,
        now: Duration,
    ) {
        let peer = self.connection().and_then(|connection| connection.peer());
        let is_new = self.peer.is_none();
        self.peer = peer.and_then(PackedPeer::pack);
        self.expected = None;
        if peer == Some(state.local_peer) {
            return self.refuse_ourselves(state);
        }
        // An accepted one was judged before it got its id.
        if let Some(peer) = peer.filter(|_| is_new && self.direction == Direction::Outbound)
            && let Err(why) = state.access.may_connect(peer, self.direction, self.judged_address(), now)
        {
            return self.deny(state, cx, now, why);
        }
        match state.may_open_now() && self.has_share(state) {
            true => self.admit(state, cx, now),
            false => state.enqueue_opening(self.id),
        }
    }

    /// It is opening and ready, and there is room: it opens, or goes on to where it will be ready again.
    pub(super) fn admit<const E: usize>(&mut self, state: &mut SwarmState<E>, cx: &mut Context<'_>, now: Duration) {
        let config = &state.config.connection;
        match self.connection().map(|connection| connection.open(config, now)) {
            Some(Ok(opened)) => {
                if opened && state.lifecycle.opened(self.id).is_ok() {
                    self.opening_ends(state);
                    if let Some(peer) = self.peer() {
                        state.held_bytes.join(&mut self.account, peer);
                    }
                }
                // Bytes that came behind the handshake were kept, and no socket will wake for them. Without any, a wake
                // would cost the owner a turn that finds nothing to do.
                if self.connection().is_some_and(|connection| connection.keeps_input()) {
                    cx.waker().wake_by_ref();
                }
            }
            Some(Err(error)) => self.end(state, EndCause::Broke(error)),
            None => {}
        }
        self.settle(state);
        self.mark_dirty(state);
    }
}
