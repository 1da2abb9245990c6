//! [`Stream`]: one stream's state, protocol and counters, around the muxer's stream.

mod error;
pub(super) mod machine;

use super::multistream::{self, Protocol};
use super::stream_deadlines::{QueueNode, Queued, StreamWait};
use super::yamux;
use crate::lifecycle::{StreamId, Table};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::slice;
pub use error::{ReadError, WriteError};
use machine::{Life, StreamEffect, StreamState, Trigger, step};

/// The streams of all connections of an owner.
pub type Streams = Table<StreamId, Stream>;

impl Queued for Stream {
    fn node(&self) -> (Option<StreamWait>, &QueueNode) {
        (self.waits, &self.node)
    }

    fn node_mut(&mut self) -> (&mut Option<StreamWait>, &mut QueueNode) {
        (&mut self.waits, &mut self.node)
    }
}

/// One stream. It is made by the owner, lives in the owner's [`Streams`], and is worked on by its connection.
#[derive(Debug)]
pub struct Stream {
    /// Where it is in its life, which only [`on`](Self::on) changes.
    state: StreamState,
    /// None until it has a place on the wire.
    pub(super) yamux: Option<yamux::Stream>,
    pub(super) negotiation: Negotiation,
    /// [`Protocol::NONE`] while there is none. While a listener negotiates it is the one that was refused last.
    pub(super) protocol: Protocol,
    node: QueueNode,
    pub(super) waits: Option<StreamWait>,
    /// Its half-open time is its own, which [`StreamDeadlines`](super::stream_deadlines::StreamDeadlines) keeps.
    pub(super) has_own_time: bool,
    pub(super) sent: u64,
}

// A swarm has one for each stream of each connection, idle or not.
const _: () = assert!(size_of::<Option<(NonZeroU32, Stream)>>() <= 104);
const _: () = assert!(size_of::<Negotiation>() <= 16);

/// What multistream-select keeps of a stream. It says whose side of it we are; how far the two have come, the stream's
/// [`StreamState`] says.
#[derive(Debug)]
pub(super) enum Negotiation {
    /// Ours.
    Dialer(multistream::DialerSelect, Proposals),
    /// The peer's.
    Listener(multistream::ListenerSelect),
    /// Both sides have said their word. Nothing of the stream is read before, so that what has been is counted here.
    Over { received: u64 },
}

/// What an outbound stream proposes, in order of preference.
#[derive(Debug)]
pub(super) enum Proposals {
    /// `Stream::protocol` alone: lazily, so that data may follow at once.
    One,
    /// These. Few streams have several, so that these may lie further away.
    Many(Box<Box<[Protocol]>>),
}

impl Stream {
    /// A stream that the peer has begun: for [`Connection::accept_stream`](super::Connection::accept_stream).
    #[must_use]
    pub fn inbound() -> Self {
        Self::new(StreamState::inbound(), Negotiation::Listener(multistream::ListenerSelect::new()), Protocol::NONE)
    }

    /// A stream that proposes `protocols` in order of preference, for
    /// [`Connection::open_stream`](super::Connection::open_stream); `None` if there is no protocol at all.
    #[must_use]
    pub fn outbound(protocols: &[Protocol]) -> Option<Self> {
        let (proposals, protocol) = match protocols {
            [] => return None,
            [protocol] => (Proposals::One, protocol.clone()),
            many => (Proposals::Many(Box::new(many.into())), Protocol::NONE),
        };
        let negotiation = Negotiation::Dialer(multistream::DialerSelect::new(), proposals);
        Some(Self::new(StreamState::outbound(), negotiation, protocol))
    }

    fn new(state: StreamState, negotiation: Negotiation, protocol: Protocol) -> Self {
        let (node, waits) = (QueueNode::NOWHERE, None);
        Self { state, yamux: None, negotiation, protocol, node, waits, has_own_time: false, sent: 0 }
    }

    /// Returns its state.
    pub(super) const fn state(&self) -> StreamState {
        self.state
    }

    /// Takes a step of its [machine](machine), and returns what that asks for; `None` if nothing has changed.
    #[inline(always)]
    pub(super) fn on(&mut self, trigger: Trigger) -> Option<StreamEffect> {
        let (state, effect) = step(self.state, trigger)?;
        self.state = state;
        Some(effect)
    }

    /// The protocol: agreed on, or the only one that was proposed. Of a stream that has failed of
    /// [`Failure::Denied`](crate::lifecycle::Failure::Denied) it is the one that was
    /// [refused](super::Connection::refuse_protocol) last.
    #[must_use]
    pub const fn protocol(&self) -> Option<&Protocol> {
        if matches!(self.state.life(), Life::Answering) {
            // The peer may still propose another one.
            return None;
        }
        self.protocol.some()
    }

