//! An in-memory byte pipe: one end as the async crates want it, the other moved by hand, and a small seeded generator
//! to cut it with. Used to drive other implementations against ours, without sockets and without an executor.

use futures::io::{AsyncRead, AsyncWrite};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

/// The async end. Clones share the queues; a test keeps one to move bytes by hand.
#[derive(Clone, Default)]
pub(crate) struct Pipe(Arc<Mutex<Queues>>);

#[derive(Default)]
struct Queues {
    to_async: VecDeque<u8>,
    from_async: Vec<u8>,
}

impl Pipe {
    /// Gives bytes to the async end.
    pub(crate) fn give(&self, bytes: &[u8]) {
        self.0.lock().unwrap().to_async.extend(bytes);
    }

    /// Takes what the async end has written.
    pub(crate) fn written(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap().from_async)
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut queues = self.0.lock().unwrap();
        if queues.to_async.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(io::Read::read(&mut queues.to_async, buf))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().unwrap().from_async.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Polls once, with a waker that wakes nobody.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(futures::task::noop_waker_ref()))
}

/// A seeded generator: the same seed gives the same test.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) as usize % bound
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }

    /// Cuts a random piece off the front of a queue, which may be all of it or, if it has any, one byte.
    pub(crate) fn cut(&mut self, queue: &mut Vec<u8>) -> Vec<u8> {
        let len = self.below(queue.len() + 1).max(queue.len().min(1));
        queue.drain(..len).collect()
    }
}
