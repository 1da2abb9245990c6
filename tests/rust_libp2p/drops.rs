//! What rust-libp2p does to a stream that its owner just drops, and what we tell of it. yamux 0.13, which it uses,
//! sends RST if neither side has ended, FIN if we have, and nothing if it has ended its side itself.

use super::ours::Serve;
use super::{CASES, Pair};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::time::Duration;
use swarm_notify::lifecycle::Direction;
use swarm_notify::swarm::Config;

/// [`Config::half_open_timeout`](swarm_notify::connection::Config::half_open_timeout) as it is by default.
const HALF_OPEN: Duration = Duration::from_secs(600);
const SECOND: Duration = Duration::from_secs(1);

#[track_caller]
fn end(pair: Pair, opened: Direction, end: &str) {
    let opened = format!("opened_stream c0.1 s0.1 {opened} /echo/1.0.0");
    pair.end(&[&opened, &format!("closed_stream c0.1 s0.1 {end}")]);
}

/// A pair that time alone does not move: no ping is sent.
fn patient(dialed: Direction) -> Pair {
    let mut config = Config::default();
    config.connection.keep_alive_interval = Duration::from_secs(3600);
    Pair::with(config, dialed, Serve::Hold)
}

#[test]
fn dropped_before_it_was_used_is_a_reset() {
    for (dialed, opened) in CASES {
        let mut pair = Pair::new(dialed, Serve::Hold);
        let (_, theirs) = pair.stream(opened);
        drop(theirs);
        pair.ours.until_told("closed_stream", 1);
        end(pair, opened, "reset(remote)");
    }
}

#[test]
fn dropped_with_data_unread_is_a_reset() {
    for (dialed, opened) in CASES {
        let mut pair = Pair::new(dialed, Serve::Hold);
        let (id, mut theirs) = pair.stream(opened);
        assert_eq!(pair.ours.swarm.write(id, b"read, not read"), Ok(14));
        let read = pair.node.spawn(async move { theirs.read_exact(&mut [0; 4]).await.unwrap() });
        pair.ours.during("what the node reads", read);
        pair.ours.until_told("closed_stream", 1);
        end(pair, opened, "reset(remote)");
    }
}

#[test]
fn dropped_after_our_end_is_an_end() {
    for (dialed, opened) in CASES {
        let mut pair = Pair::new(dialed, Serve::Hold);
        let (id, mut theirs) = pair.stream(opened);
        assert_eq!(pair.ours.swarm.write(id, b"all"), Ok(3));
        pair.ours.swarm.finish(id).unwrap();
        let read = pair.node.spawn(async move { theirs.read_to_end(&mut Vec::new()).await.unwrap() });
        assert_eq!(pair.ours.during("what the node reads", read), 3);
        assert_eq!(pair.ours.read_to_end(id), b"");
        pair.ours.until_told("closed_stream", 1);
        end(pair, opened, "finished");
    }
}

#[test]
fn dropped_after_its_own_end_is_an_end_once_we_end_too() {
    for (dialed, opened) in CASES {
        let mut pair = Pair::new(dialed, Serve::Hold);
        let (id, mut theirs) = pair.stream(opened);
        let write = pair.node.spawn(async move {
            theirs.write_all(b"that is all").await.unwrap();
            theirs.close().await.unwrap();
        });
        pair.ours.during("what the node writes", write);
        assert_eq!(pair.ours.read_to_end(id), b"that is all");
        // Nothing tells us that it is gone, so that we may still write, to nobody.
        assert_eq!(pair.ours.swarm.write(id, b"is it?"), Ok(6));
        pair.ours.swarm.finish(id).unwrap();
        pair.ours.until_told("closed_stream", 1);
        end(pair, opened, "finished");
    }
}

#[test]
fn dropped_after_its_end_while_we_fill_its_window_times_out() {
    for (dialed, opened) in CASES {
        let mut pair = patient(dialed);
        let (id, mut theirs) = pair.stream(opened);
        pair.ours.during("the node's end", pair.node.spawn(async move { theirs.close().await.unwrap() }));
        assert_eq!(pair.ours.read_to_end(id), b"");
        pair.ours.fill_window(id);
        pair.ours.pass_in_silence(HALF_OPEN - SECOND);
        pair.ours.pass(SECOND);
        pair.ours.until_told("closed_stream", 1);
        end(pair, opened, "timeout");
    }
}

#[test]
fn held_open_after_our_end_times_out() {
    for (dialed, opened) in CASES {
        let mut pair = patient(dialed);
        let (id, mut theirs) = pair.stream(opened);
        pair.ours.swarm.finish(id).unwrap();
        let read = pair.node.spawn(async move {
            theirs.read_to_end(&mut Vec::new()).await.unwrap();
            theirs
        });
        let mut theirs = pair.ours.during("our end", read);
        pair.ours.pass_in_silence(HALF_OPEN - SECOND);
        // A word from it, and it has its time again.
        pair.ours.during("a word", theirs.write_all(b"x")).unwrap();
        pair.ours.during("a word", theirs.flush()).unwrap();
        pair.ours.until("a word", |ours| ours.swarm.read(id, &mut [0; 8]) == Ok(1));
        pair.ours.pass_in_silence(HALF_OPEN - SECOND);
        pair.ours.pass(SECOND);
        pair.ours.until_told("closed_stream", 1);
        // What it says now is for nobody; it hears of it.
        let write = pair.node.spawn(async move {
            while theirs.write_all(&[0; 1000]).await.is_ok() {
                tokio::task::yield_now().await;
            }
        });
        pair.ours.during("the node's word of the reset", write);
        end(pair, opened, "timeout");
    }
}
