//! [`Now`]: the time of a call to a connection.

use core::time::Duration;

/// The time of a call to a connection, or [`Untimed`](Self::Untimed), which is later than every time.
///
/// An owner's commands need no clock: if a command starts a deadline between two turns, this deadline is
/// [`Untimed`](Self::Untimed) until the next turn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a call has a time or it has none: there is no third case")]
pub enum Now {
    /// A time on the owner's clock, which must not go backwards.
    At(Duration),
    /// The owner did not read its clock for this call. Deadlines that the call starts are counted from the next
    /// [`count_from`](super::Connection::count_from), and none of them can pass before that call.
    Untimed,
}

impl Now {
    /// Returns whether the call has no time, so that the deadlines that the call starts get their time later.
    pub(crate) const fn is_untimed(self) -> bool {
        matches!(self, Self::Untimed)
    }

    /// Returns the time, or [`Duration::MAX`] if the call has no time.
    pub(crate) const fn or_never(self) -> Duration {
        match self {
            Self::At(now) => now,
            Self::Untimed => Duration::MAX,
        }
    }

    /// Returns this time plus `time`. If this time is untimed, the result is untimed, too.
    pub(super) const fn plus(self, time: Duration) -> Self {
        match self {
            Self::At(now) => Self::At(now.saturating_add(time)),
            Self::Untimed => Self::Untimed,
        }
    }

    /// Returns this time, or `now` if this time is untimed.
    pub(crate) const fn or(self, now: Duration) -> Self {
        match self {
            Self::At(_) => self,
            Self::Untimed => Self::At(now),
        }
    }
}

impl From<Duration> for Now {
    fn from(now: Duration) -> Self {
        Self::At(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untimed_is_later_than_every_time_and_no_time_is_untimed() {
        assert!(Now::Untimed > Now::At(Duration::MAX) && !Now::At(Duration::MAX).is_untimed());
        assert_eq!(Now::Untimed.plus(Duration::MAX).or(Duration::ZERO), Now::At(Duration::ZERO));
        assert_eq!(Now::At(Duration::MAX).plus(Duration::MAX).or(Duration::ZERO), Now::At(Duration::MAX));
        assert_eq!([Now::Untimed, Duration::ZERO.into()].map(Now::or_never), [Duration::MAX, Duration::ZERO]);
    }

    #[test]
    fn it_takes_no_more_memory_than_a_time() {
        assert_eq!(size_of::<Now>(), size_of::<Duration>());
        assert_eq!(size_of::<Option<Now>>(), size_of::<Duration>());
    }
}
