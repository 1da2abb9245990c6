//! [`Row`]: one line of the table.

use crate::probe::Outcome;
use std::fmt;
use std::time::Duration;

/// The width of the first column.
const NAME: usize = 20;

/// Rows that were kept of an older commit.
pub(crate) struct Kept(&'static str);

impl Kept {
    pub(crate) fn of_285d616() -> Self {
        Self(include_str!("285d616.txt"))
    }

    /// The row of an attack, marked as what it is.
    pub(crate) fn row(&self, name: &str) -> Option<String> {
        let row = self.0.lines().find(|row| row.split_whitespace().next() == Some(name))?;
        Some(format!("{:<NAME$}{}", "  in 285d616", row.get(NAME..)?))
    }
}

/// The probes of one kind at one time.
#[derive(Default)]
pub(crate) struct Probes {
    served: Vec<Duration>,
    starved: usize,
    cut: usize,
}

impl Probes {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Served(time) => self.served.push(*time),
            Outcome::Starved => self.starved += 1,
            Outcome::Cut(_) => self.cut += 1,
        }
    }

    /// The time within which so many of a hundred were served.
    fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut served = self.served.clone();
        served.sort_unstable();
        served.get((served.len() * percent / 100).min(served.len().saturating_sub(1))).copied()
    }

    fn lost(&self) -> usize {
        self.starved + self.cut
    }
}

/// How many were served; the median and the 99th percentile in milliseconds; how many starved and were cut.
impl fmt::Display for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.served.len().to_string();
        if let (Some(median), Some(most)) = (self.percentile(50), self.percentile(99)) {
            text += &format!(" {}/{}", Milliseconds(median), Milliseconds(most));
        }
        if self.starved > 0 {
            text += &format!(" -{}", self.starved);
        }
        if self.cut > 0 {
            text += &format!(" x{}", self.cut);
        }
        f.pad(&text)
    }
}

struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_secs_f64() * 1e3;
        if milliseconds < 10.0 { write!(f, "{milliseconds:.1}") } else { write!(f, "{milliseconds:.0}") }
    }
}

/// The probes of one kind before, during and after an attack.
#[derive(Default)]
pub(crate) struct Times {
    pub(crate) before: Probes,
    pub(crate) during: Probes,
    pub(crate) after: Probes,
}

impl Times {
    /// Whether the 99th percentile during the attack is within the larger of ten times the median at rest and 20 ms.
    fn is_near_rest(&self) -> bool {
        let rest = self.before.percentile(50).unwrap_or_default();
        let limit = (10 * rest).max(Duration::from_millis(20));
        self.during.percentile(99).is_some_and(|most| most <= limit)
    }
}

/// What a node holds at one time.
#[derive(Clone, Copy, Default)]
pub(crate) struct Held {
    pub(crate) live: Option<u64>,
    pub(crate) resident: u64,
    pub(crate) descriptors: usize,
}

/// One attack, and what it did.
#[derive(Default)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) new: Times,
    pub(crate) established: Times,
    /// Without it, nobody publishes.
    pub(crate) published: Option<Times>,
    /// At rest, at the peak, and after.
    pub(crate) held: [Held; 3],
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) node_cpu: Duration,
    pub(crate) attacker_cpu: Duration,
    /// Connections of attackers that were ended or refused.
    pub(crate) cuts: u64,
    /// The attackers are many: the goal is that nobody starves.
    pub(crate) are_many: bool,
    /// What else is to be said.
    pub(crate) remarks: Vec<String>,
}

pub(crate) fn heading() -> String {
    let probes = "probes: served median/p99 ms -starved xcut";
    let held = "rest>peak>after";
    format!(
        "Each: before > during > after. {probes}; live and resident MB, descriptors: {held}; CPU s: node+attacker.\n\
        {:<NAME$}{:<13} {:<30} {:<13}| {:<13} {:<28} {:<13}| {:<18} {:<18} {:<15} {:>9} {:>7} {:<9} {:>6} remarks",
        "attack",
        "new: before",
        "during",
        "after",
        "established",
        "during",
        "after",
        "live",
        "resident",
        "descriptors",
        "lines",
        "MB",
        "CPU",
        "cuts",
    )
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<NAME$}", self.name)?;
        for (times, width, end) in [(&self.new, 30, "|"), (&self.established, 28, "|")] {
            write!(f, "{:<13} {:<width$} {:<13}{end} ", times.before, times.during, times.after)?;
        }
        let megabytes = |bytes: u64| {
            let megabytes = bytes as f64 / 1e6;
            if megabytes < 100.0 { format!("{megabytes:.1}") } else { format!("{megabytes:.0}") }
        };
        let live = self.held.map(|held| held.live.map_or("-".into(), megabytes)).join(">");
        let resident = self.held.map(|held| megabytes(held.resident)).join(">");
        let descriptors = self.held.map(|held| held.descriptors.to_string()).join(">");
        write!(f, "{live:<18} {resident:<18} {descriptors:<15} ")?;
        let cpu = format!("{:.1}+{:.1}", self.node_cpu.as_secs_f64(), self.attacker_cpu.as_secs_f64());
        write!(f, "{:>9} {:>7} {cpu:<9} {:>6} ", self.lines, megabytes(self.bytes), self.cuts)?;
        let mut remarks = Vec::new();
        if let Some(published) = &self.published {
            remarks.push(format!("published: {} > {} > {}", published.before, published.during, published.after));
        }
        let kinds = [Some(&self.new), Some(&self.established), self.published.as_ref()];
        let is_lost = kinds.into_iter().flatten().any(|times| times.during.lost() > 0);
        let is_missed = is_lost || (!self.are_many && !self.new.is_near_rest());
        if is_missed && self.has_probes() {
            remarks.push("goal missed".to_owned());
        }
        if let Some(kept) = self.kept().filter(|_| self.has_probes()) {
            remarks.push(format!("{kept} kB of memory not given back"));
        }
        remarks.extend(self.remarks.iter().cloned());
        f.write_str(&remarks.join("; "))
    }
}

impl Row {
    /// The live memory in kB that is not given back after the attack, if that is more than 5 % of what there was at rest.
    fn kept(&self) -> Option<u64> {
        let [rest, _, after] = self.held.map(|held| held.live);
        let (rest, after) = (rest?, after?);
        (after > rest + rest / 20).then(|| (after - rest) / 1_000)
    }

    fn has_probes(&self) -> bool {
        !self.new.before.served.is_empty()
    }
}
