//! Observers: the registry of notifees, and subscriptions.

#[cfg(feature = "swarm")]
mod caught;
mod node;
#[cfg(feature = "swarm")]
mod peers;
#[cfg(feature = "subscription")]
mod refusals;
mod registry;
#[cfg(feature = "subscription")]
mod spawned;
#[cfg(feature = "subscription")]
mod subscription;
#[path = "../support/mod.rs"]
mod support;
