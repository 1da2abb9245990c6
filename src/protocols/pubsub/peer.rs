//! [`Peer`]: the state of one pub/sub peer, on all of its connections.

use super::backlog::Frame;
use super::config::Config;
use super::counters::PeerCounters;
use super::inbound::{InboundState, InboundStream};
use super::message::Topic;
use super::outbox::Outbox;
use super::peer_places::PeerPlace;
use super::seen::SentBy;
use super::wire::{Rpc, SubOpts};
use crate::arithmetic::Count;
use crate::connection::Bucket;
use crate::lifecycle::StreamId;
use crate::swarm::AddressGroup;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// The approximate maximum of bytes of topics in one announcement. Some implementations read RPCs of at most 64 KiB.
const ANNOUNCEMENT: usize = 16 * 1024;

/// The shortest wait before our stream is opened again. It is not 0, so that time moves on between two attempts.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// The maximum number of unsubscriptions that are sent again after our stream is replaced. Beyond it, a peer may keep
/// stale subscriptions of ours and send us messages that we do not want.
const WITHDRAWN: usize = 1_024;

/// The state of one pub/sub peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) outbound: OutboundStream,
    /// The peer's streams, and those that have ended with bytes left to process; the oldest first.
    pub(super) inbound: VecDeque<InboundStream>,
    /// True if the peer is in line for its turn.
    pub(super) is_in_line: bool,
    /// The number of turns that the peer is still skipped, since its last message cost as much as several.
    pub(super) debt: usize,
    /// True if the peer's last connection has ended. The peer is removed once the rest of its streams is processed.
    pub(super) is_leaving: bool,
    /// The bytes that `inbound` counts as.
    pub(super) inbound_bytes: usize,
    /// The topics that the peer subscribes to.
    pub(super) topics: BTreeSet<Topic>,
    /// The bytes that `topics` counts as.
    pub(super) topic_bytes: usize,
    /// The topics of ours that the peer has been told on our stream.
    announced: BTreeSet<Topic>,
    /// The unsubscriptions that were sent on our present stream. If the stream is cut, the peer may not have read them.
    withdrawn: BTreeSet<Topic>,
    /// True if there may be something to announce to the peer.
    pub(super) is_stale: bool,
    pub(super) outbox: Outbox,
    /// True if the owner has been told of the peer, since it speaks the protocol.
    pub(super) is_told: bool,
    /// The number of attempts in a row to open our stream again.
    attempts: u32,
    /// The peer's place among all.
    pub(super) place: PeerPlace,
    /// The peer's address; `None` if anybody may be at that address.
    pub(super) address: Option<AddressGroup>,
    pub(super) counters: PeerCounters,
    /// The remembered messages that the peer has sent.
    pub(super) sent: SentBy,
    /// The token bucket of messages that the peer repeats.
    pub(super) repeats: Bucket,
    /// The token bucket of invalid messages of the peer.
    pub(super) invalid: Bucket,
    /// The number of topics that the peer has left, less those that it has subscribed to since.
    pub(super) topics_left: u32,
    pub(super) resubscriptions: Bucket,
}

