//! Real sockets of this machine: the TCP transport by itself, and swarms on it.
#![cfg(all(feature = "tcp", unix))]

#[cfg(feature = "protocols")]
mod enemy_page;
mod frames;
#[cfg(feature = "subscription")]
mod notify;
#[cfg(feature = "subscription")]
mod observers;
mod security_page;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "subscription")]
mod threads;
mod transport;
mod websocket;
