//! [`Readiness`]: what can be read, written or looked at again, beside the events.

use super::refusals::{Refusal, RefusedAt};
use crate::lifecycle::{ListenerId, StreamId};
use core::num::NonZeroU32;
use core::time::Duration;

/// Something that an owner may want to act on. Coalesced: however much happens, each stream and listener is named once
/// until it has been taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Readiness {
    /// A stream. It is named from its `OpenedStream` on and until its last event (what is unread then,
    /// [`take_unread`](super::Swarm::take_unread) gives), and again only after a short read or
    /// write: so read until [`ReadError::Blocked`](crate::connection::ReadError::Blocked), less than was asked for, or
    /// the end; write until less is taken than was given, or flush until that is not blocked.
    Stream {
        /// Which.
        stream: StreamId,
        /// Whether a read gives bytes or the end.
        readable: bool,
        /// Whether there is place again, after a short write, or what was written has been sent, after a flush that was
        /// blocked: try both again.
        writable: bool,
    },
    /// The addresses of an open listener have changed since its `Listen`, or since this was said last:
    /// [`Swarm::listener`](super::Swarm::listener) has them.
    Addresses {
        /// Which.
        listener: ListenerId,
    },
    /// Something of a peer's was refused, or was over before it had an id: at most once a second for each
    /// connection or listener and kind, from its opening event on and until its last event. What is refused within that
    /// second is told at its end, and [`poll_at`](super::Swarm::poll_at) asks for a turn then.
    ///
    /// When the last event of a connection is told, [`Swarm::refused_at`](super::Swarm::refused_at) has its whole counts,
    /// which no readiness may have told in full.
    Refused {
        /// The connection; or the listener, where the peer was not authenticated.
        of: RefusedAt,
        /// The kind of refusal.
        kind: Refusal,
        /// The number since this was told last, at least 1.
        count: u64,
    },
}

/// The news that the owner of a stream waits for, in eight bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamReadiness {
    /// The lowest bit: `OpenedStream` has been handed out. Above it, a [`Wanted`] of two bits at each place.
    wanted: u8,
    /// The number of the batch that has what was written last, in 24 bits.
    batch: [u8; 3],
    /// The beginning of the stream. It stands here since it takes no more room than it needs.
    began: Began,
}

/// Says that `OpenedStream` has been handed out.
const ANNOUNCED: u8 = 1;

/// The places of the operations.
#[derive(Clone, Copy)]
enum Operation {
    /// Of something to read. The owner waits for it once a read was short, or while there was none yet.
    Read = 1,
    /// Of place. The owner waits for it once a write was short.
    Write = 3,
    /// Of what was written to have been sent: apart from `Write`, which a short write takes back.
    Flush = 5,
}

/// The memory of a [`StreamReadiness`] and its generation. A swarm has one for each stream of each connection, idle or
/// not.
pub(super) const STREAM_READINESS: usize = size_of::<Option<(NonZeroU32, StreamReadiness)>>();
const _: () = assert!(STREAM_READINESS <= 12);

/// The time at which a stream began, in a quarter of the memory of a [`Duration`]: in 64ths of a second, on a clock that begins
/// anew every 776 days.
#[derive(Clone, Copy, Debug)]
pub(super) struct Began(u32);

/// Nanoseconds in a 64th of a second.
const TICK: u32 = 1_000_000_000 / 64;

impl Began {
    pub(super) const fn new(time: Duration) -> Self {
        // What is cut off is whole turns of the clock.
        Self((time.as_secs() as u32).wrapping_mul(64).wrapping_add(time.subsec_nanos() / TICK))
    }

    /// Returns the time since then, which is exact to a 64th of a second. After 776 days it begins at 0 again.
    pub(super) fn age(self, now: Duration) -> Duration {
        let ticks = Self::new(now).0.wrapping_sub(self.0);
        Duration::new((ticks / 64).into(), ticks % 64 * TICK)
    }
}

/// How it stands with something that an owner may wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wanted {
    /// The owner does not wait for it, or was told.
    None = 0,
    Waits = 1,
    /// It has come, and the owner was not told.
    Granted = 2,
}

impl StreamReadiness {
    /// That of a stream that begins now.
    pub(super) const fn new(now: Duration) -> Self {
        let mut readiness = Self { wanted: 0, batch: [0; 3], began: Began::new(now) };
        readiness.set(Operation::Read, Wanted::Waits);
        readiness
    }

    const fn wanted_of(&self, of: Operation) -> Wanted {
        match self.wanted >> of as u8 & 3 {
            0 => Wanted::None,
            1 => Wanted::Waits,
            _ => Wanted::Granted,
        }
    }

    const fn set(&mut self, of: Operation, wanted_of: Wanted) {
        self.wanted = self.wanted & !(3 << of as u8) | (wanted_of as u8) << of as u8;
    }

