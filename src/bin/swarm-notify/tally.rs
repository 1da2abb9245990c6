//! [`Tally`], [`Pings`] and [`Chat`]: the counts of the streams, pings and messages of a run of `dial`; and the summary of
//! these counts.

use crate::report::{LogLine, seconds};
use hdrhistogram::Histogram;
use indicatif::DecimalBytes;
use std::fmt::{self, Write as _};
use std::time::Duration;
use swarm_notify::lifecycle::StreamId;

/// Statistics of durations. The minimum, the maximum and the mean are exact, and a quantile is at most 0.1 % too high.
#[derive(Default)]
pub(crate) struct Times {
    count: u64,
    sum: Duration,
    /// The minimum and the maximum of the times, or `None` if there is no time yet.
    bounds: Option<(Duration, Duration)>,
    /// The histogram of the times in nanoseconds. `None` until the first time is added.
    quantiles: Option<Histogram<u32>>,
}

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.count += 1;
        self.sum = self.sum.saturating_add(time);
        let (min, max) = self.bounds.unwrap_or((time, time));
        self.bounds = Some((min.min(time), max.max(time)));
        if self.quantiles.is_none() {
            self.quantiles = Histogram::new(3).ok();
        }
        if let Some(quantiles) = &mut self.quantiles {
            // This does not fail: the histogram grows with its values, and each value has at most 64 bits.
            let _ = quantiles.record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1));
        }
    }

    fn mean(&self) -> Option<Duration> {
        let mean = self.sum.as_nanos().checked_div(self.count.into())?;
        Some(Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)))
    }

    /// Returns a quantile: the smallest time that at least the fraction `part` of all times do not exceed. For example, the
    /// quantile for 0.5 is the median. `part` is between 0 and 1.
    fn quantile(&self, part: f64) -> Option<Duration> {
        let (min, max) = self.bounds?;
        let time = self.quantiles.as_ref()?.value_at_quantile(part);
        Some(Duration::from_nanos(time).clamp(min, max))
    }
}

/// The pings of a run of `dial`.
#[derive(Default)]
pub(crate) struct Pings {
    /// The number of pings that the user has asked for.
    pub(crate) asked: u64,
    /// The number of pings that were sent so far.
    pub(crate) sent: u64,
    /// The number of pings that have failed or were not answered in time.
    pub(crate) lost: u64,
    /// The round-trip times of the pings that were answered.
    pub(crate) round_trips: Times,
}

impl Pings {
    /// Returns the number of lost pings, in percent of all pings that were lost or answered, or `None` if no ping was lost
    /// or answered.
    fn loss(&self) -> Option<f64> {
        let outcomes = self.lost + self.round_trips.count;
        (outcomes > 0).then(|| self.lost as f64 * 100.0 / outcomes as f64)
    }

    /// Returns the number of sent pings that were neither answered nor lost, because a signal has ended the run.
    const fn unfinished(&self) -> u64 {
        self.sent.saturating_sub(self.answered() + self.lost)
    }

    pub(crate) const fn answered(&self) -> u64 {
        self.round_trips.count
    }
}

/// The counts of lines that were published on the joined topic, and of messages that have arrived.
#[derive(Clone, Copy)]
pub(crate) struct Chat {
    /// The number of lines of standard input that were written to the peer.
    pub(crate) published: u64,
    /// The number of lines of standard input that were lost and not written to the peer.
    pub(crate) lost: u64,
    /// The number of messages of other peers that have arrived.
    pub(crate) messages: u64,
}

