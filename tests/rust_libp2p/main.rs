//! Our swarm over TCP on loopback against a whole rust-libp2p node, in both directions of dialing and of opening.
//!
//! All of our log is asserted each time, and all that rust-libp2p's swarm told of its connections beside it.
#![cfg(all(feature = "tcp", unix))]
#![allow(clippy::wildcard_enum_match_arm, reason = "what rust-libp2p tells is more than what is looked at here")]

mod behaviour;
#[cfg(feature = "cli")]
mod command;
mod node;
mod ours;

mod connections;
mod drops;
#[cfg(feature = "protocols")]
mod gossipsub;
#[cfg(feature = "protocols")]
mod mesh;
#[cfg(feature = "protocols")]
mod requests;
mod resets;
#[cfg(feature = "protocols")]
mod services;
mod streams;
#[path = "../support/mod.rs"]
mod support;

use Direction::{Inbound, Outbound};
use libp2p::swarm::Stream;
use node::Node;
use ours::{Ours, Serve};
use swarm_notify::lifecycle::{ConnectionId, Direction, StreamId};
use swarm_notify::swarm::Config;

/// Both directions of dialing with both directions of opening streams, as they are on our side.
const CASES: [(Direction, Direction); 4] =
    [(Outbound, Outbound), (Outbound, Inbound), (Inbound, Outbound), (Inbound, Inbound)];

/// A connection between the two.
struct Pair {
    ours: Ours,
    node: Node,
    connection: ConnectionId,
    dialed: Direction,
}

impl Pair {
    fn new(dialed: Direction, serve: Serve) -> Self {
        Self::with(Config::default(), dialed, serve)
    }

    fn with(config: Config, dialed: Direction, serve: Serve) -> Self {
        let mut ours = Ours::new(config, serve);
        let mut node = Node::start();
        match dialed {
            Outbound => drop(ours.swarm.dial(node.address.clone()).unwrap()),
            Inbound => {
                let address = ours.listen();
                node.dial(address);
            }
        }
        ours.until_told("connected", 1);
        let told = ours.during("the node's word of the connection", node.told());
        assert_eq!(told, established(dialed));
        let connection = ours.swarm.connections().next().unwrap();
        Self { ours, node, connection, dialed }
    }

    /// A stream, as both sides have it.
    fn stream(&mut self, opened: Direction) -> (StreamId, Stream) {
        let Self { ours, node, connection, .. } = self;
        let before = ours.count("opened_stream");
        let theirs = match opened {
            Outbound => {
                ours.open(*connection, ours::ECHO);
                ours.during("the node's stream", node.next_stream())
            }
            Inbound => {
                let (opener, peer) = (node.opener(), ours.peer());
                ours.during("the node's stream", node.spawn(async move { opener.open(peer, &[node::ECHO]).await }))
                    .unwrap()
            }
        };
        ours.until_told("opened_stream", before + 1);
        (*ours.streams.last().unwrap(), theirs)
    }

    /// Shuts our side down, and compares everything that was told on both sides: `between` the opening of the
    /// connection and our end.
    #[track_caller]
    fn end(self, between: &[&str]) {
        let Self { mut ours, mut node, dialed, .. } = self;
        ours.swarm.shutdown();
        let closed = ours.during("the node's word of the end", node.told());
        let log = ours.end();
        assert_eq!(node.kill(), [established(dialed).to_owned(), closed.clone()]);
        assert_eq!(closed, BY_US);
        let mut expected = opening(dialed);
        expected.extend(between.iter().map(|line| (*line).to_owned()));
        match dialed {
            Outbound => {}
            Inbound => expected.push("listen_close l0.1 shutdown".into()),
        }
        expected.push("disconnected c0.1 shutdown".into());
        assert_eq!(log, expected, "dialed: {dialed}");
    }
}

/// What rust-libp2p says of a connection that we close.
const BY_US: &str = "closed: connection is closed";

/// What rust-libp2p says of a connection that opens.
fn established(dialed: Direction) -> &'static str {
    match dialed {
        Outbound => "established, accepted",
        Inbound => "established, dialed",
    }
}

/// How our log begins.
fn opening(dialed: Direction) -> Vec<String> {
    match dialed {
        Outbound => vec!["connected c0.1 outbound".into()],
        Inbound => vec!["listen l0.1".into(), "connected c0.1 inbound".into()],
    }
}
