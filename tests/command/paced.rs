//! What peers pace: as many lines as the limits say, however much they do, and no long ones.

use crate::support::command::{LIMIT, Running};
use libp2p_identity::Keypair;
use serde_json::Value;
use std::time::{Duration, Instant};
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, Event};
use swarm_notify::notifee::Notifees;
use swarm_notify::protocols::identify::{self, Identify};
use swarm_notify::swarm::{Config, Swarm};
use swarm_notify::tcp;

const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");

/// A peer of the command's in this process.
pub(crate) struct Peer {
    pub(crate) swarm: tcp::Swarm,
    pub(crate) notifees: Notifees<tcp::Swarm>,
    start: Instant,
}

impl Peer {
    pub(crate) fn dial(address: &str, config: Config) -> (Self, ConnectionId) {
        let reactor = tcp::Reactor::new().unwrap();
        let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
        let key = Keypair::ed25519_from_bytes([5; 32]).unwrap();
        let swarm = Swarm::with_reactor(reactor, transport, &key, [5; 32], config).unwrap();
        let mut peer = Self { swarm, notifees: Notifees::new(), start: Instant::now() };
        let connection = peer.swarm.dial(address.parse().unwrap()).unwrap();
        peer.until(|event| matches!(event, Event::Connected { .. }));
        (peer, connection)
    }

    /// Opens streams, and waits until each is open or has failed.
    pub(crate) fn open_streams(&mut self, connection: ConnectionId, number: usize) {
        for _ in 0..number {
            self.swarm.open_stream(connection, &[ECHO]).unwrap();
        }
        let mut told = 0;
        self.until(|event| {
            told += usize::from(matches!(event, Event::OpenedStream { .. } | Event::StreamFailed { .. }));
            told == number
        });
    }

    /// Lets `identify` push, and waits until the push has ended.
    pub(crate) fn push(&mut self, connection: ConnectionId, identify: Identify) {
        let id = self.notifees.install(&mut self.swarm, identify);
        self.notifees.get_mut::<Identify>(id).unwrap().push();
        while self.notifees.get::<Identify>(id).unwrap().info(connection).is_none()
            || self.swarm.streams_of(connection).count() > 0
        {
            self.turn();
        }
    }

    /// Lets its notifees act once, and sends what they have left.
    pub(crate) fn turn(&mut self) {
        assert!(self.start.elapsed() < LIMIT, "it does not come");
        self.swarm.wait(self.start.elapsed(), Some(Duration::from_millis(1))).unwrap();
        self.swarm.tick(self.start.elapsed());
        self.notifees.drive(&mut self.swarm, self.start.elapsed());
        self.swarm.flush_all(self.start.elapsed());
    }

    /// Goes on until an event is the one; `is_it` is asked once for each.
    pub(crate) fn until(&mut self, mut is_it: impl FnMut(Event) -> bool) {
        loop {
            assert!(self.start.elapsed() < LIMIT, "it does not come");
            self.swarm.wait(self.start.elapsed(), Some(Duration::from_millis(100))).unwrap();
            self.swarm.tick(self.start.elapsed());
            while let Some(event) = self.swarm.next_event() {
                if is_it(event) {
                    return;
                }
            }
            while self.swarm.next_ready().is_some() {}
        }
    }
}

fn all<'a>(printed: &'a [Value], event: &str) -> Vec<&'a Value> {
    printed.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn refused_streams_are_a_line_a_second_and_add_up() {
    const OVER: u64 = 5_000;
    let mut listen = Running::start(["listen"]);
    let mut config = Config::default();
    config.limits.streams_per_connection = 20_000;
    let (mut peer, connection) = Peer::dial(&listen.address(), config);
    // As many streams as the limit allows stay open, and all others are refused.
    for _ in 0..1_024 {
        peer.swarm.open_stream(connection, &[ECHO]).unwrap();
    }
    let mut opened = 0;
    peer.until(|event| {
        opened += u32::from(matches!(event, Event::OpenedStream { .. }));
        assert!(!matches!(event, Event::StreamFailed { .. }));
        opened == 1_024
    });
    let began = Instant::now();
    for _ in 0..OVER / 100 {
        for _ in 0..100 {
            peer.swarm.open_stream(connection, &[ECHO]).unwrap();
        }
        let mut failed = 0;
        peer.until(|event| {
            failed += u32::from(matches!(event, Event::StreamFailed { .. }));
            failed == 100
        });
    }
    // A second after the last one, the rest is told to somebody to whom nothing else comes.
    let told = |line: &Value| line["total"].as_u64().unwrap();
    while told(&listen.until("refused")) < OVER {}
    let seconds = began.elapsed().as_secs() as usize;
    peer.swarm.abort_connection(connection).unwrap();
    let disconnected = listen.until("disconnected");
    assert_eq!(disconnected["refused"]["stream_limit"], OVER);
    listen.signal("INT");
    let ended = listen.ended();
    let refused = all(&ended.printed, "refused");
    assert!((2..=2 + seconds).contains(&refused.len()), "{refused:#?} in {seconds} s");
    assert!(refused.iter().all(|line| line["kind"] == "stream_limit" && line["connection"] == "c0.1"));
    assert_eq!(refused.iter().map(|line| line["count"].as_u64().unwrap()).sum::<u64>(), OVER);
}

/// However fast a peer is, its streams are told at the rate that the page states, and all of them are.
#[test]
fn streams_are_told_at_a_rate_and_none_is_lost() {
    const STREAMS: usize = 6_000;
    let mut listen = Running::start(["listen"]);
    let (mut peer, connection) = Peer::dial(&listen.address(), Config::default());
    let (began, mut begun, mut ended) = (Instant::now(), 0, 0);
    while ended < STREAMS {
        while begun < STREAMS.min(ended + 1_000) {
            peer.swarm.open_stream(connection, &[ECHO]).unwrap();
            begun += 1;
        }
        let mut opened = None;
        peer.until(|event| {
            if let Event::OpenedStream { stream, .. } = event {
                opened = Some(stream);
            } else {
                assert!(matches!(event, Event::ClosedStream { .. }), "{event:?}");
                ended += 1;
            }
            true
        });
        if let Some(stream) = opened {
            peer.swarm.close_stream(stream).unwrap();
        }
    }
    let seconds = began.elapsed();
    assert!(seconds >= Duration::from_secs(2), "4 000 at once, and 1 000 a second: {seconds:?}");
    peer.swarm.abort_connection(connection).unwrap();
    let disconnected = listen.until("disconnected");
    listen.signal("INT");
    let ended = listen.ended();
    assert_eq!(all(&ended.printed, "opened_stream").len(), STREAMS);
    assert_eq!(disconnected.get("refused"), None);
    // A machine that is slow enough opens no more than the rate allows.
    let paced = disconnected["paced"].as_u64();
    assert!(paced.is_some_and(|paced| paced < 3_000) || seconds > Duration::from_secs(3), "{paced:?} in {seconds:?}");
}

#[test]
fn a_long_agent_version_is_cut_on_its_line() {
    let mut listen = Running::start(["listen"]);
    let (mut peer, connection) = Peer::dial(&listen.address(), Config::default());
    let mut config = identify::Config::default();
    config.agent_version = "é".repeat(6 * 1024);
    let key = Keypair::ed25519_from_bytes([5; 32]).unwrap();
    peer.push(connection, Identify::new(key.public(), config));
    let pushed = listen.until("identify_pushed");
    let agent = pushed["agent"].as_str().unwrap();
    assert!(agent.len() <= swarm_notify::text::MAX_TEXT && agent.ends_with("é…"), "{agent}");
}
