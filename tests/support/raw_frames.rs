//! Yamux frames that are made and read by hand, and the Noise handshake of a peer that says nothing but them. Nothing here
//! uses our own coder of frames.

use swarm_notify::connection::noise::{self, Config, Handshake, Opened, Transport};
use swarm_notify::connection::{Role, yamux};
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
/// The dialer's proposal of Noise, which is also its confirmation.
pub(crate) const NOISE_LINES: &[u8] = b"\x13/multistream/1.0.0\n\x07/noise\n";

/// One frame of yamux.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u16,
    pub(crate) id: u32,
    pub(crate) length: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn encode(&self) -> Vec<u8> {
        [frame(self.kind, self.flags, self.id, self.length), self.payload.clone()].concat()
    }

    /// Takes the first frame off `bytes`, or returns `None` while it is not whole.
    pub(crate) fn decode_first(bytes: &mut &[u8]) -> Option<Self> {
        let (header, behind) = bytes.split_first_chunk::<12>()?;
        let [version, kind, f0, f1, i0, i1, i2, i3, l0, l1, l2, l3] = *header;
        assert!(version == 0 && kind <= GO_AWAY, "a frame of yamux");
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        let (payload, rest) = behind.split_at_checked(if kind == DATA { length as usize } else { 0 })?;
        *bytes = rest;
        Some(Self {
            kind,
            flags: u16::from_be_bytes([f0, f1]),
            id: u32::from_be_bytes([i0, i1, i2, i3]),
            length,
            payload: payload.to_vec(),
        })
    }

    /// Decodes bytes that are whole frames.
    pub(crate) fn decode_all(mut bytes: &[u8]) -> Vec<Self> {
        let frames = std::iter::from_fn(|| Self::decode_first(&mut bytes)).collect();
        assert_eq!(bytes, b"", "whole frames");
        frames
    }
}

/// A frame without a payload, as raw bytes.
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
        Self::with_muxers(key, &[yamux::PROTOCOL_NAME])
    }

    /// The same of a dialer that names these muxers in its handshake. Without any, the muxer is negotiated behind it.
    pub(crate) fn with_muxers(key: u8, muxers: &[&str]) -> (Self, Vec<u8>) {
        let identity = Keypair::ed25519_from_bytes([key; 32]).unwrap();
        let config = Config::new(&identity, [key; 32], muxers).unwrap();
        let mut handshake = Handshake::new(&config, Role::Dialer, [9; 32], None).unwrap();
        let mut said = NOISE_LINES.to_vec();
        handshake.transmit(&mut said).unwrap();
        (Self { handshake: Some(handshake), heard: Vec::new() }, said)
    }

    /// Hears an answer. Once all of it has come, gives the last words to send and the frames of the connection.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Option<(Vec<u8>, Frames)> {
        self.try_hear(bytes).unwrap()
    }

    /// The same where the wire may have changed a byte. An error ends the greeting.
    pub(crate) fn try_hear(&mut self, bytes: &[u8]) -> Result<Option<(Vec<u8>, Frames)>, noise::Error> {
        self.heard.extend_from_slice(bytes);
        let Some(message) = self.heard.get(NOISE_LINES.len()..) else { return Ok(None) };
        let Some(mut handshake) = self.handshake.take() else { return Ok(None) };
        let (consumed, is_whole) = handshake.receive(message)?;
        if !is_whole {
            assert_eq!(consumed, 0);
            self.handshake = Some(handshake);
            return Ok(None);
        }
        assert_eq!(consumed, message.len(), "nothing follows");
        let mut said = Vec::new();
        handshake.transmit(&mut said)?;
        let transport = handshake.finish()?.0;
        Ok(Some((said, Frames::of(transport))))
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
    /// Those of a connection whose handshake is over.
    pub(crate) const fn of(transport: Transport) -> Self {
        Self { transport, wire: Vec::new(), plain: Vec::new(), heard: Vec::new() }
    }

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
        let mut rest = &self.plain[..];
        let frames: Vec<_> = std::iter::from_fn(|| Frame::decode_first(&mut rest)).collect();
        let left = rest.len();
        self.plain.drain(..self.plain.len() - left);
        self.heard.extend(frames.iter().cloned());
        frames
    }

    /// Returns all data that has come on a stream, and whether its FIN has come.
    pub(crate) fn stream(&self, id: u32) -> (Vec<u8>, bool) {
        let of = || self.heard.iter().filter(|frame| frame.id == id);
        (of().flat_map(|frame| frame.payload.clone()).collect(), of().any(|frame| frame.flags & FIN != 0))
    }

    /// Returns whether a stream was reset.
    pub(crate) fn was_reset(&self, id: u32) -> bool {
        self.heard.iter().any(|frame| frame.id == id && frame.flags & RST != 0)
    }
}
