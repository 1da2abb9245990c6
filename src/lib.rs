//! A libp2p swarm for people who own their event loop: poll-driven, bounded, and exact about what lives and what has
//! ended.
//!
//! It listens, dials, authenticates (Noise) and multiplexes (Yamux) like any libp2p node, and tells its owner of every
//! listener, connection and stream: once when it opens, once when it closes, in order, with the reason. A swarm has no
//! task, no executor and no thread. Two features start threads: `dns` starts one for each lookup of a name, which ends
//! with the lookup, and `host` uses `async-io`, which has one for the life of the process. A notifee that may block gets
//! one if you ask for it.
//!
//! [`guide`] says how to put it into your loop, and [`guide::enemy`] how it holds against an enemy.
//!
//! # The layers: take as much as you need
//!
//! | module | what it is | feature |
//! |---|---|---|
//! | [`host`] | async streams and handlers, for smol | `host` |
//! | [`protocols`] | ping, identify and floodsub: sans-IO notifees | `protocols` (default) |
//! | [`notifee`] | observers of whatever tells events; subscriptions for other tasks and threads | always there; `subscription` (default) |
//! | [`tcp`] | TCP, a `libp2p_core::Transport`, and the [`Reactor`](tcp::Reactor) that wakes its sockets | `tcp` (default) |
//! | [`swarm`] | poll-driven: sockets in, events out | `swarm` |
//! | [`connection`] | one connection, sans-IO: bytes in, bytes out; [`noise`](connection::noise), [`multistream`](connection::multistream) and [`yamux`](connection::yamux) each by itself | `connection` |
//! | [`lifecycle`] | sans-IO: transitions in, events out; `no_std` and `alloc` | always there |
//!
//! A layer uses only those below it. The first page of each says how it is driven, with an example.
//!
//! # The principle that everything follows from
//!
//! **A transition that cannot be announced does not happen yet.** The event queue is bounded. While it is full nothing
//! becomes open: accepting pauses, what is ready to open waits in line behind the closes that are owed, and our answer
//! to its peer waits with it. What is open goes on. Past the backlog a peer is refused. Closing is always accepted; its
//! announcement is owed, and paid in order as room returns. Nothing is dropped, ever.
//!
//! # Features
//!
//! `default = ["tcp", "dns", "keys", "rand", "rsa", "protocols", "subscription"]`; `cli` builds the command `swarm-notify`,
//! with all key types. With `rand` the system's randomness makes swarms and identities, and `keys` has files that keep an
//! identity ([`keys`]). Identities are Ed25519 keys, and with `ecdsa`, `rsa` and `secp256k1` keys of these types, too. A
//! peer whose key type is not built in is refused, and the error names the feature to add. With `dns`, [`tcp`] dials names,
//! and looks each up on a thread of its own. `host` is for Unix. Everything else, the command too, is checked to compile
//! for Windows and macOS, and is tested on Linux only. Without default features the crate is the lifecycle layer and
//! notifees alone: `no_std` with `alloc`, on `slab`, `heapless` and `log`.

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(feature = "connection")]
extern crate std;

#[cfg(feature = "connection")]
pub mod connection;
/// Keys and peer ids, as this crate takes and gives them.
#[cfg(feature = "connection")]
pub use libp2p_identity as identity;
#[cfg(feature = "tcp")]
pub mod guide;
#[cfg(all(feature = "host", unix))]
pub mod host;
#[cfg(feature = "rand")]
pub mod keys;
pub mod lifecycle;
pub mod notifee;
#[cfg(feature = "protocols")]
pub mod protocols;
#[cfg(feature = "swarm")]
pub mod swarm;
#[cfg(feature = "tcp")]
pub mod tcp;
#[cfg(feature = "connection")]
pub mod text;

/// The examples of README, as tests.
#[cfg(all(doctest, feature = "tcp", feature = "subscription"))]
#[doc = include_str!("../README.md")]
struct Readme;
