//! [`PackedTime`]: a time in half the memory of a `Duration`, for values that exist in large numbers.

use super::Now;
use core::time::Duration;

/// A [`Now`] in nanoseconds, in half the memory. A time of more than 584 years counts as untimed, and is never reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct PackedTime(u64);

impl PackedTime {
    pub(super) const UNTIMED: Self = Self(u64::MAX);

    pub(super) fn new(now: Now) -> Self {
        match now {
            Now::At(now) => u64::try_from(now.as_nanos()).map_or(Self::UNTIMED, Self),
            Now::Untimed => Self::UNTIMED,
        }
    }

    pub(super) fn time(self) -> Now {
        if self.is_untimed() { Now::Untimed } else { Now::At(Duration::from_nanos(self.0)) }
    }

    pub(super) const fn is_untimed(self) -> bool {
        self.0 == Self::UNTIMED.0
    }
}
