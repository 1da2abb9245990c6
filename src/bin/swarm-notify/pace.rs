//! [`Pace`]: limits how many lines about floodsub each peer can cause in a second, so that no peer can flood the log.

use crate::node::LoggedSwarm;
use crate::report::Reporter;
use libp2p_identity::PeerId;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};

/// The time for which a maximum number of lines applies.
const SECOND: Duration = Duration::from_secs(1);

/// A kind of line in the log: the peer that causes the line, or `None` if no single peer causes it, and the name of the
/// line.
type LineKind = (Option<PeerId>, &'static str);

/// A notifee that counts the lines of each kind during a second, which begins with the first line of the kind. At the end of
/// that second, the notifee prints how many lines of the kind were left out.
#[derive(Default)]
pub(crate) struct Pace {
    /// The counts of lines, for each kind whose second is not over.
    kinds: BTreeMap<LineKind, LineCount>,
    /// The kinds in `kinds`, each with the time at which its second ends, earliest first. There may be a kind for each peer.
    /// With this queue, a turn looks only at the kinds whose second is over.
    ends: VecDeque<(Duration, LineKind)>,
    /// The number of lost events of the floodsub service of which no line has told yet.
    missed: u64,
    /// The time before which no further line about lost events is printed.
    next_missed: Duration,
}

/// The minimum time between two lines about lost events.
const BETWEEN: Duration = Duration::from_millis(100);

/// The number of lines of one kind that were printed, and the number that were left out, in the present second of the kind.
#[derive(Default)]
struct LineCount {
    printed: u32,
    skipped: u64,
}

impl Pace {
    /// Counts another line of the kind given by `peer` and `name`. Returns whether the line may be printed: at most `most`
    /// lines of a kind are printed in a second. `now` must not be earlier than in the last call.
    pub(crate) fn allows(&mut self, peer: Option<PeerId>, name: &'static str, most: u32, now: Duration) -> bool {
        let kind = (peer, name);
        let lines = self.kinds.entry(kind).or_insert_with(|| {
            self.ends.push_back((now + SECOND, kind));
            LineCount::default()
        });
        let allows = lines.printed < most;
        match allows {
            true => lines.printed += 1,
            false => lines.skipped += 1,
        }
        allows
    }

    /// Adds `events` to the number of lost events of the floodsub service. The number is printed now, or, if such a line was
    /// printed less than [`BETWEEN`] ago, later and together with events that are lost until then.
    pub(crate) fn lagged(&mut self, reporter: Reporter, events: u64, now: Duration) {
        self.missed += events;
        if let Some(missed) = self.missed_by(now) {
            print_missed(reporter, missed);
        }
    }

    /// Returns the number of lost events of which no line has told yet, and resets the number to 0. Returns `None` if the
    /// number is 0, or if it is too early for another line.
    fn missed_by(&mut self, now: Duration) -> Option<u64> {
        if self.missed == 0 || now < self.next_missed {
            return None;
        }
        self.next_missed = now.saturating_add(BETWEEN);
        Some(core::mem::take(&mut self.missed))
    }

    /// Prints, at the end of the command, the number of lost events, and the number of lines of each kind that were left
    /// out, unless earlier lines have told of them.
    pub(crate) fn end(&mut self, reporter: Reporter) {
        if let Some(missed) = self.missed_by(Duration::MAX) {
            print_missed(reporter, missed);
        }
        self.ends.clear();
        for (kind, lines) in core::mem::take(&mut self.kinds).into_iter().filter(|(_, lines)| lines.skipped > 0) {
            print(reporter, kind, lines.skipped);
        }
    }

    /// Removes the kinds whose second is over, in order, up to and including the first kind of which lines were left out.
    /// Returns this kind and the number of its lines that were left out, or `None` if no such kind is left.
    fn next_over(&mut self, now: Duration) -> Option<(LineKind, u64)> {
        while let Some((_, kind)) = self.ends.front().copied().filter(|(end, _)| *end <= now) {
            self.ends.pop_front();
            let skipped = self.kinds.remove(&kind).map_or(0, |lines| lines.skipped);
            if skipped > 0 {
                return Some((kind, skipped));
            }
        }
        None
    }
}

impl Notifee<LoggedSwarm> for Pace {
    fn interest(&self) -> Interest {
        Interest::TIME
    }

    fn poll_at(&self) -> Option<Duration> {
        let missed = (self.missed > 0).then_some(self.next_missed);
        self.ends.front().map(|(end, _)| *end).into_iter().chain(missed).min()
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>) {
        let reporter = cx.network().reporter;
        if let Some(missed) = self.missed_by(cx.now()) {
            print_missed(reporter, missed);
        }
        while let Some((kind, lines)) = self.next_over(cx.now()) {
            print(reporter, kind, lines);
        }
    }
}

fn print_missed(reporter: Reporter, missed: u64) {
    let mut line = reporter.line("pubsub_lagged");
    line.put("missed", missed);
    reporter.print(&line);
}

fn print(reporter: Reporter, (peer, name): LineKind, lines: u64) {
    let mut line = reporter.line("skipped");
    if let Some(peer) = peer {
        line.put("peer", peer.to_string());
    }
    line.put("what", name);
    line.put("lines", lines);
    reporter.print(&line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_limit_of_a_second_are_counted() {
        let mut pace = Pace::default();
        let second = |n: u32| SECOND * n / 10;
        let printed = (0..100).filter(|n| pace.allows(None, "message", 3, second(*n) / 10)).count();
        assert_eq!((printed, pace.poll_at()), (3, Some(SECOND)));
        assert_eq!(pace.next_over(second(9)), None);
        assert_eq!(pace.next_over(second(10)), Some(((None, "message"), 97)));
        assert!(pace.allows(None, "message", 3, second(11)));
        assert_eq!((pace.next_over(second(30)), pace.poll_at()), (None, None), "nothing is kept");
    }

    #[test]
    fn all_lost_events_are_counted_in_few_lines() {
        let mut pace = Pace::default();
        let mut told = Vec::new();
        for n in 0..1_000 {
            pace.missed += 3;
            told.extend(pace.missed_by(SECOND * n / 1_000));
        }
        assert_eq!((told.len(), pace.poll_at()), (10, Some(SECOND)));
        told.extend(pace.missed_by(SECOND));
        assert_eq!((told.iter().sum::<u64>(), pace.poll_at(), pace.missed_by(SECOND * 9)), (3_000, None, None));
    }

    #[test]
    fn each_kind_has_a_second_of_its_own() {
        let mut pace = Pace::default();
        let at = |tenths: u32| SECOND * tenths / 10;
        let names = ["a", "b", "c"];
        for (name, tenths) in names.into_iter().zip([0, 3, 6]) {
            assert!(pace.allows(None, name, 1, at(tenths)));
            assert!(!pace.allows(None, name, 1, at(tenths)));
        }
        assert_eq!((pace.next_over(at(9)), pace.poll_at()), (None, Some(at(10))));
        assert_eq!((pace.next_over(at(13)), pace.poll_at()), (Some(((None, "a"), 1)), Some(at(13))));
        assert_eq!((pace.next_over(at(13)), pace.poll_at()), (Some(((None, "b"), 1)), Some(at(16))));
        // The new second of "a" ends after the second of "c", which is not over yet.
        assert!(pace.allows(None, "a", 1, at(14)));
        assert_eq!((pace.next_over(at(16)), pace.poll_at()), (Some(((None, "c"), 1)), Some(at(24))));
        assert_eq!((pace.next_over(at(24)), pace.poll_at(), pace.kinds.len()), (None, None, 0));
    }
}
