//! The fuzz target `pubsub_rpc`: what peers of pub/sub send each other, from arbitrary bytes and from arbitrary fields.
//! What decodes stays within its bounds and is the same after it has been encoded; what is signed is true, and whatever
//! is done to it is not, unless it says the same; and messages on a stream come out whole however it is cut. Peers that do
//! anything meet a node that stays within its bounds, turn by turn and in all, and loses nothing that has come whole. A node
//! whose cache is small takes, repeats and refuses what a slow model of the cache does, and a peer that is slow gets what a slow
//! model says, in its order.
//! `cargo test` runs it over its corpus and over seeded input.

use super::pubsub_line::LinePlay;
use super::pubsub_play::Play;
use super::pubsub_seen::SeenPlay;
use super::with;
use arbitrary::{Arbitrary, Unstructured};
use libp2p_identity::Keypair;
use swarm_notify::protocols::pubsub::signing::{Claim, Invalid};
use swarm_notify::protocols::pubsub::wire::{Frames, Malformed, Message, Rpc, RpcLimits, SubOpts};
use swarm_notify::protocols::pubsub::{MessageId, Signing};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// Anything, as an RPC and as a message.
    Bytes(&'a [u8]),
    /// Good fields, encoded, and bent here and there.
    Rpc { subscriptions: Vec<(Option<bool>, Option<String>)>, publish: Vec<&'a [u8]>, bends: Vec<(u16, u8)> },
    /// A message with some of its fields.
    Fields(Fields<'a>),
    /// A message that is signed, then bent at one place, or with something behind it.
    Signed { author: u8, seqno: u64, topic: String, data: &'a [u8], at: u16, mask: u8, more: &'a [u8] },
    /// A message without an author.
    Unsigned { topic: String, data: &'a [u8] },
    /// Messages on a stream, with something behind them, and where it is cut.
    Stream { messages: Vec<&'a [u8]>, rest: &'a [u8], longest: u8, cuts: Vec<u8> },
    /// A node with floodsub, and peers that do anything.
    Play(Play),
    /// A node whose cache is small, and messages that come again.
    Seen(SeenPlay),
    /// A node with a peer that is slow to take messages.
    Line(LinePlay),
}

#[derive(Arbitrary, Debug)]
struct Fields<'a> {
    from: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
    seqno: Option<&'a [u8]>,
    topic: Option<String>,
    signature: Option<&'a [u8]>,
    key: Option<&'a [u8]>,
}

/// One run.
pub(crate) fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    match input {
        Input::Bytes(bytes) => {
            rpc(bytes);
            message(bytes);
        }
        Input::Rpc { subscriptions, publish, bends } => {
            let subscriptions = subscriptions.into_iter().map(|(subscribe, topic)| sub_opts(subscribe, topic));
            let publish = publish.into_iter().map(<[u8]>::to_vec);
            let good = Rpc::new(subscriptions.collect(), publish.collect());
            let mut bytes = body(&good);
            assert_eq!(rpc(&bytes).as_ref(), Some(&good), "what we encode is what we decode");
            for (at, mask) in bends {
                let len = bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(usize::from(at) % len) {
                    *byte ^= mask;
                }
            }
            rpc(&bytes);
        }
        Input::Fields(fields) => {
            let good = fields.message();
            let decoded = message(&encode(&good));
            assert_eq!(decoded, good.topic.is_some().then_some(good), "a message needs a topic, and that is all");
        }
        Input::Signed { author, seqno, topic, data, at, mask, more } => {
            signed(author, seqno, &topic, data).bent(at, mask, more)
        }
        Input::Unsigned { topic, data } => unsigned(&topic, data),
        Input::Play(play) => drop(play.run()),
        Input::Seen(play) => play.run(),
        Input::Line(play) => play.run(),
        Input::Stream { messages, rest, longest, cuts } => stream(&messages, rest, longest.into(), &cuts),
    }
}

fn encode(message: &Message) -> Vec<u8> {
    prost::Message::encode_to_vec(message)
}

/// An RPC without its length.
fn body(rpc: &Rpc) -> Vec<u8> {
    let frame = rpc.to_frame();
    let mut frames = Frames::new(usize::MAX);
    frames.extend(&frame);
    let body = frames.next().expect("we write a length").expect("and as much as that").to_vec();
    assert!(!frames.is_cut() && body.len() < frame.len());
    body
}

/// An RPC whose topics are any bytes.
#[derive(PartialEq, prost::Message)]
struct LooseRpc {
    #[prost(message, repeated, tag = "1")]
    subscriptions: Vec<LooseSubOpts>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    publish: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    control: Vec<Vec<u8>>,
}

/// A control message whose entries are not decoded.
#[derive(PartialEq, prost::Message)]
struct LooseControl {
    #[prost(bytes = "vec", repeated, tag = "1")]
    ihave: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    iwant: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    graft: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    prune: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "5")]
    idontwant: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    extensions: Vec<Vec<u8>>,
}

