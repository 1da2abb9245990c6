//! Shutting down while things go on, and dropping a host under them.

use crate::support::hosts::{ECHO, IP4, Pair, RAW, accept, connect, host, log, told, wait};
use smol::channel::unbounded;
use smol::future::{poll_once, zip};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _, ErrorKind};
use std::net::TcpListener;
use std::time::Duration;
use swarm_notify::host::{Config, Error, Stream};

const MUCH: usize = 4 << 20;

#[test]
fn a_handler_that_streams_ends_before_connections_are_closed() {
    let mut config = Config::default();
    config.shutdown_timeout = Duration::from_secs(3_600);
    let mut pair = Pair::with(config, Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (log_a, log_b) = (log(&mut pair.a), log(&mut pair.b));
    let (begun, has_begun) = unbounded();
    at_a.set_handler(RAW, async move |mut stream: Stream| {
        begun.send(()).await.unwrap();
        stream.write_all(&vec![7; MUCH]).await.unwrap();
        stream.close().await.unwrap();
    });
    pair.run(async {
        let (listener, connection) = connect(&at_a, &at_b).await;
        let mut stream = connection.open_stream(&[RAW]).await.unwrap();
        has_begun.recv().await.unwrap();
        let mut shutdown = Box::pin(at_a.shutdown());
        assert!(poll_once(&mut shutdown).await.is_none());
        assert_eq!(told(&log_a, "listen_close").await, "listen_close requested");
        // Nothing new begins.
        assert_eq!(at_a.listen(IP4.parse().unwrap()).await.unwrap_err(), Error::Closing);
        assert_eq!(at_a.dial(listener.addresses()[0].clone()).await.unwrap_err(), Error::Closing);
        assert_eq!(at_a.open_stream(at_b.local_peer(), &[ECHO]).await.unwrap_err(), Error::Closing);
        assert!(connection.open_stream(&[ECHO]).await.is_err(), "it speaks nothing new any more");
        // What goes on does so to its end.
        let read = async {
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            stream.close().await.unwrap();
            all.len()
        };
        let (read, ()) = zip(read, shutdown).await;
        assert_eq!(read, MUCH);
        assert!(at_a.is_shut_down());
        assert_eq!(told(&log_b, "closed_stream").await, "closed_stream finished");
        told(&log_b, "disconnected").await;
    });
}

#[test]
fn a_handler_that_does_not_end_is_cut_after_the_time_out() {
    let mut config = Config::default();
    config.shutdown_timeout = Duration::from_millis(20);
    let mut pair = Pair::with(config, Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (heard, cut) = unbounded();
    at_a.set_handler(RAW, async move |mut stream: Stream| {
        let error = stream.read(&mut [0; 8]).await.unwrap_err();
        heard.send(error.kind()).await.unwrap();
    });
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut stream = connection.open_stream(&[RAW]).await.unwrap();
        at_a.shutdown().await;
        assert_eq!(cut.recv().await.unwrap(), ErrorKind::ConnectionAborted);
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    });
}

#[test]
fn a_handler_may_shut_its_own_host_down() {
    let mut config = Config::default();
    config.shutdown_timeout = Duration::from_millis(20);
    let pair = Pair::with(config, Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let stop = at_a.clone();
    at_a.set_handler(RAW, async move |_: Stream| stop.shutdown().await);
    let Pair { mut a, mut b, .. } = pair;
    let client = b.run_until(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let _stream = connection.open_stream(&[RAW]).await.unwrap();
        connection.closed().await;
    });
    // It runs until it is shut down.
    wait(zip(a.run(), client));
    assert!(at_a.is_shut_down());
}

#[test]
fn a_shutdown_gives_up_the_dials_that_are_under_way() {
    let mut host = host(1, Config::default());
    let handle = host.handle();
    let log = log(&mut host);
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", mute.local_addr().unwrap().port());
    wait(host.run_until(async {
        let dials = zip(handle.dial(address.parse().unwrap()), handle.dial(address.parse().unwrap()));
        let ((first, second), ()) = zip(dials, handle.shutdown()).await;
        assert_eq!((first.unwrap_err(), second.unwrap_err()), (Error::Closing, Error::Closing));
        told(&log, "connect_failed").await;
        told(&log, "connect_failed").await;
    }));
}

