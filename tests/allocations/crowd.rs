//! A crowd that comes and leaves: thousands of authenticated connections, of fresh identities, with all services.

use crate::memory::{Bounds, Node};
use crate::support::heap;
use crate::support::raw_frames::Greeting;
use crate::support::wire::{self, Pipe, Wire};
use futures::io::{AsyncRead as _, AsyncWrite as _};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use swarm_notify::protocols::{identify, pubsub};
use swarm_notify::swarm::Config;

/// How many stand at the door at once.
const WAVE: usize = 50;

fn say(pipe: &mut Pipe, words: &[u8]) {
    let written = Pin::new(pipe).poll_write(&mut Context::from_waker(Waker::noop()), words);
    assert!(matches!(written, Poll::Ready(Ok(n)) if n == words.len()));
}

fn hear(pipe: &mut Pipe) -> Vec<u8> {
    let mut buffer = [0; 4_096];
    match Pin::new(pipe).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer) {
        Poll::Ready(Ok(n)) => buffer[..n].to_vec(),
        Poll::Ready(Err(_)) | Poll::Pending => Vec::new(),
    }
}

/// So many connect, and all are open at once.
fn crowd(node: &mut Node, wire: &Wire, now: &mut Duration, many: usize) -> Vec<Pipe> {
    let mut pipes = Vec::new();
    while pipes.len() < many {
        let mut wave: Vec<_> = (0..WAVE)
            .map(|n| {
                let mut pipe = wire.connect();
                let (greeting, said) = Greeting::begin((n % 200) as u8 + 10);
                say(&mut pipe, &said);
                (pipe, greeting)
            })
            .collect();
        turns(node, now, 4);
        for (pipe, greeting) in &mut wave {
            let heard = hear(pipe);
            let (said, _) = greeting.hear(&heard).expect("it has answered");
            say(pipe, &said);
        }
        turns(node, now, 4);
        pipes.extend(wave.into_iter().map(|(pipe, _)| pipe));
        assert_eq!(node.swarm.counters().connections.inbound.open as usize, pipes.len());
    }
    pipes
}

fn leave(node: &mut Node, now: &mut Duration, pipes: &mut Vec<Pipe>) {
    for pipe in pipes.iter_mut() {
        assert!(Pin::new(pipe).poll_close(&mut Context::from_waker(Waker::noop())).is_ready());
    }
    turns(node, now, 20);
    pipes.clear();
    // What was refused is told at most once a second, and sessions are waited for no longer.
    *now += Duration::from_secs(60);
    turns(node, now, 20);
    assert_eq!(node.swarm.counters().connections.inbound.open, 0, "all have left");
}

fn turns(node: &mut Node, now: &mut Duration, many: usize) {
    for _ in 0..many {
        *now += Duration::from_micros(100);
        node.turn(*now);
    }
}

pub(crate) fn a_crowd_that_has_left_leaves_no_memory_behind() {
    const MANY: usize = 4_000;
    let mut config = Config::default();
    config.limits.connections = 5_000;
    (config.connections_per_peer, config.connection.idle_timeout) = (1_000, None);
    (config.inbound_handshakes, config.handshakes_per_address) = (1_024, 1_024);
    let bounds = Bounds::new(config, identify::Config::default(), pubsub::Config::default());
    let (at_node, at_peers) = wire::wire();
    at_node.bound(8 * 1024);
    let mut node = Node::new(1, at_node, &bounds);
    let mut now = Duration::ZERO;
    node.count(|node| node.swarm.listen(wire::address()).unwrap());
    turns(&mut node, &mut now, 4);
    let rest = node.live;
    let mut pipes = crowd(&mut node, &at_peers, &mut now, WAVE);
    leave(&mut node, &mut now, &mut pipes);
    let mut pipes = crowd(&mut node, &at_peers, &mut now, MANY);
    let peak = node.live;
    // Those that came last leave first, so that the memory of each is at the end.
    pipes.reverse();
    let allocations = heap::allocations();
    leave(&mut node, &mut now, &mut pipes);
    let allocations = heap::allocations() - allocations;
    println!("{MANY} connections: {rest} bytes at rest, {peak} with all of them, {} after", node.live);
    assert!(allocations < MANY, "{allocations} times memory was moved while they left");
    assert!(peak > rest + 1_000 * MANY, "the crowd takes something: {peak} beside {rest}");
    assert!(node.live <= rest + rest / 20, "{rest} at rest, {} after", node.live);
}
