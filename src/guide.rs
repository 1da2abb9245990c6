//! Put it into your loop: which calls when, what a turn does, and what happens if you are late.
//!
//! Three pages go further: [`enemy`] has all bounds, the memory that they add up to, and what is not defended.
//! [`six_notifications`] shows py-libp2p's way and ours side by side.
#![cfg_attr(feature = "cli", doc = "[`command_log`] states the log of the command.")]
#![cfg_attr(not(feature = "cli"), doc = "`command_log` (feature `cli`) states the log of the command.")]
//!
//! The short form, for a program that draws a frame sixty times a second:
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//! use swarm_notify::connection::Protocol;
//! use swarm_notify::keys::KeyFile;
//! use swarm_notify::lifecycle::Event;
//! use swarm_notify::swarm::{Config, Readiness, Swarm};
//! use swarm_notify::tcp;
//!
//! let identity = KeyFile::load_or_create("node.key")?.key; // made at the first start
//! let reactor = tcp::Reactor::new()?;
//! let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
//! let mut swarm = Swarm::from_os_rng(reactor, transport, &identity, Config::default())?;
//! swarm.register_protocol(Protocol::from_static("/sink/1.0.0")); // inbound streams may choose it
//! swarm.listen("/ip4/127.0.0.1/tcp/0".parse()?)?;
//! let start = Instant::now();
//! loop {
//!     swarm.tick(start.elapsed()); // hears all that came, sends pending output
//!     while let Some(event) = swarm.next_event() {
//!         match event {
//!             Event::ClosedStream { stream, .. } => println!("and {} bytes", swarm.take_unread(stream).len()),
//!             event => println!("{event}"), // dial, open, close: any command, here or anywhere
//!         }
//!     }
//!     while let Some(ready) = swarm.next_ready() {
//!         let Readiness::Stream { stream, readable: true, .. } = ready else { continue };
//!         let mut buffer = [0; 4096];
//!         while let Ok(n) = swarm.read(stream, &mut buffer) {
//!             println!("{n} bytes");
//!             if n == 0 {
//!                 let _ = swarm.finish(stream); // the peer's end; ours follows, if it has not come before
//!                 break;
//!             }
//!         }
//!     }
//!     swarm.flush_all(start.elapsed()); // what you wrote leaves in this frame
//!     std::thread::sleep(Duration::from_millis(16)); // and the rest of your frame
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The calls of one turn
//!
//! | call | what it does | when |
//! |---|---|---|
//! | [`tick`](Swarm::tick), or [`turn`](Swarm::turn) under a budget | hears all that has come since the last turn, handles it, and sends pending output; it never waits | once a frame; or when the descriptor is readable, or [`poll_at`](Swarm::poll_at) has come |
//! | [`next_event`](Swarm::next_event) until `None` | tells what lives and what has ended; at each `ClosedStream`, take what you have not read ([`take_unread`](Swarm::take_unread)) | after the turn |
//! | [`next_ready`](Swarm::next_ready) until `None` | tells what can be read and written, and what peers were refused | after that |
//! | [`Notifees::drive`](crate::notifee::Notifees::drive), if you have notifees | tells them of events and readiness, in the place of the two calls above; [`drive_with`](crate::notifee::Notifees::drive_with) shows you the events, too | after the turn |
//! | commands | `dial`, `open_stream`, `read`, `write`, `close_…`: they act on memory and return at once | at any time |
//! | [`flush_all`](Swarm::flush_all) | sends what commands have left, one batch a connection; it reads and opens nothing | at the end of a frame; without it the next turn sends it |
//! | sleep | on the descriptor **and** until `poll_at`, or in [`wait`](Swarm::wait), or to the end of the frame | last |
//!
//! Notifees have deadlines of their own, which the swarm does not know. A loop that has notifees sleeps until the earlier of
//! the two `poll_at`s:
//!
//! ```no_run
//! # use std::time::Duration;
//! # use swarm_notify::{notifee::Notifees, tcp};
//! # fn sleep(swarm: &mut tcp::Swarm, notifees: &Notifees<tcp::Swarm>, now: Duration) -> std::io::Result<()> {
//! swarm.wait(now, notifees.poll_at().map(|at| at.saturating_sub(now)))?; // `wait` itself regards the swarm's
//! # Ok(())
//! # }
//! ```
//!
//! No progress depends on extra calls, or on another thread. A loop that sleeps 50 ms a frame hears in each tick all that
//! has come, however irregular the frames are.
//!
//! Complete programs, each short enough to copy, are in the crate's sources under `tests/loops/`; each runs with
//! `cargo run --example NAME`: `frame` (a frame with a budget), `epoll`, `poll2`, `mio`, `calloop`, `tokio`, `smol`,
//! `wait` (no other loop) and `lifecycle` (the bookkeeping alone, over sockets of your own). Those under `tests/examples/`
//! do something: `chat`, `request_response`, `six_notifications`, `peers`, `reconnecting`, and `chat_host` (feature `host`).
//!
//! # Streams
//!
//! - **Reading.** `next_ready` names a stream that is readable, once. Read it until `Err(Blocked)`, a short read, or
//!   `Ok(0)`, which is the peer's end: answer that with [`finish`](Swarm::finish), or the stream stays half open. If you
//!   had finished before, the read itself has closed the stream, and `finish` says `Ended`; that is no fault.
//! - **The last bytes.** A stream can end in the same turn in which its last bytes come: the peer finished and closed the
//!   connection. Then `next_ready` does not name it any more. So call [`take_unread`](Swarm::take_unread) at each
//!   `ClosedStream`; that is the last chance. `is_remote_finished` of [`stream`](Swarm::stream) says whether these are all
//!   bytes that the peer had to say, whatever the reason of the end: a peer that finishes and leaves is told as
//!   `ConnectionClosed`.
//! - **Writing.** [`write`](Swarm::write) takes as much as there is place for, and says how much. Keep the rest, and go on
//!   when `next_ready` names the stream `writable`. A refused write is not sent later, and [`finish`](Swarm::finish) ends
//!   the stream without it. `is_local_finished` of [`stream`](Swarm::stream) says whether our side is finished, and
//!   `is_fin_sent` whether our end has left: look at it at `ClosedStream` with `ConnectionClosed`, where the peer can have
//!   all of your request, or not.
//! - **Many streams at once.** A stream of yours takes data at once if it proposes one protocol. But of the streams that
//!   you open on a new connection only the first eight do
//!   ([`early_streams`](crate::connection::yamux::Config::early_streams)), until the peer's first frame has come; and
//!   later only those that do not wait behind [`ack_backlog`](crate::connection::yamux::Config::ack_backlog) others. A
//!   write to any other is `Blocked`. So write at `OpenedStream`, or keep what was not taken until the stream is
//!   `writable`.
//! - **Ending.** [`finish`](Swarm::finish) ends your side, [`close_stream`](Swarm::close_stream) also drops what still
//!   comes, and [`reset`](Swarm::reset) gives up at once.
//! - **Answers that take long.** A stream that you have finished waits ten minutes for a byte or window of the peer
//!   ([`half_open_timeout`](crate::connection::Config::half_open_timeout)), or as long as you say
//!   ([`set_half_open_timeout`](Swarm::set_half_open_timeout)). Then it is told as `ClosedStream` with `Timeout`, and the
//!   peer hears a reset. Where a connection has as many streams as the limits allow, one that has been silent for a minute
//!   ([`half_open_grace`](crate::connection::Config::half_open_grace)) is given up for a new one, whatever you said.
//! - **Greedy peers.** A peer may have begun 1 024 streams that have not ended
//!   ([`streams_per_peer`](crate::swarm::Config::streams_per_peer)). One more is reset. It has no
//!   event; `Readiness::Refused` with `StreamLimit` counts it. [`limit_protocol`](Swarm::limit_protocol) sets a smaller
//!   number for a protocol whose streams cost you much. When nearly all places for streams are taken, the greediest
//!   peer's youngest stream gives way to a newcomer's: it is told as `ClosedStream` with `Limit`.
//!   [Shares](crate::swarm::Config#shares) has the rules.
//! - **Before you close a connection,** wait for your answers, and until yours have been read:
//!   [`close_connection`](Swarm::close_connection) and [`shutdown`](Swarm::shutdown) send what was written and end both
//!   sides of all streams, answered or not. To stop in good order, close your listeners, unregister your protocols, wait
//!   for the `ClosedStream` of each stream that lives, and shut down then.
//! - **A peer that leaves.** After its go-away the connection takes no new streams (`Closing`). Those that live go on if
//!   the peer keeps its socket open: finish your answers. `Disconnected` comes when the last one has ended and the peer
//!   has closed its socket, or has not for [`close_timeout`](crate::connection::Config::close_timeout) (5 s), or when
//!   nothing has moved on them for as long. So an answer that takes longer than that to compute is lost. A peer with this crate closes its side at once,
//!   and so ends them all.
//!
//! # What can be looked up
//!
//! [`connection`](Swarm::connection) tells both addresses, the peer, the age, the last round-trip time and the bytes sent and
//! received; [`stream`](Swarm::stream) the protocol, the age, the bytes of both directions and how full the windows are:
//! `unread` of `receive_window` is what you have not read, and a `send_window` of 0 is a peer that does not read.
//! Each can be looked up until its last event has been handled, so that a `Disconnected` still has its totals. Ages are up
//! to the latest time that you gave the swarm. The page of [`ConnectionView`](crate::swarm::ConnectionView) has a table of
//! peers.
//!
//! # A picture of one turn
//!
//! ```text
//!  sockets ──▶ reactor ──wakes──▶ queue of connections        one system call, however many are ready
//!                                   │
//!  1  closes that were asked for, deadlines that have come    connections end, pings are due
//!  2  first in, first out: one helping each  ◀──────┐         at most 16 KiB and 256 frames; one accept
//!         │            still readable: to the end ──┘
//!         ▼
//!     facts ──▶ room in the event queue? ──yes──▶ opens, is told
//!                        │ no
//!                        ▼
//!                waits in line, and so does our answer to its peer
//!  3  output: all that this turn and your commands caused on a connection leaves as one run of bytes
//! ```
//!
//! # The descriptor
//!
//! A swarm on a [`tcp::Reactor`](crate::tcp::Reactor) has one descriptor (`AsFd`, on Unix) for all its sockets. Register it
//! for *readable* in epoll, poll(2), select, kqueue, `mio`, `calloop`, tokio's `AsyncFd` or libuv.
//!
//! - It is readable while something has come **from outside your calls** that no turn has heard: bytes, connections,
//!   ends, a finished lookup of a name, a [`waker`](Swarm::waker) used by another thread.
//! - It is not readable because of work that **you** have caused or left: commands, undrained events, a turn that stopped
//!   at its budget. [`poll_at`](Swarm::poll_at) says that: it is *now* then. So sleep on both.
//! - Under a level trigger it stays readable until a turn has heard everything. Under an edge trigger there is an edge each
//!   time that something comes. Clear readiness first and take the turn then, in this order. If one turn cannot hear
//!   everything, `poll_at` is *now*.
//! - Only wait for it. Do not read from it, and do not register anything else with it.
//! - A turn takes a use of the [`waker`](Swarm::waker) as heard. So look at what the other thread has left for you after
//!   the turn, not before it.
//! - With several swarms on one thread, wait for all their descriptors at once, since `wait` sleeps on one. Or let them
//!   share a [`tcp::Reactor`](crate::tcp::Reactor): make each with [`new`](Swarm::new), over a transport with a handle of
//!   that reactor, and call its `advance` and `poll` yourself before you tick the swarms whose `poll_at` has come.
//! - Sending can end a stream, so there may be events after `flush_all`. [`has_pending`](Swarm::has_pending) says so.
//!   Drain them at once, or in the next turn.
//! - Take it out of your loop before you drop the swarm, and do not use it after a fork.
//! - If you leave the event queue full on purpose, sleep on the descriptor until
//!   [`next_deadline`](Swarm::next_deadline) instead of `poll_at`, which would be *now* all the time. `wait` does not wait
//!   while anything is undrained. [`has_pending`](Swarm::has_pending) says whether something is.
//!
//! An asynchronous owner does the same: wait for the descriptor with whatever waits for descriptors, then `tick`. Only
//! swarms without a reactor, whose transport wakes by itself (memory, another runtime's sockets), have
//! [`poll`](Swarm::poll) with a waker.
//!
//! # Budgets
//!
//! `tick` does a bounded amount of work for each connection ([`Config::reads_per_poll`]). With many busy connections that
//! may take longer than a frame. [`turn`](Swarm::turn) asks you before each unit of work:
//!
//! ```
//! # use std::time::{Duration, Instant};
//! # use swarm_notify::swarm::{Swarm, SwarmTransport};
//! # fn frame<T: SwarmTransport>(swarm: &mut Swarm<T>, start: Instant) {
//! let deadline = Instant::now() + Duration::from_millis(2);
//! let progress = swarm.turn(start.elapsed(), &mut || Instant::now() < deadline);
//! if progress.more {
//!     // The next frame goes on where this one stopped.
//! }
//! # }
//! ```
//!
//! A unit is small: some tens of microseconds, and a handshake's signature takes longest. A turn does at most three units
//! more than you agreed to, so that nothing stands still even if you never agree. A budget bounds the frame, and it does
//! not change shares, since connections take turns: beside 64 peers that flood it, an honest one gets one helping in 65.
//! [`Notifees::drive_while`](crate::notifee::Notifees::drive_while) puts notifees under a budget in the same way.
//!
//! # A full event queue, step by step
//!
//! The queue holds `EVENTS` events. You need not drain all of it each time; 1 is a legal size.
//!
//! 1. The queue is full. Nothing *becomes* open any more: accepting pauses, and the system's backlog of the listening
//!    socket fills; a dial's handshake stops before our last message, an accepted connection waits as soon as its peer is
//!    authenticated, a stream stops before our confirmation. Their deadlines stand still.
//! 2. Open connections and streams go on: data, windows, pings, resets, ends.
//! 3. A closing event without room is owed: it waits in order behind the queue, without memory of its own.
//! 4. You drain one event. An owed event takes its place. If none is owed, the next turn opens what waits, and tells its
//!    peer then. Streams of different connections take turns.
//! 5. More than [`inbound_backlog`](crate::connection::Config::inbound_backlog) streams of one connection cannot wait:
//!    further ones are reset. They have no id, and no event tells of them; they are counted, and
//!    [`Readiness::Refused`](crate::swarm::Readiness::Refused) tells how many, at most once a second. Nothing that has
//!    an id is ever dropped.
//! 6. A connection that owes more than [`owed_per_connection`](crate::lifecycle::Limits::owed_per_connection) events, or
//!    has owed more since there was room last, has its peer's new streams reset, too. So peers that begin and end streams
//!    as fast as they can leave room for others. If you drain all that waits, there is room in the next turn:
//!    [`Notifees::drive`](crate::notifee::Notifees::drive) does, and by hand
//!    [`events_until_room`](Swarm::events_until_room) says how much that is. If you drain less, there is room once you have
//!    drained what waited, and 65 events for each connection whose peer does so: beside 64 of them, within 18 turns of 256
//!    events.
//!
//! A stream that a peer begins has its id from its first whole proposal on, whether you support it or not. One that ends
//! before has no event; [`counters`](Swarm::counters) count it in
//! [`without_id`](crate::lifecycle::Counts::without_id).
//!
//! A peer may open streams and end them politely, as many as [`openings`](crate::connection::Config::openings) says: each
//! waits for its turn and for room, and those beyond for the rate, without an id. So nothing that has an id is told faster
//! than you have chosen. The default is 1 000 000 a second, for owners to whom an event costs nothing; choose less where it
//! does. What ends by a reset for which the peer is the reason, whoever sends it, takes from the budget
//! [`resets`](crate::connection::Config::resets), whose page says which ends are charged and which are not.
//!
//! # Who comes in
//!
//! Anybody can connect to a port. Until an accepted connection's peer has proved who it is, the connection has no id and
//! no event: it stands at the door, in a bounded table ([`Swarm::inbound_handshakes`]).
//!
//! - [`Config::inbound_handshakes`] (1 024) bounds the table, [`Config::handshakes_per_address`] (64) the places of one IPv4
//!   address or one IPv6 /64, and [`Config::handshakes_per_site`] (256) those of one IPv6 /48. When an address or a site has
//!   all of its places, one of its own goes for its newcomer. When all places are taken, one goes of the address or the site
//!   that has the most. Of several the least advanced one goes, and then the oldest. Advanced means: Noise agreed on, its
//!   first message answered, the peer authenticated. Bytes that come one by one advance nothing.
//! - Whoever has only just come is passed over, so that a newcomer is heard even where attackers have all places and come
//!   again all the time. It stays until half as many others have come as there are places, and if it is as advanced as they
//!   are by then, until as many have. With all places taken by one address each, attackers have to connect 512 times in the
//!   round trip that a newcomer takes for Noise's first message, 5 120 times a second for one of 100 ms; from the newcomer's
//!   own address 32 times. More places make that more, at 14 KiB of the memory bound each.
//! - A handshake has [`handshake_timeout`](crate::connection::Config::handshake_timeout) (10 s) in all. While half of the
//!   places are taken, of all, of its address or of its site, it has [`Config::first_byte_timeout`] (2 s) for its first byte.
//! - What ends at the door is counted: [`Swarm::refused`] with [`Refusal::HandshakeFailed`](crate::swarm::Refusal) or
//!   `HandshakeEvicted`, and [`Counts::without_id`](crate::lifecycle::Counts::without_id). The log has the reasons.
//! - Behind a proxy or a NAT many peers share one address. Raise [`Config::connections_per_address`] (8) there to the number
//!   of peers that you expect, for IPv6 [`Config::connections_per_site`] (64), too, and `handshakes_per_address` and
//!   `handshakes_per_site` to the number that connect within 10 s.
//! - Once its peer is authenticated a connection has its id, and nobody at the door takes its place. If it ends before it has
//!   opened, you are told `ConnectFailed`: with `Limit` if its peer, its address or its site has its share already. The text
//!   of its error names the share, and it counts as `ConnectionLimit`, too.
//! - A connection that is open stays, whatever comes to the door, but for four cases. One without a stream, of a holder of
//!   more, gives way when only the last 64th of all places is left. One without a stream that looks dead gives way to a new
//!   one of the same peer. Above [`Config::high_water`] (15 360) the least useful go that are older than
//!   [`Config::trim_grace`] (10 s). Where descriptors have run out, a few without a stream go
//!   ([`Config::descriptor_reserve`]). Each is told as `Disconnected` with `Trimmed`. Of a peer that you
//!   [protect](Swarm::protect) none goes, but one that looks dead.
//!
//! # Memory
//!
//! [`Notifees::memory_bound`](crate::notifee::Notifees::memory_bound) states the heap that a node takes at worst with all that
//! is installed: compare that number with what the machine has. It is the sum of what each part states. [`enemy`] has the sums
//! for the defaults and for small machines. The part of the swarm itself is [`Config::memory_bound`] ([`enemy`] has what one
//! connection and one stream take of it), which has three parts in turn:
//!
//! | part | depends on | default |
//! |---|---|---|
//! | records of connections and streams | [`limits`](Config::limits), handshakes | 160 MiB for 16 384 connections, 65 536 streams, 1 024 handshakes |
//! | bytes held | [`held_bytes`](Config::held_bytes) | 64 MiB, and a quarter more for a moment; 2 MiB at the door |
//! | buffers that are made once | the largest window, the output of one connection | 11 MiB |
//!
//! Choose `limits` first: as many connections and streams as you serve. Then choose `held_bytes`: what all streams may have
//! unread together at your busiest, and what waits for slow readers. [`Swarm::bytes_held`] tells how much that is; a program
//! that reads what is ready in each turn holds next to nothing. A connection needs some 200 KiB for itself at times, so a
//! budget below 1 MiB resets streams of honest peers. Services have budgets of their own, by the same rule: identify
//! `held_bytes`, requests `outbound_bytes` and `inbound_bytes`, pub/sub those of its `Config`, and a host `unread_bytes`. With
//! fewer connections than the default they can be lowered in proportion.
//!
//! What you do not read is held, too. A peer that you neglect waits for window first; that is all, as long as its
//! connection, its peer and all together keep their budgets. Above a budget, window is withheld for what you have read;
//! above it by a quarter, the largest streams end with [`StreamEnd::Limit`](crate::lifecycle::StreamEnd::Limit). Above the
//! budget of all, window is withheld only from peers that hold more than a 64th of it, and streams are reset only of
//! those who hold most: an idle peer loses nothing. To pass bytes on without keeping any, read no more than
//! [`write_room`](Swarm::write_room) says.
//!
//! [`Config::small`] is for 16 connections, and each service and the host has a `small`, too. Two small nodes that ping, say who they are, publish and echo:
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
//! # How late is too late
//!
//! `now` comes from you, and deadlines are judged in turns only: nothing happens while you are away.
//!
//! - **Milliseconds to a second**: everything comes that much later. Peers notice latency.
//! - **More than [`Config::lateness`] (1 s) after a deadline**: bytes of your peers may still be on their way to you. So all
//!   deadlines are put off by `lateness`, once, before they are judged. Nothing is lost.
//! - **More than 45 s after your peers last heard you**: peers with this crate's defaults have pinged you after 30 s of
//!   silence and given you up 15 s later. Where nothing was said before you stopped, that is as early as 15 s after your
//!   last turn. Others have limits of their own: js-libp2p ends a connection whose ping is not answered within 15 s. You
//!   are told `Disconnected` for each, with `Remote(Eof)` or
//!   `Failed(Reset)` as the reason, since the peer has closed; the peer's own reason is `Failed(Timeout)`. Data that was
//!   not sent is lost. If both sides were away, neither has given up the other.
//!   Data that had arrived and that you had not read can still be taken ([`take_unread`](Swarm::take_unread)).
//! - **While you are away** the system's buffers fill, which slows your peers down. Connections beyond the listening
//!   socket's backlog are refused or tried again, as the system has it.
//!
//! # How peers end
//!
//! The reason of a `Disconnected` says what came over the wire. Other implementations say less there than this crate:
//!
//! | the peer | what you are told |
//! |---|---|
//! | this crate, rust-libp2p, js-libp2p or py-libp2p closes in good order | `Remote(GoAway(0))` |
//! | go-libp2p closes a connection that it dialed, by a TCP reset and without a go-away | `Failed(Reset)`, as if the network had cut it |
//! | go-libp2p closes a connection that it accepted, or its process ends | `Remote(Eof)`, or `Failed(Reset)` if it had not read all that we sent |
//! | a process is killed | `Remote(Eof)`, or `Failed(Reset)` if it had unread bytes, or had dialed as go-libp2p does |
//! | a process is stopped, or its owner takes no turns | `Failed(Timeout)`, 45 s after its last byte |
//!
//! So do not take `Failed(Reset)` from a go peer for an error, nor `Remote(Eof)` for a farewell. A go peer that finishes
//! its streams and closes the connection right after can lose its last FINs. These streams are told as
//! `ConnectionClosed`, and `is_remote_finished` is false although all of their bytes may have come. A protocol whose
//! messages carry their length does not depend on it.
//!
//! # Threads
//!
//! | feature | thread | lifetime |
//! |---|---|---|
//! | `swarm`, `tcp`, `protocols` | none | |
//! | `subscription` | one for each notifee that is [spawned](crate::notifee::Notifees::spawn), and none otherwise | until it was unregistered and has handled what it was sent; never longer than the registry |
//! | `dns` | one for each lookup, at most [`tcp::Config::lookups`](crate::tcp::Config::lookups) | from the turn that begins the lookup until the system has answered, even if the dial is dropped |
//! | `host`, `cli` | `async-io`'s own | from the making of a host, or from its first timer, for the life of the process: it waits for one descriptor a host and for timers |
//! | `cli` | one that reads stdin | while `--floodsub` publishes lines |
//!
//! `tcp::Swarm` is `Send`: it can be moved to the thread that owns the loop. The [`waker`](Swarm::waker) and subscriptions
//! are for other threads; everything else is for that one.

#[cfg(doc)]
use crate::swarm::{Config, Swarm};

#[cfg(feature = "cli")]
pub mod command_log;
pub mod enemy;
pub mod six_notifications;
