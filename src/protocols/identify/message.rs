//! The information that a node sends about itself, and its form on the wire: [`Info`], [`encode`] and [`decode`].
//! [`MessageReader`] reads the messages from a stream.

use super::PeerRecord;
use super::addresses::{MAX_ADDRESS, MAX_ADDRESSES, address, addresses};
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

/// The maximum number of protocols that are read from a message. Further protocols are ignored.
pub const MAX_PROTOCOLS: usize = 512;

/// The bytes of heap that an address takes beyond its encoded bytes: the header of the shared allocation, and padding if the
/// address is shorter than eight bytes.
const ADDRESS: usize = 32;
/// The bytes of heap that the name of a protocol takes beyond its text: the header of the shared allocation, with its two
/// counts, and padding.
const PROTOCOL: usize = 48;
/// The maximum length of an encoded public key in bytes. RSA keys are the longest.
const KEY: usize = 2 * 1024;

/// Returns the maximum number of bytes of heap that an [`Info`] takes if its peer sends at most `max_bytes` on a stream. The
/// information of several pushes adds up: one push may have brought all of the protocols, and another push all of the
/// addresses.
pub(super) fn most_memory(max_bytes: usize) -> usize {
    // On the wire, a protocol takes at least three bytes, and an address four.
    let protocols = MAX_PROTOCOLS.min(max_bytes / 3).saturating_mul(const { size_of::<Protocol>() + PROTOCOL });
    let address = const { size_of::<Multiaddr>() + ADDRESS };
    let addresses =
        MAX_ADDRESSES.min(max_bytes / 4).saturating_mul(const { size_of::<Multiaddr>() }.saturating_add(address));
    // Each of these may take `max_bytes`: the names of protocols, the envelope of the record, and the addresses in the
    // record.
    let bytes = max_bytes.saturating_mul(3);
    let rest = const { KEY + 2 * MAX_TEXT + MAX_ADDRESS + ADDRESS + size_of::<Info>() + 16 };
    protocols.saturating_add(addresses).saturating_add(bytes).saturating_add(rest)
}

/// Returns the number of bytes of heap that the addresses take, without the memory of the list itself.
fn memory_of(addresses: &[Multiaddr]) -> usize {
    addresses.iter().map(|address| address.len().saturating_add(ADDRESS)).fold(0, usize::saturating_add)
}

/// The information that a node sends about itself. Any field may be absent. In a push, an absent field means that its
/// information has not changed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Info {
    /// The family of protocols that the node belongs to, such as `ipfs/0.1.0`. Text from a peer is
    /// [shortened](crate::text::shorten) to [`MAX_TEXT`] bytes.
    pub protocol_version: Option<String>,
    /// The implementation of the node, such as `go-libp2p/0.40.0`. Text from a peer is shortened to [`MAX_TEXT`] bytes. It
    /// may contain any characters, so escape it before you show it.
    pub agent_version: Option<String>,
    /// The public key of the node.
    pub public_key: Option<PublicKey>,
    /// The addresses at which the node listens, at most [`MAX_ADDRESSES`].
    pub listen_addresses: Vec<Multiaddr>,
    /// The address of the receiver of the information, as its sender sees it.
    pub observed_address: Option<Multiaddr>,
    /// The protocols of which the node accepts streams, at most [`MAX_PROTOCOLS`].
    pub protocols: Vec<Protocol>,
    /// The addresses at which the node listens, signed by the node itself, so that third parties can verify them, too.
    pub record: Option<PeerRecord>,
}

impl Info {
    /// Returns whether `protocols` contains a protocol, which means that the node accepts streams of that protocol.
    #[must_use]
    pub fn speaks(&self, protocol: &Protocol) -> bool {
        self.protocols.contains(protocol)
    }

    /// Returns the number of bytes of heap that the information takes when it is in an `Arc`, including the bytes of this
    /// struct.
    pub(super) fn memory(&self) -> usize {
        let texts = [&self.protocol_version, &self.agent_version].into_iter().flatten().map(String::capacity);
        let names = self.protocols.iter().map(|protocol| protocol.as_str().len().saturating_add(PROTOCOL));
        let lists = [
            self.listen_addresses.capacity().saturating_mul(size_of::<Multiaddr>()),
            self.protocols.capacity().saturating_mul(size_of::<Protocol>()),
        ];
        // If there is a record, the addresses are those of the record and share their bytes with it.
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

    /// Replaces each field for which `news`, the information of a push, has a value. A record that is older than the present
    /// one replaces neither that record nor the addresses.
    pub(super) fn update(&mut self, news: Self) {
        let Self { protocol_version, agent_version, public_key, listen_addresses, observed_address, protocols, record } =
            news;
        self.protocol_version = protocol_version.or(self.protocol_version.take());
        self.agent_version = agent_version.or(self.agent_version.take());
        self.public_key = public_key.or(self.public_key.take());
        self.observed_address = observed_address.or(self.observed_address.take());
        // In protobuf, an empty list and an absent one are the same bytes.
        if !protocols.is_empty() {
            self.protocols = protocols;
        }
        // The addresses and their record change together, since an old record does not contain addresses that arrived
        // without a record.
        let sequence = |record: &Option<PeerRecord>| record.as_ref().map(PeerRecord::sequence);
        let is_older = record.is_some() && sequence(&record) < sequence(&self.record);
        if !is_older && (!listen_addresses.is_empty() || record.is_some()) {
            (self.listen_addresses, self.record) = (listen_addresses, record);
        }
    }
}

/// The reason for which bytes cannot be decoded as an identify message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not protobuf, or a field has the wrong type.
    Malformed,
    /// The public key is malformed, has a type that this build does not support, or is refused by this crate as unsafe.
    PublicKey,
}

