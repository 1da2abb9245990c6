//! A stream that is held across a shutdown costs its time-out, and the log says so.

use crate::support::hosts::{ECHO, Pair, connect};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use std::cell::RefCell;
use std::sync::Once;
use std::time::Duration;
use swarm_notify::host::{Config, Connection, Handle};

thread_local! {
    /// A host logs on the thread that runs it, so each test sees its own lines.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Warnings;

impl log::Log for Warnings {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() == log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            LINES.with_borrow_mut(|lines| lines.push(record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// The warnings of one program, in which `b` talks to `a` and shuts down.
fn warnings(shutdown_timeout: Duration, program: impl AsyncFn(&Connection, &Handle)) -> Vec<String> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Warnings).expect("no other test of this binary sets one");
        log::set_max_level(log::LevelFilter::Warn);
    });
    let mut config = Config::default();
    config.shutdown_timeout = shutdown_timeout;
    let mut pair = Pair::with(Config::default(), config);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    LINES.take();
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        program(&connection, &at_b).await;
    });
    assert!(at_b.is_shut_down());
    LINES.take()
}

#[test]
fn a_stream_held_across_a_shutdown_is_named_in_the_log() {
    let lines = warnings(Duration::from_millis(50), async |connection, handle| {
        let mut stream = connection.open_stream(&[ECHO]).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut echo = [0; 5];
        stream.read_exact(&mut echo).await.unwrap();
        handle.shutdown().await;
        // It is in scope to the end, as in a program that has forgotten it.
        assert!(stream.read(&mut echo).await.is_err());
    });
    let line = "the shutdown has waited 50ms and waits no longer; not ended: streams 1 (such as s0.1, /echo/1.0.0), openings \
                0, handlers 0. A stream that is held delays a shutdown until it is dropped";
    assert_eq!(lines, [line]);
}

#[test]
fn a_stream_dropped_before_shutdown_neither_delays_nor_warns() {
    // Were it waited for, the test would take too long.
    let lines = warnings(Duration::from_secs(3_600), async |connection, handle| {
        let mut stream = connection.open_stream(&[ECHO]).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut echo = [0; 5];
        stream.read_exact(&mut echo).await.unwrap();
        drop(stream);
        handle.shutdown().await;
    });
    assert_eq!(lines, [""; 0]);
}

#[test]
fn what_a_host_gives_is_shown_in_one_line() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (listener, connection) = connect(&at_a, &at_b).await;
        let stream = connection.open_stream(&[ECHO]).await.unwrap();
        let (address, peer) = (&listener.addresses()[0], at_a.local_peer());
        assert_eq!(listener.to_string(), format!("l0.1 on {address}"));
        assert_eq!(connection.to_string(), format!("c0.1 to {peer} at {address}"));
        assert_eq!(stream.to_string(), format!("s0.1 on c0.1 with {peer}: /echo/1.0.0"));
    });
}
