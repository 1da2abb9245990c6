//! [`Router`]: the choice of the peers that a message goes to.

use super::message::Topic;
use crate::connection::Protocol;
use crate::identity::PeerId;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// The part of pub/sub that differs between its protocols: the protocols' names, and the choice of recipients. Everything
/// else is in [`PubSub`](super::PubSub) and the same for every router: peers and their streams, framing, signatures, the
/// cache of seen messages, validation, bounds and events.
///
/// [`FloodRouter`](crate::protocols::floodsub::FloodRouter) is the only router here. A mesh router such as gossipsub's
/// would take its place: it would keep its meshes itself and pick from them in `recipients`. It would need more methods:
/// for the protocol that a peer speaks, for subscriptions that come and go, for the control messages of an RPC (which
/// [`Rpc`](super::wire::Rpc) ignores today), and for time, for its heartbeat.
pub trait Router {
    /// Returns the protocols' names, the preferred one first.
    fn protocols(&self) -> Vec<Protocol>;

    /// Adds the recipients of a message on a topic to `to`, each once. `subscribers` are the peers that subscribe to the
    /// topic. The author of the message and the peer that sent it are left out afterwards, even if they are picked.
    fn recipients(&mut self, topic: &Topic, subscribers: &BTreeSet<PeerId>, to: &mut Vec<PeerId>);
}
