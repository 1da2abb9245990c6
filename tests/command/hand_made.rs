//! [`HandMade`]: a peer of floodsub in a thread, made of frames of yamux, so that it treats our streams as no swarm does.

use crate::support::command::LIMIT;
use crate::support::raw_frames::{self, ACK, DATA, Frame, Frames, Greeting, NOISE_LINES, RST, SYN, UPDATE};
use libp2p_identity::Keypair;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use swarm_notify::connection::noise::{Config, Handshake};
use swarm_notify::connection::{Role, yamux};
use swarm_notify::protocols::pubsub::wire::{Rpc, SubOpts};
use swarm_notify::swarm::{Multiaddr, multiaddr};

/// Proposes floodsub, and agrees to it.
const FLOODSUB_LINES: &[u8] = b"\x13/multistream/1.0.0\n\x10/floodsub/1.0.0\n";
/// Does not speak what was proposed.
const NA_LINES: &[u8] = b"\x13/multistream/1.0.0\n\x03na\n";
/// The longest time between two looks at what is due.
const STEP: Duration = Duration::from_millis(20);

/// Its answer to a stream on which we propose floodsub.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Agrees,
    /// It says after this time that it does not speak floodsub.
    RefusesAfter(Duration),
    Resets,
    /// It agrees, and resets the stream as soon as anything comes on it.
    ResetsLater,
    Nothing,
}

/// The window that it grants for what comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Grant {
    /// None beyond that with which each stream begins.
    Nothing,
    /// So many bytes, each time that so much has passed.
    Bytes(u32, Duration),
}

/// A peer that joins topics, if it is to.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(crate) topics: Vec<String>,
    pub(crate) answer: Answer,
    pub(crate) grant: Grant,
}

impl Manner {
    /// Joins `news`.
    pub(crate) fn joining(answer: Answer, grant: Grant) -> Self {
        Self { topics: vec!["news".into()], answer, grant }
    }
}

/// The peer. Its connection ends when it is dropped.
pub(crate) struct HandMade {
    /// The address on which it listens, if it does.
    pub(crate) address: String,
    stop: Arc<AtomicBool>,
    /// The bytes that have come on streams that were agreed.
    received: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl HandMade {
    /// Dials a listener of the command with the identity of a number.
    #[track_caller]
    pub(crate) fn dial(number: u8, address: &str, manner: &Manner) -> Self {
        let mut socket = TcpStream::connect(socket_of(address)).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let (mut greeting, said) = Greeting::begin(number);
        socket.write_all(&said).unwrap();
        let (said, frames) = loop {
            if let Some(done) = greeting.hear(&some(&mut socket)) {
                break done;
            }
        };
        socket.write_all(&said).unwrap();
        Self::with(String::new(), manner, move |peer| peer.run(socket, frames, 1))
    }

    /// Listens for a dial of the command's, of which there is one.
    #[track_caller]
    pub(crate) fn listen(manner: &Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = format!("/ip4/127.0.0.1/tcp/{}", listener.local_addr().unwrap().port());
        Self::with(address, manner, move |peer| {
            let (socket, mut frames, heard) = accept(&listener);
            frames.open(&heard).into_iter().for_each(|frame| peer.hear(frame));
            peer.run(socket, frames, 2);
        })
    }

    fn with(address: String, manner: &Manner, run: impl FnOnce(&mut Peer) + Send + 'static) -> Self {
        let (stop, received) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Vec<u8>>>::default());
        let (manner, stopped, receives) = (manner.clone(), stop.clone(), received.clone());
        let thread = std::thread::spawn(move || {
            let mut peer = Peer {
                manner,
                stop: stopped,
                received: receives,
                streams: BTreeMap::new(),
                out: Vec::new(),
                drip: Instant::now(),
            };
            run(&mut peer);
        });
        Self { address, stop, received, thread: Some(thread) }
    }

    /// Returns whether its connection has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Returns how often these bytes have come.
    pub(crate) fn count(&self, bytes: &[u8]) -> usize {
        self.received.lock().unwrap().windows(bytes.len()).filter(|window| *window == bytes).count()
    }
}

impl Drop for HandMade {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_none_or(|ended| ended.is_ok()));
    }
}

/// The socket's address in a multiaddr.
#[track_caller]
fn socket_of(address: &str) -> SocketAddr {
    let address: Multiaddr = address.parse().unwrap();
    let port =
        address.iter().find_map(|part| if let multiaddr::Protocol::Tcp(port) = part { Some(port) } else { None });
    SocketAddr::from(([127, 0, 0, 1], port.unwrap()))
}

/// The next bytes that come.
fn some(socket: &mut TcpStream) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let n = socket.read(&mut buffer).unwrap();
    assert_ne!(n, 0, "it ended in the handshake");
    buffer[..n].to_vec()
}

