//! [`FloodSub`]: pub/sub by flooding, `/floodsub/1.0.0`.
//!
//! We send a message to every peer that subscribes to its topic. Each of these peers forwards the message to the subscribers
//! among its own peers. Our implementation interoperates with the floodsub of go, js and py nodes, and with their gossipsub,
//! which speaks floodsub to peers that offer nothing else.
//!
//! This module contains only the router. The module [`pubsub`](super::pubsub) contains the service itself, its guarantees
//! and its bounds.
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use core::time::Duration;
//! use libp2p_core::transport::MemoryTransport;
//! use swarm_notify::keys;
//! use swarm_notify::notifee::{NotifeeId, Notifees};
//! use swarm_notify::protocols::floodsub::FloodSub;
//! use swarm_notify::protocols::pubsub::{Config, Event, Signing};
//! use swarm_notify::swarm::{Config as SwarmConfig, Swarm};
//!
//! struct Node {
//!     swarm: Swarm<MemoryTransport>,
//!     notifees: Notifees<Swarm<MemoryTransport>>,
//!     floodsub: NotifeeId<FloodSub>,
//! }
//!
//! impl Node {
//!     fn new() -> Result<Self, Box<dyn std::error::Error>> {
//!         let keypair = keys::generate()?;
//!         let mut swarm = Swarm::from_os_rng((), MemoryTransport::new(), &keypair, SwarmConfig::default())?;
//!         let mut notifees = Notifees::new();
//!         // The number of our first message: the time in nanoseconds, say.
//!         let signing = Signing::strict_sign(keypair, 1);
//!         let floodsub = notifees.install(&mut swarm, FloodSub::new(signing, Config::default()));
//!         Ok(Self { swarm, notifees, floodsub })
//!     }
//!
//!     fn turn(&mut self) -> Vec<Event> {
//!         self.swarm.tick(Duration::ZERO);
//!         self.notifees.drive(&mut self.swarm, Duration::ZERO);
//!         let floodsub = self.notifees.get_mut(self.floodsub).unwrap();
//!         std::iter::from_fn(|| floodsub.next_event()).collect()
//!     }
//! }
//!
//! let (mut alice, mut bob) = (Node::new()?, Node::new()?);
//! bob.notifees.get_mut(bob.floodsub).unwrap().subscribe(&mut bob.swarm, "news")?;
//! bob.swarm.listen("/memory/1717".parse()?)?;
//! bob.turn();
//! alice.swarm.dial("/memory/1717".parse()?)?;
//!
//! let mut heard = None;
//! while heard.is_none() {
//!     for event in alice.turn() {
//!         if let Event::Subscribed { topic, .. } = event {
//!             let floodsub = alice.notifees.get_mut(alice.floodsub).unwrap();
//!             floodsub.publish(&mut alice.swarm, &topic, b"it works")?;
//!         }
//!     }
//!     for event in bob.turn() {
//!         if let Event::Message { message, via } = event {
//!             assert_eq!((message.source, message.seqno), (Some(via), Some(1)));
//!             heard = Some(message.data);
//!         }
//!     }
//! }
//! assert_eq!(heard.unwrap(), b"it works");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::pubsub::{Config, Outgoing, PubSub, Router, Signing};
use crate::connection::Protocol;
use crate::identity::PeerId;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// The protocol's name on the wire.
pub const PROTOCOL: Protocol = Protocol::from_static("/floodsub/1.0.0");

/// A pub/sub service that sends each message to every peer that subscribes to its topic.
/// [Install](crate::notifee::Notifees::install) it to use it.
pub type FloodSub = PubSub<FloodRouter>;

/// A router that sends each message to every peer that subscribes to its topic.
#[derive(Clone, Copy, Default, Debug)]
#[expect(clippy::exhaustive_structs, reason = "users write it, and it has no settings")]
pub struct FloodRouter;

impl Router for FloodRouter {
    fn protocols(&self) -> Vec<Protocol> {
        [PROTOCOL].into()
    }

    fn recipients(&mut self, _outgoing: &Outgoing<'_>, subscribers: &BTreeSet<PeerId>, to: &mut Vec<PeerId>) {
        to.extend(subscribers);
    }
}

impl FloodSub {
    /// Creates a floodsub service that has no peers and no subscriptions yet.
    #[must_use]
    pub fn new(signing: Signing, config: Config) -> Self {
        Self::with_router(FloodRouter, signing, config)
    }
}
