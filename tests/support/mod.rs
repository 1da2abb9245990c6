//! Code that several test binaries share: models, simulated networks, peers that misbehave, and the bodies of the fuzz
//! targets. The fuzz targets include some of these modules, so that they name each other by `super`.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test binary uses its part of it")]

/// Returns a value after a change. Types that are `non_exhaustive` are made so: their literals do not compile here.
pub(crate) fn with<T>(mut value: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut value);
    value
}

#[cfg(feature = "swarm")]
pub(crate) mod audience;
pub(crate) mod callgrind;
#[cfg(feature = "cli")]
pub(crate) mod command;
#[cfg(feature = "connection")]
pub(crate) mod connection;
pub(crate) mod corpus;
#[cfg(feature = "swarm")]
pub(crate) mod driven;
pub(crate) mod each_event;
#[cfg(feature = "connection")]
pub(crate) mod ends;
#[cfg(feature = "protocols")]
pub(crate) mod fake_node;
#[cfg(all(feature = "tcp", feature = "protocols", unix))]
pub(crate) mod floodsub;
#[cfg(feature = "subscription")]
pub(crate) mod follower;
#[cfg(feature = "connection")]
pub(crate) mod frame_roundtrip;
#[cfg(feature = "protocols")]
pub(crate) mod gossipsub_crowd;
#[cfg(feature = "protocols")]
pub(crate) mod gossipsub_model;
#[cfg(feature = "protocols")]
pub(crate) mod gossipsub_play;
#[cfg(feature = "connection")]
pub(crate) mod heap;
#[cfg(feature = "host")]
pub(crate) mod hosts;
#[cfg(feature = "protocols")]
pub(crate) mod identify;
#[cfg(feature = "connection")]
pub(crate) mod identities;
pub(crate) mod input;
#[cfg(feature = "cli")]
pub(crate) mod log_page;
#[cfg(target_os = "linux")]
pub(crate) mod memory_scan;
pub(crate) mod model;
#[cfg(feature = "connection")]
pub(crate) mod multistream;
#[cfg(all(feature = "tcp", unix))]
pub(crate) mod net;
#[cfg(feature = "connection")]
pub(crate) mod noise_hostile;
#[cfg(all(feature = "tcp", unix))]
pub(crate) mod owner;
#[cfg(all(feature = "tcp", feature = "subscription", unix))]
pub(crate) mod party;
pub(crate) mod pipe;
#[cfg(feature = "protocols")]
pub(crate) mod pubsub_keys;
#[cfg(feature = "protocols")]
pub(crate) mod pubsub_line;
#[cfg(feature = "protocols")]
pub(crate) mod pubsub_play;
#[cfg(feature = "protocols")]
pub(crate) mod pubsub_rpc;
#[cfg(feature = "protocols")]
pub(crate) mod pubsub_seen;
#[cfg(feature = "connection")]
pub(crate) mod raw_frames;
#[cfg(all(feature = "tcp", unix))]
pub(crate) mod raw_peer;
#[cfg(feature = "protocols")]
pub(crate) mod request_response;
pub(crate) mod scripted;
#[cfg(feature = "protocols")]
pub(crate) mod services;
#[cfg(feature = "swarm")]
pub(crate) mod sim;
#[cfg(all(feature = "tcp", unix))]
pub(crate) mod sleep;
#[cfg(feature = "swarm")]
pub(crate) mod swarm;
#[cfg(all(feature = "cli", target_os = "linux"))]
pub(crate) mod terminal;
pub(crate) mod weak_keys;
#[cfg(feature = "swarm")]
pub(crate) mod wire;
#[cfg(feature = "connection")]
pub(crate) mod yamux_hostile;
#[cfg(feature = "connection")]
pub(crate) mod yamux_pair;
#[cfg(feature = "connection")]
pub(crate) mod yamux_referee;
#[cfg(feature = "connection")]
pub(crate) mod yamux_reference;
