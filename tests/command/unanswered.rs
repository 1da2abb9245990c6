//! `dial --timeout`: peers that accept and answer nothing, not all, or slowly.

use crate::run;
use crate::serving::{ECHO, Endless, IDENTIFY, PING, SINK, Serving, Silent};
use crate::support::command::{Ended, Running};
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};
use swarm_notify::tcp;

/// What each stream that got no answer has waited for.
fn awaited(dial: &Ended) -> Vec<&str> {
    let lines = dial.printed.iter().filter(|line| line["event"] == "unanswered");
    lines.map(|line| line["awaited"].as_str().unwrap()).collect()
}

#[track_caller]
fn assert_unanswered(dial: &Ended, wanted: &[&str], said: &str) {
    assert_eq!((dial.code, awaited(dial)), (Some(1), wanted.to_vec()), "{}", dial.stderr);
    assert_eq!(dial.stderr, format!("error: {said}\n"));
    let summary = dial.printed.last().unwrap();
    assert_eq!((&summary["unanswered"], &summary["failed"]), (&wanted.len().into(), &wanted.len().into()));
    // What is given up is reset, and the connection ends in good order.
    let is_reset = |line: &&Value| line["event"] == "closed_stream" && line["reason"] == "reset(local)";
    assert_eq!(dial.printed.iter().filter(is_reset).count(), wanted.len());
    assert_eq!(dial.printed[dial.printed.len() - 2]["reason"], "requested");
}

#[test]
fn a_stream_whose_echo_does_not_come_is_given_up() {
    let peer = Serving::start(&[ECHO], Silent);
    let dial = run(["dial", &peer.address, "--timeout", "0.2"]);
    let said = "stream s0.1 failed: it waited 0.2 s for the echo when 0 of 1024 bytes had come back";
    assert_unanswered(&dial, &["echo"], said);
}

#[test]
fn a_stream_whose_bytes_are_not_taken_is_given_up() {
    let peer = Serving::start(&[SINK], Silent);
    let dial = run(["dial", &peer.address, "--timeout", "0.2", "--bytes", "100M", "--protocol", "/sink/1.0.0"]);
    let stderr = &dial.stderr;
    let said = stderr.split("waited ").nth(1).unwrap();
    assert!(said.starts_with("0.2 s for the peer to take more when "), "{stderr}");
    assert!(said.trim_end().ends_with(" of 100000000 bytes were sent"), "{stderr}");
    assert_eq!((dial.code, awaited(&dial)), (Some(1), vec!["room"]));
}

#[test]
fn a_stream_whose_peer_does_not_end_it_is_given_up() {
    let peer = Serving::start(&[ECHO], Endless::answering(1));
    let dial = run(["dial", &peer.address, "--timeout", "0.2", "--bytes", "100"]);
    let said = "stream s0.1 failed: it waited 0.2 s for the peer to end its side";
    assert_unanswered(&dial, &["end"], said);
}

#[test]
fn each_stream_has_the_time_to_itself() {
    let peer = Serving::start(&[ECHO], Silent);
    let dial =
        run(["dial", &peer.address, "--timeout", "0.2", "--streams", "3", "--concurrency", "2", "--hold", "0.1"]);
    let said = "3 of 3 streams failed (0 ok), the first of them s0.1: it waited 0.2 s for the echo when 0 of 1024 bytes had come \
                back";
    assert_unanswered(&dial, &["echo"; 3], said);
}

#[test]
fn a_stream_whose_protocol_is_not_agreed_is_given_up() {
    let mut listen = Running::start(["listen"]);
    let args = ["--streams", "1000000", "--bytes", "0", "--timeout", "0.5"];
    let mut dial = Running::start([&["dial", listen.address().as_str()], args.as_slice()].concat());
    dial.until("closed_stream");
    listen.signal("STOP");
    // Where the first one was by then is a matter of time.
    dial.until("unanswered");
    let failed = dial.until("stream_failed");
    assert_eq!(failed["reason"], "timeout");
    let line = dial.until("unanswered");
    assert_eq!((&line["stream"], &line["awaited"]), (&failed["stream"], &"protocol".into()));
    dial.signal("INT");
    let dial = dial.ended();
    assert_eq!(dial.code, Some(130), "{}", dial.stderr);
}

/// Sends back so many bytes at a time, after a pause each.
pub(crate) struct Slow {
    at_once: usize,
    waiting: VecDeque<(StreamId, u8)>,
    next: Option<Duration>,
}

impl Slow {
    pub(crate) fn sending(at_once: usize) -> Self {
        Self { at_once, waiting: VecDeque::new(), next: None }
    }
}

const PAUSE: Duration = Duration::from_millis(150);

impl Notifee<tcp::Swarm> for Slow {
    fn interest(&self) -> Interest {
        Interest::STREAM_READY | Interest::TIME
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>, stream: StreamId, _: bool, _: bool) {
        let mut buffer = [0; 1024];
        loop {
            match cx.network().read(stream, &mut buffer) {
                Ok(0) => return cx.network().finish(stream).unwrap(),
                Ok(n) => self.waiting.extend(buffer[..n].iter().map(|byte| (stream, *byte))),
                Err(_) => break,
            }
        }
        self.next = self.next.or(Some(cx.now() + PAUSE));
    }

    fn poll_at(&self) -> Option<Duration> {
        self.next
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>) {
        for (stream, byte) in self.waiting.drain(..self.at_once.min(self.waiting.len())) {
            cx.network().write(stream, &[byte]).unwrap();
        }
        self.next = (!self.waiting.is_empty()).then(|| cx.now() + PAUSE);
    }
}

/// 1 KiB of it has the time, and it is faster than that. All of it takes longer.
#[test]
fn a_stream_that_keeps_its_pace_is_not_given_up() {
    let peer = Serving::start(&[ECHO], Slow::sending(1_000));
    let dial = run(["dial", &peer.address, "--timeout", "1", "--bytes", "10k"]);
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    let took = dial.printed.last().unwrap()["seconds"].as_f64().unwrap();
    assert!(took > 1.0, "{took} s");
}

#[test]
fn a_peer_without_ping_and_identify_is_told_for_that() {
    let peer = Serving::start(&[], Silent);
    let dial = run(["dial", &peer.address, "--ping", "1", "--identify"]);
    let said = "error: 1 of 1 ping was not answered (the peer does not speak /ipfs/ping/1.0.0); the peer did not say who it \
                is (the peer does not speak /ipfs/id/1.0.0)\n";
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(1), said));
}

#[test]
fn pings_and_questions_have_the_same_time() {
    let peer = Serving::start(&[PING, IDENTIFY], Silent);
    let dial = run(["dial", &peer.address, "--timeout", "0.2", "--ping", "2", "--identify"]);
    let said = "error: 2 of 2 pings were not answered (the first of them: no answer within 0.2 s); the peer did not say who it is (no \
                answer within 0.2 s)\n";
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(1), said));
    let failed = dial.printed.iter().filter(|line| line["event"].as_str().unwrap().ends_with("_failed"));
    let failed: Vec<_> =
        failed.map(|line| (line["event"].as_str().unwrap(), line["reason"].as_str().unwrap())).collect();
    let mut wanted = vec![("ping_failed", "timeout"); 2];
    wanted.push(("identify_failed", "timeout"));
    assert_eq!((failed.len(), wanted.iter().all(|one| failed.contains(one))), (3, true), "{failed:?}");
    let summary = dial.printed.last().unwrap();
    assert_eq!((&summary["pings_lost"], &summary["ping_loss_percent"]), (&2.into(), &100.0.into()));
}
