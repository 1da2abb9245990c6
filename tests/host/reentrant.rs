//! Handles and streams used and dropped from where their host is at work: in notifications, in handlers, in wakers that
//! poll or drop at once.

use crate::support::hosts::{
    ECHO, IP4, Pair, RAW, accept, both_ends, connect, echo, identity, log, round_trip, told, wait,
};
use futures::future::join_all;
use libp2p_core::transport::MemoryTransport;
use smol::channel::{Sender, unbounded};
use smol::future::zip;
use smol::io::{AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _, ErrorKind};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use swarm_notify::host::{AnySwarm, Config, Error, Handle, Host, Stream};
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Side, StreamId};
use swarm_notify::notifee::{HasNode as _, Interest, Notifee, NotifeeContext as Told};
use swarm_notify::swarm::{Config as SwarmConfig, Swarm};

/// Does something once a stream has opened.
struct OnOpened<F>(F);

impl<F: FnMut(&mut Told<'_, AnySwarm>, StreamId)> Notifee<AnySwarm> for OnOpened<F> {
    fn interest(&self) -> Interest {
        Interest::OPENED_STREAM
    }

    fn opened_stream(&mut self, cx: &mut Told<'_, AnySwarm>, _: ConnectionId, stream: StreamId) {
        self.0(cx, stream);
    }
}

#[track_caller]
fn on_opened(host: &mut Host, act: impl FnMut(&mut Told<'_, AnySwarm>, StreamId) + 'static) {
    host.with(|notifees, _| notifees.register(OnOpened(act))).unwrap();
}

#[test]
fn a_stream_dropped_inside_a_notification_is_reset_after_it() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let log_b = log(&mut pair.b);
    let held = Rc::new(RefCell::new(Vec::new()));
    let drops = held.clone();
    on_opened(&mut pair.b, move |cx, _| {
        let streams: Vec<Stream> = drops.take();
        for stream in streams {
            let id = stream.id();
            drop(stream);
            assert!(cx.network().node().stream(id).is_some(), "what is told of stays as it is meanwhile");
        }
    });
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        for _ in 0..3 {
            let stream = connection.open_stream(&[RAW]).await.unwrap();
            held.borrow_mut().push(stream);
            // Opening the next one drops it.
            let mut theirs = inbound.recv().await.unwrap();
            round_trip(&connection).await;
            assert_eq!(told(&log_b, "closed_stream reset").await, format!("closed_stream reset({})", Side::Local));
            assert_eq!(theirs.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
    });
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
fn streams_are_polled_inside_a_notification_and_woken_after_it() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let held: Rc<RefCell<Option<Stream>>> = Rc::default();
    let (polls, polled) = (held.clone(), Rc::new(Cell::new(false)));
    let was_polled = polled.clone();
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    on_opened(&mut pair.a, move |_, _| {
        let mut reader = Context::from_waker(&waker);
        if let Some(stream) = &mut *polls.borrow_mut() {
            let mut cx = Context::from_waker(Waker::noop());
            // The swarm is told of and cannot be asked, whatever it knows.
            assert!(Pin::new(&mut *stream).poll_read(&mut reader, &mut [0; 8]).is_pending());
            assert!(Pin::new(&mut *stream).poll_write(&mut cx, b"no").is_pending());
            assert!(Pin::new(&mut *stream).poll_close(&mut cx).is_pending());
            was_polled.set(true);
        }
    });
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut ours = connection.open_stream(&[RAW]).await.unwrap();
        ours.write_all(b"hello").await.unwrap();
        let theirs = inbound.recv().await.unwrap();
        round_trip(&connection).await;
        *held.borrow_mut() = Some(theirs);
        round_trip(&connection).await;
        assert!(polled.get());
        // Nothing has come since, but it is to try again.
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        let mut theirs = held.take().unwrap();
        let mut hello = [0; 5];
        theirs.read_exact(&mut hello).await.unwrap();
        theirs.close().await.unwrap();
        assert_eq!(ours.read(&mut [0; 8]).await.unwrap(), 0, "nothing was written inside");
    });
}

