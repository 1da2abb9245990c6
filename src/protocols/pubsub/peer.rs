//! [`Peer`]: one peer, whatever the number of its connections.

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

/// How many bytes of topics one announcement carries, about: implementations read RPCs of at most 64 KiB, some of them.
const ANNOUNCEMENT: usize = 16 * 1024;

/// The shortest wait before our stream is opened again: so that time moves on from one attempt to the next.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// How many topics that were taken back are remembered, to be taken back again on the next stream: whoever changes more
/// of them while one stream lives has the peer send what nobody wants, if that stream is cut.
const WITHDRAWN: usize = 1_024;

/// One peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) outbound: OutboundStream,
    /// Its streams, and what is left of those that have ended, oldest first.
    pub(super) inbound: VecDeque<InboundStream>,
    /// It is in line for its turn.
    pub(super) is_in_line: bool,
    /// The number of times that it is still passed over, since its last message took the time of several.
    pub(super) debt: usize,
    /// Its last connection has ended, and it goes once what is left of its streams has been looked at.
    pub(super) is_leaving: bool,
    /// What these hold of what has come.
    pub(super) inbound_bytes: usize,
    /// What it subscribes to.
    pub(super) topics: BTreeSet<Topic>,
    /// What these take.
    pub(super) topic_bytes: usize,
    /// What it has been told that we subscribe to.
    announced: BTreeSet<Topic>,
    /// What it has been told, on our stream of now, that we do not any more: who knows whether it has read that.
    withdrawn: BTreeSet<Topic>,
    /// It may have to be told more.
    pub(super) is_stale: bool,
    pub(super) outbox: Outbox,
    /// The owner knows of it: it speaks the protocol.
    pub(super) is_told: bool,
    /// How often our stream has been opened again.
    attempts: u32,
    /// Its place among all.
    pub(super) place: PeerPlace,
    /// The address that it shares with few, if it does.
    pub(super) address: Option<AddressGroup>,
    pub(super) counters: PeerCounters,
    /// Which of the messages that are remembered it has sent.
    pub(super) sent: SentBy,
    /// How often it has repeated one of them lately, and sent what is none.
    pub(super) repeats: Bucket,
    pub(super) invalid: Bucket,
    /// The topics that it has left, less those that it has subscribed to since.
    pub(super) topics_left: u32,
    pub(super) resubscriptions: Bucket,
}

/// Our stream to a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OutboundStream {
    /// There is none, until something happens that makes one possible.
    None,
    /// It is opened again at a time.
    Waiting(Duration),
    Opening(StreamId),
    Open {
        stream: StreamId,
        since: Duration,
    },
    /// It does not speak the protocol, or was tried too often.
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

    /// Our stream has opened: all that we subscribe to is announced on it, and taken back what the peer may believe
    /// from one before.
    pub(super) fn opened(&mut self, stream: StreamId, now: Duration, subscriptions: &BTreeSet<Topic>) {
        self.outbound = OutboundStream::Open { stream, since: now };
        self.announced.append(&mut self.withdrawn);
        self.announced.retain(|topic| !subscriptions.contains(topic));
        self.is_stale = true;
    }

    /// Our stream has ended.
    pub(super) fn closed(&mut self, now: Duration, config: &Config) {
        if let OutboundStream::Open { since, .. } = self.outbound
            && now >= since.saturating_add(config.reopen_at_most_after)
        {
            self.attempts = 0;
        }
        self.outbound = OutboundStream::None;
        self.outbox.restart();
    }

    /// When to try again, or `None` if that has been done often enough.
    pub(super) fn retry(&mut self, now: Duration, config: &Config) -> Option<Duration> {
        if self.attempts >= config.reopen_attempts {
            return None;
        }
        let factor = 1u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        self.attempts.raise(1);
        let wait = config.reopen_after.saturating_mul(factor).min(config.reopen_at_most_after);
        Some(now.saturating_add(wait.max(MIN_WAIT)))
    }

    /// The stream of ours that is there, open or opening.
    pub(super) const fn stream(&self) -> Option<StreamId> {
        match self.outbound {
            OutboundStream::Opening(stream) | OutboundStream::Open { stream, .. } => Some(stream),
            OutboundStream::None | OutboundStream::Waiting(_) | OutboundStream::Refused => None,
        }
    }

    pub(super) fn inbound(&mut self, stream: StreamId) -> Option<&mut InboundStream> {
        self.inbound.iter_mut().find(|inbound| inbound.stream == stream)
    }

    /// The first of its streams of which there may be something to be looked at.
    pub(super) fn due(&mut self) -> Option<&mut InboundStream> {
        self.inbound.iter_mut().find(|inbound| inbound.state != InboundState::Idle)
    }

    /// Whether something is left of its streams that have ended.
    pub(super) fn has_rest(&self) -> bool {
        self.inbound.iter().any(|inbound| inbound.state == InboundState::Ended)
    }

    /// The oldest stream, if there are more than so many of which none has ended, and nothing is to be looked at that
    /// came on it: what has come is not lost.
    pub(super) fn oldest_beyond(&self, most: usize) -> Option<StreamId> {
        let mut live = self.inbound.iter().filter(|inbound| inbound.state != InboundState::Ended);
        let oldest = live.next()?;
        (live.count() >= most && oldest.state == InboundState::Idle).then_some(oldest.stream)
    }

    /// What is to be written next.
    pub(super) fn next(&mut self, subscriptions: &BTreeSet<Topic>) -> Option<&[u8]> {
        let Self { outbox, announced, withdrawn, is_stale, .. } = self;
        outbox.next(|| if *is_stale { announcement(announced, withdrawn, subscriptions, is_stale) } else { None })
    }
}

/// What the peer does not know yet of our subscriptions, or as much of it as one RPC is to carry.
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