/// Shakes hands with the first who comes. What it has said behind that comes last.
fn accept(listener: &TcpListener) -> (TcpStream, Frames, Vec<u8>) {
    let (mut socket, _) = listener.accept().unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let config = Config::new(&Keypair::ed25519_from_bytes([8; 32]).unwrap(), [8; 32], &[yamux::PROTOCOL_NAME]).unwrap();
    let mut handshake = Handshake::new(&config, Role::Listener, [9; 32], None).unwrap();
    socket.write_all(NOISE_LINES).unwrap();
    let mut heard = Vec::new();
    while heard.len() < NOISE_LINES.len() {
        heard.extend(some(&mut socket));
    }
    heard.drain(..NOISE_LINES.len());
    // The dialer's two messages, with ours in between.
    for _ in 0..2 {
        loop {
            let (consumed, is_whole) = handshake.receive(&heard).unwrap();
            heard.drain(..consumed);
            if is_whole {
                break;
            }
            heard.extend(some(&mut socket));
        }
        let mut said = Vec::new();
        handshake.transmit(&mut said).unwrap();
        socket.write_all(&said).unwrap();
    }
    (socket, Frames::of(handshake.finish().unwrap().0), heard)
}

/// The state of the thread.
struct Peer {
    manner: Manner,
    stop: Arc<AtomicBool>,
    received: Arc<Mutex<Vec<u8>>>,
    /// The streams that the command has opened.
    streams: BTreeMap<u32, Stream>,
    /// Frames that are to be sent.
    out: Vec<Vec<u8>>,
    /// The time at which more is granted.
    drip: Instant,
}

#[derive(Default)]
struct Stream {
    /// The bytes that have come before the protocol was agreed.
    proposal: Vec<u8>,
    is_agreed: bool,
    refuse_at: Option<Instant>,
}

impl Peer {
    /// Serves the connection until that ends or nobody wants it any more. Its own stream has the `id`.
    fn run(&mut self, mut socket: TcpStream, mut frames: Frames, id: u32) {
        socket.set_read_timeout(Some(STEP)).unwrap();
        if !self.manner.topics.is_empty() {
            let join = |topic: &String| SubOpts::new(true, topic.clone());
            let joins = Rpc::new(self.manner.topics.iter().map(join).collect(), Vec::new());
            self.out.push(raw_frames::data(SYN, id, &[FLOODSUB_LINES, &joins.to_frame()].concat()));
        }
        let mut buffer = vec![0; 65_536];
        while !self.stop.load(Ordering::Relaxed) {
            let out = std::mem::take(&mut self.out);
            if !out.is_empty() && socket.write_all(&frames.seal(&out)).is_err() {
                return;
            }
            match socket.read(&mut buffer) {
                Ok(0) => return,
                Ok(n) => {
                    frames.open(&buffer[..n]).into_iter().for_each(|frame| self.hear(frame));
                    frames.heard.clear();
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return,
            }
            self.look();
        }
        // What it was sent and has not read becomes no reset on the way of what it has said.
        let _ = socket.shutdown(Shutdown::Write);
    }

    fn hear(&mut self, frame: Frame) {
        if frame.kind == raw_frames::PING && frame.flags & SYN != 0 {
            self.out.push(raw_frames::frame(raw_frames::PING, ACK, 0, frame.length));
        }
        if frame.kind > UPDATE {
            return;
        }
        if frame.flags & SYN != 0 {
            self.streams.insert(frame.id, Stream::default());
        }
        let Some(stream) = self.streams.get_mut(&frame.id) else { return };
        if frame.kind == DATA && stream.is_agreed {
            self.received.lock().unwrap().extend(&frame.payload);
            if self.manner.answer == Answer::ResetsLater && !frame.payload.is_empty() {
                self.reset(frame.id);
            }
            return;
        }
        stream.proposal.extend(&frame.payload);
        if stream.proposal.len() < FLOODSUB_LINES.len() || stream.refuse_at.is_some() {
            return;
        }
        assert!(stream.proposal.starts_with(FLOODSUB_LINES), "it is asked for nothing else");
        match self.manner.answer {
            Answer::Agrees | Answer::ResetsLater => {
                stream.is_agreed = true;
                self.received.lock().unwrap().extend(stream.proposal.split_off(FLOODSUB_LINES.len()));
                self.out.push(raw_frames::data(ACK, frame.id, FLOODSUB_LINES));
            }
            Answer::RefusesAfter(time) => stream.refuse_at = Some(Instant::now() + time),
            Answer::Resets => self.reset(frame.id),
            Answer::Nothing => {}
        }
    }

    fn reset(&mut self, id: u32) {
        self.streams.remove(&id);
        self.out.push(raw_frames::frame(UPDATE, RST, id, 0));
    }

    /// Does what is due.
    fn look(&mut self) {
        let now = Instant::now();
        for (id, stream) in &mut self.streams {
            if stream.refuse_at.take_if(|at| *at <= now).is_some() {
                self.out.push(raw_frames::data(ACK, *id, NA_LINES));
                stream.refuse_at = Some(now + LIMIT);
            }
        }
        if let Grant::Bytes(count, pause) = self.manner.grant
            && self.drip <= now
        {
            self.drip = now + pause;
            let agreed = self.streams.iter().filter(|(_, stream)| stream.is_agreed);
            self.out.extend(agreed.map(|(id, _)| raw_frames::frame(UPDATE, 0, *id, count)));
        }
    }
}
