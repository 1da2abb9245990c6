//! Requests and responses between hosts: asked and answered with futures.

use crate::support::hosts::{ECHO, Pair, connect};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::host::{Error, Handle};
use swarm_notify::lifecycle::Failure;
use swarm_notify::notifee::NotifeeId;
use swarm_notify::protocols::request_response::{Bytes, Config, Event, RequestResponse};

type Shout = RequestResponse<Bytes>;

fn shout(config: Config) -> Shout {
    Shout::new([Protocol::from_static("/shout/1.0.0")], Bytes, config)
}

/// Two hosts with the service, of these bounds at the one that answers.
fn pair(config: Config) -> (Pair, NotifeeId<Shout>, NotifeeId<Shout>) {
    let mut pair = Pair::new();
    let answers = pair.a.with(|notifees, swarm| notifees.install(swarm, shout(config))).unwrap();
    let asks = pair.b.with(|notifees, swarm| notifees.install(swarm, shout(Config::default()))).unwrap();
    (pair, answers, asks)
}

async fn shouts(handle: &Handle, service: NotifeeId<Shout>) {
    let upper = async |_, request: Vec<u8>| (request != b"no").then(|| request.to_ascii_uppercase());
    handle.answer(service, upper).await.unwrap();
}

#[test]
fn requests_are_answered_and_refused_and_no_event_tells_of_them() {
    let (mut pair, answers, asks) = pair(Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        shouts(&at_a, answers).await;
        let (_, connection) = connect(&at_a, &at_b).await;
        let asked = |text: &str| at_b.request(asks, connection.id(), text.as_bytes().to_vec());
        let both = smol::future::zip(asked("hello"), asked("world")).await;
        assert_eq!(both, (Ok(b"HELLO".to_vec()), Ok(b"WORLD".to_vec())));
        let refused = asked("no").await;
        assert!(matches!(refused, Err(Error::Failed { reason: Failure::Reset(_), .. })), "{refused:?}");
        assert_eq!(at_a.answer(answers, async |_, request| Some(request)).await, Err(Error::Busy));
        for (handle, service) in [(&at_a, answers), (&at_b, asks)] {
            let told = handle.with(move |notifees, _| {
                let service = notifees.get_mut(service).unwrap();
                (service.next_event().map(|event| event.to_string()), service.pending())
            });
            assert_eq!(told.await, Ok((None, 0)));
        }
    });
}

#[test]
fn a_request_to_a_peer_waits_for_its_connection() {
    let (mut pair, answers, asks) = pair(Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let response = pair.run(async {
        shouts(&at_a, answers).await;
        let request = at_b.request(asks, at_a.local_peer(), b"hello".to_vec());
        let (response, _) = smol::future::zip(request, connect(&at_a, &at_b)).await;
        response
    });
    assert_eq!(response, Ok(b"HELLO".to_vec()));
}

#[test]
fn what_cannot_be_asked_is_told_so() {
    let (mut pair, _, asks) = pair(Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let long = at_b.request(asks, connection.id(), vec![0; 2 << 20]).await;
        assert!(matches!(long, Err(Error::Failed { reason: Failure::Protocol, text: Some(_) })), "{long:?}");
        at_b.close_connection(connection.id()).await;
        assert_eq!(at_b.request(asks, connection.id(), Vec::new()).await, Err(Error::NotConnected));
        at_b.with(move |notifees, swarm| assert!(notifees.uninstall(swarm, asks))).await.unwrap();
        assert_eq!(at_b.request(asks, at_a.local_peer(), Vec::new()).await, Err(Error::NoNotifee));
    });
}

#[test]
fn a_dropped_request_is_given_up_and_its_place_comes_back() {
    let (mut pair, answers, asks) = pair(Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut events = at_a.events(answers);
        for _ in 0..3 {
            let request = at_b.request(asks, connection.id(), b"hello".to_vec());
            // The peer has it, and does not answer.
            let came = smol::stream::StreamExt::next(&mut events);
            let came = smol::future::or(came, async { request.await.map(|_| None).unwrap() }).await;
            assert!(matches!(came, Some(Event::Request { .. })), "{came:?}");
            let over = smol::stream::StreamExt::next(&mut events).await;
            assert!(matches!(over, Some(Event::InboundFailure { reason: Failure::Reset(_), .. })), "{over:?}");
        }
        assert_eq!(at_b.with(move |notifees, _| notifees.get(asks).unwrap().pending()).await, Ok(0));
    });
}

#[test]
fn so_many_handlers_run_at_a_time_whatever_peers_give_up() {
    let mut config = Config::default();
    (config.inbound_requests, config.inbound_requests_per_peer) = (2, 2);
    let (mut pair, answers, asks) = pair(config);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (running, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (release, may_end) = smol::channel::unbounded::<()>();
    let (counts, peak) = (running.clone(), most.clone());
    pair.run(async {
        let handler = move |_, request: Vec<u8>| {
            let (counts, peak, may_end) = (counts.clone(), peak.clone(), may_end.clone());
            async move {
                counts.set(counts.get() + 1);
                peak.set(peak.get().max(counts.get()));
                may_end.recv().await.unwrap();
                counts.set(counts.get() - 1);
                Some(request)
            }
        };
        at_a.answer(answers, handler).await.unwrap();
        let (_, connection) = connect(&at_a, &at_b).await;
        for _ in 0..10 {
            // It begins a handler, or none is free, and is given up.
            let given_up = at_b.request(asks, connection.id(), b"hello".to_vec());
            let soon = async {
                let mut stream = connection.open_stream(&[ECHO]).await.unwrap();
                smol::io::AsyncWriteExt::close(&mut stream).await.unwrap();
                smol::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await.unwrap();
                smol::Timer::after(Duration::from_millis(1)).await;
            };
            smol::future::or(async { drop(given_up.await) }, soon).await;
        }
        assert!(running.get() <= 2);
        for _ in 0..10 {
            release.send(()).await.unwrap();
        }
        let answered = at_b.request(asks, connection.id(), b"hello".to_vec()).await;
        assert_eq!(answered, Ok(b"hello".to_vec()));
    });
    assert!(most.get() <= 2, "{} at a time", most.get());
}
