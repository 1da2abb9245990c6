//! [`Readiness`]: notices that a swarm returns besides its events, about streams that can be read or written, about changed
//! addresses, and about refusals.

use super::refusals::{Refusal, RefusedAt};
use crate::lifecycle::{ListenerId, StreamId};
use core::num::NonZeroU32;
use core::time::Duration;

/// A notice on which an owner may want to act. Notices are coalesced: however much happens, at most one notice about each
/// stream or listener waits until the owner takes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Readiness {
    /// A stream can be read or written. The notice is given between the stream's `OpenedStream` and its last event; after
    /// the last event, [`take_unread`](super::Swarm::take_unread) returns the bytes that are still unread. A second notice
    /// is given only after a short read or write. So read until
    /// [`ReadError::Blocked`](crate::connection::ReadError::Blocked), until a read returns fewer bytes than the buffer has,
    /// or until the end of the stream; write until a write accepts fewer bytes than it was given; and flush until the flush
    /// is not blocked.
    Stream {
        /// The id of the stream that can be read or written.
        stream: StreamId,
        /// `true` if a read returns bytes or the end of the stream.
        readable: bool,
        /// `true` if a write accepts bytes again after a short write, or if all written bytes have been sent after a blocked
        /// flush. Try again the operation for which you wait.
        writable: bool,
    },
    /// The addresses of an open listener have changed since its `Listen`, or since the last notice:
    /// [`Swarm::listener`](super::Swarm::listener) returns the new addresses.
    Addresses {
        /// The id of the listener whose addresses have changed.
        listener: ListenerId,
    },
    /// A connection, a stream or a message of a peer was refused, or ended before it had an id. There is at most one notice
    /// in a second for each kind of refusal at each connection or listener, between the opening event and the last event of
    /// the connection or listener. Refusals within that second are reported at its end, and
    /// [`poll_at`](super::Swarm::poll_at) asks for a turn then.
    ///
    /// When the owner takes the last event of a connection, [`Swarm::refused_at`](super::Swarm::refused_at) still returns
    /// its complete counts; the notices may have reported fewer refusals.
    Refused {
        /// The connection on which the refusal happened; or the listener, if the peer was not authenticated.
        of: RefusedAt,
        /// The kind of refusal.
        kind: Refusal,
        /// The number of refusals since the last notice, at least 1.
        count: u64,
    },
}

/// The readiness of one stream, packed into eight bytes together with the stream's last batch and the time of its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamReadiness {
    /// The lowest bit is 1 if the owner has taken `OpenedStream`. Above this bit, there are two bits for each [`Operation`],
    /// which contain its [`Wanted`] state.
    wanted: u8,
    /// The number of the output batch that contains the last bytes written to the stream, in 24 bits. A batch is the part of
    /// the connection's output that is written together.
    batch: [u8; 3],
    /// The time at which the stream began. The time is kept in this struct because it fills bytes that would be padding
    /// otherwise.
    began: Began,
}

/// The bit of `wanted` that is 1 if the owner has taken `OpenedStream`.
const ANNOUNCED: u8 = 1;

/// The operations on a stream for which the owner can wait. The value is the position of the operation's two bits in
/// `wanted`.
#[derive(Clone, Copy)]
enum Operation {
    /// Reading. The owner waits for bytes to read before its first read and after a short read.
    Read = 1,
    /// Writing. After a short write, the owner waits until the stream accepts bytes again.
    Write = 3,
    /// Flushing. This operation is separate from `Write`, since a short write must not cancel the wait for a flush.
    Flush = 5,
}

/// The size of a [`StreamReadiness`] in the table of streams, in bytes. The table has an entry for each live stream, idle or
/// not.
pub(super) const STREAM_READINESS: usize = size_of::<Option<(NonZeroU32, StreamReadiness)>>();
// An idle stream takes less than 200 bytes in all; its readiness took 16 of them before it was packed.
const _: () = assert!(STREAM_READINESS <= 12);

