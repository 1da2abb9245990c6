//! A peer of `dial` while that waits for the reader of its own output.

use crate::output::Log;
use crate::serving::{ECHO, PING, Serving};
use crate::support::command::LIMIT;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Direction, StreamEnd, StreamId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};
use swarm_notify::swarm::Config;
use swarm_notify::tcp;

/// What the peer sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seen {
    /// For many keep-alives no stream has ended. It sends a ping now, on a stream of its own.
    Waits,
    /// For as long again the ping was not answered.
    StillWaits,
    /// It was.
    Pong,
    Ended(ConnectionEnd),
}

/// Ends each stream when the other side does.
struct Peer {
    seen: Sender<Seen>,
    connection: Option<ConnectionId>,
    /// The stream of its ping.
    own: Option<StreamId>,
    /// The bytes of the ping that have come back.
    ponged: usize,
    ended: u32,
    ended_before: u32,
    looks: u32,
    next: Duration,
}

const LOOK: Duration = Duration::from_millis(500);
/// The looks in a row at which nothing has moved: twice as long as a peer may be silent.
const MANY: u32 = 10;

impl Notifee<tcp::Swarm> for Peer {
    fn interest(&self) -> Interest {
        Interest::ALL
    }

    fn connected(&mut self, _: &mut NotifeeContext<'_, tcp::Swarm>, connection: ConnectionId) {
        self.connection = Some(connection);
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>, _: ConnectionId, stream: StreamId) {
        if cx.network().stream(stream).unwrap().direction == Direction::Outbound {
            self.own = Some(stream);
            cx.network().write(stream, &[7; 32]).unwrap();
        }
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>, stream: StreamId, _: bool, _: bool) {
        if self.own == Some(stream) {
            while let Ok(n @ 1..) = cx.network().read(stream, &mut [0; 32]) {
                self.ponged += n;
            }
            if self.ponged == 32 {
                self.own = None;
                self.seen.send(Seen::Pong).unwrap();
                // It may have ended with the connection.
                let _ = cx.network().finish(stream);
            }
        } else if cx.network().read(stream, &mut [0]) == Ok(0) {
            let _ = cx.network().finish(stream);
        }
    }

    fn closed_stream(&mut self, _: &mut NotifeeContext<'_, tcp::Swarm>, _: ConnectionId, _: StreamId, _: StreamEnd) {
        self.ended += 1;
    }

    fn disconnected(&mut self, _: &mut NotifeeContext<'_, tcp::Swarm>, _: ConnectionId, reason: ConnectionEnd) {
        self.connection = None;
        let _ = self.seen.send(Seen::Ended(reason));
    }

    fn poll_at(&self) -> Option<Duration> {
        Some(self.next)
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, tcp::Swarm>) {
        self.next = cx.now() + LOOK;
        let Some(connection) = self.connection else { return };
        let has_moved = core::mem::replace(&mut self.ended_before, self.ended) != self.ended;
        self.looks = if has_moved || self.ended == 0 { 0 } else { self.looks + 1 };
        match self.looks {
            MANY => {
                cx.network().open_stream(connection, &[PING]).unwrap();
                self.seen.send(Seen::Waits).unwrap();
            }
            looks if looks == 2 * MANY => self.seen.send(Seen::StillWaits).unwrap(),
            _ => {}
        }
    }
}

#[test]
fn a_peer_stays_while_dial_waits_for_its_reader() {
    const STREAMS: u32 = 10_000;
    let mut config = Config::default();
    config.connection.keep_alive_interval = Duration::from_millis(500);
    config.connection.keep_alive_timeout = Duration::from_secs(2);
    config.connection.negotiation_timeout = LIMIT;
    let (sender, seen) = channel();
    let peer = Peer {
        seen: sender,
        connection: None,
        own: None,
        ponged: 0,
        ended: 0,
        ended_before: 0,
        looks: 0,
        next: Duration::ZERO,
    };
    let peer = Serving::with(config, &[ECHO], peer);
    let streams = STREAMS.to_string();
    let args = ["dial", &peer.address, "--bytes", "0", "--concurrency", "64", "--streams", &streams, "--timeout", "2"];
    let (dial, log) = Log::of(&args);
    // Its keep-alives are answered. Its ping waits, since the stream of a ping has lines in the log.
    assert_eq!([(); 2].map(|()| seen.recv_timeout(LIMIT).unwrap()), [Seen::Waits, Seen::StillWaits]);
    let printed = log.rest().1;
    assert_eq!(seen.recv_timeout(LIMIT), Ok(Seen::Pong));
    assert!(matches!(seen.recv_timeout(LIMIT), Ok(Seen::Ended(ConnectionEnd::Remote(_)))));
    // Its own streams have waited longer than they may wait for a peer, and are right all the same.
    let ended = dial.ended();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(printed.last().unwrap()["ok"], STREAMS);
}
