//! A comparison of this crate with py-libp2p: the names in both libraries, the differences between them, and the
//! notifications of each in 27 situations.
//!
//! This crate has the six notifications of py-libp2p, under the same names. Here is a program with a notifee:
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
//! use std::time::{Duration, Instant};
//! use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, ListenerEnd, ListenerId, StreamEnd, StreamId};
//! use swarm_notify::notifee::{HasNode, Notifee, NotifeeContext, Notifees};
//! use swarm_notify::swarm::{Config, Swarm};
//! use swarm_notify::{keys, tcp};
//!
//! #[derive(Default)]
//! struct MyNotifee(Vec<String>);
//!
//! // Write the methods that you need: each is empty by default.
//! impl<N: HasNode> Notifee<N> for MyNotifee {
//!     fn listen(&mut self, cx: &mut NotifeeContext<'_, N>, listener: ListenerId) {
//!         let node = cx.network().node(); // py's `network`, with all its commands; what you were told of is looked up by its id
//!         self.0.push(format!("listen {}", node.listener(listener).expect("it has just opened").addresses[0]));
//!     }
//!     fn listen_close(&mut self, _cx: &mut NotifeeContext<'_, N>, _listener: ListenerId, reason: ListenerEnd) {
//!         self.0.push(format!("listen_close {reason}"));
//!     }
//!     fn connected(&mut self, _cx: &mut NotifeeContext<'_, N>, _connection: ConnectionId) {}
//!     fn disconnected(&mut self, _cx: &mut NotifeeContext<'_, N>, _connection: ConnectionId, _reason: ConnectionEnd) {}
//!     fn opened_stream(&mut self, _cx: &mut NotifeeContext<'_, N>, _connection: ConnectionId, _stream: StreamId) {}
//!     fn closed_stream(&mut self, _cx: &mut NotifeeContext<'_, N>, _connection: ConnectionId, _stream: StreamId, _reason: StreamEnd) {}
//! }
//!
//! let reactor = tcp::Reactor::new()?;
//! let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
//! let key = keys::generate()?;
//! let mut swarm = Swarm::from_os_rng(reactor, transport, &key, Config::default())?;
//! let mut notifees = Notifees::new();
//! let start = Instant::now();
//!
//! let stays = notifees.register(MyNotifee::default()); // register_notifee
//! let leaves = notifees.register(MyNotifee::default());
//! swarm.listen("/ip4/127.0.0.1/tcp/0".parse()?)?; // the loop below binds, and tells `listen`
//! swarm.tick(start.elapsed());
//! notifees.drive(&mut swarm, start.elapsed());
//! assert!(notifees.unregister(leaves)); // remove_notifee
//! swarm.shutdown(); // Swarm.close
//! while !swarm.is_shut_down() || notifees.has_pending() {
//!     swarm.wait(start.elapsed(), Some(Duration::from_millis(16)))?; // sleeps until something comes
//!     swarm.tick(start.elapsed());
//!     notifees.drive(&mut swarm, start.elapsed());
//! }
//! let told = &notifees.get(stays).expect("it is registered").0;
//! assert!(told[0].starts_with("listen /ip4/127.0.0.1/tcp/") && !told[0].ends_with("/tcp/0"));
//! assert_eq!(told[1], "listen_close shutdown");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | py-libp2p 0.8.1 | here |
//! |---|---|
//! | `INotifee`: six async methods, all of which you have to write | `Notifee`: nine methods, not async, empty by default, plus `interest` |
//! | `network.register_notifee(notifee)` | `notifees.register(notifee)`, which returns an id; `get` and `get_mut` lend you the notifee |
//! | `network.remove_notifee(notifee)` (since 0.8) | `notifees.unregister(id)`, which drops the notifee; inside a notification `cx.unregister(id)`, after which the notifee is told nothing more |
//! | `listen(network, multiaddr)`: the address that was asked for, with port 0 | `listen(cx, listener)`: `cx.network().node().listener(id)` has the addresses with the bound port |
//! | `listen_close(network, multiaddr)` | `listen_close(cx, listener, reason)` |
//! | `connected(network, conn)` | `connected(cx, connection)`: an id; `cx.network()` looks up the connection and accepts commands |
//! | `disconnected(network, conn)` | `disconnected(cx, connection, reason)` |
//! | `opened_stream(network, stream)`: before the stream's protocol is negotiated, even if the negotiation fails | `opened_stream(cx, connection, stream)`: both sides have agreed, and `node().stream(id)` names the protocol |
//! | `closed_stream(network, stream)` | `closed_stream(cx, connection, stream, reason)` |
//! | a dial or negotiation that fails raises an exception, a failed listen returns `False`; no notifee is told | `listen_failed`, `connect_failed`, `stream_failed`, each with its reason |
//! | `notify_listen_close`, `notify_closed_stream`, the hook of `SwarmConn.remove_stream` | nobody calls such functions: the state machine emits events, and `dispatch` delivers them |
//! | `network.close_peer(peer)`, `host.disconnect(peer)` | `swarm.disconnect_peer(peer)` |
//! | `Swarm.close()`, `host.close()` | `swarm.shutdown()`, then ticks and `drive` until `is_shut_down()` and nothing `has_pending()` |
//! | `stream.close_write()` | `swarm.finish(id)` |
//! | `stream.close()` | `swarm.close_stream(id)`, or `finish` if you go on reading |
//! | `stream.reset()` | `swarm.reset(id)` |
//! | `StreamEOF` of `stream.read()` | `swarm.read` returns `Ok(0)` |
//! | `StreamReset` (some resets are read as `StreamEOF`) | `closed_stream` with `Reset(Remote)` |
//! | `host.new_stream(peer, protocols)`, `set_stream_handler` | `swarm.open_stream`, `register_protocol`; with `Host`: `open_stream(…).await`, `set_handler` |
//! | `Pubsub(host, FloodSub([…]))`, `PubsubNotifee` with its two queues | `notifees.install(&mut swarm, FloodSub::new(…))`: `FloodSub` is a notifee itself |
//! | `pubsub.add_to_blacklist(peer)` | `floodsub.deny(&mut swarm, peer)`; `swarm.lists_mut().deny_peer(peer)` also closes the peer's connections |
//!
//! Where the two differ:
//!
//! - **Order.** In py-libp2p, the notifees of one event run at the same time and start in any order, and events of different
//!   tasks overlap: `opened_stream` is told while `connected` of the same notifee still awaits something. Here each event is
//!   told to one notifee after the other, in the order in which they were registered, and only then the next event.
//! - **A slow notifee** in py-libp2p delays only the task that tells the event (the dial, `new_stream`, `close`). Here it
//!   delays the owner's loop, and so all notifees after it. A notifee has to return quickly. One that may block should run
//!   on a thread of its own (`notifees.spawn`), or get its events from a `subscription` in a task of yours. Then it delays
//!   nobody.
//! - **An exception** that a notifee raises is logged and ignored by py-libp2p since 0.8. In 0.7 it was raised in the dial,
//!   the close or the connection's task that told the event. Here a panic of a notifee leaves `drive` and reaches the owner.
//!   If the owner catches the panic, the next `drive` goes on after that notifee: the others are told, and none is told
//!   twice. `catch_panics(notifee, report)` does the same as py-libp2p.
//! - **The order of a shutdown.** Here listeners are closed first, so that nobody can connect meanwhile, and then
//!   connections, each after its streams. In py-libp2p, `host.close()` closes connections first, and listeners after them. A
//!   program that leaves `host.run()` without `host.close()` is told neither `disconnected` nor `listen_close`, and its
//!   listener still accepts connections.
//! - **Closing a stream.** In py-libp2p, `close()` ends our side and tells `closed_stream` at once, although the peer may go
//!   on sending. Here `closed_stream` means that both directions have ended. After `close_stream`, it is told as `Finished`
//!   when the peer has ended its side. If the peer does not, it is told as `Timeout` after `close_timeout` (5 s), and the
//!   peer gets a reset.
//!
//! These are guarantees of this crate:
//!
//! - `listen_close` is told when one listener is closed and in every kind of shutdown. The port is free again then.
//! - `closed_stream` is told exactly once, whichever side closes, resets or vanishes, and before `disconnected`. Nobody has
//!   to close a stream twice.
//! - If a listener, connection or stream fails to open, `listen_failed`, `connect_failed` or `stream_failed` is told. Every
//!   end has a reason.
//! - No order depends on a sleep: `disconnected` is told in the turn in which the socket is closed. In py-libp2p it is told
//!   0.2 s later.
//!
//! # What each notifee hears
//!
//! A node of py-libp2p 0.8.1 (*py*) and a node of this crate (*we*), each with a notifee, are connected, and take the steps
//! in the first column. The other columns list, after the number of each step, the notifications that were told before the
//! next step began; for this crate with their reasons. The interop tests print this table and compare it with this page.
//!
//! <!-- tests/interop/run.sh --table -->
//! | what happens | what py's notifee hears | what ours hears |
//! |---|---|---|
//! | 1 each listens twice; 2 each closes one listener; 3 each shuts down (`host.close()`) | 1 `listen` port 0, `listen` port 0; 3 `listen_close`, `listen_close` | 1 `listen` bound port, `listen` bound port; 2 `listen_close` requested; 3 `listen_close` shutdown |
//! | 1 py listens; 2 py leaves `host.run()`; 3 we dial py's address | 1 `listen` port 0; 3 `disconnected` | 3 `connected`, `disconnected` remote(go_away(0)) |
//! | py dials: 1 py disconnects | 1 `disconnected` | 1 `disconnected` remote(go_away(0)) |
//! | py dials: 1 we close the connection | 1 `disconnected` | 1 `disconnected` requested |
//! | we dial: 1 we close the connection | 1 `disconnected` | 1 `disconnected` requested |
//! | we dial: 1 py disconnects | 1 `disconnected` | 1 `disconnected` remote(go_away(0)) |
//! | py dials: 1 py opens a stream; 2 py calls `close_write()`; 3 we finish; 4 py reads the end; 5 py calls `close()`; 6 we close the connection | 1 `opened_stream`; 5 `closed_stream`; 6 `disconnected` | 1 `opened_stream`; 3 `closed_stream` finished; 6 `disconnected` requested |
//! | we dial: 1 we open a stream; 2 we finish; 3 py reads the end; 4 py calls `close()`; 5 py's handler returns; 6 we close the connection | 1 `opened_stream`; 4 `closed_stream`; 6 `disconnected` | 1 `opened_stream`; 4 `closed_stream` finished; 6 `disconnected` requested |
//! | py dials: 1 py opens a stream; 2 py calls `close()`; 3 we finish; 4 we close the connection | 1 `opened_stream`; 2 `closed_stream`; 4 `disconnected` | 1 `opened_stream`; 3 `closed_stream` finished; 4 `disconnected` requested |
//! | we dial: 1 we open a stream; 2 we finish; 3 py reads the end; 4 we close the connection | 1 `opened_stream`; 4 `closed_stream`, `disconnected` | 1 `opened_stream`; 4 `closed_stream` connection_closed, `disconnected` requested |
//! | we dial: 1 we open a stream; 2 we `close_stream`, py reads the end and does nothing, `close_timeout` passes; 3 py calls `close()`; 4 we close the connection | 1 `opened_stream`; 3 `closed_stream`; 4 `disconnected` | 1 `opened_stream`; 2 `closed_stream` timeout; 4 `disconnected` requested |
//! | we dial: 1 we open a stream; 2 py's handler returns; 3 we close the connection | 1 `opened_stream`; 2 `closed_stream`; 3 `disconnected` | 1 `opened_stream`; 3 `closed_stream` connection_closed, `disconnected` requested |
//! | py dials: 1 py opens a stream; 2 py calls `close()`; 3 py calls `close()`; 4 py calls `reset()`; 5 we close the connection | 1 `opened_stream`; 2 `closed_stream`; 3 `closed_stream`; 4 `closed_stream`; 5 `disconnected` | 1 `opened_stream`; 4 `closed_stream` reset(remote); 5 `disconnected` requested |
//! | py dials: 1 py opens a stream; 2 py calls `reset()`; 3 we close the connection | 1 `opened_stream`; 2 `closed_stream`; 3 `disconnected` | 1 `opened_stream`; 2 `closed_stream` reset(remote); 3 `disconnected` requested |
//! | we dial: 1 we open a stream; 2 py calls `reset()`; 3 py's handler returns; 4 we close the connection | 1 `opened_stream`; 2 `closed_stream`; 4 `disconnected` | 1 `opened_stream`; 2 `closed_stream` reset(remote); 4 `disconnected` requested |
//! | py dials: 1 py opens a stream; 2 we reset it; 3 py reads, and takes the reset for an end; 4 py calls `close()`; 5 we close the connection | 1 `opened_stream`; 4 `closed_stream`; 5 `disconnected` | 1 `opened_stream`; 2 `closed_stream` reset(local); 5 `disconnected` requested |
//! | we dial: 1 we open a stream; 2 we reset it; 3 py reads, and takes the reset for an end; 4 py's handler returns; 5 we close the connection | 1 `opened_stream`; 4 `closed_stream`; 5 `disconnected` | 1 `opened_stream`; 2 `closed_stream` reset(local); 5 `disconnected` requested |
//! | py dials: 1 py opens a stream of a protocol that we do not speak; 2 we close the connection | 1 `opened_stream`, `closed_stream`; 2 `disconnected` | 1 `stream_failed` unsupported; 2 `disconnected` requested |
//! | we dial: 1 we open a stream of a protocol that py does not speak; 2 we close the connection | 1 `opened_stream`, `closed_stream`; 2 `disconnected` | 1 `stream_failed` unsupported; 2 `disconnected` requested |
//! | py dials: 1 py opens a stream; 2 py disconnects; 3 py calls `close()` | 1 `opened_stream`; 2 `closed_stream`, `disconnected`; 3 `closed_stream` | 1 `opened_stream`; 2 `closed_stream` connection_closed, `disconnected` remote(go_away(0)) |
//! | we dial: 1 we open a stream; 2 we close the connection; 3 py calls `close()`; 4 py's handler returns | 1 `opened_stream`; 2 `closed_stream`, `disconnected`; 3 `closed_stream` | 1 `opened_stream`; 2 `closed_stream` connection_closed, `disconnected` requested |
//! | py dials: 1 py opens a stream; 2 py calls `host.close()` | 1 `opened_stream`; 2 `closed_stream`, `disconnected`, `listen_close` | 1 `opened_stream`; 2 `closed_stream` connection_closed, `disconnected` remote(go_away(0)) |
//! | py dials: 1 py opens a stream; 2 py leaves `host.run()`; 3 py's process ends | 1 `opened_stream` | 1 `opened_stream`; 3 `closed_stream` connection_closed, `disconnected` remote(eof) or failed(reset) |
//! | we dial: 1 we open a stream; 2 py leaves `host.run()` | 1 `opened_stream`; 2 `closed_stream` | 1 `opened_stream`; 2 `closed_stream` connection_closed, `disconnected` remote(eof) or failed(reset) |
//! | py dials: 1 py opens a stream; 2 we shut down | 1 `opened_stream`; 2 `closed_stream`, `disconnected` | 1 `opened_stream`; 2 `listen_close` shutdown, `closed_stream` connection_closed, `disconnected` shutdown |
//! | py dials: 1 py opens a stream; 2 py is killed | 1 `opened_stream` | 1 `opened_stream`; 2 `closed_stream` connection_closed, `disconnected` remote(eof) or failed(reset) |
//! | py dials: 1 py opens a stream; 2 we are killed | 1 `opened_stream`; 2 `closed_stream`, `disconnected` | 1 `opened_stream` |
//! <!-- end of the table -->
//!
//! In these tests, py's host opens no stream by itself (identify is off), and py's notifee awaits nothing: a notifee that
//! awaits something is not told of the `closed_stream` when its node leaves `host.run()`. If py closes a socket before it
//! has read everything, the socket ends with a TCP reset instead of an end of file. Only in this case is our reason
//! `failed(reset)`.
//!
//! This crate contains the tests of py-libp2p's notifications under the same names, with exact counts, ids and order:
//! `tests/tcp/notify/` and `tests/protocols/floodsub/sockets.rs`. The tests called `test_…` in these files are those of
//! py-libp2p, with one exception: `test_shutdown_emits_listen_close_for_all_listeners` is in the announcement of those
//! notifications, and not in py-libp2p's files. Tests with other names were written for this crate.
