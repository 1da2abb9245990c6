//! Peers that are processes of their own: killed, and stopped in the middle of everything.

use crate::support::command::{Running, told};
use crate::support::net::{ECHO, IP4, LIMIT, Node, Reading, one};
use std::time::{Duration, Instant};
use swarm_notify::lifecycle::{ConnectionId, StreamId};
use swarm_notify::swarm::Config;

const STREAMS: usize = 100;

/// A node that is connected to a fresh `listen` process, with streams open on which an echo has come back.
fn connected<const E: usize>(config: Config, streams: usize) -> (Running, Node<E>, ConnectionId, Vec<StreamId>) {
    let mut child = Running::start(["listen"]);
    let mut b = Node::<E>::new(2, config);
    let connection = b.dial(&child.address().parse().unwrap());
    one(&mut b, |b| b.log.len() == 1);
    let streams: Vec<_> = (0..streams).map(|_| b.open(connection)).collect();
    one(&mut b, |b| b.log.len() == 1 + streams.len());
    for stream in &streams {
        b.write(*stream, b"x");
    }
    one(&mut b, |b| streams.iter().all(|stream| b.has_received(*stream, b"x")));
    (child, b, connection, streams)
}

/// Stops a process, and waits until it has stopped.
fn stop(child: &Running) {
    child.signal("STOP");
    let began = Instant::now();
    let has_stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
    };
    while !has_stopped() {
        assert!(began.elapsed() < LIMIT, "it does not stop");
        std::thread::yield_now();
    }
}

fn opened(direction: &str) -> Vec<String> {
    (0..STREAMS).map(|n| format!("opened_stream s{n}.1 {direction} {ECHO}")).collect()
}

fn closed() -> Vec<String> {
    (0..STREAMS).map(|n| format!("closed_stream s{n}.1 connection_closed")).collect()
}

fn log<const N: usize>(parts: [&[String]; N]) -> Vec<String> {
    parts.concat()
}

fn line(line: &str) -> [String; 1] {
    [line.to_owned()]
}

#[test]
fn a_listening_process_is_killed_with_a_hundred_streams_open() {
    let (mut child, mut b, ..) = connected::<8>(Config::default(), STREAMS);
    // A thread of its writes the log, and what a killed process has not written is lost.
    for _ in 0..=STREAMS {
        child.next();
    }
    child.kill();
    one(&mut b, |b| b.log.len() == 2 + 2 * STREAMS);
    b.shut_down();
    b.assert_log(log([
        &line("connected c0.1 outbound"),
        &opened("outbound"),
        &closed(),
        &line("disconnected c0.1 remote(eof)"),
    ]));
    let child = child.ended();
    assert_eq!((child.code, child.stderr.as_str()), (None, ""), "it was killed");
    assert_eq!(told(&child.printed), log([&line("listen l0.1"), &line("connected c0.1 inbound"), &opened("inbound")]));
}

#[test]
fn a_dialing_process_is_killed_with_a_hundred_streams_open() {
    let mut a = Node::<8>::new(1, Config::default());
    a.reading = Reading::Leave;
    let listener = a.listen(IP4);
    one(&mut a, |a| a.log.len() == 1);
    let n = STREAMS.to_string();
    let mut child = Running::start(["dial", &a.address(listener).to_string(), "--streams", &n, "--concurrency", &n]);
    one(&mut a, |a| a.log.len() == 2 + STREAMS);
    for _ in 0..=STREAMS {
        child.next();
    }
    child.kill();
    one(&mut a, |a| a.log.len() == 3 + 2 * STREAMS);
    a.shut_down();
    a.assert_log(log([
        &line("listen l0.1"),
        &line("connected c0.1 inbound"),
        &opened("inbound"),
        &closed(),
        &line("disconnected c0.1 remote(eof)"),
        &line("listen_close l0.1 shutdown"),
    ]));
    assert_eq!(told(&child.ended().printed), log([&line("connected c0.1 outbound"), &opened("outbound")]));
}

#[test]
fn a_peer_that_has_stopped_without_a_word_is_told_as_a_time_out() {
    let (mut child, mut b, ..) = connected::<1>(Config::default(), 1);
    stop(&child);
    // A ping leaves, and nothing comes.
    b.skip(Duration::from_secs(30));
    one(&mut b, |_| true);
    assert_eq!(b.log.len(), 2);
    b.skip(Duration::from_secs(15));
    one(&mut b, |b| b.log.len() == 4);
    b.shut_down();
    b.assert_log([
        "connected c0.1 outbound",
        "opened_stream s0.1 outbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "disconnected c0.1 failed(timeout)",
    ]);
    // Once it runs again, it finds its connection gone.
    child.signal("CONT");
    child.until("disconnected");
    child.signal("TERM");
    let child = child.ended();
    assert_eq!(child.code, Some(0));
    // Its pong may find our socket closed before it has read our end: another test that starts a process just then has
    // a copy of the socket for a moment.
    let told = told(&child.printed);
    let end = told.get(4).filter(|end| *end == "disconnected c0.1 failed(reset)");
    assert_eq!(
        told,
        [
            "listen l0.1",
            "connected c0.1 inbound",
            "opened_stream s0.1 inbound /echo/1.0.0",
            "closed_stream s0.1 connection_closed",
            end.map_or("disconnected c0.1 remote(eof)", String::as_str),
            "listen_close l0.1 shutdown"
        ]
    );
}

#[test]
fn a_shutdown_does_not_wait_for_a_peer_that_does_not_answer() {
    let (mut child, mut b, _, streams) = connected::<1>(Config::default(), 2);
    stop(&child);
    b.write(streams[1], b"unheard");
    b.swarm.shutdown();
    one(&mut b, |_| true);
    assert_eq!(b.log.len(), 3, "it is polite");
    b.skip(Duration::from_secs(5));
    one(&mut b, |b| b.swarm.is_shut_down());
    b.assert_log([
        "connected c0.1 outbound",
        "opened_stream s0.1 outbound /echo/1.0.0",
        "opened_stream s1.1 outbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "closed_stream s1.1 connection_closed",
        "disconnected c0.1 shutdown",
    ]);
    // Once it runs again, it hears what was said to it.
    child.signal("CONT");
    child.until("disconnected");
    child.signal("INT");
    assert_eq!(
        told(&child.ended().printed),
        [
            "listen l0.1",
            "connected c0.1 inbound",
            "opened_stream s0.1 inbound /echo/1.0.0",
            "opened_stream s1.1 inbound /echo/1.0.0",
            "closed_stream s0.1 connection_closed",
            "closed_stream s1.1 connection_closed",
            "disconnected c0.1 remote(go_away(0))",
            "listen_close l0.1 shutdown"
        ]
    );
}