    /// How many bytes of data have been accepted from the owner so far, sent or not; what negotiation says is not
    /// counted.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// How many bytes of data the owner has read so far.
    #[must_use]
    pub const fn received(&self) -> u64 {
        match self.negotiation {
            Negotiation::Over { received } => received,
            Negotiation::Dialer(..) | Negotiation::Listener(_) => 0,
        }
    }

    /// Both directions are over: our FIN is sent, and the peer's has been read.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.state.life(), Life::Finished)
    }

    /// Whether a read would give bytes, or the end for the first time.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.state.may_read().is_ok()
            && (!self.unread().is_empty() || (self.is_remote_finished() && self.state.awaits_end()))
    }

    /// Whether a write would find place, as far as the stream goes: the connection's output may be full nevertheless.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.may_write().is_ok()
            && self.yamux.as_ref().is_some_and(|yamux| yamux.may_write() && yamux.send_window() > 0)
    }

    /// Whether its owner may write: not before the protocol is agreed, or is the only one that was proposed, so that data
    /// cannot go astray.
    pub(super) const fn may_write(&self) -> Result<(), WriteError> {
        self.state.may_write(matches!(self.negotiation, Negotiation::Dialer(_, Proposals::One)))
    }

    /// Returns the number of bytes of data that have come and have not been read. It is 0 while the protocol is not agreed.
    #[must_use]
    pub fn unread_len(&self) -> usize {
        if self.state.has_data() { self.unread().len() } else { 0 }
    }

    /// Returns the most bytes of data that may be [unread](Self::unread_len) from now on: the receive window. It may grow
    /// ([`max_receive_window`](yamux::Config::max_receive_window)). One that is set below
    /// [`INITIAL_WINDOW`](yamux::INITIAL_WINDOW) is that much until the peer has used the difference up. 0 while the stream
    /// has no place on the wire.
    #[must_use]
    pub fn receive_window(&self) -> usize {
        self.yamux.as_ref().map_or(0, yamux::Stream::most_unread)
    }

    /// Returns the number of bytes of data that the peer allows us to send now, beyond all that were accepted from the owner.
    /// 0 while the stream has no place on the wire.
    #[must_use]
    pub fn send_window(&self) -> usize {
        self.yamux.as_ref().map_or(0, |yamux| yamux.send_window() as usize)
    }

    /// Takes the bytes of data that arrived and have not been read: none while the protocol was not agreed, since until
    /// then what arrives is the negotiation's.
    pub fn take_unread(&mut self) -> Vec<u8> {
        match (self.state.has_data(), &mut self.yamux) {
            (true, Some(yamux)) => yamux.take_unread(),
            (true, None) | (false, _) => Vec::new(),
        }
    }

    /// It waits for the peer's other half.
    pub(super) const fn is_half_open(&self) -> bool {
        matches!(self.waits, Some(StreamWait::HalfOpen | StreamWait::OwnHalfOpen))
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.yamux.as_ref().map(yamux::Stream::unread).unwrap_or_default()
    }

    /// Whether the peer's FIN has come. What came before it may still be unread. A reset undoes it.
    #[must_use]
    pub fn is_remote_finished(&self) -> bool {
        self.yamux.as_ref().is_some_and(yamux::Stream::is_remote_finished)
    }

    /// Returns whether the owner has finished our side, so that nothing more can be written. Written bytes and our FIN may
    /// still wait to be sent: [`is_fin_sent`](Self::is_fin_sent). A reset undoes it.
    #[must_use]
    pub const fn is_local_finished(&self) -> bool {
        self.state.is_local_finished()
    }

    /// Returns whether our FIN has been written to the byte pipe, behind all data. The peer may not have read it. A
    /// reset undoes it.
    #[must_use]
    pub const fn is_fin_sent(&self) -> bool {
        self.state.is_fin_sent()
    }

    /// The protocols that it proposes, in order of preference, until one is agreed; none on a stream of the peer's.
    #[must_use]
    pub fn proposed(&self) -> &[Protocol] {
        match &self.negotiation {
            Negotiation::Dialer(_, proposals) => Self::proposals(&self.protocol, proposals),
            Negotiation::Listener(_) | Negotiation::Over { .. } => &[],
        }
    }

    /// The protocols that are proposed.
    pub(super) fn proposals<'a>(protocol: &'a Protocol, proposals: &'a Proposals) -> &'a [Protocol] {
        match (proposals, protocol.some()) {
            (Proposals::Many(many), _) => many,
            (Proposals::One, Some(one)) => slice::from_ref(one),
            (Proposals::One, None) => &[],
        }
    }
}
