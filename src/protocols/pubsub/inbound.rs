//! [`InboundStream`]: a stream that a peer has opened to us, with the bytes that were read from it and the position up to
//! which they are processed.

use super::control;
use super::protobuf_fields::Fields;
use super::wire::{Malformed, RawRpc, Rpc, RpcLimits, SubOpts};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, StreamId};
use crate::protocols::frames::Frames;
use alloc::vec::Vec;
use prost::Message as _;

/// The number of bytes that are counted for a stream that has ended, in addition to its unprocessed bytes. The number of
/// such streams is bounded only by these bytes, since [`inbound_streams`](super::Config::inbound_streams) bounds open
/// streams. A peer may send one message on each stream, and open the next one before the message is processed.
const PLACE: usize = 256;

/// The peer that has sent an RPC to us, and the connection on which the RPC has arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Via {
    pub(super) peer: PeerId,
    pub(super) connection: ConnectionId,
}

/// A stream that a peer has opened to us.
#[derive(Debug)]
pub(super) struct InboundStream {
    pub(super) stream: StreamId,
    /// The connection of the stream. The connection may have ended.
    pub(super) connection: ConnectionId,
    pub(super) frames: Frames,
    pub(super) state: InboundState,
    /// The number of bytes that are counted for this stream against the bound on unprocessed bytes.
    pub(super) held: usize,
    /// The position in the RPC that is being processed; `None` if no RPC is being processed. The bytes of the RPC are those
    /// that `frames` returned last.
    rpc: Option<RpcCursor>,
}

/// The state of a stream that a peer has opened to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum InboundState {
    /// There is nothing to read or to process until the swarm reports that the stream is readable.
    Idle,
    /// The stream may have bytes to read, or RPCs to process.
    Readable,
    /// The stream has ended. Bytes that arrived on it may be left to process.
    Ended,
}

/// An entry of an RPC, or the fact that the RPC has no entry or is too long.
#[derive(PartialEq, Debug)]
pub(super) enum RpcEntry {
    /// A change of the sender's subscription to a topic.
    Change(SubOpts),
    /// A change of the sender's subscription to a topic whose name is not UTF-8.
    BadTopic,
    /// An entry of a control message: the number of its field, its encoded bytes, and the number of the RPC.
    Control { number: u32, body: Vec<u8>, rpc: u64 },
    /// The encoded bytes of a published message.
    Message(Vec<u8>),
    /// The RPC has no entry.
    Nothing,
    /// The RPC is longer than allowed, and is skipped.
    TooLong,
}

impl InboundStream {
    /// Creates the state of a stream that has just opened. RPCs of more than `rpc_bytes` bytes are skipped.
    pub(super) const fn new(stream: StreamId, connection: ConnectionId, rpc_bytes: usize) -> Self {
        Self { stream, connection, frames: Frames::new(rpc_bytes), state: InboundState::Readable, held: 0, rpc: None }
    }

    /// Returns the number of bytes that have to be counted for the stream: its unprocessed bytes, and [`PLACE`] more if the
    /// stream has ended.
    pub(super) fn holds(&self) -> usize {
        let place = match self.state {
            InboundState::Idle | InboundState::Readable => 0,
            InboundState::Ended => PLACE,
        };
        self.frames.len().saturating_add(place)
    }

