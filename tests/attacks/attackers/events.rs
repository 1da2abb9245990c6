//! What a peer says of itself, at its own pace: each push is an event with all that it says in it.

use super::scene::Scene;
use super::streams::ask;
use swarm_notify::protocols::identify::{Info, encode};

/// The bytes of the one long string in a push: with all else in it, as much as a node takes.
const LENGTH: usize = 16_000;

/// Pushes identity after identity.
pub(crate) fn pushes(scene: &Scene) {
    let mut info = Info::default();
    info.agent_version = Some("x".repeat(LENGTH));
    let message = encode(&info);
    let mut words = Vec::new();
    let mut length = message.len();
    while length >= 0x80 {
        words.push(length as u8 | 0x80);
        length >>= 7;
    }
    words.push(length as u8);
    words.extend(message);
    ask(scene, 1, "/ipfs/id/push/1.0.0", &words);
}

/// Asks who the node is.
pub(crate) fn questions(scene: &Scene) {
    ask(scene, 1, "/ipfs/id/1.0.0", b"");
}
