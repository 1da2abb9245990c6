//! A queue that nobody drains: nothing becomes open, on either side, and everything that is open goes on.

use crate::support::net::{ECHO, IP4, Node, both, both_told, connect, one, open, shut_down, wait_until_unread};
use std::time::Duration;
use swarm_notify::swarm::Config;

fn patient() -> Config {
    let mut config = Config::default();
    config.connection.negotiation_timeout = Duration::from_secs(10_000);
    config
}

#[test]
fn while_the_queue_is_full_a_peer_opens_resets_pings_and_writes() {
    let (mut a, mut b) = (Node::<1>::new(1, Config::default()), Node::<256>::new(2, patient()));
    let connections = connect(&mut a, &mut b, IP4);
    let (at_a, at_b) = open(&mut a, &mut b, connections);
    a.is_paused = true;
    // There is room for one, then for none.
    let streams: Vec<_> = (1..=6).map(|_| b.open(connections.1)).collect();
    both(&mut a, &mut b, |_, b| b.log.len() == 3);
    b.swarm.reset(streams[2]).unwrap();
    b.swarm.reset(streams[4]).unwrap();
    // Data flows on, both ways, and pings are answered.
    b.skip(Duration::from_secs(30));
    b.write(at_b, b"data and a ping");
    one(&mut b, |_| true);
    one(&mut a, |a| a.has_received(at_a, b"data and a ping"));
    wait_until_unread(&a, connections.0);
    b.skip(Duration::from_secs(15));
    a.write(at_a, b"an answer");
    both(&mut a, &mut b, |_, b| b.has_received(at_b, b"an answer"));
    // What is open can end: its event is owed.
    b.swarm.finish(at_b).unwrap();
    both(&mut a, &mut b, |a, _| a.ended.contains(&at_a));
    a.swarm.finish(at_a).unwrap();
    both(&mut a, &mut b, |_, b| b.log.len() == 6);
    b.assert_log([
        "connected c0.1 outbound",
        "opened_stream s0.1 outbound /echo/1.0.0",
        "opened_stream s1.1 outbound /echo/1.0.0",
        "stream_failed s3.1 requested",
        "stream_failed s5.1 requested",
        "closed_stream s0.1 finished",
    ]);
    assert_eq!(a.log.len(), 3, "nothing was told");

    a.is_paused = false;
    both_told(&mut a, &mut b, 10, 9);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "opened_stream s0.1 inbound /echo/1.0.0",
        "opened_stream s1.1 inbound /echo/1.0.0",
        "stream_failed s3.1 reset(remote)",
        "stream_failed s5.1 reset(remote)",
        "closed_stream s0.1 finished",
        "opened_stream s2.1 inbound /echo/1.0.0",
        "opened_stream s4.1 inbound /echo/1.0.0",
        "opened_stream s6.1 inbound /echo/1.0.0",
        "closed_stream s1.1 connection_closed",
        "closed_stream s2.1 connection_closed",
        "closed_stream s4.1 connection_closed",
        "closed_stream s6.1 connection_closed",
        "disconnected c0.1 remote(go_away(0))",
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log([
        "connected c0.1 outbound",
        "opened_stream s0.1 outbound /echo/1.0.0",
        "opened_stream s1.1 outbound /echo/1.0.0",
        "stream_failed s3.1 requested",
        "stream_failed s5.1 requested",
        "closed_stream s0.1 finished",
        "opened_stream s2.1 outbound /echo/1.0.0",
        "opened_stream s4.1 outbound /echo/1.0.0",
        "opened_stream s6.1 outbound /echo/1.0.0",
        "closed_stream s1.1 connection_closed",
        "closed_stream s2.1 connection_closed",
        "closed_stream s4.1 connection_closed",
        "closed_stream s6.1 connection_closed",
        "disconnected c0.1 shutdown",
    ]);
}

#[test]
fn while_the_queue_is_full_no_connection_opens_on_either_side() {
    let (mut a, mut b) = (Node::<1>::new(1, Config::default()), Node::<256>::new(2, Config::default()));
    let listener = a.listen(IP4);
    one(&mut a, |a| a.log.len() == 1);
    let address = a.address(listener);
    a.is_paused = true;
    b.dial(&address);
    both(&mut a, &mut b, |a, b| a.swarm.connections_of(b.swarm.local_peer()).count() == 1 && b.log.len() == 1);
    // The queue holds the first. The second gets no further than the system's backlog.
    let second = b.dial(&address);
    b.swarm.connection(second).unwrap();
    b.skip(Duration::from_secs(10));
    both(&mut a, &mut b, |_, b| b.log.len() == 1);
    b.skip(Duration::from_secs(10));
    both_told(&mut a, &mut b, 1, 2);
    assert_eq!((a.swarm.inbound_handshakes(), a.failed_handshakes()), (0, 0), "it was not accepted");
    a.is_paused = false;
    both(&mut a, &mut b, |a, _| a.failed_handshakes() == 1);
    let third = b.dial(&address);
    both_told(&mut a, &mut b, 3, 3);
    // One after the other, so that their order is given.
    b.swarm.close_connection(third).unwrap();
    both_told(&mut a, &mut b, 4, 4);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "connected c1.1 inbound",
        "disconnected c1.1 remote(go_away(0))",
        "disconnected c0.1 remote(go_away(0))",
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log([
        "connected c0.1 outbound",
        "connect_failed c1.1 timeout",
        "connected c1.2 outbound",
        "disconnected c1.2 requested",
        "disconnected c0.1 shutdown",
    ]);
}

#[test]
fn the_end_of_a_connection_waits_for_nothing_but_its_turn() {
    let (mut a, mut b) = (Node::<1>::new(1, Config::default()), Node::<256>::new(2, Config::default()));
    let connections = connect(&mut a, &mut b, IP4);
    open(&mut a, &mut b, connections);
    a.is_paused = true;
    let streams: Vec<_> = (1..=3).map(|_| b.open(connections.1)).collect();
    both(&mut a, &mut b, |_, b| b.log.len() == 3);
    assert_eq!(b.swarm.stream(streams[0]).unwrap().protocol, Some(&ECHO));
    b.swarm.close_connection(connections.1).unwrap();
    both_told(&mut a, &mut b, 3, 8);
    a.is_paused = false;
    one(&mut a, |a| a.log.len() == 9);
    shut_down(&mut a, &mut b);
    a.assert_log([
        "listen l0.1",
        "connected c0.1 inbound",
        "opened_stream s0.1 inbound /echo/1.0.0",
        "opened_stream s1.1 inbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "closed_stream s1.1 connection_closed",
        "stream_failed s2.1 connection_closed",
        "stream_failed s3.1 connection_closed",
        "disconnected c0.1 remote(go_away(0))",
        "listen_close l0.1 shutdown",
    ]);
    b.assert_log([
        "connected c0.1 outbound",
        "opened_stream s0.1 outbound /echo/1.0.0",
        "opened_stream s1.1 outbound /echo/1.0.0",
        "closed_stream s0.1 connection_closed",
        "closed_stream s1.1 connection_closed",
        "stream_failed s2.1 connection_closed",
        "stream_failed s3.1 connection_closed",
        "disconnected c0.1 requested",
    ]);
}
