//! The noise step: with itself, cut anywhere; with `libp2p-noise`, both roles; and the fuzz target over seeded input.

mod against_libp2p;
mod handshake;
mod keys;
mod transport;
#[cfg(target_os = "linux")]
mod wiped;

use crate::support::corpus;
use crate::support::noise_hostile as fuzz_target;
use crate::support::pipe;
use fuzz_target::shake;
use libp2p_identity::Keypair;
use swarm_notify::connection::noise::{Config, Handshake};
use swarm_notify::connection::{Role, yamux};

const YAMUX: &str = yamux::PROTOCOL_NAME;

fn identity(seed: u8) -> Keypair {
    Keypair::ed25519_from_bytes([seed; 32]).unwrap()
}

fn config(seed: u8, muxers: &[&str]) -> Config {
    Config::new(&identity(seed), [seed + 100; 32], muxers).unwrap()
}

/// A dialer and a listener, strangers to each other.
fn pair(dialer: &Config, listener: &Config) -> (Handshake, Handshake) {
    (
        Handshake::new(dialer, Role::Dialer, [7; 32], None).unwrap(),
        Handshake::new(listener, Role::Listener, [8; 32], None).unwrap(),
    )
}

#[test]
fn the_fuzz_target_holds_over_seeded_input() {
    let mut random = pipe::Random(1);
    for _ in 0..300 {
        let len = random.below(400);
        fuzz_target::run(&random.bytes(len));
    }
}

#[test]
fn the_fuzz_target_holds_over_its_corpus() {
    corpus::replay("noise_hostile", fuzz_target::run);
}
