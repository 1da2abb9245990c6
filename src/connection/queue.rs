//! [`Queue`]: streams of one connection that wait for the same length of time, oldest deadline first.
//!
//! All that wait in one queue wait equally long, so that whoever joins has the latest deadline and the head the
//! earliest. The links go through the streams themselves: joining, leaving and looking cost O(1) and no memory.

use super::UNTIMED;
use super::config::Config;
use crate::lifecycle::{StreamId, Table};
use core::num::NonZeroU32;
use core::time::Duration;

/// What a stream waits for, which is also the queue that it hangs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    /// For the peer's word on the protocol.
    Negotiation,
    /// For the peer's other half: ours is over and nothing comes, or theirs is and they grant nothing.
    HalfOpen,
    /// For the peer to be done, after the owner closed the stream.
    Close,
}

/// A stream's place in the [`Queue`] of what it waits for; it means nothing while the stream waits for nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    deadline: Moment,
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

    /// Counted from 1: an index is of 30 bits.
    fn to(id: StreamId) -> Self {
        Self(NonZeroU32::new(id.index() as u32 + 1))
    }

    fn id<S>(self, streams: &Table<StreamId, S>) -> Option<StreamId> {
        streams.key_at(self.0?.get() as usize - 1)
    }
}

/// A time in nanoseconds, in half the memory. What is further away than 584 years, [`UNTIMED`] above all, never comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Moment(u64);

impl Moment {
    const UNTIMED: Self = Self(u64::MAX);

    fn new(time: Duration) -> Self {
        u64::try_from(time.as_nanos()).map_or(Self::UNTIMED, Self)
    }

    fn time(self) -> Duration {
        if self == Self::UNTIMED { UNTIMED } else { Duration::from_nanos(self.0) }
    }
}

impl Place {
    /// That of what waits for nothing.
    pub(super) const NOWHERE: Self = Self { deadline: Moment::UNTIMED, before: Link::NONE, after: Link::NONE };
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

    /// The earliest deadline and whose it is.
    pub(super) fn first<S: Placed>(&self, streams: &Table<StreamId, S>) -> Option<(Duration, StreamId)> {
        let (head, _) = self.ends?;
        let (wait, place) = streams.get(head)?.place();
        wait.map(|_| (place.deadline.time(), head))
    }

