//! [`PackedTime`]: a time in half the memory of a `Duration`, for values of which there are many.

use super::UNTIMED;
use core::time::Duration;

/// A time in nanoseconds, in half the memory of a [`Duration`]. A time of more than 584 years, [`UNTIMED`] above all, never
/// comes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct PackedTime(u64);

impl PackedTime {
    pub(super) const UNTIMED: Self = Self(u64::MAX);

    pub(super) fn new(time: Duration) -> Self {
        u64::try_from(time.as_nanos()).map_or(Self::UNTIMED, Self)
    }

    pub(super) fn time(self) -> Duration {
        if self == Self::UNTIMED { UNTIMED } else { Duration::from_nanos(self.0) }
    }
}
