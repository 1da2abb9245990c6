//! Streams that one side gives up.

use super::ours::Serve;
use super::{CASES, Pair};
use futures::{AsyncReadExt, AsyncWriteExt};
use swarm_notify::connection::{ReadError, WriteError};
use swarm_notify::lifecycle::Direction;
use swarm_notify::swarm::CloseError;

fn log(opened: Direction, end: &str) -> [String; 2] {
    [format!("opened_stream c0.1 s0.1 {opened} /echo/1.0.0"), format!("closed_stream c0.1 s0.1 {end}")]
}

#[track_caller]
fn end(pair: Pair, opened: Direction, end: &str) {
    let log = log(opened, end);
    pair.end(&[&log[0], &log[1]]);
}

#[test]
fn our_reset_ends_the_stream_on_both_sides() {
    for (dialed, opened) in CASES {
        let mut pair = Pair::new(dialed, Serve::Hold);
        let (id, mut theirs) = pair.stream(opened);
        assert_eq!(pair.ours.swarm.write(id, b"lost or not"), Ok(11));
        pair.ours.swarm.reset(id).unwrap();
        assert_eq!(pair.ours.swarm.reset(id), Err(CloseError::Ended));
        assert_eq!(pair.ours.swarm.write(id, b"x"), Err(WriteError::Ended));
        let seen = pair.node.spawn(async move {
            let mut all = Vec::new();
            // To rust-libp2p's reader a reset is an end like any other; its writer knows better.
            let read = theirs.read_to_end(&mut all).await;
            (all, read.is_ok(), theirs.write_all(b"x").await.is_err())
        });
        let (all, read, write) = pair.ours.during("what the node reads", seen);
        assert_eq!((all.as_slice(), read, write), (b"lost or not".as_slice(), true, true));
        end(pair, opened, "reset(local)");
    }
}

#[test]
fn our_reset_reaches_a_writer_that_waits_for_window() {
    for (dialed, opened) in CASES {
        let mut pair = Pair::new(dialed, Serve::Hold);
        let (id, mut theirs) = pair.stream(opened);
        let write = pair.node.spawn(async move { theirs.write_all(&[7; 1_000_000]).await.is_err() });
        pair.ours.until("something to read", |ours| ours.swarm.read(id, &mut [0]) == Ok(1));
        pair.ours.swarm.reset(id).unwrap();
        assert!(pair.ours.during("the end of the node's write", write));
        // How much of it had come is a matter of time.
        let unread = pair.ours.log.pop().unwrap();
        pair.ours.log.push(unread.split(',').next().unwrap().to_owned());
        end(pair, opened, "reset(local)");
    }
}

#[test]
fn their_reset_is_told_though_nobody_reads_and_keeps_what_came() {
    for (dialed, opened) in CASES {
        let mut pair = Pair::new(dialed, Serve::Hold);
        let (id, mut theirs) = pair.stream(opened);
        let reset = pair.node.spawn(async move {
            theirs.write_all(b"unread").await.unwrap();
            theirs.flush().await.unwrap();
            drop(theirs);
        });
        pair.ours.during("the node's reset", reset);
        pair.ours.until_told("closed_stream", 1);
        // The event has been handled, and with it the stream is gone.
        assert_eq!(pair.ours.swarm.read(id, &mut [0; 8]), Err(ReadError::Stale));
        end(pair, opened, "reset(remote), 6 unread");
    }
}

#[test]
fn their_reset_reaches_us_while_our_write_waits_for_window() {
    for (dialed, opened) in CASES {
        let mut pair = Pair::new(dialed, Serve::Hold);
        let (id, theirs) = pair.stream(opened);
        pair.ours.fill_window(id);
        drop(theirs);
        pair.ours.until_told("closed_stream", 1);
        end(pair, opened, "reset(remote)");
    }
}

#[test]
fn one_of_many_streams_is_reset_and_the_others_go_on() {
    for (dialed, opened) in CASES {
        let mut pair = Pair::new(dialed, Serve::Hold);
        let (first, mut their_first) = pair.stream(opened);
        let (second, their_second) = pair.stream(opened);
        let (third, _their_third) = pair.stream(opened);
        drop(their_second);
        pair.ours.until_told("closed_stream", 1);
        pair.ours.swarm.reset(third).unwrap();
        assert_eq!(pair.ours.swarm.write(first, b"hello"), Ok(5));
        pair.ours.swarm.finish(first).unwrap();
        let theirs = pair.node.spawn(async move {
            let mut all = Vec::new();
            their_first.read_to_end(&mut all).await.unwrap();
            their_first.write_all(&all).await.unwrap();
            their_first.close().await.unwrap();
        });
        pair.ours.during("the node's echo", theirs);
        assert_eq!(pair.ours.read_to_end(first), b"hello");
        pair.ours.until_told("closed_stream", 3);
        let [a, b, c] = [first, second, third].map(|id| format!("opened_stream c0.1 {id} {opened} /echo/1.0.0"));
        pair.end(&[
            &a,
            &b,
            &c,
            "closed_stream c0.1 s1.1 reset(remote)",
            "closed_stream c0.1 s2.1 reset(local)",
            "closed_stream c0.1 s0.1 finished",
        ]);
    }
}
