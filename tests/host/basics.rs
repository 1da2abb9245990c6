//! What a host is for: listen, dial, streams with handlers, services beside them.

use crate::support::hosts::{ECHO, Pair, RAW, accept, connect, identity, log, round_trip, told, wait};
use futures::future::join_all;
use libp2p_core::transport::MemoryTransport;
use smol::future::{poll_once, zip};
use smol::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::host::{Config, Error, Host};
use swarm_notify::lifecycle::{ConnectionId, Direction, Failure, Side, StreamId};
use swarm_notify::notifee::{HasNode as _, Notifee, NotifeeContext as Told};
use swarm_notify::swarm::{Config as SwarmConfig, Multiaddr, Swarm};

#[test]
fn a_stream_echoes_through_a_handler_and_finishes_on_both_sides() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (log_a, log_b) = (log(&mut pair.a), log(&mut pair.b));
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        assert_eq!(connection.peer(), at_a.local_peer());
        let mut stream = connection.open_stream(&[ECHO]).await.unwrap();
        assert_eq!((stream.direction(), stream.protocol()), (Direction::Outbound, &ECHO));
        assert_eq!((stream.peer(), stream.connection()), (at_a.local_peer(), connection.id()));
        stream.write_all(b"hello").await.unwrap();
        stream.close().await.unwrap();
        let mut echo = Vec::new();
        stream.read_to_end(&mut echo).await.unwrap();
        assert_eq!(echo, b"hello");
        assert_eq!(told(&log_a, "closed_stream").await, "closed_stream finished");
        assert_eq!(told(&log_b, "closed_stream").await, "closed_stream finished");
    });
}

#[test]
fn a_stream_to_a_peer_takes_a_connection_that_is_open() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        assert_eq!(at_b.open_stream(at_a.local_peer(), &[RAW]).await.unwrap_err(), Error::NotConnected);
        let (_, connection) = connect(&at_a, &at_b).await;
        let stream = at_b.open_stream(at_a.local_peer(), &[RAW]).await.unwrap();
        assert_eq!(stream.connection(), connection.id());
        let inbound = inbound.recv().await.unwrap();
        // And back over the same connection, which nobody here has dialed.
        let back = at_a.open_stream(inbound.connection(), &[ECHO]).await.unwrap();
        assert_eq!((back.peer(), back.direction()), (at_b.local_peer(), Direction::Outbound));
        assert_eq!((inbound.peer(), inbound.direction()), (at_b.local_peer(), Direction::Inbound));
    });
}

#[test]
fn the_first_spoken_protocol_is_chosen_and_none_is_an_error() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let unknown = Protocol::from_static("/unknown/1.0.0");
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let stream = connection.open_stream(&[unknown.clone(), ECHO]).await.unwrap();
        assert_eq!(stream.protocol(), &ECHO);
        let refused = connection.open_stream(&[unknown]).await.unwrap_err();
        assert_eq!(refused.failure(), Some(Failure::Unsupported));
        assert_eq!(connection.open_stream(&[]).await.unwrap_err(), Error::NoProtocol);
        // A handler that is taken away answers nobody any more.
        at_a.remove_handler(&ECHO);
        let refused = connection.open_stream(&[ECHO]).await.unwrap_err();
        assert_eq!(refused.failure(), Some(Failure::Unsupported));
    });
}

#[test]
fn a_thousand_streams_at_the_same_time_give_each_its_own_echo() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let open = join_all((0..1_000).map(|_| connection.open_stream(&[ECHO]))).await;
        // All of them are open now.
        let echo = async |(n, stream): (usize, _)| {
            let (mut reader, mut writer) = io::split(stream);
            let said = format!("stream {n}").repeat(10);
            writer.write_all(said.as_bytes()).await?;
            writer.close().await?;
            let mut echo = String::new();
            reader.read_to_string(&mut echo).await?;
            assert_eq!(echo, said);
            io::Result::Ok(())
        };
        let streams = open.into_iter().map(Result::unwrap).enumerate();
        let echoes = join_all(streams.map(echo)).await;
        assert!(echoes.into_iter().all(|echo| echo.is_ok()));
    });
    let open = pair.a.with(|_, swarm| swarm.node().connections_of(pair.at_b.local_peer()).len());
    assert_eq!(open, Ok(1));
}