/// The time at which a stream began, in 64ths of a second, on a clock that wraps around every 776 days. It needs 4 bytes, a
/// quarter of the size of a [`Duration`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Began(u32);

/// The number of nanoseconds in a 64th of a second.
const TICK: u32 = 1_000_000_000 / 64;

impl Began {
    pub(super) const fn new(time: Duration) -> Self {
        // The bits that are cut off are whole rounds of the clock.
        Self((time.as_secs() as u32).wrapping_mul(64).wrapping_add(time.subsec_nanos() / TICK))
    }

    /// Returns the time that has passed from the stream's beginning until `now`, exact to a 64th of a second. After 776 days
    /// the result starts at 0 again.
    pub(super) fn age(self, now: Duration) -> Duration {
        let ticks = Self::new(now).0.wrapping_sub(self.0);
        Duration::new((ticks / 64).into(), ticks % 64 * TICK)
    }
}

/// The state of one operation on a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wanted {
    /// The owner does not wait for the operation, or has already been told that the operation is possible.
    None = 0,
    Waits = 1,
    /// The operation is possible, and the owner was not told yet.
    Granted = 2,
}

impl StreamReadiness {
    /// Makes the readiness of a stream that begins at the time `now`.
    pub(super) const fn new(now: Duration) -> Self {
        let mut readiness = Self { wanted: 0, batch: [0; 3], began: Began::new(now) };
        readiness.set(Operation::Read, Wanted::Waits);
        readiness
    }

    const fn wanted_of(&self, of: Operation) -> Wanted {
        match self.wanted >> of as u8 & 3 {
            0 => Wanted::None,
            1 => Wanted::Waits,
            // 3 is never stored.
            _ => Wanted::Granted,
        }
    }

    const fn set(&mut self, of: Operation, wanted_of: Wanted) {
        self.wanted = self.wanted & !(3 << of as u8) | (wanted_of as u8) << of as u8;
    }

    /// Records that an operation for which the owner waits is possible now.
    fn grant(&mut self, of: Operation) {
        if self.wanted_of(of) == Wanted::Waits {
            self.set(of, Wanted::Granted);
        }
    }

    /// Returns whether the owner has to be told that an operation is possible, and records that the owner was told.
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

    /// Returns the number of the output batch that contains the last bytes written to the stream.
    pub(super) const fn batch(&self) -> u32 {
        let [a, b, c] = self.batch;
        u32::from_le_bytes([a, b, c, 0])
    }

    /// Sets the number of the output batch that contains the last bytes written to the stream. The lowest 24 bits of the
    /// number are kept.
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

    /// Records that the owner waits for a flush. Returns `true` if the owner did not wait for one before.
    pub(super) fn flush_short(&mut self) -> bool {
        let is_new = self.wanted_of(Operation::Flush) != Wanted::Waits;
        self.set(Operation::Flush, Wanted::Waits);
        is_new
    }

    /// Records that all bytes written to the stream have been sent.
    pub(super) fn flushed(&mut self) {
        self.grant(Operation::Flush);
    }

    /// Records that the owner knows from a call of its own that all written bytes were sent, so that no notice is needed.
    pub(super) fn knows_flushed(&mut self) {
        self.take_granted(Operation::Flush);
    }

    /// Returns whether a notice about this stream is waiting for the owner.
    pub(super) fn is_due(&self) -> bool {
        let is_due = |of| self.wanted_of(of) == Wanted::Granted;
        // No notice precedes the opening event: until the owner has taken it, the owner does not know a stream of a peer's.
        self.wanted & ANNOUNCED != 0
            && (is_due(Operation::Read) || is_due(Operation::Write) || is_due(Operation::Flush))
    }

    /// Removes and returns the notice about this stream, as `(readable, writable)`.
    pub(super) fn take(&mut self) -> (bool, bool) {
        // `writable` is reported for both writing and flushing, and the owner tries both again. So the wait for a write is
        // over, too.
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
    fn a_stream_knows_its_age_to_a_64th_of_a_second_on_any_clock() {
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
