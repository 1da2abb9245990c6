//! [`StreamDeadlines`]: the deadlines of the streams of one connection. [`DeadlineQueue`]: the streams with the same kind of
//! wait, the stream that has waited longest first. All waits in one queue have the same timeout, so the head has the
//! earliest deadline. The links of a queue are fields of the streams themselves: appending a stream, removing a stream and
//! looking at the head cost O(1) and no memory. Half-open streams for which the owner has set a time of their own are in a
//! separate queue, whose order is not the order of their deadlines: [`OwnTimes`] keeps these deadlines.

mod own_times;

use super::Now;
use super::config::Config;
use super::packed_time::PackedTime;
use crate::lifecycle::{StreamId, Table};
use core::num::NonZeroU32;
use core::time::Duration;
use own_times::OwnTimes;

/// The kind of a stream's wait. It selects the queue that the stream is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StreamWait {
    /// The stream waits for the peer's answer to the protocol that we have proposed.
    Negotiation,
    /// The stream waits for the peer's next proposal, since we speak none of the protocols that the peer has proposed so
    /// far.
    Proposal,
    /// The stream is half-open: it waits for the end of the peer's half, after the end of our half; or for window for our
    /// half, after the end of the peer's half.
    HalfOpen,
    /// The stream is half-open and waits for the peer, as in `HalfOpen`. The owner has set a half-open timeout for this
    /// stream alone.
    OwnHalfOpen,
    /// The stream waits for the end of the peer's half, after the owner has closed the stream.
    Close,
}

impl StreamWait {
    /// Returns the maximum duration of this kind of wait, or `None` if there is no limit, or if each stream has a limit of
    /// its own.
    const fn time(self, config: &Config) -> Option<Duration> {
        match self {
            Self::Negotiation | Self::Proposal => Some(config.negotiation_timeout),
            Self::HalfOpen => config.half_open_timeout,
            Self::OwnHalfOpen => None,
            Self::Close => Some(config.close_timeout),
        }
    }
}

/// A stream's links in its [`DeadlineQueue`]. They have no meaning while the stream is in no queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueNode {
    /// The time at which the stream began to wait.
    since: PackedTime,
    before: Neighbour,
    after: Neighbour,
}

// Each stream contains one, whether it waits or not.
const _: () = assert!(size_of::<QueueNode>() <= 16);

/// The slot of a neighbour in a queue, or nothing. A slot takes half the memory of an id. A stream leaves its queue before
/// it leaves the table, so its slot is enough to find it. If an owner removes a stream from the table too early, another
/// stream may take the slot: a neighbour is therefore valid only if it links back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Neighbour(Option<NonZeroU32>);

impl Neighbour {
    const NONE: Self = Self(None);

    /// Makes a link to a stream. The link counts slots from 1; an index has 30 bits, so the sum does not wrap.
    fn to(id: StreamId) -> Self {
        Self(NonZeroU32::new((id.index() as u32).wrapping_add(1)))
    }

    fn id<S>(self, streams: &Table<StreamId, S>) -> Option<StreamId> {
        streams.key_at(self.0?.get().wrapping_sub(1) as usize)
    }
}

impl QueueNode {
    /// The node of a stream that is in no queue.
    pub(super) const NOWHERE: Self =
        Self { since: PackedTime::UNTIMED, before: Neighbour::NONE, after: Neighbour::NONE };
}

/// An entry of a [`DeadlineQueue`]. The kind of wait and the node are two fields: if the kind, which is one byte, were a
/// part of the node, padding would make the node eight bytes larger.
pub(super) trait Queued {
    fn node(&self) -> (Option<StreamWait>, &QueueNode);
    fn node_mut(&mut self) -> (&mut Option<StreamWait>, &mut QueueNode);
}

/// The streams of one connection with the same kind of wait, in the order in which they began to wait.
#[derive(Debug)]
pub(super) struct DeadlineQueue {
    wait: StreamWait,
    ends: Option<(StreamId, StreamId)>,
}

impl DeadlineQueue {
    pub(super) const fn new(wait: StreamWait) -> Self {
        Self { wait, ends: None }
    }

    /// Returns the stream that has waited longest, and the time at which it began to wait.
    fn longest<S: Queued>(&self, streams: &Table<StreamId, S>) -> Option<(Duration, StreamId)> {
        let (head, _) = self.ends?;
        let (wait, node) = streams.get(head)?.node();
        wait.map(|_| (node.since.time().or_never(), head))
    }

