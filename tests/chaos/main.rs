//! Chaos on real sockets: a peer that is a process of its own is killed, stopped or cut off, after any number of bytes:
//! in the middle of handshakes, negotiations, writes and closes. No event is missing or doubled on either side, and
//! nothing is left behind: no slot, no descriptor, no byte of memory. Notifees that panic, leave, come late or are slow
//! hear each event once, in order.
//!
//! One owner lives through all rounds. A fixed share runs by default; for the whole of it:
//!
//! ```text
//! ROUNDS=1000 cargo test --release --all-features --test chaos -- --nocapture
//! ```
//!
//! It is one test in a binary of its own, so that nobody else opens files or allocates.
#![cfg(all(feature = "tcp", feature = "cli", target_os = "linux"))]

mod owner;
mod relay;
#[path = "../support/mod.rs"]
mod support;

use crate::support::command;
use crate::support::pipe;
use crate::support::sleep;
use command::Running;
use owner::Owner;
use pipe::Random;
use relay::Relay;
use rustix::event::{PollFd, PollFlags};
use serde_json::Value;
use sleep::{Sleeper as _, is_ready, sleep_on};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Nothing here takes as long; it is what a hang costs.
const LIMIT: Duration = Duration::from_secs(60);

/// Rounds after which every buffer and table has grown as far as it will.
const WARM_UP: usize = 40;

/// How many bytes more may live after so many rounds: what threads that are about to end still have, and the capacity of
/// whatever was longer than ever before. What every round left behind would be more: the smallest record has 16 bytes.
const fn slack(rounds: usize) -> usize {
    4 * 1024 + 12 * rounds
}

/// What happens when so many bytes have passed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Blow {
    /// The peer's process is gone.
    Kill,
    /// The peer's process stands still.
    Stop,
    /// Both find that the other has closed.
    Cut,
    /// Both find that the other has reset.
    Reset,
    /// What is sent arrives nowhere.
    Hole,
    /// Nothing: the session goes through to its end.
    None,
}

const BLOWS: [Blow; 6] = [Blow::Kill, Blow::Stop, Blow::Cut, Blow::Reset, Blow::Hole, Blow::None];

/// How much there is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Standing {
    descriptors: usize,
    heap: usize,
}

fn standing() -> Standing {
    let stats = ALLOCATOR.stats();
    Standing {
        // The one that reads the folder is among them, every time.
        descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count(),
        heap: stats.bytes_allocated - stats.bytes_deallocated,
    }
}

#[test]
fn a_peer_killed_stopped_or_cut_off_leaves_nothing_behind() {
    let rounds = std::env::var("ROUNDS").map_or(60, |rounds| rounds.parse().expect("a number of rounds"));
    let mut owner = Owner::new();
    let mut random = Random(rounds as u64);
    let mut struck = BTreeMap::new();
    for n in 0..WARM_UP {
        round(&mut owner, &mut random, BLOWS[n % BLOWS.len()], n);
    }
    let before = standing();
    for n in 0..rounds {
        let blow = BLOWS[n % BLOWS.len()];
        let landed = round(&mut owner, &mut random, blow, n);
        *struck.entry((blow, landed)).or_insert(0) += 1;
        let now = standing();
        assert_eq!(now.descriptors, before.descriptors, "round {n}, {blow:?}");
    }
    let after = standing();
    println!("{rounds} rounds (what, whether it was before the end): {struck:?}; {before:?}, {after:?}");
    println!("{:?}, {:?}", owner.counters(), owner.seen());
    let seen = owner.seen();
    let is_rich = seen.panics > 50 && seen.left > 50 && seen.replayed > 20 && seen.commanded > 10 && seen.missed > 20;
    assert!(rounds < 60 || is_rich, "{seen:?}");
    assert!(after.heap <= before.heap + slack(rounds), "{before:?}, {after:?}");
    for blow in &BLOWS[..5] {
        assert!(struck.contains_key(&(*blow, true)), "{blow:?} never came in the middle: {struck:?}");
    }
    owner.shut_down();
}