#[test]
fn what_a_handle_is_asked_in_a_notification_is_done_after_it() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let (done, outcomes) = unbounded();
    let handle = at_b.clone();
    let asked = Rc::new(Cell::new(false));
    let peer = at_a.local_peer();
    on_opened(&mut pair.b, move |_, _| {
        if asked.replace(true) {
            return;
        }
        // Begun here, and awaited elsewhere.
        let begin = |mut task: Pin<Box<dyn Future<Output = ()>>>| {
            assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            handle.spawn(task).unwrap();
        };
        let (listening, told) = (handle.listen(IP4.parse().unwrap()), done.clone());
        begin(Box::pin(async move { told.send(listening.await.is_ok().to_string()).await.unwrap() }));
        // These are given up at once, which leaves nothing.
        for _ in 0..1_000 {
            let mut dial = Box::pin(handle.dial("/ip4/127.0.0.1/tcp/1".parse().unwrap()));
            assert!(dial.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let (opening, told) = (handle.open_stream(peer, &[RAW]), done.clone());
        begin(Box::pin(async move {
            let stream = opening.await.unwrap();
            told.send(stream.protocol().to_string()).await.unwrap();
        }));
        let (with, told) = (handle.clone(), done.clone());
        begin(Box::pin(async move {
            let listeners = with.with(|_, swarm| swarm.node().listeners().len()).await.unwrap();
            told.send(listeners.to_string()).await.unwrap();
        }));
        handle.set_handler(ECHO, echo);
        handle.remove_handler(&ECHO);
    });
    let log_b = log(&mut pair.b);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        round_trip(&connection).await;
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(outcomes.recv().await.unwrap());
        }
        all.sort();
        assert_eq!(all, [RAW.as_ref(), "1", "true"]);
        inbound.recv().await.unwrap();
        told(&log_b, "listen").await;
    });
    let left = pair.b.with(|_, swarm| swarm.node().connections_of(peer).len());
    assert_eq!(left, Ok(1));
}

#[test]
fn a_handler_uses_the_handle_of_its_own_host() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let handle = at_a.clone();
    at_a.set_handler(RAW, async move |mut stream: Stream| {
        // It calls back over the same connection, listens, changes handlers, and looks at the swarm.
        let mut back = handle.open_stream(stream.connection(), &[ECHO]).await.unwrap();
        handle.remove_handler(&RAW);
        let listener = handle.listen(IP4.parse().unwrap()).await.unwrap();
        listener.close().await;
        let peers = handle.with(|_, swarm| swarm.node().listeners().len()).await.unwrap();
        back.write_all(&[peers as u8]).await.unwrap();
        back.close().await.unwrap();
        let mut echo = Vec::new();
        back.read_to_end(&mut echo).await.unwrap();
        stream.write_all(&echo).await.unwrap();
        stream.close().await.unwrap();
    });
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut stream = connection.open_stream(&[RAW]).await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, [1]);
        assert!(connection.open_stream(&[RAW]).await.is_err());
    });
}

#[test]
fn inside_with_the_host_is_busy_and_does_what_is_asked_later() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inner = at_b.clone();
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let stream = connection.open_stream(&[ECHO]).await.unwrap();
        let id = stream.id();
        let mut listening = Box::pin(async move { inner.listen(IP4.parse().unwrap()).await.map(|_| ()) });
        let begun = at_b.with(move |_, swarm| {
            drop(stream);
            assert!(swarm.node().stream(id).is_some());
            assert!(listening.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            listening
        });
        begun.await.unwrap().await.unwrap();
        round_trip(&connection).await;
        assert_eq!(at_b.with(move |_, swarm| swarm.node().stream(id).is_none()).await, Ok(true));
    });
    // A host in its own hands.
    let Pair { mut a, .. } = pair;
    let nested = smol::block_on(at_a.with(move |_, _| (a.with(|_, _| ()), a)));
    let (nested, a) = nested.unwrap();
    assert_eq!(nested, Err(Error::Busy));
    drop(a);
}