impl core::error::Error for DecodeError {}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not an identify message",
            Self::PublicKey => "not a public key that can be used",
        })
    }
}

/// The identify message on the wire (libp2p/specs, `identify/README.md`). Text fields are bytes here, since not all
/// implementations ensure that they are UTF-8.
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

/// Encodes a message, without a length prefix.
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

/// Decodes a message, without a length prefix. Several concatenated messages are decoded as one message: if a field occurs
/// more than once, the last value counts, and lists are joined.
///
/// A fault in one address, protocol or record affects only that address, protocol or record, which is left out. Text that is
/// not UTF-8 is repaired, and long text is [shortened](crate::text::shorten). Unknown fields are ignored.
///
/// # Errors
/// [`DecodeError`] if the bytes are not protobuf, or the public key cannot be used.
pub fn decode(message: &[u8]) -> Result<Info, DecodeError> {
    decode_with(message, PeerRecord::verify)
}

/// Decodes a message in the way that [`decode`] does, except that the function `verify` verifies the signed record of the
/// message.
pub(super) fn decode_with(
    message: &[u8],
    verify: impl FnOnce(&[u8]) -> Option<PeerRecord>,
) -> Result<Info, DecodeError> {
    let wire = IdentifyMessage::decode(message).map_err(|_| DecodeError::Malformed)?;
    let key = wire.public_key.map(|key| IdentityKey::decode(&key).map(IdentityKey::into_public));
    let protocols = wire.protocols.into_iter().filter_map(|name| Protocol::new(String::from_utf8(name).ok()?).ok());
    let mut protocols: Vec<_> = protocols.take(MAX_PROTOCOLS).collect();
    // The capacity is what counts against `held_bytes`.
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

/// The maximum number of messages that a peer may send on one stream. Go-libp2p has the same maximum; it sends its signed
/// record in a second message.
const MAX_MESSAGES: usize = 10;

/// An upper bound on the number of bytes that the length prefixes of all messages on one stream take together.
const SLACK: usize = 8 * MAX_MESSAGES;

/// A reader of the messages that a peer sends on a stream.
#[derive(Debug)]
pub(super) struct MessageReader {
    frames: Frames,
    /// The whole messages that have arrived, concatenated. Protobuf decodes concatenated messages as a single message that
    /// has the fields of all of them.
    body: Vec<u8>,
    messages: usize,
    max_bytes: usize,
}

impl MessageReader {
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self { frames: Frames::new(max_bytes), body: Vec::new(), messages: 0, max_bytes }
    }

    /// Returns the number of bytes of heap that the arrived messages take, including a message that has not arrived whole.
    pub(super) const fn held(&self) -> usize {
        self.frames.held().saturating_add(self.body.capacity())
    }

    /// Reads all bytes that have arrived. Returns `None` if more bytes may arrive. Once the peer's side has ended, returns
    /// all messages, concatenated. Returns an error if the messages are invalid.
    pub(super) fn read_more(&mut self, node: &mut dyn Node, stream: StreamId) -> Option<Result<Vec<u8>, Failure>> {
        loop {
            match self.frames.read(node, stream) {
                Ok(true) => {
                    if let Err(reason) = self.absorb() {
                        return Some(Err(reason));
                    }
                }
                Ok(false) => return Some(self.end(Failure::Eof)),
                // We are notified when there is more to read, and of the end of the stream.
                Err(_) => return None,
            }
        }
    }

    /// Returns whether at least one whole message has arrived.
    pub(super) const fn has_message(&self) -> bool {
        self.messages > 0
    }

    /// Handles the end of the stream; `unread` are the last bytes that arrived. Returns all messages, concatenated, if at
    /// least one has arrived and each is whole, even if the peer has not finished its side. Otherwise returns `reason`, the
    /// way in which the stream ended.
    pub(super) fn cut(&mut self, unread: &[u8], reason: Failure) -> Result<Vec<u8>, Failure> {
        // No permitted messages are this long, not even with an incomplete one at the end, so the bytes are refused before
        // they are copied.
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
            // Most peers send a single message, so exactly its length is reserved.
            self.body.reserve_exact(message.len());
            self.body.extend_from_slice(message);
        }
        Ok(())
    }

    fn end(&mut self, reason: Failure) -> Result<Vec<u8>, Failure> {
        // Whole messages count even if the stream was reset or has timed out: a peer that has sent everything may let
        // go of the stream instead of finishing it.
        if self.messages == 0 || self.frames.is_cut() {
            return Err(reason);
        }
        Ok(core::mem::take(&mut self.body))
    }
}
