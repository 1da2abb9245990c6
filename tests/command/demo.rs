//! `demo`, `--json` and the usage.

use crate::run;
use crate::support::command::told;
use serde_json::{Value, json};
use std::process::{Command, Stdio};

const OF_A: [&str; 7] = [
    "listen l0.1",
    "connected c0.1 inbound",
    "stream_failed s0.1 unsupported",
    "opened_stream s1.1 inbound /echo/1.0.0",
    "closed_stream s1.1 finished",
    "disconnected c0.1 remote(go_away(0))",
    "listen_close l0.1 shutdown",
];

const OF_B: [&str; 7] = [
    "listen_failed l0.1 address_in_use",
    "connect_failed c0.1 refused",
    "connected c1.1 outbound",
    "stream_failed s0.1 unsupported",
    "opened_stream s1.1 outbound /echo/1.0.0",
    "closed_stream s1.1 finished",
    "disconnected c1.1 requested",
];

fn of(side: &str, printed: &[Value]) -> Vec<Value> {
    printed.iter().filter(|line| line["side"] == side).cloned().collect()
}

#[test]
fn the_demo_walks_through_all_nine_events_on_both_sides() {
    let demo = run(["demo"]);
    assert_eq!((demo.code, demo.stderr.as_str()), (Some(0), ""));
    let (a, b) = (of("a", &demo.printed), of("b", &demo.printed));
    let (last, events) = demo.printed.split_last().unwrap();
    assert_eq!(events.len(), a.len() + b.len(), "each line has a side, but the last");
    assert_eq!((&last["event"], &last["shown"], &last["promised"]), (&json!("summary"), &json!(14), &json!(14)));
    assert_eq!(told(&a), OF_A);
    assert_eq!(told(&b), OF_B);
    let mut events: Vec<_> = events.iter().map(|line| line["event"].as_str().unwrap()).collect();
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len(), 9);
    // Each names the other.
    let peer_of_a = a[0]["addresses"][0].as_str().unwrap().rsplit('/').next().unwrap();
    assert_eq!(b[2]["peer"], peer_of_a);
    assert_eq!(b[2]["remote"], a[0]["addresses"][0]);
    assert_ne!(a[1]["peer"], b[2]["peer"]);
}

#[test]
fn every_line_has_the_keys_that_scripts_read() {
    let demo = run(["demo"]);
    let mut last = 0.0;
    for line in &demo.printed {
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).filter(|key| *key != "error").collect();
        let expected: &[&str] = match line["event"].as_str().unwrap() {
            "listen" => &["t", "time", "side", "event", "listener", "addresses"],
            "listen_failed" | "listen_close" => &["t", "time", "side", "event", "listener", "reason", "addresses"],
            "connected" => &["t", "time", "side", "event", "connection", "remote", "peer", "direction"],
            "connect_failed" => &["t", "time", "side", "event", "connection", "reason", "remote", "direction"],
            "disconnected" => &["t", "time", "side", "event", "connection", "reason", "remote", "peer", "direction"],
            "opened_stream" => &["t", "time", "side", "event", "connection", "stream", "direction", "protocol"],
            "stream_failed" if line["direction"] == "inbound" => {
                &["t", "time", "side", "event", "connection", "stream", "reason", "direction"]
            }
            "stream_failed" | "closed_stream" => {
                &["t", "time", "side", "event", "connection", "stream", "reason", "direction", "protocol"]
            }
            "summary" => &["t", "time", "event", "shown", "promised", "as_promised"],
            other => panic!("{other} is no event"),
        };
        assert_eq!(keys, expected, "{line}");
        let t = line["t"].as_f64().unwrap();
        assert!(t >= last, "{t} after {last}");
        last = t;
        let address = |value: &Value| {
            value.as_array().unwrap().iter().all(|address| address.as_str().unwrap().contains("/p2p/12D3Koo"))
        };
        assert!(line.get("addresses").is_none_or(address), "{line}");
    }
}

#[test]
fn without_json_each_event_is_a_line_for_people() {
    let output = Command::new(env!("CARGO_BIN_EXE_swarm-notify")).arg("demo").output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert_eq!(out.lines().count(), OF_A.len() + OF_B.len() + 3);
    assert_eq!(out.lines().last(), Some("14 of 14 events, as promised"));
    for (side, log) in [("a", OF_A), ("b", OF_B)] {
        let mut lines = out.lines().filter(|line| line.split_whitespace().nth(2) == Some(side));
        assert!(lines.next().is_some_and(|line| line.split_whitespace().nth(3) == Some("start")));
        for (line, expected) in lines.zip(log) {
            let event = expected.split(' ').next();
            assert_eq!(line.split_whitespace().nth(3), event, "{line}");
        }
    }
}

/// A new network namespace has a loopback interface that is down, where it can be made.
#[cfg(target_os = "linux")]
#[test]
fn without_loopback_the_demo_ends_and_says_why() {
    let unshare = |args: &[&str]| Command::new("unshare").args(["--net", "--map-root-user"]).args(args).output();
    if !unshare(&["true"]).is_ok_and(|output| output.status.success()) {
        println!("skipped: a network namespace is not to be had here");
        return;
    }
    let binary = env!("CARGO_BIN_EXE_swarm-notify");
    let ended = unshare(&["timeout", "40", binary, "demo", "--json"]).unwrap();
    let (out, error) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert_eq!(ended.status.code(), Some(1), "{error}");
    assert!(out.lines().count() < 30, "{} lines", out.lines().count());
    let last: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["as_promised"]), (&json!("summary"), &json!(false)));
    assert!(last["shown"].as_u64().unwrap() < 14, "{last}");
    assert!(error.contains("the demo has failed: side ") && error.contains("127.0.0.1"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn json_is_alone_on_stdout_whatever_is_logged() {
    let output = Command::new(env!("CARGO_BIN_EXE_swarm-notify"))
        .args(["demo", "--json"])
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(out.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count(), out.lines().count());
    assert!(!output.stderr.is_empty(), "logs go there");
}

#[test]
fn an_output_that_nobody_reads_does_no_harm() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_swarm-notify"))
        .args(["demo", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn help_and_version_are_there() {
    for args in [["--help"], ["--version"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_swarm-notify")).args(args).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty());
    }
}
