//! `dial`: what it opens, what it checks, what it reports, and how it ends.

use crate::run;
use crate::support::command::{Ended, Folder, Running, told};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::net::SocketAddr;

/// What a fresh `listen` and a `dial` to it print, with these arguments.
fn dial(args: &[&str]) -> (Ended, Ended) {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let dial = run([&["dial", address.as_str()], args].concat());
    listen.signal("TERM");
    (listen.ended(), dial)
}

#[track_caller]
fn assert_summary(dial: &Ended, streams: u64, ok: u64, bytes: u64) {
    let summary = dial.printed.last().unwrap();
    let numbers = ["streams", "ok", "bytes"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!((&summary["event"], numbers), (&Value::from("summary"), [streams, ok, bytes]), "{summary}");
    let others = ["failed", "unfinished", "not_begun"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(others.iter().sum::<u64>(), streams - ok, "{summary}");
    assert!(summary["seconds"].as_f64().unwrap() >= 0.0);
}

/// One stream, all in order, on both sides.
#[track_caller]
fn assert_one_stream(args: &[&str], protocol: &str, (of_listen, of_dial): (&str, &str), bytes: u64) {
    let (listen, dial) = dial(args);
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""), "{args:?}");
    assert_eq!(
        told(&listen.printed),
        [
            "listen l0.1",
            "connected c0.1 inbound",
            &format!("opened_stream s0.1 inbound {protocol}"),
            &format!("closed_stream s0.1 {of_listen}"),
            "disconnected c0.1 remote(go_away(0))",
            "listen_close l0.1 shutdown",
        ]
    );
    assert_eq!(
        told(&dial.printed),
        [
            "connected c0.1 outbound",
            &format!("opened_stream s0.1 outbound {protocol}"),
            &format!("closed_stream s0.1 {of_dial}"),
            "disconnected c0.1 requested",
            "summary",
        ]
    );
    assert_summary(&dial, 1, 1, bytes);
}

const FINISHED: (&str, &str) = ("finished", "finished");
const RESET: (&str, &str) = ("reset(remote)", "reset(local)");

#[test]
fn one_stream_is_echoed() {
    assert_one_stream(&[], "/echo/1.0.0", FINISHED, 1024);
}

#[test]
fn a_stream_without_bytes_is_a_stream() {
    assert_one_stream(&["--bytes", "0"], "/echo/1.0.0", FINISHED, 0);
    assert_one_stream(&["--bytes", "0", "--half-close"], "/echo/1.0.0", FINISHED, 0);
    assert_one_stream(&["--bytes", "0", "--reset"], "/echo/1.0.0", RESET, 0);
}

#[test]
fn half_closed_streams_are_echoed_all_the_same() {
    assert_one_stream(&["--half-close", "--bytes", "300000"], "/echo/1.0.0", FINISHED, 300_000);
}

#[test]
fn streams_are_reset_once_their_echo_is_complete() {
    assert_one_stream(&["--reset", "--bytes", "5000"], "/echo/1.0.0", RESET, 5000);
}

#[test]
fn a_sink_gives_nothing_back() {
    assert_one_stream(&["--protocol", "/sink/1.0.0", "--bytes", "700000"], "/sink/1.0.0", FINISHED, 700_000);
    assert_one_stream(&["--protocol", "/sink/1.0.0", "--half-close"], "/sink/1.0.0", FINISHED, 1024);
}

#[test]
fn a_sinks_stream_can_be_reset() {
    assert_one_stream(&["--protocol", "/sink/1.0.0", "--reset"], "/sink/1.0.0", RESET, 1024);
}

#[test]
fn many_bytes_come_back_right() {
    assert_one_stream(&["--bytes", "10000000"], "/echo/1.0.0", FINISHED, 10_000_000);
}

#[test]
fn no_streams_are_right_too() {
    let (listen, dial) = dial(&["--streams", "0"]);
    assert_eq!(dial.code, Some(0));
    assert_summary(&dial, 0, 0, 0);
    assert_eq!(told(&dial.printed), ["connected c0.1 outbound", "disconnected c0.1 requested", "summary"]);
    assert_eq!(listen.printed.len(), 4);
}

#[test]
fn many_streams_run_so_many_at_a_time() {
    let (listen, dial) = dial(&["--streams", "300", "--concurrency", "64", "--bytes", "100"]);
    assert_eq!(dial.code, Some(0));
    assert_summary(&dial, 300, 300, 30_000);
    for (printed, others) in [(&dial.printed, 3), (&listen.printed, 4)] {
        let count = |event: &str| printed.iter().filter(|line| line["event"] == event).count();
        assert_eq!((count("opened_stream"), count("closed_stream")), (300, 300));
        assert_eq!(printed.len(), 600 + others);
    }
    let (mut open, mut most) = (0_i32, 0);
    for line in &dial.printed {
        open += i32::from(line["event"] == "opened_stream") - i32::from(line["event"] == "closed_stream");
        most = most.max(open);
        assert!(line["event"] != "closed_stream" || line["reason"] == "finished", "{line}");
    }
    assert!(most <= 64, "{most} at a time");
}

#[test]
fn more_at_a_time_than_the_usual_limit_is_what_was_asked_for() {
    let (_, dial) = dial(&["--streams", "1500", "--concurrency", "1000", "--bytes", "10"]);
    assert_eq!(dial.code, Some(0));
    assert_summary(&dial, 1500, 1500, 15_000);
}

#[test]
fn a_connection_is_held_after_the_last_stream() {
    let (listen, dial) = dial(&["--hold", "0.3"]);
    assert_eq!(dial.code, Some(0));
    let at = |event: &str| dial.printed.iter().find(|line| line["event"] == event).unwrap()["t"].as_f64().unwrap();
    assert!(at("disconnected") - at("closed_stream") >= 0.29);
    assert_eq!(told(&listen.printed)[4], "disconnected c0.1 remote(go_away(0))");
}

