//! What does not come about says why; and who waits no more gives up what was begun.

use crate::support::hosts::{ECHO, IP4, Pair, RAW, accept, connect, host, identity, log, round_trip, told, wait};
use futures::future::join_all;
use smol::future::poll_once;
use smol::io;
use std::net::TcpListener;
use std::time::Duration;
use swarm_notify::host::{Config, Error};
use swarm_notify::lifecycle::{Failure, Side};
use swarm_notify::notifee::HasNode as _;
use swarm_notify::swarm::multiaddr::{Multiaddr, Protocol as Part};

/// Somebody who accepts connections, and never says a word.
fn mute() -> (TcpListener, Multiaddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap())
}

#[test]
fn a_dial_that_fails_says_of_what() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let listener = at_a.listen(IP4.parse().unwrap()).await.unwrap();
        let address = listener.addresses()[0].clone();

        let stranger = identity(9).public().to_peer_id();
        let wrong = at_b.dial(address.clone().with(Part::P2p(stranger))).await.unwrap_err();
        assert_eq!(wrong.failure(), Some(Failure::WrongPeer));

        let unsupported = at_b.dial("/ip4/127.0.0.1/udp/1".parse().unwrap()).await.unwrap_err();
        assert_eq!(unsupported.failure(), Some(Failure::Unsupported));
        assert_eq!(io::Error::from(unsupported).kind(), io::ErrorKind::Unsupported);
    });
}

#[test]
fn a_dial_of_ourselves_says_so() {
    let mut host = host(1, Config::default());
    let handle = host.handle();
    let log = log(&mut host);
    wait(host.run_until(async {
        let listener = handle.listen(IP4.parse().unwrap()).await.unwrap();
        let address = listener.addresses()[0].clone();
        for address in [address.clone(), address.with(Part::P2p(handle.local_peer()))] {
            let ourselves = handle.dial(address).await.unwrap_err();
            assert_eq!(ourselves.failure(), Some(Failure::LocalPeer), "{ourselves}");
            assert_eq!(io::Error::from(ourselves).kind(), io::ErrorKind::InvalidInput);
        }
        handle.shutdown().await;
    }));
    let all: Vec<_> = std::iter::from_fn(|| log.try_recv().ok()).collect();
    let failed = "connect_failed local_peer";
    assert_eq!(all, ["listen", failed, failed, "listen_close requested"], "and nothing of the accepted end");
}

#[test]
fn an_address_that_names_the_wrong_peer_says_so() {
    let mut host = host(1, Config::default());
    let handle = host.handle();
    let (stranger, peer) = (Part::P2p(identity(9).public().to_peer_id()), Part::P2p(handle.local_peer()));
    let ip4: Multiaddr = IP4.parse().unwrap();
    wait(host.run_until(async {
        let ours = handle.listen(ip4.clone().with(peer.clone())).await.unwrap();
        assert!(ours.addresses().iter().all(|address| !address.to_string().contains("/p2p/")), "as without it");
        let theirs = handle.listen(ip4.clone().with(stranger.clone())).await.unwrap_err();
        assert_eq!(theirs.to_string(), "failed: wrong_peer: the address names another peer");
        let two = handle.listen(ip4.clone().with(peer.clone()).with(peer.clone())).await.unwrap_err();
        assert_eq!(two.to_string(), "failed: unsupported: the address names more than one peer");
        let two = handle.dial(ip4.with(stranger).with(peer)).await.unwrap_err();
        assert_eq!(two.to_string(), "failed: unsupported: the address names more than one peer");
    }));
}

#[test]
fn a_dial_that_another_peer_answers_says_who_it_is() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let listener = at_a.listen(IP4.parse().unwrap()).await.unwrap();
        let (expected, found) = (identity(9).public().to_peer_id(), at_a.local_peer());
        let error = at_b.dial(listener.addresses()[0].clone().with(Part::P2p(expected))).await.unwrap_err();
        assert_eq!(error.to_string(), format!("failed: wrong_peer: expected {expected}, found {found}"));
    });
}

