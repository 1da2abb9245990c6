//! The other side: a whole rust-libp2p node, on a runtime of its own in a thread of its own.

use super::behaviour::{Ask, Behaviour, Refused};
use futures::channel::{mpsc, oneshot};
use futures::{AsyncReadExt, AsyncWriteExt, FutureExt, StreamExt};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionError, DialError, Stream, StreamProtocol, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, noise, tcp, yamux};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Handle};

pub(crate) const ECHO: StreamProtocol = StreamProtocol::new("/echo/1.0.0");
pub(crate) const OTHER: StreamProtocol = StreamProtocol::new("/other/1.0.0");
pub(crate) const UNKNOWN: StreamProtocol = StreamProtocol::new("/unknown/1.0.0");

/// What a node is asked to do.
pub(crate) enum Command {
    Dial(DialOpts),
    Disconnect(PeerId),
    Open(PeerId, Ask),
}

/// A dial from a port of its own. By default rust-libp2p binds the port on which it listens, which the system refuses
/// (`AddrInUse`) while another process has a connection from a port of this number.
pub(crate) fn from_new_port(address: Multiaddr) -> DialOpts {
    DialOpts::unknown_peer_id().address(address).allocate_new_port().build()
}

/// A rust-libp2p node that listens on loopback and speaks [`ECHO`].
pub(crate) struct Node {
    pub(crate) peer: PeerId,
    /// Where it listens, with its `/p2p/…`.
    pub(crate) address: Multiaddr,
    runtime: Handle,
    commands: mpsc::UnboundedSender<Command>,
    inbound: Option<mpsc::UnboundedReceiver<Stream>>,
    told: mpsc::UnboundedReceiver<String>,
    seen: Vec<String>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Node {
    /// Starts one; it listens when this returns.
    pub(crate) fn start() -> Self {
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (commands, asked) = mpsc::unbounded();
        let (hand_over, inbound) = mpsc::unbounded();
        let (tell, told) = mpsc::unbounded();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut swarm = swarm(Behaviour::new(ECHO, hand_over));
                swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
                let address = loop {
                    if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                        break address.with_p2p(*swarm.local_peer_id()).unwrap();
                    }
                };
                ready.send((*swarm.local_peer_id(), address, Handle::current())).unwrap();
                tokio::select! {
                    () = run(swarm, asked, tell) => {}
                    _ = stopped => {}
                }
            });
            // Its sockets are closed here, whatever is on them: nobody says goodbye.
            drop(runtime);
        });
        let (peer, address, runtime) = is_ready.recv().unwrap();
        Self { peer, address, runtime, commands, inbound: Some(inbound), told, seen: Vec::new(), stop, thread }
    }

    /// Runs something on its runtime; the result can be awaited anywhere.
    pub(crate) fn spawn<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        self.runtime.spawn(future).map(|joined| joined.expect("what runs on the node's runtime does not panic"))
    }

    /// Echoes on every stream that it is asked for an echo on.
    pub(crate) fn serve_echo(&mut self) {
        let mut streams = self.inbound.take().expect("they are handed out once");
        drop(self.spawn(async move {
            while let Some(stream) = streams.next().await {
                tokio::spawn(echo(stream));
            }
        }));
    }

    /// The next stream that it is asked for an echo on, to do with as the test likes.
    pub(crate) async fn next_stream(&mut self) -> Stream {
        self.inbound.as_mut().expect("it does not serve them").next().await.expect("the node runs")
    }

    /// Opens streams.
    pub(crate) fn opener(&self) -> Opener {
        Opener(self.commands.clone())
    }

    /// Dials, with its own ideas of who answers.
    pub(crate) fn dial(&self, address: Multiaddr) {
        self.commands.unbounded_send(Command::Dial(from_new_port(address))).unwrap();
    }

    /// Dials even though it is connected.
    pub(crate) fn dial_again(&self, peer: PeerId, address: Multiaddr) {
        let options = DialOpts::peer_id(peer).addresses(vec![address]).condition(PeerCondition::Always);
        let options = options.allocate_new_port().build();
        self.commands.unbounded_send(Command::Dial(options)).unwrap();
    }

    /// Closes all its connections to a peer.
    pub(crate) fn disconnect(&self, peer: PeerId) {
        self.commands.unbounded_send(Command::Disconnect(peer)).unwrap();
    }

    /// The next thing that its swarm tells of a connection.
    pub(crate) async fn told(&mut self) -> String {
        let told = self.told.next().await.expect("the node runs");
        self.seen.push(told.clone());
        told
    }

    /// Cuts it off in the middle of whatever it does, and gives everything that its swarm has told.
    pub(crate) fn kill(mut self) -> Vec<String> {
        let _ = self.stop.send(());
        self.thread.join().expect("the node's thread does not panic");
        while let Some(Some(told)) = self.told.next().now_or_never() {
            self.seen.push(told);
        }
        self.seen
    }
}

