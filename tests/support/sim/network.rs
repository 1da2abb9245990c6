//! [`Network`]: pipes, ports and what is in flight, in virtual time.

use super::super::pipe::Random;
use super::knobs::Knobs;
use super::pipes::{End, ends};
use super::reactor::{Poller, Signal};
use libp2p_core::Multiaddr;
use libp2p_core::transport::ListenerId;
use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// Where something listens: a host and its port.
pub(crate) type Place = (u8, u16);

/// How what is written arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cut {
    /// Each write as one piece.
    Whole,
    /// Each byte by itself.
    One,
    /// In pieces of random lengths.
    Random,
}

/// The port that the first pipe comes from; each pipe has one of its own.
pub(super) const FIRST_PORT: u16 = 50_000;

/// The world between hosts. Clones are handles onto the same one.
#[derive(Clone)]
pub(crate) struct Network(Rc<RefCell<State>>);

pub(super) struct State {
    pub(super) now: Duration,
    /// How long a piece is under way.
    pub(super) latency: Duration,
    /// How much longer it may be at random.
    pub(super) jitter: Duration,
    /// How many bytes of one direction arrive in a second at most.
    pub(super) bandwidth: Option<u32>,
    /// How far apart two pieces of one direction arrive at least.
    pub(super) spacing: Duration,
    pub(super) cut: Cut,
    /// How many bytes of one direction may wait to be read.
    pub(super) capacity: usize,
    /// Listeners are told to be closed only a latency after they were removed.
    pub(super) closes_late: bool,
    /// The addresses that hosts seem to have where they dial.
    pub(super) seen_as: BTreeMap<u8, IpAddr>,
    /// Listeners do not say their first address by themselves.
    pub(super) binds_late: bool,
    /// Where listening fails, after it has begun.
    pub(super) broken: BTreeMap<Place, io::ErrorKind>,
    /// Where dials get no answer.
    pub(super) silent: BTreeSet<Place>,
    /// Hosts between which nothing gets through for now, and what waits for that to be over.
    pub(super) partitions: BTreeSet<(u8, u8)>,
    held: Vec<Flight>,
    /// What hosts have run out of.
    pub(super) exhausted: BTreeMap<u8, Exhausted>,
    pub(super) random: Random,
    flown: u64,
    flights: BTreeMap<(Duration, u64), Flight>,
    pub(super) hosts: BTreeMap<u8, Host>,
    pub(super) listeners: BTreeMap<Place, Listener>,
    pub(super) pipes: Vec<[End; 2]>,
    /// The hosts at the ends of each pipe.
    pub(super) between: Vec<[u8; 2]>,
    pub(super) dials: Vec<Dial>,
    /// Pipes that came in where a test listens itself.
    pub(super) raw: VecDeque<usize>,
    next_port: u16,
    /// The pollers of the hosts that have one.
    pub(super) pollers: BTreeMap<u8, Poller>,
}

/// What a host can run out of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exhausted {
    /// No dial begins, and what comes in cannot be accepted, which its listener is told of.
    Descriptors,
    /// What was dialed and what came in breaks off.
    Memory,
}

/// What arrives somewhere after a while.
pub(super) enum Flight {
    Bytes {
        pipe: usize,
        to: usize,
        bytes: Vec<u8>,
    },
    /// The other side says no more; `gone`: it does not listen either.
    End {
        pipe: usize,
        to: usize,
        gone: bool,
    },
    /// A dial reaches the host that it is for.
    Syn {
        dial: usize,
    },
    /// Its answer comes back.
    Answer {
        dial: usize,
    },
    Closed {
        host: u8,
        id: ListenerId,
    },
}

/// What one transport has to say.
#[derive(Default)]
pub(super) struct Host {
    pub(super) events: VecDeque<Said>,
    pub(super) signal: Signal,
    /// How many events were taken.
    pub(super) taken: u64,
}

pub(super) enum Said {
    Address(ListenerId, Multiaddr),
    Expired(ListenerId, Multiaddr),
    Incoming { id: ListenerId, pipe: usize, local: Place, remote: Place, upgrade: Result<(), io::ErrorKind> },
    Closed(ListenerId, Result<(), io::ErrorKind>),
    Error(ListenerId, io::ErrorKind),
}

