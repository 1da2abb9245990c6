//! [`Link`]: a connection with its socket, from its id to the socket's end. An accepted one has stood at the
//! [door](super::door) before.
//!
//! ```text
//!  Dialing ──────────────────┐
//!                            ├─▶ Up ─▶ Closing ─▶ Over    (any of them ─▶ Over, when it breaks or is cut)
//!  an authenticated visitor ─┘
//! ```
//!
//! A link whose peer has sent go-away 0 is `Closing`, too, but goes on serving the streams that live.

mod batches;
mod denying;
mod ending;
mod held;
mod share;
mod streams;
mod writing;

pub(super) use ending::{OfPeer, Why};

use super::address_group::is_name;
use super::budget::Helping;
use super::door::Visitor;
use super::error;
use super::held::Account;
use super::interrupted::or_again;
use super::ledger::Ledger;
use super::reactor::Reactor;
use super::refusals::Refusal;
use super::run_queue::Share;
use crate::connection::{Connection, Fact, Input, PackedPeer, UNTIMED};
use crate::lifecycle::{ConnectionEnd, ConnectionId, Direction, Failure, ListenerId, RemoteEnd};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use batches::Batches;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::{Multiaddr, Transport};
use libp2p_identity::PeerId;

/// The most reads of one helping. A pipe that brings a few bytes at a time would hold the turn otherwise.
pub(super) const HELPING_READS: usize = 8;

/// The most time-outs of one connection that one deadline handles. The others are handled by the next deadline, which is
/// due at once.
const MAX_TIMEOUTS: usize = 64;

/// One connection and what it runs on.
pub(super) struct Link<T: Transport> {
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
    /// It stands in [`Ledger::dirty`].
    pub(super) is_dirty: bool,
    /// It stands in [`Ledger::commanded`].
    is_commanded: bool,
    /// A stream has opened on it, ever.
    pub(super) has_had_stream: bool,
    /// The helpings that it has had of the last tick.
    pub(super) share: Share,
    pub(super) stage: Stage<T>,
    /// What has been transmitted and not been written yet: `out[written..]`.
    out: Vec<u8>,
    written: usize,
    /// Since when the pipe has taken nothing of it.
    blocked: Option<Duration>,
    batches: Batches,
    /// The bytes that its pipe has given, and those that its pipe has taken.
    pub(super) received: u64,
    pub(super) sent: u64,
    /// The bytes that it holds, as they were counted last.
    pub(super) account: Account,
    /// The streams without an id that are counted of it.
    unnamed: usize,
    /// What its streams hold of unread bytes, once its connection is gone.
    left: usize,
    /// The streams of the peer's that were paced, once its connection is gone.
    paced: u32,
}

pub(super) enum Stage<T: Transport> {
    Dialing(Pin<Box<T::Dial>>),
    Up(Pipe<T::Output>),
    /// Its owner, or we, have closed it: what is due is written, then our side of the pipe ends, then the peer's. Or the
    /// peer has: then our side goes on until the last stream has ended.
    Closing(Pipe<T::Output>, ConnectionEnd, Ours),
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
pub(super) enum Ours {
    /// The peer has sent go-away 0. Live streams go on, and our own go-away follows the last of them.
    Serving,
    /// Our go-away is written, or pending.
    Open,
    /// The peer has said its last word: once ours is written it is over.
    Last,
    Closed,
}

impl<T> Link<T>
where
    T: Transport,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
{
    pub(super) fn new(
        id: ConnectionId,
        direction: Direction,
        remote: Multiaddr,
        stage: Stage<T>,
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
            share: Share::default(),
            stage,
            out: Vec::new(),
            written: 0,
            blocked: None,
            batches: Batches::default(),
            received: 0,
            sent: 0,
            account: Account::default(),
            unnamed: 0,
            left: 0,
            paced: 0,
        }
    }

