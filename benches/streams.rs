//! Open, negotiate `/churn/1.0.0`, a byte, close: one after the other and 64 at a time, on one connection over TCP on
//! loopback, both nodes on one thread. Beside ours `direct` (what rust-libp2p is made of, without its swarm) and the
//! bare yamux crate, neither encrypted nor negotiated, as the floor.

mod support;

use libp2p::tcp::tokio;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use support::ours::{Churn, Pair, READS, WRITES};
use support::theirs::{self, Ground, How, Standing};
use support::{amount, compare, is_profiled, rival};
use swarm_notify::tcp;

fn main() {
    let ground = Ground::new();
    let socket = Arc::new(ground.run(theirs::bind()));
    for (title, at_a_time, units) in [("streams, 1 at a time", 1, 4_000), ("streams, 64 at a time", 64, 20_000)] {
        let mut pair = Pair::<tcp::Transport>::new();
        let connection = pair.connect();
        let mut churn = |left| pair.run(&mut Churn { connection, left, at_a_time, live: 0 });
        let mut on_tokio = Pair::<tokio::Transport>::new();
        let connection = on_tokio.connect();
        let their = |how| {
            let mut pair = Standing::new(&ground, how, socket.clone());
            move |n| pair.run(n, at_a_time, theirs::one_byte, theirs::sink)
        };
        let rivals = vec![
            rival("swarm-notify", &mut churn),
            rival("swarm-notify, tokio's TCP", move |left| {
                on_tokio.run(&mut Churn { connection, left, at_a_time, live: 0 });
            }),
            rival("direct", their(How::Direct)),
            rival("direct, lazy", their(How::Lazy)),
            rival("bare yamux", their(How::Bare)),
        ];
        let units = amount(units);
        compare(title, units, rivals);
        if !is_profiled() {
            let before = (READS.load(Relaxed), WRITES.load(Relaxed));
            churn(units);
            let each = |now, before| (now - before) as f64 / units as f64;
            let (reads, writes) = (each(READS.load(Relaxed), before.0), each(WRITES.load(Relaxed), before.1));
            println!(
                "{title:<28} swarm-notify: {reads:.3} receives and {writes:.3} sends a stream, both sides together"
            );
        }
    }
}