/// Who listens somewhere: a transport, or (without an id) the test itself.
pub(super) struct Listener {
    pub(super) id: Option<ListenerId>,
}

#[derive(Default)]
pub(super) struct Dial {
    pub(super) from: u8,
    pub(super) to: Place,
    pub(super) result: Option<Result<usize, io::ErrorKind>>,
    answer: Option<Result<usize, io::ErrorKind>>,
    /// The pipe that came of it, on the other side at least.
    pub(super) pipe: Option<usize>,
    pub(super) signal: Signal,
    pub(super) cancelled: bool,
}

impl Network {
    pub(crate) fn new(cut: Cut, seed: u64) -> Self {
        Self(Rc::new(RefCell::new(State {
            now: Duration::ZERO,
            latency: Duration::from_millis(10),
            jitter: Duration::ZERO,
            bandwidth: None,
            spacing: Duration::ZERO,
            cut,
            capacity: 256 * 1024,
            closes_late: false,
            seen_as: BTreeMap::new(),
            binds_late: false,
            broken: BTreeMap::new(),
            silent: BTreeSet::new(),
            partitions: BTreeSet::new(),
            held: Vec::new(),
            exhausted: BTreeMap::new(),
            random: Random(seed),
            flown: 0,
            flights: BTreeMap::new(),
            hosts: BTreeMap::new(),
            listeners: BTreeMap::new(),
            pipes: Vec::new(),
            between: Vec::new(),
            dials: Vec::new(),
            raw: VecDeque::new(),
            next_port: 1000,
            pollers: BTreeMap::new(),
        })))
    }

    /// The poller of a host, whose sockets wait for it from now on.
    pub(crate) fn poller(&self, host: u8) -> Poller {
        let mut state = self.state();
        let poller = Poller::default();
        state.hosts.entry(host).or_default().signal.attach(Some(poller.clone()));
        state.pollers.insert(host, poller.clone());
        poller
    }

    pub(super) fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    /// Changes a knob.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Knobs<'_>)) {
        change(&mut Knobs::of(&mut self.state()));
    }

    /// Time goes on.
    pub(crate) fn advance_to(&self, now: Duration) {
        self.state().now = now;
    }

    /// When the next thing arrives.
    pub(crate) fn next_arrival(&self) -> Option<Duration> {
        self.state().flights.keys().next().map(|(at, _)| *at)
    }

    /// Lets the next thing arrive, if it does by `now`.
    pub(crate) fn deliver(&self, now: Duration) -> bool {
        let mut state = self.state();
        let Some(entry) = state.flights.first_entry().filter(|entry| entry.key().0 <= now) else { return false };
        let flight = entry.remove();
        state.arrive(flight);
        true
    }

    /// How many pipes there have been.
    pub(crate) fn pipes(&self) -> usize {
        self.state().pipes.len()
    }

    /// The hosts at the ends of each pipe, the dialer's first.
    pub(crate) fn between(&self) -> Vec<[u8; 2]> {
        self.state().between.clone()
    }

    /// How many dials there have been.
    pub(crate) fn dials(&self) -> usize {
        self.state().dials.len()
    }

    /// The pipe that came of a dial, if one did.
    pub(crate) fn pipe_of(&self, dial: usize) -> Option<usize> {
        self.state().dials[dial].pipe
    }

    /// How often an end of a pipe was read from or written to.
    pub(crate) fn calls(&self, pipe: usize, end: usize) -> u64 {
        self.state().pipes[pipe][end].calls
    }

    /// How often an end of a pipe was read from, with success.
    pub(crate) fn reads(&self, pipe: usize, end: usize) -> u64 {
        self.state().pipes[pipe][end].reads
    }

    /// How many units of work the sockets of a host have seen: reads and writes with success, and what its transport
    /// had to say.
    pub(crate) fn work(&self, host: u8) -> u64 {
        let state = self.state();
        let ends = state.between.iter().zip(&state.pipes).flat_map(|(hosts, ends)| hosts.iter().zip(ends));
        let own = ends.filter(|(of, _)| **of == host).map(|(_, end)| end.reads + end.writes).sum::<u64>();
        own + state.hosts.get(&host).map_or(0, |host| host.taken)
    }

    /// The pipes through which something is under way.
    pub(crate) fn busy(&self) -> BTreeSet<usize> {
        let of = |flight: &Flight| match flight {
            Flight::Bytes { pipe, .. } | Flight::End { pipe, .. } => Some(*pipe),
            Flight::Syn { .. } | Flight::Answer { .. } | Flight::Closed { .. } => None,
        };
        self.state().flights.values().filter_map(of).collect()
    }

    /// Whether one end has said that it will write no more.
    pub(crate) fn has_ended(&self, pipe: usize, end: usize) -> bool {
        self.state().pipes[pipe][end].closed
    }

    /// How many bytes have arrived at an end.
    pub(crate) fn arrived(&self, pipe: usize, end: usize) -> u64 {
        self.state().pipes[pipe][end].arrived
    }

    /// How many bytes were sent from an end.
    pub(crate) fn sent(&self, pipe: usize, end: usize) -> u64 {
        self.state().pipes[pipe][end].sent
    }

    /// Whether every socket is closed.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.state();
        state.listeners.is_empty() && state.pipes.iter().flatten().all(|end| end.dropped)
    }
}

