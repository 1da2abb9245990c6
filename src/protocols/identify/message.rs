//! What a node says of itself, and how that stands on the wire: [`Info`], [`encode`], [`decode`]. [`MessageReader`]: a
//! stream on which a peer says it.

use super::PeerRecord;
use crate::arithmetic::{Count, memory_in_all};
use crate::connection::Protocol;
use crate::connection::key::IdentityKey;
use crate::identity::PublicKey;
use crate::lifecycle::{Failure, StreamId};
use crate::notifee::Node;
use crate::protocols::frames::Frames;
use crate::swarm::Multiaddr;
use crate::text::{MAX_TEXT, shorten};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use prost::Message;

/// How many addresses are taken of a message, and of a record; the rest is ignored.
pub const MAX_ADDRESSES: usize = 128;
/// How many protocols are taken of a message; the rest is ignored.
pub const MAX_PROTOCOLS: usize = 512;
/// The longest address that is taken of a message, and of a record, in bytes on the wire; a longer one is ignored.
pub const MAX_ADDRESS: usize = 1_024;

/// The bytes of heap that an address takes beside its own, as they are shared, and where it has fewer than eight.
const ADDRESS: usize = 32;
/// The bytes of heap that the name of a protocol takes beside its own: it is behind two counts.
const PROTOCOL: usize = 48;
/// The longest public key, of RSA.
const KEY: usize = 2 * 1024;

/// Returns the bytes of heap that an [`Info`] takes at most whose peer says `max_bytes` on a stream: one push may have said
/// its protocols, and another one its addresses.
pub(super) fn most_memory(max_bytes: usize) -> usize {
    // A protocol takes three bytes of a message at least, and an address four.
    let protocols = MAX_PROTOCOLS.min(max_bytes / 3).saturating_mul(const { size_of::<Protocol>() + PROTOCOL });
    let address = const { size_of::<Multiaddr>() + ADDRESS };
    let addresses =
        MAX_ADDRESSES.min(max_bytes / 4).saturating_mul(const { size_of::<Multiaddr>() }.saturating_add(address));
    // The names, the envelope of a record, and the addresses in it.
    let bytes = max_bytes.saturating_mul(3);
    let rest = const { KEY + 2 * MAX_TEXT + MAX_ADDRESS + ADDRESS + size_of::<Info>() + 16 };
    protocols.saturating_add(addresses).saturating_add(bytes).saturating_add(rest)
}

/// Returns the bytes of heap that addresses take beside the list in which they are.
fn memory_of(addresses: &[Multiaddr]) -> usize {
    addresses.iter().map(|address| address.len().saturating_add(ADDRESS)).fold(0, usize::saturating_add)
}

/// What a node says of itself. Every field may be missing; in a push, what is missing has not changed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Info {
    /// The family of protocols that it belongs to, such as `ipfs/0.1.0`. What comes from a peer is
    /// [cut](crate::text::shorten) at [`MAX_TEXT`].
    pub protocol_version: Option<String>,
    /// Its implementation, such as `go-libp2p/0.40.0`, cut at the same length. It is the peer's word: show it with care.
    pub agent_version: Option<String>,
    /// Its public key.
    pub public_key: Option<PublicKey>,
    /// Where it listens, at most [`MAX_ADDRESSES`].
    pub listen_addresses: Vec<Multiaddr>,
    /// Where the one it talks to seems to be, as seen from it.
    pub observed_address: Option<Multiaddr>,
    /// The protocols that it accepts streams of, at most [`MAX_PROTOCOLS`].
    pub protocols: Vec<Protocol>,
    /// Where it listens, signed: for others to believe.
    pub record: Option<PeerRecord>,
}

impl Info {
    /// Whether it accepts streams of a protocol.
    #[must_use]
    pub fn speaks(&self, protocol: &Protocol) -> bool {
        self.protocols.contains(protocol)
    }

