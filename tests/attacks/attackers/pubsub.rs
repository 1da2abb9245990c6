//! Pub/sub: messages that are forged or come again, and topics that flap.

use super::peer::Identity;
use super::raw_frames::{SYN, data};
use super::scene::Scene;
use super::speaker::{Packing, Speech, proposal};
use prost::Message as _;
use swarm_notify::protocols::pubsub::Signing;
use swarm_notify::protocols::pubsub::wire::{Message, Rpc, SubOpts};

/// The topic that the node subscribes to.
pub(crate) const TOPIC: &str = "news";

/// The lines that begin a stream of pub/sub.
pub(super) fn opening() -> Vec<u8> {
    proposal("/floodsub/1.0.0")
}

/// A message as its author sends it. Numbers of one author are to rise.
pub(super) fn message(author: &Identity, number: u64, data: &[u8]) -> Vec<u8> {
    let signing = Signing::strict_sign(author.keypair.clone(), number);
    signing.seal(TOPIC, data).expect("Ed25519 signs").0
}

/// One RPC that publishes messages.
pub(super) fn publishing(publish: Vec<Vec<u8>>) -> Vec<u8> {
    Rpc::new(Vec::new(), publish).to_frame()
}

/// The frames of a stream on which an author publishes one message.
pub(crate) fn publishing_stream(author: &Identity, number: u64, said: &[u8]) -> Vec<u8> {
    data(SYN, 1, &[opening(), publishing(vec![message(author, number, said)])].concat())
}

fn forged(author: &Identity, number: u64) -> Vec<u8> {
    let whole = message(author, number, b"forged");
    let mut message = Message::decode(&whole[..]).expect("it was encoded");
    *message.signature.as_mut().and_then(|signature| signature.first_mut()).expect("it is signed") ^= 1;
    message.encode_to_vec()
}

fn flood(scene: &Scene, refrain: Vec<u8>) {
    Speech { opening: opening(), refrain, packing: Packing::Long, reads: true }.say(scene, 1);
}

/// Messages whose signatures are wrong.
pub(crate) fn forgeries(scene: &Scene) {
    let author = Identity::new(700);
    flood(scene, publishing((1..=100).map(|number| forged(&author, number)).collect()));
}

/// The same of an author whose key costs the node most.
pub(crate) fn rsa_forgeries(scene: &Scene) {
    let author = Identity::rsa();
    flood(scene, publishing((1..=20).map(|number| forged(&author, number)).collect()));
}

/// One message, again and again.
pub(crate) fn duplicates(scene: &Scene) {
    flood(scene, publishing(vec![message(&Identity::new(701), 1, b"again"); 100]));
}

/// Messages of topics that the node does not subscribe to.
pub(crate) fn unwanted(scene: &Scene) {
    let author = Identity::new(702);
    let message = |number| {
        let signing = Signing::strict_sign(author.keypair.clone(), number);
        signing.seal("gossip", b"unwanted").expect("Ed25519 signs").0
    };
    flood(scene, publishing((1..=100).map(message).collect()));
}

/// Topics that are subscribed to and given up.
pub(crate) fn flapping(scene: &Scene) {
    let change = |n| SubOpts::new(n % 2 == 0, format!("topic {}", n / 2 % 50));
    flood(scene, Rpc::new((0..100).map(change).collect(), Vec::new()).to_frame());
}
