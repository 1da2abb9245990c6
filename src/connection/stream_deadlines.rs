//! [`DeadlineQueue`]: streams of one connection that wait for the same thing, the one that has waited longest first.
//!
//! All that wait in one queue wait equally long, so that the head has the earliest deadline. The links go through the
//! streams themselves: joining, leaving and looking cost O(1) and no memory. Half-open streams whose owner has given
//! them a time of their own are in a queue apart, whose order says nothing of deadlines: [`OwnTimes`] has those.

mod own_times;

use super::Now;
use super::config::Config;
use super::packed_time::PackedTime;
use crate::lifecycle::{StreamId, Table};
use core::num::NonZeroU32;
use core::time::Duration;
use own_times::OwnTimes;

/// What a stream waits for, which is also the queue that it hangs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StreamWait {
    /// For the peer's word on the protocol that we have proposed.
    Negotiation,
    /// For the peer's next proposal, since we speak none of those that have come.
    Proposal,
    /// For the peer's other half: ours is over and nothing comes, or theirs is and they grant nothing.
    HalfOpen,
    /// The same, with a time of its own.
    OwnHalfOpen,
    /// For the peer to be done, after the owner closed the stream.
    Close,
}

impl StreamWait {
    /// Returns the time that each stream in this queue may wait; `None` if there is no limit, or a limit for each.
    const fn time(self, config: &Config) -> Option<Duration> {
        match self {
            Self::Negotiation | Self::Proposal => Some(config.negotiation_timeout),
            Self::HalfOpen => config.half_open_timeout,
            Self::OwnHalfOpen => None,
            Self::Close => Some(config.close_timeout),
        }
    }
}

/// A stream's links in the [`DeadlineQueue`] of what it waits for; it means nothing while the stream waits for nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueNode {
    /// The time at which the stream began to wait.
    since: PackedTime,
    before: Neighbour,
    after: Neighbour,
}

const _: () = assert!(size_of::<QueueNode>() <= 16);

/// The slot of a neighbour in a queue, or none: half the memory of its id. A stream leaves its queue before it leaves
/// the table, so that its slot is enough; who does not lead back is no neighbour, but sits there after one whose owner
/// took it out too early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Neighbour(Option<NonZeroU32>);

impl Neighbour {
    const NONE: Self = Self(None);

    /// Counted from 1: an index is of 30 bits, so that this does not wrap.
    fn to(id: StreamId) -> Self {
        Self(NonZeroU32::new((id.index() as u32).wrapping_add(1)))
    }

    fn id<S>(self, streams: &Table<StreamId, S>) -> Option<StreamId> {
        streams.key_at(self.0?.get().wrapping_sub(1) as usize)
    }
}

impl QueueNode {
    /// That of what waits for nothing.
    pub(super) const NOWHERE: Self =
        Self { since: PackedTime::UNTIMED, before: Neighbour::NONE, after: Neighbour::NONE };
}

/// What has a place in a queue. The two are apart, since a byte beside the place would cost eight.
pub(super) trait Queued {
    fn node(&self) -> (Option<StreamWait>, &QueueNode);
    fn node_mut(&mut self) -> (&mut Option<StreamWait>, &mut QueueNode);
}

/// The streams that wait for one thing.
#[derive(Debug)]
pub(super) struct DeadlineQueue {
    wait: StreamWait,
    ends: Option<(StreamId, StreamId)>,
}

impl DeadlineQueue {
    pub(super) const fn new(wait: StreamWait) -> Self {
        Self { wait, ends: None }
    }

    /// The stream that has waited longest, and since when.
    fn longest<S: Queued>(&self, streams: &Table<StreamId, S>) -> Option<(Duration, StreamId)> {
        let (head, _) = self.ends?;
        let (wait, node) = streams.get(head)?.node();
        wait.map(|_| (node.since.time().or_never(), head))
    }

    /// The earliest deadline and whose it is.
    fn first<S: Queued>(&self, streams: &Table<StreamId, S>, config: &Config) -> Option<(Duration, StreamId)> {
        let time = self.wait.time(config)?;
        self.longest(streams).map(|(since, id)| (since.saturating_add(time), id))
    }

