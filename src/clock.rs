//! [`Clock`]: the time that the owner of a swarm passes to it in each call, corrected so that the time never goes back.

use core::time::Duration;

/// The largest step back of the owner's time that does not count as a change of the owner's clock. Small steps back are
/// ignored. They occur if an owner reads its clock twice and passes the later time first.
const SMALL: Duration = Duration::from_secs(1);

/// A clock that follows the times that the owner passes to the swarm, but never goes back. If the owner's clock is set back,
/// this clock continues from its present time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Clock {
    now: Duration,
    /// The latest time that the owner has passed to the swarm since the owner's clock was last set back.
    given: Duration,
    /// The duration by which this clock is ahead of the owner's clock.
    ahead: Duration,
}

impl Clock {
    pub(crate) const fn new() -> Self {
        Self { now: Duration::ZERO, given: Duration::ZERO, ahead: Duration::ZERO }
    }

    /// Advances this clock to the time `given` of the owner's clock. If `given` is more than a second before the latest time
    /// that the owner has passed, the owner's clock was set back, and this clock continues from its present time. A smaller
    /// step back changes nothing.
    pub(crate) fn set(&mut self, given: Duration) {
        // A large step back must count as a change of the owner's clock: if it were ignored, this clock would stand still
        // until the owner's clock has caught up, and no deadline would come for that long. A small one must not count: an
        // owner that passes two readings in the wrong order in each turn would make this clock gain their difference each
        // time, and deadlines would come early.
        if self.given.saturating_sub(given) > SMALL {
            (self.given, self.ahead) = (given, self.now.saturating_sub(given));
        }
        self.given = self.given.max(given);
        // The operator `+` of `Duration` panics if it overflows, and an owner may pass any time, also `Duration::MAX`.
        self.now = self.now.max(self.given.saturating_add(self.ahead));
    }

    pub(crate) const fn now(&self) -> Duration {
        self.now
    }

    /// Converts a time on the owner's clock into the time that this clock shows at the same moment.
    #[cfg_attr(not(feature = "swarm"), allow(dead_code))]
    pub(crate) const fn of_owners(&self, at: Duration) -> Duration {
        at.saturating_add(self.ahead)
    }

    /// Converts a time on this clock into the time that the owner's clock shows at the same moment.
    pub(crate) const fn on_owners(&self, at: Duration) -> Duration {
        // A deadline from before the owner's clock was set back may have no counterpart on that clock. 0 says that it has
        // passed.
        at.saturating_sub(self.ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn told(clock: &mut Clock, given: u64) -> Duration {
        clock.set(ms(given));
        clock.now()
    }

    #[test]
    fn a_clock_that_is_set_back_goes_on() {
        let mut clock = Clock::new();
        assert_eq!([7_000_000, 7_000_010, 500, 510, 1_510].map(|given| told(&mut clock, given)), {
            [7_000_000, 7_000_010, 7_000_010, 7_000_020, 7_001_020].map(ms)
        });
        assert_eq!(clock.on_owners(ms(7_001_120)), ms(1_610));
        // The clock is set back a second time, and then forward.
        assert_eq!(
            [0, 100, 3_600_000].map(|given| told(&mut clock, given)),
            [7_001_020, 7_001_120, 10_601_020].map(ms)
        );
    }

    #[test]
    fn an_older_time_that_comes_second_gains_no_time() {
        let mut clock = Clock::new();
        for turn in 0..1_000 {
            told(&mut clock, 10_000 + turn * 10);
            assert_eq!(told(&mut clock, 9_500 + turn * 10), ms(10_000 + turn * 10));
        }
        assert_eq!(clock.on_owners(ms(20_000)), ms(20_000));
    }

    #[test]
    fn the_greatest_time_does_not_overflow() {
        let mut clock = Clock::new();
        clock.set(Duration::MAX);
        clock.set(ms(0));
        clock.set(ms(5));
        assert_eq!((clock.now(), clock.on_owners(Duration::MAX)), (Duration::MAX, ms(0)));
    }
}
