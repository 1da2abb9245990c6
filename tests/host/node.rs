//! The swarm of a host, as a node: what it holds and protects, and how far it has come.

use crate::support::hosts::{Pair, RAW, accept, both_ends, round_trip};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use swarm_notify::notifee::Node as _;

#[test]
fn a_hosts_swarm_says_what_its_peers_hold() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let b = at_b.local_peer();
        let held = async || at_a.with(move |_, swarm| [swarm.bytes_held(), swarm.bytes_held_of(b)]).await.unwrap();
        let (connection, mut ours, mut theirs) = both_ends(&at_a, &at_b, &inbound).await;
        let before = held().await;
        ours.write_all(&[7; 4096]).await.unwrap();
        ours.flush().await.unwrap();
        round_trip(&connection).await;
        let unread = held().await;
        assert!(unread[0] >= before[0] + 4096 && unread[1] == unread[0], "{before:?} {unread:?}");
        theirs.read_exact(&mut [0; 4096]).await.unwrap();
        assert!(held().await[0] < unread[0]);

        let id = connection.id();
        let room = at_b.with(move |_, swarm| {
            let stream = swarm.streams_of(id).first().copied().expect("it is open");
            (swarm.write_room(stream), swarm.stream(stream).expect("it is open").send_window)
        });
        let (room, window) = room.await.unwrap();
        assert!(room > 0 && room <= window, "{room} of {window}");
    });
}

#[test]
fn a_hosts_swarm_says_whom_it_protects_and_who_is_at_its_door() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let b = at_b.local_peer();
        let asked = at_a.with(move |_, swarm| {
            swarm.protect(b, "relay").unwrap();
            swarm.protect(b, "backup").unwrap();
            assert_eq!(swarm.protections_of(b), ["backup", "relay"]);
            assert!(swarm.protections_of(swarm.local_peer()).is_empty());
            assert!(swarm.last_error().is_none());
            (swarm.inbound_handshakes(), swarm.is_shut_down())
        });
        assert_eq!(asked.await.unwrap(), (0, false));
        at_a.shutdown().await;
        assert!(at_a.with(|_, swarm| swarm.is_shut_down()).await.unwrap());
    });
}