/// The state of our stream to a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OutboundStream {
    /// There is no stream, and none can be opened before something changes, such as a new connection.
    None,
    /// The stream is opened again at this time.
    Waiting(Duration),
    Opening(StreamId),
    Open {
        stream: StreamId,
        since: Duration,
    },
    /// The peer does not speak the protocol, or all attempts have failed.
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

    /// Begins a new stream of ours. All our subscriptions are announced on it, and those that the peer may still believe
    /// from the stream before are withdrawn.
    pub(super) fn opened(&mut self, stream: StreamId, now: Duration, subscriptions: &BTreeSet<Topic>) {
        self.outbound = OutboundStream::Open { stream, since: now };
        self.announced.append(&mut self.withdrawn);
        self.announced.retain(|topic| !subscriptions.contains(topic));
        self.is_stale = true;
    }

    /// Handles the end of our stream. If it has lived for the longest wait, the attempts begin anew.
    pub(super) fn closed(&mut self, now: Duration, config: &Config) {
        if let OutboundStream::Open { since, .. } = self.outbound
            && now >= since.saturating_add(config.reopen_at_most_after)
        {
            self.attempts = 0;
        }
        self.outbound = OutboundStream::None;
        self.outbox.restart();
    }

    /// Returns the time of the next attempt to open our stream, or `None` if there were as many as allowed.
    pub(super) fn retry(&mut self, now: Duration, config: &Config) -> Option<Duration> {
        if self.attempts >= config.reopen_attempts {
            return None;
        }
        let factor = 1u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        self.attempts.raise(1);
        let wait = config.reopen_after.saturating_mul(factor).min(config.reopen_at_most_after);
        Some(now.saturating_add(wait.max(MIN_WAIT)))
    }

    /// Returns our stream, open or opening.
    pub(super) const fn stream(&self) -> Option<StreamId> {
        match self.outbound {
            OutboundStream::Opening(stream) | OutboundStream::Open { stream, .. } => Some(stream),
            OutboundStream::None | OutboundStream::Waiting(_) | OutboundStream::Refused => None,
        }
    }

    pub(super) fn inbound(&mut self, stream: StreamId) -> Option<&mut InboundStream> {
        self.inbound.iter_mut().find(|inbound| inbound.stream == stream)
    }

    /// Returns the first of the peer's streams that may have something to read or process.
    pub(super) fn due(&mut self) -> Option<&mut InboundStream> {
        self.inbound.iter_mut().find(|inbound| inbound.state != InboundState::Idle)
    }

    /// Returns whether bytes are left to process of streams that have ended.
    pub(super) fn has_rest(&self) -> bool {
        self.inbound.iter().any(|inbound| inbound.state == InboundState::Ended)
    }

    /// Returns the oldest of the peer's open streams, if there are more than `most` of them and nothing that came on the
    /// oldest is left to process. So no bytes are lost when it is reset.
    pub(super) fn oldest_beyond(&self, most: usize) -> Option<StreamId> {
        let mut live = self.inbound.iter().filter(|inbound| inbound.state != InboundState::Ended);
        let oldest = live.next()?;
        (live.count() >= most && oldest.state == InboundState::Idle).then_some(oldest.stream)
    }

    /// Returns the bytes to write next.
    pub(super) fn next(&mut self, subscriptions: &BTreeSet<Topic>) -> Option<&[u8]> {
        let Self { outbox, announced, withdrawn, is_stale, .. } = self;
        outbox.next(|| if *is_stale { announcement(announced, withdrawn, subscriptions, is_stale) } else { None })
    }
}

/// Returns an announcement of the changes that the peer has not been told yet, as many as one RPC may carry.
fn announcement(
    announced: &mut BTreeSet<Topic>,
    withdrawn: &mut BTreeSet<Topic>,
    subscriptions: &BTreeSet<Topic>,
    is_stale: &mut bool,
) -> Option<Frame> {
    let added = subscriptions.difference(announced).map(|topic| (true, topic));
    let removed = announced.difference(subscriptions).map(|topic| (false, topic));
    let mut bytes = 0_usize;
    let within = |(_, topic): &(bool, &Topic)| {
        // 8 bytes are about what the fields around a topic take.
        let fits = bytes < ANNOUNCEMENT;
        bytes.raise(topic.len().saturating_add(8));
        fits
    };
    let changes: Vec<(bool, Topic)> =
        added.chain(removed).take_while(within).map(|(subscribe, topic)| (subscribe, topic.clone())).collect();
    *is_stale = bytes > ANNOUNCEMENT;
    for (subscribe, topic) in &changes {
        if *subscribe {
            withdrawn.remove(topic);
            announced.insert(topic.clone());
        } else {
            announced.remove(topic);
            if withdrawn.len() < WITHDRAWN {
                withdrawn.insert(topic.clone());
            }
        }
    }
    let subscriptions = changes
        .iter()
        .map(|(subscribe, topic)| SubOpts { subscribe: Some(*subscribe), topic: Some(String::from(&**topic)) })
        .collect::<Vec<_>>();
    (!changes.is_empty()).then(|| Rpc { subscriptions, publish: Vec::new() }.to_frame().into())
}

#[cfg(test)]
#[path = "peer/tests.rs"]
mod tests;
