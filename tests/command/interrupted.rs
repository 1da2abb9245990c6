//! Signals: what `dial` counts and says when one comes, its exit codes, and the second signal.

use crate::output::{Log, open_streams};
use crate::serving::{ECHO, Serving, Silent};
use crate::support::command::{Ended, LIMIT, Process, Running, told};
use std::net::TcpListener;

#[track_caller]
fn assert_interrupted(dial: &Ended, signal: &str, code: i32) {
    assert_eq!(dial.code, Some(code), "{}", dial.stderr);
    let summary = dial.printed.last().unwrap();
    assert_eq!(summary["interrupted"], signal, "{summary}");
    let begins = format!("interrupted by {signal}: ");
    assert!(dial.stderr.starts_with(&begins), "{}", dial.stderr);
}

#[test]
fn an_interrupted_dial_counts_what_it_has_begun() {
    for (name, signal, code) in [("INT", "SIGINT", 130), ("TERM", "SIGTERM", 143)] {
        let peer = Serving::start(&[ECHO], Silent);
        let mut dial = Running::start(["dial", &peer.address, "--streams", "10", "--concurrency", "4"]);
        (0..4).for_each(|_| drop(dial.until("opened_stream")));
        dial.signal(name);
        let dial = dial.ended();
        assert_interrupted(&dial, signal, code);
        let summary = dial.printed.last().unwrap();
        let counts = ["streams", "ok", "failed", "unfinished", "not_begun"].map(|key| summary[key].as_u64().unwrap());
        assert_eq!(counts, [10, 0, 0, 4, 6]);
        let said = "4 of 10 streams begun (0 ok, 0 failed, 4 not finished), 6 not begun\n";
        assert!(dial.stderr.ends_with(said), "{}", dial.stderr);
        assert_eq!(told(&dial.printed)[9], "disconnected c0.1 requested");
    }
}

#[test]
fn an_interrupted_stream_is_no_interrupted_hold() {
    let peer = Serving::start(&[ECHO], Silent);
    let mut dial = Running::start(["dial", &peer.address]);
    dial.until("opened_stream");
    dial.signal("INT");
    let dial = dial.ended();
    assert_interrupted(&dial, "SIGINT", 130);
    let said = "interrupted by SIGINT: 1 of 1 stream begun (0 ok, 0 failed, 1 not finished)\n";
    assert_eq!(dial.stderr, said);
}

/// As `timeout` sends them: to its child, and then to the group that the child is in.
#[test]
fn two_signals_back_to_back_count_as_one() {
    for name in ["INT", "TERM"] {
        for _ in 0..20 {
            let mut listen = Running::start(["listen"]);
            listen.address();
            let twice = format!("kill -s {name} {0}; kill -s {name} {0}", listen.id());
            assert!(std::process::Command::new("sh").args(["-c", &twice]).status().unwrap().success());
            let listen = listen.ended();
            assert_eq!((listen.code, listen.stderr.as_str()), (Some(0), ""));
            assert_eq!(told(&listen.printed).last().unwrap(), "listen_close l0.1 shutdown");
        }
    }
}

/// A terminal that is closed, or a connection to this machine.
#[test]
#[cfg(target_os = "linux")]
fn a_hangup_ends_in_good_order() {
    if is_hangup_ignored() {
        // Whatever is started here ignores it, too, as the next test says.
        return println!("skipped: these tests were started by nohup");
    }
    let mut listen = Running::start(["listen"]);
    let mut dial = Running::start(["dial", &listen.address(), "--hold", "1000"]);
    dial.until("closed_stream");
    dial.signal("HUP");
    let dial = dial.ended();
    assert_interrupted(&dial, "SIGHUP", 129);
    assert_eq!(told(&dial.printed)[3..], ["disconnected c0.1 requested", "summary"]);
    listen.signal("HUP");
    let listen = listen.ended();
    assert_eq!((listen.code, listen.stderr.as_str()), (Some(0), ""));
    assert_eq!(told(&listen.printed).last().unwrap(), "listen_close l0.1 shutdown");
}

/// Returns whether these tests ignore SIGHUP, and so what they start.
#[cfg(target_os = "linux")]
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("the system tells it");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("it has the line");
    u64::from_str_radix(ignored.trim(), 16).expect("it is a mask") & 1 == 1
}