    /// Returns the next entry of the RPCs that have arrived completely, and moves on to the entry after it. Returns `None`
    /// if more bytes have to be read first, and [`Malformed`] if the bytes are no RPC. Since the position has moved before
    /// the caller processes the entry, a validator that panics on an entry loses no other entry. `rpcs` is the number of RPCs
    /// that were begun on all streams.
    pub(super) fn next(&mut self, most: RpcLimits, rpcs: &mut u64) -> Result<Option<RpcEntry>, Malformed> {
        if let Some(cursor) = &mut self.rpc {
            match cursor.next(self.frames.last()) {
                Some(entry) => return Ok(Some(entry)),
                None => self.rpc = None,
            }
        }
        // A peer that reads longer RPCs than we do forwards them in good faith. When such an RPC still ended its stream
        // and counted against the peer, an author of 21 long messages could have us disconnect all honest peers that
        // forwarded them.
        if self.frames.is_refused() {
            return if self.frames.pass_over() { Ok(Some(RpcEntry::TooLong)) } else { Err(Malformed) };
        }
        let Some(bytes) = self.frames.next().map_err(|_| Malformed)? else { return Ok(None) };
        // The RPC is checked as a whole first: nothing is taken from a malformed one.
        Rpc::decode_at_most(bytes, most)?;
        rpcs.raise(1);
        let mut cursor = RpcCursor { rpc: *rpcs, ..RpcCursor::default() };
        let first = cursor.next(bytes);
        self.rpc = first.is_some().then_some(cursor);
        Ok(Some(first.unwrap_or(RpcEntry::Nothing)))
    }
}

/// A position in an encoded RPC. The changes of subscriptions are visited first, then the entries of the control message,
/// then the messages. Each entry is decoded only when it is visited, so no memory is needed except for the bytes of the RPC,
/// however long its processing takes.
#[derive(Clone, Copy, Default, Debug)]
struct RpcCursor {
    /// The number of the RPC, by which entries of one RPC are recognised.
    rpc: u64,
    /// The number of bytes that have been visited in the current pass over the RPC. There is a pass for each [`RpcPart`].
    at: usize,
    part: RpcPart,
    /// The number of bytes of the current control message that have been visited, and the range of its bytes in the RPC.
    control: Option<(usize, [usize; 2])>,
}

/// The part of an RPC that is visited in one pass over it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum RpcPart {
    #[default]
    Changes,
    /// Control comes before messages. It is cheap, and a GRAFT should not wait until the signatures of a thousand messages
    /// are verified.
    Control,
    Messages,
}

impl RpcCursor {
    /// Returns the next entry of a valid RPC, and moves on to the entry after it. Returns `None` if no entry is left.
    fn next(&mut self, rpc: &[u8]) -> Option<RpcEntry> {
        loop {
            if let Some(entry) = self.next_control(rpc) {
                return Some(entry);
            }
            // `InboundStream::next` has checked the whole RPC, so there is no error here: a pass ends only at the end of
            // the bytes.
            let Some(field) = Fields(rpc.get(self.at..)?).next().and_then(Result::ok) else {
                // Protobuf keeps no order between two repeated fields. A program that decodes the whole RPC has a list of
                // changes and a list of messages, so all changes come first, wherever they are among the bytes.
                self.at = 0;
                self.part = match self.part {
                    RpcPart::Changes => RpcPart::Control,
                    RpcPart::Control => RpcPart::Messages,
                    RpcPart::Messages => return None,
                };
                continue;
            };
            let end = self.at.saturating_add(field.bytes.len());
            self.at = end;
            match (field.number, self.part) {
                (1, RpcPart::Changes) | (2, RpcPart::Messages) => {
                    // A single field is a valid RPC, too.
                    let RawRpc { mut subscriptions, mut publish } = RawRpc::decode(field.bytes).ok()?;
                    let change =
                        subscriptions.pop().map(|raw| raw.into_text().map_or(RpcEntry::BadTopic, RpcEntry::Change));
                    return change.or_else(|| publish.pop().map(RpcEntry::Message));
                }
                (control::CONTROL, RpcPart::Control) => {
                    let body = control::body(field.bytes).unwrap_or_default();
                    self.control = Some((0, [end.saturating_sub(body.len()), end]));
                }
                _ => {}
            }
        }
    }

