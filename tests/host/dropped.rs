//! Reads, writes and flushes whose futures are dropped while they are pending: nothing is lost, nothing comes twice, and
//! the stream goes on.

use crate::support::hosts::{Pair, RAW, accept, both_ends, round_trip};
use smol::future::{or, poll_once, zip};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use swarm_notify::host::{Handle, Stream};
use swarm_notify::notifee::HasNode as _;

/// Bytes that tell where each belongs.
fn numbered(range: std::ops::Range<usize>) -> Vec<u8> {
    range.map(|n| (n % 251) as u8).collect()
}

/// The number of bytes that a stream has taken.
async fn sent(at: &Handle, stream: &Stream) -> usize {
    let id = stream.id();
    let view = at.with(move |_, swarm| swarm.node().stream(id).map(|view| view.sent)).await.unwrap();
    usize::try_from(view.expect("it lives")).unwrap()
}

/// Writes until nothing more is taken although the peer has heard it all: how many bytes that were.
async fn write_until_stuck(stream: &mut Stream, connection: &swarm_notify::host::Connection) -> usize {
    let (mut written, mut is_stuck) = (0, false);
    while !is_stuck {
        is_stuck = true;
        while let Some(n) = poll_once(stream.write(&numbered(written..written + 10_000))).await {
            written += n.unwrap();
            is_stuck = false;
        }
        round_trip(connection).await;
    }
    written
}

#[test]
fn a_pending_read_that_is_dropped_leaves_all_to_the_next() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let (connection, mut ours, mut theirs) = both_ends(&at_a, &at_b, &inbound).await;
        let mut all = Vec::new();
        for n in 0..20 {
            let mut buffer = [0; 64];
            // Dropped before anything comes, and again with everything there.
            assert!(poll_once(theirs.read(&mut buffer)).await.is_none());
            assert_eq!(buffer, [0; 64], "a read that is pending has written nothing");
            drop(theirs.read(&mut buffer));
            ours.write_all(&numbered(n * 10..n * 10 + 10)).await.unwrap();
            if n % 2 == 0 {
                round_trip(&connection).await;
            }
            let read = theirs.read(&mut buffer).await.unwrap();
            all.extend_from_slice(&buffer[..read]);
        }
        assert!(poll_once(theirs.read(&mut [0; 64])).await.is_none());
        ours.close().await.unwrap();
        theirs.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, numbered(0..200));
        // The other direction is as it was.
        theirs.write_all(b"thanks").await.unwrap();
        theirs.close().await.unwrap();
        let mut thanks = String::new();
        ours.read_to_string(&mut thanks).await.unwrap();
        assert_eq!(thanks, "thanks");
    });
}

/// As a program does that waits for a message or for something else, whatever comes first.
#[test]
fn a_read_that_loses_a_race_again_and_again_loses_no_byte() {
    const ALL: usize = 100_000;
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_connection, mut ours, mut theirs) = both_ends(&at_a, &at_b, &inbound).await;
        let (tick, ticks) = smol::channel::bounded(1);
        let writing = async {
            for start in (0..ALL).step_by(1_000) {
                ours.write_all(&numbered(start..start + 1_000)).await.unwrap();
                // Sometimes ahead of the bytes, sometimes behind them.
                tick.send(()).await.unwrap();
            }
            ours.close().await.unwrap();
        };
        let reading = async {
            let (mut all, mut lost) = (Vec::new(), 0);
            loop {
                let mut buffer = [0; 700];
                let read = async { Some(theirs.read(&mut buffer).await.unwrap()) };
                let other = async {
                    ticks.recv().await.unwrap();
                    None
                };
                match or(other, read).await {
                    Some(0) => return (all, lost),
                    Some(n) => all.extend_from_slice(&buffer[..n]),
                    None => lost += 1,
                }
            }
        };
        let ((), (all, lost)) = zip(writing, reading).await;
        assert_eq!((all.len(), lost), (ALL, ALL / 1_000), "each tick has ended a read");
        assert!(all == numbered(0..ALL));
    });
}

