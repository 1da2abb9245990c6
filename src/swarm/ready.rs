//! [`Ready`]: what can be read, written or looked at again, beside the events.

use super::refusals::{Refusal, RefusedAt};
use crate::lifecycle::{ListenerId, StreamId};
use core::num::NonZeroU32;
use core::time::Duration;

/// Something that an owner may want to act on. Coalesced: however much happens, each stream and listener is named once
/// until it has been taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Ready {
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

/// What the owner of a stream is to be told of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interest {
    /// `OpenedStream` has been handed out.
    announced: bool,
    /// Of something to read. The owner waits for it once a read was short, or while there was none yet.
    read: Wish,
    /// Of place. The owner waits for it once a write was short.
    write: Wish,
    /// Of what was written to have been sent: apart from `write`, which a short write takes back.
    flush: Wish,
    /// The batch that has what was written last.
    pub(super) batch: u32,
    /// When the stream began. It stands here since it takes no more room than it needs.
    began: Began,
}

/// The memory of an [`Interest`] and its generation. A swarm has one for each stream of each connection, idle or not.
pub(super) const INTEREST: usize = size_of::<Option<(NonZeroU32, Interest)>>();
const _: () = assert!(INTEREST <= 20);

/// A time in half the memory of a [`Duration`], on a clock whose epoch is less than 136 years ago; a later time counts as
/// that one.
#[derive(Clone, Copy, Debug)]
struct Began {
    seconds: u32,
    nanos: u32,
}

impl Began {
    fn new(time: Duration) -> Self {
        Self { seconds: u32::try_from(time.as_secs()).unwrap_or(u32::MAX), nanos: time.subsec_nanos() }
    }

    const fn time(self) -> Duration {
        Duration::new(self.seconds as u64, self.nanos)
    }
}

/// How it stands with something that an owner may wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wish {
    /// The owner does not wait for it, or was told.
    None,
    Waits,
    /// It has come, and the owner was not told.
    Granted,
}

impl Wish {
    /// It has come.
    fn grant(&mut self) {
        if *self == Self::Waits {
            *self = Self::Granted;
        }
    }

    /// Whether the owner is to be told, which it is not again.
    fn take(&mut self) -> bool {
        let granted = matches!(self, Self::Granted);
        if granted {
            *self = Self::None;
        }
        granted
    }
}

impl Interest {
    /// That of a stream that begins now.
    pub(super) fn new(now: Duration) -> Self {
        let began = Began::new(now);
        Self { announced: false, read: Wish::Waits, write: Wish::None, flush: Wish::None, batch: 0, began }
    }

    /// Returns the time at which the stream began.
    pub(super) const fn began(&self) -> Duration {
        self.began.time()
    }

    pub(super) fn announce(&mut self) {
        self.announced = true;
    }

    pub(super) fn readable(&mut self) {
        self.read.grant();
    }

    pub(super) fn writable(&mut self) {
        self.write.grant();
    }

    pub(super) fn read_short(&mut self) {
        self.read = Wish::Waits;
    }

    pub(super) fn write_short(&mut self) {
        self.write = Wish::Waits;
    }

    /// `true`: it did not wait for that yet.
    pub(super) fn flush_short(&mut self) -> bool {
        core::mem::replace(&mut self.flush, Wish::Waits) != Wish::Waits
    }

    /// What was waited for has been sent.
    pub(super) fn flushed(&mut self) {
        self.flush.grant();
    }

    /// The owner has found out by itself.
    pub(super) fn knows_flushed(&mut self) {
        self.flush.take();
    }

    /// Whether the owner is to be told now.
    pub(super) fn is_due(&self) -> bool {
        let is_due = |wish| matches!(wish, Wish::Granted);
        self.announced && (is_due(self.read) || is_due(self.write) || is_due(self.flush))
    }

    /// What is to be told, which is not told again.
    pub(super) fn take(&mut self) -> (bool, bool) {
        // Who is told tries both again, so that it waits for place no more before it has.
        if self.flush.take() {
            self.write = Wish::Granted;
        }
        (self.read.take(), self.write.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_that_is_over_is_told_though_a_write_was_short_since() {
        let mut interest = Interest::new(Duration::ZERO);
        interest.announce();
        assert!(interest.flush_short());
        interest.flushed();
        interest.write_short();
        assert!(interest.is_due());
        assert_eq!(interest.take(), (false, true));
        interest.writable();
        assert!(!interest.is_due(), "it has not tried again");
        interest.write_short();
        interest.writable();
        assert_eq!(interest.take(), (false, true));
    }

    #[test]
    fn a_stream_knows_when_it_began_to_the_nanosecond() {
        for time in [Duration::ZERO, Duration::new(1, 999_999_999), Duration::new(u32::MAX.into(), 1)] {
            assert_eq!(Interest::new(time).began(), time);
        }
        assert_eq!(Interest::new(Duration::MAX).began().as_secs(), u32::MAX.into());
    }

    #[test]
    fn of_a_flush_that_its_owner_knows_to_be_over_nothing_is_told() {
        let mut interest = Interest::new(Duration::ZERO);
        interest.announce();
        interest.flush_short();
        interest.flushed();
        interest.knows_flushed();
        assert!(!interest.is_due());
        interest.flushed();
        assert!(!interest.is_due(), "nobody waits");
    }
}
