//! Attackers: hostile bytes over real sockets, by hand on the crate's Noise layer. They know the wire and the command line
//! of a node, and nothing else of it, so that they can attack any version.

pub(crate) mod catalogue;
mod doors;
mod events;
mod frames;
pub(crate) mod listeners;
mod misuse;
pub(crate) mod peer;
pub(crate) mod pubsub;
#[path = "../../support/raw_frames.rs"]
#[allow(dead_code, reason = "the attackers use its frames, and shake hands by themselves")]
pub(crate) mod raw_frames;
mod resets;
pub(crate) mod scene;
mod seen;
mod silent;
mod speaker;
mod streams;
