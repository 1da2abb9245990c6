//! `listen --floodsub` beside subscribers that take too little, and beside those that subscribe to too much.

use crate::hand_made::{Answer, Grant, HandMade, Manner};
use crate::output::{Log, open_streams};
use crate::paced::Peer;
use crate::support::command::{Ended, Process, Running, json_command};
use serde_json::Value;
use std::io::{Write as _, pipe};
use std::time::Duration;
use swarm_notify::identity::Keypair;
use swarm_notify::protocols::floodsub::FloodSub;
use swarm_notify::protocols::pubsub::{Config, Signing};

fn sum(printed: &[Value], event: &str, key: &str) -> u64 {
    printed.iter().filter(|line| line["event"] == event).map(|line| line[key].as_u64().unwrap()).sum()
}

/// The messages of a log, and those that it leaves out since there were too many in a second.
fn messages(printed: &[Value]) -> u64 {
    printed.iter().filter(|line| line["event"] == "message").count() as u64 + sum(printed, "skipped", "lines")
}

/// A dial that has joined the topic, and reads on.
#[track_caller]
fn member(listen: &mut Running, address: &str) -> Running {
    let member = Running::start(["dial", address, "--floodsub", "news"]);
    listen.until("subscribed");
    member
}

/// Takes lines of a dial until it has had so many messages.
#[track_caller]
fn until_messages(member: &mut Running, count: u64) {
    while messages(&member.printed) < count {
        member.next().unwrap_or_else(|| panic!("it ended after {} messages", messages(&member.printed)));
    }
}

#[track_caller]
fn end(listen: Running) -> Ended {
    listen.signal("TERM");
    listen.ended()
}

const LINES: u64 = 1_500;

fn line(n: u64) -> Vec<u8> {
    format!("{n:09999}\n").into_bytes()
}

#[test]
fn who_takes_too_little_loses_lines_and_nobody_else_does() {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let address = listen.address();
    let mut honest = member(&mut listen, &address);
    let manner = |answer, grant| Manner::joining(answer, grant);
    let slow = [
        HandMade::dial(21, &address, &manner(Answer::Agrees, Grant::Nothing)),
        HandMade::dial(22, &address, &manner(Answer::Agrees, Grant::Bytes(1, Duration::from_millis(100)))),
        HandMade::dial(23, &address, &manner(Answer::Nothing, Grant::Nothing)),
    ];
    (0..slow.len()).for_each(|_| drop(listen.until("subscribed")));
    (0..LINES).for_each(|n| listen.write(&line(n)));
    until_messages(&mut honest, LINES);
    let heard = honest.printed.iter().filter(|line| line["event"] == "message").map(|line| line["data"].to_string());
    assert!(heard.collect::<Vec<_>>().is_sorted(), "they come in order");
    #[cfg(target_os = "linux")]
    {
        // Of 15 MB each of the three has at most 4 MiB waiting, and they have most of that in common.
        let kib = crate::peak_kib(listen.id());
        assert!(kib < 40 * 1024, "{kib} KiB");
    }
    drop(slow);
    honest.end_input();
    assert_eq!(honest.ended().code, Some(0));
    let listen = end(listen);
    assert_eq!(listen.code, Some(0), "{}", listen.stderr);
    // The log says who missed how many; the sum is on stderr.
    let dropped: Vec<_> = listen.printed.iter().filter(|line| line["kind"] == "message_dropped").collect();
    let total: u64 = dropped.iter().map(|line| line["count"].as_u64().unwrap()).sum();
    let who = dropped.iter().map(|line| line["peer"].as_str().unwrap()).collect::<std::collections::BTreeSet<_>>();
    // Two have a window of 256 KiB, and each has 4 MiB in line.
    assert!(total > 3 * (LINES - 460) && total < 3 * (LINES - 360), "{total}");
    assert_eq!(who.len(), 3);
    let said = format!("warning: {total} messages were dropped for subscribers that took them too slowly\n");
    assert_eq!(listen.stderr, said, "nobody was there any more at the end");
}

/// They come and go, and each subscribes to as much as it may.
#[test]
fn subscriptions_of_others_push_no_line_out() {
    const SENT: u64 = 4_000;
    let mut listen = Running::start(["-q", "listen", "--floodsub", "news"]);
    let address = listen.address();
    let mut dial = Running::start(["dial", &address, "--floodsub", "news"]);
    dial.until("subscribed");
    let topics: Vec<_> = (0..1_024).map(|n| format!("{n:04}")).collect();
    let manner = Manner { topics, answer: Answer::Agrees, grant: Grant::Nothing };
    std::thread::scope(|scope| {
        for number in 31..35 {
            let (address, manner) = (&address, &manner);
            scope.spawn(move || {
                for _ in 0..20 {
                    let flooder = HandMade::dial(number, address, manner);
                    // It goes when it has been answered.
                    while flooder.count(b"news") == 0 && !flooder.has_ended() {
                        std::thread::yield_now();
                    }
                }
            });
        }
        (0..SENT).for_each(|n| dial.write(format!("{n}\n").as_bytes()));
        dial.end_input();
    });
    let dial = dial.ended();
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    let listen = end(listen);
    let skipped = listen.printed.iter().filter(|line| line["what"] == "message");
    let skipped: u64 = skipped.map(|line| line["lines"].as_u64().unwrap()).sum();
    let heard = listen.printed.iter().filter(|line| line["event"] == "message").count() as u64;
    assert_eq!((heard + skipped, sum(&listen.printed, "pubsub_lagged", "missed")), (SENT, 0));
}

