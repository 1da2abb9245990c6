//! One of two processes whose system calls `tests/syscalls.sh` counts: `syscalls listen WORK UNITS` prints an address,
//! and `syscalls dial WORK UNITS ADDRESS` does its work with it. Both end once the work is done. Each is a loop of
//! `wait` and `tick`, and `flush_all` sends what the owner has answered without another turn.

use std::collections::{BTreeSet, VecDeque};
use std::error::Error;
use std::time::{Duration, Instant};
use swarm_notify::connection::{Protocol, WriteError};
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::{ConnectionId, Event, StreamId};
use swarm_notify::swarm::{Config, Multiaddr, Readiness, Swarm};
use swarm_notify::tcp;

const WORK: Protocol = Protocol::from_static("/unit/1.0.0");

/// The units that are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A byte there and back on a stream that stays.
    Trip,
    /// A stream with a byte, so many of them at a time.
    Stream(usize),
    /// A connection that is closed once it is open.
    Dial,
}

impl Unit {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "trip" => Some(Self::Trip),
            "dial" => Some(Self::Dial),
            _ => name.strip_prefix("stream-")?.parse().ok().map(Self::Stream),
        }
    }
}

/// One side, and what is left of its work.
struct Side {
    swarm: tcp::Swarm,
    unit: Unit,
    left: usize,
    /// How many streams of ours live.
    live: usize,
    /// Those of them that wait for place.
    unwritten: BTreeSet<StreamId>,
    /// Where the dialer dials.
    address: Option<Multiaddr>,
    is_over: bool,
}

impl Side {
    fn is_dialer(&self) -> bool {
        self.address.is_some()
    }

    fn event(&mut self, event: Event) -> Result<(), Box<dyn Error>> {
        match event {
            Event::Listen { listener } => {
                println!("{}", self.swarm.listener(listener).ok_or("it listens")?.addresses[0]);
            }
            Event::Connected { connection } if self.is_dialer() => match self.unit {
                Unit::Dial => self.swarm.close_connection(connection)?,
                Unit::Trip => self.open(connection, false)?,
                Unit::Stream(_) => self.open_streams(connection)?,
            },
            Event::ClosedStream { connection, .. } if self.is_dialer() => {
                self.live -= 1;
                self.open_streams(connection)?;
                if self.live == 0 {
                    self.swarm.close_connection(connection)?;
                }
            }
            Event::Disconnected { .. } => {
                self.left = self.left.saturating_sub(usize::from(self.unit == Unit::Dial));
                self.is_over = self.left == 0 || !self.is_dialer() && self.unit != Unit::Dial;
                self.dial_next()?;
            }
            Event::ListenFailed { .. } | Event::ConnectFailed { .. } | Event::StreamFailed { .. } => {
                return Err(format!("{event:?}").into());
            }
            Event::ListenClose { .. }
            | Event::Connected { .. }
            | Event::OpenedStream { .. }
            | Event::ClosedStream { .. } => {}
        }
        Ok(())
    }

    fn dial_next(&mut self) -> Result<(), Box<dyn Error>> {
        if let Some(address) = self.address.clone().filter(|_| self.left > 0) {
            self.swarm.dial(address)?;
        }
        Ok(())
    }

    /// Opens a stream and writes a byte to it.
    fn open(&mut self, connection: ConnectionId, finishes: bool) -> Result<(), Box<dyn Error>> {
        let stream = self.swarm.open_stream(connection, &[WORK])?;
        self.live += 1;
        self.begin(stream, finishes)
    }

    /// Writes a byte to a stream of ours. Before the peer's first frame there is place for a few streams only.
    fn begin(&mut self, stream: StreamId, finishes: bool) -> Result<(), Box<dyn Error>> {
        match self.swarm.write(stream, b"x") {
            Ok(_) if finishes => self.swarm.finish(stream)?,
            Ok(_) => {}
            Err(WriteError::Blocked) => drop(self.unwritten.insert(stream)),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn open_streams(&mut self, connection: ConnectionId) -> Result<(), Box<dyn Error>> {
        let Unit::Stream(at_a_time) = self.unit else { return Ok(()) };
        while self.left > 0 && self.live < at_a_time {
            self.left -= 1;
            self.open(connection, true)?;
        }
        Ok(())
    }

    fn ready(&mut self, ready: Readiness) -> Result<(), Box<dyn Error>> {
        let Readiness::Stream { stream, readable, writable } = ready else { return Ok(()) };
        if writable && self.unwritten.remove(&stream) {
            self.begin(stream, self.unit != Unit::Trip)?;
        }
        if !readable {
            return Ok(());
        }
        match self.swarm.read(stream, &mut [0; 16])? {
            // The dialer has ended its side before, so that the stream is over now.
            0 if self.is_dialer() => {}
            0 => self.swarm.finish(stream)?,
            n if self.unit == Unit::Trip => {
                self.left = self.left.saturating_sub(usize::from(self.is_dialer()));
                match self.is_dialer() && self.left == 0 {
                    true => self.swarm.finish(stream)?,
                    false => _ = self.swarm.write(stream, &b"x"[..n])?,
                }
            }
            _ => {
                if self.swarm.read(stream, &mut [0; 16]) == Ok(0) {
                    self.swarm.finish(stream)?;
                }
            }
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args: VecDeque<String> = std::env::args().skip(1).collect();
    let mut next = || args.pop_front().ok_or("syscalls listen|dial WORK UNITS [ADDRESS]");
    let is_dialer = next()? == "dial";
    let (unit, left) = (Unit::parse(&next()?).ok_or("trip, stream-N or dial")?, next()?.parse()?);
    let address = if is_dialer { Some(next()?.parse()?) } else { None };

    let reactor = tcp::Reactor::new()?;
    let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
    let key = [1 + u8::from(is_dialer); 32];
    let identity = Keypair::ed25519_from_bytes(key)?;
    let swarm = Swarm::with_reactor(reactor, transport, &identity, key, Config::default())?;
    let mut side = Side { swarm, unit, left, live: 0, unwritten: BTreeSet::new(), address, is_over: false };
    if is_dialer {
        side.dial_next()?;
    } else {
        side.swarm.register_protocol(WORK);
        side.swarm.listen("/ip4/127.0.0.1/tcp/0".parse()?)?;
    }
    let began = Instant::now();
    while !side.is_over {
        side.swarm.wait(began.elapsed(), Some(Duration::from_secs(60)))?;
        side.swarm.tick(began.elapsed());
        loop {
            while let Some(event) = side.swarm.next_event() {
                side.event(event)?;
            }
            while let Some(ready) = side.swarm.next_ready() {
                side.ready(ready)?;
            }
            side.swarm.flush_all(began.elapsed());
            // What has been sent may have ended a stream, which needs no other turn to be told.
            if !side.swarm.has_pending() {
                break;
            }
        }
    }
    Ok(())
}
