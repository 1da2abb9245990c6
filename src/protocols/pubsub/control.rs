//! [`Control`]: one entry of the control message of an RPC, by which mesh routers tell each other about meshes and messages.
//!
//! The entries are those of libp2p/specs, `pubsub/gossipsub/gossipsub-v1.0.md`, `-v1.1.md` (peer exchange and backoff),
//! `-v1.2.md` (IDONTWANT) and `-v1.3.md` (extensions). An entry is decoded lazily: topics and ids are slices of the bytes
//! that have arrived, so that an RPC with many ids makes us allocate nothing, however many they are.

use super::protobuf_fields::{Fields, Malformed};
use crate::arithmetic::Count;
use crate::varint;
use alloc::vec::Vec;

/// The field of an RPC that contains the control message.
pub(super) const CONTROL: u32 = 3;

/// The field of a control message that contains the extensions of version 1.3.
const EXTENSIONS: u32 = 6;

/// The field of the extensions that says that the sender takes part in the test of extensions: libp2p/specs,
/// `pubsub/gossipsub/extensions/experimental/test-extension.md`.
const TEST_EXTENSION: u32 = 6_492_434;

/// One entry of a control message, with slices of the bytes in which it arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Control<'a> {
    /// The sender has these messages of a topic, and sends those that we ask for.
    IHave {
        /// The name of the topic.
        topic: &'a str,
        /// The ids of the messages.
        ids: Ids<'a>,
    },
    /// The sender asks us for the messages with these ids.
    IWant {
        /// The ids of the messages.
        ids: Ids<'a>,
    },
    /// The sender has added us to its mesh of a topic.
    Graft {
        /// The name of the topic.
        topic: &'a str,
    },
    /// The sender has removed us from its mesh of a topic, or refuses to add us.
    Prune {
        /// The name of the topic.
        topic: &'a str,
        /// The number of seconds for which we should not send a GRAFT for the topic; `None` if the sender does not say.
        backoff: Option<u64>,
        /// Other peers that subscribe to the topic (peer exchange).
        peers: OfferedPeers<'a>,
    },
    /// The sender has received the messages with these ids, and we need not send them to it.
    IDontWant {
        /// The ids of the messages.
        ids: Ids<'a>,
    },
    /// The extensions that the sender supports.
    Extensions {
        /// True if the sender takes part in the test of extensions.
        test: bool,
    },
}

/// The message ids of a control entry, in the order in which they arrived. The iterator decodes one at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ids<'a> {
    fields: &'a [u8],
    number: u32,
}

/// The peers that a PRUNE offers: of each the bytes of its peer id, and its signed peer record if there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OfferedPeers<'a>(&'a [u8]);

impl<'a> Ids<'a> {
    /// Creates the ids of an IWANT or IDONTWANT from the encoded fields of that entry.
    const fn of_plain(fields: &'a [u8]) -> Self {
        Self { fields, number: 1 }
    }
}

impl<'a> Iterator for Ids<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (number, value, rest) = split(self.fields)?;
            self.fields = rest;
            if number == self.number
                && let Value::Bytes(id) = value
            {
                return Some(id);
            }
        }
    }
}

impl<'a> Iterator for OfferedPeers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (number, value, rest) = split(self.0)?;
            self.0 = rest;
            if let (2, Value::Bytes(info)) = (number, value) {
                let (mut peer, mut record) = (&[][..], None);
                let mut info = info;
                while let Some((number, value, rest)) = split(info) {
                    info = rest;
                    match (number, value) {
                        (1, Value::Bytes(bytes)) => peer = bytes,
                        (2, Value::Bytes(bytes)) => record = Some(bytes),
                        _ => {}
                    }
                }
                return Some((peer, record));
            }
        }
    }
}

/// The value of a field. Other wire types have no meaning in a control message.
#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