#[test]
fn both_may_shut_down_at_the_same_time() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut stream = connection.open_stream(&[ECHO]).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.close().await.unwrap();
        let mut echo = Vec::new();
        stream.read_to_end(&mut echo).await.unwrap();
        zip(at_a.shutdown(), at_b.shutdown()).await;
        // Again, it is over already.
        zip(at_a.shutdown(), at_b.shutdown()).await;
    });
    wait(pair.a.run());
}

#[test]
fn when_a_host_is_dropped_all_that_is_left_of_it_gives_errors() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let (listener, connection, mut ours, mut theirs) = pair.run(async {
        let (listener, connection) = connect(&at_a, &at_b).await;
        let ours = connection.open_stream(&[RAW]).await.unwrap();
        (listener, connection, ours, inbound.recv().await.unwrap())
    });
    // They wait when their host goes.
    let address = listener.addresses()[0].clone();
    let (heard, outcomes) = unbounded();
    let executor = smol::LocalExecutor::new();
    let (dialing, handle) = (heard.clone(), at_b.clone());
    let dial = executor.spawn(async move { dialing.send(handle.dial(address).await.unwrap_err()).await.unwrap() });
    let (with, handle) = (heard.clone(), at_b.clone());
    let asked = executor.spawn(async move {
        let pending = handle.open_stream(handle.local_peer(), &[ECHO]).await.unwrap_err();
        with.send(pending).await.unwrap();
    });
    let closed = connection.clone();
    let closing = executor.spawn(async move { closed.closed().await });
    let reading = executor.spawn(async move { (ours.read(&mut [0; 8]).await.unwrap_err().kind(), ours) });
    while executor.try_tick() {}

    let Pair { mut a, b, .. } = pair;
    drop(b);
    wait(executor.run(async {
        // There is no such peer, which it was told before.
        assert_eq!(outcomes.recv().await.unwrap(), Error::NotConnected);
        assert_eq!(outcomes.recv().await.unwrap(), Error::Gone);
        closing.await;
        let (kind, mut ours) = reading.await;
        assert_eq!(kind, ErrorKind::ConnectionAborted);
        assert_eq!(ours.write(b"?").await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert_eq!(ours.close().await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        drop((dial, asked));

        assert_eq!(at_b.listen(IP4.parse().unwrap()).await.unwrap_err(), Error::Gone);
        assert_eq!(at_b.dial(IP4.parse().unwrap()).await.unwrap_err(), Error::Gone);
        assert_eq!(connection.open_stream(&[ECHO]).await.unwrap_err(), Error::Gone);
        assert_eq!(at_b.with(|_, _| ()).await, Err(Error::Gone));
        assert_eq!(at_b.spawn(async {}), Err(Error::Gone));
        connection.close().await;
        at_b.shutdown().await;
        at_b.set_handler(RAW, async |_| {});
        at_b.remove_handler(&RAW);
        assert!(at_b.is_shut_down());
    }));
    // Its peer is told.
    let kind = wait(a.run_until(theirs.read(&mut [0; 8]))).unwrap_err().kind();
    assert_eq!(kind, ErrorKind::ConnectionAborted);
    drop(a);
    drop(theirs);
}

#[test]
fn tasks_and_handlers_go_with_their_host() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (alive, gone) = unbounded::<()>();
    let in_handler = alive.clone();
    at_a.set_handler(RAW, async move |stream: Stream| {
        let _held = (in_handler.clone(), stream);
        std::future::pending::<()>().await;
    });
    let held = at_a.clone();
    at_a.spawn(async move {
        let _held = (alive, held);
        std::future::pending::<()>().await;
    })
    .unwrap();
    let stream = pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        connection.open_stream(&[RAW]).await.unwrap()
    });
    let Pair { a, .. } = pair;
    drop(a);
    // All that held a sender is gone.
    assert!(smol::block_on(gone.recv()).is_err());
    gone.close();
    drop(stream);
}
