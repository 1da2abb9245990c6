//! Hosts on real sockets of this machine: async streams and handlers, and what happens when they are dropped, cut,
//! too many, or used from where nobody expects them.
#![cfg(feature = "host")]

mod basics;
mod bounds;
mod commands;
mod dials;
mod dropped;
mod emitted;
mod flush;
mod greedy;
mod held;
mod lazy;
mod node;
#[cfg(feature = "subscription")]
mod observers;
mod panics;
mod reentrant;
mod remote;
mod remote_attacked;
mod requests;
mod shutdown;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod unread;
mod waiting;
