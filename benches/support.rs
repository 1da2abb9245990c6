//! What the benches share: a counting allocator, rounds of rivals in turn, and one line per figure.
//!
//! Times on a shared machine mean little by themselves: rivals run in turn, round by round, and what counts is the
//! ratio of the medians. Counts of allocations and system calls are exact.

#![allow(dead_code, reason = "each bench uses its part of it")]

pub(crate) mod ours;
pub(crate) mod theirs;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often anything was allocated or made larger, since the start.
pub(crate) fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

/// How many bytes live on the heap.
pub(crate) fn heap() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// How many bytes of the process are in memory.
pub(crate) fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// `full`, or with `--quick` on the command line a twentieth of it.
pub(crate) fn amount(full: usize) -> usize {
    if std::env::args().any(|arg| arg == "--quick") { (full / 20).max(1) } else { full }
}

/// Whether one rival is run alone, for a profile.
pub(crate) fn is_profiled() -> bool {
    std::env::args().any(|arg| arg == "--only")
}

/// One that takes part in a bench. Its work does as many units as it is told to.
pub(crate) struct Rival<'a> {
    pub(crate) name: &'static str,
    pub(crate) work: Box<dyn FnMut(usize) + 'a>,
}

/// A rival by name.
pub(crate) fn rival<'a>(name: &'static str, work: impl FnMut(usize) + 'a) -> Rival<'a> {
    Rival { name, work: Box::new(work) }
}

/// Runs the rivals in turn, after a round to warm up, prints a line for each, and gives the same seconds: what a unit
/// took in the median round, and how often the first rival fits in it. With `--only NAME UNITS` one rival does so many
/// units, for an instruction profile.
pub(crate) fn compare(title: &str, units: usize, mut rivals: Vec<Rival<'_>>) -> Vec<(&'static str, f64)> {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--only") {
        let units = args[at + 2].parse().expect("--only NAME UNITS");
        for rival in rivals.iter_mut().filter(|rival| format!("{title}/{}", rival.name) == args[at + 1]) {
            (rival.work)(units);
        }
        return Vec::new();
    }
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); rivals.len()];
    let mut allocated = vec![0; rivals.len()];
    for round in 0..=ROUNDS {
        for (n, rival) in rivals.iter_mut().enumerate() {
            let (began, before) = (Instant::now(), allocations());
            (rival.work)(units);
            allocated[n] = allocations() - before;
            if round > 0 {
                times[n].push(began.elapsed());
            }
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times).as_secs_f64() / units as f64).collect();
    for ((rival, median), allocated) in rivals.iter().zip(&medians).zip(allocated) {
        let (ratio, each) = (median / medians[0], allocated as f64 / units as f64);
        println!("{title:<28} {:<28} {:>12.1} ns {ratio:>7.2}x {each:>9.2} allocations", rival.name, median * 1e9);
    }
    rivals.iter().map(|rival| rival.name).zip(medians).collect()
}

const ROUNDS: usize = 7;

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
