//! A peer that keeps its streams open and says nothing on them: each has a handler that waits for it.

use crate::support::hosts::{ECHO, IP4, host, log, told, wait};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _, ErrorKind};
use std::time::Duration;
use swarm_notify::host::{Config, Connection, Stream};
use swarm_notify::notifee::Node as _;
use swarm_notify::swarm::ProtocolLimits;

/// Sends one byte, and returns what comes back.
async fn echo(connection: &Connection) -> Vec<u8> {
    let mut stream = connection.open_stream(&[ECHO]).await.unwrap();
    stream.write_all(b"!").await.unwrap();
    stream.close().await.unwrap();
    let mut echo = Vec::new();
    stream.read_to_end(&mut echo).await.unwrap();
    echo
}

/// Opens as many streams as a swarm allows, and returns what is said to an honest peer beside them.
fn beside_idle_streams(limits: ProtocolLimits) -> Vec<u8> {
    let (mut a, mut b, mut c) = (host(1, Config::default()), host(2, Config::default()), host(3, Config::default()));
    a.with(|_, swarm| swarm.limit_protocol(&ECHO, limits)).unwrap();
    let (at_a, at_b, at_c) = (a.handle(), b.handle(), c.handle());
    wait(a.run_until(b.run_until(c.run_until(async {
        let listener = at_a.listen(IP4.parse().unwrap()).await.unwrap();
        let address = listener.addresses()[0].clone();
        let greedy = at_b.dial(address.clone()).await.unwrap();
        let mut idle = Vec::new();
        for _ in 0..Config::default().handlers {
            // Beyond the limit it fails.
            idle.push(greedy.open_stream(&[ECHO]).await);
        }
        echo(&at_c.dial(address).await.unwrap()).await
    }))))
}

#[test]
fn a_limit_for_each_peer_leaves_handlers_to_others() {
    assert_eq!(beside_idle_streams(ProtocolLimits::new().with_per_peer(64)), b"!");
}

#[test]
fn a_silent_peer_leaves_handlers_to_others() {
    assert_eq!(beside_idle_streams(ProtocolLimits::default()), b"!");
}

#[test]
fn a_stream_of_who_has_most_handlers_gives_way_to_who_waited() {
    let mut config = Config::default();
    config.handlers = 8;
    config.handler_patience = Duration::ZERO;
    let (mut a, mut b, mut c) = (host(1, config), host(2, Config::default()), host(3, Config::default()));
    let mut d = host(4, Config::default());
    let log_a = log(&mut a);
    let (at_a, at_b, at_c, at_d) = (a.handle(), b.handle(), c.handle(), d.handle());
    wait(a.run_until(b.run_until(c.run_until(d.run_until(async {
        let listener = at_a.listen(IP4.parse().unwrap()).await.unwrap();
        let address = listener.addresses()[0].clone();
        let mut most = Vec::new();
        let connection = at_b.dial(address.clone()).await.unwrap();
        for _ in 0..7 {
            most.push(connection.open_stream(&[ECHO]).await.unwrap());
        }
        let connection = at_c.dial(address.clone()).await.unwrap();
        // The last of these waits: the other two places are for others.
        let mut few = Vec::new();
        for _ in 0..2 {
            few.push(connection.open_stream(&[ECHO]).await.unwrap());
        }
        assert_eq!(echo(&at_d.dial(address).await.unwrap()).await, b"!");
        assert_eq!(told(&log_a, "closed_stream").await, "closed_stream reset(local)");
        let mut youngest = most.remove(5);
        assert_eq!(youngest.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        // The echo has ended, so that the one that waited has its place.
        for stream in most.iter_mut().chain(&mut few) {
            is_served(stream).await;
        }
    })))));
}

/// Peers that have a handler each fill the line, too, with one stream each.
#[test]
fn who_has_handlers_makes_place_in_the_line_for_who_has_none() {
    let mut config = Config::default();
    (config.handlers, config.waiting_streams, config.handler_patience) = (2, 2, Duration::MAX);
    let (mut a, mut b, mut c) = (host(1, config), host(2, Config::default()), host(3, Config::default()));
    let mut d = host(4, Config::default());
    let log_a = log(&mut a);
    let (at_a, at_b, at_c, at_d) = (a.handle(), b.handle(), c.handle(), d.handle());
    wait(a.run_until(b.run_until(c.run_until(d.run_until(async {
        let listener = at_a.listen(IP4.parse().unwrap()).await.unwrap();
        let address = listener.addresses()[0].clone();
        let (mut served, mut waiting) = (Vec::new(), Vec::new());
        let mut connections = Vec::new();
        for of in [&at_b, &at_c] {
            let connection = of.dial(address.clone()).await.unwrap();
            let mut first = connection.open_stream(&[ECHO]).await.unwrap();
            is_served(&mut first).await;
            served.push(first);
            connections.push(connection);
        }
        for connection in &connections {
            waiting.push(connection.open_stream(&[ECHO]).await.unwrap());
        }
        let newcomer = at_d.dial(address).await.unwrap();
        let mut late = newcomer.open_stream(&[ECHO]).await.unwrap();
        assert_eq!(told(&log_a, "closed_stream").await, "closed_stream reset(local)");
        assert_eq!(waiting[1].read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        // Now each has one, and whoever comes next with one has no place.
        let mut beyond = connections[1].open_stream(&[ECHO]).await.unwrap();
        assert_eq!(beyond.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        drop(served);
        is_served(&mut late).await;
        is_served(&mut waiting[0]).await;
    })))));
}

/// Its handler answers.
async fn is_served(stream: &mut Stream) {
    stream.write_all(b"?").await.unwrap();
    let mut answer = [0];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"?");
}
