//! [`Router`]: who decides whom a message goes to.

use super::message::Topic;
use crate::connection::Protocol;
use crate::identity::PeerId;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// Decides whom messages go to, and what the protocol is called. All else is [`PubSub`](super::PubSub)'s and the same
/// for every router: peers and their streams, framing, signatures, what has been seen, validation, bounds and events.
///
/// [`FloodRouter`](crate::protocols::floodsub::FloodRouter) is the one that is here. A mesh router as gossipsub's
/// stands in its place: it keeps its meshes here and picks from them in `recipients`. What it needs beside is told
/// through further methods: which protocol a peer speaks, who subscribes and leaves, the control messages of an RPC
/// (which [`Rpc`](super::wire::Rpc) passes over today), and time, for its heartbeat.
pub trait Router {
    /// What the protocol is called, in order of preference.
    fn protocols(&self) -> Vec<Protocol>;

    /// Picks those to whom a message on a topic goes: into `to`, each once. `subscribers` are the peers that subscribe
    /// to it. Its source, and whom it came from, are left out whatever is picked.
    fn recipients(&mut self, topic: &Topic, subscribers: &BTreeSet<PeerId>, to: &mut Vec<PeerId>);
}
