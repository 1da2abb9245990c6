//! [`Stream`]: the state, the protocol and the counters of one stream, around the muxer's own part of the stream.

mod error;
pub(super) mod machine;

use super::multistream::{self, Protocol};
use super::muxer;
use super::stream_deadlines::{QueueNode, Queued, StreamWait};
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

/// One stream. The owner makes the stream and keeps it in its [`Streams`]; the stream's connection changes it.
#[derive(Debug)]
pub struct Stream {
    /// The state of the stream's life. Only [`on`](Self::on) changes this field.
    state: StreamState,
    /// The muxer's part of the stream, or `None` while the muxer does not know the stream yet.
    pub(super) muxed: Option<muxer::Stream>,
    pub(super) negotiation: Negotiation,
    /// The protocol that is agreed or proposed, or [`Protocol::NONE`] if there is none. While a listener negotiates, this is
    /// the protocol that was refused last.
    pub(super) protocol: Protocol,
    node: QueueNode,
    pub(super) waits: Option<StreamWait>,
    /// `true` if the stream has a half-open timeout of its own, which
    /// [`StreamDeadlines`](super::stream_deadlines::StreamDeadlines) keeps.
    pub(super) has_own_time: bool,
    pub(super) sent: u64,
}

// A swarm has one such value for each stream of each connection, idle or not. It took 200 bytes when it contained the
// receive buffer itself, a `Duration` for each time, and ids for links.
const _: () = assert!(size_of::<Option<(NonZeroU32, Stream)>>() <= 104);
const _: () = assert!(size_of::<Negotiation>() <= 16);

/// The multistream-select part of a stream. The variant is our side of the negotiation; the stream's [`StreamState`]
/// contains the progress of the negotiation.
#[derive(Debug)]
pub(super) enum Negotiation {
    /// We began the stream and propose protocols.
    Dialer(multistream::DialerSelect, Proposals),
    /// The peer began the stream and proposes protocols.
    Listener(multistream::ListenerSelect),
    /// The negotiation is over. `received` is the number of bytes of data that the owner has read; the owner can read no
    /// data before that.
    Over { received: u64 },
}

/// The protocols that an outbound stream proposes, in order of preference.
#[derive(Debug)]
pub(super) enum Proposals {
    /// The stream proposes `Stream::protocol` alone. The proposal is lazy: the owner may send data before the peer has
    /// answered.
    One,
    /// The stream proposes several protocols. Few streams do, so the list is behind a second pointer, which makes this type
    /// smaller for all other streams.
    Many(Box<Box<[Protocol]>>),
}

impl Stream {
    /// Makes a stream for [`Connection::accept_stream`](super::Connection::accept_stream), which the peer has begun.
    #[must_use]
    pub fn inbound() -> Self {
        Self::new(StreamState::inbound(), Negotiation::Listener(multistream::ListenerSelect::new()), Protocol::NONE)
    }

