//! Streams that are opened without waiting for the peer's word: accepted, refused, dropped or cut before it comes.

use crate::support::hosts::{ECHO, Pair, RAW, accept, connect, log, round_trip, told};
use smol::channel::Receiver;
use smol::future::poll_once;
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _, ErrorKind};
use swarm_notify::connection::Protocol;
use swarm_notify::host::{Connection, Error, Stream};

const UNKNOWN: Protocol = Protocol::from_static("/unknown/1.0.0");

/// A stream that is there before anything could be heard of the peer.
async fn open(connection: &Connection, protocol: Protocol) -> Stream {
    let opened = poll_once(connection.open_stream_lazy(protocol)).await;
    opened.expect("nothing is waited for").unwrap()
}

/// What was told until now.
fn so_far(log: &Receiver<String>) -> Vec<String> {
    std::iter::from_fn(|| log.try_recv().ok()).collect()
}

#[test]
fn early_data_arrives_once_and_before_what_is_written_later() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let log_b = log(&mut pair.b);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        told(&log_b, "connected").await;
        let mut ours = open(&connection, RAW).await;
        assert_eq!((ours.protocol(), ours.connection(), ours.peer()), (&RAW, connection.id(), connection.peer()));
        ours.write_all(b"early, ").await.unwrap();
        assert_eq!(so_far(&log_b), [""; 0], "the peer has not been asked yet");
        let mut theirs = inbound.recv().await.unwrap();
        told(&log_b, "opened_stream").await;
        ours.write_all(b"late").await.unwrap();
        ours.close().await.unwrap();
        let mut all = String::new();
        theirs.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "early, late");
        theirs.write_all(b"answer").await.unwrap();
        theirs.close().await.unwrap();
        let mut answer = String::new();
        ours.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        told(&log_b, "closed_stream finished").await;
    });
}

#[test]
fn a_reader_from_before_the_peers_word_is_woken_by_the_answer() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut ours = open(&connection, ECHO).await;
        ours.write_all(b"question").await.unwrap();
        ours.close().await.unwrap();
        let mut echo = String::new();
        ours.read_to_string(&mut echo).await.unwrap();
        assert_eq!(echo, "question");
    });
}

#[test]
fn more_than_the_window_waits_for_the_peers_word_and_its_reader() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut ours = open(&connection, RAW).await;
        let writing = async {
            ours.write_all(&vec![7; 1 << 20]).await.unwrap();
            ours.close().await.unwrap();
        };
        let reading = async {
            let mut all = Vec::new();
            inbound.recv().await.unwrap().read_to_end(&mut all).await.unwrap();
            all
        };
        let ((), all) = smol::future::zip(writing, reading).await;
        assert_eq!(all, vec![7; 1 << 20]);
    });
}

#[test]
fn that_the_peer_refuses_shows_at_the_first_read() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let log_b = log(&mut pair.b);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut ours = open(&connection, UNKNOWN).await;
        ours.write_all(b"early").await.unwrap();
        let error = ours.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let error = error.get_ref().and_then(|error| error.downcast_ref::<Error>()).unwrap();
        assert!(matches!(error, Error::Failed { .. }), "{error}");
        assert_eq!(ours.write(b"more").await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(ours.flush().await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(ours.close().await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(ours.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(told(&log_b, "stream_failed").await, "stream_failed unsupported");
        // The connection is none the worse for it.
        round_trip(&connection).await;
    });
}

#[test]
fn one_that_is_dropped_before_the_peers_word_is_given_up() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let log_b = log(&mut pair.b);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut ours = open(&connection, RAW).await;
        ours.write_all(b"early").await.unwrap();
        drop(ours);
        // So is one of which the future was dropped when it was there.
        drop(poll_once(connection.open_stream_lazy(RAW)).await);
        for _ in 0..2 {
            assert_eq!(told(&log_b, "stream_failed").await, "stream_failed requested");
        }
        round_trip(&connection).await;
        let lines = so_far(&log_b);
        assert!(lines.iter().all(|line| line.ends_with("/echo/1.0.0") || line.ends_with("finished")), "{lines:?}");
        while let Ok(mut theirs) = inbound.try_recv() {
            assert!(theirs.read_to_end(&mut Vec::new()).await.is_err(), "it is no whole message");
        }
        at_b.shutdown().await;
    });
}

#[test]
fn one_closed_and_dropped_before_the_peers_word_is_sent_whole() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let log_b = log(&mut pair.b);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut ours = open(&connection, RAW).await;
        ours.write_all(&[7; 100_000]).await.unwrap();
        ours.close().await.unwrap();
        drop(ours);
        // A shutdown waits for it.
        let shut_down = at_b.shutdown();
        let reading = async {
            let mut theirs = inbound.recv().await.unwrap();
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).await.unwrap();
            theirs.close().await.unwrap();
            all
        };
        let ((), all) = smol::future::zip(shut_down, reading).await;
        assert_eq!(all, [7; 100_000]);
        told(&log_b, "closed_stream finished").await;
    });
}

#[test]
fn one_whose_connection_ends_before_the_peers_word_is_cut() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let (mut reader, mut writer) = smol::io::split(open(&connection, RAW).await);
        writer.write_all(b"early").await.unwrap();
        let reading = async { reader.read(&mut [0; 8]).await.unwrap_err().kind() };
        let (kind, ()) = smol::future::zip(reading, connection.abort()).await;
        assert_eq!(kind, ErrorKind::ConnectionAborted);
        assert_eq!(writer.write(b"?").await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    });
}

#[test]
fn it_needs_a_connection_and_a_host() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (connection, peer) = pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let peer = at_a.local_peer();
        let over_peer = at_b.open_stream_lazy(peer, RAW).await.unwrap();
        assert_eq!(over_peer.connection(), connection.id());
        connection.abort().await;
        assert_eq!(connection.open_stream_lazy(RAW).await.unwrap_err(), Error::NotConnected);
        assert_eq!(at_b.open_stream_lazy(peer, RAW).await.unwrap_err(), Error::NotConnected);
        (connection, peer)
    });
    drop(pair);
    crate::support::hosts::wait(async {
        assert_eq!(connection.open_stream_lazy(RAW).await.unwrap_err(), Error::Gone);
        assert_eq!(at_b.open_stream_lazy(peer, RAW).await.unwrap_err(), Error::Gone);
    });
}

#[test]
fn it_may_be_asked_for_while_notifees_are_told() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let (waiting, id) = (at_b.clone(), connection.id());
        let opening = at_b.with(move |_, _| {
            let mut opening = Box::pin(waiting.open_stream_lazy(id, ECHO));
            assert!(smol::block_on(poll_once(&mut opening)).is_none(), "the swarm is taken");
            opening
        });
        let mut ours = opening.await.unwrap().await.unwrap();
        ours.write_all(b"hello").await.unwrap();
        ours.close().await.unwrap();
        let mut echo = String::new();
        ours.read_to_string(&mut echo).await.unwrap();
        assert_eq!(echo, "hello");
    });
}
