//! One stream: megabytes in one direction, and one byte there and back. The same rivals as in streams.rs, and for
//! the byte two sockets on an epoll, which is what the system takes at least; every side writes and reads 64 KiB at a
//! time.

mod support;

#[path = "support/epoll.rs"]
#[cfg(target_os = "linux")]
mod epoll;

use futures::future::FutureExt;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use libp2p::tcp::tokio;
use std::sync::Arc;
use support::ours::{CHURN, Node, Pair, Sockets, Work, drain, fill};
use support::theirs::{self, Ground, How, Raw, Standing};
use support::{amount, compare, rival};
use swarm_notify::lifecycle::{ConnectionId, Event, StreamId};
use swarm_notify::swarm::Readiness;
use swarm_notify::tcp;

const CHUNK: usize = 64 * 1024;

/// So many chunks, and the end of both sides.
struct Bulk {
    connection: ConnectionId,
    stream: Option<StreamId>,
    left: usize,
    buffer: Vec<u8>,
}

impl Bulk {
    fn fill<S: Sockets>(&mut self, node: &mut Node<S>, stream: StreamId) {
        if self.left > 0 {
            fill(node, stream, &self.buffer, &mut self.left);
            if self.left == 0 {
                node.finish(stream).unwrap();
            }
        }
    }
}

impl Work for Bulk {
    fn begin<S: Sockets>(&mut self, node: &mut Node<S>) {
        let stream = node.open_stream(self.connection, &[CHURN]).unwrap();
        self.stream = Some(stream);
        self.fill(node, stream);
    }

    fn dialer<S: Sockets>(&mut self, node: &mut Node<S>, event: Option<Event>, ready: Option<Readiness>) {
        if let Some(Readiness::Stream { stream, readable, writable }) = ready {
            if writable {
                self.fill(node, stream);
            }
            if readable {
                assert_eq!(node.read(stream, &mut [0; 16]), Ok(0));
            }
        }
        if let Some(Event::ClosedStream { .. }) = event {
            self.stream = None;
        }
    }

    fn listener<S: Sockets>(&mut self, node: &mut Node<S>, _: Option<Event>, ready: Option<Readiness>) {
        if let Some(Readiness::Stream { stream, readable: true, .. }) = ready
            && drain(node, stream, &mut self.buffer)
        {
            node.finish(stream).unwrap();
        }
    }

    fn is_over(&self) -> bool {
        self.stream.is_none()
    }
}

/// A byte there and back, so many times.
struct PingPong {
    connection: ConnectionId,
    stream: Option<StreamId>,
    left: usize,
}

impl Work for PingPong {
    fn begin<S: Sockets>(&mut self, node: &mut Node<S>) {
        let stream = node.open_stream(self.connection, &[CHURN]).unwrap();
        assert_eq!(node.write(stream, b"x"), Ok(1));
        self.stream = Some(stream);
    }

    fn dialer<S: Sockets>(&mut self, node: &mut Node<S>, event: Option<Event>, ready: Option<Readiness>) {
        if let Some(Readiness::Stream { stream, readable: true, .. }) = ready {
            match node.read(stream, &mut [0; 16]).unwrap() {
                0 => {}
                _ if self.left > 1 => {
                    self.left -= 1;
                    assert_eq!(node.write(stream, b"x"), Ok(1));
                }
                _ => node.finish(stream).unwrap(),
            }
        }
        if let Some(Event::ClosedStream { .. }) = event {
            self.stream = None;
        }
    }

    fn listener<S: Sockets>(&mut self, node: &mut Node<S>, _: Option<Event>, ready: Option<Readiness>) {
        if let Some(Readiness::Stream { stream, readable: true, .. }) = ready {
            match node.read(stream, &mut [0; 16]).unwrap() {
                0 => node.finish(stream).unwrap(),
                n => assert_eq!(node.write(stream, &b"x"[..n]), Ok(1)),
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stream.is_none()
    }
}

fn write_chunks(mut stream: Raw, chunks: usize) -> theirs::Task {
    async move {
        let buffer = vec![0; CHUNK];
        for _ in 0..chunks {
            stream.write_all(&buffer).await.unwrap();
        }
        stream.close().await.unwrap();
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
        stream
    }
    .boxed()
}

fn read_chunks(mut stream: Raw) -> theirs::Task {
    async move {
        let mut buffer = vec![0; CHUNK];
        while stream.read(&mut buffer).await.unwrap() > 0 {}
        stream.close().await.unwrap();
        stream
    }
    .boxed()
}

fn ping(mut stream: Raw, times: usize) -> theirs::Task {
    async move {
        for _ in 0..times {
            stream.write_all(b"x").await.unwrap();
            stream.flush().await.unwrap();
            stream.read_exact(&mut [0]).await.unwrap();
        }
        stream.close().await.unwrap();
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
        stream
    }
    .boxed()
}

fn pong(mut stream: Raw) -> theirs::Task {
    async move {
        while stream.read(&mut [0; 16]).await.unwrap() > 0 {
            stream.write_all(b"x").await.unwrap();
            stream.flush().await.unwrap();
        }
        stream.close().await.unwrap();
        stream
    }
    .boxed()
}

fn main() {
    let ground = Ground::new();
    let socket = Arc::new(ground.run(theirs::bind()));
    let standing = |how| Standing::new(&ground, how, socket.clone());
    let (mut ours, mut on_tokio) = (Pair::<tcp::Transport>::new(), Pair::<tokio::Transport>::new());
    let (connection, other) = (ours.connect(), on_tokio.connect());

    let their = |how| {
        let mut pair = standing(how);
        move |n| pair.run(1, 1, move |stream| write_chunks(stream, n), read_chunks)
    };
    let mut bulk = |n| {
        let mut work = Bulk { connection, stream: None, left: n * CHUNK, buffer: vec![0; CHUNK] };
        ours.run(&mut work);
    };
    let mut bulk_on_tokio = |n| {
        let mut work = Bulk { connection: other, stream: None, left: n * CHUNK, buffer: vec![0; CHUNK] };
        on_tokio.run(&mut work);
    };
    let rivals = vec![
        rival("swarm-notify", &mut bulk),
        rival("swarm-notify, tokio's TCP", &mut bulk_on_tokio),
        rival("direct", their(How::Direct)),
        rival("bare yamux", their(How::Bare)),
    ];
    for (name, seconds) in compare("bulk, 64 KiB", amount(1_000), rivals) {
        println!("{:<28} {name:<28} {:>12.1} MB/s", "bulk", CHUNK as f64 / seconds / 1e6);
    }

    let their = |how| {
        let mut pair = standing(how);
        move |n| pair.run(1, 1, move |stream| ping(stream, n), pong)
    };
    let mut trips = |n| ours.run(&mut PingPong { connection, stream: None, left: n });
    let mut trips_on_tokio = |n| on_tokio.run(&mut PingPong { connection: other, stream: None, left: n });
    let rivals = vec![
        rival("swarm-notify", &mut trips),
        rival("swarm-notify, tokio's TCP", &mut trips_on_tokio),
        rival("direct", their(How::Direct)),
        rival("bare yamux", their(How::Bare)),
        #[cfg(target_os = "linux")]
        rival("bare epoll", {
            let pair = epoll::Pair::new();
            move |n| pair.ping_pong(n)
        }),
    ];
    compare("1-byte ping-pong", amount(5_000), rivals);
}
