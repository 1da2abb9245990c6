//! A swarm in your own loop: the calls to make and when to make them, the work of a turn, and the effects of a late turn.
//!
//! Further pages:
//!
//! - [`promises`]: the thirteen promises, each with the tests that check it.
//! - [`enemy`]: all bounds, and the attacks against which there is no defence. [`memory`]: the memory that a node needs at
//!   most, which follows from the bounds.
//! - [`publish_subscribe`]: floodsub or gossipsub, validation, scores, and parameters.
//! - [`from_py_libp2p`]: the names in py-libp2p and in this crate, the differences between the two libraries, and the
//!   notifications of each.
//! - [`six_notifications`]: the same program for py-libp2p and for this crate, side by side.
#![cfg_attr(feature = "cli", doc = "- [`command`] and [`command_log`]: the command `swarm-notify`, and its log.")]
#![cfg_attr(not(feature = "cli"), doc = "- `command`, `command_log` (feature `cli`): the command, and its log.")]
//!
//! This complete program takes one turn in each frame, sixty times a second:
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
//! | [`tick`](Swarm::tick), or [`turn`](Swarm::turn) under a budget | handles everything that has arrived since the last turn, and sends pending output; it never waits | once in each frame; or when the descriptor is readable or the time of [`poll_at`](Swarm::poll_at) has come |
//! | [`next_event`](Swarm::next_event) until `None` | tells what has opened and what has ended; at each `ClosedStream`, take the bytes that you have not read ([`take_unread`](Swarm::take_unread)) | after the turn |
//! | [`next_ready`](Swarm::next_ready) until `None` | tells which streams can be read and written, and what peers were refused | after the events |
//! | [`Notifees::drive`](crate::notifee::Notifees::drive), if you have notifees | tells notifees of events and readiness, instead of the two calls above; [`drive_with`](crate::notifee::Notifees::drive_with) also calls a function of yours with each event | after the turn |
//! | commands | `dial`, `open_stream`, `read`, `write`, `close_…`: they only change memory, and return at once | at any time |
//! | [`flush_all`](Swarm::flush_all) | sends the output of your commands, in one run of bytes for each connection; it reads and opens nothing | at the end of a frame; without this call, the next turn sends the output |
//! | sleep | until the descriptor is readable **or** the time of `poll_at` has come; or in [`wait`](Swarm::wait); or until the end of the frame | last |
//!
//! Notifees have deadlines of their own, which the swarm does not know. A loop with notifees has to sleep until the earlier
//! of the swarm's and the notifees' `poll_at`:
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
//! No progress depends on extra calls, or on another thread. In a loop that sleeps 50 ms in each frame, each tick handles
//! everything that has arrived since the last tick, however irregular the frames are.
//!
//! # Programs to begin with
//!
//! These programs are short enough to copy. They are in `tests/examples/` and `tests/loops/` of the crate's sources, and the
//! tests run each of them. The first comment in a program says how to try it. A program with a star needs two terminals.
//!
//! | program | what it shows | command |
//! |---|---|---|
//! | `chat` * | a chat on the raw swarm, in a loop of its own that also reads the keyboard | `cargo run --example chat` |
//! | `chat_host` * | a chat with async streams and a handler; it can talk to `chat` | `cargo run --features host --example chat_host` |
//! | `request_response` * | a request and response protocol of one's own, with a codec | `cargo run --example request_response` |
//! | `six_notifications` | the six notifications of libp2p's notifee, on two nodes ([`six_notifications`]) | `cargo run --example six_notifications` |
//! | `peers` * | a table of peers every second: counters, ages, round trips, bytes | `cargo run --example peers` |
//! | `reconnecting` * | a client that connects again whenever its server restarts | `cargo run --example reconnecting` |
//! | `guarded` | a node that watches its bounds ([`enemy`]) | `cargo run --example guarded` |
//! | `frame` | the loop of a game: a turn under a budget in each frame | `cargo run --example frame` |
//! | `epoll`, `poll2`, `mio`, `calloop` | an event loop that you already have, with the swarm's descriptor in it | `cargo run --example epoll` |
//! | `tokio`, `smol` | a task on an async runtime | `cargo run --example tokio` |
//! | `wait` | a program without another event loop, which sleeps in the swarm's `wait` | `cargo run --example wait` |
//! | `lifecycle` | the bookkeeping of events alone, for sockets of your own | `cargo run --example lifecycle` |
//!
//! # Streams
//!
//! - **Reading.** `next_ready` names a stream once when it becomes readable. Read the stream until `Err(Blocked)`, a short
//!   read, or `Ok(0)`, which means that the peer has ended its side. Then end your side with [`finish`](Swarm::finish), or
//!   the stream stays half-open. If you had ended your side before, this read has closed the stream, and `finish` returns
//!   the error `Ended`, which is no fault.
//! - **The last bytes.** A stream can end in the same turn in which its last bytes arrive, if the peer has finished the
//!   stream and closed the connection. Then `next_ready` does not name the stream any more. So call
//!   [`take_unread`](Swarm::take_unread) at each `ClosedStream`, which is the last chance to get these bytes.
//!   `is_remote_finished` of [`stream`](Swarm::stream) tells whether they are all that the peer has sent, whatever the
//!   reason of the end: if a peer finishes its streams and leaves, the reason is `ConnectionClosed`.
//! - **Writing.** [`write`](Swarm::write) accepts as many bytes as there is room for, and returns their number. Keep the
//!   rest, and go on when `next_ready` names the stream as `writable`. Bytes that `write` did not accept are not sent later,
//!   and [`finish`](Swarm::finish) ends the stream without them. `is_local_finished` of [`stream`](Swarm::stream) tells
//!   whether your side is finished, and `is_fin_sent` whether its FIN was sent. Check `is_fin_sent` at a `ClosedStream` with
//!   `ConnectionClosed`: only if it is `true` can the peer have your whole request.
//! - **Many streams at once.** A stream that you open with one protocol accepts data at once, with two exceptions. On a new
//!   connection, until the peer's first frame has arrived, only the first eight streams accept data
//!   ([`early_streams`](crate::connection::yamux::Config::early_streams)). Later, if
//!   [`ack_backlog`](crate::connection::yamux::Config::ack_backlog) streams are not acknowledged yet, further streams wait.
//!   A write to a stream that waits is `Blocked`. So write at `OpenedStream`, or keep the bytes that were not accepted until
//!   the stream is `writable`.
//! - **Ending.** [`finish`](Swarm::finish) ends your side of a stream. [`close_stream`](Swarm::close_stream) also drops the
//!   bytes that still arrive. [`reset`](Swarm::reset) ends both directions at once.
//! - **Answers that take long.** A stream whose side you have ended waits for ten minutes without a byte or window from the
//!   peer ([`half_open_timeout`](crate::connection::Config::half_open_timeout)), or for the time that you set
//!   ([`set_half_open_timeout`](Swarm::set_half_open_timeout)). Then the stream ends with `ClosedStream` and `Timeout`, and
//!   the peer gets a reset. If a connection has as many streams as the limits allow, a half-open stream that has been silent
//!   for a minute ([`half_open_grace`](crate::connection::Config::half_open_grace)) is reset in favour of a new one,
//!   whatever time you have set.
//! - **Greedy peers.** A peer may have begun 1 024 streams that have not ended
//!   ([`streams_per_peer`](crate::swarm::Config::streams_per_peer)). A further stream is reset, and causes no event:
//!   `Readiness::Refused` with `StreamLimit` counts it. [`limit_protocol`](Swarm::limit_protocol) sets a smaller number for
//!   a protocol whose streams cost you much. When nearly all places for streams are taken, the youngest stream of the peer
//!   with the most streams gives way to a new stream of another peer, and ends with `ClosedStream` and `Limit`. The rules
//!   are in [Shares](crate::swarm::Config#shares).
//! - **Before you close a connection,** wait until the peer's answers have arrived and the peer has read yours:
//!   [`close_connection`](Swarm::close_connection) and [`shutdown`](Swarm::shutdown) send what was written and end both
//!   sides of all streams, answered or not. To stop in good order, close your listeners, unregister your protocols, wait for
//!   the `ClosedStream` of each open stream, and then shut down. Go on with turns and drain all events until
//!   [`is_shut_down`](Swarm::is_shut_down), since every closing event is still told.
//! - **A peer that leaves.** After the peer's go-away, the connection accepts no new streams (`Closing`). Open streams go on
//!   as long as the peer keeps its socket open, so that you can finish your answers. `Disconnected` is told when the last
//!   stream has ended and the peer has closed its socket, but not later than
//!   [`close_timeout`](crate::connection::Config::close_timeout) (5 s) after that. It is also told when no byte has moved on
//!   the open streams for the same time, so that an answer which takes longer to compute is lost. A peer that uses this
//!   crate closes its socket at once, which ends all streams.
//!
//! # What can be looked up
//!
//! [`connection`](Swarm::connection) returns both addresses of a connection, the peer, the age, the last round-trip time,
//! and the number of bytes sent and received. [`stream`](Swarm::stream) returns the protocol of a stream, the age, the
//! number of bytes in both directions, and the state of the windows: you have not read `unread` bytes of `receive_window`,
//! and a `send_window` of 0 means that the peer does not read. A connection or stream can be looked up until its last event
//! has been handled, so that the totals are still known at `Disconnected`. Ages are counted up to the latest time that you
//! have passed to the swarm. The page of [`ConnectionView`](crate::swarm::ConnectionView) has an example that prints a table
//! of peers.
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
//!                waits in a queue, and so does our answer to its peer
//!  3  output: all that this turn and your commands caused on a connection leaves as one run of bytes
//! ```
//!
//! # The descriptor
//!
//! A swarm on a [`tcp::Reactor`](crate::tcp::Reactor) has one descriptor (`AsFd`, on Unix) for all of its sockets. Register
//! the descriptor for *readable* in epoll, poll(2), select, kqueue, `mio`, `calloop`, tokio's `AsyncFd` or libuv.
//!
//! - The descriptor is readable while something has arrived **from outside your calls** that no turn has handled: bytes,
//!   connections, ends, a finished lookup of a name, or the use of a [`waker`](Swarm::waker) by another thread.
//! - The descriptor is not readable because of work that **you** have caused or left: commands, undrained events, or a turn
//!   that stopped at its budget. In these cases [`poll_at`](Swarm::poll_at) returns the present time. So sleep on both.
//! - With a level trigger, the descriptor stays readable until a turn has handled everything. With an edge trigger, there is
//!   an edge each time that something arrives. Clear the readiness first, and take the turn after that. If one turn cannot
//!   handle everything, `poll_at` returns the present time.
//! - Only wait for the descriptor to become readable. Do not read from it, and do not register other descriptors with it.
//! - A turn handles all earlier uses of the [`waker`](Swarm::waker). So look for what the other thread has left for you
//!   after the turn, and not before.
//! - With several swarms on one thread, wait for all of their descriptors at once, since `wait` sleeps on only one
//!   descriptor. Or let the swarms share a [`tcp::Reactor`](crate::tcp::Reactor): make each swarm with [`new`](Swarm::new),
//!   over a transport with a handle of that reactor, and call the reactor's `advance` and `poll` yourself before you tick
//!   the swarms whose `poll_at` has passed.
//! - Sending can end a stream, so there may be events after `flush_all`. [`has_pending`](Swarm::has_pending) tells whether
//!   there are. Drain them at once, or after the next turn.
//! - Remove the descriptor from your poller before you drop the swarm, and do not use it after a fork.
//! - If you leave the event queue full on purpose, sleep on the descriptor until [`next_deadline`](Swarm::next_deadline)
//!   instead of `poll_at`, which would always return the present time. `wait` returns at once while anything is undrained,
//!   and [`has_pending`](Swarm::has_pending) tells whether something is.
//!
//! An asynchronous owner waits for the descriptor in the way of its runtime, and then calls `tick`. Only a swarm without a
//! reactor, whose transport wakes by itself (memory, or another runtime's sockets), is driven by [`poll`](Swarm::poll) with
//! a waker.
//!
//! # Budgets
//!
//! `tick` does a bounded amount of work for each connection ([`Config::reads_per_poll`]). With many busy connections, a tick
//! may take longer than a frame. [`turn`](Swarm::turn) calls a function of yours before each unit of work, and stops when
//! the function returns `false`:
//!
//! ```
//! # use std::time::{Duration, Instant};
//! # use swarm_notify::swarm::{PipeTransport, Swarm};
//! # fn frame<T: PipeTransport>(swarm: &mut Swarm<T>, start: Instant) {
//! let deadline = Instant::now() + Duration::from_millis(2);
//! let progress = swarm.turn(start.elapsed(), &mut || Instant::now() < deadline);
//! if progress.more {
//!     // The next frame goes on where this one stopped.
//! }
//! # }
//! ```
//!
//! A unit takes some tens of microseconds, and the signature of a handshake takes longest. A turn does at most three units
//! more than the function has allowed, so that there is progress even if the function always returns `false`. A budget
//! limits the time of a turn, and does not change how the work is divided, since connections are served in turn: beside 64
//! peers that flood the node, an honest peer gets one helping of work in 65.
//! [`Notifees::drive_while`](crate::notifee::Notifees::drive_while) limits the work of notifees in the same way.
//!
//! # A full event queue, step by step
//!
//! The event queue has room for `EVENTS` events, where 1 is a legal size. You need not drain the whole queue each time.
//!
//! 1. The queue is full. Nothing *becomes* open any more. Accepting pauses, and the system's backlog of the listening socket
//!    fills. The handshake of a dial stops before our last message, an accepted connection waits once its peer is
//!    authenticated, and a stream waits before we confirm its protocol. The deadlines of everything that waits are paused.
//! 2. Open connections and streams go on: data, windows, pings, resets, ends.
//! 3. A closing event for which the queue has no room is owed: it waits, in order, until the queue has room, and needs no
//!    further memory.
//! 4. When you drain one event, an owed event is moved into the queue. If no event is owed, the next turn opens something
//!    that waits, and only then confirms it to its peer. Streams of different connections are opened in turn.
//! 5. At most [`inbound_backlog`](crate::connection::Config::inbound_backlog) streams of one connection can wait. Further
//!    streams are reset. They have no id, and no event tells of them, but they are counted, and
//!    [`Readiness::Refused`](crate::swarm::Readiness::Refused) tells their number, at most once a second. Nothing that has
//!    an id is ever dropped.
//! 6. If a connection has more than [`owed_per_connection`](crate::lifecycle::Limits::owed_per_connection) owed events, new
//!    streams of its peer are reset until the queue has room again. So peers that begin and end streams as fast as they can
//!    do not take all of the room. If you drain everything that waits, there is room in the next turn.
//!    [`Notifees::drive`](crate::notifee::Notifees::drive) drains everything, and
//!    [`events_until_room`](Swarm::events_until_room) returns how many events an owner without notifees has to drain. If you
//!    drain less, there is room after the events that were waiting and 65 further events for each connection with such a
//!    peer: with 64 such connections, within 18 turns of 256 events.
//!
//! A stream of a peer gets its id when its first whole proposal has been read, whether you support the protocol or not. A
//! stream that ends before that has no event, and is counted in [`without_id`](crate::lifecycle::Counts::without_id) of the
//! [`counters`](Swarm::counters).
//!
//! A peer may open streams, and end them politely, at the rate [`openings`](crate::connection::Config::openings). Each
//! stream waits until there is room in the event queue. Streams beyond the rate also wait, without an id, until the rate
//! allows them. So you can choose how many streams are told in a second. The default is 1 000 000 a second, for owners to
//! whom an event costs nothing. Choose less if an event costs you something. A stream that ends by a reset for which the
//! peer is the reason, whoever sends the reset, also counts against the rate [`resets`](crate::connection::Config::resets),
//! whose page says which ends count.
//!
//! # Who comes in
//!
//! Anybody can connect to a port on which a swarm listens. Until the peer of an accepted connection has proved its identity,
//! the connection has no id and no event. It is at the *door*: in a bounded table of handshakes
//! ([`Swarm::inbound_handshakes`]).
//!
//! - [`Config::inbound_handshakes`] (1 024) limits the places in the table, [`Config::handshakes_per_address`] (64) the
//!   places of one IPv4 address or one IPv6 /64, and [`Config::handshakes_per_site`] (256) those of one IPv6 /48, called a
//!   site. When an address or a site has taken all of its places, a newcomer from there replaces one of its own handshakes.
//!   When the whole table is full, a newcomer replaces a handshake of the address or site with the most. The least advanced
//!   of the candidates is closed, and of several equals the oldest. A handshake advances when Noise is agreed on, when
//!   Noise's first message is answered, and when the peer is authenticated. Single bytes do not advance it.
//! - A handshake that has just arrived is not replaced, so that a newcomer is served even if attackers have taken all places
//!   and keep connecting. It keeps its place until half as many others have arrived as there are places, or, if it is as
//!   advanced as they are by then, until as many others have arrived as there are places. So if each place is taken from an
//!   address of its own, attackers have to connect 512 times during the round trip that a newcomer needs for Noise's first
//!   message, or 5 120 times a second for a round trip of 100 ms; from the newcomer's own address, 32 times. More places
//!   raise these numbers, and each place adds 14 KiB to the memory bound.
//! - A handshake has to end within [`handshake_timeout`](crate::connection::Config::handshake_timeout) (10 s). While half of
//!   the places of the table, of its address or of its site are taken, its first byte has to arrive within
//!   [`Config::first_byte_timeout`] (2 s).
//! - Connections that end at the door are counted: by [`Swarm::refused`] as
//!   [`Refusal::HandshakeFailed`](crate::swarm::Refusal) or `HandshakeEvicted`, and in
//!   [`Counts::without_id`](crate::lifecycle::Counts::without_id). The log contains the reasons.
//! - Many peers share one address behind a proxy or a NAT. In this case, raise [`Config::connections_per_address`] (8), and
//!   for IPv6 also [`Config::connections_per_site`] (64), to the number of peers that you expect, and
//!   `handshakes_per_address` and `handshakes_per_site` to the number of peers that connect within 10 s.
//! - Once the peer of a connection is authenticated, the connection has its id, and a newcomer at the door cannot replace
//!   it. If it ends before it has opened, `ConnectFailed` is told. The reason is `Limit` if its peer, address or site
//!   already has all places of its share. Then the text of the error names the share, and the connection also counts as
//!   `ConnectionLimit`.
//! - An open connection is not closed for newcomers, except in four cases. When only the last 64th of all places for
//!   connections is left, a connection without a stream is closed if its peer, address or site has more places than that of
//!   the newcomer. A connection without a stream that looks dead is closed for a new one of the same peer. Above
//!   [`Config::high_water`] (15 360) connections, the least useful ones that are older than [`Config::trim_grace`] (10 s)
//!   are closed. If descriptors have run out, a few connections without a stream are closed
//!   ([`Config::descriptor_reserve`]). In each case, `Disconnected` with `Trimmed` is told. A connection of a peer that you
//!   [protect](Swarm::protect) is closed only if it looks dead.
//!
//! # Memory
//!
//! [`Notifees::memory_bound`](crate::notifee::Notifees::memory_bound) returns the heap memory, in bytes, that a node with
//! everything installed needs at most. Compare this number with the memory of the machine. The page [`memory`] explains how
//! to choose the bounds that add up to it.
//!
//! # How late is too late
//!
//! You pass the time `now` to the swarm, which checks deadlines only in turns. Between turns, the swarm does nothing.
//!
//! - **A turn that is late by milliseconds to a second** delays everything by this time. Peers notice latency.
//! - **A turn more than [`Config::lateness`] (1 s) after a deadline** does not judge the deadline yet, since bytes that your
//!   peers have sent meanwhile may still be on their way to you. All deadlines are postponed by `lateness`, once. Nothing is
//!   lost.
//! - **A turn more than 45 s after your peers last got a byte from you** finds connections closed. A peer with this crate's
//!   defaults sends a ping after 30 s of silence, and closes the connection if there is no answer for 15 s. If the
//!   connection had been silent before your last turn, this can be as early as 15 s after that turn. Other implementations
//!   have limits of their own: js-libp2p closes a connection on which a ping is not answered within 15 s. For each such
//!   connection, `Disconnected` is told with the reason `Remote(Eof)` or `Failed(Reset)`, while the peer's own reason is
//!   `Failed(Timeout)`. Data that was not sent is lost. Data that had arrived and that you had not read can still be taken
//!   ([`take_unread`](Swarm::take_unread)). If both sides took no turns, neither has closed the connection.
//! - **While you take no turns**, the system's buffers fill, which slows your peers down. New connections beyond the backlog
//!   of the listening socket are refused or tried again, depending on the system.
//!
//! # How peers end
//!
//! The reason in a `Disconnected` says what has arrived from the peer. Other implementations send less at the end than this
//! crate:
//!
//! | the peer | what you are told |
//! |---|---|
//! | this crate, rust-libp2p, js-libp2p or py-libp2p closes in good order | `Remote(GoAway(0))` |
//! | go-libp2p closes a connection that it dialed, by a TCP reset and without a go-away | `Failed(Reset)`, as if the network had cut it |
//! | go-libp2p closes a connection that it accepted, or its process ends | `Remote(Eof)`, or `Failed(Reset)` if it had not read all that we sent |
//! | a process is killed | `Remote(Eof)`; or `Failed(Reset)` if the process had unread bytes, or is go-libp2p and had dialed |
//! | a process is stopped, or its owner takes no turns | `Failed(Timeout)`, 45 s after its last byte |
//!
//! So `Failed(Reset)` of a go-libp2p peer need not be an error, and `Remote(Eof)` need not be a close in good order. If a
//! go-libp2p peer finishes its streams and closes the connection immediately afterwards, its last FINs can be lost. These
//! streams end with `ConnectionClosed`, and `is_remote_finished` is `false` although all of their bytes may have arrived. A
//! protocol whose messages contain their length does not depend on FINs.
//!
//! # Threads
//!
//! | feature | thread | lifetime |
//! |---|---|---|
//! | `swarm`, `tcp`, `protocols` | none | |
//! | `subscription` | one for each notifee that is [spawned](crate::notifee::Notifees::spawn), and none otherwise | until the notifee was unregistered and has handled the events that it was sent; never longer than the registry |
//! | `dns` | one for each lookup, at most [`tcp::Config::lookups`](crate::tcp::Config::lookups) | from the turn that begins the lookup until the system has answered, even if the dial is dropped |
//! | `host`, `cli` | one of `async-io` | from the making of a host, or from the first timer, until the process ends: the thread waits for one descriptor of each host and for timers |
//! | `cli` | one that reads stdin | while `--floodsub` publishes lines |
//!
//! `tcp::Swarm` is `Send`: it can be moved to the thread that runs the loop. Other threads can use the
//! [`waker`](Swarm::waker) and subscriptions. Everything else is used by the thread of the loop alone.

#[cfg(doc)]
use crate::swarm::{Config, Swarm};

#[cfg(feature = "cli")]
pub mod command;
#[cfg(feature = "cli")]
pub mod command_log;
pub mod enemy;
pub mod from_py_libp2p;
pub mod memory;
pub mod promises;
pub mod publish_subscribe;
pub mod six_notifications;
