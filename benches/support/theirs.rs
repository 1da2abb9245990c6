//! The rivals without a swarm: `direct` is multistream-select, libp2p-noise and the yamux crate, `bare` the yamux crate
//! on the socket. Both ends of a connection and their streams' futures are polled in one loop, without tasks or
//! channels of ours, in one task of tokio's current-thread runtime (where waking oneself costs no system call, as it
//! would in `block_on`): as little as can be done around these crates.

use futures::future::{BoxFuture, FutureExt};
use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use futures::stream::{FuturesUnordered, StreamExt};
use libp2p_core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade};
use libp2p_identity::Keypair;
use multistream_select::{Version, dialer_select_proto, listener_select_proto};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_util::compat::TokioAsyncReadCompatExt;
use yamux::{Connection, Mode};

pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

pub(crate) type Raw = Box<dyn Io>;
pub(crate) type Task = BoxFuture<'static, Raw>;

/// How far a rival goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Noise, and multistream-select on each stream.
    Direct,
    /// The same, with the dialer's lazy form of multistream-select, as ours has it.
    Lazy,
    /// Yamux alone.
    Bare,
}

/// Where the rivals run.
pub(crate) struct Ground(Runtime);

impl Ground {
    pub(crate) fn new() -> Self {
        Self(Builder::new_current_thread().enable_all().build().unwrap())
    }

    /// Runs a future as a task.
    pub(crate) fn run<R: Send + 'static>(&self, future: impl Future<Output = R> + Send + 'static) -> R {
        self.0.block_on(self.0.spawn(future)).unwrap()
    }
}

pub(crate) async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Both ends of a connection.
pub(crate) struct Pair {
    pub(crate) how: How,
    dialer: Connection<Raw>,
    listener: Connection<Raw>,
}

async fn upgrade(io: TcpStream, how: How, mode: Mode) -> Connection<Raw> {
    io.set_nodelay(true).unwrap();
    let io = io.compat();
    let mut config = yamux::Config::default();
    config.set_max_connection_receive_window(None);
    config.set_max_num_streams(1 << 16);
    if how == How::Bare {
        return Connection::new(Box::new(io), config, mode);
    }
    let identity = Keypair::ed25519_from_bytes([3 + mode as u8; 32]).unwrap();
    let noise = libp2p_noise::Config::new(&identity).unwrap();
    let muxed: Raw = match mode {
        Mode::Client => {
            let (_, io) = dialer_select_proto(io, ["/noise"], Version::V1).await.unwrap();
            let (_, io) = noise.upgrade_outbound(io, "/noise").await.unwrap();
            Box::new(dialer_select_proto(io, ["/yamux/1.0.0"], Version::V1).await.unwrap().1)
        }
        Mode::Server => {
            let (_, io) = listener_select_proto(io, ["/noise"]).await.unwrap();
            let (_, io) = noise.upgrade_inbound(io, "/noise").await.unwrap();
            Box::new(listener_select_proto(io, ["/yamux/1.0.0"]).await.unwrap().1)
        }
    };
    Connection::new(muxed, config, mode)
}

impl Pair {
    pub(crate) async fn new(how: How, socket: Arc<TcpListener>) -> Self {
        let address = socket.local_addr().unwrap();
        let dial = async { upgrade(TcpStream::connect(address).await.unwrap(), how, Mode::Client).await };
        let accept = async { upgrade(socket.accept().await.unwrap().0, how, Mode::Server).await };
        let (dialer, listener) = futures::join!(dial, accept);
        Self { how, dialer, listener }
    }

