//! The command `swarm-notify dial` against rust-libp2p nodes: echo, pings, its summary, and the end that they see.

use crate::node::Node;
use crate::support::command::{Running, told};
use crate::{BY_US, Direction, established, services};
use futures::executor::block_on;
use std::task::Waker;

#[test]
fn a_node_echoes_and_hears_of_the_end() {
    let mut node = Node::start();
    node.serve_echo();
    let address = node.address.to_string();
    let args = ["dial", &address, "--streams", "50", "--concurrency", "8", "--bytes", "30k"];
    let dial = Running::start(args).ended();
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    let summary = dial.printed.last().unwrap();
    let counts = ["streams", "ok", "failed", "not_begun", "bytes"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(counts, [50, 50, 0, 0, 1_500_000]);
    let latency =
        ["min", "median", "p99", "max"].map(|name| summary[format!("latency_{name}_seconds")].as_f64().unwrap());
    assert!(latency[0] > 0.0 && latency.is_sorted(), "{summary}");
    assert!(summary["bytes_per_second"].as_u64().unwrap() > 0, "{summary}");
    assert_eq!(told(&dial.printed)[dial.printed.len() - 2], "disconnected c0.1 requested");
    // A node that is dialed says that it was accepted.
    let seen = [block_on(node.told()), block_on(node.told())];
    assert_eq!(seen, [established(Direction::Outbound), BY_US]);
}

#[test]
fn a_node_that_holds_streams_gives_no_answer() {
    let mut node = Node::start();
    let address = node.address.to_string();
    let dial = Running::start(["dial", &address, "--timeout", "0.5"]);
    let held = block_on(node.next_stream());
    let dial = dial.ended();
    assert_eq!(dial.code, Some(1));
    let said = "it waited 0.5 s for the echo when 0 of 1024 bytes had come back\n";
    assert!(dial.stderr.ends_with(said), "{}", dial.stderr);
    drop(held);
}

#[test]
fn a_node_is_pinged_and_says_who_it_is() {
    let node = services::Theirs::start(None, Waker::noop().clone());
    let address = node.address.to_string();
    let dial = Running::start(["dial", &address, "--ping", "20", "--identify"]).ended();
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    let summary = dial.printed.last().unwrap();
    let pings = ["pings", "pings_answered", "pings_lost"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!((pings, summary["ping_loss_percent"].as_f64()), ([20, 20, 0], Some(0.0)));
    let times = ["min", "mean", "max"].map(|name| summary[format!("ping_{name}_seconds")].as_f64().unwrap());
    assert!(times[0] > 0.0 && times.is_sorted(), "{summary}");
    let identified = dial.printed.iter().find(|line| line["event"] == "identified").unwrap();
    assert_eq!(identified["agent"], "theirs/1.0.0");
    node.end();
}