#[test]
fn a_pending_write_that_is_dropped_was_not_taken() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let (connection, mut ours, mut theirs) = both_ends(&at_a, &at_b, &inbound).await;
        let written = write_until_stuck(&mut ours, &connection).await;
        for _ in 0..10 {
            assert!(poll_once(ours.write(b"never sent")).await.is_none());
        }
        assert_eq!(sent(&at_b, &ours).await, written);
        // The window opens; who writes next is in time to use it.
        let writing = async {
            ours.write_all(&numbered(written..2 * written)).await.unwrap();
            ours.close().await.unwrap();
        };
        let reading = async {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).await.unwrap();
            all
        };
        let ((), all) = zip(writing, reading).await;
        assert!(all == numbered(0..2 * written), "{} bytes of {}", all.len(), 2 * written);
    });
}

#[test]
fn a_write_all_that_is_dropped_midway_has_sent_a_prefix_once() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_connection, mut ours, mut theirs) = both_ends(&at_a, &at_b, &inbound).await;
        let all = numbered(0..1_000_000);
        let mut writing = Box::pin(ours.write_all(&all));
        assert!(poll_once(&mut writing).await.is_none(), "it is more than the window");
        let mut prefix = vec![0; 300_000];
        {
            // It goes on as the peer reads, and is dropped in the middle.
            let reading = async { theirs.read_exact(&mut prefix).await.unwrap() };
            let writing = async {
                writing.as_mut().await.unwrap();
                unreachable!("the peer reads less than that");
            };
            or(writing, reading).await;
        }
        drop(writing);
        let taken = sent(&at_b, &ours).await;
        assert!((300_000..1_000_000).contains(&taken), "{taken}");
        // The rest, from where it was, as its owner can look up.
        let writing = async {
            ours.write_all(&all[taken..]).await.unwrap();
            ours.close().await.unwrap();
        };
        let reading = async {
            let mut rest = Vec::new();
            theirs.read_to_end(&mut rest).await.unwrap();
            rest
        };
        let ((), rest) = zip(writing, reading).await;
        assert!([prefix, rest].concat() == all);
    });
}

#[test]
fn a_pending_flush_that_is_dropped_changes_nothing() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_connection, mut ours, mut theirs) = both_ends(&at_a, &at_b, &inbound).await;
        for n in 0..10 {
            ours.write_all(&numbered(n * 10..n * 10 + 10)).await.unwrap();
            assert!(poll_once(ours.flush()).await.is_none(), "the host has had no turn");
            if n % 3 == 0 {
                ours.flush().await.unwrap();
            }
        }
        ours.close().await.unwrap();
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, numbered(0..100));
    });
}

/// One half waits in a task of its own while a future of the other is dropped.
#[test]
fn a_dropped_write_does_not_cost_the_reader_its_wake() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let (connection, mut ours, mut theirs) = both_ends(&at_a, &at_b, &inbound).await;
        let written = write_until_stuck(&mut ours, &connection).await;
        let (mut reader, mut writer) = smol::io::split(ours);
        let (say, answer) = smol::channel::bounded(1);
        let reading = async move {
            let mut answer = [0; 6];
            reader.read_exact(&mut answer).await.unwrap();
            say.send(answer).await.unwrap();
        };
        at_b.spawn(reading).unwrap();
        for _ in 0..3 {
            // The reader waits by then.
            round_trip(&connection).await;
            assert!(poll_once(writer.write(b"never sent")).await.is_none());
        }
        theirs.write_all(b"answer").await.unwrap();
        assert_eq!(&answer.recv().await.unwrap(), b"answer");
        let mut all = vec![0; written];
        theirs.read_exact(&mut all).await.unwrap();
        assert!(all == numbered(0..written));
        writer.write_all(b"and on").await.unwrap();
        writer.close().await.unwrap();
        let mut rest = String::new();
        theirs.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "and on");
    });
}
