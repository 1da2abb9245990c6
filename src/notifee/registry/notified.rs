//! [`Notified`] and [`Emission`]: the two kinds of message that notifees are told. [`HoldGuard`]: a guard that holds the
//! network's further events back while notifees are told.

use super::{Network, NotifeeId};
use crate::lifecycle::{Event, ListenerId, StreamId};
#[cfg(feature = "swarm")]
use crate::swarm::{Refusal, RefusedAt};
use alloc::boxed::Box;
use core::any::Any;

/// A message to notifees: one of the nine events, or a readiness. Only swarms have readiness.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "swarm"), expect(dead_code, reason = "there is no swarm"))]
pub(super) enum Notified {
    Event(Event),
    StreamReady {
        stream: StreamId,
        readable: bool,
        writable: bool,
    },
    AddressesChanged {
        listener: ListenerId,
    },
    #[cfg(feature = "swarm")]
    Refused {
        at: RefusedAt,
        refusal: Refusal,
        /// The number of refusals: a `u64` as an array of bytes, which needs no alignment, so that a `Notified` is as small
        /// as an event.
        count: [u8; 8],
    },
}

// A `Notified` is copied for each event, so its size matters.
const _: () = assert!(size_of::<Notified>() <= 24);

/// An event that a notifee has emitted.
pub(super) struct Emission {
    pub(super) from: NotifeeId,
    /// The sequence number of the first notifee that was registered after the event was emitted. This notifee and all later
    /// ones are not told of the event.
    pub(super) before: u64,
    pub(super) event: Box<dyn Any>,
}

/// A guard that holds the network's events back while notifees are told something: until the guard is dropped, `next_event`
/// of the network returns `None`.
pub(super) struct HoldGuard<'a, N: Network>(pub(super) &'a mut N);

impl<'a, N: Network> HoldGuard<'a, N> {
    #[inline]
    pub(super) fn new(network: &'a mut N) -> Self {
        network.hold(true);
        Self(network)
    }
}

impl<N: Network> Drop for HoldGuard<'_, N> {
    #[inline]
    fn drop(&mut self) {
        self.0.hold(false);
    }
}
