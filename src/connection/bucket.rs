//! [`Rate`]: a limit on how often a peer may do something, as a burst and a steady rate. [`Bucket`]: the count of one peer's
//! tokens under such a limit.

use super::Now;
use core::time::Duration;

/// A limit on how often a peer may do something: `burst` times at once, and `per_second` times a second in the long run.
///
/// The limit is a token bucket. The bucket starts with `burst` tokens. Each action of the peer takes one token, and
/// `per_second` tokens are added each second until the bucket is full again. A field of 0 counts as 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a token bucket has a size and a rate, and nothing else")]
pub struct Rate {
    /// The maximum number of times at once, which is the size of the token bucket.
    pub burst: u32,
    /// The maximum number of times a second in the long run, which is the number of tokens added each second.
    pub per_second: u32,
}

impl Rate {
    /// Makes a limit of `burst` times at once and `per_second` times a second in the long run.
    #[must_use]
    pub const fn new(burst: u32, per_second: u32) -> Self {
        Self { burst, per_second }
    }

    /// Returns the time between two tokens that are added to a bucket at the steady rate.
    #[cfg(feature = "protocols")]
    pub(crate) const fn interval(self) -> Duration {
        Duration::from_nanos(self.nanos())
    }

    /// Returns the time between two tokens that are added to a bucket at the steady rate, in nanoseconds.
    const fn nanos(self) -> u64 {
        const SECOND: u64 = 1_000_000_000;
        match SECOND.checked_div(self.per_second as u64) {
            Some(interval) => interval,
            None => SECOND,
        }
    }
}

/// The token bucket of one peer for one [`Rate`], in eight bytes: the number of tokens follows from the time at which the
/// bucket will be full. The type is our own because the rate limiters of other crates read a clock, whereas here the caller
/// passes the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Bucket {
    /// The time at which the bucket will be full, in nanoseconds on the owner's clock.
    full_at: u64,
}

impl Bucket {
    /// Takes `count` tokens from the bucket. Returns `false` if the bucket held fewer; the bucket is empty then. A call with
    /// [`Now::Untimed`] takes no token and returns `true`.
    pub(crate) fn take(&mut self, count: u32, rate: Rate, now: impl Into<Now>) -> bool {
        let Some(now) = nanos(now.into()) else { return true };
        let interval = rate.nanos();
        let most = now.saturating_add(interval.saturating_mul(rate.burst.max(1).into()));
        let full_at = self.full_at.max(now).saturating_add(interval.saturating_mul(count.into()));
        // A peer that takes more tokens than there are leaves the bucket empty, and not in debt: a debt would go on to
        // refuse actions that are within the rate.
        self.full_at = full_at.min(most);
        full_at <= most
    }

    /// Takes one token from the bucket if there is one. Otherwise returns `false` and changes nothing. A call with
    /// [`Now::Untimed`] takes no token and returns `true`.
    pub(crate) fn try_take(&mut self, rate: Rate, now: impl Into<Now>) -> bool {
        let Some(now) = nanos(now.into()) else { return true };
        let has_token = now >= self.next(rate);
        if has_token {
            self.full_at = self.full_at.max(now).saturating_add(rate.nanos());
        }
        has_token
    }

    /// Returns one token to the bucket. The token must have been taken at the same `now`.
    pub(crate) fn put_back(&mut self, rate: Rate, now: impl Into<Now>) {
        if !now.into().is_untimed() {
            self.full_at = self.full_at.saturating_sub(rate.nanos());
        }
    }

    /// Returns the earliest time at which the bucket has a token. This time may be in the past.
    pub(crate) const fn next_at(&self, rate: Rate) -> Duration {
        Duration::from_nanos(self.next(rate))
    }

    const fn next(&self, rate: Rate) -> u64 {
        self.full_at.saturating_sub(rate.nanos().saturating_mul(rate.burst.saturating_sub(1) as u64))
    }
}

