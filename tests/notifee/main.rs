//! Observers: the registry of notifees, and subscriptions.

mod registry;
#[cfg(feature = "subscription")]
mod subscription;
#[path = "../support/mod.rs"]
mod support;
