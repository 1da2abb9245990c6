//! A stream on a long line: how long its bytes take, in the network's time.

use crate::simulated::millis;
use crate::support::sim::{Pair, Shape, everywhere};
use std::time::Duration;
use swarm_notify::connection::yamux::INITIAL_WINDOW;
use swarm_notify::swarm::Config;

everywhere! {
    a_window_grows_with_the_line,
    a_window_that_may_not_grow_bounds_the_speed,
}

const MUCH: usize = 4 * 1024 * 1024;
const LATENCY: Duration = millis(100);

/// How long it takes until all of it has arrived at an owner whose window may grow so far.
fn takes<const EVENTS: usize>(shape: Shape, max_receive_window: u32) -> Duration {
    let grows = |config: &mut Config| config.connection.yamux.max_receive_window = max_receive_window;
    let mut pair = Pair::<EVENTS>::with(shape.for_much(), |_| {}, grows);
    pair.network.set(|knobs| {
        knobs.latency(LATENCY);
        knobs.capacity(2 * MUCH);
    });
    let link = pair.link();
    let began = pair.now;
    pair.a.send(link.sa, &vec![7; MUCH]);
    pair.run_until(|pair| pair.b.received(link.sb).len() == MUCH);
    let took = pair.now - began;
    pair.end_quietly();
    took
}

fn a_window_that_may_not_grow_bounds_the_speed<const EVENTS: usize>(shape: Shape) {
    let windows = (MUCH / INITIAL_WINDOW as usize) as u32;
    let took = takes::<EVENTS>(shape, 0);
    assert!(took >= windows.saturating_sub(1) * 2 * LATENCY, "{took:?}: one window in a round trip");
}

fn a_window_grows_with_the_line<const EVENTS: usize>(shape: Shape) {
    let took = takes::<EVENTS>(shape, 16 * INITIAL_WINDOW);
    assert!(took < 8 * 2 * LATENCY, "{took:?}: the first round trips are short of window, the others are not");
}