    /// Appends a stream that hangs on no queue.
    fn push<S: Placed>(&mut self, streams: &mut Table<StreamId, S>, id: StreamId, deadline: Duration) {
        let before = self.ends.map(|(_, tail)| tail);
        let Some(stream) = streams.get_mut(id) else { return };
        let (wait, place) = stream.place_mut();
        *wait = Some(self.wait);
        *place =
            Place { deadline: Moment::new(deadline), before: before.map_or(Link::NONE, Link::to), after: Link::NONE };
        match before.and_then(|tail| place_of(streams, tail)) {
            Some(tail) => tail.after = Link::to(id),
            None => self.ends = Some((id, id)),
        }
        if let Some((_, tail)) = &mut self.ends {
            *tail = id;
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
pub(super) struct Queues([Queue; 3]);

impl Queues {
    pub(super) const fn new() -> Self {
        Self([Queue::new(Wait::Negotiation), Queue::new(Wait::HalfOpen), Queue::new(Wait::Close)])
    }

    const fn of(&mut self, wait: Wait) -> &mut Queue {
        &mut self.0[wait as usize]
    }

    /// Makes a stream wait for `wait` until `deadline`, and for nothing else any more.
    pub(super) fn join<S: Placed>(
        &mut self,
        streams: &mut Table<StreamId, S>,
        id: StreamId,
        wait: Wait,
        deadline: Duration,
    ) {
        self.leave(streams, id);
        self.of(wait).push(streams, id, deadline);
    }

    /// Makes a stream wait for nothing.
    pub(super) fn leave<S: Placed>(&mut self, streams: &mut Table<StreamId, S>, id: StreamId) {
        let Some(stream) = streams.get_mut(id) else { return };
        let (wait, place) = stream.place_mut();
        if let Some(wait) = wait.take() {
            let left = *place;
            self.of(wait).unlink(streams, id, left);
        }
    }

    /// Who joined without a time begins to wait now. They are the last of their queues.
    pub(super) fn count_from<S: Placed>(&self, streams: &mut Table<StreamId, S>, config: &Config, now: Duration) {
        for queue in &self.0 {
            let time = match queue.wait {
                Wait::Negotiation => config.negotiation_timeout,
                Wait::HalfOpen => config.half_open_timeout,
                Wait::Close => config.close_timeout,
            };
            let mut next = queue.ends.map(|(_, tail)| tail);
            while let Some(id) = next {
                let Some(place) = place_of(streams, id).filter(|place| place.deadline == Moment::UNTIMED) else {
                    break;
                };
                place.deadline = Moment::new(now.saturating_add(time));
                let place = *place;
                next = before(streams, id, place).map(|(id, _)| id);
            }
        }
    }

    /// The earliest deadline of all.
    pub(super) fn first<S: Placed>(&self, streams: &Table<StreamId, S>) -> Option<(Duration, StreamId)> {
        self.0.iter().filter_map(|queue| queue.first(streams)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{Direction, Failure, Lifecycle, Limits};
    use alloc::vec::Vec;

    impl Placed for (Option<Wait>, Place) {
        fn place(&self) -> (Option<Wait>, &Place) {
            (self.0, &self.1)
        }

        fn place_mut(&mut self) -> (&mut Option<Wait>, &mut Place) {
            (&mut self.0, &mut self.1)
        }
    }

    type Streams = Table<StreamId, (Option<Wait>, Place)>;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn streams(n: u32) -> (Streams, Vec<StreamId>) {
        let mut lifecycle = Lifecycle::<8>::new(Limits::default());
        let connection = lifecycle.begin_connection(Direction::Outbound).unwrap();
        lifecycle.opened(connection).unwrap();
        let ids: Vec<_> = (0..n).map(|_| lifecycle.begin_stream(connection, Direction::Outbound).unwrap()).collect();
        let mut streams = Streams::new();
        for id in &ids {
            streams.insert(*id, (None, Place::NOWHERE));
        }
        (streams, ids)
    }

    /// Who sits in a slot of theirs next.
    fn successor(gone: usize) -> StreamId {
        let mut lifecycle = Lifecycle::<8>::new(Limits::default());
        let connection = lifecycle.begin_connection(Direction::Outbound).unwrap();
        lifecycle.opened(connection).unwrap();
        let ids = [0; 3].map(|_| lifecycle.begin_stream(connection, Direction::Outbound).unwrap());
        lifecycle.fail(ids[gone], Failure::Timeout).unwrap();
        while lifecycle.next_event().is_some() {}
        lifecycle.begin_stream(connection, Direction::Outbound).unwrap()
    }

    fn drain(queues: &mut Queues, streams: &mut Streams) -> Vec<(Duration, StreamId)> {
        let mut out = Vec::new();
        while let Some((deadline, id)) = queues.first(streams) {
            queues.leave(streams, id);
            out.push((deadline, id));
        }
        out
    }

    #[test]
    fn the_earliest_deadline_of_all_queues_comes_first() {
        let (mut streams, ids) = streams(4);
        let mut queues = Queues::new();
        queues.join(&mut streams, ids[0], Wait::Negotiation, secs(5));
        queues.join(&mut streams, ids[1], Wait::Close, secs(3));
        queues.join(&mut streams, ids[2], Wait::Negotiation, secs(6));
        queues.join(&mut streams, ids[3], Wait::HalfOpen, secs(4));
        let order = [(secs(3), ids[1]), (secs(4), ids[3]), (secs(5), ids[0]), (secs(6), ids[2])];
        assert_eq!(drain(&mut queues, &mut streams), order);
    }

    #[test]
    fn a_stream_can_leave_from_the_head_the_middle_and_the_tail() {
        for gone in 0..3 {
            let (mut streams, ids) = streams(3);
            let mut queues = Queues::new();
            for (n, id) in ids.iter().enumerate() {
                queues.join(&mut streams, *id, Wait::Close, secs(n as u64));
            }
            queues.leave(&mut streams, ids[gone]);
            queues.leave(&mut streams, ids[gone]);
            queues.join(&mut streams, ids[gone], Wait::Close, secs(9));
            let mut expected: Vec<_> = (0..3).filter(|n| *n != gone).map(|n| (secs(n as u64), ids[n])).collect();
            expected.push((secs(9), ids[gone]));
            assert_eq!(drain(&mut queues, &mut streams), expected);
        }
    }

    #[test]
    fn who_sits_in_the_slot_of_a_neighbour_that_was_taken_out_too_early_is_left_alone() {
        for gone in [0, 2] {
            let (mut streams, ids) = streams(3);
            let (mut queues, mut others) = (Queues::new(), Queues::new());
            ids.iter().for_each(|id| queues.join(&mut streams, *id, Wait::Close, UNTIMED));
            let next = successor(gone);
            assert_eq!(next.index(), ids[gone].index());
            streams.insert(next, (None, Place::NOWHERE));
            others.join(&mut streams, next, Wait::Close, UNTIMED);
            queues.count_from(&mut streams, &Config::default(), secs(1));
            queues.leave(&mut streams, ids[1]);
            queues.leave(&mut streams, ids[2 - gone]);
            assert_eq!(drain(&mut queues, &mut streams), []);
            assert_eq!(drain(&mut others, &mut streams), [(UNTIMED, next)]);
        }
    }

    #[test]
    fn joining_another_queue_leaves_the_first() {
        let (mut streams, ids) = streams(1);
        let mut queues = Queues::new();
        queues.join(&mut streams, ids[0], Wait::Negotiation, secs(1));
        queues.join(&mut streams, ids[0], Wait::HalfOpen, secs(2));
        assert_eq!(drain(&mut queues, &mut streams), [(secs(2), ids[0])]);
    }
}
