//! A guide to a swarm in your own event loop: the methods to call and when, the work of one turn, and the consequences of
//! late calls.
//!
//! Further pages:
//!
//! - [`promises`]: the thirteen promises of this crate, each with the tests that check it.
//! - [`enemy`]: all bounds, and the attacks against which there is no defence; [`memory`]: the memory that the bounds add up
//!   to.
//! - [`from_py_libp2p`]: the names of py-libp2p and of this crate, how the two differ, and what each notifee is told.
//! - [`six_notifications`]: the six notifications of libp2p in py-libp2p and in this crate, as two whole programs.
#![cfg_attr(feature = "cli", doc = "- [`command`] and [`command_log`]: the command `swarm-notify`, and its log.")]
#![cfg_attr(not(feature = "cli"), doc = "- `command`, `command_log` (feature `cli`): the command, and its log.")]
//!
//! In short, a program that draws a frame sixty times a second does this:
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
//! | [`tick`](Swarm::tick), or [`turn`](Swarm::turn) under a budget | reads the input that has arrived since the last turn, handles it, and sends pending output; it never waits | once a frame; or when the descriptor is readable or the time of [`poll_at`](Swarm::poll_at) has come |
//! | [`next_event`](Swarm::next_event) until `None` | tells you what has opened, failed and closed; at each `ClosedStream`, read the rest of its data ([`take_unread`](Swarm::take_unread)) | after the turn |
//! | [`next_ready`](Swarm::next_ready) until `None` | tells you which streams can be read and written, and what peers were refused | after that |
//! | [`Notifees::drive`](crate::notifee::Notifees::drive), if you have notifees | tells the notifees of events and readiness, and replaces the two calls above; [`drive_with`](crate::notifee::Notifees::drive_with) shows you the events, too | after the turn |
//! | commands | `dial`, `open_stream`, `read`, `write`, `close_…`: they act on memory and return at once | at any time |
//! | [`flush_all`](Swarm::flush_all) | sends the output that commands have left, one batch of at most 64 KiB for each connection; it reads and opens nothing | at the end of a frame; without it the next turn sends it |
//! | sleep | on the descriptor **and** until `poll_at`, or in [`wait`](Swarm::wait), or to the end of the frame | last |
//!
//! Notifees have deadlines of their own, which the swarm does not know. A loop with notifees sleeps until the earlier of the
//! swarm's `poll_at` and the notifees' `poll_at`:
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
//! No progress depends on extra calls, or on another thread. If a loop sleeps 50 ms in each frame, each tick still handles
//! all input that has arrived, however irregular the frames are.
//!
//! # Programs to begin with
//!
//! Each program is short enough to copy, from `tests/examples/` or `tests/loops/` of the crate's sources, and is run by the
//! tests. Its first comment explains how to try it out; the programs with a star need two terminals.
//!
//! | program | what it shows | command |
//! |---|---|---|
//! | `chat` * | a chat on the raw swarm in a loop of its own, which reads the keyboard, too | `cargo run --example chat` |
//! | `chat_host` * | the same with async streams and a handler; the two speak with each other | `cargo run --features host --example chat_host` |
//! | `request_response` * | a request and response protocol of one's own, with a codec | `cargo run --example request_response` |
//! | `six_notifications` | the six of libp2p's notifee on two nodes ([`six_notifications`]) | `cargo run --example six_notifications` |
//! | `peers` * | a table of peers every second: counters, ages, round trips, bytes | `cargo run --example peers` |
//! | `reconnecting` * | a client that stays connected through its server's restarts | `cargo run --example reconnecting` |
//! | `guarded` | a node that watches its bounds ([`enemy`]) | `cargo run --example guarded` |
//! | `frame` | the loop of a game: a turn under a budget in each frame | `cargo run --example frame` |
//! | `epoll`, `poll2`, `mio`, `calloop` | an event loop that you have, with the swarm's descriptor in it | `cargo run --example epoll` |
//! | `tokio`, `smol` | a task on an async runtime | `cargo run --example tokio` |
//! | `wait` | no other loop: the swarm sleeps itself | `cargo run --example wait` |
//! | `lifecycle` | the bookkeeping alone, over sockets of your own | `cargo run --example lifecycle` |
//!
//! # Streams
//!
//! - **Reading.** `next_ready` names a readable stream once. Read the stream until `Err(Blocked)`, a short read, or `Ok(0)`,
//!   which means that the peer has finished the stream: answer with [`finish`](Swarm::finish), or the stream stays
//!   half-open. If you had finished the stream before, the read itself has closed it, and `finish` returns `Ended`, which is
//!   no fault.
//! - **The last bytes.** A stream can end in the same turn in which its last bytes arrive, if the peer finished it and
//!   closed the connection. Then `next_ready` does not name the stream any more. So call [`take_unread`](Swarm::take_unread)
//!   at each `ClosedStream`, which is the last chance to read these bytes. `is_remote_finished` of [`stream`](Swarm::stream)
//!   says whether these are all bytes that the peer has sent, whatever the reason of the end: if a peer finishes a stream
//!   and leaves, the reason is `ConnectionClosed`.
//! - **Writing.** [`write`](Swarm::write) accepts as many bytes as there is place for, and returns their number. Keep the
//!   rest, and continue when `next_ready` names the stream `writable`. Bytes that were not accepted are not sent later, and
//!   [`finish`](Swarm::finish) ends the stream without them. `is_local_finished` of [`stream`](Swarm::stream) says whether
//!   our side is finished, and `is_fin_sent` whether our FIN has been sent: look at `is_fin_sent` at a `ClosedStream` with
//!   `ConnectionClosed`, since the peer may or may not have received all of your request.
//! - **Many streams at once.** A stream that you open accepts data at once if it proposes one protocol. But of the streams
//!   that you open on a new connection, only the first eight accept data at once
//!   ([`early_streams`](crate::connection::yamux::Config::early_streams)), until the peer's first frame has arrived; and
//!   after that, only those streams that do not wait behind [`ack_backlog`](crate::connection::yamux::Config::ack_backlog)
//!   others. A write to any other stream returns `Blocked`. So write at `OpenedStream`, or keep the bytes that were not
//!   accepted until the stream is `writable`.
//! - **Ending.** [`finish`](Swarm::finish) ends your side of a stream, [`close_stream`](Swarm::close_stream) also drops the
//!   data that still arrives, and [`reset`](Swarm::reset) ends both sides at once.
//! - **Answers that take long.** A stream that you have finished waits ten minutes for data or window from the peer
//!   ([`half_open_timeout`](crate::connection::Config::half_open_timeout)), or as long as you say
//!   ([`set_half_open_timeout`](Swarm::set_half_open_timeout)). Then you are told `ClosedStream` with `Timeout`, and the
//!   peer receives a reset. If a connection has as many streams as the limits allow, a finished stream that has been silent
//!   for a minute ([`half_open_grace`](crate::connection::Config::half_open_grace)) is ended to make room for a new one,
//!   whatever time you set.
//! - **Greedy peers.** A peer may have begun 1 024 streams that have not ended
//!   ([`streams_per_peer`](crate::swarm::Config::streams_per_peer)). One more is reset, without an event;
//!   `Readiness::Refused` with `StreamLimit` counts it. [`limit_protocol`](Swarm::limit_protocol) sets a smaller number for
//!   a protocol whose streams cost you much. When nearly all places for streams are taken, a new stream of another peer gets
//!   the place of the youngest stream of the peer that has the most: that stream ends, and you are told `ClosedStream` with
//!   `Limit`. [Shares](crate::swarm::Config#shares) has the rules.
//! - **Before you close a connection,** wait until you have received your answers, and until the peer has read the answers
//!   that you sent: [`close_connection`](Swarm::close_connection) and [`shutdown`](Swarm::shutdown) send what was written
//!   and end both sides of all streams, answered or not. To stop in good order, close your listeners, unregister your
//!   protocols, wait for the `ClosedStream` of each stream that lives, and shut down then. Take turns and drain until
//!   [`is_shut_down`](Swarm::is_shut_down): every closing event is still told.
//! - **A peer that leaves.** After its go-away the connection takes no new streams (`Closing`). Its open streams go on if
//!   the peer keeps its socket open: finish your answers. You are told `Disconnected` when the last stream has ended and the
//!   peer has closed its socket or has not closed it for [`close_timeout`](crate::connection::Config::close_timeout) (5 s),
//!   or when no data has moved on the streams for that time. So an answer that takes longer than 5 s to compute is lost. A
//!   peer with this crate closes its side at once, which ends all streams.
//!
//! # What can be looked up
//!
//! [`connection`](Swarm::connection) returns both addresses, the peer, the age, the last round-trip time and the numbers of
//! bytes sent and received. [`stream`](Swarm::stream) returns the protocol, the age, the numbers of bytes in both
//! directions, and how full the windows are: `unread` is the number of bytes, of at most `receive_window`, that you have not
//! read; a `send_window` of 0 means that the peer does not read. A connection or stream can be looked up until its last
//! event has been handled, so the totals are still there at its `Disconnected` or `ClosedStream`. Ages are measured up to
//! the latest time that you gave the swarm. The page of [`ConnectionView`](crate::swarm::ConnectionView) has a table of
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
//! - The descriptor is readable while something has happened **outside your calls** that no turn has handled yet: bytes or
//!   connections have arrived, sockets have ended, the lookup of a name has finished, or another thread has used a
//!   [`waker`](Swarm::waker).
//! - It does not become readable because of work that **you** have caused or left: commands, undrained events, a turn that
//!   stopped at its budget. In these cases [`poll_at`](Swarm::poll_at) returns the present time. So sleep until either the
//!   descriptor is readable or the time of `poll_at` has come.
//! - With a level trigger, the descriptor stays readable until a turn has handled everything. With an edge trigger, there is
//!   an edge each time that something new happens. First clear the readiness, and then call `tick`, in this order. If one
//!   turn cannot handle everything, `poll_at` returns the present time.
//! - Only wait for it. Do not read from it, and do not register anything else with it.
//! - A turn clears the signal of the [`waker`](Swarm::waker). So look for messages of the other thread after the turn, not
//!   before it.
//! - With several swarms on one thread, wait for all their descriptors at once, since `wait` sleeps on the descriptor of one
//!   swarm. Or let the swarms share a [`tcp::Reactor`](crate::tcp::Reactor): make each swarm with [`new`](Swarm::new), over
//!   a transport with a handle of that reactor, and call the reactor's `advance` and `poll` yourself before you tick the
//!   swarms whose `poll_at` has come.
//! - Sending can end a stream, so there may be events after `flush_all`. [`has_pending`](Swarm::has_pending) says so.
//!   Drain them at once, or in the next turn.
//! - Remove the descriptor from your loop before you drop the swarm, and do not use it after a fork.
//! - If you leave the event queue full on purpose, sleep on the descriptor until [`next_deadline`](Swarm::next_deadline)
//!   instead of `poll_at`, which always returns the present time while events wait. `wait` does not wait while any event or
//!   readiness is undrained. [`has_pending`](Swarm::has_pending) says whether that is the case.
//!
//! An asynchronous owner does the same: it awaits the descriptor with the means of its runtime, and then calls `tick`. Only
//! swarms without a reactor, whose transport wakes its tasks by itself (in memory, or over the sockets of another runtime),
//! have [`poll`](Swarm::poll) with a waker.
//!
//! # Budgets
//!
//! `tick` does a bounded amount of work for each connection ([`Config::reads_per_poll`]). With many busy connections, a tick
//! may take longer than a frame. [`turn`](Swarm::turn) asks you for permission before each unit of work:
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
//! A unit takes some tens of microseconds; the signature of a handshake takes longest. A turn does at most three units more
//! than you permit, so that there is progress even if you never permit any. A budget bounds the time of a turn. It does not
//! change what share of the work each connection gets, since connections are served in turn: beside 64 peers that flood the
//! node, an honest peer gets one helping (one connection's input of at most 16 KiB) in 65.
//! [`Notifees::drive_while`](crate::notifee::Notifees::drive_while) puts notifees under a budget in the same way.
//!
//! # A full event queue, step by step
//!
//! The queue contains at most `EVENTS` events, which can be as few as 1. You need not drain all events each time.
//!
//! 1. The queue is full. Nothing *becomes* open any more: accepting pauses, and the system's backlog of the listening socket
//!    fills; a dial's handshake stops before our last message, an accepted connection waits as soon as its peer is
//!    authenticated, a stream stops before our confirmation. Their deadlines are suspended.
//! 2. Open connections and streams go on: data, windows, pings, resets, ends.
//! 3. A closing event for which there is no room is owed: it waits in order behind the queue, and takes no memory of its
//!    own.
//! 4. You drain one event. An owed event gets the free place in the queue. If no event is owed, the next turn opens a
//!    connection or stream that waits, and answers its peer then. Streams of different connections are opened in turn.
//! 5. More than [`inbound_backlog`](crate::connection::Config::inbound_backlog) streams of one connection cannot wait:
//!    further ones are reset. They have no id, and no event tells of them; they are counted, and
//!    [`Readiness::Refused`](crate::swarm::Readiness::Refused) tells how many, at most once a second. No event of anything
//!    that has an id is ever dropped.
//! 6. A connection that owes more than [`owed_per_connection`](crate::lifecycle::Limits::owed_per_connection) events, or has
//!    owed more since there was room last, has its peer's new streams reset, too. So there is room for others beside peers
//!    that begin and end streams as fast as they can. If you drain all waiting events, there is room in the next turn:
//!    [`Notifees::drive`](crate::notifee::Notifees::drive) drains all of them, and if you drain by hand,
//!    [`events_until_room`](Swarm::events_until_room) returns their number. If you drain fewer in each turn, there is room
//!    once you have drained the events that waited, and in addition 65 events for each connection whose peer opens and ends
//!    streams as fast as it can: with 64 such connections, within 18 turns of 256 events.
//!
//! A stream that a peer begins gets its id when its first whole proposal of a protocol has arrived, whether you support the
//! protocol or not. A stream that ends before that has no event; [`counters`](Swarm::counters) count it in
//! [`without_id`](crate::lifecycle::Counts::without_id).
//!
//! A peer may open streams and end them politely at the rate of [`openings`](crate::connection::Config::openings). Each
//! stream waits for its turn and for room in the event queue, and a stream beyond the rate waits for the rate, without an
//! id. So you are told of new streams no faster than the rate that you have chosen. The default is 1 000 000 a second, for
//! owners to whom an event costs nothing; choose less if an event costs you something. If a stream ends by a reset that the
//! peer has caused, whichever side sends the reset, the stream is charged to the budget
//! [`resets`](crate::connection::Config::resets), whose page says which ends are charged and which are not.
//!
//! # Who comes in
//!
//! Anybody can connect to a port. Until the peer of an accepted connection is authenticated, the connection has no id and no
//! event: it is an entry of the door, which is a bounded table ([`Swarm::inbound_handshakes`]).
//!
//! - [`Config::inbound_handshakes`] (1 024) bounds the table, [`Config::handshakes_per_address`] (64) the places of one IPv4
//!   address or one IPv6 /64, and [`Config::handshakes_per_site`] (256) those of one IPv6 /48. When all places of an address
//!   or a site are taken, a new connection from there replaces one of its connections. When all places of the table are
//!   taken, a new connection replaces one of the address or site that has the most. Of several candidates, the least
//!   advanced connection is replaced, and of several such ones the oldest. The stages of advance are: Noise is agreed on,
//!   its first message is answered, the peer is authenticated. Bytes that arrive one by one do not advance a connection.
//! - A connection that has only just arrived is not replaced, so that a newcomer is served even if attackers have all places
//!   and connect again all the time. It stays until the number of others that have arrived is half the number of places; and
//!   if it is as advanced as they are by then, until that number equals the number of places. If each place is taken by
//!   another address, attackers have to connect 512 times during the round trip that a newcomer takes for Noise's first
//!   message (5 120 times a second for a round trip of 100 ms) to replace the newcomer; from the newcomer's own address, 32
//!   times. More places raise these numbers. Each place adds 14 KiB to the memory bound.
//! - A handshake has [`handshake_timeout`](crate::connection::Config::handshake_timeout) (10 s) in all. While half of all
//!   places, or half of those of its address or of its site, are taken, its first byte has to arrive within
//!   [`Config::first_byte_timeout`] (2 s).
//! - Connections that end at the door are counted: [`Swarm::refused`] with
//!   [`Refusal::HandshakeFailed`](crate::swarm::Refusal) or `HandshakeEvicted`, and
//!   [`Counts::without_id`](crate::lifecycle::Counts::without_id). The log has the reasons.
//! - Behind a proxy or a NAT many peers share one address. Raise [`Config::connections_per_address`] (8) there to the number
//!   of peers that you expect, for IPv6 [`Config::connections_per_site`] (64), too, and `handshakes_per_address` and
//!   `handshakes_per_site` to the number that connect within 10 s.
//! - Once its peer is authenticated, a connection has an id, and no connection at the door can replace it. If it ends before
//!   it has opened, you are told `ConnectFailed`: with the reason `Limit` if its peer, its address or its site already has
//!   as many connections as its share allows. The text of the error names the share, and the connection is also counted as a
//!   refusal of the kind `ConnectionLimit`.
//! - A connection that is open is not ended by arrivals at the door, except in four cases. When only the last 64th of all
//!   places is left, a connection without a stream is ended if its peer, address or site has more connections than the
//!   newcomer's. A connection without a stream that looks dead is ended for a new one of the same peer. When there are more
//!   connections than [`Config::high_water`] (15 360), the least useful of those older than [`Config::trim_grace`] (10 s)
//!   are ended. When file descriptors have run out, a few connections without a stream are ended
//!   ([`Config::descriptor_reserve`]). In each case you are told `Disconnected` with `Trimmed`. The connections of a peer
//!   that you [protect](Swarm::protect) are not ended, except those that look dead.
//!
//! # Memory
//!
//! [`Notifees::memory_bound`](crate::notifee::Notifees::memory_bound) returns the maximum number of bytes of heap that a
//! node takes with all its notifees: compare that number with the memory of the machine. The page [`memory`] explains how to
//! choose the bounds, of which this number is the sum.
//!
//! # How late is too late
//!
//! You pass the present time, `now`, and deadlines are handled only in turns: nothing happens between your calls.
//!
//! - **Milliseconds to a second**: everything happens later by that time. Peers notice latency.
//! - **More than [`Config::lateness`] (1 s) after a deadline**: bytes of your peers may have arrived without having been
//!   read. So all deadlines are postponed by `lateness`, once, before they are handled. Nothing is lost.
//! - **More than 45 s after your peers last heard you**: peers with this crate's defaults have pinged you after 30 s of
//!   silence and ended the connection 15 s later. If a connection had been silent for 30 s before you stopped, this happens
//!   as early as 15 s after your last turn. Other implementations have limits of their own: js-libp2p ends a connection
//!   whose ping is not answered within 15 s. You are told `Disconnected` for each, with `Remote(Eof)` or `Failed(Reset)` as
//!   the reason, since the peer has closed; the peer's own reason is `Failed(Timeout)`. Data that was not sent is lost. If
//!   neither side took turns, neither has ended the connection. Data that had arrived and that you had not read can still be
//!   read ([`take_unread`](Swarm::take_unread)).
//! - **While you take no turns**, the system's buffers fill, which slows your peers down. Connections beyond the listening
//!   socket's backlog are refused or tried again, depending on the system.
//!
//! # How peers end
//!
//! The reason of a `Disconnected` depends on what the peer has sent. Other implementations send less than this crate:
//!
//! | the peer | what you are told |
//! |---|---|
//! | this crate, rust-libp2p, js-libp2p or py-libp2p closes in good order | `Remote(GoAway(0))` |
//! | go-libp2p closes a connection that it dialed, by a TCP reset and without a go-away | `Failed(Reset)`, as if the network had cut it |
//! | go-libp2p closes a connection that it accepted, or its process ends | `Remote(Eof)`, or `Failed(Reset)` if it had not read all that we sent |
//! | a process is killed | `Remote(Eof)`, or `Failed(Reset)` if it had unread bytes, or had dialed as go-libp2p does |
//! | a process is stopped, or its owner takes no turns | `Failed(Timeout)`, 45 s after its last byte |
//!
//! So do not regard `Failed(Reset)` from a go-libp2p peer as an error, nor `Remote(Eof)` as a polite end. If a go-libp2p
//! peer finishes its streams and closes the connection right after, its last FINs can be lost. You are told that these
//! streams ended with `ConnectionClosed`, and `is_remote_finished` is `false`, although all of their bytes may have arrived.
//! A protocol whose messages contain their length does not depend on `is_remote_finished`.
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
//! `tcp::Swarm` is `Send`: it can be moved to the thread that runs the loop. The [`waker`](Swarm::waker) and subscriptions
//! are for other threads; everything else is for that thread only.

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
pub mod six_notifications;