/// Whether the bytes are a control message, and each entry a message of any fields.
fn is_control(bytes: &[u8]) -> bool {
    let Ok(control) = <LooseControl as prost::Message>::decode(bytes) else { return false };
    let LooseControl { ihave, iwant, graft, prune, idontwant, extensions } = control;
    let mut entries = [ihave, iwant, graft, prune, idontwant, extensions].into_iter().flatten();
    entries.all(|entry| <() as prost::Message>::decode(&*entry).is_ok())
}

#[derive(PartialEq, prost::Message)]
struct LooseSubOpts {
    #[prost(bool, optional, tag = "1")]
    subscribe: Option<bool>,
    #[prost(bytes = "vec", optional, tag = "2")]
    topic: Option<Vec<u8>>,
}

/// A message whose fields may all come several times.
#[derive(PartialEq, prost::Message)]
struct LooseMessage {
    #[prost(bytes = "vec", repeated, tag = "1")]
    from: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    data: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    seqno: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    topic: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "5")]
    signature: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    key: Vec<Vec<u8>>,
}

impl LooseMessage {
    /// Each field as often as it comes.
    fn fields(&self) -> [&Vec<Vec<u8>>; 6] {
        [&self.from, &self.data, &self.seqno, &self.topic, &self.signature, &self.key]
    }

    /// The message in which the last of each counts; `None` if it has no topic, or none that is text. Any topic has to be.
    fn last(&self) -> Option<Message> {
        if self.topic.iter().any(|topic| std::str::from_utf8(topic).is_err()) {
            return None;
        }
        let [from, data, seqno, topic, signature, key] = self.fields().map(|field| field.last().cloned());
        Some(Message { from, data, seqno, topic: Some(String::from_utf8(topic?).ok()?), signature, key })
    }
}

fn sub_opts(subscribe: Option<bool>, topic: Option<String>) -> SubOpts {
    with(SubOpts::default(), |change| (change.subscribe, change.topic) = (subscribe, topic))
}