    /// Makes the link of an accepted connection whose peer is authenticated, out of what stood at the door.
    pub(super) fn accepted(id: ConnectionId, visitor: Visitor<T>, pipe: Pipe<T::Output>) -> Self {
        let Visitor { listener, remote, local, began, received, sent, out, written, .. } = visitor;
        let mut link = Self::new(id, Direction::Inbound, remote, Stage::Up(pipe), began);
        link.listener = Some(listener);
        link.local = Some(local);
        (link.received, link.sent) = (received, sent);
        (link.out, link.written) = (out, written);
        // All that was said at the door is a batch of its own: no stream has written into it.
        link.batches.taken();
        link
    }

    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        match &mut self.stage {
            Stage::Up(pipe) | Stage::Closing(pipe, ..) => Some(&mut pipe.connection),
            Stage::Dialing(_) | Stage::Over(_) => None,
        }
    }

    /// The peer, once it is authenticated.
    pub(super) fn peer(&self) -> Option<PeerId> {
        self.peer.and_then(PackedPeer::unpack)
    }

    /// Returns the last round-trip time that is known.
    pub(super) const fn round_trip(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Up(pipe) | Stage::Closing(pipe, ..) => pipe.connection.round_trip(),
            Stage::Dialing(_) => None,
            Stage::Over(last) => *last,
        }
    }

    /// Returns the number of the peer's streams that wait for their turn, and of those that ever have.
    pub(super) fn pace(&self) -> (usize, u32) {
        match &self.stage {
            Stage::Up(pipe) | Stage::Closing(pipe, ..) => {
                (pipe.connection.streams_waiting(), pipe.connection.streams_paced())
            }
            Stage::Dialing(_) => (0, 0),
            Stage::Over(_) => (0, self.paced),
        }
    }

    /// Returns a hash of the handshake's transcript, which the other end has, too, while this end knows its peer and the
    /// other does not.
    fn transcript(&self) -> Option<[u8; 32]> {
        match &self.stage {
            Stage::Up(pipe) => pipe.connection.transcript(),
            Stage::Dialing(_) | Stage::Closing(..) | Stage::Over(_) => None,
        }
    }

    /// Puts it in line for the output phase of this turn, or of the next one.
    pub(super) fn mark_dirty<const E: usize>(&mut self, ledger: &mut Ledger<E>) {
        if !core::mem::replace(&mut self.is_dirty, true) {
            ledger.dirty.push_back(self.id);
        }
    }

    /// Notes that a command acts on it. A command has no clock, so the time-outs that it starts count from the next turn.
    pub(super) fn mark_commanded<const E: usize>(&mut self, ledger: &mut Ledger<E>) {
        self.mark_dirty(ledger);
        if !core::mem::replace(&mut self.is_commanded, true) {
            ledger.commanded.push(self.id);
        }
    }

    /// Starts the time-outs of commands that were given since the last turn: they count from `now`.
    pub(super) fn count_from<const E: usize>(&mut self, ledger: &mut Ledger<E>, now: Duration) {
        self.is_commanded = false;
        if self.began == UNTIMED {
            self.began = now;
        }
        if let Some(connection) = self.connection() {
            connection.count_from(&mut ledger.turn(now));
        }
    }

    /// Polls a dial for the byte pipe. `Some`: it is there.
    pub(super) fn poll_pipe<const E: usize>(
        &mut self,
        ledger: &mut Ledger<E>,
        reactor: &mut impl Reactor,
        cx: &mut Context<'_>,
        now: Duration,
    ) -> Option<T::Output> {
        let Stage::Dialing(dial) = &mut self.stage else { return None };
        // What others have left there is not this dial's.
        let _ = reactor.dialed_from();
        let polled = dial.as_mut().poll(cx);
        if is_name(&self.remote)
            && let Some(reached) = reactor.dialed_to()
        {
            let judged = self.judge_reached(reached, ledger, now);
            if let Err(why) = judged {
                drop(polled);
                self.fail(ledger, Failure::Denied, &why);
                return None;
            }
        }
        // A transport above the socket's may have more to do before it is ready.
        self.local = reactor.dialed_from().or_else(|| self.local.take());
        match polled {
            Poll::Pending => None,
            Poll::Ready(Ok(io)) => Some(io),
            Poll::Ready(Err(error)) => {
                self.fail(ledger, error::failure(&error), &error);
                None
            }
        }
    }

    /// Takes a helping, in at most [`HELPING_READS`] reads.
    /// Returns `true` if the connection may have more to read or to handle and is to wait in line for another helping.
    pub(super) fn drive_input<const E: usize>(
        &mut self,
        ledger: &mut Ledger<E>,
        cx: &mut Context<'_>,
        input: &mut Input,
        most: Helping,
        now: Duration,
    ) -> bool {
        let Helping { bytes: mut left, mut frames } = most;
        self.heed_pressure(ledger);
        for _ in 0..HELPING_READS {
            let (Stage::Up(pipe) | Stage::Closing(pipe, _, Ours::Serving | Ours::Open | Ours::Closed)) =
                &mut self.stage
            else {
                return false;
            };
            if !pipe.connection.wants_input() {
                return false;
            }
            let is_cut_short = pipe.connection.is_cut_short();
            pipe.connection.begin_input(input);
            input.limit_frames(frames);
            input.limit_memory(ledger.held.helping());
            if is_cut_short || input.space().is_empty() {
                // Frames that the last helping left, or a full buffer, are handled before more is read.
                self.understand(ledger, input, cx, now);
                return true;
            }
            let space = input.space();
            let asked = space.len().min(left);
            let read = or_again(Pin::new(&mut pipe.io).poll_read(cx, &mut space[..asked]), cx);
            if let Poll::Ready(Ok(n)) = read {
                input.filled(n);
                self.received += n as u64;
            }
            self.understand(ledger, input, cx, now);
            match read {
                Poll::Pending => return false,
                Poll::Ready(Ok(0)) => {
                    if self.is_serving() {
                        // The peer may have ended its side only: what was answered before we heard of it can arrive yet.
                        self.last_words(cx);
                    }
                    self.over(ledger, Why::Ended(ConnectionEnd::Remote(RemoteEnd::Eof)));
                    return false;
                }
                // More may have come, or the end. Our TCP says so without a system call if nothing has.
                Poll::Ready(Ok(n)) if n < asked => left -= n,
                Poll::Ready(Ok(_)) => return true,
                Poll::Ready(Err(error)) => {
                    self.over(ledger, Why::Io(error));
                    return false;
                }
            }
            frames = input.frames_left();
            let is_cut_short = self.connection().is_some_and(|connection| connection.is_cut_short());
            if frames == 0 || is_cut_short || ledger.held.is_over() {
                return true;
            }
        }
        true
    }

    fn understand<const E: usize>(
        &mut self,
        ledger: &mut Ledger<E>,
        input: &mut Input,
        cx: &mut Context<'_>,
        now: Duration,
    ) {
        while let Some(fact) = self.connection().and_then(|connection| connection.receive(input, &mut ledger.turn(now)))
        {
            self.handle(fact, ledger, cx, now);
        }
        self.settle(ledger);
    }

    /// Handles what has timed out by `now`.
    pub(super) fn drive_timeouts<const E: usize>(
        &mut self,
        ledger: &mut Ledger<E>,
        cx: &mut Context<'_>,
        now: Duration,
    ) {
        if matches!(self.stage, Stage::Dialing(_)) {
            if self.deadline(ledger).is_some_and(|deadline| deadline <= now) {
                // There was no handshake: whoever dials learns that nothing has answered yet.
                self.over(
                    ledger,
                    Why::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "nobody has answered in time")),
                );
            }
            return;
        }
        for _ in 0..MAX_TIMEOUTS {
            let timeout = self.connection().and_then(|connection| connection.handle_timeout(&mut ledger.turn(now)));
            let Some(fact) = timeout else { break };
            self.handle(fact, ledger, cx, now);
        }
        self.drive_write_timeout(ledger, cx, now);
        self.settle(ledger);
    }

    /// Returns the earliest deadline of this connection.
    pub(super) fn deadline<const E: usize>(&self, ledger: &Ledger<E>) -> Option<Duration> {
        let config = &ledger.config.connection;
        match &self.stage {
            Stage::Dialing(_) => Some(self.began.saturating_add(config.handshake_timeout)),
            Stage::Up(pipe) | Stage::Closing(pipe, ..) => {
                let deadlines = [pipe.connection.poll_at(&ledger.streams, config), self.write_deadline(ledger)];
                deadlines.into_iter().flatten().min()
            }
            Stage::Over(_) => None,
        }
    }

    fn handle<const E: usize>(&mut self, fact: Fact, ledger: &mut Ledger<E>, cx: &mut Context<'_>, now: Duration) {
        match fact {
            Fact::AtGate => self.at_gate(ledger, cx, now),
            Fact::StreamOffered => self.offered(ledger, cx, now),
            Fact::StreamUnproposed => ledger.stream_without_id(self.id, Refusal::StreamUnproposed),
            Fact::StreamRefused => ledger.stream_without_id(self.id, Refusal::StreamLimit),
            Fact::StreamAtGate(id) if ledger.access.has_gate() && !self.gate_allows(id, ledger, now) => {
                self.refuse_proposal(id, ledger, cx, now);
            }
            Fact::StreamAtGate(id) if !ledger.may_speak(id) => self.refuse_protocol(id, ledger, now),
            Fact::StreamAtGate(id) => match ledger.is_free() {
                true => self.admit_stream(id, ledger, now),
                false => ledger.wait(id),
            },
            Fact::StreamFailed(id, failure) => ledger.fail_stream(id, failure),
            // It is open: a stream is told to have failed until it has permission to open.
            Fact::StreamEnded(id, end) => ledger.end_stream(id, end),
            Fact::Readable(id) => ledger.readable(id),
            Fact::Writable(id) => ledger.writable(id),
            Fact::GoAway(code) => match &mut self.stage {
                // Two polite closes cross: what is due from us is still written.
                Stage::Closing(_, _, ours @ (Ours::Open | Ours::Last)) if code == 0 => *ours = Ours::Last,
                Stage::Closing(_, _, Ours::Serving) if code == 0 => {}
                Stage::Up(_) if code == 0 => self.serve(ledger),
                Stage::Dialing(_) | Stage::Up(_) | Stage::Closing(..) | Stage::Over(_) => {
                    self.over(ledger, Why::Ended(ConnectionEnd::Remote(RemoteEnd::GoAway(code))));
                }
            },
            Fact::Idle => self.close(ledger, ConnectionEnd::Idle, now),
            Fact::CloseTimeout => self.cut(ledger),
            Fact::Failed(error) => {
                self.last_words(cx);
                self.over(ledger, Why::Broke(error));
            }
        }
    }

    /// Its peer is authenticated, or its muxer agreed: it goes on, or waits in line for room.
    pub(super) fn at_gate<const E: usize>(&mut self, ledger: &mut Ledger<E>, cx: &mut Context<'_>, now: Duration) {
        let peer = self.connection().and_then(|connection| connection.peer());
        let is_new = self.peer.is_none();
        self.peer = peer.and_then(PackedPeer::pack);
        self.expected = None;
        if peer == Some(ledger.local_peer) {
            return self.refuse_ourselves(ledger);
        }
        // An accepted one was judged before it got its id.
        if let Some(peer) = peer.filter(|_| is_new && self.direction == Direction::Outbound)
            && let Err(why) = ledger.access.may_connect(peer, self.direction, self.judged_address(), now)
        {
            return self.deny(ledger, cx, now, why);
        }
        match ledger.is_free() && self.has_share(ledger) {
            true => self.admit(ledger, cx, now),
            false => ledger.wait(self.id),
        }
    }

    /// It is opening and ready, and there is room: it opens, or goes on to where it will be ready again.
    pub(super) fn admit<const E: usize>(&mut self, ledger: &mut Ledger<E>, cx: &mut Context<'_>, now: Duration) {
        let config = &ledger.config.connection;
        match self.connection().map(|connection| connection.open(config, now)) {
            Some(Ok(opened)) => {
                if opened && ledger.lifecycle.opened(self.id).is_ok() {
                    self.opening_ends(ledger);
                    if let Some(peer) = self.peer() {
                        ledger.held.join(&mut self.account, peer);
                    }
                }
                // Bytes that came behind the handshake were kept, and no socket will wake for them. Without any, a wake
                // would cost the owner a turn that finds nothing to do.
                if self.connection().is_some_and(|connection| connection.keeps_input()) {
                    cx.waker().wake_by_ref();
                }
            }
            Some(Err(error)) => self.over(ledger, Why::Broke(error)),
            None => {}
        }
        self.settle(ledger);
        self.mark_dirty(ledger);
    }
}
