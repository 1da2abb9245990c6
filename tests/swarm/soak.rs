//! Many swarms on one simulated network, with everything going wrong that can: whatever happens, each side's log keeps
//! the promises, all logs fit together, and everything ends.
//!
//! One seed is one run, and replays it exactly. A fixed share runs by default; for more, and with a line for each seed:
//!
//! ```text
//! SEEDS=0-5000 cargo test --release --all-features --test swarm soak:: -- --nocapture
//! ```
//!
//! A run that fails prints the command that replays it.

mod walk;

use std::collections::BTreeMap;
use std::time::Duration;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The seeds to run, and whether they were asked for.
fn seeds() -> (std::ops::Range<u64>, bool) {
    let Ok(range) = std::env::var("SEEDS") else { return (0..40, false) };
    let (from, to) = range.split_once('-').expect("SEEDS is a range such as 0-1000");
    (from.parse().expect("a number")..to.parse().expect("a number"), true)
}

/// Prints how to replay a run if it ends in a panic.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (from, to) = (self.0, self.0 + 1);
            eprintln!(
                "replay: SEEDS={from}-{to} cargo test --release --all-features --test swarm soak:: -- --nocapture"
            );
        }
    }
}

#[test]
fn many_swarms_keep_all_promises_whatever_happens() {
    let (seeds, asked) = seeds();
    let mut excuses = BTreeMap::new();
    let mut sum = walk::Sum::default();
    for seed in seeds {
        let replay = Replay(seed);
        let ran = match seed % 3 {
            0 => walk::run::<1>(seed),
            1 => walk::run::<3>(seed),
            _ => walk::run::<64>(seed),
        };
        drop(replay);
        if asked {
            println!("seed {seed}: {:?}", ran.sum);
        }
        sum += ran.sum;
        for (excuse, many) in ran.excuses {
            *excuses.entry(excuse).or_insert(0) += many;
        }
    }
    println!("{sum:?}, in which was excused: {excuses:?}");
    // What runs by default goes through everything.
    assert!(asked || sum.is_rich(), "{sum:?}");
}

#[test]
fn a_seed_replays_everything() {
    for seed in [3, 4, 5] {
        let logs = [walk::logs(seed), walk::logs(seed)];
        assert!(logs[0].lines().count() > 20 && logs[0] == logs[1], "seed {seed} went two ways");
    }
}