    /// Appends a stream that hangs on no queue.
    fn push<S: Queued>(&mut self, streams: &mut Table<StreamId, S>, id: StreamId, since: Now) {
        let before = self.ends.map(|(_, tail)| tail);
        let Some(stream) = streams.get_mut(id) else { return };
        let (wait, node) = stream.node_mut();
        *wait = Some(self.wait);
        *node = QueueNode {
            since: PackedTime::new(since),
            before: before.map_or(Neighbour::NONE, Neighbour::to),
            after: Neighbour::NONE,
        };
        match before.and_then(|tail| node_of(streams, tail)) {
            Some(tail) => tail.after = Neighbour::to(id),
            None => self.ends = Some((id, id)),
        }
        if let Some((_, tail)) = &mut self.ends {
            *tail = id;
        }
    }

    /// Puts in a stream that hangs on no queue, behind all that have waited as long: where most belong at the end, it takes
    /// a step for each of those that have not.
    fn push_in_order<S: Queued>(&mut self, streams: &mut Table<StreamId, S>, id: StreamId, since: Now) {
        let (moment, mut after) = (PackedTime::new(since), None);
        let mut before = self.ends.map(|(_, tail)| tail);
        while let Some((tail, node)) = before.and_then(|tail| Some((tail, *node_of(streams, tail)?)))
            && node.since > moment
        {
            after = Some(tail);
            before = self::before(streams, tail, node).map(|(id, _)| id);
        }
        let Some(younger) = after else { return self.push(streams, id, since) };
        let Some(stream) = streams.get_mut(id) else { return };
        let (wait, node) = stream.node_mut();
        *wait = Some(self.wait);
        *node = QueueNode {
            since: moment,
            before: before.map_or(Neighbour::NONE, Neighbour::to),
            after: Neighbour::to(younger),
        };
        if let Some(node) = node_of(streams, younger) {
            node.before = Neighbour::to(id);
        }
        match before.and_then(|older| node_of(streams, older)) {
            Some(node) => node.after = Neighbour::to(id),
            None => self.ends = self.ends.map(|(_, tail)| (id, tail)),
        }
    }

    /// Takes out a stream whose place was here.
    fn unlink<S: Queued>(&mut self, streams: &mut Table<StreamId, S>, id: StreamId, left: QueueNode) {
        let before = before(streams, id, left).map(|(id, node)| {
            node.after = left.after;
            id
        });
        let after = after(streams, id, left).map(|(id, node)| {
            node.before = left.before;
            id
        });
        self.ends = self.ends.and_then(|(head, tail)| {
            let head = if left.before == Neighbour::NONE { after? } else { head };
            let tail = if left.after == Neighbour::NONE { before? } else { tail };
            Some((head, tail))
        });
    }
}

/// The place of a stream that waits for something.
fn node_of<S: Queued>(streams: &mut Table<StreamId, S>, id: StreamId) -> Option<&mut QueueNode> {
    let (wait, node) = streams.get_mut(id)?.node_mut();
    wait.map(|_| node)
}

/// Who is before a stream with this place, if that leads back.
fn before<S: Queued>(
    streams: &mut Table<StreamId, S>,
    id: StreamId,
    node: QueueNode,
) -> Option<(StreamId, &mut QueueNode)> {
    let before = node.before.id(streams)?;
    let node = node_of(streams, before).filter(|before| before.after == Neighbour::to(id))?;
    Some((before, node))
}

/// Who is after it, likewise.
fn after<S: Queued>(
    streams: &mut Table<StreamId, S>,
    id: StreamId,
    node: QueueNode,
) -> Option<(StreamId, &mut QueueNode)> {
    let after = node.after.id(streams)?;
    let node = node_of(streams, after).filter(|after| after.before == Neighbour::to(id))?;
    Some((after, node))
}

/// The queues of one connection. A stream hangs on at most one of them.
#[derive(Debug)]
pub(super) struct StreamDeadlines {
    queues: [DeadlineQueue; 5],
    own: OwnTimes,
}