#[test]
fn a_dial_to_somebody_who_says_nothing_times_out() {
    let mut config = Config::default();
    config.swarm.connection.handshake_timeout = Duration::from_millis(20);
    let mut host = host(1, config);
    let handle = host.handle();
    let (_mute, address) = mute();
    let late = wait(host.run_until(handle.dial(address))).unwrap_err();
    assert_eq!(late.failure(), Some(Failure::Timeout));
    assert_eq!(io::Error::from(late).kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_dial_that_nobody_answers_is_refused_with_the_systems_words() {
    let mut host = host(1, Config::default());
    let handle = host.handle();
    let (listener, address) = mute();
    drop(listener);
    let refused = wait(host.run_until(handle.dial(address))).unwrap_err();
    let Error::Failed { reason: Failure::Refused, text: Some(_) } = &refused else { panic!("{refused:?}") };
    assert!(refused.to_string().starts_with("failed: refused: "), "{refused}");
    assert_eq!(io::Error::from(refused).kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn dials_and_streams_beyond_the_limits_are_refused_at_once() {
    let mut config = Config::default();
    config.swarm.outbound_handshakes = 2;
    config.swarm.limits.listeners = 1;
    config.swarm.limits.streams_per_connection = 3;
    let mut pair = Pair::with(Config::default(), config);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_mute, address) = mute();
        let dials: Vec<_> = (0..2).map(|_| Box::pin(at_b.dial(address.clone()))).collect();
        let mut both = join_all(dials);
        assert!(poll_once(&mut both).await.is_none());
        assert_eq!(at_b.dial(address.clone()).await.unwrap_err(), Error::Limit);
        // Their places are free again once nobody waits for them.
        drop(both);
        let (_, connection) = connect(&at_a, &at_b).await;

        let _one = at_b.listen(IP4.parse().unwrap()).await.unwrap();
        assert_eq!(at_b.listen(IP4.parse().unwrap()).await.unwrap_err(), Error::Limit);

        let streams = join_all((0..3).map(|_| connection.open_stream(&[ECHO]))).await;
        assert!(streams.iter().all(Result::is_ok));
        assert_eq!(connection.open_stream(&[ECHO]).await.unwrap_err(), Error::Limit);
    });
}

#[test]
fn a_dial_that_nobody_waits_for_any_more_is_given_up() {
    let mut host = host(1, Config::default());
    let handle = host.handle();
    let log = log(&mut host);
    wait(host.run_until(async {
        let (mute, address) = mute();
        let mut dial = Box::pin(handle.dial(address));
        assert!(poll_once(&mut dial).await.is_none());
        // It has been begun, and the peer has it.
        let mute = smol::Async::new(mute).unwrap();
        let (mut peer, _) = mute.accept().await.unwrap();
        drop(dial);
        assert_eq!(told(&log, "connect").await, "connect_failed requested");
        let mut all = Vec::new();
        let _ = io::AsyncReadExt::read_to_end(&mut peer, &mut all).await;
    }));
}

#[test]
fn a_dial_that_was_answered_and_never_looked_at_is_closed() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let log_b = log(&mut pair.b);
    pair.run(async {
        let listener = at_a.listen(IP4.parse().unwrap()).await.unwrap();
        let mut dial = Box::pin(at_b.dial(listener.addresses()[0].clone()));
        assert!(poll_once(&mut dial).await.is_none());
        told(&log_b, "connected").await;
        drop(dial);
        assert_eq!(told(&log_b, "disconnected").await, "disconnected requested");
    });
}

#[test]
fn a_listen_that_nobody_waits_for_any_more_is_closed() {
    let mut host = host(1, Config::default());
    let handle = host.handle();
    let log = log(&mut host);
    wait(host.run_until(async {
        let mut listen = Box::pin(handle.listen(IP4.parse().unwrap()));
        assert!(poll_once(&mut listen).await.is_none());
        assert_eq!(told(&log, "listen").await, "listen");
        drop(listen);
        assert_eq!(told(&log, "listen_close").await, "listen_close requested");
        // And one that was not begun yet never begins.
        drop(handle.listen(IP4.parse().unwrap()));
    }));
}

#[test]
fn a_stream_that_nobody_waits_for_any_more_is_reset() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let (log_a, log_b) = (log(&mut pair.a), log(&mut pair.b));
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        // While it is opening.
        let mut open = Box::pin(connection.open_stream(&[RAW]));
        assert!(poll_once(&mut open).await.is_none());
        drop(open);
        assert_eq!(told(&log_b, "stream_failed").await, "stream_failed requested");
        // When it is open already.
        let mut open = Box::pin(connection.open_stream(&[RAW]));
        assert!(poll_once(&mut open).await.is_none());
        told(&log_b, "opened_stream").await;
        drop(open);
        assert_eq!(told(&log_b, "closed_stream").await, format!("closed_stream reset({})", Side::Local));
        round_trip(&connection).await;
        assert_eq!(told(&log_a, "closed_stream").await, format!("closed_stream reset({})", Side::Remote));
        drop(inbound);
    });
    let left = pair.b.with(|_, swarm| {
        let ids = swarm.node().connections_of(pair.at_a.local_peer());
        ids.into_iter().map(|id| swarm.node().connection(id).unwrap().streams).sum::<usize>()
    });
    assert_eq!(left, Ok(0));
}

#[test]
fn a_stream_that_was_opening_fails_with_its_connection() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let opening = connection.open_stream(&[ECHO]);
        let (opened, ()) = smol::future::zip(opening, connection.abort()).await;
        assert_eq!(opened.unwrap_err().failure(), Some(Failure::ConnectionClosed));
    });
}

#[test]
fn waiting_for_an_end_again_and_again_keeps_nothing() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        for _ in 0..10_000 {
            assert!(poll_once(connection.closed()).await.is_none());
        }
        let (_, ()) = smol::future::zip(connection.closed(), connection.close()).await;
    });
}