/// A user starts it by `nohup`, and leaves.
#[test]
#[cfg(target_os = "linux")]
fn a_hangup_that_was_ignored_at_the_start_stays_so() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" --json listen", env!("CARGO_BIN_EXE_swarm-notify")]);
    command.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    let listen = Process::start(command.stdout(writer));
    let mut log = Log::from(reader);
    let address = log.address();
    listen.signal("HUP");
    listen.signal("HUP");
    let dial = crate::run(["dial", &address]);
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    listen.signal("TERM");
    assert_eq!(listen.ended().code, Some(0));
}

#[test]
fn an_interrupted_hold_ends_in_good_order() {
    let mut listen = Running::start(["listen"]);
    let mut dial = Running::start(["dial", &listen.address(), "--hold", "1000"]);
    dial.until("closed_stream");
    dial.signal("INT");
    let dial = dial.ended();
    assert_interrupted(&dial, "SIGINT", 130);
    assert_eq!(told(&dial.printed)[3..], ["disconnected c0.1 requested", "summary"]);
    assert!(dial.stderr.ends_with("the connection was not held to the end\n"), "{}", dial.stderr);
    assert_eq!(listen.until("disconnected")["reason"], "remote(go_away(0))");
}

#[test]
fn a_dial_is_interrupted_before_it_is_connected() {
    // The system accepts, and nobody answers.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", nobody.local_addr().unwrap().port());
    let dial = Running::start(["dial", &address, "--streams", "3"]);
    let _accepted = nobody.accept().unwrap();
    dial.signal("INT");
    let dial = dial.ended();
    assert_interrupted(&dial, "SIGINT", 130);
    assert_eq!(told(&dial.printed), ["connect_failed c0.1 requested", "summary"]);
    let said = "there was no connection yet; 0 of 3 streams begun (0 ok, 0 failed, 0 not finished), 3 not begun\n";
    assert!(dial.stderr.ends_with(said), "{}", dial.stderr);
}

#[test]
fn an_interrupted_ping_is_neither_answered_nor_lost() {
    let mut listen = Running::start(["listen"]);
    let mut dial = Running::start(["dial", &listen.address(), "--ping", "1000000"]);
    (0..10).for_each(|_| drop(dial.until("ping")));
    dial.signal("INT");
    let dial = dial.ended();
    assert_interrupted(&dial, "SIGINT", 130);
    let summary = dial.printed.last().unwrap();
    let answered = dial.printed.iter().filter(|line| line["event"] == "ping").count();
    assert_eq!((&summary["pings_answered"], &summary["pings_lost"]), (&answered.into(), &0.into()));
}

/// Sends signals, a while after each other, until it has ended.
#[track_caller]
fn ended_by_signals(mut process: Process, name: &str) -> Ended {
    let began = std::time::Instant::now();
    while process.is_running() {
        assert!(began.elapsed() < LIMIT, "it does not end");
        process.try_signal(name);
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    process.ended()
}

/// While a command waits for the reader of its output, which has stopped, it has 5 s of patience.
#[test]
fn a_second_signal_ends_a_dial_at_once() {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let (dial, _log) = Log::of(&["dial", &address, "--bytes", "0", "--concurrency", "64", "--streams", "10000"]);
    for _ in 0..2_000 {
        listen.until("closed_stream");
    }
    dial.signal("INT");
    listen.until("disconnected");
    // Two that come almost at once count as one. How long that is on a machine that is busy is nobody's promise.
    let ended = ended_by_signals(dial, "INT");
    // With its patience it would have counted the lines that are lost.
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(!ended.stderr.contains("lost"), "{}", ended.stderr);
}

#[test]
fn a_second_signal_of_another_kind_ends_a_listener_at_once() {
    let (listen, mut log) = Log::of(&["listen"]);
    open_streams(&log.address(), 10_000);
    listen.signal("INT");
    listen.signal("TERM");
    let ended = listen.ended();
    // The second may come before the first is looked at; of two that wait the system delivers the lower number first.
    assert!(matches!(ended.code, Some(143 | 130)), "{:?} {}", ended.code, ended.stderr);
    assert!(!ended.stderr.contains("lost"), "{}", ended.stderr);
}