impl StreamDeadlines {
    pub(super) const fn new() -> Self {
        let waits = [
            StreamWait::Negotiation,
            StreamWait::Proposal,
            StreamWait::HalfOpen,
            StreamWait::OwnHalfOpen,
            StreamWait::Close,
        ];
        let [negotiation, proposal, half_open, own_half_open, close] = waits;
        let queues = [
            DeadlineQueue::new(negotiation),
            DeadlineQueue::new(proposal),
            DeadlineQueue::new(half_open),
            DeadlineQueue::new(own_half_open),
            DeadlineQueue::new(close),
        ];
        Self { queues, own: OwnTimes::new() }
    }

    const fn of(&mut self, wait: StreamWait) -> &mut DeadlineQueue {
        let [negotiation, proposal, half_open, own_half_open, close] = &mut self.queues;
        match wait {
            StreamWait::Negotiation => negotiation,
            StreamWait::Proposal => proposal,
            StreamWait::HalfOpen => half_open,
            StreamWait::OwnHalfOpen => own_half_open,
            StreamWait::Close => close,
        }
    }

    /// Makes a stream wait for `wait` from `since` on, and for nothing else any more.
    pub(super) fn join<S: Queued>(
        &mut self,
        streams: &mut Table<StreamId, S>,
        id: StreamId,
        wait: StreamWait,
        since: Now,
    ) {
        self.leave(streams, id);
        self.of(wait).push(streams, id, since);
        if wait == StreamWait::OwnHalfOpen {
            self.own.begin(id, since);
        }
    }

    /// Makes a stream that waits for nothing wait for the peer's next proposal, since a time that may lie before that of
    /// others that do.
    pub(super) fn join_proposal<S: Queued>(&mut self, streams: &mut Table<StreamId, S>, id: StreamId, since: Now) {
        self.of(StreamWait::Proposal).push_in_order(streams, id, since);
    }

    /// Gives a stream that waits for nothing a time of its own for its half-open waits.
    pub(super) fn set_own_time(&mut self, id: StreamId, time: Option<Duration>) {
        self.own.set(id, time);
    }

    /// Forgets the time of a stream that waits for nothing.
    pub(super) fn forget_own_time(&mut self, id: StreamId) {
        self.own.forget(id);
    }

    /// The half-open stream that has been silent longest, and since when.
    pub(super) fn silent_longest<S: Queued>(&self, streams: &Table<StreamId, S>) -> Option<(Duration, StreamId)> {
        let [_, _, half_open, own_half_open, _] = &self.queues;
        half_open.longest(streams).into_iter().chain(own_half_open.longest(streams)).min()
    }

    /// Makes a stream wait for nothing.
    pub(super) fn leave<S: Queued>(&mut self, streams: &mut Table<StreamId, S>, id: StreamId) {
        let Some(stream) = streams.get_mut(id) else { return };
        let (wait, node) = stream.node_mut();
        if let Some(wait) = wait.take() {
            let left = *node;
            if wait == StreamWait::OwnHalfOpen {
                self.own.end(id, left.since.time());
            }
            self.of(wait).unlink(streams, id, left);
        }
    }

    /// Who joined without a time begins to wait now. They are the last of their queues.
    pub(super) fn count_from<S: Queued>(&mut self, streams: &mut Table<StreamId, S>, now: Duration) {
        for queue in &self.queues {
            let mut next = queue.ends.map(|(_, tail)| tail);
            while let Some(id) = next {
                let Some(node) = node_of(streams, id).filter(|node| node.since.is_untimed()) else {
                    break;
                };
                node.since = PackedTime::new(now.into());
                let node = *node;
                if queue.wait == StreamWait::OwnHalfOpen {
                    self.own.begin(id, now.into());
                }
                next = before(streams, id, node).map(|(id, _)| id);
            }
        }
    }

    /// The earliest deadline of all.
    pub(super) fn first<S: Queued>(
        &self,
        streams: &Table<StreamId, S>,
        config: &Config,
    ) -> Option<(Duration, StreamId)> {
        let own = self.own.first(|id| streams.get(id).is_some());
        self.queues.iter().filter_map(|queue| queue.first(streams, config)).chain(own).min()
    }
}

#[cfg(test)]
mod tests;