/// The counts of the streams of a run of `dial`, and the times that they took.
#[derive(Default)]
pub(crate) struct Tally {
    /// The number of streams that the user has asked for.
    pub(crate) streams: u64,
    /// The number of streams that `dial` has begun to open.
    pub(crate) begun: u64,
    /// The number of streams that ended as expected, after all of their bytes had come back unchanged or were sent to a
    /// sink.
    pub(crate) ok: u64,
    /// The number of streams that failed to open or did not end as expected.
    pub(crate) failed: u64,
    /// The number of streams among `failed` to which the peer did not answer in time.
    pub(crate) unanswered: u64,
    /// The number of streams that had begun and not ended when a signal ended the run.
    pub(crate) unfinished: u64,
    /// The number of bytes that were sent on the streams that count as `ok`. A byte that also comes back in an echo counts
    /// once.
    pub(crate) bytes: u64,
    /// The times from the start to the end of each stream that counts as `ok`.
    pub(crate) times: Times,
    /// The first stream that counts as failed, and the reason in words.
    pub(crate) first_failure: Option<(StreamId, String)>,
}

impl Tally {
    /// Returns the number of streams that were begun and have ended, have failed to open, or were interrupted.
    pub(crate) const fn ended(&self) -> u64 {
        self.ok + self.failed + self.unfinished
    }

    pub(crate) const fn not_begun(&self) -> u64 {
        self.streams - self.begun
    }
}

/// The summary that `dial` prints at its end.
pub(crate) struct Summary<'a> {
    pub(crate) tally: &'a Tally,
    pub(crate) pings: &'a Pings,
    pub(crate) chat: Option<Chat>,
    /// The time from the opening of the connection to the end of the last stream.
    pub(crate) time: Duration,
    /// `true` if the peer is expected to send all bytes back.
    pub(crate) is_echo: bool,
    /// The name of the signal that has ended the run, or `None` if no signal has ended it.
    pub(crate) interrupted: Option<&'static str>,
}

impl Summary<'_> {
    /// Returns the number of bytes per second, or `None` if no byte was sent or no time has passed. Each byte counts once,
    /// even if the peer sends it back.
    fn throughput(&self) -> Option<u64> {
        let is_measured = self.tally.bytes > 0 && !self.time.is_zero();
        is_measured.then(|| (self.tally.bytes as f64 / self.time.as_secs_f64()) as u64)
    }

    /// Adds the fields of this summary to the line `summary`.
    pub(crate) fn put(&self, line: &mut LogLine) {
        let Self { tally, pings, .. } = self;
        line.put("streams", tally.streams);
        line.put("ok", tally.ok);
        line.put("failed", tally.failed);
        line.put("unanswered", tally.unanswered);
        line.put("unfinished", tally.unfinished);
        line.put("not_begun", tally.not_begun());
        line.put("bytes", tally.bytes);
        line.put("seconds", seconds(self.time));
        if let Some(throughput) = self.throughput() {
            line.put("bytes_per_second", throughput);
        }
        let mut put_time = |key, time: Option<Duration>| {
            if let Some(time) = time {
                line.put(key, seconds(time));
            }
        };
        let bounds = |times: &Times| times.bounds.unzip();
        let (min, max) = bounds(&tally.times);
        put_time("latency_min_seconds", min);
        put_time("latency_median_seconds", tally.times.quantile(0.5));
        put_time("latency_p99_seconds", tally.times.quantile(0.99));
        put_time("latency_max_seconds", max);
        let (min, max) = bounds(&pings.round_trips);
        put_time("ping_min_seconds", min);
        put_time("ping_mean_seconds", pings.round_trips.mean());
        put_time("ping_max_seconds", max);
        if pings.asked > 0 {
            line.put("pings", pings.asked);
            line.put("pings_answered", pings.answered());
            line.put("pings_lost", pings.lost);
            line.put("pings_not_finished", pings.unfinished());
            line.put("pings_not_sent", pings.asked - pings.sent);
            if let Some(loss) = pings.loss() {
                line.put("ping_loss_percent", loss);
            }
        }
        if let Some(chat) = self.chat {
            line.put("lines_published", chat.published);
            line.put("lines_lost", chat.lost);
            line.put("messages", chat.messages);
        }
        if let Some(signal) = self.interrupted {
            line.put("interrupted", signal);
        }
    }
}