/// Opens streams from anywhere.
#[derive(Clone)]
pub(crate) struct Opener(mpsc::UnboundedSender<Command>);

impl Opener {
    /// Opens a stream that speaks one of `protocols`, in order of preference, on any connection to a peer.
    pub(crate) async fn open(&self, peer: PeerId, protocols: &[StreamProtocol]) -> Result<Stream, Refused> {
        let (answer, answered) = oneshot::channel();
        let ask = Ask { protocols: protocols.to_vec(), answer };
        self.0.unbounded_send(Command::Open(peer, ask)).map_err(|_| Refused::Broken)?;
        answered.await.unwrap_or(Err(Refused::Broken))
    }
}

fn swarm(behaviour: Behaviour) -> Swarm<Behaviour> {
    let builder = libp2p::SwarmBuilder::with_new_identity().with_tokio();
    let tcp = tcp::Config::default().nodelay(true);
    let builder = builder.with_tcp(tcp, noise::Config::new, yamux::Config::default).unwrap();
    let Ok(builder) = builder.with_behaviour(|_| behaviour);
    builder.with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(3600))).build()
}

async fn run(
    mut swarm: Swarm<Behaviour>,
    mut asked: mpsc::UnboundedReceiver<Command>,
    tell: mpsc::UnboundedSender<String>,
) {
    loop {
        tokio::select! {
            event = swarm.select_next_some() => {
                if let Some(told) = say(event) {
                    let _ = tell.unbounded_send(told);
                }
            }
            command = asked.next() => match command {
                Some(Command::Dial(options)) => swarm.dial(options).unwrap(),
                Some(Command::Disconnect(peer)) => swarm.disconnect_peer_id(peer).unwrap(),
                Some(Command::Open(peer, ask)) => swarm.behaviour_mut().open(peer, ask),
                None => return,
            },
        }
    }
}

/// What a swarm's event says of a connection.
fn say(event: SwarmEvent<Infallible>) -> Option<String> {
    match event {
        SwarmEvent::ConnectionEstablished { endpoint, .. } => {
            Some(if endpoint.is_dialer() { "established, dialed".into() } else { "established, accepted".into() })
        }
        SwarmEvent::ConnectionClosed { cause: None, .. } => Some("closed by us".into()),
        SwarmEvent::ConnectionClosed { cause: Some(ConnectionError::IO(error)), .. } => {
            Some(format!("closed: {}", root(&error)))
        }
        SwarmEvent::ConnectionClosed { cause: Some(error), .. } => Some(format!("closed: {error}")),
        SwarmEvent::OutgoingConnectionError { error: DialError::WrongPeerId { .. }, .. } => Some("wrong peer".into()),
        SwarmEvent::OutgoingConnectionError { .. } => Some("dial failed".into()),
        SwarmEvent::IncomingConnectionError { .. } => Some("accept failed".into()),
        _ => None,
    }
}

fn root(error: &(dyn std::error::Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), root)
}

/// Sends back what comes until it ends, then ends too.
async fn echo(stream: Stream) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    futures::io::copy(reader, &mut writer).await?;
    writer.close().await
}

/// Sends `bytes` on a stream and checks that they come back, and then the end: ours before theirs is read if
/// `half_close`, else after all bytes are back.
pub(crate) async fn exchange(stream: Stream, bytes: Vec<u8>, half_close: bool) -> io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    let mut back = vec![0; bytes.len()];
    if half_close {
        futures::try_join!(
            async {
                writer.write_all(&bytes).await?;
                writer.close().await
            },
            reader.read_exact(&mut back),
        )?;
    } else {
        futures::try_join!(writer.write_all(&bytes), reader.read_exact(&mut back))?;
        writer.close().await?;
    }
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).await?;
    if back == bytes && rest.is_empty() { Ok(()) } else { Err(io::Error::other("not what was sent")) }
}
