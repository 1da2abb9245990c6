//! [`Raw`]: a peer of `a` that shakes hands as it should, and then says frames made by hand.

use super::pair::{A, Pair};
use super::transport::{RawDial, SimPipe};
use futures::io::{AsyncRead as _, AsyncWrite as _};
use libp2p_identity::Keypair;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use swarm_notify::connection::Role;
use swarm_notify::connection::noise::{Config, Handshake, Opened, Transport};
use swarm_notify::lifecycle::ConnectionId;

pub(crate) const DATA: u8 = 0;
pub(crate) const UPDATE: u8 = 1;
pub(crate) const PING: u8 = 2;
pub(crate) const GO_AWAY: u8 = 3;
pub(crate) const SYN: u16 = 1;
pub(crate) const ACK: u16 = 2;
pub(crate) const FIN: u16 = 4;
pub(crate) const RST: u16 = 8;

/// A proposal of `/echo/1.0.0`, which is also its confirmation.
pub(crate) const ECHO_LINES: &[u8] = b"\x13/multistream/1.0.0\n\x0c/echo/1.0.0\n";
const NOISE_LINES: &[u8] = b"\x13/multistream/1.0.0\n\x07/noise\n";

/// The host that it dials from.
const HOST: u8 = 3;

/// One frame of yamux.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u16,
    pub(crate) id: u32,
    pub(crate) length: u32,
    pub(crate) payload: Vec<u8>,
}

/// A frame as raw bytes: (type, flags, stream, length), then payload.
pub(crate) fn frame(kind: u8, flags: u16, id: u32, length: u32) -> Vec<u8> {
    let mut bytes = vec![0, kind];
    bytes.extend(flags.to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes
}

/// A data frame.
pub(crate) fn data(flags: u16, id: u32, payload: &[u8]) -> Vec<u8> {
    [frame(DATA, flags, id, payload.len() as u32), payload.to_vec()].concat()
}

/// The go-away of a peer that leaves in good order.
pub(crate) fn go_away() -> Vec<u8> {
    frame(GO_AWAY, 0, 0, 0)
}

/// The dialer's end of a connection to `a`.
pub(crate) struct Raw {
    pipe: SimPipe,
    transport: Transport,
    wire: Vec<u8>,
    plain: Vec<u8>,
    /// The other side has ended its direction.
    pub(crate) has_ended: bool,
    /// All frames that have come, in order.
    pub(crate) heard: Vec<Frame>,
}

impl Raw {
    /// Connects to `a`, which listens for it, and gives a's id of the connection.
    pub(crate) fn connect<const EVENTS: usize>(pair: &mut Pair<EVENTS>) -> (Self, ConnectionId) {
        let listener = pair.a.listen(&A.at(4001));
        pair.settle();
        pair.a.expect(&[format!("listen {listener}")]);
        let mut dial = RawDial::new(&pair.network, HOST, &A.at(4001));
        pair.settle();
        let mut pipe = dial.pipe().expect("it was accepted");
        let identity = Keypair::ed25519_from_bytes([HOST; 32]).unwrap();
        let config = Config::new(&identity, [HOST; 32], &["/yamux/1.0.0"]).unwrap();
        let mut handshake = Handshake::new(&config, Role::Dialer, [9; 32], None).unwrap();
        let mut said = NOISE_LINES.to_vec();
        handshake.transmit(&mut said).unwrap();
        pipe.give(&said);
        pair.settle();
        let answer = pipe.take();
        let message = &answer[NOISE_LINES.len()..];
        assert_eq!(handshake.receive(message), Ok((message.len(), true)));
        said.clear();
        handshake.transmit(&mut said).unwrap();
        pipe.give(&said);
        pair.settle();
        let connection = pair.a.swarm.connections().last().expect("it is there");
        pair.a.expect(&[format!("connected {connection} inbound")]);
        let transport = handshake.finish().unwrap().0;
        let raw = Self { pipe, transport, wire: Vec::new(), plain: Vec::new(), has_ended: false, heard: Vec::new() };
        (raw, connection)
    }

    /// Says frames in one write.
    pub(crate) fn say(&mut self, frames: &[Vec<u8>]) {
        let mut wire = Vec::new();
        self.transport.seal(&frames.concat(), &mut wire).unwrap();
        self.pipe.give(&wire);
    }

    /// The same, if the pipe is whole.
    pub(crate) fn try_say(&mut self, frames: &[Vec<u8>]) {
        let mut wire = Vec::new();
        self.transport.seal(&frames.concat(), &mut wire).unwrap();
        self.pipe.try_give(&wire);
    }

    /// Ends its direction of the pipe.
    pub(crate) fn end(&mut self) {
        let closed = Pin::new(&mut self.pipe).poll_close(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(closed, Poll::Ready(Ok(()))));
    }

    /// Reads all that has come, and gives the frames.
    pub(crate) fn hear(&mut self) -> Vec<Frame> {
        let mut buffer = [0; 1024];
        while let Poll::Ready(Ok(n)) =
            Pin::new(&mut self.pipe).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer)
        {
            self.wire.extend_from_slice(&buffer[..n]);
            if n == 0 {
                self.has_ended = true;
                break;
            }
        }
        let mut plain = vec![0; 65_535];
        while let Opened::Message { consumed, len } = self.transport.open(&self.wire, &mut plain).unwrap() {
            self.wire.drain(..consumed);
            self.plain.extend_from_slice(&plain[..len]);
        }
        let mut frames = Vec::new();
        while let Some(header) = self.plain.first_chunk::<12>() {
            let word = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
            let (kind, flags) = (header[1], u16::from_be_bytes([header[2], header[3]]));
            let (id, length) = (word(4), word(8));
            let end = 12 + if kind == DATA { length as usize } else { 0 };
            if self.plain.len() < end {
                break;
            }
            let payload = self.plain[12..end].to_vec();
            self.plain.drain(..end);
            frames.push(Frame { kind, flags, id, length, payload });
        }
        self.heard.extend(frames.iter().cloned());
        frames
    }

    /// All that has been said on a stream so far, and whether its FIN has come.
    pub(crate) fn stream(&mut self, id: u32) -> (Vec<u8>, bool) {
        self.hear();
        let of = || self.heard.iter().filter(|frame| frame.id == id);
        (of().flat_map(|frame| frame.payload.clone()).collect(), of().any(|frame| frame.flags & FIN != 0))
    }

    /// Whether a stream was reset.
    pub(crate) fn was_reset(&mut self, id: u32) -> bool {
        self.hear();
        self.heard.iter().any(|frame| frame.id == id && frame.flags & RST != 0)
    }
}
