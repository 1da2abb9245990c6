//! The noise step: with itself, cut anywhere; with `libp2p-noise`, both roles; and the fuzz target over seeded input.
#![cfg(feature = "connection")]

#[path = "noise/against_libp2p.rs"]
mod against_libp2p;
#[path = "support/noise.rs"]
mod fuzz_target;
#[path = "noise/handshake.rs"]
mod handshake;
#[path = "support/pipe.rs"]
mod pipe;
#[path = "noise/transport.rs"]
mod transport;

use libp2p_identity::Keypair;
use swarm_notify::connection::Role;
use swarm_notify::connection::noise::{Config, Handshake, Remote, Transport};

const YAMUX: &str = "/yamux/1.0.0";
const MPLEX: &str = "/mplex/6.7.0";

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

/// Lets the handshake go through, and gives what each side has of it.
fn shake((mut dialer, mut listener): (Handshake, Handshake)) -> [(Transport, Remote); 2] {
    let mut wire = Vec::new();
    for _ in 0..2 {
        dialer.transmit(&mut wire).unwrap();
        listener.receive(&wire).unwrap();
        wire.clear();
        listener.transmit(&mut wire).unwrap();
        dialer.receive(&wire).unwrap();
        wire.clear();
    }
    [dialer.finish().unwrap(), listener.finish().unwrap()]
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
    let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    if !fuzz.exists() {
        return; // The packaged crate comes without it.
    }
    let mut runs = 0;
    for file in fuzz.join("corpus/noise").read_dir().expect("the corpus is committed") {
        fuzz_target::run(&std::fs::read(file.unwrap().path()).unwrap());
        runs += 1;
    }
    assert!(runs > 0);
}
