//! A stream that is read on one thread while another turns its reactor.

use super::{Config, Transport, multiaddr};
use futures_lite::AsyncRead as _;
use libp2p_core::Endpoint;
use libp2p_core::transport::{DialOpts, PortUse, Transport as _};
use std::future::Future as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use swarm_notify::swarm::Reactor as _;
use swarm_notify::tcp::Reactor;

/// A hang costs this.
const LIMIT: Duration = Duration::from_secs(60);

/// Wakes a thread that is parked.
struct Unpark(Thread, AtomicBool);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.store(true, Ordering::SeqCst);
        self.0.unpark();
    }
}

impl Unpark {
    #[track_caller]
    fn wait(&self) {
        // Parking may end early: by the second half of a wake whose first half was seen already.
        let began = Instant::now();
        while !self.1.swap(false, Ordering::SeqCst) {
            thread::park_timeout(LIMIT);
            assert!(began.elapsed() < LIMIT, "what has come was not told");
        }
    }
}

#[test]
fn a_stream_misses_nothing_beside_a_poll_on_another_thread() {
    const ROUNDS: usize = 20_000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut reactor = Reactor::new().unwrap();
    let mut transport = Transport::new(reactor.handle(), Config::default());
    let is_over = Arc::new(AtomicBool::new(false));
    let turner = thread::spawn({
        let is_over = is_over.clone();
        move || {
            while !is_over.load(Ordering::SeqCst) {
                reactor.poll(Some(Duration::from_millis(100))).unwrap();
            }
        }
    });
    let us = Arc::new(Unpark(thread::current(), AtomicBool::new(false)));
    let waker = Waker::from(us.clone());
    let mut cx = Context::from_waker(&waker);
    let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
    let mut dialing = transport.dial(multiaddr(listener.local_addr().unwrap()), options).unwrap();
    let mut stream = loop {
        match Pin::new(&mut dialing).poll(&mut cx) {
            Poll::Ready(stream) => break stream.unwrap(),
            Poll::Pending => us.wait(),
        }
    };
    let (mut peer, _) = listener.accept().unwrap();
    peer.set_nodelay(true).unwrap();
    let (ask, asked) = channel();
    // Two bytes a round, a little apart: the second may come while the first is read.
    let writer = thread::spawn(move || {
        for round in asked {
            peer.write_all(b"a").unwrap();
            (0..round * 7 % 400).for_each(|_| std::hint::spin_loop());
            peer.write_all(b"b").unwrap();
        }
    });
    for round in 0..ROUNDS {
        ask.send(round).unwrap();
        let mut read = 0;
        while read < 2 {
            match Pin::new(&mut stream).poll_read(&mut cx, &mut [0; 64]) {
                Poll::Ready(n) => read += n.unwrap(),
                Poll::Pending => us.wait(),
            }
        }
    }
    drop(ask);
    writer.join().unwrap();
    is_over.store(true, Ordering::SeqCst);
    turner.join().unwrap();
}