#[test]
fn two_tasks_read_and_write_the_halves_of_one_stream() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let sum = Rc::new(Cell::new(0_u64));
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let (mut reader, mut writer) = io::split(connection.open_stream(&[ECHO]).await.unwrap());
        // More than both windows hold: neither task can come to its end without the other.
        let (said, is_read) = smol::channel::bounded(1);
        let writing = async move {
            for n in 0..1_000_u64 {
                writer.write_all(&[n as u8; 1_024]).await.unwrap();
            }
            writer.close().await.unwrap();
        };
        let reading = {
            let sum = sum.clone();
            async move {
                let mut all = Vec::new();
                reader.read_to_end(&mut all).await.unwrap();
                sum.set(all.iter().map(|byte| u64::from(*byte)).sum::<u64>());
                said.send(all.len()).await.unwrap();
            }
        };
        at_b.spawn(writing).unwrap();
        at_b.spawn(reading).unwrap();
        assert_eq!(is_read.recv().await, Ok(1_000 * 1_024));
    });
    assert_eq!(sum.get(), (0..1_000_u64).map(|n| 1_024 * (n % 256)).sum::<u64>());
}

#[test]
fn listeners_and_connections_are_closed_when_close_says_so() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (log_a, log_b) = (log(&mut pair.a), log(&mut pair.b));
    pair.run(async {
        let (listener, connection) = connect(&at_a, &at_b).await;
        let address = listener.addresses()[0].clone();
        // The same port is free again.
        listener.close().await;
        listener.close().await;
        let listener = at_a.listen(address.clone()).await.unwrap();
        let taken = at_b.listen(address.clone()).await.unwrap_err();
        assert_eq!(taken.failure(), Some(Failure::AddressInUse));

        let other = at_b.dial(address).await.unwrap();
        zip(connection.close(), connection.closed()).await;
        connection.close().await;
        assert_eq!(told(&log_b, "disconnected").await, "disconnected requested");
        assert_eq!(connection.open_stream(&[ECHO]).await.unwrap_err(), Error::NotConnected);
        other.abort().await;
        other.closed().await;
        assert_eq!(told(&log_b, "disconnected").await, "disconnected requested");
        at_a.close_listener(listener.id()).await;
        assert_eq!(told(&log_a, "listen_close").await, "listen_close requested");
    });
}

#[test]
fn a_handle_leads_to_the_notifees_and_the_swarm() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let id = connection.id();
        let view = at_b.with(move |_, swarm| swarm.node().connection(id).map(|view| view.direction)).await;
        assert_eq!(view, Ok(Some(Direction::Outbound)));
        // What it does there is told like everything else.
        at_b.with(move |_, swarm| swarm.node_mut().abort_connection(id)).await.unwrap().unwrap();
        connection.closed().await;
        assert_eq!(at_b.with(move |_, swarm| swarm.node().connection(id).is_none()).await, Ok(true));
    });
}

#[test]
fn it_runs_on_another_transport() {
    let host = |number| {
        let transport = MemoryTransport::new();
        let swarm = Swarm::new(transport, &identity(number), [number; 32], SwarmConfig::default()).unwrap();
        Host::with_swarm(swarm, Config::default())
    };
    let (mut a, mut b) = (host(1), host(2));
    let (at_a, at_b) = (a.handle(), b.handle());
    at_a.set_handler(ECHO, crate::support::hosts::echo);
    let task = async {
        let listener = at_a.listen("/memory/0".parse().unwrap()).await.unwrap();
        let connection = at_b.dial(listener.addresses()[0].clone()).await.unwrap();
        for _ in 0..10 {
            round_trip(&connection).await;
        }
    };
    wait(a.run_until(b.run_until(task)));
}

#[test]
fn a_host_that_ran_for_one_task_runs_for_the_next() {
    let mut config = Config::default();
    config.shutdown_timeout = Duration::ZERO; // the stream is held meanwhile
    let mut pair = Pair::with(Config::default(), config);
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (_, connection) = pair.run(connect(&at_a, &at_b));
    let mut stream = pair.run(connection.open_stream(&[ECHO])).unwrap();
    pair.run(stream.write_all(b"hello")).unwrap();
    let mut echo = [0; 5];
    pair.run(stream.read_exact(&mut echo)).unwrap();
    assert_eq!(&echo, b"hello");
    pair.run(at_b.shutdown());
    pair.run(at_b.shutdown());
    assert!(at_b.is_shut_down() && !at_a.is_shut_down());
    assert_eq!(pair.run(stream.read(&mut echo)).unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
}

#[test]
fn a_protocol_that_was_a_handlers_can_become_somebody_elses() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (log_a, log_b) = (log(&mut pair.a), log(&mut pair.b));
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        at_a.set_handler(RAW, async |_| {});
        at_a.remove_handler(&RAW);
        at_a.with(|_, swarm| swarm.node_mut().register_protocol(RAW)).await.unwrap();
        let opened = connection.open_stream(&[RAW]).await.unwrap();
        assert_eq!(told(&log_a, "opened_stream").await, "opened_stream inbound /raw/1.0.0");
        // The host leaves it alone.
        round_trip(&connection).await;
        drop(opened);
        assert_eq!(told(&log_b, "closed_stream reset").await, format!("closed_stream reset({})", Side::Local));
        assert_eq!(told(&log_a, "closed_stream reset").await, format!("closed_stream reset({})", Side::Remote));
    });
}

