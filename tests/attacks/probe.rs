//! Honest probes: what a peer that means well gets done beside an attack, and in which time.

use crate::attackers::peer::{Identity, Peer};
use crate::attackers::pubsub::publishing_stream;
use crate::attackers::raw_frames::{ACK, ECHO_LINES, FIN, GO_AWAY, PING, RST, SYN, data, frame, go_away};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time after which a probe counts as starved.
pub(crate) const STARVED: Duration = Duration::from_secs(20);

const WORDS: &[u8] = b"honestly";

/// What has come of a probe.
#[derive(Debug)]
pub(crate) enum Outcome {
    Served(Duration),
    Starved,
    /// The node has refused it, or ended it.
    Cut(io::Error),
}

impl Outcome {
    fn of(start: Instant, result: io::Result<()>) -> Self {
        match result {
            Ok(()) => Self::Served(start.elapsed()),
            Err(error) if error.kind() == ErrorKind::TimedOut => Self::Starved,
            Err(error) => Self::Cut(error),
        }
    }
}

/// Where honest peers come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// The address of the attackers.
    Same,
    /// An address of their own.
    Other,
    /// Both in turn.
    Both,
}

impl Origin {
    /// The address of a probe.
    fn of(self, number: u64, to: SocketAddr) -> Option<IpAddr> {
        let is_other = match self {
            Self::Same => false,
            Self::Other => true,
            Self::Both => number % 2 == 1,
        };
        // IPv6 has but one address on loopback.
        (is_other && to.is_ipv4()).then_some(Ipv4Addr::new(127, 77, 0, 9).into())
    }
}

/// A peer that means well.
pub(crate) struct Honest {
    who: Identity,
    to: SocketAddr,
    origin: Origin,
    number: u64,
    established: Option<(Peer, u32)>,
}

impl Honest {
    /// One whose identity has a number, below those of the attackers.
    pub(crate) fn new(identity: u64, to: SocketAddr, origin: Origin) -> Self {
        Self { who: Identity::new(identity), to, origin, number: 0, established: None }
    }

    fn dial(&mut self, deadline: Instant) -> io::Result<Peer> {
        self.number += 1;
        Peer::dial(&self.who, self.origin.of(self.number, self.to), self.to, deadline)
    }

    /// How often it has dialed.
    pub(crate) fn dials(&self) -> u64 {
        self.number
    }

    /// Connects, shakes hands, has something echoed, and closes.
    pub(crate) fn new_connection(&mut self) -> Outcome {
        let start = Instant::now();
        let deadline = start + STARVED;
        let echo = self.dial(deadline).and_then(|mut peer| {
            echo(&mut peer, 1, deadline)?;
            peer.seal(&go_away())?;
            peer.flush().map(drop)
        });
        Outcome::of(start, echo)
    }

    /// Connects, if it is not connected, and has something echoed.
    pub(crate) fn establish(&mut self) -> io::Result<()> {
        if self.established.is_none() {
            let deadline = Instant::now() + STARVED;
            let mut peer = self.dial(deadline)?;
            echo(&mut peer, 1, deadline)?;
            self.established = Some((peer, 3));
        }
        Ok(())
    }

    /// Has something echoed on a stream of a connection that was there before.
    pub(crate) fn new_stream(&mut self) -> Outcome {
        let start = Instant::now();
        let outcome = match &mut self.established {
            Some((peer, stream)) => {
                let outcome = echo(peer, *stream, start + STARVED);
                *stream += 2;
                outcome
            }
            None => Err(io::Error::new(ErrorKind::NotConnected, "it cannot connect again")),
        };
        if outcome.is_err() {
            // What was cut is opened again, for the next one.
            self.established = None;
            let _ = self.establish();
        }
        Outcome::of(start, outcome)
    }

    /// Lets its connection go.
    pub(crate) fn leave(&mut self) {
        self.established = None;
    }

    /// Connects, and publishes a message that the node is to print. `is_heard` says whether it has printed the one of a
    /// number by then.
    pub(crate) fn publish(&mut self, is_heard: impl Fn(u64, Instant) -> bool) -> Outcome {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let (number, start) = (NEXT.fetch_add(1, Ordering::Relaxed), Instant::now());
        let deadline = start + STARVED;
        let published = self.dial(deadline).and_then(|mut peer| {
            peer.seal(&publishing_stream(&self.who, number, format!("honest-{number}-").as_bytes()))?;
            peer.flush_until(deadline)?;
            // It stays until it was heard.
            while !is_heard(number, Instant::now() + Duration::from_millis(10)) {
                answer(&mut peer)?;
                if Instant::now() >= deadline {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            Ok(())
        });
        Outcome::of(start, published)
    }
}

/// Answers pings, and lets all else pass.
fn answer(peer: &mut Peer) -> io::Result<()> {
    let mut out = Vec::new();
    peer.hear(|heard| {
        if heard.kind == PING && heard.flags & SYN != 0 {
            out.extend(frame(PING, ACK, 0, heard.length));
        }
    })?;
    peer.seal(&out)?;
    peer.flush().map(drop)
}

/// Has words echoed on a new stream, and ends it.
fn echo(peer: &mut Peer, stream: u32, deadline: Instant) -> io::Result<()> {
    let words = [ECHO_LINES, WORDS].concat();
    peer.seal(&data(SYN, stream, &words))?;
    let (mut heard, mut end) = (Vec::new(), None);
    while heard.len() < words.len() {
        peer.flush()?;
        let mut out = Vec::new();
        let read = peer.hear(|heard_frame| match heard_frame.kind {
            PING if heard_frame.flags & SYN != 0 => out.extend(frame(PING, ACK, 0, heard_frame.length)),
            GO_AWAY => end = Some("it goes away"),
            _ if heard_frame.id == stream => {
                heard.extend(heard_frame.payload);
                if heard_frame.flags & (RST | FIN) != 0 {
                    end = Some("it ends the stream");
                }
            }
            _ => {}
        })?;
        peer.seal(&out)?;
        if let Some(end) = end {
            return Err(io::Error::other(end));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        if read == 0 {
            peer.wait(left);
        }
    }
    if heard != words {
        return Err(io::Error::other("the echo is wrong"));
    }
    peer.seal(&data(FIN, stream, b""))?;
    peer.flush_until(deadline)
}
