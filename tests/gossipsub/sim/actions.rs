//! [`Rpc`]: what travels on a link of the simulation. [`Recorder`]: what a router asks for, as RPCs.

use std::sync::Arc;
use swarm_notify::identity::PeerId;
use swarm_notify::protocols::pubsub::{Action, Actions};

/// What travels on a link.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rpc {
    Message(u32),
    /// An entry of a control message: the number of its RPC, of its field, and its body.
    Control(u64, u32, Arc<[u8]>),
}

impl Rpc {
    pub(crate) fn graft(topic: &str) -> Self {
        Self::Control(0, 3, [&[0x0a, topic.len() as u8], topic.as_bytes()].concat().into())
    }

    fn prune(topic: &str, seconds: u64) -> Self {
        let mut body = [&[0x0a, topic.len() as u8], topic.as_bytes()].concat();
        body.push(3 << 3);
        let mut value = seconds;
        while value > 0x7f {
            body.push(value as u8 | 0x80);
            value >>= 7;
        }
        body.push(value as u8);
        Self::Control(0, 4, body.into())
    }
}

/// Ten ids of messages that there are not, as the body of an IHAVE.
pub(crate) fn fake_ids(topic: &str, number: u64) -> Vec<u8> {
    let mut body = [&[0x0a, topic.len() as u8], topic.as_bytes()].concat();
    for other in 0..10 {
        body.extend([0x12, 9, other]);
        body.extend(number.to_be_bytes());
    }
    body
}

/// The RPCs that a router asks for, and to whom.
pub(crate) struct Recorder<'a>(pub(crate) &'a mut Vec<(PeerId, Rpc)>);

impl Actions for Recorder<'_> {
    fn act(&mut self, action: Action<'_>) {
        // An encoded entry is its key, its length, and its body.
        let body = |entry: &[u8]| {
            let mut rest = &entry[1..];
            prost::decode_length_delimiter(&mut rest).expect("it is encoded");
            (u32::from(entry[0] >> 3), Arc::<[u8]>::from(rest))
        };
        match action {
            Action::Graft { peer, topic, .. } => self.0.push((peer, Rpc::graft(topic))),
            Action::Prune { peer, topic, backoff, .. } => {
                self.0.push((peer, Rpc::prune(topic, backoff.map_or(60, |backoff| backoff.as_secs()))));
            }
            Action::Gossip { peer, entry } | Action::DontWant { peer, entry } => {
                let (field, body) = body(entry);
                self.0.push((peer, Rpc::Control(0, field, body)));
            }
            Action::Send { peer, message } => self.0.push((peer, Rpc::Message(message_of(message)))),
            Action::Grafted { .. } | Action::Pruned { .. } | Action::Extensions { .. } | Action::Dial { .. } => {}
        }
    }
}

fn message_of(message: &swarm_notify::protocols::pubsub::EncodedMessage) -> u32 {
    u32::try_from(message.number() - 1).expect("there are fewer")
}