/// Counts openings.
#[derive(Default)]
struct Openings(u32);

impl<N> Notifee<N> for Openings {
    fn opened_stream(&mut self, _: &mut Told<'_, N>, _: ConnectionId, _: StreamId) {
        self.0 += 1;
    }
}

#[test]
fn who_waits_for_a_notifee_asks_it_after_each_turn() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let openings = pair.a.with(|notifees, _| notifees.register(Openings::default())).unwrap();
    let other = at_a.clone();
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let at_least = |most: u32| move |openings: &mut Openings| (openings.0 >= most).then_some(openings.0);
        // Those that are given up leave nothing behind.
        for _ in 0..10_000 {
            assert!(poll_once(at_a.wait_for(openings, at_least(1))).await.is_none());
        }
        let opening = async {
            for _ in 0..4 {
                round_trip(&connection).await;
            }
        };
        let (two, (four, ())) =
            zip(at_a.wait_for(openings, at_least(2)), zip(at_a.wait_for(openings, at_least(4)), opening)).await;
        assert_eq!((two, four), (Ok(2), Ok(4)));
        // It goes while it is waited for; another never was there.
        let waiting = at_a.wait_for(openings, at_least(5));
        let going = async { other.with(move |notifees, _| notifees.unregister(openings)).await };
        assert_eq!(zip(waiting, going).await, (Err(Error::NoNotifee), Ok(true)));
        assert_eq!(at_b.wait_for(openings, at_least(0)).await, Err(Error::NoNotifee));
    });
    let Pair { a, .. } = pair;
    drop(a);
    assert_eq!(wait(at_a.wait_for(openings, |openings: &mut Openings| Some(openings.0))), Err(Error::Gone));
}

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_host_with_nothing_to_do_asks_for_no_turn() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (stream, _connection) = pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let stream = connection.open_stream(&[ECHO]).await.unwrap();
        round_trip(&connection).await;
        (stream, connection)
    });
    let mut running = pin!(pair.b.run());
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut cx = Context::from_waker(&waker);
    // The other side is not polled, so that nothing comes any more after a while.
    let mut quiet = 0;
    while quiet < 10 {
        let before = wakes.0.load(Ordering::SeqCst);
        assert!(running.as_mut().poll(&mut cx).is_pending());
        quiet = if wakes.0.load(Ordering::SeqCst) == before { quiet + 1 } else { 0 };
    }
    // What is done with a stream wakes it.
    let before = wakes.0.load(Ordering::SeqCst);
    let mut stream = stream;
    assert_eq!(smol::block_on(stream.write(b"hello")).unwrap(), 5);
    assert!(wakes.0.load(Ordering::SeqCst) > before);
    assert!(running.as_mut().poll(&mut cx).is_pending());
    let before = wakes.0.load(Ordering::SeqCst);
    drop(stream);
    assert!(wakes.0.load(Ordering::SeqCst) > before);
}

#[test]
fn a_turn_that_tells_little_asks_for_the_next() {
    let mut host = crate::support::hosts::host(1, Config::default());
    let log = log(&mut host);
    let dialed = host.with(|notifees, swarm| {
        notifees.set_events_per_dispatch(1);
        let unsupported = "/ip4/127.0.0.1/udp/1".parse::<Multiaddr>().unwrap();
        (0..20).filter(|_| swarm.node_mut().dial(unsupported.clone()).is_ok()).count()
    });
    assert_eq!(dialed, Ok(20));
    let mut running = pin!(host.run());
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut seen = usize::MAX;
    // As an executor would: only when it is woken.
    while seen != wakes.0.load(Ordering::SeqCst) {
        seen = wakes.0.load(Ordering::SeqCst);
        assert!(running.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(log.len(), 20);
}
