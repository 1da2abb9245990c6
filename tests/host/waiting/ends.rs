//! Waits that end without a stream, and places that go to those who wait.

use super::{fill, pair, waiting};
use crate::support::hosts::{ECHO, Pair, RAW, accept, connect, log, round_trip, told, wait};
use smol::future::poll_once;
use smol::io::AsyncWriteExt as _;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake};
use std::time::Duration;
use swarm_notify::host::{Config, Error};
use swarm_notify::lifecycle::Failure;
use swarm_notify::notifee::{HasNode as _, Notifee};

#[test]
fn one_that_is_dropped_passes_its_place_on() {
    let mut pair = pair(1);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let _inbound = accept(&at_a, RAW);
    let log_b = log(&mut pair.b);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let open = fill(&connection, 1).await;
        told(&log_b, "opened_stream").await;
        let in_line = waiting(&connection).await;
        let granted = waiting(&connection).await;
        let last = waiting(&connection).await;
        // From the front of the line.
        drop(in_line);
        drop(open);
        told(&log_b, "closed_stream reset").await;
        // It has its place, and was not polled since.
        told(&log_b, "opened_stream").await;
        drop(granted);
        let stream = last.await.unwrap();
        assert_eq!(stream.connection(), connection.id());
        assert_eq!(told(&log_b, "closed_stream").await, "closed_stream reset(local)");
        assert_eq!(told(&log_b, "opened_stream").await, "opened_stream outbound /raw/1.0.0");
        drop(stream);
        round_trip(&connection).await;
    });
}

#[test]
fn one_that_is_dropped_while_it_opens_passes_its_place_on() {
    let mut pair = pair(1);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let _inbound = accept(&at_a, RAW);
    let log_b = log(&mut pair.b);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let open = fill(&connection, 1).await;
        let opening = waiting(&connection).await;
        let next = waiting(&connection).await;
        drop(open);
        // It begins in the turn in which that is told, and waits for the peer's word.
        told(&log_b, "closed_stream reset").await;
        drop(opening);
        next.await.unwrap();
        assert_eq!(told(&log_b, "stream_failed").await, "stream_failed requested");
    });
}

#[test]
fn the_end_of_the_connection_ends_the_wait() {
    for end in ["by the peer", "by the swarm"] {
        let mut pair = pair(1);
        let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
        let inbound = accept(&at_a, RAW);
        pair.run(async {
            let (_, connection) = connect(&at_a, &at_b).await;
            let _open = fill(&connection, 1).await;
            let openings = vec![waiting(&connection).await, waiting(&connection).await];
            let theirs = inbound.recv().await.unwrap();
            let id = connection.id();
            match end {
                "by the peer" => at_a.abort_connection(theirs.connection()).await,
                _ => at_b.with(move |_, swarm| swarm.node_mut().abort_connection(id)).await.unwrap().unwrap(),
            }
            for opening in openings {
                assert_eq!(opening.await.unwrap_err(), Error::Closing, "{end}");
            }
            assert_eq!(connection.open_stream(&[RAW]).wait_at_limit().await.unwrap_err(), Error::NotConnected);
        });
    }
}

#[test]
fn closing_the_connection_ends_the_wait_at_once() {
    for is_polite in [true, false] {
        let mut pair = pair(1);
        let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
        let inbound = accept(&at_a, RAW);
        pair.run(async {
            let (_, connection) = connect(&at_a, &at_b).await;
            let open = fill(&connection, 1).await;
            let mut openings = vec![waiting(&connection).await, waiting(&connection).await];
            let mut closing: Pin<Box<dyn Future<Output = ()>>> = match is_polite {
                true => Box::pin(connection.close()),
                false => Box::pin(connection.abort()),
            };
            assert!(poll_once(&mut closing).await.is_none());
            // However long it takes.
            for opening in &mut openings {
                assert_eq!(poll_once(opening).await.map(Result::unwrap_err), Some(Error::Closing));
            }
            // Both let go, so that a polite close waits for nobody.
            drop((open, inbound.recv().await.unwrap()));
            closing.await;
        });
    }
}

#[test]
fn a_connection_that_ends_at_the_limit_of_streams_ends_the_wait() {
    let mut config = Config::default();
    config.swarm.limits.streams = 1;
    let mut pair = Pair::with(Config::default(), config);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let _inbound = accept(&at_a, RAW);
    let log_a = log(&mut pair.a);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        told(&log_a, "connected").await;
        let _open = fill(&connection, 1).await;
        let mut stays = waiting(&connection).await;
        for by_the_peer in [false, true] {
            let other = at_b.dial(connection.remote().clone()).await.unwrap();
            let ends = waiting(&other).await;
            told(&log_a, "connected").await;
            let peer = at_b.local_peer();
            let accepted = at_a.with(move |_, swarm| swarm.node().connections_of(peer)).await.unwrap();
            match by_the_peer {
                false => other.abort().await,
                true => at_a.abort_connection(accepted[1]).await,
            }
            assert_eq!(ends.await.unwrap_err(), Error::Closing);
            assert!(poll_once(&mut stays).await.is_none());
            told(&log_a, "disconnected").await;
        }
    });
}

