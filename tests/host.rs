//! Hosts on real sockets of this machine: async streams and handlers, and what happens when they are dropped, cut,
//! too many, or used from where nobody expects them.
#![cfg(feature = "host")]

#[path = "host/basics.rs"]
mod basics;
#[path = "host/bounds.rs"]
mod bounds;
#[path = "host/dials.rs"]
mod dials;
#[path = "host/flush.rs"]
mod flush;
#[path = "support/hosts.rs"]
mod hosts;
#[path = "host/lazy.rs"]
mod lazy;
#[path = "host/panics.rs"]
mod panics;
#[path = "host/reentrant.rs"]
mod reentrant;
#[path = "host/shutdown.rs"]
mod shutdown;
#[path = "host/streams.rs"]
mod streams;
