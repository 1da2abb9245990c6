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

/// A listener whose reader has stopped, with a peer whose streams stay open, and which has left out lines.
fn lagging() -> (Process, Log, String, Peer) {
    let (listen, mut log) = Log::of(&["listen"]);
    let address = log.address();
    let (mut peer, connection) = Peer::dial(&address, Config::default());
    peer.open_streams(connection, IDLE);
    open_streams(&address, 5_000);
    (listen, log, address, peer)
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
    let (listen, mut log, _, peer) = lagging();
    let parts = snapshot(&mut log);
    assert_eq!(parts.iter().map(entries).sum::<usize>(), 1 + 1 + IDLE);
    // The first follows on what it is for, and they are in the order in which things open.
    let told = log.told();
    let at = told.iter().position(|line| line["event"] == "lagged").unwrap();
    assert_eq!(told[at + 1], parts[0]);
    assert_eq!((parts[0]["listeners"][0]["listener"].as_str(), entries(&parts[0])), (Some("l0.1"), MOST));
    assert_eq!(parts[0]["connections"].as_array().unwrap().len(), 1);
    drop(peer);
    listen.signal("TERM");
    assert_eq!(open_after(&log.rest().1), BTreeSet::new());
    assert_eq!(listen.ended().code, Some(0));
}

/// While the parts come, streams open and end. Whoever reads the log as its page says knows all along what is open.
#[test]
fn what_changes_between_the_parts_is_told_in_order() {
    const CONCURRENCY: usize = 64;
    let (listen, log, address, peer) = lagging();
    let log = std::thread::spawn(|| log.rest().1);
    let concurrency = CONCURRENCY.to_string();
    let args = ["dial", &address, "--bytes", "0", "--concurrency", &concurrency, "--streams", "20000"];
    assert_eq!(Process::start(&mut json_command(&args)).ended().code, Some(0));
    drop(peer);
    listen.signal("TERM");
    assert_eq!(listen.ended().code, Some(0));
    let printed = log.join().unwrap();
    assert_eq!(open_after(&printed), BTreeSet::new());
    let (mut begin, mut between) = (None, 0);
    for (at, line) in printed.iter().enumerate().filter(|(_, line)| line["event"] == "snapshot") {
        begin = if line["part"] == 1 { Some(at) } else { begin };
        between += printed[begin.unwrap()..at].iter().filter(|line| line["event"] == "opened_stream").count();
        if line["more"] == false && entries(&printed[begin.unwrap()]) == MOST {
            // Of those that have come and gone, some may have ended in lines that were left out since.
            let open = open_after(&printed[..=at]).iter().filter(|id| id.starts_with('s')).count();
            assert!((IDLE..=IDLE + 2 * CONCURRENCY).contains(&open), "{open} streams are open");
        }
    }
    assert!(between > 0, "nothing has happened between the parts");
}
