//! The progress bar of `dial`, on a terminal.

use crate::run;
use crate::serving::{ECHO, Endless, Serving, Silent};
use crate::support::command::{Folder, Running, json_command};
use crate::support::terminal::{AtTerminal, command};
use crate::unanswered::Slow;
use std::fs::{self, File};
use std::process::Command;

/// The end of each picture of the bar.
const BAR: &str = " left";

#[test]
fn a_long_run_shows_how_far_it_has_come() {
    let peer = Serving::start(&[ECHO], Endless::answering(2));
    let args = ["dial", &peer.address, "--streams", "4", "--concurrency", "4", "--bytes", "100"];
    let mut dial = AtTerminal::start(command(&args), 300);
    let screen = dial.until("0 of 4 streams, 200 B of 400 B");
    // It is the last, below whole lines.
    let rows: Vec<_> = screen.lines().filter(|row| !row.trim().is_empty()).collect();
    let (bar, lines) = rows.split_last().unwrap();
    assert!(bar.contains("0 of 4 streams, 200 B of 400 B"), "{screen}");
    assert_eq!(lines.iter().filter(|line| line.contains("opened_stream")).count(), 4, "{screen}");
    dial.signal("INT");
    let shown = dial.ended();
    assert_eq!(shown.code, Some(130));
    // Nothing is left of it.
    let text = shown.screen.contents();
    assert!(!text.contains(BAR) && text.contains("4 streams: 0 ok, 0 failed, 4 not finished"), "{text}");
}

#[test]
fn lines_and_the_bar_do_not_mix() {
    let peer = Serving::start(&[ECHO], Slow::sending(1));
    // Without colours a line takes the place of no more than it covers.
    for (name, value) in [("TERM", "xterm"), ("NO_COLOR", "1")] {
        let mut command = command(&["dial", &peer.address, "--streams", "20", "--bytes", "1"]);
        command.env(name, value);
        let mut dial = AtTerminal::start(command, 300);
        dial.until(" of 20 streams, ");
        let shown = dial.ended();
        assert_eq!(shown.code, Some(0));
        let text = shown.screen.contents();
        let count = |what: &str| text.lines().filter(|row| row.contains(what)).count();
        assert_eq!((count("opened_stream"), count("closed_stream"), count(BAR)), (20, 20, 0), "{text}");
        // Each row of the log begins with a time, and nothing else does.
        let is_of_log = |row: &String| row.trim_start().starts_with(|c: char| c.is_ascii_digit());
        let of_log = shown.rows.iter().take_while(|row| !row.starts_with("20 streams")).filter(|row| is_of_log(row));
        assert_eq!(of_log.count(), 43, "{text}");
        assert!(shown.rows[43].starts_with("20 streams: 20 ok"), "{text}");
        // Lines were printed while the bar stood there.
        let written = String::from_utf8_lossy(&shown.written);
        let at = written.find(BAR).unwrap();
        assert!(written[at..].matches("closed_stream").count() > 1, "{written}");
    }
}

