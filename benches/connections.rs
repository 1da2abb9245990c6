//! Dial, handshake, close, until both sides have been told; then what an idle connection and an idle stream cost in
//! memory. Beside ours `direct`, as in streams.rs.

mod support;

use std::sync::Arc;
use support::ours::{CHURN, Node, Pair, Sockets, Work};
use support::theirs::{self, Ground, How};
use support::{amount, compare, heap, is_profiled, resident, rival};
use swarm_notify::lifecycle::{ConnectionId, Event};
use swarm_notify::swarm::Readiness;
use swarm_notify::tcp;

/// How many streams are opened at a time: more than yamux's backlog of 256 would have to wait.
const AT_A_TIME: usize = 64;

/// Opens streams that stay, each after a byte.
struct Hold {
    connection: ConnectionId,
    streams: usize,
    begun: usize,
    opened: usize,
    read: usize,
}

impl Hold {
    /// Opens the next ones, once all of those before are open.
    fn open<S: Sockets>(&mut self, node: &mut Node<S>) {
        if self.opened < self.begun {
            return;
        }
        for _ in 0..AT_A_TIME.min(self.streams - self.begun) {
            let stream = node.open_stream(self.connection, &[CHURN]).unwrap();
            assert_eq!(node.write(stream, b"x"), Ok(1));
            self.begun += 1;
        }
    }
}

impl Work for Hold {
    fn begin<S: Sockets>(&mut self, node: &mut Node<S>) {
        self.open(node);
    }

    fn dialer<S: Sockets>(&mut self, node: &mut Node<S>, event: Option<Event>, _: Option<Readiness>) {
        if let Some(Event::OpenedStream { .. }) = event {
            self.opened += 1;
            self.open(node);
        }
    }

    fn listener<S: Sockets>(&mut self, node: &mut Node<S>, _: Option<Event>, ready: Option<Readiness>) {
        if let Some(Readiness::Stream { stream, readable: true, .. }) = ready {
            self.read += node.read(stream, &mut [0; 16]).unwrap();
        }
    }

    fn is_over(&self) -> bool {
        self.opened == self.streams && self.read == self.streams
    }
}

/// The most bytes of heap that one of ours may take. They are counted, so that they are the same on each run.
const GOALS: [(&str, usize); 2] = [("idle connection", 2_048), ("idle stream", 200)];

/// What grew while `make` made `many` of both ends, for each end. What is made is returned, so that it lives on.
fn growth<R>(title: &str, name: &str, many: usize, make: impl FnOnce() -> R) -> R {
    let before = (heap(), resident());
    let made = make();
    let each = |now: usize, before: usize| now.saturating_sub(before) / (2 * many);
    let (heap, resident) = (each(heap(), before.0), each(resident(), before.1));
    println!("{title:<28} {name:<28} {heap:>12} bytes of heap, {resident} resident, for each end");
    for (goal, most) in GOALS {
        assert!(name != "swarm-notify" || title != goal || heap <= most, "{title}: at most {most} bytes");
    }
    made
}

fn main() {
    let ground = Ground::new();
    let socket = Arc::new(ground.run(theirs::bind()));
    let direct = || ground.run(theirs::Pair::new(How::Direct, socket.clone()));

    let mut ours = Pair::<tcp::Transport>::new();
    let rivals = vec![
        rival("swarm-notify", |n| {
            for _ in 0..n {
                let id = ours.connect();
                ours.disconnect(id);
            }
        }),
        rival("direct", |n| (0..n).for_each(|_| ground.run(direct().close()))),
    ];
    compare("dial, handshake, close", amount(200), rivals);
    if is_profiled() {
        return;
    }

    let many = amount(400);
    let mut ours = Pair::<tcp::Transport>::new();
    let mut ids = vec![ours.connect(); 1]; // the first makes what is made once
    growth("idle connection", "swarm-notify", many, || ids.extend((0..many).map(|_| ours.connect())));
    let theirs = growth("idle connection", "direct", many, || (0..many).map(|_| direct()).collect::<Vec<_>>());

    let many = amount(4_000);
    let hold = |streams| Hold { connection: ids[0], streams, begun: 0, opened: 0, read: 0 };
    ours.run(&mut hold(1));
    growth("idle stream", "swarm-notify", many, || ours.run(&mut hold(many)));
    let pair = direct();
    let held = growth("idle stream", "direct", many, || {
        ground.run(pair.run(many, 200, true, theirs::send_byte, theirs::take_byte))
    });
    drop((theirs, held));
}