#[test]
fn the_end_of_the_host_ends_the_wait() {
    let mut pair = pair(1);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let open = fill(&connection, 1).await;
        let mut opening = waiting(&connection).await;
        let mut shut_down = Box::pin(at_b.shutdown());
        assert!(poll_once(&mut shut_down).await.is_none(), "a stream is open");
        assert_eq!(poll_once(&mut opening).await.map(Result::unwrap_err), Some(Error::Closing));
        assert_eq!(connection.open_stream(&[RAW]).wait_at_limit().await.unwrap_err(), Error::Closing);
        drop((open, inbound.recv().await.unwrap()));
        shut_down.await;
    });
    let mut pair = super::pair(1);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let _inbound = accept(&at_a, RAW);
    let (open, opening) = pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        (fill(&connection, 1).await, waiting(&connection).await)
    });
    drop(pair);
    assert_eq!(crate::support::hosts::wait(opening).unwrap_err(), Error::Gone);
    drop(open);
}

#[test]
fn a_stream_that_the_peer_refuses_passes_its_place_on() {
    let mut pair = pair(1);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let refused = connection.open_stream(&[RAW]);
        let echo = connection.open_stream(&[ECHO]).wait_at_limit();
        let (refused, echo) = smol::future::zip(refused, echo).await;
        assert_eq!(refused.unwrap_err().failure(), Some(Failure::Unsupported));
        assert_eq!(echo.unwrap().protocol(), &ECHO);
    });
}

/// No stream ends by itself there; one that is half-open and silent yields to a new one.
#[test]
fn a_silent_half_open_stream_yields_to_one_that_waits() {
    let mut config = Config::default();
    config.swarm.limits.streams_per_connection = 1;
    config.swarm.connection.half_open_timeout = None;
    config.swarm.connection.half_open_grace = Duration::from_millis(10);
    let mut pair = Pair::with(Config::default(), config);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let log_b = log(&mut pair.b);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut open = fill(&connection, 1).await;
        let opening = waiting(&connection).await;
        open[0].close().await.unwrap();
        let _theirs = inbound.recv().await.unwrap();
        opening.await.unwrap();
        assert_eq!(told(&log_b, "closed_stream").await, "closed_stream timeout");
    });
}

/// Panics when it is dropped.
struct Brittle;

impl Drop for Brittle {
    fn drop(&mut self) {
        resume_unwind(Box::new(()));
    }
}

impl<N> Notifee<N> for Brittle {}

#[test]
fn a_panic_while_a_host_is_dropped_keeps_nobody_waiting() {
    let mut pair = pair(1);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let _inbound = accept(&at_a, RAW);
    pair.b.with(|notifees, _| notifees.register(Brittle)).unwrap();
    let (open, opening) = pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        (fill(&connection, 1).await, waiting(&connection).await)
    });
    let Pair { a: _a, b, .. } = pair;
    assert!(catch_unwind(AssertUnwindSafe(|| drop(b))).is_err());
    assert_eq!(wait(opening).unwrap_err(), Error::Gone);
    drop(open);
}

/// Panics when it is woken.
struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new(()));
    }
}

#[test]
fn a_waker_that_panics_keeps_no_other_from_being_woken() {
    for is_dropped in [false, true] {
        let mut pair = pair(1);
        let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
        let _inbound = accept(&at_a, RAW);
        let (open, mut bomb, other) = pair.run(async {
            let (_, connection) = connect(&at_a, &at_b).await;
            let open = fill(&connection, 1).await;
            (open, waiting(&connection).await, waiting(&connection).await)
        });
        let waker = Arc::new(Bomb).into();
        assert!(bomb.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let tasks = smol::LocalExecutor::new();
        let other = tasks.spawn(other);
        assert!(tasks.try_tick(), "it waits, and is not polled again until it is woken");
        let id = open[0].connection();
        pair.b.with(|_, swarm| swarm.node_mut().abort_connection(id)).unwrap().unwrap();
        let Pair { mut a, mut b, .. } = pair;
        let (panicked, error) = match is_dropped {
            true => (catch_unwind(AssertUnwindSafe(|| drop(b))), Error::Gone),
            false => (catch_unwind(AssertUnwindSafe(|| wait(a.run_until(b.run())))), Error::Closing),
        };
        assert!(panicked.is_err());
        assert_eq!(wait(tasks.run(other)).unwrap_err(), error);
    }
}