    /// Returns the bytes of heap that it takes, itself among them.
    pub(super) fn memory(&self) -> usize {
        let texts = [&self.protocol_version, &self.agent_version].into_iter().flatten().map(String::capacity);
        let names = self.protocols.iter().map(|protocol| protocol.as_str().len().saturating_add(PROTOCOL));
        let lists = [
            self.listen_addresses.capacity().saturating_mul(size_of::<Multiaddr>()),
            self.protocols.capacity().saturating_mul(size_of::<Protocol>()),
        ];
        // With a record, the addresses are those of the record, and share their bytes.
        let addresses = match &self.record {
            Some(record) => {
                let list = record.capacity().saturating_mul(size_of::<Multiaddr>());
                memory_in_all([record.envelope().len(), list, memory_of(record.addresses())])
            }
            None => memory_of(&self.listen_addresses),
        };
        let observed = self.observed_address.as_slice();
        let key = self.public_key.as_ref().map_or(0, |key| key.encode_protobuf().len());
        let parts = texts.chain(names).chain(lists).chain([addresses, memory_of(observed), key]);
        parts.fold(const { size_of::<Self>() + 16 }, usize::saturating_add)
    }

    /// Takes over what `news` has.
    pub(super) fn update(&mut self, news: Self) {
        let Self { protocol_version, agent_version, public_key, listen_addresses, observed_address, protocols, record } =
            news;
        self.protocol_version = protocol_version.or(self.protocol_version.take());
        self.agent_version = agent_version.or(self.agent_version.take());
        self.public_key = public_key.or(self.public_key.take());
        self.observed_address = observed_address.or(self.observed_address.take());
        if !protocols.is_empty() {
            self.protocols = protocols;
        }
        // A record and the addresses are one thing: that of before says nothing of addresses that came without one.
        let sequence = |record: &Option<PeerRecord>| record.as_ref().map(PeerRecord::sequence);
        let is_older = record.is_some() && sequence(&record) < sequence(&self.record);
        if !is_older && (!listen_addresses.is_empty() || record.is_some()) {
            (self.listen_addresses, self.record) = (listen_addresses, record);
        }
    }
}

/// Why bytes are no message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// They are not protobuf, or their fields are not of the message's types.
    Malformed,
    /// The public key is none that is known here.
    PublicKey,
}

impl core::error::Error for DecodeError {}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not an identify message",
            Self::PublicKey => "not a public key that is known here",
        })
    }
}

/// The message (libp2p/specs, `identify/README.md`). Text is bytes, since not everybody checks that it is UTF-8.
#[derive(Clone, PartialEq, Message)]
struct IdentifyMessage {
    #[prost(bytes = "vec", optional, tag = "1")]
    public_key: Option<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    listen_addresses: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    protocols: Vec<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "4")]
    observed_address: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    protocol_version: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "6")]
    agent_version: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "8")]
    record: Option<Vec<u8>>,
}

/// A message, without its length.
///
/// ```
/// use swarm_notify::protocols::identify::{Info, decode, encode};
///
/// let mut info = Info::default();
/// info.agent_version = Some("example/1.0.0".into());
/// info.listen_addresses.push("/ip4/192.0.2.1/tcp/4001".parse()?);
/// assert_eq!(decode(&encode(&info))?, info);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[must_use]
pub fn encode(info: &Info) -> Vec<u8> {
    let wire = IdentifyMessage {
        public_key: info.public_key.as_ref().map(PublicKey::encode_protobuf),
        listen_addresses: info.listen_addresses.iter().map(Multiaddr::to_vec).collect(),
        protocols: info.protocols.iter().map(|protocol| protocol.as_str().as_bytes().to_vec()).collect(),
        observed_address: info.observed_address.as_ref().map(Multiaddr::to_vec),
        protocol_version: info.protocol_version.as_ref().map(|text| text.as_bytes().to_vec()),
        agent_version: info.agent_version.as_ref().map(|text| text.as_bytes().to_vec()),
        record: info.record.as_ref().map(|record| record.envelope().to_vec()),
    };
    wire.encode_to_vec()
}

/// What a message says, without its length. Several, one behind the other, are one: of what they both have, the later
/// counts, and lists add up.
///
/// What is wrong with one address, protocol or record costs that one and no more; text that is not UTF-8 is mended, and
/// long text is [cut](crate::text::shorten).
/// Fields that are not known are ignored.
///
/// # Errors
/// [`DecodeError`].
pub fn decode(message: &[u8]) -> Result<Info, DecodeError> {
    decode_with(message, PeerRecord::verify)
}

