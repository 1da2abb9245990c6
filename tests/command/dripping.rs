//! Readers that take a little now and then, for ever: a signal ends the command all the same.

use crate::output::{Log, open_streams};
use crate::support::command::{Process, Running, json_command};
use std::io::{PipeReader, Read as _, pipe};
use std::time::Duration;

/// Reads 4 KiB every 0.9 s until the writer is gone, so that bytes are written all the time. All of what these tests
/// have printed would take longer than their limit.
fn drip(mut reader: PipeReader) {
    std::thread::spawn(move || {
        while let Ok(1..) = reader.read(&mut [0; 4096]) {
            std::thread::sleep(Duration::from_millis(900));
        }
    });
}

#[test]
fn a_signal_ends_a_listener_whose_reader_drips() {
    let (listen, mut log) = Log::of(&["listen"]);
    open_streams(&log.address(), 2_000);
    drip(log.into_reader());
    listen.signal("TERM");
    let ended = listen.ended();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("lines of output are lost"), "{}", ended.stderr);
}

/// It has done its work, and waits for its reader as the signal comes.
#[test]
fn a_signal_ends_a_dial_that_is_done_and_whose_reader_drips() {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let (dial, log) = Log::of(&["dial", &address, "--bytes", "0", "--concurrency", "64", "--streams", "2000"]);
    drip(log.into_reader());
    listen.until("disconnected");
    dial.signal("TERM");
    let ended = dial.ended();
    assert!(matches!(ended.code, Some(1 | 143)), "{:?}", ended.code);
    assert!(ended.stderr.contains("lines of output are lost"), "{}", ended.stderr);
}

#[test]
fn a_dial_that_is_done_waits_for_a_reader_that_drips() {
    let mut listen = Running::start(["listen"]);
    let (dial, log) = Log::of(&["dial", &listen.address(), "--bytes", "0", "--concurrency", "64", "--streams", "250"]);
    drip(log.into_reader());
    let ended = dial.ended();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

/// The log of `RUST_LOG` has no reader that is waited for.
#[test]
fn a_signal_ends_a_listener_whose_reader_of_stderr_drips() {
    let (reader, writer) = pipe().unwrap();
    let (log, out) = pipe().unwrap();
    let mut command = json_command(&["listen"]);
    let listen = Process::start(command.env("RUST_LOG", "trace").stdout(out).stderr(writer));
    let mut log = Log::from(log);
    open_streams(&log.address(), 3_000);
    drip(reader);
    listen.signal("TERM");
    let log = std::thread::spawn(|| log.rest());
    assert_eq!(listen.ended().code, Some(0));
    log.join().unwrap();
}
