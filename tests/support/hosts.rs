//! Hosts, two at a time on one thread, and what their notifees are told, as lines in a channel that can be awaited.

use smol::channel::{Receiver, Sender, unbounded};
use smol::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use std::future::Future;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::host::{Config, Connection, Handle, Host, Listener, Stream};
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Failure, ListenerEnd, ListenerId, StreamEnd, StreamId};
use swarm_notify::notifee::{HasNode, Notifee, NotifeeContext};

/// Nothing in these tests takes as long; it is what a hang costs.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
pub(crate) const RAW: Protocol = Protocol::from_static("/raw/1.0.0");
pub(crate) const IP4: &str = "/ip4/127.0.0.1/tcp/0";

pub(crate) fn identity(number: u8) -> Keypair {
    Keypair::ed25519_from_bytes([number; 32]).expect("any 32 bytes are a secret key")
}

/// A host with an identity of its number, that answers echo.
pub(crate) fn host(number: u8, config: Config) -> Host {
    let host = Host::new(&identity(number), config).unwrap();
    host.handle().set_handler(ECHO, echo);
    host
}

pub(crate) async fn echo(stream: Stream) -> io::Result<()> {
    let (mut reader, mut writer) = io::split(stream);
    io::copy(&mut reader, &mut writer).await?;
    writer.close().await
}

/// Waits on this thread; fails if that takes too long.
#[track_caller]
pub(crate) fn wait<R>(task: impl Future<Output = R>) -> R {
    let limit = async {
        smol::Timer::after(LIMIT).await;
        None
    };
    let done = smol::block_on(smol::future::or(async { Some(task.await) }, limit));
    done.expect("it takes too long")
}

/// Two hosts with their handles.
pub(crate) struct Pair {
    pub(crate) a: Host,
    pub(crate) b: Host,
    pub(crate) at_a: Handle,
    pub(crate) at_b: Handle,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(Config::default(), Config::default())
    }

    pub(crate) fn with(a: Config, b: Config) -> Self {
        let (a, b) = (host(1, a), host(2, b));
        let (at_a, at_b) = (a.handle(), b.handle());
        Self { a, b, at_a, at_b }
    }

    /// Runs both until `task` is over.
    #[track_caller]
    pub(crate) fn run<R>(&mut self, task: impl Future<Output = R>) -> R {
        wait(self.a.run_until(self.b.run_until(task)))
    }
}

/// Has `a` listen and `b` dial it.
pub(crate) async fn connect(a: &Handle, b: &Handle) -> (Listener, Connection) {
    let listener = a.listen(IP4.parse().unwrap()).await.unwrap();
    let connection = b.dial(listener.addresses()[0].clone()).await.unwrap();
    (listener, connection)
}

/// The inbound streams of a protocol, handed out of their handlers.
pub(crate) fn accept(handle: &Handle, protocol: Protocol) -> Receiver<Stream> {
    let (sender, receiver) = unbounded();
    handle.set_handler(protocol, async move |stream| sender.send(stream).await.map_err(drop));
    receiver
}

/// Has `a` listen and `b` dial it and open a raw stream, which `a` hands out: the connection, and the stream's two ends.
pub(crate) async fn both_ends(a: &Handle, b: &Handle, inbound: &Receiver<Stream>) -> (Connection, Stream, Stream) {
    let (_, connection) = connect(a, b).await;
    let ours = connection.open_stream(&[RAW]).await.unwrap();
    let theirs = inbound.recv().await.unwrap();
    (connection, ours, theirs)
}

/// Reads the name that each inbound stream of a protocol says, and hands it out; each is served for as long as nobody
/// sends.
pub(crate) fn accept_names(handle: &Handle, protocol: Protocol) -> (Sender<()>, Receiver<String>) {
    let ((go, may_go), (sender, receiver)) = (unbounded(), unbounded());
    handle.set_handler(protocol, async move |mut stream| {
        let mut name = String::new();
        stream.read_to_string(&mut name).await.unwrap();
        sender.send(name).await.unwrap();
        may_go.recv().await.unwrap();
        stream.close().await
    });
    (go, receiver)
}

/// Goes to the peer and back on a stream of its own: what was written on the connection before has arrived there since.
pub(crate) async fn round_trip(connection: &Connection) {
    let mut stream = connection.open_stream(&[ECHO]).await.unwrap();
    stream.write_all(b"!").await.unwrap();
    stream.close().await.unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).await.unwrap();
    assert_eq!(back, b"!");
}

/// Writes down what it is told: `name id reason`.
struct Log(Sender<String>);

/// Registers a notifee that writes down what it is told from now on.
#[track_caller]
pub(crate) fn log(host: &mut Host) -> Receiver<String> {
    let (sender, receiver) = unbounded();
    host.with(|notifees, _| notifees.register(Log(sender))).unwrap();
    receiver
}

/// The next line that starts with `name`; what comes before is passed over.
pub(crate) async fn told(log: &Receiver<String>, name: &str) -> String {
    loop {
        let line = log.recv().await.unwrap();
        if line.starts_with(name) {
            return line;
        }
    }
}

impl Log {
    fn line(&self, line: String) {
        // Nobody may listen any more.
        let _ = self.0.try_send(line);
    }
}

impl<N: HasNode> Notifee<N> for Log {
    fn listen(&mut self, _: &mut NotifeeContext<'_, N>, _: ListenerId) {
        self.line("listen".to_owned());
    }

    fn listen_failed(&mut self, _: &mut NotifeeContext<'_, N>, _: ListenerId, reason: Failure) {
        self.line(format!("listen_failed {reason}"));
    }

    fn listen_close(&mut self, _: &mut NotifeeContext<'_, N>, _: ListenerId, reason: ListenerEnd) {
        self.line(format!("listen_close {reason}"));
    }

    fn connected(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId) {
        self.line("connected".to_owned());
    }

    fn connect_failed(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, reason: Failure) {
        self.line(format!("connect_failed {reason}"));
    }

    fn disconnected(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, reason: ConnectionEnd) {
        self.line(format!("disconnected {reason}"));
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId) {
        let view = cx.network().node().stream(stream).expect("it has just opened");
        let line = format!("opened_stream {} {}", view.direction, view.protocol.expect("it is agreed"));
        self.line(line);
    }

    fn stream_failed(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, _: StreamId, reason: Failure) {
        self.line(format!("stream_failed {reason}"));
    }

    fn closed_stream(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId, _: StreamId, reason: StreamEnd) {
        self.line(format!("closed_stream {reason}"));
    }
}
