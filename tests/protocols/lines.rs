//! The events of every service are one line each, whatever a peer has chosen.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::{ConnectionId, Direction, Failure, Lifecycle, Limits};
use swarm_notify::protocols::{address_book, identify, ping, pubsub};

/// What a peer says that wants to command a terminal and to forge a line.
const HOSTILE: &str = "\u{1b}[2Jx\nconnected c9.9";

fn connection() -> ConnectionId {
    Lifecycle::<1>::new(Limits::default()).begin_connection(Direction::Inbound).unwrap()
}

fn lines(events: &[&dyn Display]) -> Vec<String> {
    events.iter().map(|event| event.to_string()).collect()
}

#[test]
fn pings_say_how_long_the_answer_took_or_why_there_is_none() {
    let (connection, peer) = (connection(), Keypair::ed25519_from_bytes([1; 32]).unwrap().public().to_peer_id());
    let round_trip = Duration::from_micros(1_234);
    let pong = ping::Event::Pong { connection, peer, round_trip };
    let failed = ping::Event::Failed { connection, peer, reason: Failure::Timeout };
    let expected = [format!("ping c0.1 of {peer}: 1.234ms"), format!("ping_failed c0.1 of {peer}: timeout")];
    assert_eq!(lines(&[&pong, &failed]), expected);
    assert_eq!(lines(&[&ping::Event::Lagged { events: 3 }]), ["ping_lagged: 3 events"]);
    assert_eq!(lines(&[&address_book::Event::Lagged { events: 3 }]), ["3 outcomes of dials are missing"]);
}

#[test]
fn identify_shows_an_agent_short_and_escaped() {
    let (connection, peer) = (connection(), Keypair::ed25519_from_bytes([1; 32]).unwrap().public().to_peer_id());
    let info = |agent: Option<&str>| {
        let mut info = identify::Info::default();
        info.agent_version = agent.map(str::to_owned);
        Arc::new(info)
    };
    let reason = Failure::Unsupported;
    let told = lines(&[
        &identify::Event::Identified { connection, peer, info: info(Some("go-libp2p/0.40.0")) },
        &identify::Event::Identified { connection, peer, info: info(None) },
        &identify::Event::Pushed { connection, peer, info: info(Some(HOSTILE)) },
        &identify::Event::Failed { connection, peer, reason },
        &identify::Event::PushFailed { connection, peer, reason },
        &identify::Event::Lagged { events: 3 },
    ]);
    let expected = [
        format!("identified c0.1 of {peer}: go-libp2p/0.40.0"),
        format!("identified c0.1 of {peer}"),
        format!("identify_pushed c0.1 of {peer}: \\u{{1b}}[2Jx\\nconnected c9.9"),
        format!("identify_failed c0.1 of {peer}: unsupported"),
        format!("identify_push_failed c0.1 of {peer}: unsupported"),
        "identify_lagged: 3 events".to_owned(),
    ];
    assert_eq!(told, expected);
}

#[test]
fn pubsub_shows_topics_escaped_and_how_long_a_message_is() {
    let [peer, source] = [1, 2].map(|n| Keypair::ed25519_from_bytes([n; 32]).unwrap().public().to_peer_id());
    let message = |topic: &str, source| {
        let data = b"secret".to_vec();
        pubsub::Event::Message {
            message: pubsub::Message { topic: topic.into(), source, seqno: None, data },
            via: peer,
        }
    };
    let told = lines(&[
        &message("news", Some(source)),
        &message(HOSTILE, None),
        &pubsub::Event::PeerAdded { peer },
        &pubsub::Event::PeerGone { peer },
        &pubsub::Event::Subscribed { peer, topic: HOSTILE.into() },
        &pubsub::Event::Unsubscribed { peer, topic: "news".into() },
        &pubsub::Event::Lagged { events: 3 },
    ]);
    let escaped = "\\u{1b}[2Jx\\nconnected c9.9";
    let expected = [
        format!("message on news by {source} via {peer}: 6 bytes"),
        format!("message on {escaped} via {peer}: 6 bytes"),
        format!("peer_added {peer}"),
        format!("peer_gone {peer}"),
        format!("subscribed {peer}: {escaped}"),
        format!("unsubscribed {peer}: news"),
        "pubsub_lagged: 3 events".to_owned(),
    ];
    assert_eq!(told, expected);
}
