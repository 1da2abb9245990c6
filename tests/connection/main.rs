//! The sans-IO connection and its steps: Noise, multistream-select and Yamux, each by itself, then all together.
#![cfg(feature = "connection")]

mod frame_roundtrip;
mod multistream;
mod noise;
mod one_place;
mod pair;
#[path = "../support/mod.rs"]
mod support;
mod whole;
mod yamux;
mod yamux_pair;
mod yamux_reference;