impl State {
    /// How long the next piece is under way.
    pub(super) fn latency(&mut self) -> Duration {
        let jitter = self.jitter.as_micros() as usize;
        let more = if jitter == 0 { 0 } else { self.random.below(jitter) };
        self.latency + Duration::from_micros(more as u64)
    }

    /// Whether a flight has to wait until the network is whole again.
    fn is_held(&self, flight: &Flight) -> bool {
        let hosts = match flight {
            Flight::Bytes { pipe, .. } | Flight::End { pipe, .. } => self.between[*pipe],
            Flight::Syn { dial } | Flight::Answer { dial } => [self.dials[*dial].from, self.dials[*dial].to.0],
            Flight::Closed { .. } => return false,
        };
        self.partitions.contains(&(hosts[0].min(hosts[1]), hosts[0].max(hosts[1])))
    }

    /// The network is whole again: what was held arrives.
    pub(super) fn heal(&mut self) {
        self.partitions.clear();
        for flight in std::mem::take(&mut self.held) {
            self.arrive(flight);
        }
    }

    pub(super) fn fly(&mut self, at: Duration, flight: Flight) {
        self.flown += 1;
        self.flights.insert((at, self.flown), flight);
    }

    pub(super) fn say(&mut self, host: u8, said: Said) {
        let host = self.hosts.entry(host).or_default();
        host.events.push_back(said);
        host.signal.happens();
    }

    /// A transport says what its own call has come to: no poller has to name that.
    pub(super) fn answer(&mut self, host: u8, said: Said) {
        let host = self.hosts.entry(host).or_default();
        host.events.push_back(said);
        host.signal.name();
    }

