//! [`Clock`]: the time that an owner gives, made to never go back.

use core::time::Duration;

/// The largest step back that is no change of the clock: an owner may ask for the time twice, and use the later one first.
/// It counts as no time.
const SMALL: Duration = Duration::from_secs(1);

/// The time that an owner gives. It never goes back, and it goes on when the owner's clock has been set back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Clock {
    now: Duration,
    /// The latest time that the owner has given since its clock was set back last.
    given: Duration,
    /// The time by which this clock is ahead of the owner's.
    ahead: Duration,
}

impl Clock {
    pub(crate) const fn new() -> Self {
        Self { now: Duration::ZERO, given: Duration::ZERO, ahead: Duration::ZERO }
    }

    /// Takes the time from the owner. A step back of more than a second is taken for a clock that was set back, and for no
    /// time that has passed; from then on time goes on from here. A smaller one changes nothing.
    pub(crate) fn set(&mut self, given: Duration) {
        if self.given.saturating_sub(given) > SMALL {
            (self.given, self.ahead) = (given, self.now.saturating_sub(given));
        }
        self.given = self.given.max(given);
        self.now = self.now.max(self.given.saturating_add(self.ahead));
    }

    pub(crate) const fn now(&self) -> Duration {
        self.now
    }

    /// Returns what a time of the owner's clock is on this one.
    #[cfg_attr(not(feature = "swarm"), allow(dead_code))]
    pub(crate) const fn of_owners(&self, at: Duration) -> Duration {
        at.saturating_add(self.ahead)
    }

    /// Returns what a time of this clock is on the owner's.
    pub(crate) const fn on_owners(&self, at: Duration) -> Duration {
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
        // Again, and forwards.
        assert_eq!(
            [0, 100, 3_600_000].map(|given| told(&mut clock, given)),
            [7_001_020, 7_001_120, 10_601_020].map(ms)
        );
    }

    #[test]
    fn an_owner_that_uses_an_older_time_second_gains_none() {
        let mut clock = Clock::new();
        for turn in 0..1_000 {
            told(&mut clock, 10_000 + turn * 10);
            assert_eq!(told(&mut clock, 9_500 + turn * 10), ms(10_000 + turn * 10));
        }
        assert_eq!(clock.on_owners(ms(20_000)), ms(20_000));
    }

    #[test]
    fn no_time_is_too_late() {
        let mut clock = Clock::new();
        clock.set(Duration::MAX);
        clock.set(ms(0));
        clock.set(ms(5));
        assert_eq!((clock.now(), clock.on_owners(Duration::MAX)), (Duration::MAX, ms(0)));
    }
}
