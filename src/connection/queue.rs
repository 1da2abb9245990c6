//! [`Queue`]: streams of one connection that wait for the same thing, the one that has waited longest first.
//!
//! All that wait in one queue wait equally long, so that the head has the earliest deadline. The links go through the
//! streams themselves: joining, leaving and looking cost O(1) and no memory. Half-open streams whose owner has given
//! them a time of their own are in a queue apart, whose order says nothing of deadlines: [`OwnTimes`] has those.

mod own_times;

use super::config::Config;
use super::moment::Moment;
use crate::lifecycle::{StreamId, Table};
use core::num::NonZeroU32;
use core::time::Duration;
use own_times::OwnTimes;

/// What a stream waits for, which is also the queue that it hangs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
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

impl Wait {
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

/// A stream's place in the [`Queue`] of what it waits for; it means nothing while the stream waits for nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The time at which the stream began to wait.
    since: Moment,
    before: Link,
    after: Link,
}

const _: () = assert!(size_of::<Place>() <= 16);

/// The slot of a neighbour in a queue, or none: half the memory of its id. A stream leaves its queue before it leaves
/// the table, so that its slot is enough; who does not lead back is no neighbour, but sits there after one whose owner
/// took it out too early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Link(Option<NonZeroU32>);

impl Link {
    const NONE: Self = Self(None);

    /// Counted from 1: an index is of 30 bits, so that this does not wrap.
    fn to(id: StreamId) -> Self {
        Self(NonZeroU32::new((id.index() as u32).wrapping_add(1)))
    }

    fn id<S>(self, streams: &Table<StreamId, S>) -> Option<StreamId> {
        streams.key_at(self.0?.get().wrapping_sub(1) as usize)
    }
}

impl Place {
    /// That of what waits for nothing.
    pub(super) const NOWHERE: Self = Self { since: Moment::UNTIMED, before: Link::NONE, after: Link::NONE };
}

/// What has a place in a queue. The two are apart, since a byte beside the place would cost eight.
pub(super) trait Placed {
    fn place(&self) -> (Option<Wait>, &Place);
    fn place_mut(&mut self) -> (&mut Option<Wait>, &mut Place);
}

/// The streams that wait for one thing.
#[derive(Debug)]
pub(super) struct Queue {
    wait: Wait,
    ends: Option<(StreamId, StreamId)>,
}

impl Queue {
    pub(super) const fn new(wait: Wait) -> Self {
        Self { wait, ends: None }
    }

    /// The stream that has waited longest, and since when.
    fn longest<S: Placed>(&self, streams: &Table<StreamId, S>) -> Option<(Duration, StreamId)> {
        let (head, _) = self.ends?;
        let (wait, place) = streams.get(head)?.place();
        wait.map(|_| (place.since.time(), head))
    }

    /// The earliest deadline and whose it is.
    fn first<S: Placed>(&self, streams: &Table<StreamId, S>, config: &Config) -> Option<(Duration, StreamId)> {
        let time = self.wait.time(config)?;
        self.longest(streams).map(|(since, id)| (since.saturating_add(time), id))
    }

    /// Appends a stream that hangs on no queue.
    fn push<S: Placed>(&mut self, streams: &mut Table<StreamId, S>, id: StreamId, since: Duration) {
        let before = self.ends.map(|(_, tail)| tail);
        let Some(stream) = streams.get_mut(id) else { return };
        let (wait, place) = stream.place_mut();
        *wait = Some(self.wait);
        *place = Place { since: Moment::new(since), before: before.map_or(Link::NONE, Link::to), after: Link::NONE };
        match before.and_then(|tail| place_of(streams, tail)) {
            Some(tail) => tail.after = Link::to(id),
            None => self.ends = Some((id, id)),
        }
        if let Some((_, tail)) = &mut self.ends {
            *tail = id;
        }
    }

    /// Puts in a stream that hangs on no queue, behind all that have waited as long: where most belong at the end, it takes
    /// a step for each of those that have not.
    fn push_in_order<S: Placed>(&mut self, streams: &mut Table<StreamId, S>, id: StreamId, since: Duration) {
        let (moment, mut after) = (Moment::new(since), None);
        let mut before = self.ends.map(|(_, tail)| tail);
        while let Some((tail, place)) = before.and_then(|tail| Some((tail, *place_of(streams, tail)?)))
            && place.since > moment
        {
            after = Some(tail);
            before = self::before(streams, tail, place).map(|(id, _)| id);
        }
        let Some(younger) = after else { return self.push(streams, id, since) };
        let Some(stream) = streams.get_mut(id) else { return };
        let (wait, place) = stream.place_mut();
        *wait = Some(self.wait);
        *place = Place { since: moment, before: before.map_or(Link::NONE, Link::to), after: Link::to(younger) };
        if let Some(place) = place_of(streams, younger) {
            place.before = Link::to(id);
        }
        match before.and_then(|older| place_of(streams, older)) {
            Some(place) => place.after = Link::to(id),
            None => self.ends = self.ends.map(|(_, tail)| (id, tail)),
        }
    }

