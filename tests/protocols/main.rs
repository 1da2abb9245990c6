//! The services: ping, identify and floodsub, on the simulated network and on sockets.
#![cfg(feature = "protocols")]

#[cfg(all(feature = "tcp", unix))]
mod floodsub;
mod identify;
mod lines;
mod ping;
mod services;
#[path = "../support/mod.rs"]
mod support;