#[test]
fn the_bar_is_on_stderr_and_fits_the_width() {
    let folder = Folder::new("progress");
    let file = folder.file("log");
    let peer = Serving::start(&[ECHO], Slow::sending(1));
    for columns in [20, 60, 200] {
        let args = ["dial", &peer.address, "--streams", "8", "--bytes", "1"];
        let stdout = File::create(&file).unwrap();
        let mut command = json_command(&args);
        command.env("TERM", "xterm");
        let mut dial = AtTerminal::start_beside(command, columns, stdout.into());
        // In the narrowest not all has place.
        dial.until(if columns < 40 { " %, " } else { BAR });
        dial.until(if columns < 100 { " %, " } else { " of 8 streams, " });
        let shown = dial.ended();
        let left = shown.screen.contents();
        assert_eq!((shown.code, left.as_str(), shown.wrapped.len()), (Some(0), "", 0));
        let widest = String::from_utf8_lossy(&shown.written)
            .split(['\r', '\u{1b}'])
            .map(|picture| picture.trim_start_matches("[K").chars().count())
            .max();
        // A key that the terminal shows, such as `^C`, has room behind it, and so does the cursor.
        assert!(widest <= Some(usize::from(columns) - 3), "{widest:?} in {columns}");
        let log = fs::read_to_string(&file).unwrap();
        assert!(log.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{log}");
    }
}

#[test]
fn there_is_no_bar_where_nobody_wants_one() {
    let peer = Serving::start(&[ECHO], Silent);
    let args = ["dial", &peer.address, "--timeout", "1"];
    let of = |json: &[&str], term: Option<&str>| {
        let mut command = command(&[&args[..], json].concat());
        match term {
            Some(term) => command.env("TERM", term),
            None => command.env_remove("TERM"),
        };
        let shown = AtTerminal::start(command, 300).ended();
        assert_eq!(shown.code, Some(1));
        String::from_utf8_lossy(&shown.written).contains("0 of 1 stream")
    };
    assert!(of(&[], Some("xterm")), "there is one where it is wanted");
    assert!(!of(&["--json"], Some("xterm")));
    // As it has no colours there.
    assert_eq!([Some("dumb"), Some(""), None].map(|term| of(&[], term)), [false; 3]);
    // Here standard error is a pipe.
    let dial = run(args);
    assert!(dial.code == Some(1) && dial.stderr.lines().count() == 1, "{}", dial.stderr);
}

#[test]
fn a_short_run_has_no_bar() {
    let mut listen = Running::start(["listen"]);
    let shown = AtTerminal::start(command(&["dial", &listen.address(), "--streams", "20"]), 300).ended();
    assert_eq!(shown.code, Some(0));
    // On a busy machine it may be a long one.
    let end = shown.rows.iter().find(|row| row.contains("disconnected")).unwrap();
    let seconds: f64 = end.split_whitespace().next().unwrap().parse().unwrap();
    let has_bar = String::from_utf8_lossy(&shown.written).contains(BAR);
    assert!(!has_bar || seconds >= 0.5, "{:?}", shown.rows);
}

/// Who asks for no lines still sees that it goes on.
#[test]
fn a_quiet_run_has_the_bar_and_no_lines() {
    let peer = Serving::start(&[ECHO], Slow::sending(1));
    let mut dial = AtTerminal::start(command(&["dial", &peer.address, "-q", "--streams", "8", "--bytes", "1"]), 120);
    dial.until(" of 8 streams, ");
    let shown = dial.ended();
    assert_eq!(shown.code, Some(0));
    let text = shown.screen.contents();
    assert!(text.starts_with("8 streams: 8 ok") && !text.contains(BAR) && !text.contains("stream "), "{text}");
}

/// The terminal shows `^C` wherever the cursor is.
#[test]
fn a_key_that_is_typed_breaks_no_bar() {
    for columns in [60, 120] {
        let peer = Serving::start(&[ECHO], Endless::answering(2));
        let args = ["dial", &peer.address, "--streams", "4", "--concurrency", "4", "--bytes", "100"];
        let mut dial = AtTerminal::start(command(&args), columns);
        dial.until(BAR);
        dial.keys(b"^C");
        dial.until("^C");
        dial.signal("INT");
        let shown = dial.ended();
        assert_eq!(shown.code, Some(130));
        let text = shown.screen.contents();
        assert!(!text.contains(BAR) && !text.contains("==") && !text.contains("^C"), "{text}");
    }
}

/// Nothing moves during the hold that a bar could count.
#[test]
fn a_hold_says_how_long_it_still_takes() {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let mut dial = AtTerminal::start(command(&["dial", "-q", &address, "--hold", "2.5"]), 80);
    dial.until("held, 2 s left");
    dial.until("held, 1 s left");
    let shown = dial.ended();
    assert_eq!(shown.code, Some(0));
    let (written, text) = (String::from_utf8_lossy(&shown.written).into_owned(), shown.screen.contents());
    // On a machine that is busy there may have been a bar for the stream.
    let (_, held) = written.split_once("held, ").unwrap();
    assert!(!held.contains("/s,") && !held.contains('%') && !text.contains(BAR), "{written}");
}

#[test]
fn one_of_one_is_singular() {
    let peer = Serving::start(&[ECHO], Silent);
    for bytes in ["0", "10"] {
        let mut dial = AtTerminal::start(command(&["dial", "-q", &peer.address, "--bytes", bytes]), 120);
        let bar = dial.until("0 of 1 stream");
        // Nothing has come, so that nothing can be said of the rest.
        assert!(bar.trim_end().ends_with("0 of 1 stream"), "{bar}");
        dial.signal("INT");
        assert_eq!(dial.ended().code, Some(130));
    }
}

/// The system accepts, and nobody answers.
#[test]
fn a_dial_says_for_how_long_it_has_been_connecting() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", nobody.local_addr().unwrap().port());
    let mut dial = AtTerminal::start(command(&["dial", &address]), 80);
    dial.until("connecting, 1 s");
    dial.signal("INT");
    let shown = dial.ended();
    let (written, text) = (String::from_utf8_lossy(&shown.written), shown.screen.contents());
    assert_eq!((shown.code, text.contains("connecting, ")), (Some(130), false), "{text}");
    assert!(!written.contains(BAR) && !written.contains('%'), "{written}");
}

/// A shell that controls the terminal runs the job, in the foreground or not.
#[test]
fn a_job_in_the_background_has_no_bar() {
    let peer = Serving::start(&[ECHO], Slow::sending(1));
    for (script, has_bar) in [("set -m; \"$@\"", true), ("set -m; \"$@\" & wait $!", false)] {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec setsid -c -w sh -c \"$0\" sh \"$@\" <&2", script, env!("CARGO_BIN_EXE_swarm-notify")]);
        shell.args(["dial", "-q", &peer.address, "--streams", "10", "--bytes", "1"]).env("TERM", "xterm");
        let shown = AtTerminal::start(shell, 120).ended();
        let written = String::from_utf8_lossy(&shown.written);
        assert_eq!((shown.code, written.contains(BAR)), (Some(0), has_bar), "{script}: {written}");
        assert!(written.contains("10 streams: 10 ok"), "{written}");
    }
}

/// The peer has stopped, so that the close waits for it.
#[test]
fn whoever_types_an_interrupt_is_told_of_the_second() {
    let mut listen = Running::start(["listen"]);
    let mut dial = AtTerminal::start(command(&["dial", &listen.address(), "--hold", "1000"]), 120);
    dial.until("closed_stream");
    listen.signal("STOP");
    dial.signal("INT");
    dial.until("note: it closes, which may take 5 s; a second Ctrl-C ends it at once");
    dial.signal("INT");
    let shown = dial.ended();
    listen.signal("CONT");
    assert_eq!((shown.code, shown.screen.contents().contains("interrupted by")), (Some(130), false));
}
