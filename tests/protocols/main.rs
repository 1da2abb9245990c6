//! The services: ping, identify and floodsub, on the simulated network and on sockets.
#![cfg(feature = "protocols")]

mod address_book;
mod bounds;
#[cfg(all(feature = "tcp", unix))]
mod floodsub;
mod identify;
mod lines;
mod ping;
mod request_response;
mod services;
#[path = "../support/mod.rs"]
mod support;