/// Whatever it is, as an RPC.
fn rpc(bytes: &[u8]) -> Option<Rpc> {
    let most = |subscriptions, messages| {
        let mut most = RpcLimits::new(subscriptions, messages);
        most.control = usize::MAX;
        most
    };
    let decoded = Rpc::decode_at_most(bytes, most(usize::MAX, usize::MAX));
    let loose = <LooseRpc as prost::Message>::decode(bytes);
    let is_good = loose.as_ref().is_ok_and(|loose| loose.control.iter().all(|control| is_control(control)));
    assert_eq!(decoded.is_ok(), is_good, "what prost takes is taken, and nothing else");
    let (rpc, loose) = (decoded.ok()?, loose.ok()?);
    let changes = loose.subscriptions.iter().filter_map(|change| {
        let topic = change.topic.clone().map(String::from_utf8).transpose().ok()?;
        Some(sub_opts(change.subscribe, topic))
    });
    let good = Rpc::new(changes.collect(), loose.publish.clone());
    assert_eq!(rpc, good, "all that has a topic of text");
    let (subscriptions, messages) = (loose.subscriptions.len(), loose.publish.len());
    let topics = rpc.subscriptions.iter().filter_map(|change| change.topic.as_ref()).map(String::len);
    let content = topics.chain(rpc.publish.iter().map(Vec::len)).sum::<usize>();
    assert!(content + 2 * (subscriptions + messages) <= bytes.len(), "nothing is made up");
    // As many as there are, and not one less.
    assert_eq!(Rpc::decode_at_most(bytes, most(subscriptions, messages)).as_ref(), Ok(&rpc));
    if subscriptions > 0 {
        assert!(Rpc::decode_at_most(bytes, most(subscriptions - 1, messages)).is_err());
    }
    if messages > 0 {
        assert!(Rpc::decode_at_most(bytes, most(subscriptions, messages - 1)).is_err());
    }
    let again = body(&rpc);
    assert_eq!(Rpc::decode_at_most(&again, most(subscriptions, messages)).as_ref(), Ok(&rpc));
    for bytes in &rpc.publish {
        message(bytes);
    }
    Some(rpc)
}

/// Whatever it is, as a message.
fn message(bytes: &[u8]) -> Option<Message> {
    let loose = <LooseMessage as prost::Message>::decode(bytes);
    let decoded = Message::decode_with_topic(bytes);
    assert_eq!(decoded.as_ref().ok(), loose.as_ref().ok().and_then(LooseMessage::last).as_ref(), "the last one counts");
    let [strict, none] = [signing(1, 0), Signing::strict_no_sign()].map(|signing| signing.open(bytes));
    let (Ok(message), Ok(loose)) = (decoded, loose) else {
        assert!(matches!(strict, Err(Invalid::Malformed)) && matches!(none, Err(Invalid::Malformed)));
        return None;
    };
    assert_eq!(Message::decode_with_topic(&encode(&message)).as_ref(), Ok(&message));
    assert_eq!(
        Message::decode_with_topic(&[bytes, bytes].concat()).as_ref(),
        Ok(&message),
        "the same twice is the same"
    );
    let is_repeated = loose.fields().iter().any(|field| field.len() > 1);
    assert!(strict.is_err() || none.is_err(), "one policy takes it at most");
    if let Ok(claim) = strict {
        let source = claim.message.source.expect("it has an author");
        assert_eq!(Some(&source.to_bytes()), message.from.as_ref());
        assert_eq!(claim.message.seqno.map(|seqno| seqno.to_be_bytes().to_vec()), message.seqno);
        let is_as_others_write_it = encode(&message) == bytes && message.key.as_ref().is_none_or(|key| !key.is_empty());
        assert_eq!(claim.is_forwardable, is_as_others_write_it);
        says(&claim, &message);
        assert_ne!(claim.verify(bytes), Err(Invalid::Malformed), "it was opened");
    }
    if let Ok(claim) = none {
        assert_eq!((claim.message.source, claim.message.seqno), (None, None));
        assert_eq!(claim.is_forwardable, !is_repeated);
        assert_eq!(claim.id, MessageId::of_content(&claim.message.topic, &claim.message.data));
        says(&claim, &message);
        assert_eq!(claim.verify(bytes), Ok(()));
    }
    Some(message)
}

fn says(claim: &Claim, message: &Message) {
    assert_eq!(Some(&*claim.message.topic), message.topic.as_deref());
    assert_eq!(claim.message.data, message.data.clone().unwrap_or_default());
}

fn signing(author: u8, seqno: u64) -> Signing {
    let keypair = Keypair::ed25519_from_bytes([author; 32]).expect("any 32 bytes are a secret key");
    Signing::strict_sign(keypair, seqno)
}

/// A message that is signed as it should be.
struct Signed {
    bytes: Vec<u8>,
    claim: Claim,
    signing: Signing,
}

