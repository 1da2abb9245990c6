//! Ten thousand streams on one connection that ends, through a queue of eight.

use crate::support::sim::{Cut, ECHO, Mode, Pair, Shape};
use swarm_notify::swarm::Config;

const MANY: usize = 10_000;

fn raise(config: &mut Config) {
    (config.limits.streams_per_connection, config.streams_per_peer) = (MANY as u32, MANY as u32);
}

#[test]
fn ten_thousand_streams_end_with_their_connection() {
    for swapped in [false, true] {
        let mut pair = Pair::<8>::with(Shape { cut: Cut::Random, mode: Mode::Sleep, swapped }, raise, raise);
        let (ca, _) = pair.connected();
        for _ in 0..MANY {
            pair.a.open(ca, &[ECHO]);
        }
        pair.settle();
        let lines = |line: fn(usize) -> String| (0..MANY).map(line).collect::<Vec<_>>();
        pair.a.expect(&lines(|n| format!("opened_stream c0.1/s{n}.1 outbound /echo/1.0.0")));
        pair.b.expect(&lines(|n| format!("opened_stream c0.1/s{n}.1 inbound /echo/1.0.0")));
        pair.network.set(|knobs| knobs.reset(0));
        pair.settle();
        let mut expected = lines(|n| format!("closed_stream c0.1/s{n}.1 connection_closed"));
        expected.push("disconnected c0.1 failed(reset)".to_owned());
        pair.a.expect(&expected);
        pair.b.expect(&expected);
        pair.end_with_listener();
    }
}