    /// Opens `n` streams, so many at a time; each is dialed by one future and served by another. Gives what they leave,
    /// if `keep` is said.
    pub(crate) async fn run<D, L>(
        mut self,
        n: usize,
        at_a_time: usize,
        keep: bool,
        dial: D,
        serve: L,
    ) -> (Self, Vec<Raw>)
    where
        D: Fn(Raw) -> Task + Copy + Send + Sync + 'static,
        L: Fn(Raw) -> Task + Copy + Send + Sync + 'static,
    {
        let how = self.how;
        let (mut dialing, mut serving) = (FuturesUnordered::<Task>::new(), FuturesUnordered::<Task>::new());
        let (mut opened, mut dialed, mut served, mut kept) = (0, 0, 0, keep.then(Vec::new));
        poll_fn(|cx| {
            loop {
                let mut happened = false;
                while opened < n && opened - dialed < at_a_time {
                    let Poll::Ready(stream) = self.dialer.poll_new_outbound(cx) else { break };
                    let stream = stream.unwrap();
                    dialing.push(async move { dial(dialer_side(stream, how).await).await }.boxed());
                    opened += 1;
                }
                happened |= take_done(&mut dialing, cx, &mut dialed, &mut kept);
                if let Poll::Ready(inbound) = self.dialer.poll_next_inbound(cx) {
                    panic!("{:?}", inbound.map(|inbound| inbound.map(drop)));
                }
                while let Poll::Ready(stream) = self.listener.poll_next_inbound(cx) {
                    let stream = stream.unwrap().unwrap();
                    serving.push(async move { serve(listener_side(stream, how).await).await }.boxed());
                    happened = true;
                }
                happened |= take_done(&mut serving, cx, &mut served, &mut kept);
                if dialed == n && served == n {
                    return Poll::Ready(());
                }
                if !happened {
                    return Poll::Pending;
                }
            }
        })
        .await;
        (self, kept.unwrap_or_default())
    }

    /// Closes from the dialer's side, until both ends are over.
    pub(crate) async fn close(mut self) {
        let dialer = poll_fn(|cx| self.dialer.poll_close(cx));
        let listener = poll_fn(|cx| self.listener.poll_next_inbound(cx));
        let _ = futures::join!(dialer, listener);
    }
}

/// A pair that does its work again and again.
pub(crate) struct Standing<'a> {
    ground: &'a Ground,
    pair: Option<Pair>,
}

impl<'a> Standing<'a> {
    pub(crate) fn new(ground: &'a Ground, how: How, socket: Arc<TcpListener>) -> Self {
        Self { ground, pair: Some(ground.run(Pair::new(how, socket))) }
    }

    /// As [`Pair::run`], and keeps no stream.
    pub(crate) fn run<D, L>(&mut self, n: usize, at_a_time: usize, dial: D, serve: L)
    where
        D: Fn(Raw) -> Task + Copy + Send + Sync + 'static,
        L: Fn(Raw) -> Task + Copy + Send + Sync + 'static,
    {
        let pair = self.pair.take().expect("it comes back from each run");
        self.pair = Some(self.ground.run(pair.run(n, at_a_time, false, dial, serve)).0);
    }
}

/// Takes what is done from the tasks, and says whether anything was.
fn take_done(
    tasks: &mut FuturesUnordered<Task>,
    cx: &mut Context<'_>,
    done: &mut usize,
    kept: &mut Option<Vec<Raw>>,
) -> bool {
    let before = *done;
    while let Poll::Ready(Some(stream)) = tasks.poll_next_unpin(cx) {
        *done += 1;
        if let Some(kept) = kept {
            kept.push(stream);
        }
    }
    *done > before
}

async fn dialer_side(stream: yamux::Stream, how: How) -> Raw {
    let version = match how {
        How::Bare => return Box::new(stream),
        How::Direct => Version::V1,
        How::Lazy => Version::V1Lazy,
    };
    Box::new(dialer_select_proto(stream, ["/churn/1.0.0"], version).await.unwrap().1)
}

async fn listener_side(stream: yamux::Stream, how: How) -> Raw {
    match how {
        How::Bare => Box::new(stream),
        How::Direct | How::Lazy => Box::new(listener_select_proto(stream, ["/churn/1.0.0"]).await.unwrap().1),
    }
}

/// A byte, our end, and the other side's.
pub(crate) fn one_byte(mut stream: Raw) -> Task {
    async move {
        stream.write_all(b"x").await.unwrap();
        stream.close().await.unwrap();
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
        stream
    }
    .boxed()
}

/// Reads to the end, and ends.
pub(crate) fn sink(mut stream: Raw) -> Task {
    async move {
        let mut buffer = [0; 16];
        while stream.read(&mut buffer).await.unwrap() > 0 {}
        stream.close().await.unwrap();
        stream
    }
    .boxed()
}

/// A byte, and the stream stays.
pub(crate) fn send_byte(mut stream: Raw) -> Task {
    async move {
        stream.write_all(b"x").await.unwrap();
        stream.flush().await.unwrap();
        stream
    }
    .boxed()
}

/// Reads it.
pub(crate) fn take_byte(mut stream: Raw) -> Task {
    async move {
        stream.read_exact(&mut [0]).await.unwrap();
        stream
    }
    .boxed()
}