#[test]
fn a_stream_whose_handler_is_removed_while_it_opens_is_reset() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    let handle = at_a.clone();
    // When the first is told of, the second is open too, and has not been told of.
    on_opened(&mut pair.a, move |_, _| handle.remove_handler(&RAW));
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let both = zip(connection.open_stream(&[RAW]), connection.open_stream(&[RAW])).await;
        let (mut first, mut second) = (both.0.unwrap(), both.1.unwrap());
        assert_eq!(second.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        let mut theirs = inbound.recv().await.unwrap();
        theirs.write_all(b"!").await.unwrap();
        assert_eq!(first.read(&mut [0; 8]).await.unwrap(), 1);
    });
}

/// Asks for the end of a connection while it is being told of.
struct AsksAgain(Handle, Sender<()>);

impl<N> Notifee<N> for AsksAgain {
    fn interest(&self) -> Interest {
        Interest::DISCONNECTED
    }

    fn disconnected(&mut self, _: &mut Told<'_, N>, id: ConnectionId, _: ConnectionEnd) {
        let (handle, told) = (self.0.clone(), self.1.clone());
        let mut asked = Box::pin(async move {
            handle.connection_closed(id).await;
            told.send(()).await.unwrap();
        });
        assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        self.0.spawn(asked).unwrap();
    }
}

#[test]
fn an_end_that_is_being_told_is_not_waited_for_in_any_turn() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let (told, asked) = unbounded();
    let asks = AsksAgain(at_b.clone(), told);
    pair.b.with(|notifees, _| notifees.register(asks)).unwrap();
    // What was told of last is not handled when the turn is over.
    pair.b.with(|notifees, _| notifees.set_events_per_dispatch(1)).unwrap();
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let streams = join_all((0..20).map(|_| connection.open_stream(&[ECHO]))).await;
        connection.abort().await;
        asked.recv().await.unwrap();
        drop(streams);
    });
}

thread_local! {
    /// What the wakers of these tests poll or drop.
    static HELD: RefCell<Option<Stream>> = const { RefCell::new(None) };
    static READ: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ENDED: Cell<bool> = const { Cell::new(false) };
    static WAKES: Cell<u32> = const { Cell::new(0) };
}

/// Reads what there is in the very call that wakes it, and waits again.
struct ReadsAtOnce;

fn read_held() {
    // A waker inside a waker finds it taken.
    let Some(mut stream) = HELD.with(RefCell::take) else { return };
    let waker = Waker::from(Arc::new(ReadsAtOnce));
    let mut cx = Context::from_waker(&waker);
    let mut buffer = [0; 1_000];
    loop {
        match Pin::new(&mut stream).poll_read(&mut cx, &mut buffer) {
            Poll::Ready(Ok(0)) => {
                let _ = Pin::new(&mut stream).poll_close(&mut cx);
                ENDED.set(true);
                return; // and drops it
            }
            Poll::Ready(Ok(n)) => {
                READ.with(|read| read.borrow_mut().extend_from_slice(&buffer[..n]));
                // What is written here wakes the driver, from within a wake.
                assert!(Pin::new(&mut stream).poll_write(&mut cx, b".").is_ready());
            }
            Poll::Ready(Err(error)) => panic!("{error}"),
            Poll::Pending => break,
        }
    }
    HELD.set(Some(stream));
}

impl Wake for ReadsAtOnce {
    fn wake(self: Arc<Self>) {
        WAKES.set(WAKES.get() + 1);
        read_held();
    }
}

#[test]
fn a_waker_may_use_its_stream_in_the_call_that_wakes_it() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut ours = connection.open_stream(&[RAW]).await.unwrap();
        HELD.set(Some(inbound.recv().await.unwrap()));
        read_held();
        for _ in 0..10 {
            ours.write_all(&[7; 10_000]).await.unwrap();
            round_trip(&connection).await;
        }
        ours.close().await.unwrap();
        let mut dots = Vec::new();
        ours.read_to_end(&mut dots).await.unwrap();
        assert!(dots.len() >= 100 && dots.iter().all(|dot| *dot == b'.'), "{}", dots.len());
    });
    assert_eq!(READ.with(RefCell::take), [7; 100_000]);
    assert!(ENDED.get() && WAKES.get() > 0);
}

/// Drops a stream in the call that wakes it.
struct DropsAtOnce;

