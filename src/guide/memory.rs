//! The memory of a node: how it is bounded, how much one connection, stream or listener needs and how much everything needs
//! together, and bounds for a device with 16 peers, a server with 250 peers and a relay with 20 000 connections.
//!
//! # How it is bounded
//!
//! [`Notifees::memory_bound`](crate::notifee::Notifees::memory_bound) returns the heap memory, in bytes, that a node with
//! everything installed needs at most. Compare this number with the memory of the machine. It is the sum of the bounds of
//! all parts. The bound of the swarm itself is [`Config::memory_bound`], which consists of three parts:
//!
//! | part | depends on | default |
//! |---|---|---|
//! | records of connections and streams | [`limits`](Config::limits), limits of handshakes | 160 MiB for 16 384 connections, 65 536 streams, 1 024 handshakes |
//! | bytes held | [`held_bytes`](Config::held_bytes) | 64 MiB, and a quarter more for a moment; 2 MiB at the door |
//! | buffers that are made once | the largest window, the output of one connection | 11 MiB |
//!
//! Choose `limits` first: the number of connections and streams that you want to serve. Then choose `held_bytes`: the number
//! of bytes that may be unread on all streams together at the busiest time, plus the output that waits for slow readers.
//! [`Swarm::bytes_held`] returns the present number. A program that reads everything ready in each turn needs almost none.
//! One connection may need some 200 KiB for a moment, so a budget below 1 MiB would reset streams of honest peers. Services
//! have similar budgets of their own: identify has `held_bytes`, requests have `outbound_bytes` and `inbound_bytes`, pub/sub
//! has those of its `Config`, and a host has `unread_bytes`. With fewer connections than the default, lower these budgets in
//! proportion.
//!
//! Bytes that you do not read count as bytes held, too. If you do not read a peer's streams, the peer first runs out of
//! window. Nothing else happens as long as the connection, the peer and all peers together stay within their budgets. Above
//! a budget, the peer gets no window even for bytes that you have read. If a budget is exceeded by a quarter, the largest
//! streams end with [`StreamEnd::Limit`](crate::lifecycle::StreamEnd::Limit). Above the budget of all peers together, only
//! peers that hold more than a 64th of it get no window, and only streams of the peers that hold most are reset, so that an
//! idle peer loses nothing. To forward bytes without keeping any, read no more than [`write_room`](Swarm::write_room)
//! returns.
//!
//! [`Config::small`] is a configuration for 16 connections, and the `Config` of each service and of the host has a `small`,
//! too. In this example, two small nodes ping each other, say who they are, publish and echo:
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! # #[cfg(feature = "protocols")]
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! use core::time::Duration;
//! use libp2p_core::transport::MemoryTransport;
//! use swarm_notify::connection::Protocol;
//! use swarm_notify::keys;
//! use swarm_notify::lifecycle::Event;
//! use swarm_notify::notifee::Notifees;
//! use swarm_notify::protocols::floodsub::FloodSub;
//! use swarm_notify::protocols::identify::{self, Identify};
//! use swarm_notify::protocols::ping::{self, Ping};
//! use swarm_notify::protocols::pubsub::{self, Signing};
//! use swarm_notify::swarm::{Config, Readiness, Swarm};
//!
//! const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
//!
//! let node = || -> Result<_, Box<dyn core::error::Error>> {
//!     let identity = keys::generate()?;
//!     let mut swarm = Swarm::from_os_rng((), MemoryTransport::new(), &identity, Config::small())?;
//!     swarm.register_protocol(ECHO);
//!     let mut notifees = Notifees::new();
//!     let ping = notifees.install(&mut swarm, Ping::new(keys::seed()?, ping::Config::small()));
//!     let identify = Identify::new(identity.public(), identify::Config::small());
//!     let identify = notifees.install(&mut swarm, identify);
//!     let mut floodsub = FloodSub::new(Signing::strict_sign(identity, 1), pubsub::Config::small());
//!     floodsub.subscribe(&mut swarm, "news")?;
//!     let floodsub = notifees.install(&mut swarm, floodsub);
//!     assert!(notifees.memory_bound(&swarm) <= 9 * 1024 * 1024);
//!     Ok((swarm, notifees, ping, identify, floodsub))
//! };
//! let (mut server, mut client) = (node()?, node()?);
//! server.0.listen("/memory/4720".parse()?)?;
//! server.0.tick(Duration::ZERO);
//! let connection = client.0.dial("/memory/4720".parse()?)?;
//!
//! let (mut stream, mut echoed) = (None, Vec::new());
//! let (mut is_pinged, mut is_identified, mut is_heard) = (false, false, false);
//! for millisecond in 0.. {
//!     assert!(millisecond < 10_000);
//!     let now = Duration::from_millis(millisecond);
//!     for (swarm, notifees, ..) in [&mut server, &mut client] {
//!         swarm.tick(now);
//!         notifees.drive(swarm, now);
//!     }
//!     if stream.is_none() && client.0.counters().connections.outbound.open == 1 {
//!         let opened = client.0.open_stream(connection, &[ECHO])?;
//!         client.0.write(opened, b"hello")?;
//!         stream = Some(opened);
//!     }
//!     // The server echoes what it can write back, and keeps nothing.
//!     for connection in server.0.connections().collect::<Vec<_>>() {
//!         for stream in server.0.streams_of(connection).collect::<Vec<_>>() {
//!             if server.0.stream(stream).and_then(|view| view.protocol) == Some(&ECHO) {
//!                 let (mut buffer, room) = ([0; 1024], server.0.write_room(stream));
//!                 let most = room.min(buffer.len());
//!                 if let Ok(n) = server.0.read(stream, &mut buffer[..most]) {
//!                     server.0.write(stream, &buffer[..n])?;
//!                 }
//!             }
//!         }
//!     }
//!     if let Some(stream) = stream {
//!         let mut buffer = [0; 64];
//!         if let Ok(n) = client.0.read(stream, &mut buffer) {
//!             echoed.extend_from_slice(&buffer[..n]);
//!         }
//!     }
//!     let (swarm, notifees, ping, identify, floodsub) = &mut client;
//!     let event = notifees.get_mut(*ping).unwrap().next_event();
//!     is_pinged |= matches!(event, Some(ping::Event::Pong { .. }));
//!     let event = notifees.get_mut(*identify).unwrap().next_event();
//!     is_identified |= matches!(event, Some(identify::Event::Identified { .. }));
//!     notifees.get_mut(*floodsub).unwrap().publish(swarm, "news", b"extra").ok();
//!     let event = server.1.get_mut(server.4).unwrap().next_event();
//!     is_heard |= matches!(event, Some(pubsub::Event::Message { .. }));
//!     if is_pinged && is_identified && is_heard && echoed == b"hello" {
//!         break;
//!     }
//! }
//! assert!(server.0.bytes_held() < 1024 * 1024);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "protocols"))]
//! # fn main() {}
//! ```
//!
//! # Memory of one of each
//!
//! The column *at rest* is the number of bytes that the allocator was asked for on 64-bit Linux (`benches/connections.rs`,
//! `tests/allocations/`). Resident memory was up to half more. The column *at worst* is the amount that
//! [`Config::memory_bound`] adds for one of them. `tests/allocations/memory.rs` attacks nodes and compares their peaks with
//! this bound, and `tests/allocations/everything.rs` does the same with a host and all services. Bytes held are not
//! contained in the rows of connections and streams, and have a row of their own.
//!
//! | one more | at rest | at worst |
//! |---|---|---|
//! | connection | 2 KiB; with ping, identify and floodsub 3.4 KiB | 6.25 KiB |
//! | handshake at the door | 3 KiB | 14 KiB |
//! | dial under way, beside its connection | not measured | 10 KiB |
//! | stream | 0.2 KiB | 0.7 KiB |
//! | listener | not measured | 4 KiB |
//! | peer or network in the lists; denial until a time | 50 to 150 B | 108 B, 82 B; 292 B |
//! | byte of `held_bytes` | 0 | 1.34 bytes: a quarter more for a moment, the bytes held at the door, and the bytes of one read |
//! | everything that exists only once | 0.3 MiB | 11 MiB, or 1.7 MiB with `Config::small()`: the output of one connection, the largest window |
//!
//! ```
//! use swarm_notify::swarm::Config;
//!
//! let each = |change: fn(&mut Config, usize)| {
//!     let (mut one, mut more) = (Config::default(), Config::default());
//!     change(&mut one, 1_024);
//!     change(&mut more, 2_048);
//!     (more.memory_bound() - one.memory_bound()) as f64 / 1_024.0
//! };
//! assert_eq!(each(|config, n| config.limits.connections = n as u32) / 1_024.0, 6.25);
//! assert_eq!(each(|config, n| config.inbound_handshakes = n as u32) / 1_024.0, 14.0);
//! assert_eq!(each(|config, n| config.outbound_handshakes = n as u32) / 1_024.0, 10.0);
//! assert_eq!(each(|config, n| config.limits.listeners = n as u32) / 1_024.0, 4.0);
//! assert_eq!(each(|config, n| config.listed_peers = n as u32), 108.0);
//! assert_eq!(each(|config, n| config.listed_networks = n as u32), 82.0);
//! assert_eq!(each(|config, n| config.timed_denials = n as u32), 292.0);
//! assert_eq!(each(|config, n| config.held_bytes = n * 1_024) / 1_024.0, 1.34375);
//! # #[cfg(target_pointer_width = "64")]
//! assert!((0.65..0.75).contains(&(each(|config, n| config.limits.streams = n as u32) / 1_024.0)));
//! let once = |mut config: Config| {
//!     let limits = &mut config.limits;
//!     (limits.listeners, limits.connections, limits.streams, config.inbound_handshakes) = (0, 0, 0, 0);
//!     (config.listed_peers, config.listed_networks, config.timed_denials) = (0, 0, 0);
//!     config.held_bytes = 0;
//!     config.memory_bound() as f64 / f64::from(1 << 20)
//! };
//! assert!((10.5..11.5).contains(&once(Config::default())), "{}", once(Config::default()));
//! assert!((1.6..1.7).contains(&once(Config::small())), "{}", once(Config::small()));
//! ```
//!
//! # Memory of everything
//!
//! [`Notifees::memory_bound`](crate::notifee::Notifees::memory_bound) returns the heap memory that a node with everything
//! installed needs at most. These are the parts of the sum, with the defaults and with `Config::small`:
//!
//! | part | default | small | most of it |
//! |---|---|---|---|
//! | swarm | 258 MiB | 5.4 MiB | records, `held_bytes` |
//! | ping | 14 MiB | 0.0 MiB | records of connections and streams |
//! | identify | 115 MiB | 0.8 MiB | `held_bytes`, and a quarter of it for events; records |
//! | address book | 23 MiB | 0.1 MiB | `peers` with their addresses; records of connections |
//! | requests and responses | 144 MiB | 0.4 MiB | `outbound_bytes`, `inbound_bytes` |
//! | pub/sub | 479 MiB | 2.2 MiB | `topics_total_bytes`, `inbound_total_bytes` twice, `outbox_total_bytes`; subscriptions of ours at each peer |
//! | host, beside its swarm | 110 MiB | 0.7 MiB | `unread_bytes`; records of streams and handlers |
//! | in all | 1 143 MiB | 9.7 MiB | and at most 0.3 MiB for the registry of notifees |
//!
#![cfg_attr(all(feature = "host", unix), doc = "```")]
#![cfg_attr(not(all(feature = "host", unix)), doc = "```ignore")]
//! use swarm_notify::protocols::{address_book, identify, ping, pubsub, request_response};
//! use swarm_notify::{host, swarm};
//!
//! let mebibytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
//! let limits = swarm::Config::default().limits;
//! let usual = [
//!     swarm::Config::default().memory_bound(),
//!     ping::Config::default().memory_bound(&limits),
//!     identify::Config::default().memory_bound(&limits),
//!     address_book::Config::default().memory_bound(&limits),
//!     request_response::Config::default().memory_bound::<request_response::Bytes>(&limits),
//!     pubsub::Config::default().memory_bound(),
//!     host::Config::default().memory_bound() - swarm::Config::default().memory_bound(),
//! ];
//! let limits = swarm::Config::small().limits;
//! let small = [
//!     swarm::Config::small().memory_bound(),
//!     ping::Config::small().memory_bound(&limits),
//!     identify::Config::small().memory_bound(&limits),
//!     address_book::Config::small().memory_bound(&limits),
//!     request_response::Config::small().memory_bound::<request_response::Bytes>(&limits),
//!     pubsub::Config::small().memory_bound(),
//!     host::Config::small().memory_bound() - swarm::Config::small().memory_bound(),
//! ];
//! # #[cfg(target_pointer_width = "64")] {
//! for (bytes, stated) in usual.into_iter().zip([258.0, 14.0, 115.0, 23.0, 144.0, 479.0, 110.0]) {
//!     assert!((mebibytes(bytes) - stated).abs() < 1.0, "{bytes}, {stated} MiB");
//! }
//! assert!((mebibytes(usual.iter().sum()) - 1_143.0).abs() < 2.0);
//! assert_eq!(small.map(|bytes| (mebibytes(bytes) * 10.0).round() / 10.0), [5.4, 0.0, 0.8, 0.1, 0.4, 2.2, 0.7]);
//! assert!(mebibytes(small.iter().sum()) < 9.8);
//! # }
//! ```
//!
//! # Three profiles
//!
//! Each profile states its worst case, in bytes that the allocator is asked for. Add the memory that your program keeps
//! itself, and some 200 bytes for each socket of our TCP. The buffers of the system's sockets are the system's memory. *With
//! everything* means with a host and all services, which have their defaults, or `Config::small` on the device.
//!
//! **Descriptors** (`ulimit -n`): a node needs one for each connection, each handshake at the door and each listener, and
//! fewer than twenty others. If you dial names, each dial under way can need seven more. A process usually may have 1 024
//! descriptors, which the defaults exceed: raise this limit to 18 500 for the defaults, or lower [`Limits::connections`]. If
//! descriptors run out, connections without a stream and handshakes at the door are closed for newcomers
//! ([`descriptor_reserve`](Config::descriptor_reserve)).
//!
//! A device with 16 peers. `ulimit -n` 128 is enough. The device needs some 0.4 MiB at rest, less than 6 MiB at worst, and
//! 10 MiB with everything:
//!
//! ```
//! use swarm_notify::swarm::Config;
//!
//! let device = Config::small();
//! assert_eq!((device.limits.connections, device.limits.streams, device.inbound_handshakes), (16, 32, 8));
//! assert!(device.memory_bound() < 6_000_000);
//! ```
//!
//! A server with 250 peers, each with a few streams. Each peer may connect again while its old connection has not ended yet.
//! `ulimit -n` 1 024 is enough. The server needs 0.8 MiB at rest with 250 connections, some 49 MiB at worst, and 830 MiB
//! with everything. Pub/sub has 479 MiB of the latter: lower its `peers`, `subscriptions`, `seen` and budgets, the budgets
//! of identify and requests, and `unread_bytes`, in proportion to the number of peers that you expect:
//!
//! ```
//! use swarm_notify::swarm::Config;
//!
//! let mut server = Config::default();
//! server.limits.connections = 512; // 250 peers with two each
//! server.limits.streams = 8_192;
//! server.inbound_handshakes = 256;
//! server.outbound_handshakes = 16;
//! server.connections_per_peer = 2;
//! server.streams_per_peer = 64;
//! server.held_bytes = 24 * 1024 * 1024;
//! server.held_bytes_per_peer = 6 * 1024 * 1024;
//! server.held_bytes_per_connection = 4 * 1024 * 1024;
//! let yamux = &mut server.connection.yamux; // windows that grow no further than a connection's budget
//! (yamux.max_receive_window, yamux.max_window_growth) = (2 * 1024 * 1024, 2 * 1024 * 1024);
//! let mebibytes = server.memory_bound() / (1024 * 1024);
//! assert!((45..50).contains(&mebibytes), "{mebibytes}");
//! # #[cfg(all(feature = "host", unix, target_pointer_width = "64"))] {
//! # use swarm_notify::protocols::{address_book, identify, ping, pubsub, request_response};
//! # let (limits, mut host) = (server.limits, swarm_notify::host::Config::default());
//! # host.swarm = server;
//! # let everything = host.memory_bound()
//! #     + ping::Config::default().memory_bound(&limits)
//! #     + identify::Config::default().memory_bound(&limits)
//! #     + address_book::Config::default().memory_bound(&limits)
//! #     + request_response::Config::default().memory_bound::<request_response::Bytes>(&limits)
//! #     + pubsub::Config::default().memory_bound();
//! # assert!((everything as f64 / f64::from(1 << 20) - 830.0).abs() < 2.0, "{everything}");
//! # }
//! ```
//!
//! A relay with 20 000 connections, most of them idle. `ulimit -n` 26 000 is enough. The relay needs 40 MiB at rest, some
//! 970 MiB at worst, and 1 937 MiB with everything:
//!
//! ```
//! use swarm_notify::swarm::Config;
//!
//! let mut relay = Config::default();
//! relay.limits.connections = 20_480; // the last 64th, 320, is for newcomers
//! (relay.high_water, relay.low_water) = (Some(20_160), Some(20_000)); // from there on the least useful go
//! relay.limits.streams = 131_072;
//! relay.inbound_handshakes = 4_096; // they come again all at once after a fault of the network
//! relay.connections_per_peer = 2;
//! relay.streams_per_peer = 128;
//! relay.held_bytes = 512 * 1024 * 1024;
//! let mebibytes = relay.memory_bound() / (1024 * 1024);
//! assert!((930..980).contains(&mebibytes), "{mebibytes}");
//! # #[cfg(all(feature = "host", unix, target_pointer_width = "64"))] {
//! # use swarm_notify::protocols::{address_book, identify, ping, pubsub, request_response};
//! # let (limits, mut host) = (relay.limits, swarm_notify::host::Config::default());
//! # host.swarm = relay;
//! # let everything = host.memory_bound()
//! #     + ping::Config::default().memory_bound(&limits)
//! #     + identify::Config::default().memory_bound(&limits)
//! #     + address_book::Config::default().memory_bound(&limits)
//! #     + request_response::Config::default().memory_bound::<request_response::Bytes>(&limits)
//! #     + pubsub::Config::default().memory_bound();
//! # assert!((everything as f64 / f64::from(1 << 20) - 1_937.0).abs() < 2.0, "{everything}");
//! # }
//! ```

#[cfg(doc)]
use crate::lifecycle::Limits;
#[cfg(doc)]
use crate::swarm::{Config, Swarm};
