//! Openings that wait for a place at a limit: in order, and bounded.

mod ends;

use crate::support::hosts::{ECHO, Pair, RAW, accept, connect, log, round_trip};
use futures::future::join_all;
use smol::future::poll_once;
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use std::future::Future;
use std::pin::Pin;
use swarm_notify::host::{Config, Connection, Error, OpenStream, Stream};
use swarm_notify::notifee::HasNode as _;

/// Two hosts, of which `b` has place for so many streams on each connection.
fn pair(streams_per_connection: u32) -> Pair {
    let mut config = Config::default();
    config.swarm.limits.streams_per_connection = streams_per_connection;
    Pair::with(Config::default(), config)
}

/// An opening that has begun to wait.
async fn waiting(connection: &Connection) -> Pin<Box<OpenStream>> {
    let mut opening = Box::pin(connection.open_stream(&[RAW]).wait_at_limit());
    assert!(poll_once(&mut opening).await.is_none(), "there is no place");
    opening
}

async fn fill(connection: &Connection, count: usize) -> Vec<Stream> {
    let opened = join_all((0..count).map(|_| connection.open_stream(&[RAW]))).await;
    let opened: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
    assert_eq!(connection.open_stream(&[RAW]).await.unwrap_err(), Error::Limit);
    opened
}

/// The streams of those openings that are through.
async fn are_open(openings: &mut [Pin<Box<OpenStream>>]) -> Vec<Option<Stream>> {
    let mut open = Vec::new();
    for opening in openings {
        open.push(poll_once(opening).await.map(Result::unwrap));
    }
    open
}

#[test]
fn each_that_ends_makes_place_for_the_one_that_waited_longest() {
    let mut pair = pair(2);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let log_b = log(&mut pair.b);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut open = fill(&connection, 2).await;
        let mut openings = Vec::new();
        for _ in 0..5 {
            openings.push(waiting(&connection).await);
        }
        // Whatever way a stream ends.
        for round in 0..5 {
            let mut ending = open.remove(0);
            let mut theirs = inbound.recv().await.unwrap();
            match round % 3 {
                0 => drop(ending),
                1 => drop(theirs),
                _ => {
                    ending.close().await.unwrap();
                    theirs.close().await.unwrap();
                    drop(theirs);
                    ending.read_to_end(&mut Vec::new()).await.unwrap();
                }
            }
            open.push(openings.remove(0).await.unwrap());
            let others = are_open(&mut openings).await;
            assert!(others.iter().all(Option::is_none), "one place for each that ends: {others:?}");
        }
        let told: Vec<_> = std::iter::from_fn(|| log_b.try_recv().ok()).collect();
        assert_eq!(told.iter().filter(|line| line.starts_with("opened_stream")).count(), 2 + 5);
        assert_eq!(told.iter().filter(|line| line.starts_with("closed_stream")).count(), 5);
        assert!(!told.iter().any(|line| line.starts_with("stream_failed")), "{told:?}");
    });
}

#[test]
fn a_hundred_requests_go_through_places_for_four() {
    let mut pair = pair(4);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let ask = async |n: usize| {
            let mut stream = match n % 2 {
                0 => connection.open_stream(&[ECHO]).wait_at_limit().await.unwrap(),
                _ => connection.open_stream_lazy(ECHO).wait_at_limit().await.unwrap(),
            };
            let question = format!("question {n}");
            stream.write_all(question.as_bytes()).await.unwrap();
            stream.close().await.unwrap();
            let mut echo = String::new();
            stream.read_to_string(&mut echo).await.unwrap();
            assert_eq!(echo, question);
        };
        join_all((0..100).map(ask)).await;
    });
    let left = pair.b.with(|_, swarm| {
        let node = swarm.node();
        node.connections().into_iter().map(|id| node.connection(id).unwrap().streams).sum::<usize>()
    });
    assert_eq!(left, Ok(0), "all have ended");
}

#[test]
fn at_the_limit_of_all_streams_connections_take_turns() {
    let mut config = Config::default();
    config.swarm.limits.streams = 2;
    let mut pair = Pair::with(Config::default(), config);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let _inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_, greedy) = connect(&at_a, &at_b).await;
        let modest = at_b.dial(greedy.remote().clone()).await.unwrap();
        let mut open = fill(&greedy, 2).await;
        let mut of_greedy = Vec::new();
        for _ in 0..3 {
            of_greedy.push(waiting(&greedy).await);
        }
        let mut of_modest = vec![waiting(&modest).await];
        drop(open.remove(0));
        open.push(of_greedy.remove(0).await.unwrap());
        drop(open.remove(0));
        open.push(of_modest.remove(0).await.unwrap());
        assert!(are_open(&mut of_greedy).await.iter().all(Option::is_none));
        drop(open.remove(0));
        open.push(of_greedy.remove(0).await.unwrap());
        drop(open.remove(0));
        open.push(of_greedy.remove(0).await.unwrap());
    });
}

