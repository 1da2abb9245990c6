//! [`Moment`]: the time of a line of the log, on two clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

/// One moment on two clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Moment {
    /// The time since the start of the command, on a clock that never goes back.
    pub(crate) elapsed: Duration,
    /// The date and time of day, on the system's clock, which may go back.
    pub(crate) time: SystemTime,
}

/// Returns a time in the format of RFC 3339, in UTC, cut to whole microseconds. For a time before 1970, the result is the
/// start of 1970.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, microseconds) = (since.as_secs(), since.subsec_micros());
    let (year, month, day) = date(seconds / SECONDS_A_DAY);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{microseconds:06}Z")
}

/// Returns the date that is `days` days after the first of January 1970: the year, the month and the day of the month.
fn date(days: u64) -> (u64, u64, u64) {
    // The calendar repeats after 400 years, which have 97 leap days.
    const DAYS_OF_400_YEARS: u64 = 400 * 365 + 97;
    let mut year = 1970 + days / DAYS_OF_400_YEARS * 400;
    let mut day = days % DAYS_OF_400_YEARS;
    loop {
        let february = if is_leap(year) { 29 } else { 28 };
        for (month, length) in (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
            if day < length {
                return (year, month, day + 1);
            }
            day -= length;
        }
        year += 1;
    }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected texts come from `date -u -d @SECONDS` of GNU coreutils.
    #[test]
    fn times_agree_with_the_systems_calendar() {
        let at = |seconds, nanoseconds| rfc3339(UNIX_EPOCH + Duration::new(seconds, nanoseconds));
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(at(951_782_400, 0), "2000-02-29T00:00:00.000000Z");
        assert_eq!(at(951_868_799, 999_999_999), "2000-02-29T23:59:59.999999Z");
        assert_eq!(at(951_868_800, 0), "2000-03-01T00:00:00.000000Z");
        assert_eq!(at(1_796_014_153, 7_001), "2026-11-30T04:49:13.000007Z");
        assert_eq!(at(4_107_542_400, 0), "2100-03-01T00:00:00.000000Z");
        assert_eq!(at(13_574_563_200, 0), "2400-02-29T00:00:00.000000Z");
        assert_eq!(at(253_402_300_799, 0), "9999-12-31T23:59:59.000000Z");
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), at(0, 0));
    }

    #[test]
    fn each_day_is_followed_by_the_next_date() {
        let mut last = date(0);
        for day in 1..400 * 366 {
            let next = date(day);
            let (year, month, _) = last;
            let follows = next == (year, month, last.2 + 1) || next == (year, month + 1, 1) || next == (year + 1, 1, 1);
            assert!(follows && (next.0 == year || month == 12), "{next:?} after {last:?}");
            last = next;
        }
    }
}