    /// It has come.
    fn grant(&mut self, of: Operation) {
        if self.wanted_of(of) == Wanted::Waits {
            self.set(of, Wanted::Granted);
        }
    }

    /// Whether the owner is to be told, which it is not again.
    fn take_granted(&mut self, of: Operation) -> bool {
        let granted = self.wanted_of(of) == Wanted::Granted;
        if granted {
            self.set(of, Wanted::None);
        }
        granted
    }

    /// Returns the time at which the stream began.
    pub(super) const fn began(&self) -> Began {
        self.began
    }

    /// The number of the batch that has what was written last.
    pub(super) const fn batch(&self) -> u32 {
        let [a, b, c] = self.batch;
        u32::from_le_bytes([a, b, c, 0])
    }

    /// Something was written, which this batch has. Its number has 24 bits.
    pub(super) const fn set_batch(&mut self, batch: u32) {
        let [a, b, c, _] = batch.to_le_bytes();
        self.batch = [a, b, c];
    }

    pub(super) const fn announce(&mut self) {
        self.wanted |= ANNOUNCED;
    }

    pub(super) fn readable(&mut self) {
        self.grant(Operation::Read);
    }

    pub(super) fn writable(&mut self) {
        self.grant(Operation::Write);
    }

    pub(super) const fn read_short(&mut self) {
        self.set(Operation::Read, Wanted::Waits);
    }

    pub(super) const fn write_short(&mut self) {
        self.set(Operation::Write, Wanted::Waits);
    }

    /// `true`: it did not wait for that yet.
    pub(super) fn flush_short(&mut self) -> bool {
        let is_new = self.wanted_of(Operation::Flush) != Wanted::Waits;
        self.set(Operation::Flush, Wanted::Waits);
        is_new
    }

    /// What was waited for has been sent.
    pub(super) fn flushed(&mut self) {
        self.grant(Operation::Flush);
    }

    /// The owner has found out by itself.
    pub(super) fn knows_flushed(&mut self) {
        self.take_granted(Operation::Flush);
    }

    /// Whether the owner is to be told now.
    pub(super) fn is_due(&self) -> bool {
        let is_due = |of| self.wanted_of(of) == Wanted::Granted;
        self.wanted & ANNOUNCED != 0
            && (is_due(Operation::Read) || is_due(Operation::Write) || is_due(Operation::Flush))
    }

    /// What is to be told, which is not told again.
    pub(super) fn take(&mut self) -> (bool, bool) {
        // Who is told tries both again, so that it waits for place no more before it has.
        if self.take_granted(Operation::Flush) {
            self.set(Operation::Write, Wanted::Granted);
        }
        (self.take_granted(Operation::Read), self.take_granted(Operation::Write))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_that_is_over_is_told_though_a_write_was_short_since() {
        let mut readiness = StreamReadiness::new(Duration::ZERO);
        readiness.announce();
        assert!(readiness.flush_short());
        readiness.flushed();
        readiness.write_short();
        assert!(readiness.is_due());
        assert_eq!(readiness.take(), (false, true));
        readiness.writable();
        assert!(!readiness.is_due(), "it has not tried again");
        readiness.write_short();
        readiness.writable();
        assert_eq!(readiness.take(), (false, true));
    }

    #[test]
    fn the_number_of_a_batch_leaves_the_wishes_alone() {
        let mut readiness = StreamReadiness::new(Duration::ZERO);
        readiness.announce();
        for batch in [0, 1, 0x12_3456, (1 << 24) - 1] {
            readiness.set_batch(batch);
            assert_eq!((readiness.batch(), readiness.is_due(), readiness.take()), (batch, false, (false, false)));
            readiness.readable();
            assert_eq!(readiness.take(), (true, false));
            readiness.read_short();
        }
    }

    #[test]
    fn a_stream_knows_its_age_to_a_64th_of_a_second_whatever_the_clock() {
        let each = Duration::from_nanos(TICK.into());
        for began in [Duration::ZERO, Duration::new(1, 999_999_999), Duration::new(1 << 26, 1), Duration::MAX / 2] {
            for age in
                [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(60), Duration::from_secs(67_000_000)]
            {
                let told = StreamReadiness::new(began).began().age(began + age);
                assert!(told <= age + each && told + each >= age, "{told:?} for {age:?}");
            }
        }
    }

    #[test]
    fn of_a_flush_that_its_owner_knows_to_be_over_nothing_is_told() {
        let mut readiness = StreamReadiness::new(Duration::ZERO);
        readiness.announce();
        readiness.flush_short();
        readiness.flushed();
        readiness.knows_flushed();
        assert!(!readiness.is_due());
        readiness.flushed();
        assert!(!readiness.is_due(), "nobody waits");
    }
}
