//! How many handlers run, how many streams wait for one, and what comes beyond.

use crate::hosts::{Pair, RAW, connect, log, round_trip, told};
use futures::future::join_all;
use smol::channel::unbounded;
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _, ErrorKind};
use std::cell::Cell;
use std::rc::Rc;
use swarm_notify::host::{Config, Stream};
use swarm_notify::lifecycle::Side;

#[test]
fn beyond_the_handlers_streams_wait_and_beyond_those_they_are_reset() {
    let mut config = Config::default();
    config.handlers = 2;
    config.waiting_streams = 3;
    let mut pair = Pair::with(config, Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let log_a = log(&mut pair.a);
    let (running, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (go, may_go) = unbounded::<()>();
    {
        let (running, most) = (running.clone(), most.clone());
        at_a.set_handler(RAW, async move |mut stream: Stream| {
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            may_go.recv().await.unwrap();
            stream.write_all(b"served").await.unwrap();
            stream.close().await.unwrap();
            running.set(running.get() - 1);
        });
    }
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut streams = Vec::new();
        for _ in 0..6 {
            streams.push(connection.open_stream(&[RAW]).await.unwrap());
        }
        // The sixth has no place.
        assert_eq!(told(&log_a, "closed_stream").await, format!("closed_stream reset({})", Side::Local));
        assert_eq!(streams[5].read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!((running.get(), most.get()), (2, 2));
        for _ in 0..5 {
            go.send(()).await.unwrap();
        }
        let served = join_all(streams[..5].iter_mut().map(async |stream| {
            let mut said = String::new();
            stream.read_to_string(&mut said).await.map(|_| said)
        }));
        assert!(served.await.into_iter().all(|said| said.unwrap() == "served"));
        assert_eq!(most.get(), 2);
    });
}

#[test]
fn a_stream_that_was_reset_while_it_waited_is_still_read_by_its_handler() {
    let mut config = Config::default();
    config.handlers = 0; // counts as one
    let mut pair = Pair::with(config, Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let log_a = log(&mut pair.a);
    let (go, may_go) = unbounded::<()>();
    let (heard, said) = unbounded();
    at_a.set_handler(RAW, async move |mut stream: Stream| {
        may_go.recv().await.unwrap();
        let mut all = Vec::new();
        let read = stream.read_to_end(&mut all).await.map_err(|error| error.kind());
        heard.send((all, read)).await.unwrap();
    });
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut first = connection.open_stream(&[RAW]).await.unwrap();
        let mut second = connection.open_stream(&[RAW]).await.unwrap();
        first.close().await.unwrap();
        second.write_all(b"bye").await.unwrap();
        let other = at_b.dial(connection.remote().clone()).await.unwrap();
        told(&log_a, "connected").await;
        connection.abort().await;
        told(&log_a, "disconnected").await;
        go.send(()).await.unwrap();
        go.send(()).await.unwrap();
        assert_eq!(said.recv().await.unwrap(), (Vec::new(), Ok(0)));
        let (all, read) = said.recv().await.unwrap();
        // All that arrived, if it did before the end.
        assert!(all.is_empty() || all == b"bye");
        assert_eq!(read, Err(ErrorKind::ConnectionAborted));
        other.close().await;
    });
}

#[test]
fn handlers_that_end_make_place_for_as_many_as_come() {
    let mut config = Config::default();
    config.handlers = 4;
    let mut pair = Pair::with(config, Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        for _ in 0..50 {
            join_all((0..8).map(|_| round_trip(&connection))).await;
        }
    });
}