#[test]
fn an_address_that_refuses_is_wrong() {
    // Bound, so that nobody else can listen there, and not listening.
    let nobody = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    nobody.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let port = nobody.local_addr().unwrap().as_socket().unwrap().port();
    let dial = run(["dial", &format!("/ip4/127.0.0.1/tcp/{port}"), "--streams", "3"]);
    assert_eq!(dial.code, Some(1));
    let (there, what) = (format!("/ip4/127.0.0.1/tcp/{port}: refused; "), "nobody listens there: start the peer");
    assert!(dial.stderr.contains(&there) && dial.stderr.contains(what), "{}", dial.stderr);
    assert_eq!(told(&dial.printed), ["connect_failed c0.1 refused", "summary"]);
    assert_summary(&dial, 3, 0, 0);
}

#[test]
fn another_peer_than_the_one_dialed_is_wrong() {
    let mut listen = Running::start(["listen"]);
    let mut other = Running::start(["listen"]);
    let (address, other) = (listen.address(), other.address());
    let plain = address.split("/p2p/").next().unwrap();
    // Without a peer, whoever answers is right.
    assert_eq!(run(["dial", plain]).code, Some(0));
    let peer = other.rsplit('/').next().unwrap();
    let dial = run(["dial", &format!("{plain}/p2p/{peer}")]);
    assert_eq!(dial.code, Some(1));
    assert_eq!(told(&dial.printed), ["connect_failed c0.1 wrong_peer", "summary"]);
    let found = address.rsplit('/').next().unwrap();
    let who = format!(": wrong_peer (expected {peer}, found {found}); another peer listens there: ");
    assert!(dial.stderr.contains(&who), "{}", dial.stderr);
}

#[test]
fn a_dial_of_ourselves_is_wrong() {
    let folder = Folder::new("ourselves");
    let key = folder.file("key");
    let mut listen = Running::start(["listen", "--key", &key]);
    let address = listen.address();
    let plain = address.split("/p2p/").next().unwrap();
    for address in [plain, &address] {
        let dial = run(["dial", "--key", &key, address]);
        assert_eq!(dial.code, Some(1));
        assert_eq!(told(&dial.printed), ["connect_failed c0.1 local_peer", "summary"], "{address}");
    }
    listen.signal("TERM");
    // Another process has dialed it, and has ended before it has said who it is.
    assert_eq!(told(&listen.ended().printed), ["listen l0.1", "refused l0.1", "listen_close l0.1 shutdown"]);
}

#[test]
fn a_protocol_that_is_not_spoken_is_wrong() {
    let (listen, dial) = dial(&["--protocol", "/chat/1.0.0", "--streams", "3"]);
    assert_eq!(dial.code, Some(1));
    assert_summary(&dial, 3, 0, 0);
    let told = told(&dial.printed);
    assert_eq!(
        told.iter().filter(|line| line.starts_with("stream_failed") && line.ends_with("unsupported")).count(),
        3
    );
    assert_eq!(told.len(), 6);
    assert_eq!(dial.printed[1]["protocol"], "/chat/1.0.0");
    assert_eq!(listen.printed.len(), 7);
}

#[test]
fn a_peer_that_is_killed_during_the_hold_is_wrong() {
    let mut listen = Running::start(["listen"]);
    let mut dial = Running::start(["dial", &listen.address(), "--hold", "1000"]);
    dial.until("closed_stream");
    listen.kill();
    let dial = dial.ended();
    assert_eq!(dial.code, Some(1));
    assert_eq!(told(&dial.printed)[3..], ["disconnected c0.1 remote(eof)", "summary"]);
    // Its streams were right before that.
    assert_summary(&dial, 1, 1, 1024);
}

#[test]
fn a_size_is_as_people_write_it() {
    for (size, bytes) in [("64k", 64_000), ("1KiB", 1024), ("2M", 2_000_000), ("1MiB", 1 << 20)] {
        let (_, dial) = dial(&["--bytes", size]);
        assert_eq!(dial.code, Some(0), "{size}");
        assert_summary(&dial, 1, 1, bytes);
    }
}

/// The system takes the connection, and nobody reads what comes on it.
#[test]
fn a_peer_that_connects_and_says_nothing_is_told_for_that() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", silent.local_addr().unwrap().port());
    let ended = run(["dial", &address]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("it connected, but nobody spoke libp2p there within 10 s: ")
            && !ended.stderr.contains("firewall"),
        "{}",
        ended.stderr
    );
}

/// A listener whose queue is full takes no more connections, as a firewall that drops packets does.
#[cfg(target_os = "linux")]
#[test]
fn a_peer_that_does_not_connect_is_told_for_that() {
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    full.listen(0).unwrap();
    let at = full.local_addr().unwrap();
    let _waiting: Vec<_> = (0..8)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            // It is under way, or waits.
            let _ = socket.connect(&at);
            socket
        })
        .collect();
    let ended = run(["dial", &format!("/ip4/127.0.0.1/tcp/{}", at.as_socket().unwrap().port())]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("nobody has answered in time") && ended.stderr.contains("firewall"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_strange_protocol_is_quoted() {
    let mut listen = Running::start(["listen"]);
    let ended = run(["dial", &listen.address(), "--protocol", "/x \x1b[31m"]);
    assert!(matches!(ended.code, Some(1 | 2)) && !ended.stderr.contains('\x1b'), "{}", ended.stderr);
    assert!(ended.stderr.contains(r"/x \u001b[31m"), "{}", ended.stderr);
}
