//! Standard error at a terminal: it stands below the log, fits the width, and has no row that a peer begins.

use crate::paced::Peer;
use crate::screens::nothing_else_is_wrapped;
use crate::support::command::Running;
use crate::support::terminal::{AtTerminal, command, plain, stopped_terminal};
use std::io::{Read as _, pipe};
use std::process::Command;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::Event;
use swarm_notify::swarm::Config;

#[test]
fn an_error_stands_below_the_whole_log() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port());
    // The command has ended its work long before the terminal, which is slow, has shown all of this.
    let args: Vec<_> = std::iter::once("listen").chain(std::iter::repeat_n(address.as_str(), 1_000)).collect();
    let slow = AtTerminal::start_slow(command(&args), 120, Duration::from_millis(3));
    let text = plain(&slow.ended().written);
    assert_eq!(text.matches(" listen_failed ").count(), 1_000);
    let (log, error) = text.split_once("error: ").unwrap();
    assert!(log.contains(" start ") && !error.contains(" listen_failed "), "{error}");
}

/// As in `2>&1 | cat`: the log is longer than what a pipe takes, and its reader is slow.
#[test]
fn an_error_stands_below_the_log_in_a_pipe_of_both() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port());
    let (mut reader, writer) = pipe().unwrap();
    let mut listen = Command::new(env!("CARGO_BIN_EXE_swarm-notify"));
    listen.arg("listen").args(std::iter::repeat_n(&address, 1_000)).env_remove("RUST_LOG");
    let mut process = listen.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    // It has the writer's end.
    drop(listen);
    let (mut text, mut piece) = (Vec::new(), [0; 1_024]);
    loop {
        // Slower than the command, which has said its error long before the log has gone out.
        std::thread::sleep(Duration::from_millis(3));
        match reader.read(&mut piece).unwrap() {
            0 => break,
            n => text.extend_from_slice(&piece[..n]),
        }
    }
    assert_eq!(process.wait().unwrap().code(), Some(1));
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.matches(" listen_failed ").count(), 1_000);
    let (_, error) = text.split_once("error: ").unwrap();
    assert!(!error.contains(" listen_failed "), "{}", &error[..2_000]);
}

#[test]
fn errors_have_the_colour_and_the_label_of_claps() {
    for args in [&["dial", "/ip4/127.0.0.1/tcp/1"][..], &["dial", "127.0.0.1:1"]] {
        for (name, color) in [("TERM", vt100::Color::Idx(1)), ("NO_COLOR", vt100::Color::Default)] {
            let mut command = command(args);
            command.env(name, "xterm");
            let shown = AtTerminal::start(command, 200).ended();
            let row = shown.rows.iter().position(|row| row.starts_with("error: ")).unwrap();
            let cell = |column| shown.screen.cell(row.try_into().unwrap(), column).unwrap();
            assert_eq!((cell(0).fgcolor(), cell(0).bold()), (color, name == "TERM"), "{args:?}");
            assert_eq!((cell(8).fgcolor(), cell(8).bold()), (vt100::Color::Default, false), "{args:?}");
        }
    }
}

#[test]
fn an_error_is_broken_at_words() {
    let shown = AtTerminal::start(command(&["dial", "/ip4/127.0.0.1/tcp/1"]), 60).ended();
    assert_eq!(shown.wrapped, [0; 0]);
    let at = shown.rows.iter().position(|row| row.starts_with("error: ")).unwrap();
    let expected = "error: there is no connection to /ip4/127.0.0.1/tcp/1:";
    assert_eq!(shown.rows[at], expected);
    // So is one of the command line.
    let shown = AtTerminal::start(command(&["dial", "127.0.0.1:1"]), 60).ended();
    let expected = [
        "error: invalid value '127.0.0.1:1' for '<ADDRESS>': an",
        "address begins with /; did you mean /ip4/127.0.0.1/tcp/1?",
        "",
        "For more information, try '--help'.",
    ];
    assert_eq!((&shown.rows[..], shown.wrapped.len(), shown.code), (&expected.map(str::to_owned)[..], 0, Some(2)));
}

/// The library's log has strings of peers in it, and stands at the same terminal.
#[test]
fn a_record_of_the_log_is_marked_where_it_goes_on() {
    let mut command = command(&["listen"]);
    command.env("RUST_LOG", "trace");
    let mut listen = AtTerminal::start(command, 60);
    let address = listen.line("dial me: swarm-notify dial ");
    let (mut peer, connection) = Peer::dial(&address, Config::default());
    let name = format!("/{} error: FORGED", "x".repeat(60));
    peer.swarm.open_stream(connection, &[Protocol::new(name).unwrap()]).unwrap();
    peer.until(|event| matches!(event, Event::StreamFailed { .. }));
    drop(peer);
    listen.until(" disconnected");
    listen.signal("INT");
    let shown = listen.ended();
    nothing_else_is_wrapped(&shown);
    assert!(shown.rows.iter().any(|row| row.starts_with("│ ")), "{:#?}", shown.rows);
    for row in shown.whole_rows() {
        let is_known = row.starts_with("   ") || row.starts_with('[') || row.starts_with("│ ");
        assert!(is_known || row.starts_with("dial me: "), "{row}");
    }
}

/// Each of the two has a terminal to itself. The log is longer than what waits for its reader, so that it gets no further than
/// that reader's thread.
#[test]
fn a_terminal_of_stderr_that_has_stopped_holds_up_no_log() {
    const STREAMS: usize = 4_000;
    let mut listen = Running::start(["listen"]);
    let streams = STREAMS.to_string();
    let args = ["dial", &listen.address(), "--streams", &streams, "--bytes", "0", "--concurrency", "64"];
    // It has the progress bar, or records of the library's log from the start on.
    for records in ["off", "debug"] {
        let (_terminal, stderr) = stopped_terminal(120);
        let mut command = command(&args);
        command.env("RUST_LOG", records);
        let shown = AtTerminal::start_above(command, 120, stderr.into()).ended();
        let text = plain(&shown.written);
        assert_eq!((shown.code, text.matches(" closed_stream ").count()), (Some(0), STREAMS), "{records}");
    }
}
