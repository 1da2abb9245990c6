//! [`Relay`]: a TCP relay between the owner and a process, polled beside the owner, that counts the bytes that pass.

use async_io::Async;
use futures_lite::io::{AsyncRead, AsyncWrite};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

pub(crate) struct Relay {
    listener: Async<TcpListener>,
    to: SocketAddr,
    /// The sockets of who has dialed and of who was dialed.
    ends: Option<[Async<TcpStream>; 2]>,
    ways: [Way; 2],
    /// How many bytes may pass before it is time to strike.
    left: usize,
    swallows: bool,
    is_cut: bool,
}

/// One direction: what has been read and not been written yet.
#[derive(Default)]
struct Way {
    bytes: Vec<u8>,
    ended: bool,
}

impl Relay {
    pub(crate) fn new(to: SocketAddr, left: usize) -> Self {
        let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
        Self { listener, to, ends: None, ways: Default::default(), left, swallows: false, is_cut: false }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.get_ref().local_addr().unwrap()
    }

    /// As many bytes have passed as should.
    pub(crate) const fn has_passed(&self) -> bool {
        self.left == 0
    }

    /// Both have ended their side, or neither is there any more.
    pub(crate) fn is_over(&self) -> bool {
        self.is_cut || self.ways.iter().all(|way| way.ended)
    }

    /// Closes both sockets, which somebody has connected.
    pub(crate) fn cut(&mut self) {
        self.ends = None;
        self.is_cut = true;
    }

    /// Closes both sockets with a reset.
    pub(crate) fn reset(&mut self) {
        for end in self.ends.iter().flatten() {
            socket2::SockRef::from(end).set_linger(Some(Duration::ZERO)).unwrap();
        }
        self.cut();
    }

    /// Takes everything from now on, and passes nothing on.
    pub(crate) fn swallow(&mut self) {
        self.swallows = true;
    }

    /// Passes on what there is. `false`: nothing.
    pub(crate) fn turn(&mut self, cx: &mut Context<'_>) -> bool {
        if self.is_cut {
            return false;
        }
        let Some(ends) = &self.ends else {
            if self.listener.poll_readable(cx).is_pending() {
                return false;
            }
            let Ok((near, _)) = self.listener.get_ref().accept() else { return true };
            // Whoever it is for listens, so that this does not block.
            let far = TcpStream::connect(self.to).unwrap();
            self.ends = Some([near, far].map(|end| Async::new(end).unwrap()));
            return true;
        };
        let mut happened = false;
        for (from, way) in self.ways.iter_mut().enumerate() {
            let (source, sink) = (&ends[from], &ends[1 - from]);
            while !way.ended && way.bytes.is_empty() {
                let mut buffer = [0; 4096];
                match Pin::new(&mut &*source).poll_read(cx, &mut buffer) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(n @ 1..)) => {
                        happened = true;
                        if !self.swallows {
                            way.bytes.extend_from_slice(&buffer[..n]);
                        }
                    }
                    Poll::Ready(Ok(0) | Err(_)) => {
                        happened = true;
                        way.ended = true;
                        if !self.swallows {
                            let _ = sink.get_ref().shutdown(Shutdown::Write);
                        }
                    }
                }
            }
            while !way.bytes.is_empty() {
                // What is beyond the strike is not passed on before it.
                let most = if self.left > 0 { way.bytes.len().min(self.left) } else { way.bytes.len() };
                match Pin::new(&mut &*sink).poll_write(cx, &way.bytes[..most]) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(n)) => {
                        happened = true;
                        way.bytes.drain(..n);
                        if self.left > 0 && self.left != usize::MAX {
                            self.left -= n;
                            if self.left == 0 {
                                return true;
                            }
                        }
                    }
                    // Who is gone hears nothing.
                    Poll::Ready(Err(_)) => way.bytes.clear(),
                }
            }
        }
        happened
    }
}