    fn arrive(&mut self, flight: Flight) {
        if self.is_held(&flight) {
            return self.held.push(flight);
        }
        match flight {
            Flight::Bytes { pipe, to, mut bytes } => {
                let [from, to] = ends(&mut self.pipes[pipe], to);
                if to.dropped || from.lost || to.error.is_some() {
                    from.queued -= bytes.len();
                    // There is room again, although nobody has read.
                    from.writer.happens();
                    return;
                }
                let flips = to.flips.and_then(|at| usize::try_from(at.checked_sub(to.arrived)?).ok());
                if let Some(byte) = flips.and_then(|at| bytes.get_mut(at)) {
                    *byte ^= 1;
                }
                to.arrived += bytes.len() as u64;
                to.inbox.extend(bytes);
                to.reader.happens();
                if to.resets.is_some_and(|at| at <= to.arrived) {
                    self.reset(pipe);
                }
            }
            Flight::End { pipe, to, gone } => {
                let [from, to] = ends(&mut self.pipes[pipe], to);
                if !from.lost {
                    to.eof = true;
                    to.peer_gone |= gone;
                    to.reader.happens();
                    to.writer.happens();
                }
            }
            Flight::Syn { dial } => {
                let (from, to) = (self.dials[dial].from, self.dials[dial].to);
                if self.silent.contains(&to) {
                    return;
                }
                let answer = match self.listeners.get(&to).map(|listener| listener.id) {
                    None => Err(io::ErrorKind::ConnectionRefused),
                    Some(id) => {
                        let pipe = self.pipes.len();
                        self.pipes.push(Default::default());
                        let pollers = [self.dials[dial].signal.poller(), id.and(self.pollers.get(&to.0).cloned())];
                        for (end, poller) in self.pipes[pipe].iter().zip(pollers) {
                            end.attach(poller);
                        }
                        self.between.push([from, to.0]);
                        self.dials[dial].pipe = Some(pipe);
                        match id {
                            Some(id) => self.comes_in(id, pipe, from, to),
                            None => self.raw.push_back(pipe),
                        }
                        Ok(pipe)
                    }
                };
                self.dials[dial].answer = Some(answer);
                let latency = self.latency();
                self.fly(self.now + latency, Flight::Answer { dial });
            }
            Flight::Answer { dial } => {
                let answer = self.dials[dial].answer.take();
                match (self.dials[dial].cancelled, answer) {
                    (true, Some(Ok(pipe))) => self.drop_end(pipe, 0),
                    (_, answer) => self.dials[dial].result = answer,
                }
                self.dials[dial].signal.happens();
            }
            Flight::Closed { host, id } => self.say(host, Said::Closed(id, Ok(()))),
        }
    }

    /// A pipe comes in where a transport listens.
    fn comes_in(&mut self, id: ListenerId, pipe: usize, from: u8, local: Place) {
        let upgrade = match self.exhausted.get(&local.0) {
            None => Ok(()),
            Some(Exhausted::Memory) => Err(io::ErrorKind::OutOfMemory),
            Some(Exhausted::Descriptors) => {
                self.say(local.0, Said::Error(id, io::ErrorKind::OutOfMemory));
                return self.drop_end(pipe, 1);
            }
        };
        let remote = (from, FIRST_PORT + pipe as u16);
        self.say(local.0, Said::Incoming { id, pipe, local, remote, upgrade });
    }

    pub(super) fn dial(&mut self, from: u8, to: Place) -> usize {
        let dial = self.dials.len();
        self.dials.push(Dial { from, to, ..Dial::default() });
        let latency = self.latency();
        self.fly(self.now + latency, Flight::Syn { dial });
        dial
    }

    /// A port for a listener: the one it wants, or a free one.
    pub(super) fn bind(&mut self, host: u8, port: u16, id: ListenerId) -> Option<Place> {
        let port = if port == 0 { self.next_port } else { port };
        if self.listeners.contains_key(&(host, port)) {
            return None;
        }
        self.next_port = self.next_port.max(port + 1);
        self.listeners.insert((host, port), Listener { id: Some(id) });
        Some((host, port))
    }

    /// A listener ends, and with it what came in and was not taken.
    pub(super) fn unbind(&mut self, host: u8, id: ListenerId) -> bool {
        let Some(place) = self.listeners.iter().find(|(_, l)| l.id == Some(id)).map(|(place, _)| *place) else {
            return false;
        };
        self.listeners.remove(&place);
        let (gone, kept) = std::mem::take(&mut self.hosts.entry(host).or_default().events)
            .into_iter()
            .partition::<VecDeque<_>, _>(|said| matches!(said, Said::Incoming { id: of, .. } if *of == id));
        self.hosts.entry(host).or_default().events = kept;
        for said in gone {
            if let Said::Incoming { pipe, .. } = said {
                self.drop_end(pipe, 1);
            }
        }
        match self.closes_late {
            true => self.fly(self.now + self.latency, Flight::Closed { host, id }),
            false => self.answer(host, Said::Closed(id, Ok(()))),
        }
        true
    }

    /// A host's transport is gone, with all that listened there and what came in and was not taken.
    pub(super) fn forget(&mut self, host: u8) {
        self.listeners.retain(|place, listener| place.0 != host || listener.id.is_none());
        for said in self.hosts.remove(&host).unwrap_or_default().events {
            if let Said::Incoming { pipe, .. } = said {
                self.drop_end(pipe, 1);
            }
        }
    }
}