/// Writes the summary as sentences for people, one on each line, without a newline at the end.
impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tally, pings, .. } = self;
        let mut lines = Vec::new();
        if tally.streams > 0 {
            let mut text = format!("{}: {} ok, {} failed", number(tally.streams, "stream"), tally.ok, tally.failed);
            if tally.unanswered > 0 {
                // Here and below, an error is ignored, since writing to a string cannot fail.
                let _ = write!(text, " ({} unanswered)", tally.unanswered);
            }
            for (count, what) in [(tally.unfinished, "not finished"), (tally.not_begun(), "not begun")] {
                if count > 0 {
                    let _ = write!(text, ", {count} {what}");
                }
            }
            lines.push(text);
        }
        if let Some(throughput) = self.throughput() {
            let (verb, ways) = if self.is_echo { ("echoed", " each way") } else { ("sent", "") };
            lines.push(format!(
                "{} {verb} in {}: {}/s{ways}",
                DecimalBytes(tally.bytes),
                Time(self.time),
                DecimalBytes(throughput)
            ));
        }
        if let (1, Some((time, _))) = (tally.times.count, tally.times.bounds) {
            lines.push(format!("latency of the stream: {}", Time(time)));
        } else if let (Some((min, max)), Some(median), Some(most)) =
            (tally.times.bounds, tally.times.quantile(0.5), tally.times.quantile(0.99))
        {
            lines.push(format!(
                "latency of a stream: {} (median), {} (99th percentile), {} to {} in all",
                Time(median),
                Time(most),
                Time(min),
                Time(max)
            ));
        }
        if pings.asked > 0 {
            let mut text = format!("{}: {} answered", number(pings.asked, "ping"), pings.answered());
            if let Some(loss) = pings.loss().filter(|loss| *loss > 0.0) {
                // If few of many pings are lost, the text must not be 0.0 %.
                let loss = if loss < 0.1 { "less than 0.1".to_owned() } else { format!("{loss:.1}") };
                let _ = write!(text, ", {} lost ({loss} %)", pings.lost);
            }
            for (count, what) in [(pings.unfinished(), "not finished"), (pings.asked - pings.sent, "not sent")] {
                if count > 0 {
                    let _ = write!(text, ", {count} {what}");
                }
            }
            lines.push(text);
        }
        if let (1, Some((time, _))) = (pings.answered(), pings.round_trips.bounds) {
            lines.push(format!("round trip: {}", Time(time)));
        } else if let (Some((min, max)), Some(mean)) = (pings.round_trips.bounds, pings.round_trips.mean()) {
            lines.push(format!("round trip: {} (minimum), {} (mean), {} (maximum)", Time(min), Time(mean), Time(max)));
        }
        if let Some(Chat { published, lost, messages }) = self.chat {
            let mut text = format!("{} published", number(published, "line"));
            if lost > 0 {
                let _ = write!(text, ", {lost} lost");
            }
            lines.push(format!("{text}, {} came", number(messages, "message")));
        }
        f.write_str(&lines.join("\n"))
    }
}

