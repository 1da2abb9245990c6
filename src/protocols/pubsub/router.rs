//! [`Router`]: a trait that chooses the peers to which a message is sent.

use super::message::Topic;
use crate::connection::Protocol;
use crate::identity::PeerId;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// The part of pub/sub that differs between its protocols: the names of the protocols, and the choice of the recipients of a
/// message. Everything else is in [`PubSub`](super::PubSub) and is the same for every router: peers and their streams,
/// framing, signatures, the cache of seen messages, validation, bounds and events.
///
/// [`FloodRouter`](crate::protocols::floodsub::FloodRouter) is the only router of this crate. A mesh router such as
/// gossipsub's would implement this trait, too: it would store its meshes itself, and pick peers from them in `recipients`.
/// The trait would need more methods for it: for the protocol that a peer speaks, for subscriptions that begin and end, for
/// the control messages of an RPC (which [`Rpc`](super::wire::Rpc) ignores today), and for the time, since gossipsub has a
/// heartbeat.
pub trait Router {
    /// Returns the names of the protocols, in descending order of preference.
    fn protocols(&self) -> Vec<Protocol>;

    /// Adds the recipients of a message on `topic` to `to`, each once. `subscribers` are the peers that subscribe to the
    /// topic. If the router picks the author of the message or the peer that sent the message to us, they are removed from
    /// `to` afterwards.
    fn recipients(&mut self, topic: &Topic, subscribers: &BTreeSet<PeerId>, to: &mut Vec<PeerId>);
}
