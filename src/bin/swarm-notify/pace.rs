//! [`Pace`]: the most lines a second of what peers pace and what has no id, so that nobody can flood the log.

use crate::node::LoggedSwarm;
use crate::report::Reporter;
use libp2p_identity::PeerId;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};

/// The time that a limit is for.
const SECOND: Duration = Duration::from_secs(1);

/// A kind of line of one peer; of none where it is about several.
type LineKind = (Option<PeerId>, &'static str);

/// Counts the lines of the last second, by kind. At the end of a second it prints how many were left out.
#[derive(Default)]
pub(crate) struct Pace {
    /// Those of which there was a line within a second.
    kinds: BTreeMap<LineKind, LineCount>,
    /// The same, and the end of the second of each: the next first. There may be one for each peer, and a turn costs what is
    /// over by then.
    ends: VecDeque<(Duration, LineKind)>,
    /// The events of pub/sub that were lost and have no line yet.
    missed: u64,
    /// The next line about these comes at this time at the earliest.
    next_missed: Duration,
}

/// The shortest time between two lines about lost events.
const BETWEEN: Duration = Duration::from_millis(100);

/// The lines of one kind in its second.
#[derive(Default)]
struct LineCount {
    printed: u32,
    skipped: u64,
}

impl Pace {
    /// Returns whether one more line of a kind may be printed, of at most so many a second. `now` never goes back.
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

    /// Prints the number of events of pub/sub that were lost, now or together with those that are lost soon.
    pub(crate) fn lagged(&mut self, reporter: Reporter, events: u64, now: Duration) {
        self.missed += events;
        if let Some(missed) = self.missed_by(now) {
            print_missed(reporter, missed);
        }
    }

    /// Takes the number of lost events, if there are any and their line is due.
    fn missed_by(&mut self, now: Duration) -> Option<u64> {
        if self.missed == 0 || now < self.next_missed {
            return None;
        }
        self.next_missed = now.saturating_add(BETWEEN);
        Some(core::mem::take(&mut self.missed))
    }

    /// Prints at the end what was left out in seconds that are not over.
    pub(crate) fn end(&mut self, reporter: Reporter) {
        if let Some(missed) = self.missed_by(Duration::MAX) {
            print_missed(reporter, missed);
        }
        self.ends.clear();
        for (kind, lines) in core::mem::take(&mut self.kinds).into_iter().filter(|(_, lines)| lines.skipped > 0) {
            print(reporter, kind, lines.skipped);
        }
    }

    /// Forgets each kind whose second is over, and returns the first of which lines were left out.
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
    fn what_is_beyond_the_limit_of_a_second_is_counted() {
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
    fn lost_events_are_all_counted_though_their_lines_are_few() {
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
        // It begins again behind the one that is not over.
        assert!(pace.allows(None, "a", 1, at(14)));
        assert_eq!((pace.next_over(at(16)), pace.poll_at()), (Some(((None, "c"), 1)), Some(at(24))));
        assert_eq!((pace.next_over(at(24)), pace.poll_at(), pace.kinds.len()), (None, None, 0));
    }
}
