//! Floodsub: on the simulated network in virtual time, hostile and slow peers among them, on real sockets, and a hundred
//! nodes that come and go.
#![cfg(all(feature = "tcp", feature = "protocols"))]

#[path = "floodsub/node.rs"]
mod node;
#[path = "floodsub/sockets.rs"]
mod sockets;