/// Returns a number and the name of the things that it counts, in the singular or plural, such as `1 stream` or `2 streams`.
pub(crate) fn number(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// A time in a form for people. It is cut to whole microseconds first, so that it agrees with the lines of the log.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_secs(1) {
            write!(f, "{:.3} ms", seconds(self.0) * 1e3)
        } else {
            write!(f, "{:.3} s", seconds(self.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(milliseconds: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::default();
        milliseconds.into_iter().for_each(|time| times.add(Duration::from_millis(time)));
        times
    }

    #[test]
    fn quantiles_are_those_of_all_times_to_three_digits() {
        let times = times((1..=1000).rev());
        assert_eq!(times.bounds, Some((Duration::from_millis(1), Duration::from_secs(1))));
        assert_eq!(times.mean(), Some(Duration::from_micros(500_500)));
        for (part, milliseconds) in [(0.5, 500.0), (0.99, 990.0)] {
            let quantile = times.quantile(part).unwrap().as_secs_f64() * 1e3;
            assert!((quantile / milliseconds - 1.0).abs() < 0.001, "{quantile} for {milliseconds}");
        }
    }

    #[test]
    fn quantiles_of_few_times_are_within_their_bounds() {
        assert_eq!((times([]).quantile(0.5), times([]).mean()), (None, None));
        // The histogram keeps three digits and rounds up.
        for all in [vec![0], vec![100_003], vec![100_003, 100_003], vec![7, 100_003]] {
            let times = times(all.clone());
            let (min, max) = times.bounds.unwrap();
            for part in [0.0, 0.5, 0.99, 1.0] {
                let quantile = times.quantile(part).unwrap();
                assert!(min <= quantile && quantile <= max, "{quantile:?} of {all:?}");
            }
        }
    }

    #[test]
    fn the_sentences_agree_with_the_counts() {
        let mut tally = Tally {
            streams: 10,
            begun: 6,
            ok: 2,
            failed: 3,
            unanswered: 2,
            unfinished: 1,
            bytes: 3_000_000,
            ..Tally::default()
        };
        tally.times = times([1, 3]);
        let pings = Pings { asked: 6, sent: 5, lost: 1, round_trips: times([1, 2, 6]) };
        let time = Duration::from_millis(1500);
        let summary = Summary { tally: &tally, pings: &pings, chat: None, time, is_echo: true, interrupted: None };
        assert_eq!(
            summary.to_string(),
            "10 streams: 2 ok, 3 failed (2 unanswered), 1 not finished, 4 not begun\n\
             3.00 MB echoed in 1.500 s: 2.00 MB/s each way\n\
             latency of a stream: 1.000 ms (median), 3.000 ms (99th percentile), 1.000 ms to 3.000 ms in all\n\
             6 pings: 3 answered, 1 lost (25.0 %), 1 not finished, 1 not sent\n\
             round trip: 1.000 ms (minimum), 3.000 ms (mean), 6.000 ms (maximum)"
        );
        let (tally, pings) = (Tally { streams: 1, begun: 1, ok: 1, ..Tally::default() }, Pings::default());
        let summary = Summary { tally: &tally, pings: &pings, chat: None, time, is_echo: true, interrupted: None };
        assert_eq!(summary.to_string(), "1 stream: 1 ok, 0 failed");
        let pings =
            Pings { asked: 59_765, sent: 59_765, lost: 2, round_trips: Times { count: 59_763, ..Times::default() } };
        let chat = Some(Chat { published: 1, lost: 2, messages: 3 });
        let tally = Tally::default();
        let summary = Summary { tally: &tally, pings: &pings, chat, time, is_echo: true, interrupted: None };
        assert_eq!(
            summary.to_string(),
            "59765 pings: 59763 answered, 2 lost (less than 0.1 %)\n1 line published, 2 lost, 3 messages came"
        );
    }

    #[test]
    fn a_single_time_stands_once_and_as_in_its_line() {
        let (mut tally, mut pings) = (Tally { streams: 1, begun: 1, ok: 1, ..Tally::default() }, Pings::default());
        tally.times = times([9]);
        (pings.asked, pings.sent) = (1, 1);
        // The line of this ping in the log contains 0.000323 s.
        pings.round_trips.add(Duration::from_nanos(323_700));
        let summary = Summary {
            tally: &tally,
            pings: &pings,
            chat: None,
            time: Duration::ZERO,
            is_echo: true,
            interrupted: None,
        };
        assert_eq!(
            summary.to_string(),
            "1 stream: 1 ok, 0 failed\nlatency of the stream: 9.000 ms\n1 ping: 1 answered\n\
             round trip: 0.323 ms"
        );
    }
}
