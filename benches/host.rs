//! Streams as in `streams`, through the handles of two hosts, beside the same over the loop that drives two bare swarms:
//! what futures, tasks and handlers add. `lazy` writes at once, as the loop does; the other waits for the peer's word
//! before it writes.

mod support;

use futures::future::join_all;
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use std::cell::Cell;
use support::ours::{CHURN, Churn, Pair};
use support::{amount, compare, rival};
use swarm_notify::host::{Config, Connection, Host, Stream};
use swarm_notify::identity::Keypair;
use swarm_notify::tcp;

/// Two hosts with a connection between them.
struct Hosts {
    dialer: Host,
    listener: Host,
    connection: Connection,
}

fn host(n: u8) -> Host {
    let mut config = Config::default();
    (config.swarm.limits.streams_per_connection, config.swarm.streams_per_peer) = (16_384, 16_384);
    config.swarm.connection.idle_timeout = None;
    Host::new(&Keypair::ed25519_from_bytes([n; 32]).unwrap(), config).unwrap()
}

/// Reads to the end, and ends.
async fn sink(mut stream: Stream) {
    let mut buffer = [0; 16];
    while stream.read(&mut buffer).await.unwrap() > 0 {}
    stream.close().await.unwrap();
}

/// A byte, our end, and the other side's.
async fn one_byte(mut stream: Stream) {
    stream.write_all(b"x").await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
}

impl Hosts {
    fn new() -> Self {
        let (mut dialer, mut listener) = (host(1), host(2));
        let (dialing, listening) = (dialer.handle(), listener.handle());
        listening.set_handler(CHURN, sink);
        let connecting = async {
            let listener = listening.listen("/ip4/127.0.0.1/tcp/0".parse().unwrap()).await.unwrap();
            dialing.dial(listener.addresses()[0].clone()).await.unwrap()
        };
        let connection = smol::block_on(dialer.run_until(listener.run_until(connecting)));
        Self { dialer, listener, connection }
    }

    /// Opens `n` streams, so many at a time.
    fn run(&mut self, n: usize, at_a_time: usize, is_lazy: bool) {
        let Self { dialer, listener, connection } = self;
        let (connection, left) = (&*connection, Cell::new(n));
        let one_after_the_other = async || {
            while let Some(rest) = left.get().checked_sub(1) {
                left.set(rest);
                let opened = match is_lazy {
                    true => connection.open_stream_lazy(CHURN).await,
                    false => connection.open_stream(&[CHURN]).await,
                };
                one_byte(opened.unwrap()).await;
            }
        };
        let all = join_all((0..at_a_time).map(|_| one_after_the_other()));
        smol::block_on(dialer.run_until(listener.run_until(all)));
    }
}

fn main() {
    for (title, at_a_time, units) in [("host, 1 at a time", 1, 4_000), ("host, 64 at a time", 64, 20_000)] {
        let mut pair = Pair::<tcp::Transport>::new();
        let connection = pair.connect();
        let (mut lazy, mut waiting) = (Hosts::new(), Hosts::new());
        let rivals = vec![
            rival("bare swarm", |left| pair.run(&mut Churn { connection, left, at_a_time, live: 0 })),
            rival("handles, lazy", |n| lazy.run(n, at_a_time, true)),
            rival("handles", |n| waiting.run(n, at_a_time, false)),
        ];
        compare(title, amount(units), rivals);
    }
}
