//! `--quiet`: what was asked for, and nothing else.

use crate::run;
use crate::support::command::{Running, told};
use std::process::Command;

fn events(printed: &[serde_json::Value]) -> Vec<&str> {
    printed.iter().map(|line| line["event"].as_str().unwrap()).collect()
}

#[test]
fn a_quiet_dial_prints_answers_and_its_summary() {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let dial = run(["dial", &address, "--quiet", "--streams", "5", "--ping", "2"]);
    assert_eq!((dial.code, events(&dial.printed)), (Some(0), vec!["summary"]));
    assert_eq!(dial.printed[0]["ok"], 5);
    let dial = run(["-q", "dial", &address, "--identify"]);
    assert_eq!((dial.code, events(&dial.printed)), (Some(0), vec!["identified", "summary"]));
    assert_eq!(dial.starts.len(), 1);
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarm-notify"));
    let output = command.args(["dial", &address, "-q", "--streams", "2", "--bytes", "0"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("2 streams: 2 ok, 0 failed\nlatency of a stream: "), "{text}");
    assert_eq!((text.lines().count(), output.stderr.len()), (2, 0));
}

#[test]
fn a_quiet_dial_says_on_stderr_what_went_wrong() {
    let mut listen = Running::start(["listen"]);
    let dial = run(["dial", &listen.address(), "-q", "--streams", "3", "--protocol", "/chat/1.0.0"]);
    assert_eq!((dial.code, events(&dial.printed)), (Some(1), vec!["summary"]));
    let said = "error: 3 of 3 streams failed (0 ok), the first of them s0.1: the peer does not speak /chat/1.0.0 (--identify asks it for what it does)\n";
    assert_eq!(dial.stderr, said);
}

#[test]
fn a_quiet_listener_prints_where_it_listens_and_messages() {
    let mut listen = Running::start(["listen", "-q", "--floodsub", "news"]);
    let address = listen.address();
    let mut dial = Running::start(["dial", &address, "--floodsub", "news"]);
    dial.write(b"text\n");
    assert_eq!(listen.until("message")["data"], "text");
    dial.end_input();
    assert_eq!(dial.ended().code, Some(0));
    listen.signal("TERM");
    let listen = listen.ended();
    assert_eq!((listen.code, events(&listen.printed)), (Some(0), vec!["listen", "message"]));
}

#[test]
fn a_quiet_demo_says_what_it_has_shown() {
    let demo = run(["demo", "-q"]);
    assert_eq!((demo.code, told(&demo.printed)), (Some(0), vec!["summary".to_owned()]));
    let output = Command::new(env!("CARGO_BIN_EXE_swarm-notify")).args(["demo", "-q"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "14 of 14 events, as promised\n");
}
