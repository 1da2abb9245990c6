//! Yamux frames made by hand, behind a Noise handshake as it should be: a peer that says what a test wants.

use swarm_notify::connection::Role;
use swarm_notify::connection::noise::{Config, Handshake, Opened, Transport};
use swarm_notify::identity::Keypair;

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

/// The dialer's handshake.
pub(crate) struct Greeting {
    /// None once it is over.
    handshake: Option<Handshake>,
    heard: Vec<u8>,
}

impl Greeting {
    /// Begins, and gives the first words to send.
    pub(crate) fn begin(key: u8) -> (Self, Vec<u8>) {
        let identity = Keypair::ed25519_from_bytes([key; 32]).unwrap();
        let config = Config::new(&identity, [key; 32], &["/yamux/1.0.0"]).unwrap();
        let mut handshake = Handshake::new(&config, Role::Dialer, [9; 32], None).unwrap();
        let mut said = NOISE_LINES.to_vec();
        handshake.transmit(&mut said).unwrap();
        (Self { handshake: Some(handshake), heard: Vec::new() }, said)
    }

    /// Hears an answer. Once all of it has come, gives the last words to send and the frames of the connection.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Option<(Vec<u8>, Frames)> {
        self.heard.extend_from_slice(bytes);
        let message = self.heard.get(NOISE_LINES.len()..)?;
        let (consumed, is_whole) = self.handshake.as_mut()?.receive(message).unwrap();
        if !is_whole {
            assert_eq!(consumed, 0);
            return None;
        }
        assert_eq!(consumed, message.len(), "nothing follows");
        let (mut said, mut handshake) = (Vec::new(), self.handshake.take()?);
        handshake.transmit(&mut said).unwrap();
        let transport = handshake.finish().unwrap().0;
        Some((said, Frames { transport, wire: Vec::new(), plain: Vec::new(), heard: Vec::new() }))
    }
}

/// The frames of a connection, both ways.
pub(crate) struct Frames {
    transport: Transport,
    wire: Vec<u8>,
    plain: Vec<u8>,
    /// All that have come, in order.
    pub(crate) heard: Vec<Frame>,
}

impl Frames {
    /// The bytes to send for frames.
    pub(crate) fn seal(&mut self, frames: &[Vec<u8>]) -> Vec<u8> {
        let mut wire = Vec::new();
        self.transport.seal(&frames.concat(), &mut wire).unwrap();
        wire
    }

    /// The frames that bytes complete.
    pub(crate) fn open(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.wire.extend_from_slice(bytes);
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

    /// All data that has come on a stream, and whether its FIN has.
    pub(crate) fn stream(&self, id: u32) -> (Vec<u8>, bool) {
        let of = || self.heard.iter().filter(|frame| frame.id == id);
        (of().flat_map(|frame| frame.payload.clone()).collect(), of().any(|frame| frame.flags & FIN != 0))
    }

    /// Whether a stream was reset.
    pub(crate) fn was_reset(&self, id: u32) -> bool {
        self.heard.iter().any(|frame| frame.id == id && frame.flags & RST != 0)
    }
}