    /// Takes out a stream whose place was here.
    fn unlink<S: Placed>(&mut self, streams: &mut Table<StreamId, S>, id: StreamId, left: Place) {
        let before = before(streams, id, left).map(|(id, place)| {
            place.after = left.after;
            id
        });
        let after = after(streams, id, left).map(|(id, place)| {
            place.before = left.before;
            id
        });
        self.ends = self.ends.and_then(|(head, tail)| {
            let head = if left.before == Link::NONE { after? } else { head };
            let tail = if left.after == Link::NONE { before? } else { tail };
            Some((head, tail))
        });
    }
}

/// The place of a stream that waits for something.
fn place_of<S: Placed>(streams: &mut Table<StreamId, S>, id: StreamId) -> Option<&mut Place> {
    let (wait, place) = streams.get_mut(id)?.place_mut();
    wait.map(|_| place)
}

/// Who is before a stream with this place, if that leads back.
fn before<S: Placed>(streams: &mut Table<StreamId, S>, id: StreamId, place: Place) -> Option<(StreamId, &mut Place)> {
    let before = place.before.id(streams)?;
    let place = place_of(streams, before).filter(|before| before.after == Link::to(id))?;
    Some((before, place))
}

/// Who is after it, likewise.
fn after<S: Placed>(streams: &mut Table<StreamId, S>, id: StreamId, place: Place) -> Option<(StreamId, &mut Place)> {
    let after = place.after.id(streams)?;
    let place = place_of(streams, after).filter(|after| after.before == Link::to(id))?;
    Some((after, place))
}

/// The queues of one connection. A stream hangs on at most one of them.
#[derive(Debug)]
pub(super) struct Queues {
    queues: [Queue; 5],
    own: OwnTimes,
}

impl Queues {
    pub(super) const fn new() -> Self {
        let waits = [Wait::Negotiation, Wait::Proposal, Wait::HalfOpen, Wait::OwnHalfOpen, Wait::Close];
        let [negotiation, proposal, half_open, own_half_open, close] = waits;
        let queues = [
            Queue::new(negotiation),
            Queue::new(proposal),
            Queue::new(half_open),
            Queue::new(own_half_open),
            Queue::new(close),
        ];
        Self { queues, own: OwnTimes::new() }
    }

    const fn of(&mut self, wait: Wait) -> &mut Queue {
        let [negotiation, proposal, half_open, own_half_open, close] = &mut self.queues;
        match wait {
            Wait::Negotiation => negotiation,
            Wait::Proposal => proposal,
            Wait::HalfOpen => half_open,
            Wait::OwnHalfOpen => own_half_open,
            Wait::Close => close,
        }
    }

    /// Makes a stream wait for `wait` from `since` on, and for nothing else any more.
    pub(super) fn join<S: Placed>(
        &mut self,
        streams: &mut Table<StreamId, S>,
        id: StreamId,
        wait: Wait,
        since: Duration,
    ) {
        self.leave(streams, id);
        self.of(wait).push(streams, id, since);
        if wait == Wait::OwnHalfOpen {
            self.own.begin(id, since);
        }
    }

    /// Makes a stream that waits for nothing wait for the peer's next proposal, since a time that may lie before that of
    /// others that do.
    pub(super) fn join_proposal<S: Placed>(&mut self, streams: &mut Table<StreamId, S>, id: StreamId, since: Duration) {
        self.of(Wait::Proposal).push_in_order(streams, id, since);
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
    pub(super) fn silent_longest<S: Placed>(&self, streams: &Table<StreamId, S>) -> Option<(Duration, StreamId)> {
        let [_, _, half_open, own_half_open, _] = &self.queues;
        half_open.longest(streams).into_iter().chain(own_half_open.longest(streams)).min()
    }

    /// Makes a stream wait for nothing.
    pub(super) fn leave<S: Placed>(&mut self, streams: &mut Table<StreamId, S>, id: StreamId) {
        let Some(stream) = streams.get_mut(id) else { return };
        let (wait, place) = stream.place_mut();
        if let Some(wait) = wait.take() {
            let left = *place;
            if wait == Wait::OwnHalfOpen {
                self.own.end(id, left.since.time());
            }
            self.of(wait).unlink(streams, id, left);
        }
    }

    /// Who joined without a time begins to wait now. They are the last of their queues.
    pub(super) fn count_from<S: Placed>(&mut self, streams: &mut Table<StreamId, S>, now: Duration) {
        for queue in &self.queues {
            let mut next = queue.ends.map(|(_, tail)| tail);
            while let Some(id) = next {
                let Some(place) = place_of(streams, id).filter(|place| place.since == Moment::UNTIMED) else {
                    break;
                };
                place.since = Moment::new(now);
                let place = *place;
                if queue.wait == Wait::OwnHalfOpen {
                    self.own.begin(id, now);
                }
                next = before(streams, id, place).map(|(id, _)| id);
            }
        }
    }

    /// The earliest deadline of all.
    pub(super) fn first<S: Placed>(
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
