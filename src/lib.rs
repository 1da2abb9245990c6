//! A libp2p swarm for people who own their event loop: poll-driven, bounded, and exact about what lives and what has
//! ended.
//!
//! It listens, dials, authenticates (Noise) and multiplexes (Yamux) like any libp2p node, and tells its owner of every
//! listener, connection and stream: once when it opens, once when it closes, in order, with the reason. A swarm has no
//! task, no executor and no thread. Two features start threads: `dns` starts one for each lookup of a name, which ends
//! with the lookup, and `host` uses `async-io`, which has one for the life of the process. A notifee that may block gets
//! one if you ask for it.
//!
//! # Quick start
//!
//! Two nodes in one loop, over TCP, with the default features. Each is ticked once a frame, and drained:
//!
#![cfg_attr(all(feature = "tcp", feature = "rand"), doc = "```")]
#![cfg_attr(not(all(feature = "tcp", feature = "rand")), doc = "```ignore")]
//! use std::time::{Duration, Instant};
//! use swarm_notify::connection::Protocol;
//! use swarm_notify::lifecycle::Event;
//! use swarm_notify::swarm::{Config, Readiness, Swarm};
//! use swarm_notify::{keys, tcp};
//!
//! const HELLO: Protocol = Protocol::from_static("/hello/1.0.0");
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = || -> Result<tcp::Swarm, Box<dyn std::error::Error>> {
//!     let identity = keys::generate()?; // `keys::KeyFile::load_or_create` keeps one in a file
//!     let reactor = tcp::Reactor::new()?;
//!     let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
//!     Ok(Swarm::from_os_rng(reactor, transport, &identity, Config::default())?)
//! };
//! let (mut server, mut client) = (node()?, node()?);
//! server.register_protocol(HELLO);
//! server.listen("/ip4/127.0.0.1/tcp/0".parse()?)?;
//!
//! let (clock, mut heard) = (Instant::now(), Vec::new());
//! while heard != b"hello" {
//!     server.tick(clock.elapsed());
//!     while let Some(event) = server.next_event() {
//!         println!("server: {event:?}");
//!         if let Event::Listen { listener } = event {
//!             let addresses = server.listener(listener).map(|view| view.addresses.to_vec());
//!             client.dial(addresses.unwrap_or_default().remove(0))?;
//!         }
//!     }
//!     while let Some(ready) = server.next_ready() {
//!         let (Readiness::Stream { stream, .. }, mut buffer) = (ready, [0; 64]) else { continue };
//!         while let Ok(n @ 1..) = server.read(stream, &mut buffer) {
//!             heard.extend_from_slice(&buffer[..n]);
//!         }
//!     }
//!
//!     client.tick(clock.elapsed());
//!     while let Some(event) = client.next_event() {
//!         println!("client: {event:?}");
//!         if let Event::Connected { connection } = event {
//!             let stream = client.open_stream(connection, &[HELLO])?;
//!             client.write(stream, b"hello")?;
//!             client.finish(stream)?;
//!         }
//!     }
//!     std::thread::sleep(Duration::from_millis(1)); // the rest of your frame
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A program with nothing else to do sleeps in [`wait`](swarm::Swarm::wait), and one with a loop of its own sleeps there, on
//! the swarm's descriptor and until [`poll_at`](swarm::Swarm::poll_at): [`guide`] says how, and [`guide::enemy`] how a node
//! holds against an enemy. The sources have complete programs, to run with `cargo run --example NAME`: one for each kind of
//! loop (`tests/loops/`), and some that do something, such as a chat (`tests/examples/`).
//!
//! # Which layer am I?
//!
//! | you have | you take | begin with |
//! |---|---|---|
//! | a loop of your own: a game that ticks, a proxy on epoll, a server on `mio`, `calloop` or tokio | [`swarm`] and [`tcp`], and services of [`protocols`] as notifees | [`guide`], [`swarm`] |
//! | a program on smol that wants futures and async streams | [`host`][host-page] | [`host`][host-page] |
//! | a libp2p transport of your own, or one in memory | [`swarm`] without a reactor | [`Swarm::new`](swarm::Swarm::new) |
//! | a wish to observe: who is there, what has ended and why | a [`Notifee`](notifee::Notifee), whatever drives the swarm | [`notifee`] |
//! | another thread or task that wants to be told | a [`Subscription`](notifee::Subscription) | [`notifee`] |
//! | byte pipes of your own, a simulation, a fuzzer: no sockets here, please | [`connection`], one object for each pipe | [`connection`] |
//! | a protocol stack of your own, which wants the bookkeeping, on a board without std | [`lifecycle`] | [`lifecycle`] |
//! | no program yet | the command `swarm-notify` (feature `cli`), which listens, dials and prints events | `--help` |
//!
//! # The layers: take as much as you need
//!
//! | module | what it is | feature |
//! |---|---|---|
//! | [`host`][host-page] | async streams and handlers, for smol | `host` |
//! | [`protocols`] | ping, identify and floodsub: sans-IO notifees | `protocols` (default) |
//! | [`notifee`] | observers of whatever tells events; subscriptions for other tasks and threads | always there; `subscription` (default) |
//! | [`tcp`] | TCP, a `libp2p_core::Transport`, and the [`Reactor`](tcp::Reactor) that wakes its sockets | `tcp` (default) |
//! | [`swarm`] | poll-driven: sockets in, events out | `swarm` |
//! | [`connection`] | one connection, sans-IO: bytes in, bytes out; [`noise`](connection::noise), [`multistream`](connection::multistream) and [`yamux`](connection::yamux) each by itself | `connection` |
//! | [`lifecycle`] | sans-IO: transitions in, events out; `no_std` and `alloc` | always there |
//!
//! A layer uses only those below it. The first page of each says how it is driven, with an example. Beside them, [`keys`]
//! makes and keeps identities (features `rand` and `keys`, both default).
//!
#![cfg_attr(all(feature = "host", unix), doc = "[host-page]: host")]
#![cfg_attr(not(all(feature = "host", unix)), doc = "[host-page]: #features")]
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
mod arithmetic;
mod clock;
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
#[cfg(feature = "connection")]
mod pruned_queue;
#[cfg(feature = "swarm")]
pub mod swarm;
#[cfg(feature = "tcp")]
pub mod tcp;
#[cfg(feature = "connection")]
pub mod text;

/// The examples of README, as tests.
#[cfg(all(doctest, feature = "keys", feature = "tcp", feature = "subscription"))]
#[doc = include_str!("../README.md")]
struct Readme;