/// Its log lags, which its subscribers do not feel.
#[test]
fn a_slow_reader_of_stdout_costs_subscribers_no_line() {
    let (reader, writer) = pipe().unwrap();
    let (input, mut lines) = pipe().unwrap();
    let listen = Process::start(json_command(&["listen", "--floodsub", "news"]).stdin(input).stdout(writer));
    let mut log = Log::from(reader);
    let address = log.address();
    let mut honest = Running::start(["dial", &address, "--floodsub", "news"]);
    log.until("subscribed");
    open_streams(&address, 4_000);
    (0..LINES).for_each(|n| lines.write_all(&line(n)).unwrap());
    until_messages(&mut honest, LINES);
    honest.end_input();
    let honest = honest.ended();
    assert_eq!((honest.code, honest.stderr.as_str()), (Some(0), ""));
    listen.signal("TERM");
    let printed = log.rest().1;
    let listen = listen.ended();
    assert_eq!((listen.code, listen.stderr.as_str()), (Some(0), ""));
    assert!(sum(&printed, "lagged", "missed") > 0 && sum(&printed, "refused", "count") == 0);
}

#[test]
fn messages_that_wait_at_the_end_are_counted() {
    const SENT: u64 = 60;
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let address = listen.address();
    let mut honest = member(&mut listen, &address);
    let slow = HandMade::dial(21, &address, &Manner::joining(Answer::Agrees, Grant::Nothing));
    listen.until("subscribed");
    (0..SENT).for_each(|n| listen.write(&line(n)));
    until_messages(&mut honest, SENT);
    let listen = end(listen);
    let count: u64 = listen.stderr.split(' ').nth(1).unwrap().parse().unwrap();
    let said = format!("warning: {count} messages were not written at the end to subscribers that were behind\n");
    assert_eq!((listen.code, listen.stderr), (Some(0), said));
    // Its window of 256 KiB took the others.
    assert!((30..40).contains(&count), "{count}");
    drop(slow);
}

/// It comes to many topics and leaves them while the listener is stopped: more events than its service keeps.
#[test]
fn a_peer_that_changes_many_topics_at_once_is_told_whole() {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let (mut peer, _) = Peer::dial(&listen.address(), swarm_notify::swarm::Config::default());
    let key = Keypair::ed25519_from_bytes([5; 32]).unwrap();
    let floodsub = FloodSub::new(Signing::strict_sign(key, 1), Config::default());
    let floodsub = peer.notifees.install(&mut peer.swarm, floodsub);
    while peer.notifees.get::<FloodSub>(floodsub).unwrap().peers_of("news").next().is_none() {
        peer.turn();
    }
    listen.signal("STOP");
    let topics: Vec<_> = (0..Config::default().events).map(|topic| topic.to_string()).collect();
    for topic in &topics {
        peer.notifees.get_mut::<FloodSub>(floodsub).unwrap().subscribe(&mut peer.swarm, topic).unwrap();
    }
    peer.turn();
    for topic in &topics {
        peer.notifees.get_mut::<FloodSub>(floodsub).unwrap().unsubscribe(&mut peer.swarm, topic);
    }
    peer.turn();
    listen.signal("CONT");
    // The last of its changes, or the count of those whose lines are left out.
    listen.until("skipped");
    listen.until("skipped");
    drop(peer);
    listen.until("peer_gone");
    let printed = end(listen).printed;
    let changes =
        printed.iter().filter(|line| line["event"] == "subscribed" || line["event"] == "unsubscribed").count();
    let changes = changes as u64 + sum(&printed, "skipped", "lines");
    assert_eq!((changes, sum(&printed, "pubsub_lagged", "missed")), (2 * topics.len() as u64, 0));
}

/// At the end all leave, and lines that waited for a subscriber who was behind did not wait for somebody to join.
#[test]
fn lines_behind_a_slow_subscriber_do_not_wait_for_another() {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let address = listen.address();
    let slow = HandMade::dial(24, &address, &Manner::joining(Answer::Agrees, Grant::Nothing));
    listen.until("subscribed");
    // As much as is held up, and fewer lines than are read ahead.
    (0..12).for_each(|_| listen.write(&[vec![b'a'; 900_000], b"\n".to_vec()].concat()));
    while slow.count(b"aaaa") == 0 && !slow.has_ended() {
        std::thread::yield_now();
    }
    let listen = end(listen);
    let said = "not written at the end to subscribers that were behind\n";
    assert!(listen.stderr.ends_with(said) && listen.stderr.lines().count() == 1, "{}", listen.stderr);
    drop(slow);
}