    /// Returns the next entry of the control message that is being visited.
    fn next_control(&mut self, rpc: &[u8]) -> Option<RpcEntry> {
        let (at, [from, to]) = self.control.as_mut()?;
        let entry = rpc.get(*from..*to).and_then(|control| control::next_entry(control, at));
        if entry.is_none() {
            self.control = None;
        }
        entry.map(|(number, body)| RpcEntry::Control { number, body, rpc: self.rpc })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{Direction, Lifecycle, Limits};
    use alloc::vec;

    const MOST: RpcLimits = RpcLimits { subscriptions: 9, messages: 9, control: 9 };

    fn inbound() -> InboundStream {
        let mut lifecycle = Lifecycle::<4>::new(Limits::default());
        let connection = lifecycle.begin_connection(Direction::Inbound).unwrap();
        lifecycle.opened(connection).unwrap();
        InboundStream::new(lifecycle.begin_stream(connection, Direction::Inbound).unwrap(), connection, 1_000)
    }

    fn change(topic: &str) -> SubOpts {
        SubOpts { subscribe: Some(true), topic: Some(topic.into()) }
    }

    fn all(inbound: &mut InboundStream) -> Vec<RpcEntry> {
        core::iter::from_fn(|| inbound.next(MOST, &mut 0).unwrap()).collect()
    }

    #[test]
    fn subscription_changes_come_before_messages() {
        let mut inbound = inbound();
        // Messages stand before and after the changes, and an unknown field between them.
        let parts = [
            Rpc { subscriptions: vec![], publish: vec![b"x".to_vec()] }.encode_to_vec(),
            Rpc { subscriptions: vec![change("a")], publish: vec![b"".to_vec()] }.encode_to_vec(),
            vec![0x1a, 2, 0x48, 1],
            Rpc { subscriptions: vec![change("b"), SubOpts::default()], publish: vec![] }.encode_to_vec(),
        ];
        let body = parts.concat();
        inbound.frames.extend(&[&[u8::try_from(body.len()).unwrap()][..], &body].concat());
        inbound.frames.extend(&Rpc { subscriptions: vec![change("c")], publish: vec![] }.to_frame());
        let first =
            [RpcEntry::Change(change("a")), RpcEntry::Change(change("b")), RpcEntry::Change(SubOpts::default())];
        let then = [RpcEntry::Message(b"x".to_vec()), RpcEntry::Message(vec![]), RpcEntry::Change(change("c"))];
        assert_eq!(all(&mut inbound), first.into_iter().chain(then).collect::<Vec<_>>());
    }

    #[test]
    fn an_rpc_without_entries_counts_as_one_entry() {
        let mut inbound = inbound();
        inbound.frames.extend(&[0, 4, 0x1a, 2, 0x48, 1, 0]);
        assert_eq!(all(&mut inbound), [RpcEntry::Nothing, RpcEntry::Nothing, RpcEntry::Nothing]);
    }

    #[test]
    fn a_topic_that_is_not_utf_8_does_not_end_the_rpc() {
        let mut inbound = inbound();
        let bad = [0x0a, 5, 0x08, 1, 0x12, 1, 0xff];
        let good = Rpc { subscriptions: vec![change("a")], publish: vec![b"x".to_vec()] }.encode_to_vec();
        let body = [&bad[..], &good, &bad].concat();
        inbound.frames.extend(&[&[u8::try_from(body.len()).unwrap()][..], &body].concat());
        let change = RpcEntry::Change(change("a"));
        assert_eq!(
            all(&mut inbound),
            [RpcEntry::BadTopic, change, RpcEntry::BadTopic, RpcEntry::Message(b"x".to_vec())]
        );
    }

    #[test]
    fn nothing_is_taken_from_a_malformed_rpc() {
        let mut inbound = inbound();
        inbound.frames.extend(&Rpc { subscriptions: vec![change("a")], publish: vec![] }.to_frame());
        let bad = [&Rpc { subscriptions: vec![change("b")], publish: vec![] }.encode_to_vec()[..], &[0xff]].concat();
        inbound.frames.extend(&[&[u8::try_from(bad.len()).unwrap()][..], &bad].concat());
        assert_eq!(inbound.next(MOST, &mut 0), Ok(Some(RpcEntry::Change(change("a")))));
        assert_eq!(inbound.next(MOST, &mut 0), Err(Malformed));
    }
}
