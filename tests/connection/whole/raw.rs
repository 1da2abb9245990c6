//! [`Raw`]: a peer that shakes hands as it should, in either role, and then sends frames made by hand.

use super::YAMUX;
use crate::support::ends::End;
use swarm_notify::connection::noise::{Config, Handshake, Opened, Transport};
use swarm_notify::connection::{Fact, Role};
use swarm_notify::identity::Keypair;

/// multistream-select's header, as a line.
pub(crate) const HEADER: &[u8] = b"\x13/multistream/1.0.0\n";
const NOISE: &[u8] = b"\x07/noise\n";

/// The raw end of a connection whose other end is ours.
pub(crate) struct Raw {
    pub(crate) end: End,
    pub(crate) transport: Transport,
}

impl Raw {
    /// `end` is a listener that has heard nothing yet, and is open afterwards.
    pub(crate) fn open(mut end: End) -> Self {
        let identity = Keypair::ed25519_from_bytes([9; 32]).unwrap();
        let config = Config::new(&identity, [9; 32], YAMUX).unwrap();
        let mut handshake = Handshake::new(&config, Role::Dialer, [9; 32], None).unwrap();
        let mut said = [HEADER, NOISE].concat();
        handshake.transmit(&mut said).unwrap();
        end.hear(&said, usize::MAX);
        let answer = end.say();
        let message = &answer[HEADER.len() + NOISE.len()..];
        assert_eq!(handshake.receive(message), Ok((message.len(), true)));
        said.clear();
        handshake.transmit(&mut said).unwrap();
        end.hear(&said, usize::MAX);
        assert_eq!(end.facts(), [Fact::ReadyToOpen]);
        assert!(end.permit());
        Self { end, transport: handshake.finish().unwrap().0 }
    }

    /// `end` is a dialer that has said nothing yet, and is open afterwards.
    pub(crate) fn accept(mut end: End) -> Self {
        let identity = Keypair::ed25519_from_bytes([8; 32]).unwrap();
        let config = Config::new(&identity, [8; 32], YAMUX).unwrap();
        let mut handshake = Handshake::new(&config, Role::Listener, [8; 32], None).unwrap();
        let said = end.say();
        let message = &said[HEADER.len() + NOISE.len()..];
        assert_eq!(handshake.receive(message), Ok((message.len(), true)));
        let mut answer = [HEADER, NOISE].concat();
        handshake.transmit(&mut answer).unwrap();
        end.hear(&answer, usize::MAX);
        assert_eq!(end.facts(), [Fact::ReadyToOpen]);
        assert!(!end.permit());
        let last = end.say();
        assert_eq!(handshake.receive(&last), Ok((last.len(), true)));
        assert_eq!(end.facts(), [Fact::ReadyToOpen]);
        assert!(end.permit());
        Self { end, transport: handshake.finish().unwrap().0 }
    }

    /// Says frames, and what they make the other end know is in its facts.
    pub(crate) fn say(&mut self, frames: &[u8]) {
        let mut wire = Vec::new();
        self.transport.seal(frames, &mut wire).unwrap();
        self.end.hear(&wire, usize::MAX);
    }

    /// The frames that the other end has to say.
    pub(crate) fn hear(&mut self) -> Vec<u8> {
        let wire = self.end.say();
        let (mut rest, mut frames) = (&wire[..], Vec::new());
        let mut plain = vec![0; 65_535];
        while let Opened::Message { consumed, len } = self.transport.open(rest, &mut plain).unwrap() {
            rest = &rest[consumed..];
            frames.extend_from_slice(&plain[..len]);
        }
        assert_eq!(rest, b"", "whole messages");
        frames
    }
}
