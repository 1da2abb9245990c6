//! [`Peer`]: the state of one pub/sub peer, for all of its connections together.

use super::backlog::Backlog;
use super::config::Config;
use super::control_queue::ControlQueue;
use super::counters::PeerCounters;
use super::encoded_message::{EncodedMessage, Frame};
use super::inbound::{InboundState, InboundStream};
use super::message::Topic;
use super::outbox::Outbox;
use super::peer_places::PeerPlace;
use super::quota::Quota;
use super::seen::SentBy;
use super::wire::{Rpc, SubOpts};
use crate::arithmetic::Count;
use crate::connection::Bucket;
use crate::lifecycle::StreamId;
use crate::protocols::frames::with_length;
use crate::swarm::AddressGroup;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use prost::Message as _;

/// The approximate maximum number of bytes of topics in one announcement of our subscriptions. It is well below 64 KiB, the
/// length of the longest RPC that gossipsub of rust-libp2p reads by default. Further topics are announced in further RPCs.
const ANNOUNCEMENT: usize = 16 * 1024;

/// The minimum time that we wait before we open our stream to a peer again, if the owner has configured less. With a wait of
/// 0, all attempts to open the stream would be made in one turn.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// The maximum number of unsubscriptions that we remember for a peer, to send them again if our stream to it has to be
/// replaced. Beyond this number, the peer may believe that we still subscribe to a topic, and send us messages that we do
/// not want.
const WITHDRAWN: usize = 1_024;

/// The state of one pub/sub peer, for all of its connections together.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) outbound: OutboundStream,
    /// The streams that the peer has opened to us, oldest first. They include streams that have ended with bytes left to
    /// process.
    pub(super) inbound: VecDeque<InboundStream>,
    /// True if the peer is in the queue of peers whose streams have bytes to read or to process.
    pub(super) is_in_line: bool,
    /// The number of times that the peer still has to be skipped in the queue of peers, because verifying its last message
    /// cost as much as verifying several ordinary messages.
    pub(super) debt: usize,
    /// True if the peer's last connection has ended. The peer is removed once the remaining bytes of its streams are
    /// processed.
    pub(super) is_leaving: bool,
    /// The number of bytes that are counted for the streams in `inbound`, against the bound on unprocessed bytes
    /// ([`Config::inbound_total_bytes`]).
    pub(super) inbound_bytes: usize,
    /// The topics that the peer subscribes to.
    pub(super) topics: BTreeSet<Topic>,
    /// The number of bytes that are counted for the topics in `topics`, against the bound on the subscriptions of all peers
    /// ([`Config::topics_total_bytes`]).
    pub(super) topic_bytes: usize,
    /// The topics that we have announced to the peer on our present stream.
    announced: BTreeSet<Topic>,
    /// The topics from which we have unsubscribed on our present stream to the peer. If the stream is cut, the peer may not
    /// have read these unsubscriptions.
    withdrawn: BTreeSet<Topic>,
    /// True if our subscriptions may differ from those that we have announced to the peer.
    pub(super) is_stale: bool,
    pub(super) outbox: Outbox,
    /// The control messages of a mesh router that wait for the peer.
    pub(super) control: ControlQueue,
    /// True if the peer has something to write, and is in the list of peers to flush.
    pub(super) is_to_flush: bool,
    /// True if the owner has been told that the peer speaks the protocol ([`Event::PeerAdded`](super::Event::PeerAdded)).
    pub(super) is_told: bool,
    /// The number of attempts to open our stream to the peer again, since the stream was last open for at least
    /// [`Config::reopen_at_most_after`].
    attempts: u32,
    /// The peer's place. At most [`Config::peers`] pub/sub peers have a place.
    pub(super) place: PeerPlace,
    /// The peer's address; `None` if unrelated peers may share that address.
    pub(super) address: Option<AddressGroup>,
    pub(super) counters: PeerCounters,
    /// The record of those messages in the cache of seen messages that the peer has sent to us.
    pub(super) sent: SentBy,
    /// The token bucket that limits messages which the peer has sent to us before.
    pub(super) repeats: Bucket,
    /// The token bucket that limits invalid messages from the peer.
    pub(super) invalid: Bucket,
    /// The number of topics from which the peer has unsubscribed, less the number of topics to which it has subscribed
    /// since.
    pub(super) topics_left: u32,
    pub(super) resubscriptions: Bucket,
}