/// One session with a process, through a relay that strikes. Gives whether it came before the session's end.
fn round(owner: &mut Owner, random: &mut Random, blow: Blow, n: usize) -> bool {
    // Some 300 bytes of handshake each way, then streams, then closes.
    let after = match blow {
        Blow::None => usize::MAX,
        Blow::Kill | Blow::Stop | Blow::Cut | Blow::Reset | Blow::Hole => {
            1 + below_one_of(random, &[700, 3_000, 9_000])
        }
    };
    let we_dial = random.below(2) == 0;
    let (mut child, mut relay);
    if we_dial {
        child = Running::start(["listen"]);
        relay = Relay::new(owner::socket_address(&child.address().parse().unwrap()), after);
        owner.dial(relay.address());
    } else {
        relay = Relay::new(owner.listens_at(), after);
        let address = owner::multiaddr_of(relay.address()).to_string();
        let how = [&["--half-close"][..], &["--reset"], &[]][random.below(3)];
        let args = ["dial", &address, "--streams", "6", "--concurrency", "3", "--bytes", "400"];
        child = Running::start(args.iter().chain(how));
    }
    owner.is_polite = random.below(2) == 0;
    let mut landed = false;
    drive(
        owner,
        &mut relay,
        &mut child,
        &mut |relay, child| {
            landed = true;
            match blow {
                Blow::Kill => child.kill(),
                Blow::Stop => child.signal("STOP"),
                Blow::Cut => relay.cut(),
                Blow::Reset => relay.reset(),
                Blow::Hole => relay.swallow(),
                Blow::None => {}
            }
        },
        blow,
    );
    drop(relay);
    owner.assert_round_is_over(n, blow == Blow::Kill || blow == Blow::Cut || blow == Blow::Reset || blow == Blow::None);
    // The process is asked to end as it should, unless it cannot; a stopped one runs again first.
    if blow == Blow::Stop && landed {
        child.signal("CONT");
    }
    let is_asked = we_dial && !(blow == Blow::Kill && landed);
    if is_asked {
        child.signal("TERM");
    }
    let killed = blow == Blow::Kill && landed || !we_dial && blow != Blow::None;
    if killed {
        child.kill();
    }
    let ended = child.ended();
    assert!(killed || ended.code == Some(0), "round {n}, {blow:?}: {:?} {}", ended.code, ended.stderr);
    assert_told_once(&ended.printed, ended.code == Some(0));
    if !killed && we_dial {
        let theirs = ended.printed.iter().filter(|line| line["event"] == "opened_stream").count();
        assert!(owner.opened() <= theirs, "round {n}, {blow:?}: open for us and not for the peer");
    }
    owner.forget();
    landed
}

fn below_one_of(random: &mut Random, bounds: &[usize]) -> usize {
    let bound = bounds[random.below(bounds.len())];
    random.below(bound)
}

/// Drives the owner and the relay until the owner has nothing left but its listener, and the session has been begun.
fn drive(
    owner: &mut Owner,
    relay: &mut Relay,
    child: &mut Running,
    strike: &mut dyn FnMut(&mut Relay, &mut Running),
    blow: Blow,
) {
    let limit = Instant::now() + LIMIT;
    let mut has_struck = false;
    loop {
        owner.turn();
        let mut happened = relay.turn();
        if relay.has_passed() && !has_struck {
            has_struck = true;
            strike(relay, child);
            happened = true;
        }
        if owner.is_over() || relay.is_over() && owner.has_nothing() {
            return;
        }
        let left = if happened { Some(Duration::ZERO) } else { owner.left() };
        let mut descriptors = relay.descriptors();
        descriptors.push(PollFd::from_borrowed_fd(owner.descriptor(), PollFlags::IN));
        let is_mute = has_struck && matches!(blow, Blow::Stop | Blow::Hole) && !owner.has_nothing();
        if is_mute && left != Some(Duration::ZERO) && !is_ready(&mut descriptors) {
            // Nobody says anything any more: what is left is time.
            drop(descriptors);
            owner.skip(Duration::from_secs(5));
        } else {
            assert!(sleep_on(&mut descriptors, left, limit), "{blow:?} hangs: {}", owner.log());
        }
    }
}

/// P1 and P2 of what a process has printed; `whole`: it ended in good order, so that everything is closed.
fn assert_told_once(printed: &[Value], whole: bool) {
    let mut open: BTreeMap<String, Option<String>> = BTreeMap::new();
    for line in printed {
        let field = |key: &str| line[key].as_str().map(str::to_owned);
        let event = line["event"].as_str().unwrap();
        let (stream, connection) = (field("stream"), field("connection"));
        let id = stream.clone().or_else(|| connection.clone()).or_else(|| field("listener"));
        let of = stream.and(connection);
        match event {
            "listen" | "connected" | "opened_stream" => {
                assert!(of.as_ref().is_none_or(|of| open.contains_key(of)), "{line} outside of its connection");
                let id = id.expect("it has an id");
                assert!(open.insert(id, of).is_none(), "{line} twice in {printed:#?}");
            }
            "listen_close" | "disconnected" | "closed_stream" => {
                let id = id.expect("it has an id");
                assert!(!open.values().any(|of| of.as_ref() == Some(&id)), "{line} before its streams' ends");
                assert!(open.remove(&id).is_some(), "{line}, which is not open, in {printed:#?}");
            }
            "listen_failed" | "connect_failed" | "stream_failed" => {
                assert!(!open.contains_key(&id.expect("it has an id")), "{line}, which is open");
            }
            _ => {}
        }
    }
    assert!(!whole || open.is_empty(), "{open:?} is left in {printed:#?}");
}