/// Decodes a message as [`decode`] does, and has its record verified by `verify`.
pub(super) fn decode_with(
    message: &[u8],
    verify: impl FnOnce(&[u8]) -> Option<PeerRecord>,
) -> Result<Info, DecodeError> {
    let wire = IdentifyMessage::decode(message).map_err(|_| DecodeError::Malformed)?;
    let key = wire.public_key.map(|key| IdentityKey::decode(&key).map(IdentityKey::into_public));
    let protocols = wire.protocols.into_iter().filter_map(|name| Protocol::new(String::from_utf8(name).ok()?).ok());
    let mut protocols: Vec<_> = protocols.take(MAX_PROTOCOLS).collect();
    protocols.shrink_to_fit();
    Ok(Info {
        protocol_version: wire.protocol_version.map(text),
        agent_version: wire.agent_version.map(text),
        public_key: key.transpose().map_err(|_| DecodeError::PublicKey)?,
        listen_addresses: addresses(wire.listen_addresses.into_iter()),
        observed_address: wire.observed_address.and_then(address),
        protocols,
        record: wire.record.and_then(|envelope| verify(&envelope)),
    })
}

fn text(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    match shorten(&text) {
        Cow::Owned(short) => short,
        Cow::Borrowed(_) => text,
    }
}

/// The addresses that say something, at most so many.
pub(super) fn addresses(said: impl Iterator<Item = Vec<u8>>) -> Vec<Multiaddr> {
    let mut addresses: Vec<_> = said.filter_map(address).take(MAX_ADDRESSES).collect();
    addresses.shrink_to_fit();
    addresses
}

/// An address that says something.
fn address(bytes: Vec<u8>) -> Option<Multiaddr> {
    if bytes.len() > MAX_ADDRESS {
        return None;
    }
    Multiaddr::try_from(bytes).ok().filter(|address| !address.is_empty())
}

/// How many messages the peer may say it in, as go has it: it sends its record in one of its own.
const MAX_MESSAGES: usize = 10;

/// More than the lengths of all messages take on the wire.
const SLACK: usize = 8 * MAX_MESSAGES;

/// What has come of what the peer says.
#[derive(Debug)]
pub(super) struct MessageReader {
    frames: Frames,
    /// The messages, one behind the other: to protobuf, that is one message with the fields of all.
    body: Vec<u8>,
    messages: usize,
    max_bytes: usize,
}

impl MessageReader {
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self { frames: Frames::new(max_bytes), body: Vec::new(), messages: 0, max_bytes }
    }

    /// Returns the memory that is taken by what has come.
    pub(super) const fn held(&self) -> usize {
        self.frames.held().saturating_add(self.body.capacity())
    }

    /// Reads what is there, and returns all messages behind one another if nothing follows, or the reason for which
    /// they are none; `None` if more has to come.
    pub(super) fn read_more(&mut self, node: &mut dyn Node, stream: StreamId) -> Option<Result<Vec<u8>, Failure>> {
        loop {
            match self.frames.read(node, stream) {
                Ok(true) => {
                    if let Err(reason) = self.absorb() {
                        return Some(Err(reason));
                    }
                }
                Ok(false) => return Some(self.end(Failure::Eof)),
                // More is told, and so is the end.
                Err(_) => return None,
            }
        }
    }

    /// Whether there is a message: the peer may have said it all.
    pub(super) const fn has_message(&self) -> bool {
        self.messages > 0
    }

    /// Returns all messages behind one another, if nothing comes behind `unread`, for `reason`. Whoever has said it all
    /// need not say goodbye.
    pub(super) fn cut(&mut self, unread: &[u8], reason: Failure) -> Result<Vec<u8>, Failure> {
        // More than all messages and one that is not whole: it is not copied.
        if unread.len() > self.max_bytes.saturating_mul(2).saturating_add(SLACK) {
            return Err(Failure::Protocol);
        }
        self.frames.extend(unread);
        self.absorb()?;
        self.end(reason)
    }

    fn absorb(&mut self) -> Result<(), Failure> {
        while let Some(message) = self.frames.next().map_err(|_| Failure::Protocol)? {
            self.messages.raise(1);
            if self.messages > MAX_MESSAGES || self.body.len().saturating_add(message.len()) > self.max_bytes {
                return Err(Failure::Protocol);
            }
            // Most say it in one.
            self.body.reserve_exact(message.len());
            self.body.extend_from_slice(message);
        }
        Ok(())
    }

    fn end(&mut self, reason: Failure) -> Result<Vec<u8>, Failure> {
        if self.messages == 0 || self.frames.is_cut() {
            return Err(reason);
        }
        Ok(core::mem::take(&mut self.body))
    }
}
