//! Ping, identify and floodsub, beside `dial` and `listen`.

use crate::support::command::{Running, told};
use serde_json::Value;

fn all<'a>(printed: &'a [Value], event: &str) -> Vec<&'a Value> {
    printed.iter().filter(|line| line["event"] == event).collect()
}

fn peer_of(address: &str) -> &str {
    address.rsplit('/').next().unwrap()
}

#[test]
fn a_peer_is_pinged_so_many_times_and_nothing_else() {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let dial = Running::start(["dial", &address, "--ping", "3"]).ended();
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    let pings = all(&dial.printed, "ping");
    assert_eq!(pings.len(), 3);
    for ping in pings {
        assert_eq!((&ping["connection"], &ping["peer"]), (&"c0.1".into(), &peer_of(&address).into()));
        assert!(ping["seconds"].as_f64().unwrap() > 0.0, "{ping}");
    }
    let streams = all(&dial.printed, "opened_stream");
    assert!(streams.iter().all(|line| line["protocol"] == "/ipfs/ping/1.0.0"), "{streams:#?}");
    // The last, too, before the connection is closed.
    let ends = all(&dial.printed, "closed_stream");
    assert!(ends.len() == 3 && ends.iter().all(|line| line["reason"] == "finished"), "{ends:#?}");
    assert_eq!(all(&dial.printed, "summary")[0]["streams"], 0);
}

#[test]
fn a_peer_that_leaves_is_told_in_words() {
    let mut listen = Running::start(["listen"]);
    let mut dial = Running::start(["dial", &listen.address(), "--hold", "1000"]);
    dial.until("closed_stream");
    listen.signal("TERM");
    let said = "error: the connection ended before all was done: the peer has closed it, remote(go_away(0))\n";
    assert_eq!(dial.ended().stderr, said);
}

#[test]
fn streams_that_a_peer_does_not_take_have_advice() {
    let mut config = swarm_notify::swarm::Config::default();
    config.limits.streams_per_connection = 2;
    let peer = crate::serving::Serving::with(config, &[crate::serving::ECHO], crate::serving::Silent);
    let args = ["dial", &peer.address, "--streams", "8", "--concurrency", "8", "--timeout", "0.5"];
    let dial = crate::run(args);
    let said = "the peer reset it before it was open (it may allow fewer at a time: lower --concurrency)\n";
    assert!(dial.code == Some(1) && dial.stderr.ends_with(said), "{}", dial.stderr);
}

#[test]
fn a_peer_says_who_it_is() {
    let mut listen = Running::start(["listen"]);
    let address = listen.address();
    let dial = Running::start(["dial", &address, "--identify", "--streams", "1"]).ended();
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    let [identified] = all(&dial.printed, "identified")[..] else { panic!("{:#?}", told(&dial.printed)) };
    assert_eq!(identified["peer"], peer_of(&address));
    assert_eq!(identified["agent"], concat!("swarm-notify/", env!("CARGO_PKG_VERSION")));
    let protocols = ["/echo/1.0.0", "/sink/1.0.0", "/ipfs/ping/1.0.0", "/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0"];
    assert_eq!(identified["protocols"], Value::from(&protocols[..]));
    let plain = address.rsplit_once("/p2p/").unwrap().0;
    assert_eq!(identified["addresses"], Value::from(&[plain][..]));
    assert_eq!(all(&dial.printed, "summary")[0]["ok"], 1, "the stream that was asked for");
}

#[test]
fn lines_are_published_both_ways_as_they_come() {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let address = listen.address();
    // Nobody subscribes yet: it waits. The end of its input ends nothing.
    listen.write(b"from the listener\n");
    listen.end_input();
    let mut dial = Running::start(["dial", &address, "--floodsub", "news"]);
    dial.write(b"from the dialer\n\xff\xfe\n");
    let message = dial.until("message");
    assert_eq!(
        (&message["topic"], &message["data"], &message["from"], &message["via"]),
        (&"news".into(), &"from the listener".into(), &peer_of(&address).into(), &peer_of(&address).into())
    );
    assert!(message["seqno"].as_str().unwrap().parse::<u64>().unwrap() > 1 << 53, "{message}");
    // Without a newline at its end it is a line, too.
    dial.write(b"and the last");
    dial.end_input();
    let dial = dial.ended();
    assert_eq!((dial.code, dial.stderr.as_str()), (Some(0), ""));
    listen.until("peer_gone");
    listen.signal("INT");
    let listen = listen.ended();
    assert_eq!((listen.code, listen.stderr.as_str()), (Some(0), ""));
    let messages: Vec<_> = told(&listen.printed).into_iter().filter(|line| line.starts_with("message")).collect();
    assert_eq!(messages, ["message news from the dialer", "message news //4=", "message news and the last"]);
}

#[test]
fn a_topic_of_several_gets_to_all_of_them_once() {
    let mut listen = Running::start(["listen", "--floodsub", "news"]);
    let address = listen.address();
    let mut dials: Vec<_> = (0..3).map(|_| Running::start(["dial", &address, "--floodsub", "news"])).collect();
    for dial in &mut dials {
        dial.until("subscribed");
    }
    (0..3).for_each(|_| drop(listen.until("subscribed")));
    for (number, dial) in dials.iter_mut().enumerate() {
        dial.write(format!("{number}\n").as_bytes());
    }
    for (number, dial) in dials.iter_mut().enumerate() {
        // The others' come through the listener.
        let mut heard: Vec<_> = (0..2).map(|_| dial.until("message")).collect();
        assert!(heard.iter().all(|line| line["via"] == peer_of(&address) && line["from"] != line["via"]));
        heard.sort_by_key(|line| line["data"].to_string());
        let heard: Vec<_> = heard.iter().map(|line| line["data"].as_str().unwrap().parse::<usize>().unwrap()).collect();
        assert_eq!(heard, (0..3).filter(|other| *other != number).collect::<Vec<_>>());
    }
    for mut dial in dials {
        dial.end_input();
        let dial = dial.ended();
        assert_eq!((dial.code, all(&dial.printed, "message").len()), (Some(0), 2));
    }
}

#[test]
fn a_topic_that_is_too_long_is_a_matter_of_usage() {
    let topic = "t".repeat(100_000);
    for args in [["listen", "--floodsub", &topic].as_slice(), &["dial", "/ip4/127.0.0.1/tcp/1", "--floodsub", &topic]] {
        let ended = Running::start(args).ended();
        assert_eq!((ended.code, ended.printed.len(), ended.starts.len()), (Some(2), 0, 0), "{}", ended.stderr);
    }
}