/// Splits the first field from `fields`. Returns its number, its value and the rest, or `None` at the end and at bytes that
/// are no field.
fn split(fields: &[u8]) -> Option<(u32, Value<'_>, &[u8])> {
    let field = Fields(fields).next()?.ok()?;
    let rest = fields.get(field.bytes.len()..)?;
    let (key, head) = varint::read(field.bytes)?;
    let body = field.bytes.get(head..)?;
    let value = match key & 7 {
        0 => Value::Number(varint::read(body)?.0),
        2 => Value::Bytes(body.get(varint::read(body)?.1..)?),
        _ => Value::Other,
    };
    Some((field.number, value, rest))
}

impl<'a> Control<'a> {
    /// Decodes one entry of a control message: `number` is the number of its field, and `body` the bytes of the embedded
    /// message. Returns `None` for an unknown field, and for an entry whose topic is not UTF-8, since nobody can subscribe to
    /// that topic here.
    #[must_use]
    pub fn decode(number: u32, body: &'a [u8]) -> Option<Self> {
        let (mut topic, mut backoff, mut test) = (&[][..], None, false);
        let mut fields = body;
        while let Some((field, value, rest)) = split(fields) {
            fields = rest;
            match (field, value) {
                (1, Value::Bytes(bytes)) => topic = bytes,
                (3, Value::Number(seconds)) => backoff = Some(seconds),
                (TEST_EXTENSION, Value::Number(is_set)) => test = is_set != 0,
                _ => {}
            }
        }
        let topic = || core::str::from_utf8(topic).ok();
        Some(match number {
            1 => Self::IHave { topic: topic()?, ids: Ids { fields: body, number: 2 } },
            2 => Self::IWant { ids: Ids::of_plain(body) },
            3 => Self::Graft { topic: topic()? },
            4 => Self::Prune { topic: topic()?, backoff, peers: OfferedPeers(body) },
            5 => Self::IDontWant { ids: Ids::of_plain(body) },
            EXTENSIONS => Self::Extensions { test },
            _ => return None,
        })
    }
}

/// Returns the value of an encoded field, if it consists of bytes.
pub(super) fn body(field: &[u8]) -> Option<&[u8]> {
    match split(field)? {
        (_, Value::Bytes(bytes), _) => Some(bytes),
        (_, Value::Number(_) | Value::Other, _) => None,
    }
}

/// Counts the entries of an encoded control message, and the ids and offered peers in them, without decoding any of them.
///
/// # Errors
/// Returns [`Malformed`] if the bytes are no control message.
pub(super) fn count(control: &[u8]) -> Result<usize, Malformed> {
    let mut all = 0_usize;
    for field in Fields(control) {
        all.raise(1);
        let field = field?;
        if (1..=EXTENSIONS).contains(&field.number) {
            for inner in Fields(body(field.bytes).ok_or(Malformed)?) {
                inner?;
                all.raise(1);
            }
        }
    }
    Ok(all)
}

/// An encoder of control messages. Each method appends one entry to `out`, in the form in which it stands in a control
/// message.
pub(in crate::protocols) mod encode {
    use super::{CONTROL, EXTENSIONS, TEST_EXTENSION};
    use crate::varint;
    use alloc::vec::Vec;
    use prost::length_delimiter_len as varint_len;

    /// Returns the key of a field. `kind` is its wire type: 0 for a number, and 2 for bytes.
    const fn key(number: u32, kind: u32) -> usize {
        // A field number has at most 29 bits, so that its key has at most 32.
        (number << 3 | kind) as usize
    }

    /// Returns the length of a field with a value of `len` bytes. `number` is the number of the field.
    pub(in crate::protocols) fn field_len(number: u32, len: usize) -> usize {
        varint_len(key(number, 2)).saturating_add(varint_len(len)).saturating_add(len)
    }

    /// Appends the key and the length of a field with a value of `len` bytes.
    pub(in crate::protocols) fn head(number: u32, len: usize, out: &mut Vec<u8>) {
        varint::append(key(number, 2), out);
        varint::append(len, out);
    }

