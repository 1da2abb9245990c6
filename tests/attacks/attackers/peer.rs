//! [`Peer`]: a connection whose frames are made by hand, on a socket that never blocks.

use super::raw_frames::Frame;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use swarm_notify::connection::noise::{Config, Handshake, Opened, Transport};
use swarm_notify::connection::{Role, yamux};
use swarm_notify::identity::Keypair;

/// What a dialer says first, and what a listener answers.
pub(crate) const NOISE_LINES: &[u8] = b"\x13/multistream/1.0.0\n\x07/noise\n";

/// The most output that is written in one call, and the room for one read.
const CHUNK: usize = 64 * 1024;

/// Who shakes hands: an identity with its Noise key.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) keypair: Keypair,
    noise: Config,
}

impl Identity {
    /// Makes the identity of a number. Each number has one of its own.
    pub(crate) fn new(number: u64) -> Self {
        let mut seed = [0x5a; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        Self::of(Keypair::ed25519_from_bytes(seed).expect("32 bytes are a key"), seed)
    }

    /// Makes an identity whose signatures cost most of all that this build can sign with: RSA of 4 096 bits.
    pub(crate) fn rsa() -> Self {
        let mut key = include_bytes!("../../support/rsa-4096.pk8").to_vec();
        Self::of(Keypair::rsa_from_pkcs8(&mut key).expect("it is a key"), [0x5b; 32])
    }

    fn of(keypair: Keypair, seed: [u8; 32]) -> Self {
        let noise = Config::new(&keypair, seed, &[yamux::PROTOCOL_NAME]).expect("it signs");
        Self { keypair, noise }
    }

    fn handshake(&self, role: Role) -> io::Result<Handshake> {
        /// No two handshakes of this process have the same seed. Their secrecy is nobody's loss.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut seed = [0xa5; 32];
        seed[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        seed[8..12].copy_from_slice(&std::process::id().to_le_bytes());
        Handshake::new(&self.noise, role, seed, None).map_err(io::Error::other)
    }

    /// Returns the first words of a dialer: its proposal of Noise, and Noise's first message.
    pub(crate) fn first_words(&self) -> Vec<u8> {
        let mut words = NOISE_LINES.to_vec();
        let _ = self.handshake(Role::Dialer).map(|mut handshake| handshake.transmit(&mut words));
        words
    }
}

/// Makes a socket that is on its way to `to`, and does not wait until it is there.
pub(crate) fn begin_connect(from: Option<IpAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    if let Some(from) = from {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    socket.set_nonblocking(true)?;
    match socket.connect(&to.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
        Err(error) => return Err(error),
    }
    // What an attacker leaves behind on this machine is not to hold up the next one: it ends with a reset.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// Waits until a socket can be read (or written), or for `limit`.
pub(crate) fn wait(sockets: &mut [PollFd<'_>], limit: Duration) {
    let timeout = Timespec::try_from(limit).expect("a limit of seconds");
    // Whoever waits looks by itself what has come of it.
    let _ = poll(sockets, Some(&timeout));
}

/// The time until `deadline`, or the error that it has passed.
fn left(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

/// A socket with an authenticated peer at its other end, and yamux on it.
pub(crate) struct Peer {
    /// Whether input is waited for.
    pub(crate) is_reading: bool,
    socket: TcpStream,
    transport: Transport,
    incoming: Vec<u8>,
    plain: Vec<u8>,
    outgoing: Vec<u8>,
    written: usize,
}

impl Peer {
    /// Connects and shakes hands.
    pub(crate) fn dial(who: &Identity, from: Option<IpAddr>, to: SocketAddr, deadline: Instant) -> io::Result<Self> {
        let mut socket = begin_connect(from, to)?;
        let mut handshake = who.handshake(Role::Dialer)?;
        let mut said = NOISE_LINES.to_vec();
        handshake.transmit(&mut said).map_err(io::Error::other)?;
        write_until(&mut socket, &said, deadline)?;
        let mut heard = Vec::new();
        loop {
            if let Some(message) = heard.get(NOISE_LINES.len()..)
                && handshake.receive(message).map_err(io::Error::other)?.1
            {
                break;
            }
            read_until(&mut socket, &mut heard, deadline)?;
        }
        said.clear();
        handshake.transmit(&mut said).map_err(io::Error::other)?;
        write_until(&mut socket, &said, deadline)?;
        Self::on(socket, handshake, Vec::new())
    }

    /// Shakes hands with whoever has dialed.
    pub(crate) fn accept(who: &Identity, mut socket: TcpStream, deadline: Instant) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let mut handshake = who.handshake(Role::Listener)?;
        let mut heard = Vec::new();
        while heard.len() < NOISE_LINES.len() {
            read_until(&mut socket, &mut heard, deadline)?;
        }
        write_until(&mut socket, NOISE_LINES, deadline)?;
        heard.drain(..NOISE_LINES.len());
        let mut said = Vec::new();
        while !handshake.is_finished() {
            let (consumed, is_whole) = handshake.receive(&heard).map_err(io::Error::other)?;
            heard.drain(..consumed);
            if !is_whole {
                read_until(&mut socket, &mut heard, deadline)?;
            }
            said.clear();
            if handshake.transmit(&mut said).map_err(io::Error::other)? {
                write_until(&mut socket, &said, deadline)?;
            }
        }
        Self::on(socket, handshake, heard)
    }

    fn on(socket: TcpStream, handshake: Handshake, incoming: Vec<u8>) -> io::Result<Self> {
        let (transport, remote) = handshake.finish().map_err(io::Error::other)?;
        if remote.muxer.is_none() {
            return Err(io::Error::other("it offers no muxer in its handshake"));
        }
        Ok(Self { is_reading: true, socket, transport, incoming, plain: Vec::new(), outgoing: Vec::new(), written: 0 })
    }

    /// What to wait for: input if it reads, and room for output if some is left.
    pub(crate) fn interest(&self) -> PollFd<'_> {
        let input = if self.is_reading { PollFlags::IN } else { PollFlags::empty() };
        let output = if self.is_written() { PollFlags::empty() } else { PollFlags::OUT };
        PollFd::new(&self.socket, input | output)
    }

    /// Waits until the socket can go on, or for `limit`.
    pub(crate) fn wait(&self, limit: Duration) {
        wait(&mut [self.interest()], limit);
    }

    pub(crate) fn is_written(&self) -> bool {
        self.written == self.outgoing.len()
    }

    /// Seals bytes, and lines them up to be written.
    pub(crate) fn seal(&mut self, plain: &[u8]) -> io::Result<()> {
        if self.is_written() {
            self.outgoing.clear();
            self.written = 0;
        }
        self.transport.seal(plain, &mut self.outgoing).map_err(io::Error::other)
    }

    /// The same with a Noise message for each byte.
    pub(crate) fn seal_bytewise(&mut self, plain: &[u8]) -> io::Result<()> {
        plain.chunks(1).try_for_each(|byte| self.seal(byte))
    }

    /// Writes what can be written now. Returns how much that is.
    pub(crate) fn flush(&mut self) -> io::Result<usize> {
        let start = self.written;
        while !self.is_written() {
            let end = self.outgoing.len().min(self.written + CHUNK);
            match self.socket.write(&self.outgoing[self.written..end]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(self.written - start)
    }

    /// Reads what has come, a few chunks at most, and drops it. Returns how much that is.
    pub(crate) fn discard(&mut self) -> io::Result<usize> {
        self.incoming.clear();
        let read = self.read()?;
        self.incoming.clear();
        Ok(read)
    }

    fn read(&mut self) -> io::Result<usize> {
        let mut read = 0;
        for _ in 0..4 {
            match read_once(&mut self.socket, &mut self.incoming) {
                Ok(n) => read += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) if read > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    /// Reads what has come, and takes the frames that are whole. Returns how many bytes were read.
    pub(crate) fn hear(&mut self, mut frame: impl FnMut(Frame)) -> io::Result<usize> {
        let read = self.read()?;
        let (mut plain, mut start) = ([0; 65_535], 0);
        loop {
            let opened = self.transport.open(&self.incoming[start..], &mut plain).map_err(io::Error::other)?;
            let Opened::Message { consumed, len } = opened else { break };
            start += consumed;
            self.plain.extend_from_slice(&plain[..len]);
        }
        self.incoming.drain(..start);
        let mut rest = &self.plain[..];
        while let Some(next) = Frame::decode_first(&mut rest) {
            frame(next);
        }
        let left = rest.len();
        self.plain.drain(..self.plain.len() - left);
        Ok(read)
    }

    /// Writes all that is lined up.
    pub(crate) fn flush_until(&mut self, deadline: Instant) -> io::Result<()> {
        loop {
            self.flush()?;
            if self.is_written() {
                return Ok(());
            }
            self.wait(left(deadline)?);
        }
    }
}

fn read_once(socket: &mut TcpStream, into: &mut Vec<u8>) -> io::Result<usize> {
    let start = into.len();
    into.resize(start + CHUNK, 0);
    let read = socket.read(&mut into[start..]);
    into.truncate(start + read.as_ref().unwrap_or(&0));
    match read {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        other => other,
    }
}

fn read_until(socket: &mut TcpStream, into: &mut Vec<u8>, deadline: Instant) -> io::Result<()> {
    loop {
        wait(&mut [PollFd::new(socket, PollFlags::IN)], left(deadline)?);
        match read_once(socket, into) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => return other.map(drop),
        }
    }
}

fn write_until(socket: &mut TcpStream, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        wait(&mut [PollFd::new(socket, PollFlags::OUT)], left(deadline)?);
        match socket.write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
