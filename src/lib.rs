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
//! announcement is owed, and paid in order as room returns. Nothing is dropped, ever. The page [`guide::promises`] has the
//! thirteen promises that follow from this, each with the files that test it.
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
//!
//! # Glossary
//!
//! One word for each concept, here and in all pages, comments and names. The page [`guide::enemy`] says more of those of the last
//! table, with their numbers.
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
//! | **stream** | An ordered channel of bytes in both directions on a connection, for one protocol. |
//! | **protocol** | The name, such as `/echo/1.0.0`, on which both sides of a stream agree. |
//! | **proposal** | The first message on a stream, which names the protocol that its opener wants to speak. |
//! | **id** | The name of one listener, connection or stream, with a generation, so that it never comes back once it has ended. |
//! | **transport** | A [`libp2p_core::Transport`](swarm::Transport): it listens and dials, and yields byte pipes. |
//! | **byte pipe** | The raw bytes in both directions that a transport yields, before encryption: a TCP socket, or two buffers in memory. |
//! | **muxer** | The protocol that carries all streams of a connection: yamux. |
//! | **reactor** | The poller of a transport's sockets and timers, which the swarm drives in its own turns. |
//! | **service** | A notifee that speaks a protocol and is installed with it: ping, identify, floodsub, yours. |
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
//! | **fact** | What a sans-IO [`connection`] reports to the swarm, one at a time, before it becomes an event. |
//! | **room** | The number of events that the event queue can still take; without room nothing opens. |
//! | **owed** | Said of a closing event that waits behind a full event queue. |
//! | **readiness** | The news that a stream can be read or written, that addresses have changed, or that a peer was refused something; it is coalesced, and so it is no event. |
//! | **refusal** | Something of a peer's that was not let in, which is counted and told as readiness. |
//! | **drain** | To take events and readiness until there are none. |
//! | **notifee** | An observer that is told of the events for which it has declared an interest. |
//! | **dispatch** | To drain a network through its notifees; `drive` dispatches, and then tells notifees of readiness and of their deadlines. |
//! | **emission** | An event of any type that a notifee tells all others. |
//! | **subscription** | A notifee that sends events to another task or thread through a bounded channel. |
//! | **lag** | The events that a subscription has missed; their count is told, and a snapshot follows. |
//! | **snapshot** | A list of all that is open at its place in the order of events. |
//!
//! ## How work is done
//!
//! | word | meaning |
//! |---|---|
//! | **turn** | One pass of a swarm's work: it hears what has come, handles it, and sends pending output. |
//! | **tick** | A turn without a budget, once a frame or whenever the owner wakes up. |
//! | **unit** | The smallest piece of a turn's work, before which a budget is asked. |
//! | **helping** | The amount of one connection's input that is handled before others have their turn: at most 16 KiB and 256 frames while others wait. |
//! | **slot** | Whatever can be woken for work, namely the transport, a visitor or a connection; in a table, the index of an entry. |
//! | **batch** | The part of a connection's pending output that is taken together, encrypted, and written to the byte pipe before the next part. |
//! | **deadline** | A time on the owner's clock at which something is judged; a timeout is the duration that leads to it. |
//! | **flush** | To send pending output now, and not in the next turn. |
//! | **close** | To end something politely, once what was written is sent. |
//! | **finish** | To end our side of a stream, while the peer may go on. |
//! | **reset** | To give up a stream at once, in both directions. |
//! | **go-away** | Yamux's last frame, with which a side leaves a connection. |
//! | **window** | The number of bytes that a peer may still send on a stream, or that we may. |
//! | **half-open** | Said of a stream of which one side has finished and the other has not. |
//!
//! ## What is bounded
//!
//! | word | meaning |
//! |---|---|
//! | **bound** | The most of something that may exist or happen, a field of a `Config` or a constant. |
//! | **limit** | A bound on the number of listeners, connections or streams ([`Limits`](lifecycle::Limits)). |
//! | **rate** | A bound on how often something may happen: so many times at once, and so many a second in the long run. |
//! | **budget** | A bound on work or memory: of a turn, the units that its owner allows; of bytes held, the amount above which a peer gets no more window. |
//! | **bytes held** | Memory in which bytes wait for somebody: unread, unsent or not handled yet. |
//! | **backlog** | What has come and waits to be let in: connections of a listener, or streams of a connection. |
//! | **place** | Room for one more of something that is counted. |
//! | **share** | The most places that one holder may have: a peer, an address or a site. |
//! | **address** | As a holder of shares, one IPv4 address or one IPv6 /64. |
//! | **site** | As a holder of shares, one IPv6 /48. |
//! | **visitor** | An accepted connection whose peer is not authenticated yet. |
//! | **door** | The table of visitors, which have no id until their peers are authenticated. |
//! | **handshake** | A connection whose peer is not authenticated yet: at the door if it was accepted, or a dial under way. |
//! | **newcomer** | Whoever asks for a place: a socket at the door, a peer, a stream. |
//! | **list** | Rules of the owner that allow or deny peers and networks. |
//! | **gate** | A trait of the owner's own rules, which is asked after the lists. |
//! | **denied** | Not allowed by a list or the gate. |
//! | **give way** | To end, without having done wrong, so that a newcomer gets the place. |
//! | **trim** | To close the least useful connections above the high-water mark. |
//! | **protect** | To keep a peer's connections from being trimmed and from giving way, unless one looks dead. |
//! | **flood** | More of something than its rate allows, which ends the connection. |
//! | **paced** | Said of a stream that waits without an id because its peer opens more than its rate. |

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
#[cfg(feature = "connection")]
mod varint;

/// The example of README, as a test.
#[cfg(all(doctest, feature = "tcp", feature = "rand"))]
#[doc = include_str!("../README.md")]
struct Readme;
