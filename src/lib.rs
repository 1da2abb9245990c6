//! swarm-notify
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
extern crate alloc;
#[cfg(feature = "connection")]
extern crate std;
#[cfg(feature = "connection")]
pub mod connection;
pub mod lifecycle;
#[cfg(feature = "swarm")]
pub mod swarm;
#[cfg(feature = "tcp")]
pub mod tcp;
