//! The snapshot of a log that lags, in parts: each is short, and together with the lines between them they say what is open.

use crate::output::{Log, open_after, open_streams};
use crate::paced::Peer;
use crate::support::command::{Process, json_command};
use serde_json::Value;
use std::collections::BTreeSet;
use swarm_notify::swarm::Config;

/// The most entries of one part, as the page says.
const MOST: usize = 128;
/// The streams of one connection that stay open.
const IDLE: usize = 1_000;

fn entries(part: &Value) -> usize {
    ["listeners", "connections", "streams"].iter().map(|kind| part[kind].as_array().unwrap().len()).sum()
}

/// A listener whose reader has stopped, with three peers whose streams stay open, and which has left out lines.
fn lagging() -> (Process, Log, String, [Peer; 3]) {
    let (listen, mut log) = Log::of(&["listen"]);
    let address = log.address();
    let peers = [(); 3].map(|()| {
        let (mut peer, connection) = Peer::dial(&address, Config::default());
        peer.open_streams(connection, IDLE);
        peer
    });
    open_streams(&address, 5_000);
    (listen, log, address, peers)
}

/// Reads on until a snapshot is whole, and returns its parts.
fn snapshot(log: &mut Log) -> Vec<Value> {
    let mut parts = vec![log.until("snapshot")];
    while parts.last().unwrap()["more"] == true {
        parts.push(log.until("snapshot"));
    }
    for (part, number) in parts.iter().zip(1..) {
        assert_eq!(part["part"], number);
        assert!(entries(part) <= MOST, "{} entries", entries(part));
    }
    parts
}

#[test]
fn a_snapshot_of_many_streams_is_in_short_parts() {
    let (listen, mut log, _, peers) = lagging();
    let parts = snapshot(&mut log);
    assert_eq!(parts.iter().map(entries).sum::<usize>(), 1 + 3 + 3 * IDLE);
    // The first follows on what it is for, and they are in the order in which things open.
    let told = log.told();
    let at = told.iter().position(|line| line["event"] == "lagged").unwrap();
    assert_eq!(told[at + 1], parts[0]);
    assert_eq!((parts[0]["listeners"][0]["listener"].as_str(), entries(&parts[0])), (Some("l0.1"), MOST));
    assert_eq!(parts[0]["connections"].as_array().unwrap().len(), 3);
    drop(peers);
    listen.signal("TERM");
    assert_eq!(open_after(&log.rest().1), BTreeSet::new());
    assert_eq!(listen.ended().code, Some(0));
}

/// While the parts come, streams open and end. Whoever reads the log as its page says knows all along what is open.
#[test]
fn what_changes_between_the_parts_is_told_in_order() {
    let (listen, mut log, address, peers) = lagging();
    let args = ["dial", &address, "--bytes", "0", "--concurrency", "64", "--streams", "20000"];
    let dial = Process::start(&mut json_command(&args));
    let mut between = 0;
    while between == 0 {
        let begin = log.told().len();
        snapshot(&mut log);
        let parts = &log.told()[begin..];
        let first = parts.iter().position(|line| line["event"] == "snapshot").unwrap();
        between += parts[first..].iter().filter(|line| line["event"] == "opened_stream").count();
        let open = open_after(log.told()).iter().filter(|id| id.starts_with('s')).count();
        assert!((3 * IDLE..=3 * IDLE + 64).contains(&open), "{open} streams are open");
    }
    drop(peers);
    let rest = std::thread::spawn(|| log.rest());
    assert_eq!(dial.ended().code, Some(0));
    listen.signal("TERM");
    assert_eq!(open_after(&rest.join().unwrap().1), BTreeSet::new());
    assert_eq!(listen.ended().code, Some(0));
}
