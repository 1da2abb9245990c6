//! A libp2p swarm for programs that have their own event loop. It is driven by polling, its memory is bounded, and it tells
//! exactly what opens and what ends.
//!
//! A swarm listens, dials, authenticates (Noise) and multiplexes (Yamux) like any libp2p node. It tells its owner, which is
//! your program, when each listener, connection and stream opens and when it closes: each once, in order, and with the
//! reason. A swarm has no task, no executor and no thread. Two features start threads: `dns` starts a thread for each lookup
//! of a name, which ends with the lookup, and `host` uses `async-io`, whose one thread runs until the process ends. A
//! notifee (an observer) that may block can run on a thread of its own.
//!
//! # Quick start
//!
//! This example runs two nodes in one loop, over TCP, with the default features. In each frame, each node is ticked once,
//! and its events are drained:
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
//! A program without other work sleeps in [`wait`](swarm::Swarm::wait). A program with an event loop of its own sleeps in
//! that loop, until the swarm's descriptor is readable or the time of [`poll_at`](swarm::Swarm::poll_at) has come. The page
//! [`guide`] explains both, and the page [`guide::enemy`] explains how a node withstands attacks. The crate's sources
//! contain complete programs, which `cargo run --example NAME` runs: one for each kind of event loop (`tests/loops/`), and
//! applications such as a chat (`tests/examples/`).
//!
//! # Which layer am I?
//!
//! | you have | you take | begin with |
//! |---|---|---|
//! | a loop of your own: a game that ticks, a proxy on epoll, a server on `mio`, `calloop` or tokio | [`swarm`] and [`tcp`], and services of [`protocols`] as notifees | [`guide`], [`swarm`] |
//! | a program on smol that wants futures and async streams | [`host`][host-page] | [`host`][host-page] |
//! | a libp2p transport of your own, or one in memory | [`swarm`] without a reactor | [`Swarm::new`](swarm::Swarm::new) |
//! | a wish to observe which peers are connected, and what has ended and why | a [`Notifee`](notifee::Notifee), whatever drives the swarm | [`notifee`] |
//! | another thread or task that needs the events | a [`Subscription`](notifee::Subscription) | [`notifee`] |
//! | byte pipes of your own, a simulation, a fuzzer: anything without sockets | [`connection`], one object for each pipe | [`connection`] |
//! | a protocol stack of your own that needs only the bookkeeping, for example on a board without std | [`lifecycle`] | [`lifecycle`] |
//! | no program yet | the command `swarm-notify` (feature `cli`), which listens, dials and prints events | `--help` |
//!
//! # The layers: take as much as you need
//!
//! | module | what it is | feature |
//! |---|---|---|
//! | [`host`][host-page] | async streams and handlers, for smol | `host` |
//! | [`protocols`] | ping, identify, requests and responses, floodsub and gossipsub: sans-IO notifees | `protocols` (default) |
//! | [`notifee`] | observers of anything that produces events; subscriptions for other tasks and threads | always there; `subscription` (default) |
//! | [`tcp`] | TCP: a `libp2p_core::Transport`, and the [`Reactor`](tcp::Reactor) that polls its sockets | `tcp` (default) |
//! | [`swarm`] | poll-driven: sockets in, events out | `swarm` |
//! | [`connection`] | one connection, sans-IO: bytes in, bytes out; [`noise`](connection::noise), [`multistream`](connection::multistream) and [`yamux`](connection::yamux) each by itself | `connection` |
//! | [`lifecycle`] | sans-IO: transitions in, events out; `no_std` and `alloc` | always there |
//!
//! A layer uses only the layers that are below it in this table. The front page of each layer explains how to use the layer,
//! with an example. Beside the layers, [`keys`] makes identities and keeps them in files (features `rand` and `keys`, both
//! default).
//!
#![cfg_attr(all(feature = "host", unix), doc = "[host-page]: host")]
#![cfg_attr(not(all(feature = "host", unix)), doc = "[host-page]: #features")]
//!
//! # The principle that everything follows from
//!
//! **A transition that cannot be announced does not happen yet.** The event queue is bounded. While it is full, nothing
//! opens: the swarm accepts no connections, and a connection or stream that is ready to open waits until the queue has room
//! and contains all closing events that were owed before. Our answer to the peer waits, too. Open connections and streams
//! continue to work. If more connections or streams wait to open than the backlog allows, further ones are refused. A close
//! is always accepted: if the queue has no room for its event, the event is owed, and owed events are moved into the queue
//! in order when it has room again. No event is ever dropped. The page [`guide::promises`] lists the thirteen promises that
//! follow from this, each with the files that test it.
//!
//! # Features
//!
//! `default = ["tcp", "dns", "keys", "rand", "rsa", "protocols", "subscription"]`; `cli` builds the command `swarm-notify`,
//! with all key types. With `rand`, swarms and identities are made from the system's randomness. With `keys`, an identity
//! can be kept in a file ([`keys`]). New identities are Ed25519 keys, and the features `ecdsa`, `rsa` and `secp256k1` add
//! keys of these types. A peer whose key type is not enabled is refused, and the error names the feature to add. With `dns`,
//! [`tcp`] can dial names, and looks up each name on a thread of its own. `host` works on Unix only. All other features,
//! including the command, are checked to compile for Windows and macOS, and are tested on Linux only. Without default
//! features, the crate contains only the lifecycle layer and notifees: it is `no_std` with `alloc`, and depends on `slab`,
//! `heapless` and `log`.
//!
//! # Glossary
//!
//! The crate uses one word for each concept, in all pages, comments and names. The page [`guide::enemy`] explains the words
//! of the last table in more detail, with numbers.
//!
//! ## What lives
//!
//! | word | meaning |
//! |---|---|
//! | **owner** | The program that holds a swarm, takes its turns and gives it commands. |
//! | **driver** | The code that calls `tick` and `drive`: the owner's loop, or a host. |
//! | **peer** | The node at the other end of a connection, named by its peer id. |
//! | **listener** | A socket, or several for a wildcard address, on which a swarm accepts connections. |
//! | **connection** | An encrypted, authenticated and multiplexed link with one peer, which dialed us (inbound) or which we dialed (outbound). |
//! | **entity** | A listener, a connection or a stream. |
//! | **stream** | An ordered channel of bytes in both directions on a connection, for one protocol. |
//! | **protocol** | The name, such as `/echo/1.0.0`, on which both sides of a stream agree. |
//! | **proposal** | The first message on a stream, which names the protocol that its opener wants to speak. |
//! | **id** | The name of one listener, connection or stream, with a generation number, so that no id is used twice. |
//! | **transport** | A [`libp2p_core::Transport`](swarm::Transport): it listens and dials, and yields byte pipes. |
//! | **byte pipe** | The raw bytes in both directions that a transport yields, before encryption: a TCP socket, or two buffers in memory. |
//! | **muxer** | The protocol that carries all streams of a connection: yamux. |
//! | **reactor** | The poller of a transport's sockets and timers, which the swarm drives in its own turns. |
//! | **service** | A notifee that speaks a protocol and is installed with it: ping, identify, gossipsub, yours. |
//! | **host** | A swarm, its notifees and an executor for smol programs, with async streams. |
//! | **handler** | A function of a host's owner that answers the inbound streams of a protocol. |
//!
//! ## What is told
//!
//! | word | meaning |
//! |---|---|
//! | **transition** | A change in the life of a listener, connection or stream: it begins, opens, leaves or ends. |
//! | **event** | One of the nine messages that tell of a transition, told once and in order. |
//! | **reason** | The word in an event that says why something failed or ended. |
//! | **fact** | A message of a sans-IO [`connection`] to its swarm, which makes an event of it. |
//! | **room** | The number of events that the event queue can still accept; without room nothing opens. |
//! | **owed** | Said of a closing event that waits because the event queue is full; it is *paid* when it is moved into the queue. |
//! | **readiness** | The news that a stream can be read or written, that addresses have changed, or that a peer was refused something; it is coalesced, and so it is no event. |
//! | **refusal** | The news that a connection, stream or request of a peer was not accepted, which is counted and told as readiness. |
//! | **drain** | To remove events and readiness from their queues until there are none. |
//! | **notifee** | An observer that is told of the events for which it has declared an interest. |
//! | **network** | The lifecycle, the swarm, or the type with one of these inside, that notifees observe. |
//! | **registry** | The list of a network's notifees, which tells them of events. |
//! | **notice** | An event or a refusal as a subscription sends it, with the data that an observer would look up. |
//! | **dispatch** | To drain a network and tell its notifees of the events; `drive` dispatches, and then tells notifees of readiness and of their deadlines. |
//! | **emission** | An event of any type that a notifee tells all others. |
//! | **subscription** | A notifee that sends events to another task or thread through a bounded channel. |
//! | **lag** | The events that a subscription has missed; their count is told, and a snapshot follows. |
//! | **snapshot** | A list of everything that is open at one point in the order of events. |
//!
//! ## How work is done
//!
//! | word | meaning |
//! |---|---|
//! | **turn** | One pass of a swarm's work: it reads the input that has arrived, handles it, and sends pending output. |
//! | **tick** | A turn without a budget, once a frame or whenever the owner wakes up. |
//! | **unit** | The smallest piece of a turn's work, before which the owner's budget is asked for permission. |
//! | **helping** | The amount of one connection's input that is handled before others have their turn: at most 16 KiB and 256 frames while others wait. |
//! | **batch** | The part of a connection's pending output that is taken together, encrypted, and written to the byte pipe before the next part. |
//! | **deadline** | A time on the owner's clock at which something is judged; a timeout is the duration that leads to it. |
//! | **flush** | To send pending output now, and not in the next turn. |
//! | **close** | To end something politely, once what was written is sent. |
//! | **finish** | To end our side of a stream, while the peer may go on. |
//! | **reset** | To give up a stream at once, in both directions. |
//! | **go-away** | Yamux's last frame, with which a side leaves a connection. |
//! | **window** | The number of bytes that one side of a stream may still send before the other side grants more. |
//! | **half-open** | Said of a stream of which one side has finished and the other has not. |
//!
//! ## What is bounded
//!
//! | word | meaning |
//! |---|---|
//! | **bound** | The most of something that may exist or happen, a field of a `Config` or a constant. |
//! | **limit** | A bound on the number of listeners, connections or streams ([`Limits`](lifecycle::Limits)). |
//! | **rate** | A bound on how often something may happen: a number of times at once, and a number of times a second in the long run. |
//! | **budget** | A bound on work or memory: the units of work that the owner permits in a turn, or the number of bytes held above which a peer is granted no more window. |
//! | **bytes held** | The memory that is taken by bytes which are unread, unsent or not handled yet. |
//! | **backlog** | The connections of a listener, or the streams of a connection, that have arrived and wait to be accepted. |
//! | **place** | Room for one more thing whose number is bounded: a connection, a stream, an entry of a table. |
//! | **slot** | An entry of a table that one entity, notifee or value has at a time, and that is used again after its end; the transport, a visitor and a connection have one by which they are woken for work. |
//! | **share** | The most places that one holder may have: a peer, an address or a site. |
//! | **address** | As a holder of shares, one IPv4 address or one IPv6 /64. |
//! | **site** | As a holder of shares, one IPv6 /48. |
//! | **visitor** | An accepted connection whose peer is not authenticated yet. |
//! | **door** | The table of visitors, which have no id until their peers are authenticated. |
//! | **handshake** | A connection whose peer is not authenticated yet: at the door if it was accepted, or a dial under way. |
//! | **newcomer** | A socket at the door, a peer or a stream that asks for a place. |
//! | **list** | Rules of the owner that allow or deny peers and networks. |
//! | **gate** | A trait of the owner's own rules, which is asked after the lists. |
//! | **denied** | Not allowed by a list or the gate. |
//! | **give way** | To end, without having done wrong, so that a newcomer gets the place. |
//! | **trim** | To close the least useful connections above the high-water mark. |
//! | **protect** | To keep a peer's connections from being trimmed and from giving way, except for connections that look dead. |
//! | **flood** | Something that a peer does more often than the rate for it allows, which ends the connection. |
//! | **paced** | Said of a stream that waits without an id because its peer opens streams faster than the rate allows. |

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
/// The crate `libp2p_identity`, whose types of keys and peer ids this crate uses in its interface.
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
#[cfg(feature = "connection")]
mod varint;

/// The README of this crate, which is included so that its example is tested.
#[cfg(all(doctest, feature = "tcp", feature = "rand"))]
#[doc = include_str!("../README.md")]
struct Readme;
