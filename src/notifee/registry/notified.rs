//! [`Notified`]: a notification as a value. [`HoldGuard`]: holds the network while notifees are told.

use super::Network;
use crate::lifecycle::{Event, ListenerId, StreamId};
#[cfg(feature = "swarm")]
use crate::swarm::{Refusal, RefusedAt};

/// A notification. All but events come from a swarm.
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
        /// A `u64` as bytes, which need no alignment, so that this type is as small as an event.
        count: [u8; 8],
    },
}

// It is copied for each event, so that its size matters.
const _: () = assert!(size_of::<Notified>() <= 24);

/// Holds the network while something is told: until this is dropped, `next_event` returns `None`.
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
