//! The six notifications on two nodes, in py-libp2p's way and in ours, side by side.
//!
//! A server listens. A client dials it, says hello on a stream, and leaves. Then the server closes its listener. Each node
//! has a notifee, which prints the six: `listen`, `listen_close`, `connected`, `disconnected`, `opened_stream` and
//! `closed_stream`.
//!
//! # What to call
//!
//! | step | py-libp2p 0.8.1 | here |
//! |---|---|---|
//! | a node | `new_host()`, and `host.get_network()` of it | [`Swarm::from_os_rng`](crate::swarm::Swarm::from_os_rng), and [`Notifees::new`](crate::notifee::Notifees::new) beside it |
//! | its loop | `trio.run`, and `async with host.run([address])` | yours: [`tick`](crate::swarm::Swarm::tick), then [`drive_with_ready`](crate::notifee::Notifees::drive_with_ready) or [`drive`](crate::notifee::Notifees::drive) |
//! | a notifee | a class on `INotifee`, with all six methods, each `async` | an `impl` of [`Notifee`](crate::notifee::Notifee), with the methods that you want |
//! | it is registered | `network.register_notifee(notifee)` | [`notifees.register(notifee)`](crate::notifee::Notifees::register) |
//! | it is unregistered | `network.remove_notifee(notifee)` | [`notifees.unregister(id)`](crate::notifee::Notifees::unregister) |
//! | the node listens | the addresses of `host.run`, or `network.listen(address)` | [`swarm.listen(address)`](crate::swarm::Swarm::listen) |
//! | it is told | `listen(network, multiaddr)`, with port 0 if that was asked for | `listen(cx, listener)`; [`node().listener(id)`](crate::swarm::Swarm::listener) has the bound port |
//! | a protocol is answered | `host.set_stream_handler(protocol, handler)` | [`swarm.register_protocol(protocol)`](crate::swarm::Swarm::register_protocol), and [`read`](crate::swarm::Swarm::read) where a stream is ready |
//! | the client dials | `await host.connect(info)` | [`swarm.dial(address)`](crate::swarm::Swarm::dial) |
//! | it is told | `connected(network, conn)` | `connected(cx, connection)`; [`node().connection(id)`](crate::swarm::Swarm::connection) has the peer, the addresses and who dialed |
//! | it opens a stream | `await host.new_stream(peer, [protocol])` | [`swarm.open_stream(connection, &[protocol])`](crate::swarm::Swarm::open_stream) |
//! | it is told | `opened_stream(network, stream)`, before its protocol is known | `opened_stream(cx, connection, stream)`, once both have agreed; [`node().stream(id)`](crate::swarm::Swarm::stream) names the protocol |
//! | it speaks | `await stream.write(data)` | [`swarm.write(stream, data)`](crate::swarm::Swarm::write) |
//! | each ends its side | `await stream.close()` | [`swarm.finish(stream)`](crate::swarm::Swarm::finish) |
//! | it is told | `closed_stream(network, stream)`, at our own `close()` | `closed_stream(cx, connection, stream, reason)`, when both sides have ended |
//! | the client leaves | `await host.disconnect(peer)` | [`swarm.close_connection(connection)`](crate::swarm::Swarm::close_connection), or [`disconnect_peer(peer)`](crate::swarm::Swarm::disconnect_peer) |
//! | it is told | `disconnected(network, conn)` | `disconnected(cx, connection, reason)`, behind the `closed_stream` of each of its streams |
//! | the listener is closed | `await host.close()`, which closes everything | [`swarm.close_listener(listener)`](crate::swarm::Swarm::close_listener), or [`shutdown`](crate::swarm::Swarm::shutdown) |
//! | it is told | `listen_close(network, multiaddr)` | `listen_close(cx, listener, reason)`; the port is free again |
//!
//! The page [`from_py_libp2p`](super::from_py_libp2p) compares the two further: what could not open, the order, slow notifees,
//! and what each hears in 27 situations.
//!
//! # py-libp2p's way
//!
//! ```python
//! class MyNotifee(INotifee):
//!     def __init__(self, name):
//!         self.name = name
//!     async def listen(self, network, multiaddr):
//!         print(self.name, "listen", multiaddr)
//!     async def listen_close(self, network, multiaddr):
//!         print(self.name, "listen_close", multiaddr)
//!     async def connected(self, network, conn):
//!         print(self.name, "connected")
//!     async def disconnected(self, network, conn):
//!         print(self.name, "disconnected")
//!     async def opened_stream(self, network, stream):
//!         print(self.name, "opened_stream", stream.get_protocol())
//!     async def closed_stream(self, network, stream):
//!         print(self.name, "closed_stream")
//!
//! async def answer(stream):
//!     await stream.read(64)
//!     await stream.close()
//!
//! async def main():
//!     server, client = new_host(), new_host()
//!     server.get_network().register_notifee(MyNotifee("server"))
//!     client.get_network().register_notifee(MyNotifee("client"))
//!     server.set_stream_handler("/hello/1.0.0", answer)
//!     async with server.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]), client.run([]):
//!         await client.connect(info_from_p2p_addr(server.get_addrs()[0]))
//!         stream = await client.new_stream(server.get_id(), ["/hello/1.0.0"])
//!         await stream.write(b"hello")
//!         await stream.close()
//!         await client.disconnect(server.get_id())
//!         await server.close()
//!         await client.close()
//! ```
//!
//! Each `opened_stream` of it prints `None` for the protocol, and there are more of them than one on each side: a host of
//! py-libp2p asks identify by itself, and its streams are told as all others are. Here no service runs that was not
//! [installed](crate::notifee::Notifees::install).
//!
//! # Our way
//!
//! This is the example `six_notifications`, whole: `cargo run --example six_notifications` prints
//!
//! ```text
//! server: listen /ip4/127.0.0.1/tcp/34567
//! server: connected, inbound
//! client: connected, outbound
//! server: opened_stream /hello/1.0.0
//! client: opened_stream /hello/1.0.0
//! client: closed_stream, finished
//! server: closed_stream, finished
//! client: disconnected, requested
//! server: disconnected, remote(go_away(0))
//! server: listen_close, requested
//! ```
//!
//! The lines of one node stand in this order always, and a test compares them; those of the two may mix in another way.
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
#![doc = include_str!("../../tests/examples/six_notifications.rs")]
//! ```
