//! How many handlers run, how many streams wait for one, and what comes beyond.

use crate::support::hosts::{Pair, RAW, accept_names, connect, log, round_trip, told};
use futures::future::join_all;
use smol::channel::unbounded;
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _, ErrorKind};
use std::cell::Cell;
use std::rc::Rc;
use swarm_notify::connection::Protocol;
use swarm_notify::host::{Config, Handle, Stream};
use swarm_notify::lifecycle::Side;

#[test]
fn beyond_the_handlers_streams_wait_and_beyond_those_are_reset() {
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
fn a_stream_reset_while_it_waited_is_still_read_by_its_handler() {
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

#[test]
fn connections_take_turns_at_the_handlers_however_many_wait() {
    let mut config = Config::default();
    config.handlers = 1;
    let mut pair = Pair::with(config, Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (go, served) = accept_names(&at_a, RAW);
    pair.run(async {
        let (_, greedy) = connect(&at_a, &at_b).await;
        let second = at_b.dial(greedy.remote().clone()).await.unwrap();
        let third = at_b.dial(greedy.remote().clone()).await.unwrap();
        let mut streams = Vec::new();
        let waiting = [(&greedy, "g0 g1 g2 g3 g4"), (&second, "s1 s2"), (&third, "t1")];
        for (connection, name) in waiting.iter().flat_map(|(to, names)| names.split(' ').map(move |name| (to, name))) {
            // It waits over there once it is open here.
            let mut stream = connection.open_stream(&[RAW]).await.unwrap();
            stream.write_all(name.as_bytes()).await.unwrap();
            stream.close().await.unwrap();
            streams.push(stream);
        }
        let mut order = Vec::new();
        for _ in 0..streams.len() {
            order.push(served.recv().await.unwrap());
            go.send(()).await.unwrap();
        }
        // The greedy one was there first: g0 is served when the others come.
        assert_eq!(order, ["g0", "g1", "s1", "t1", "g2", "s2", "g3", "g4"]);
    });
}

#[test]
fn a_connection_that_fills_the_line_makes_place_for_others() {
    let mut config = Config::default();
    config.handlers = 1;
    config.waiting_streams = 3;
    let mut pair = Pair::with(config, Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (go, served) = accept_names(&at_a, RAW);
    let log_a = log(&mut pair.a);
    pair.run(async {
        let (_, greedy) = connect(&at_a, &at_b).await;
        let modest = at_b.dial(greedy.remote().clone()).await.unwrap();
        let mut streams = Vec::new();
        for (connection, name) in [
            (&greedy, "g0"),
            (&greedy, "g1"),
            (&greedy, "g2"),
            (&greedy, "g3"),
            (&modest, "m1"), // in the place of g3
            (&modest, "m2"), // who made place for it would have less than it: refused
            (&greedy, "g4"), // nobody has more waiting: refused
        ] {
            let mut stream = connection.open_stream(&[RAW]).await.unwrap();
            // Those that are reset may have been already.
            if stream.write_all(name.as_bytes()).await.is_ok() {
                let _ = stream.close().await;
            }
            streams.push(stream);
        }
        for _ in 0..3 {
            assert_eq!(told(&log_a, "closed_stream reset").await, format!("closed_stream reset({})", Side::Local));
        }
        for refused in [3, 5, 6] {
            assert_eq!(streams[refused].read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
        let mut order = Vec::new();
        for _ in 0..4 {
            order.push(served.recv().await.unwrap());
            go.send(()).await.unwrap();
        }
        assert_eq!(order, ["g0", "g1", "m1", "g2"]);
        // The line is empty: there is place again.
        let mut last = greedy.open_stream(&[RAW]).await.unwrap();
        last.write_all(b"g5").await.unwrap();
        last.close().await.unwrap();
        assert_eq!(served.recv().await.unwrap(), "g5");
        go.send(()).await.unwrap();
    });
}

const OTHER: Protocol = Protocol::from_static("/other/1.0.0");

/// Removes a handler when it is dropped itself.
struct Removes(Handle);

impl Drop for Removes {
    fn drop(&mut self) {
        self.0.remove_handler(&OTHER);
    }
}

#[test]
fn a_handler_that_goes_with_a_stream_may_use_the_host() {
    let mut config = Config::default();
    config.handlers = 1;
    config.waiting_streams = 2;
    let mut pair = Pair::with(config, Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let log_a = log(&mut pair.a);
    pair.run(async {
        let (_, greedy) = connect(&at_a, &at_b).await;
        let modest = at_b.dial(greedy.remote().clone()).await.unwrap();
        // The only place is taken by a stream of another protocol for as long as it lives.
        at_a.set_handler(OTHER, async |mut stream| drop(stream.read(&mut [0; 8]).await));
        let _busy = greedy.open_stream(&[OTHER]).await.unwrap();
        let removes = Removes(at_a.clone());
        let old = move |_: Stream| {
            let _ = &removes;
            std::future::ready(())
        };
        at_a.set_handler(RAW, async |_| ());
        let _first = greedy.open_stream(&[RAW]).await.unwrap();
        at_a.set_handler(RAW, old);
        let mut last = greedy.open_stream(&[RAW]).await.unwrap();
        at_a.set_handler(RAW, async |_| ());
        let _modest = modest.open_stream(&[RAW]).await.unwrap();
        assert_eq!(told(&log_a, "closed_stream reset").await, format!("closed_stream reset({})", Side::Local));
        assert_eq!(last.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn waiting_streams_keep_their_place_when_their_slot_is_reused() {
    let mut config = Config::default();
    config.handlers = 1;
    let mut pair = Pair::with(config, Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (go, served) = accept_names(&at_a, RAW);
    let log_a = log(&mut pair.a);
    pair.run(async {
        let (_, first) = connect(&at_a, &at_b).await;
        let mut streams = Vec::new();
        for name in ["f0", "f1", "f2"] {
            let mut stream = first.open_stream(&[RAW]).await.unwrap();
            stream.write_all(name.as_bytes()).await.unwrap();
            stream.close().await.unwrap();
            streams.push(stream);
        }
        first.close().await;
        told(&log_a, "disconnected").await;
        let second = at_b.dial(first.remote().clone()).await.unwrap();
        let mut stream = second.open_stream(&[RAW]).await.unwrap();
        stream.write_all(b"s0").await.unwrap();
        stream.close().await.unwrap();
        let mut order = Vec::new();
        for _ in 0..4 {
            order.push(served.recv().await.unwrap());
            go.send(()).await.unwrap();
        }
        assert_eq!(order, ["f0", "f1", "s0", "f2"]);
    });
}
