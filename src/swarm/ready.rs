//! [`Ready`]: what can be read, written or looked at again, beside the events.

use crate::lifecycle::{ListenerId, StreamId};

/// Something that an owner may want to act on. Coalesced: however much happens, each stream and listener is named once
/// until it has been taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ready {
    /// A stream. It is named from its `OpenedStream` on and until its last event, and again only after a short read or
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
}

/// What the owner of a stream is to be told of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interest {
    /// `OpenedStream` has been handed out.
    announced: bool,
    /// The last read was short, or there was none yet: the owner waits for more.
    wants_read: bool,
    /// The last write was short: the owner waits for place.
    wants_write: bool,
    readable: bool,
    writable: bool,
    /// The owner waits until what was written has been sent.
    wants_flush: bool,
    /// It has been sent, and the owner was not told: apart from `writable`, which a short write takes back.
    flushed: bool,
    /// The batch that has what was written last.
    pub(super) batch: u32,
}

impl Default for Interest {
    fn default() -> Self {
        Self {
            announced: false,
            wants_read: true,
            wants_write: false,
            readable: false,
            writable: false,
            wants_flush: false,
            flushed: false,
            batch: 0,
        }
    }
}

impl Interest {
    pub(super) fn announce(&mut self) {
        self.announced = true;
    }

    pub(super) fn readable(&mut self) {
        if core::mem::take(&mut self.wants_read) {
            self.readable = true;
        }
    }

    pub(super) fn writable(&mut self) {
        if core::mem::take(&mut self.wants_write) {
            self.writable = true;
        }
    }

    pub(super) fn read_short(&mut self) {
        (self.wants_read, self.readable) = (true, false);
    }

    pub(super) fn write_short(&mut self) {
        (self.wants_write, self.writable) = (true, false);
    }

    /// `true`: it did not wait for that yet.
    pub(super) fn flush_short(&mut self) -> bool {
        self.flushed = false;
        !core::mem::replace(&mut self.wants_flush, true)
    }

    /// What was waited for has been sent.
    pub(super) fn flushed(&mut self) {
        self.flushed |= core::mem::take(&mut self.wants_flush);
    }

    /// The owner has found out by itself.
    pub(super) fn knows_flushed(&mut self) {
        self.flushed = false;
    }

    /// Whether the owner is to be told now.
    pub(super) const fn is_due(&self) -> bool {
        self.announced && (self.readable || self.writable || self.flushed)
    }

    /// What is to be told, which is not told again.
    pub(super) fn take(&mut self) -> (bool, bool) {
        // Who is told tries both again, so that it waits for place no more before it has.
        if core::mem::take(&mut self.flushed) {
            (self.wants_write, self.writable) = (false, true);
        }
        (core::mem::take(&mut self.readable), core::mem::take(&mut self.writable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_that_is_over_is_told_though_a_write_was_short_since() {
        let mut interest = Interest::default();
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
    fn of_a_flush_that_its_owner_knows_to_be_over_nothing_is_told() {
        let mut interest = Interest::default();
        interest.announce();
        interest.flush_short();
        interest.flushed();
        interest.knows_flushed();
        assert!(!interest.is_due());
        interest.flushed();
        assert!(!interest.is_due(), "nobody waits");
    }
}