/// The state of the stream that we open to a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OutboundStream {
    /// There is no stream, and we open none until something changes, such as a new connection to the peer.
    None,
    /// There is no stream. The value is the time at which we open one.
    Waiting(Duration),
    Opening(StreamId),
    Open {
        stream: StreamId,
        since: Duration,
    },
    /// We open no stream, since the peer does not speak the protocol or all attempts have failed.
    Refused,
}

impl Peer {
    pub(super) fn new(config: &Config, place: PeerPlace) -> Self {
        Self {
            outbound: OutboundStream::None,
            inbound: VecDeque::new(),
            is_in_line: false,
            debt: 0,
            is_leaving: false,
            inbound_bytes: 0,
            topics: BTreeSet::new(),
            topic_bytes: 0,
            announced: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            is_stale: false,
            outbox: Outbox::new(config.outbox_bytes),
            control: ControlQueue::default(),
            is_to_flush: false,
            is_told: false,
            attempts: 0,
            place,
            address: None,
            counters: PeerCounters::default(),
            sent: SentBy::default(),
            repeats: Bucket::default(),
            invalid: Bucket::default(),
            topics_left: 0,
            resubscriptions: Bucket::default(),
        }
    }

    /// Records that a new stream of ours to the peer has opened. On this stream we will announce all our subscriptions, and
    /// all unsubscriptions that the peer may not have read on our previous stream.
    pub(super) fn opened(&mut self, stream: StreamId, now: Duration, subscriptions: &BTreeSet<Topic>) {
        self.outbound = OutboundStream::Open { stream, since: now };
        // The peer may still believe that we subscribe to the withdrawn topics. Those that we do not subscribe to remain
        // in `announced`, so that the first announcement on this stream takes them back. Those that we subscribe to are
        // removed, so that it contains them as subscriptions.
        self.announced.append(&mut self.withdrawn);
        self.announced.retain(|topic| !subscriptions.contains(topic));
        self.is_stale = true;
    }

    /// Handles the end of our stream to the peer. If the stream was open for at least `reopen_at_most_after`, the number of
    /// attempts starts at 0 again.
    pub(super) fn closed(&mut self, now: Duration, config: &Config) {
        // A peer may accept each stream and reset it at once. If an open stream alone made the waits short again, we
        // would open streams to such a peer for as long as it is connected.
        if let OutboundStream::Open { since, .. } = self.outbound
            && now >= since.saturating_add(config.reopen_at_most_after)
        {
            self.attempts = 0;
        }
        self.outbound = OutboundStream::None;
        self.outbox.restart();
        self.control.restart();
    }

    /// Returns the time of the next attempt to open our stream, or `None` if the maximum number of attempts is reached.
    pub(super) fn retry(&mut self, now: Duration, config: &Config) -> Option<Duration> {
        if self.attempts >= config.reopen_attempts {
            return None;
        }
        // The owner may allow more than 32 attempts. `reopen_at_most_after` bounds the wait in any case.
        let factor = 1u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        self.attempts.raise(1);
        let wait = config.reopen_after.saturating_mul(factor).min(config.reopen_at_most_after);
        Some(now.saturating_add(wait.max(MIN_WAIT)))
    }

    /// Returns our stream to the peer, if it is open or being opened.
    pub(super) const fn stream(&self) -> Option<StreamId> {
        match self.outbound {
            OutboundStream::Opening(stream) | OutboundStream::Open { stream, .. } => Some(stream),
            OutboundStream::None | OutboundStream::Waiting(_) | OutboundStream::Refused => None,
        }
    }

    pub(super) fn inbound(&mut self, stream: StreamId) -> Option<&mut InboundStream> {
        self.inbound.iter_mut().find(|inbound| inbound.stream == stream)
    }

    /// Returns the oldest of the peer's streams that may have bytes to read or to process.
    pub(super) fn due(&mut self) -> Option<&mut InboundStream> {
        self.inbound.iter_mut().find(|inbound| inbound.state != InboundState::Idle)
    }

    /// Returns whether streams of the peer that have ended may have bytes left to process.
    pub(super) fn has_rest(&self) -> bool {
        self.inbound.iter().any(|inbound| inbound.state == InboundState::Ended)
    }