    /// Makes a stream for [`Connection::open_stream`](super::Connection::open_stream) that proposes `protocols` in this
    /// order of preference. Returns `None` if `protocols` is empty.
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
        Self { state, muxed: None, negotiation, protocol, node, waits, has_own_time: false, sent: 0 }
    }

    /// Returns the state of the stream's life.
    pub(super) const fn state(&self) -> StreamState {
        self.state
    }

    /// Applies `trigger` to the state of the stream's [`machine`]. Returns the action that this step asks for, or `None` if
    /// nothing has changed.
    #[inline(always)]
    pub(super) fn on(&mut self, trigger: Trigger) -> Option<StreamEffect> {
        let (state, effect) = step(self.state, trigger)?;
        self.state = state;
        Some(effect)
    }

    /// Returns the protocol that is agreed, or the proposed protocol if only one was proposed. For a stream that has failed
    /// with [`Failure::Denied`](crate::lifecycle::Failure::Denied) it is the protocol that was
    /// [refused](super::Connection::refuse_protocol) last.
    #[must_use]
    pub const fn protocol(&self) -> Option<&Protocol> {
        if matches!(self.state.life(), Life::Answering) {
            // The peer may still propose another protocol.
            return None;
        }
        self.protocol.some()
    }

    /// Returns the number of bytes of data that the owner has written so far, sent or not. Lines of the negotiation are not
    /// counted.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Returns the number of bytes of data that the owner has read so far.
    #[must_use]
    pub const fn received(&self) -> u64 {
        match self.negotiation {
            Negotiation::Over { received } => received,
            Negotiation::Dialer(..) | Negotiation::Listener(_) => 0,
        }
    }

    /// Returns whether both directions are over: our FIN has been sent, and the owner has read the peer's FIN.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.state.life(), Life::Finished)
    }

    /// Returns whether a read would return bytes, or would return the end of the peer's data for the first time.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.state.may_read().is_ok()
            && (!self.unread().is_empty() || (self.is_remote_finished() && self.state.awaits_end()))
    }

    /// Returns whether the stream itself can accept a write: its protocol permits one, and the peer grants window. The write
    /// can still be refused because the connection's output is full.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.may_write().is_ok()
            && self.muxed.as_ref().is_some_and(|muxed| muxed.may_write() && muxed.send_window() > 0)
    }

    /// Returns whether the owner may write. The owner may not write before the protocol is agreed, unless only one protocol
    /// was proposed: otherwise the data could reach another protocol.
    ///
    /// # Errors
    /// The reason why the owner may not write.
    pub(super) const fn may_write(&self) -> Result<(), WriteError> {
        self.state.may_write(matches!(self.negotiation, Negotiation::Dialer(_, Proposals::One)))
    }

    /// Returns the number of bytes of data that have arrived and have not been read; 0 while the protocol is not agreed.
    #[must_use]
    pub fn unread_len(&self) -> usize {
        if self.state.has_data() { self.unread().len() } else { 0 }
    }

    /// Returns the maximum number of bytes of data that may be [unread](Self::unread_len) from now on, which is the receive
    /// window. The window may grow ([`max_receive_window`](super::yamux::Config::max_receive_window)). If the config sets a
    /// window below [`INITIAL_WINDOW`](super::yamux::INITIAL_WINDOW), the result is `INITIAL_WINDOW` until the peer has used
    /// up the difference. The result is 0 while the muxer does not know the stream yet.
    #[must_use]
    pub fn receive_window(&self) -> usize {
        self.muxed.as_ref().map_or(0, muxer::Stream::most_unread)
    }

    /// Returns the number of bytes of data that the peer allows us to send now, in addition to all bytes that the owner has
    /// written; 0 while the muxer does not know the stream yet.
    #[must_use]
    pub fn send_window(&self) -> usize {
        self.muxed.as_ref().map_or(0, |muxed| muxed.send_window() as usize)
    }

    /// Removes from the stream all bytes of data that have arrived and have not been read, and returns them. The result is
    /// empty while the protocol is not agreed, since until then all bytes belong to the negotiation.
    pub fn take_unread(&mut self) -> Vec<u8> {
        match (self.state.has_data(), &mut self.muxed) {
            (true, Some(muxed)) => muxed.take_unread(),
            (true, None) | (false, _) => Vec::new(),
        }
    }

    /// Returns whether the stream is half-open and waits for the peer, so that its half-open timeout runs, if it has one.
    pub(super) const fn is_half_open(&self) -> bool {
        matches!(self.waits, Some(StreamWait::HalfOpen | StreamWait::OwnHalfOpen))
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.muxed.as_ref().map(muxer::Stream::unread).unwrap_or_default()
    }

    /// Returns whether the peer's FIN has arrived. Earlier bytes may still be unread. After a reset the result is `false`.
    #[must_use]
    pub fn is_remote_finished(&self) -> bool {
        self.muxed.as_ref().is_some_and(muxer::Stream::is_remote_finished)
    }

    /// Returns whether the owner has finished our side, so that nothing more can be written. Written bytes and our FIN may
    /// still wait to be sent: see [`is_fin_sent`](Self::is_fin_sent). After a reset the result is `false`.
    #[must_use]
    pub const fn is_local_finished(&self) -> bool {
        self.state.is_local_finished()
    }

    /// Returns whether our FIN has been written to the byte pipe, after all data. The peer may not have read the FIN. After
    /// a reset the result is `false`.
    #[must_use]
    pub const fn is_fin_sent(&self) -> bool {
        self.state.is_fin_sent()
    }

    /// Returns the protocols that the stream proposes, in order of preference, until one is agreed. The slice is empty for a
    /// stream that the peer began.
    #[must_use]
    pub fn proposed(&self) -> &[Protocol] {
        match &self.negotiation {
            Negotiation::Dialer(_, proposals) => Self::proposals(&self.protocol, proposals),
            Negotiation::Listener(_) | Negotiation::Over { .. } => &[],
        }
    }

    /// Returns the proposed protocols as a slice, whether they are kept in `protocol` or in `proposals`.
    pub(super) fn proposals<'a>(protocol: &'a Protocol, proposals: &'a Proposals) -> &'a [Protocol] {
        match (proposals, protocol.some()) {
            (Proposals::Many(many), _) => many,
            (Proposals::One, Some(one)) => slice::from_ref(one),
            (Proposals::One, None) => &[],
        }
    }
}
