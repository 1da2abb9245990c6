//! One connection without a socket: what turns a raw byte stream into an authenticated, multiplexed one.
//!
//! Each step is sans-IO and usable by itself: bytes in, bytes out, no clock, no socket.

pub mod yamux;
