//! The six notifications of py-libp2p on two nodes: a program for py-libp2p and the same program for this crate, side by
//! side.
//!
//! In both programs, a server listens. A client dials the server, writes hello on a stream, and leaves. Then the server
//! closes its listener. Each node has a notifee that prints the six notifications: `listen`, `listen_close`, `connected`,
//! `disconnected`, `opened_stream` and `closed_stream`.
//!
//! # What to call
//!
//! | step | py-libp2p 0.8.1 | here |
//! |---|---|---|
//! | a node | `new_host()`, and `host.get_network()` of it | [`Swarm::from_os_rng`](crate::swarm::Swarm::from_os_rng), and [`Notifees::new`](crate::notifee::Notifees::new) beside it |
//! | the loop of a node | `trio.run`, and `async with host.run([address])` | yours: [`tick`](crate::swarm::Swarm::tick), then [`drive_with_ready`](crate::notifee::Notifees::drive_with_ready) or [`drive`](crate::notifee::Notifees::drive) |
//! | a notifee | a subclass of `INotifee` with all six methods, each `async` | an `impl` of [`Notifee`](crate::notifee::Notifee) with the methods that you want |
//! | the notifee is registered | `network.register_notifee(notifee)` | [`notifees.register(notifee)`](crate::notifee::Notifees::register) |
//! | the notifee is unregistered | `network.remove_notifee(notifee)` | [`notifees.unregister(id)`](crate::notifee::Notifees::unregister) |
//! | the node listens | the addresses of `host.run`, or `network.listen(address)` | [`swarm.listen(address)`](crate::swarm::Swarm::listen) |
//! | the notifee is told | `listen(network, multiaddr)`, with port 0 if port 0 was asked for | `listen(cx, listener)`; [`node().listener(id)`](crate::swarm::Swarm::listener) has the bound port |
//! | a protocol is answered | `host.set_stream_handler(protocol, handler)` | [`swarm.register_protocol(protocol)`](crate::swarm::Swarm::register_protocol), and [`read`](crate::swarm::Swarm::read) where a stream is ready |
//! | the client dials | `await host.connect(info)` | [`swarm.dial(address)`](crate::swarm::Swarm::dial) |
//! | the notifee is told | `connected(network, conn)` | `connected(cx, connection)`; [`node().connection(id)`](crate::swarm::Swarm::connection) has the peer, the addresses and who dialed |
//! | the client opens a stream | `await host.new_stream(peer, [protocol])` | [`swarm.open_stream(connection, &[protocol])`](crate::swarm::Swarm::open_stream) |
//! | the notifee is told | `opened_stream(network, stream)`, before the stream's protocol is known | `opened_stream(cx, connection, stream)`, once both sides have agreed on the protocol; [`node().stream(id)`](crate::swarm::Swarm::stream) names the protocol |
//! | the client writes | `await stream.write(data)` | [`swarm.write(stream, data)`](crate::swarm::Swarm::write) |
//! | each node ends its side | `await stream.close()` | [`swarm.finish(stream)`](crate::swarm::Swarm::finish) |
//! | the notifee is told | `closed_stream(network, stream)`, at the node's own `close()` | `closed_stream(cx, connection, stream, reason)`, when both sides have ended |
//! | the client leaves | `await host.disconnect(peer)` | [`swarm.close_connection(connection)`](crate::swarm::Swarm::close_connection), or [`disconnect_peer(peer)`](crate::swarm::Swarm::disconnect_peer) |
//! | it is told | `disconnected(network, conn)` | `disconnected(cx, connection, reason)`, behind the `closed_stream` of each of its streams |
//! | the listener is closed | `await host.close()`, which closes everything | [`swarm.close_listener(listener)`](crate::swarm::Swarm::close_listener), or [`shutdown`](crate::swarm::Swarm::shutdown) |
//! | it is told | `listen_close(network, multiaddr)` | `listen_close(cx, listener, reason)`; the port is free again |
//!
//! The page [`from_py_libp2p`](super::from_py_libp2p) compares the two libraries further: what is told if something fails to
//! open, the order, slow notifees, and the notifications in 27 situations.
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
//! Each `opened_stream` of this program prints `None` for the protocol, and each side prints more than one of them: a host
//! of py-libp2p asks identify by itself, and tells its notifees of those streams, too. In this crate only services run that
//! you have [installed](crate::notifee::Notifees::install).
//!
//! # Our way
//!
//! This is the whole example `six_notifications`. `cargo run --example six_notifications` prints:
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
//! The lines of one node are always printed in this order, and a test compares them. The lines of the two nodes may be mixed
//! in another way.
//!
#![cfg_attr(feature = "rand", doc = "```")]
#![cfg_attr(not(feature = "rand"), doc = "```ignore")]
#![doc = include_str!("../../tests/examples/six_notifications.rs")]
//! ```
//!
//! A test runs this program, and checks that it prints the lines above.