    /// Returns the oldest of the peer's open streams if the peer has more than `most` of them, and if everything that has
    /// arrived on the oldest is processed. So no bytes are lost when that stream is reset.
    pub(super) fn oldest_beyond(&self, most: usize) -> Option<StreamId> {
        let mut live = self.inbound.iter().filter(|inbound| inbound.state != InboundState::Ended);
        let oldest = live.next()?;
        (live.count() >= most && oldest.state == InboundState::Idle).then_some(oldest.stream)
    }

    /// Returns the bytes to write to the peer next, or `None` if nothing waits. `subscriptions` are our present
    /// subscriptions, which are announced first if they have changed. Control messages come next, and then the messages for
    /// which `is_wanted` returns `true`.
    pub(super) fn next(
        &mut self,
        subscriptions: &BTreeSet<Topic>,
        quota: &mut Quota,
        backlog: &mut Backlog,
        is_wanted: impl Fn(&EncodedMessage) -> bool,
    ) -> Option<&[u8]> {
        let Self { outbox, control, announced, withdrawn, is_stale, .. } = self;
        let first = || {
            if *is_stale && let Some(mut rpc) = announcement(announced, withdrawn, subscriptions, is_stale) {
                // The extensions have to be in the first RPC, so control messages follow in the same one.
                return Some(framed(&mut rpc, control, quota));
            }
            (!control.is_empty()).then(|| framed(&mut Vec::new(), control, quota))
        };
        outbox.next(backlog, first, is_wanted)
    }

    /// Records that `n` bytes of those that [`next`](Self::next) has returned were written. Returns `true` if the frame has
    /// been written completely.
    pub(super) fn written(&mut self, n: usize, backlog: &mut Backlog) -> bool {
        let is_whole = self.outbox.written(n, backlog);
        if is_whole {
            self.control.written();
        }
        is_whole
    }
}

/// Returns an RPC with its length before it: the encoded `rpc`, and the control messages that fit into it.
fn framed(rpc: &mut Vec<u8>, control: &mut ControlQueue, quota: &mut Quota) -> Frame {
    if !control.is_empty() {
        control.take(quota, rpc);
    }
    with_length(rpc).into()
}

/// Returns an announcement of the changes of our subscriptions that the peer has not been told yet, as many as fit into one
/// RPC. Returns `None` if the peer has been told all changes.
fn announcement(
    announced: &mut BTreeSet<Topic>,
    withdrawn: &mut BTreeSet<Topic>,
    subscriptions: &BTreeSet<Topic>,
    is_stale: &mut bool,
) -> Option<Vec<u8>> {
    let added = subscriptions.difference(announced).map(|topic| (true, topic));
    let removed = announced.difference(subscriptions).map(|topic| (false, topic));
    let mut bytes = 0_usize;
    let within = |(_, topic): &(bool, &Topic)| {
        // The fields around a topic take about 8 bytes.
        let fits = bytes < ANNOUNCEMENT;
        bytes.raise(topic.len().saturating_add(8));
        fits
    };
    let changes: Vec<(bool, Topic)> =
        added.chain(removed).take_while(within).map(|(subscribe, topic)| (subscribe, topic.clone())).collect();
    // Changes are left over only if the last one went beyond the bound. If it was the last of all, the next call finds no
    // change and clears the mark.
    *is_stale = bytes > ANNOUNCEMENT;
    for (subscribe, topic) in &changes {
        if *subscribe {
            withdrawn.remove(topic);
            announced.insert(topic.clone());
        } else {
            announced.remove(topic);
            // The owner chooses the topics, so their number is not bounded otherwise: it may subscribe to a new topic and
            // leave it again in each turn while the peer stays connected.
            if withdrawn.len() < WITHDRAWN {
                withdrawn.insert(topic.clone());
            }
        }
    }
    let subscriptions = changes
        .iter()
        .map(|(subscribe, topic)| SubOpts { subscribe: Some(*subscribe), topic: Some(String::from(&**topic)) })
        .collect::<Vec<_>>();
    (!changes.is_empty()).then(|| Rpc { subscriptions, publish: Vec::new() }.encode_to_vec())
}

#[cfg(test)]
#[path = "peer/tests.rs"]
mod tests;
