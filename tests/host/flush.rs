//! Flushing: a future that waits until the socket has what was written, while the socket takes nothing, and after.

use crate::support::hosts::{ECHO, IP4, RAW, accept, host, identity, wait};
use futures::io::{AsyncRead, AsyncWrite};
use libp2p_core::connection::ConnectedPoint;
use libp2p_core::transport::Transport as _;
use smol::future::{or, poll_once, yield_now, zip};
use smol::io::{self, AsyncReadExt as _, AsyncWriteExt as _, ErrorKind};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use swarm_notify::host::{Config, Connection, Handle, Host};
use swarm_notify::swarm::Swarm;
use swarm_notify::tcp;

/// Whether sockets take what is written; how much they have taken, and who waits.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<(bool, u64, Vec<Waker>)>>);

impl Gate {
    fn shut(&self) {
        self.0.lock().unwrap().0 = true;
    }

    fn open(&self) {
        let waiting = {
            let mut gate = self.0.lock().unwrap();
            gate.0 = false;
            std::mem::take(&mut gate.2)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// How many bytes were taken.
    fn taken(&self) -> u64 {
        self.0.lock().unwrap().1
    }
}

/// A socket behind a gate.
struct Gated(tcp::Stream, Gate);

impl AsyncRead for Gated {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Gated {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let gate = self.1.clone();
        let mut gate = gate.0.lock().unwrap();
        if gate.0 {
            gate.2.push(cx.waker().clone());
            return Poll::Pending;
        }
        let written = Pin::new(&mut self.0).poll_write(cx, bytes);
        if let Poll::Ready(Ok(n)) = &written {
            gate.1 += *n as u64;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// A host whose sockets stand behind a gate has a connection to another, which answers.
#[track_caller]
fn connected<R>(test: impl AsyncFnOnce(Connection, Handle, Gate) -> R) -> R {
    let gate = Gate::default();
    let reactor = tcp::Reactor::new().unwrap();
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default()).map({
        let gate = gate.clone();
        move |io, _: ConnectedPoint| Gated(io, gate.clone())
    });
    let config = swarm_notify::swarm::Config::default();
    let swarm = Swarm::with_reactor(reactor, transport, &identity(1), [1; 32], config).unwrap();
    let mut ours = Host::with_reactor(swarm, Config::default()).unwrap();
    let mut theirs = host(2, Config::default());
    let (at_ours, at_theirs) = (ours.handle(), theirs.handle());
    wait(ours.run_until(theirs.run_until(async {
        let listener = at_theirs.listen(IP4.parse().unwrap()).await.unwrap();
        let connection = at_ours.dial(listener.addresses()[0].clone()).await.unwrap();
        test(connection, at_theirs, gate).await
    })))
}

/// Lets both hosts have some turns.
async fn some_turns() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// The output, unless it is not there after some turns.
async fn soon<R>(task: impl Future<Output = R>) -> Option<R> {
    or(async { Some(task.await) }, async {
        some_turns().await;
        None
    })
    .await
}

#[test]
fn a_flush_waits_until_the_socket_has_what_was_written() {
    connected(async |connection, theirs, gate| {
        let inbound = accept(&theirs, RAW);
        let mut stream = connection.open_stream(&[RAW]).await.unwrap();
        let mut other = inbound.recv().await.unwrap();
        assert!(poll_once(stream.flush()).await.unwrap().is_ok(), "nothing was written");
        gate.shut();
        stream.write_all(b"hello").await.unwrap();
        let before = gate.taken();
        assert!(soon(stream.flush()).await.is_none(), "the socket takes nothing");
        let is_flushed = Cell::new(false);
        let flushing = async {
            stream.flush().await.unwrap();
            is_flushed.set(true);
            assert!(gate.taken() > before);
        };
        let opening = async {
            some_turns().await;
            assert!(!is_flushed.get());
            gate.open();
        };
        zip(flushing, opening).await;
        assert!(poll_once(stream.flush()).await.unwrap().is_ok(), "nothing was written since");
        other.read_exact(&mut [0; 5]).await.unwrap();
    });
}

#[test]
fn a_stream_that_has_written_nothing_since_flushes_at_once() {
    connected(async |connection, theirs, gate| {
        let _inbound = accept(&theirs, RAW);
        let mut idle = connection.open_stream(&[RAW]).await.unwrap();
        let mut busy = connection.open_stream(&[RAW]).await.unwrap();
        idle.write_all(b"done").await.unwrap();
        idle.flush().await.unwrap();
        gate.shut();
        busy.write_all(&[7; 10_000]).await.unwrap();
        assert!(soon(busy.flush()).await.is_none());
        assert!(poll_once(idle.flush()).await.unwrap().is_ok());
        gate.open();
        busy.flush().await.unwrap();
    });
}

#[test]
fn all_streams_that_flush_are_woken_by_the_same_write() {
    connected(async |connection, theirs, gate| {
        let _inbound = accept(&theirs, RAW);
        let mut streams = Vec::new();
        for _ in 0..20 {
            streams.push(connection.open_stream(&[RAW]).await.unwrap());
        }
        gate.shut();
        for stream in &mut streams {
            stream.write_all(b"data").await.unwrap();
        }
        let flushed = Cell::new(0);
        let flushing = futures::future::join_all(streams.iter_mut().map(async |stream| {
            let done = stream.flush().await;
            flushed.set(flushed.get() + 1);
            done
        }));
        let opening = async {
            some_turns().await;
            assert_eq!(flushed.get(), 0);
            gate.open();
        };
        let (done, ()) = zip(flushing, opening).await;
        assert!(done.into_iter().all(|flushed| flushed.is_ok()));
    });
}

#[test]
fn a_flush_that_waits_is_an_error_when_the_connection_ends() {
    connected(async |connection, theirs, gate| {
        let _inbound = accept(&theirs, RAW);
        let mut stream = connection.open_stream(&[RAW]).await.unwrap();
        let mut closed = connection.open_stream(&[RAW]).await.unwrap();
        gate.shut();
        stream.write_all(b"lost").await.unwrap();
        closed.write_all(b"lost, too").await.unwrap();
        closed.close().await.unwrap();
        let aborting = async {
            some_turns().await;
            connection.abort().await;
        };
        let ((flushed, closed), ()) = zip(zip(stream.flush(), closed.flush()), aborting).await;
        assert_eq!(flushed.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert_eq!(closed.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    });
}

#[test]
fn a_stream_that_has_finished_in_good_order_is_flushed() {
    connected(async |connection, _, _| {
        let mut stream = connection.open_stream(&[ECHO]).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.close().await.unwrap();
        stream.flush().await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        stream.flush().await.unwrap();
    });
}

#[test]
fn a_lazy_stream_is_flushed_when_the_peer_has_agreed() {
    connected(async |connection, _, _| {
        let mut stream = connection.open_stream_lazy(ECHO).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.flush().await.unwrap();
        stream.close().await.unwrap();
        let mut echo = String::new();
        stream.read_to_string(&mut echo).await.unwrap();
        assert_eq!(echo, "hello");
    });
}
