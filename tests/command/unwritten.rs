//! `dial --floodsub` beside peers that take nothing, little, or no stream: it ends, and says how many lines were lost.

use crate::hand_made::{Answer, Grant, HandMade, Manner};
use crate::output::Log;
use crate::support::command::{Ended, Folder, Process, Running, json_command};
use std::fs::{self, File};
use std::io::{Write as _, pipe};
use std::time::Duration;

const DRIPS: Grant = Grant::Bytes(1, Duration::from_millis(50));

/// Publishes so many lines of 1 000 bytes to a peer that has so many seconds.
#[track_caller]
fn publish(peer: &HandMade, count: u64, seconds: &str) -> Ended {
    let folder = Folder::new(&format!("unwritten-{}", peer.address.rsplit('/').next().unwrap()));
    let name = folder.file("lines");
    fs::write(&name, (0..count).map(|n| format!("line-{n:0994}\n")).collect::<String>()).unwrap();
    let args = ["-q", "dial", &peer.address, "--floodsub", "news", "--timeout", seconds];
    Process::start(json_command(&args).stdin(File::open(name).unwrap())).ended()
}

/// Some of the lines that are lost may have come.
const MAY_HAVE_COME: &str = " lines of stdin are lost: they were not written to the peer, or under way as the stream ended, and may have come\n";
/// None of them has.
const HAVE_NOT_COME: &str = " lines of stdin are lost: they were not written to the peer\n";

/// The number of lines that stderr says are lost.
#[track_caller]
fn lost(dial: &Ended) -> u64 {
    let last =
        dial.stderr.lines().find(|line| line.contains(" of stdin ")).unwrap_or_else(|| panic!("{}", dial.stderr));
    last.split(' ').nth(1).unwrap().parse().unwrap_or_else(|_| panic!("{}", dial.stderr))
}

const TOO_LITTLE: &str =
    "error: the peer has not taken 64 KiB of what was published within 0.5 s; raise --timeout if it is slow\n";

#[test]
fn a_peer_that_takes_too_little_is_given_up() {
    const SENT: u64 = 1_000;
    for grant in [Grant::Nothing, DRIPS] {
        let peer = HandMade::listen(&Manner::joining(Answer::Agrees, grant));
        let dial = publish(&peer, SENT, "0.5");
        assert!(dial.code == Some(1) && dial.stderr.starts_with(TOO_LITTLE), "{}", dial.stderr);
        assert!(dial.stderr.contains(MAY_HAVE_COME), "{}", dial.stderr);
        // Each is either lost or at the peer, and the one that was cut is lost.
        let came = peer.count(b"line-") as u64;
        assert!(
            (200..300).contains(&came) && (SENT - came..=SENT - came + 1).contains(&lost(&dial)),
            "{}",
            dial.stderr
        );
    }
}

#[test]
fn a_peer_that_answers_no_stream_is_given_up() {
    // Few lines, and more than are read ahead.
    for count in [3, 500] {
        for answer in [Answer::Nothing, Answer::Resets] {
            let peer = HandMade::listen(&Manner::joining(answer, Grant::Nothing));
            let dial = publish(&peer, count, "0.5");
            assert!(dial.code == Some(1) && dial.stderr.starts_with(TOO_LITTLE), "{answer:?}: {}", dial.stderr);
            assert!(dial.stderr.contains(HAVE_NOT_COME), "{answer:?}: {}", dial.stderr);
            assert_eq!(lost(&dial), count, "{answer:?}");
        }
    }
}

#[test]
fn a_peer_that_does_not_join_is_given_up() {
    for answer in [Answer::Agrees, Answer::Nothing, Answer::Resets, Answer::ResetsLater] {
        let manner = Manner { topics: Vec::new(), answer, grant: Grant::Nothing };
        let dial = publish(&HandMade::listen(&manner), 40, "0.5");
        assert!(dial.code == Some(1) && dial.stderr.starts_with("error: nobody has joined `news`"), "{}", dial.stderr);
        assert_eq!(lost(&dial), 40, "{answer:?}");
    }
}

/// It has lines in line for it by then, which pub/sub drops.
#[test]
fn lines_for_a_peer_that_joins_and_then_refuses_are_lost() {
    for count in [3, 500] {
        let answer = Answer::RefusesAfter(Duration::from_millis(200));
        let peer = HandMade::listen(&Manner::joining(answer, Grant::Nothing));
        let dial = publish(&peer, count, "60");
        assert!(dial.code == Some(1), "{}", dial.stderr);
        assert!(dial.stderr.starts_with("error: the peer does not speak /floodsub/1.0.0"), "{}", dial.stderr);
        assert_eq!(lost(&dial), count);
    }
}

/// Lines that had been handed to the system by then may have come. The rest is lost.
#[test]
fn a_peer_that_resets_streams_it_has_agreed_is_given_up() {
    let peer = HandMade::listen(&Manner::joining(Answer::ResetsLater, Grant::Nothing));
    let dial = publish(&peer, 1_000, "0.5");
    assert_eq!(dial.code, Some(1), "{}", dial.stderr);
    assert!((1..1_000).contains(&lost(&dial)) && dial.stderr.contains(MAY_HAVE_COME), "{}", dial.stderr);
}

/// It takes all, but no more at a time than a peer has to.
#[test]
fn a_peer_that_is_slow_and_takes_enough_gets_all_lines() {
    let peer = HandMade::listen(&Manner::joining(Answer::Agrees, Grant::Bytes(8_192, Duration::from_millis(40))));
    let dial = publish(&peer, 600, "3");
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    assert_eq!(peer.count(b"line-"), 600);
}

/// The lines wait for as long as that reader stands still, which is no fault of the peer's.
#[test]
fn a_slow_reader_of_stdout_costs_no_line() {
    const SENT: usize = 1_500;
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let address = listen.address();
    let (reader, writer) = pipe().unwrap();
    let (input, mut lines) = pipe().unwrap();
    let many = ["--bytes", "0", "--concurrency", "64", "--streams", "4000"];
    let args = [&["dial", &address, "--floodsub", "news", "--timeout", "1"], many.as_slice()].concat();
    let dial = Process::start(json_command(&args).stdin(input).stdout(writer));
    let mut log = Log::from(reader);
    log.until("subscribed");
    // Its log is full by then, or soon.
    (0..2_000).for_each(|_| drop(listen.until("closed_stream")));
    let writing = std::thread::spawn(move || {
        (0..SENT).for_each(|n| lines.write_all(format!("line-{n:0994}\n").as_bytes()).unwrap());
    });
    // The reader does nothing for three times as long as a peer has. What comes meanwhile wakes the dial.
    for _ in 0..150 {
        std::thread::sleep(Duration::from_millis(20));
        listen.write(b"from the listener\n");
    }
    let printed = log.rest().1;
    writing.join().unwrap();
    let dial = dial.ended();
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    let summary = printed.last().unwrap();
    let counts = ["ok", "lines_published", "lines_lost", "messages"].map(|key| summary[key].as_u64().unwrap());
    assert_eq!(counts, [4_000, SENT as u64, 0, 150]);
    listen.until("peer_gone");
    listen.signal("TERM");
    let listen = listen.ended();
    let skipped = listen.printed.iter().filter(|line| line["what"] == "message");
    let skipped: u64 = skipped.map(|line| line["lines"].as_u64().unwrap()).sum();
    let heard = listen.printed.iter().filter(|line| line["event"] == "message").count();
    assert_eq!(heard + usize::try_from(skipped).unwrap(), SENT);
}