    /// Returns the earliest deadline in this queue, and the stream that has it.
    fn first<S: Queued>(&self, streams: &Table<StreamId, S>, config: &Config) -> Option<(Duration, StreamId)> {
        let time = self.wait.time(config)?;
        self.longest(streams).map(|(since, id)| (since.saturating_add(time), id))
    }

    /// Appends a stream to this queue. The stream must be in no queue.
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

    /// Inserts a stream that is in no queue after all streams that have waited at least as long. The search starts at the
    /// end of the queue and passes each stream that has waited less long, since most streams belong at the end.
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

    /// Removes a stream from this queue. `left` contains the links that the stream had in this queue.
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

/// Returns the node of a stream, or `None` if the stream is in no queue.
fn node_of<S: Queued>(streams: &mut Table<StreamId, S>, id: StreamId) -> Option<&mut QueueNode> {
    let (wait, node) = streams.get_mut(id)?.node_mut();
    wait.map(|_| node)
}

/// Returns the neighbour before the stream with this node, if that neighbour links back.
fn before<S: Queued>(
    streams: &mut Table<StreamId, S>,
    id: StreamId,
    node: QueueNode,
) -> Option<(StreamId, &mut QueueNode)> {
    let before = node.before.id(streams)?;
    let node = node_of(streams, before).filter(|before| before.after == Neighbour::to(id))?;
    Some((before, node))
}

/// Returns the neighbour after the stream with this node, if that neighbour links back.
fn after<S: Queued>(
    streams: &mut Table<StreamId, S>,
    id: StreamId,
    node: QueueNode,
) -> Option<(StreamId, &mut QueueNode)> {
    let after = node.after.id(streams)?;
    let node = node_of(streams, after).filter(|after| after.before == Neighbour::to(id))?;
    Some((after, node))
}

/// The queues of waiting streams of one connection. A stream is in at most one of the queues.
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

    /// Moves a stream to the queue of `wait`. The stream counts as waiting since `since`.
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

    /// Puts a stream that is in no queue into the queue for the peer's next proposal. `since` may be earlier than the time
    /// at which other streams in that queue began to wait.
    pub(super) fn join_proposal<S: Queued>(&mut self, streams: &mut Table<StreamId, S>, id: StreamId, since: Now) {
        self.of(StreamWait::Proposal).push_in_order(streams, id, since);
    }

    /// Sets a half-open timeout that applies to this stream alone. The stream must be in no queue.
    pub(super) fn set_own_time(&mut self, id: StreamId, time: Option<Duration>) {
        self.own.set(id, time);
    }

    /// Removes the half-open timeout that applies to this stream alone. The stream must be in no queue.
    pub(super) fn forget_own_time(&mut self, id: StreamId) {
        self.own.forget(id);
    }

    /// Returns the half-open stream that has been silent longest, and the time since which it has been silent.
    pub(super) fn silent_longest<S: Queued>(&self, streams: &Table<StreamId, S>) -> Option<(Duration, StreamId)> {
        let [_, _, half_open, own_half_open, _] = &self.queues;
        half_open.longest(streams).into_iter().chain(own_half_open.longest(streams)).min()
    }

    /// Removes a stream from the queue that it is in, if it is in one.
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

    /// Starts the time of the streams that joined a queue without a time: they count as waiting since `now`. These streams
    /// are at the ends of their queues.
    pub(super) fn count_from<S: Queued>(&mut self, streams: &mut Table<StreamId, S>, now: Duration) {
        for queue in &self.queues {
            let mut next = queue.ends.map(|(_, tail)| tail);
            while let Some(id) = next {
                // Streams join a queue in the order of time, and a wait without a time is the latest: so the search ends at
                // the first stream with a time.
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

    /// Returns the earliest deadline of all queues, and the stream that has it.
    pub(super) fn first<S: Queued>(
        &self,
        streams: &Table<StreamId, S>,
        config: &Config,
    ) -> Option<(Duration, StreamId)> {
        // A stream that its owner has removed from the table too early must not hide the deadlines of other streams.
        let own = self.own.first(|id| streams.get(id).is_some());
        self.queues.iter().filter_map(|queue| queue.first(streams, config)).chain(own).min()
    }
}

#[cfg(test)]
mod tests;