    pub(super) fn bytes(number: u32, value: &[u8], out: &mut Vec<u8>) {
        head(number, value.len(), out);
        out.extend_from_slice(value);
    }

    /// Appends a control message that consists of encoded entries, in the form in which it stands in an RPC.
    pub(in crate::protocols) fn control(entries: &[u8], out: &mut Vec<u8>) {
        bytes(CONTROL, entries, out);
    }

    /// Appends an IHAVE for a topic.
    pub(in crate::protocols) fn ihave<'a>(topic: &str, ids: impl Iterator<Item = &'a [u8]> + Clone, out: &mut Vec<u8>) {
        let of_ids = ids.clone().map(|id| field_len(2, id.len()));
        head(1, of_ids.fold(field_len(1, topic.len()), usize::saturating_add), out);
        bytes(1, topic.as_bytes(), out);
        ids.for_each(|id| bytes(2, id, out));
    }

    /// Appends an entry that consists of ids: an IWANT has the number 2, and an IDONTWANT the number 5.
    pub(in crate::protocols) fn ids<'a>(number: u32, ids: impl Iterator<Item = &'a [u8]> + Clone, out: &mut Vec<u8>) {
        head(number, ids.clone().map(|id| field_len(1, id.len())).fold(0, usize::saturating_add), out);
        ids.for_each(|id| bytes(1, id, out));
    }

    /// Appends a GRAFT for a topic.
    pub(in crate::protocols) fn graft(topic: &str, out: &mut Vec<u8>) {
        head(3, field_len(1, topic.len()), out);
        bytes(1, topic.as_bytes(), out);
    }

    /// Appends a PRUNE for a topic. `backoff` is in seconds; it is `None` for a peer of version 1.0, which knows no backoff.
    /// `peers` are the encoded ids of offered peers, each with its signed peer record.
    pub(in crate::protocols) fn prune(
        topic: &str,
        backoff: Option<usize>,
        peers: &[(Vec<u8>, Vec<u8>)],
        out: &mut Vec<u8>,
    ) {
        let info_len =
            |(peer, record): &(Vec<u8>, Vec<u8>)| field_len(1, peer.len()).saturating_add(field_len(2, record.len()));
        let backoff_len = backoff.map_or(0, |seconds| varint_len(seconds).saturating_add(1));
        let infos = peers.iter().map(|info| field_len(2, info_len(info))).fold(0, usize::saturating_add);
        head(4, field_len(1, topic.len()).saturating_add(infos).saturating_add(backoff_len), out);
        bytes(1, topic.as_bytes(), out);
        for info in peers {
            head(2, info_len(info), out);
            bytes(1, &info.0, out);
            bytes(2, &info.1, out);
        }
        if let Some(seconds) = backoff {
            varint::append(key(3, 0), out);
            varint::append(seconds, out);
        }
    }

    /// Appends the extensions that we support.
    pub(in crate::protocols) fn extensions(test: bool, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        if test {
            varint::append(key(TEST_EXTENSION, 0), &mut body);
            varint::append(1, &mut body);
        }
        bytes(EXTENSIONS, &body, out);
    }
}

/// Visits the entries of an encoded control message from the byte `at` on. Returns the next known entry, as the number of
/// its field and the range of its body, and moves `at` behind it. Returns `None` at the end.
pub(super) fn next_entry(control: &[u8], at: &mut usize) -> Option<(u32, Vec<u8>)> {
    loop {
        let (number, value, rest) = split(control.get(*at..)?)?;
        *at = control.len().saturating_sub(rest.len());
        if let (1..=EXTENSIONS, Value::Bytes(body)) = (number, value) {
            return Some((number, body.to_vec()));
        }
    }
}

#[cfg(test)]
#[path = "control/tests.rs"]
mod tests;