fn signed(author: u8, seqno: u64, topic: &str, data: &[u8]) -> Signed {
    let signing = signing(author, seqno);
    let (bytes, id) = signing.seal(topic, data).expect("an Ed25519 key signs");
    let claim = signing.open(&bytes).expect("what we seal can be opened");
    assert_eq!((&claim.id, claim.message.seqno), (&id, Some(seqno)));
    assert_eq!((&*claim.message.topic, &claim.message.data[..]), (topic, data));
    assert_eq!(claim.verify(&bytes), Ok(()));
    assert!(Signing::strict_no_sign().open(&bytes).is_err());
    Signed { bytes, claim, signing }
}

impl Signed {
    fn bent(self, at: u16, mask: u8, more: &[u8]) {
        let Self { mut bytes, claim, signing } = self;
        // With something behind it, it may say with which key it was signed, and nothing else.
        let longer = [&bytes[..], more].concat();
        message(&longer);
        if let Ok(other) = signing.open(&longer)
            && other.verify(&longer).is_ok()
        {
            assert_eq!((other.id, other.message), (claim.id.clone(), claim.message.clone()));
        }
        if mask != 0 {
            let at = usize::from(at) % bytes.len();
            bytes[at] ^= mask;
            // The claim of the true one does not fit what was bent, nor does what that claims.
            let fits = signing.open(&bytes).is_ok_and(|other| other.verify(&bytes).is_ok());
            assert!(!fits, "it was bent at {at} by {mask:#x}");
        }
    }
}

fn unsigned(topic: &str, data: &[u8]) {
    let signing = Signing::strict_no_sign();
    let (bytes, id) = signing.seal(topic, data).expect("nothing is signed");
    let claim = signing.open(&bytes).expect("what we seal can be opened");
    assert_eq!((&claim.id, &id), (&id, &MessageId::of_content(topic, data)));
    assert_eq!((&*claim.message.topic, &claim.message.data[..]), (topic, data));
    assert!(message(&bytes).is_some() && self::signing(1, 0).open(&bytes).is_err());
}

/// What comes out of a stream, and whether it ends within something or with what is no length.
fn read<'a>(longest: usize, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Option<bool>) {
    let (mut frames, mut messages) = (Frames::new(longest), Vec::new());
    for piece in pieces {
        frames.extend(piece);
        loop {
            match frames.next() {
                Ok(Some(message)) => messages.push(message.to_vec()),
                Ok(None) => break,
                Err(_) => return (messages, None),
            }
        }
    }
    (messages, Some(frames.is_cut()))
}

fn stream(messages: &[&[u8]], rest: &[u8], longest: usize, cuts: &[u8]) {
    let mut wire = Vec::new();
    for message in messages {
        prost::encoding::encode_varint(message.len() as u64, &mut wire);
        wire.extend_from_slice(message);
    }
    let good = messages.iter().take_while(|message| message.len() <= longest).map(|message| message.to_vec());
    let good: Vec<_> = good.collect();
    let is_good = good.len() == messages.len();
    assert_eq!(read(longest, [&wire[..]].into_iter()), (good.clone(), is_good.then_some(false)));
    wire.extend_from_slice(rest);
    let whole = read(longest, [&wire[..]].into_iter());
    assert!(whole.0.starts_with(&good) && whole.0.iter().all(|message| message.len() <= longest));
    assert_eq!(read(longest, wire.chunks(1)), whole, "cut at every byte");
    let mut left = &wire[..];
    let mut cuts = cuts.iter().cycle();
    let pieces = std::iter::from_fn(|| {
        let n = cuts.next().map_or(left.len(), |n| usize::from(*n) + 1).min(left.len());
        let (piece, rest) = left.split_at(n);
        left = rest;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(read(longest, pieces), whole, "cut here and there");
}

impl Fields<'_> {
    fn message(self) -> Message {
        let bytes = |field: Option<&[u8]>| field.map(<[u8]>::to_vec);
        let Self { from, data, seqno, topic, signature, key } = self;
        let (from, data, seqno) = (bytes(from), bytes(data), bytes(seqno));
        Message { from, data, seqno, topic, signature: bytes(signature), key: bytes(key) }
    }
}