#[test]
fn a_full_connection_holds_up_no_other() {
    let mut config = Config::default();
    config.swarm.limits.streams_per_connection = 2;
    config.swarm.limits.streams = 3;
    let mut pair = Pair::with(Config::default(), config);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let _inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_, full) = connect(&at_a, &at_b).await;
        let other = at_b.dial(full.remote().clone()).await.unwrap();
        let open = fill(&full, 2).await;
        let mut of_full = vec![waiting(&full).await];
        let only = other.open_stream(&[RAW]).await.unwrap();
        let mut of_other = vec![waiting(&other).await, waiting(&other).await];
        drop(only);
        // The first in line waits for a place on its own connection, and not for this one.
        let mine = of_other.remove(0).await.unwrap();
        assert!(are_open(&mut of_full).await[0].is_none());
        assert!(are_open(&mut of_other).await[0].is_none());
        drop(open);
        of_full.remove(0).await.unwrap();
        of_other.remove(0).await.unwrap();
        drop(mine);
    });
}

#[test]
fn beyond_the_bound_an_opening_fails_and_the_others_wait_on() {
    let mut config = Config::default();
    config.swarm.limits.streams_per_connection = 1;
    config.waiting_openings = 2;
    let mut pair = Pair::with(Config::default(), config);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let _inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let other = at_b.dial(connection.remote().clone()).await.unwrap();
        let open = fill(&connection, 1).await;
        let first = waiting(&connection).await;
        let second = waiting(&connection).await;
        assert_eq!(connection.open_stream(&[RAW]).wait_at_limit().await.unwrap_err(), Error::Limit);
        // Each connection has a line of its own.
        let _elsewhere = (fill(&other, 1).await, waiting(&other).await);
        // One that leaves makes place in the line, from the middle, too.
        drop(second);
        let third = waiting(&connection).await;
        assert_eq!(connection.open_stream(&[RAW]).wait_at_limit().await.unwrap_err(), Error::Limit);
        drop(open);
        drop(first.await.unwrap());
        third.await.unwrap();
    });
}

#[test]
fn without_places_or_a_line_nobody_waits() {
    let mut config = Config::default();
    config.swarm.limits.streams_per_connection = 1;
    config.waiting_openings = 0;
    let mut pair = Pair::with(Config::default(), config);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let _inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let _open = fill(&connection, 1).await;
        assert_eq!(connection.open_stream(&[RAW]).wait_at_limit().await.unwrap_err(), Error::Limit);
    });
    for (of_connection, of_all) in [(0, 1), (1, 0)] {
        let mut config = Config::default();
        config.swarm.limits.streams_per_connection = of_connection;
        config.swarm.limits.streams = of_all;
        let mut pair = Pair::with(Config::default(), config);
        let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
        pair.run(async {
            let (_, connection) = connect(&at_a, &at_b).await;
            assert_eq!(connection.open_stream(&[RAW]).wait_at_limit().await.unwrap_err(), Error::Limit);
        });
    }
}

#[test]
fn those_who_do_not_wait_do_not_overtake_those_who_do() {
    let mut pair = pair(1);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let _inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let open = fill(&connection, 1).await;
        let first = waiting(&connection).await;
        drop(open);
        // Its place is free at once; and the one in line is told in the host's next turn.
        assert_eq!(connection.open_stream(&[RAW]).await.unwrap_err(), Error::Limit);
        assert_eq!(connection.open_stream(&[]).wait_at_limit().await.unwrap_err(), Error::NoProtocol);
        let second = waiting(&connection).await;
        drop(first.await.unwrap());
        drop(second.await.unwrap());
        // The line is empty: who comes gets a place at once.
        round_trip(&connection).await;
    });
}

#[test]
fn an_opening_may_begin_to_wait_and_leave_inside_with() {
    let mut pair = pair(1);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let _inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let open = fill(&connection, 1).await;
        let first = waiting(&connection).await;
        let (waits, leaves) = (connection.open_stream(&[RAW]), connection.open_stream(&[RAW]));
        let second = at_b.with(move |_, _| {
            let mut second = Box::pin(waits.wait_at_limit());
            let mut leaves = Box::pin(leaves.wait_at_limit());
            assert!(smol::block_on(poll_once(&mut leaves)).is_none(), "the swarm is taken");
            assert!(smol::block_on(poll_once(&mut second)).is_none());
            drop((leaves, first));
            second
        });
        let second = second.await.unwrap();
        drop(open);
        second.await.unwrap();
    });
}

#[test]
fn an_opening_waits_only_without_a_place_and_begins_with_a_poll() {
    let mut pair = pair(1);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let _inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let never = connection.open_stream(&[RAW]).wait_at_limit();
        let to_peer = at_b.open_stream(at_a.local_peer(), &[RAW]).wait_at_limit().await.unwrap();
        assert_eq!(to_peer.connection(), connection.id());
        assert_eq!(format!("{never:?}"), "OpenStream { was_polled: false, .. }");
        drop(never);
        let mut waits = Box::pin(at_b.open_stream_lazy(connection.id(), RAW).wait_at_limit());
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(waits.as_mut().poll(cx).is_pending())).await;
        assert!(polled);
        drop(to_peer);
        assert_eq!(waits.await.unwrap().protocol(), &RAW);
    });
}