impl Wake for DropsAtOnce {
    fn wake(self: Arc<Self>) {
        drop(HELD.with(RefCell::take));
    }
}

#[test]
fn a_waker_may_drop_another_stream_in_the_call_that_wakes_it() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let inbound = accept(&at_a, RAW);
    pair.run(async {
        let (connection, mut ours, mut theirs) = both_ends(&at_a, &at_b, &inbound).await;
        let mut other = connection.open_stream(&[RAW]).await.unwrap();
        HELD.set(Some(inbound.recv().await.unwrap()));
        let waker = Waker::from(Arc::new(DropsAtOnce));
        assert!(Pin::new(&mut theirs).poll_read(&mut Context::from_waker(&waker), &mut [0; 8]).is_pending());
        ours.write_all(b"wake up").await.unwrap();
        assert_eq!(other.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        // Itself, too: nobody is left to be woken then.
        HELD.set(Some(theirs));
        let mut theirs = HELD.with(RefCell::take).unwrap();
        let mut woken = [0; 7];
        theirs.read_exact(&mut woken).await.unwrap();
        assert!(Pin::new(&mut theirs).poll_read(&mut Context::from_waker(&waker), &mut [0; 8]).is_pending());
        HELD.set(Some(theirs));
        ours.write_all(b"again").await.unwrap();
        assert_eq!(ours.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

/// The waker of whoever polls the hosts: it reads and writes at once, and lets the thread go on.
struct Driver(Thread);

impl Wake for Driver {
    fn wake(self: Arc<Self>) {
        // Another thread holds nothing.
        read_held();
        self.0.unpark();
    }
}

/// Polls a task with such a waker, until it is over.
fn drive<R>(task: impl Future<Output = R>) -> R {
    let mut task = pin!(task);
    let waker = Waker::from(Arc::new(Driver(std::thread::current())));
    loop {
        match task.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Reads and writes in the waker of the hosts themselves, which is woken by every command.
async fn talk(at_a: Handle, at_b: Handle, address: &str) {
    let inbound = accept(&at_a, RAW);
    at_a.set_handler(ECHO, echo);
    let listener = at_a.listen(address.parse().unwrap()).await.unwrap();
    let connection = at_b.dial(listener.addresses()[0].clone()).await.unwrap();
    let mut ours = connection.open_stream(&[RAW]).await.unwrap();
    HELD.set(Some(inbound.recv().await.unwrap()));
    read_held();
    for _ in 0..10 {
        ours.write_all(&[7; 10_000]).await.unwrap();
        round_trip(&connection).await;
    }
    ours.close().await.unwrap();
    let mut dots = Vec::new();
    ours.read_to_end(&mut dots).await.unwrap();
    assert_eq!(READ.with(RefCell::take), [7; 100_000]);
    assert!(ENDED.replace(false));
}

#[test]
fn a_hosts_waker_may_use_its_streams_in_the_call_that_wakes_it() {
    let mut pair = Pair::new();
    let task = talk(pair.at_a.clone(), pair.at_b.clone(), IP4);
    drive(pair.a.run_until(pair.b.run_until(task)));
}

#[test]
fn a_transport_may_wake_the_other_host_while_it_is_polled() {
    let host = |number| {
        let transport = MemoryTransport::new();
        let swarm = Swarm::new(transport, &identity(number), [number; 32], SwarmConfig::default()).unwrap();
        Host::with_swarm(swarm, Config::default())
    };
    let (mut a, mut b) = (host(1), host(2));
    let task = talk(a.handle(), b.handle(), "/memory/0");
    drive(a.run_until(b.run_until(task)));
}

#[test]
fn a_notifee_that_holds_streams_and_handles_goes_with_its_host() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let stream = pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        connection.open_stream(&[ECHO]).await.unwrap()
    });
    let (stream, handle) = (Some(stream), at_b.clone());
    on_opened(&mut pair.b, move |_, _| assert!(stream.is_some() && !handle.is_shut_down()));
    let Pair { mut a, b, .. } = pair;
    let log_a = log(&mut a);
    drop(b);
    wait(a.run_until(told(&log_a, "disconnected")));
    assert!(at_b.is_shut_down());
}