/// Returns the time `now` in nanoseconds, or `None` for [`Now::Untimed`] and for a time of more than 584 years.
fn nanos(now: Now) -> Option<u64> {
    match now {
        Now::At(now) => u64::try_from(now.as_nanos()).ok(),
        Now::Untimed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_its_rate_later() {
        let (mut bucket, rate) = (Bucket::default(), Rate::new(10, 2));
        assert!(bucket.take(10, rate, SECOND));
        assert!(!bucket.take(1, rate, SECOND));
        assert!(bucket.take(2, rate, 2 * SECOND));
        assert!(!bucket.take(1, rate, 2 * SECOND));
        assert!(bucket.take(10, rate, 7 * SECOND), "it is full again, and no fuller");
        assert!(!bucket.take(1, rate, 7 * SECOND));
    }

    #[test]
    fn a_rate_of_0_counts_as_1() {
        let (mut bucket, rate) = (Bucket::default(), Rate::new(0, 0));
        assert!(bucket.take(1, rate, SECOND));
        assert!(!bucket.take(1, rate, SECOND));
        assert!(bucket.take(1, rate, 2 * SECOND));
    }

    #[test]
    fn asking_too_early_loses_no_part_of_a_token() {
        let (mut bucket, rate) = (Bucket::default(), Rate::new(2, 2));
        assert!(bucket.try_take(rate, SECOND) && bucket.try_take(rate, SECOND));
        for early in [0, 100, 499] {
            assert!(!bucket.try_take(rate, SECOND + Duration::from_millis(early)), "{early}");
        }
        assert_eq!(bucket.next_at(rate), SECOND + Duration::from_millis(500));
        assert!(bucket.try_take(rate, SECOND + Duration::from_millis(500)));
        assert!(!bucket.try_take(rate, SECOND + Duration::from_millis(999)));
        assert!(bucket.try_take(rate, 2 * SECOND));
    }

    #[test]
    fn an_untimed_call_takes_nothing() {
        let mut bucket = Bucket::default();
        assert!(bucket.take(u32::MAX, Rate::new(1, 1), Now::Untimed));
        assert!((0..3).all(|_| bucket.try_take(Rate::new(1, 1), Now::Untimed)));
        assert_eq!(bucket, Bucket::default());
    }

    proptest! {
        /// The model counts in nanoseconds: a token is worth one interval, and the level of the bucket rises by the time
        /// that has passed.
        #[test]
        fn a_bucket_matches_a_model_of_tokens(
            steps in proptest::collection::vec((0..3_u32, 0..400_000_000_u64), 1..200),
            burst in 1..20_u32,
            per_second in 1..20_u32,
        ) {
            let (mut bucket, rate) = (Bucket::default(), Rate::new(burst, per_second));
            let (mut now, full) = (0, u64::from(burst) * rate.nanos());
            let mut level = full;
            for (count, later) in steps {
                now += later;
                level = full.min(level + later);
                let cost = u64::from(count) * rate.nanos();
                let expected = cost <= level;
                level = level.saturating_sub(cost);
                prop_assert_eq!(bucket.take(count, rate, Duration::from_nanos(now)), expected);
            }
        }

        #[test]
        fn a_single_token_is_there_from_the_announced_time_on(
            steps in proptest::collection::vec(0..400_000_000_u64, 1..200),
            burst in 1..20_u32,
            per_second in 1..20_u32,
        ) {
            let (mut bucket, rate) = (Bucket::default(), Rate::new(burst, per_second));
            let (mut now, full, cost) = (0, u64::from(burst) * rate.nanos(), rate.nanos());
            let mut level = full;
            for later in steps {
                now += later;
                level = full.min(level + later);
                let at = now + cost.saturating_sub(level);
                prop_assert_eq!(bucket.next_at(rate).max(Duration::from_nanos(now)), Duration::from_nanos(at));
                let expected = cost <= level;
                level -= if expected { cost } else { 0 };
                let before = bucket.next_at(rate).max(Duration::from_nanos(now));
                prop_assert_eq!(bucket.try_take(rate, Duration::from_nanos(now)), expected);
                if expected && later % 3 == 0 {
                    bucket.put_back(rate, Duration::from_nanos(now));
                    level += cost;
                    prop_assert_eq!(bucket.next_at(rate).max(Duration::from_nanos(now)), before);
                }
            }
        }
    }
}
