//! [`Network`]: pipes, ports and what is in flight, in virtual time.

use super::knobs::Knobs;
use crate::pipe::Random;
use libp2p_core::Multiaddr;
use libp2p_core::transport::ListenerId;
use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::rc::Rc;
use std::task::Waker;
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

/// The world between two hosts. Clones are handles onto the same one.
#[derive(Clone)]
pub(crate) struct Network(Rc<RefCell<State>>);

pub(super) struct State {
    pub(super) now: Duration,
    /// How long a piece is under way.
    pub(super) latency: Duration,
    /// How far apart two pieces of one direction arrive at least.
    pub(super) spacing: Duration,
    pub(super) cut: Cut,
    /// How many bytes of one direction may wait to be read.
    pub(super) capacity: usize,
    /// Listeners are told to be closed only a latency after they were removed.
    pub(super) closes_late: bool,
    /// Where listening fails, after it has begun.
    pub(super) broken: BTreeMap<Place, io::ErrorKind>,
    /// Where dials get no answer.
    pub(super) silent: BTreeSet<Place>,
    random: Random,
    flown: u64,
    flights: BTreeMap<(Duration, u64), Flight>,
    pub(super) hosts: BTreeMap<u8, Host>,
    pub(super) listeners: BTreeMap<Place, Listener>,
    pub(super) pipes: Vec<[End; 2]>,
    pub(super) dials: Vec<Dial>,
    /// Pipes that came in where a test listens itself.
    pub(super) raw: VecDeque<usize>,
    next_port: u16,
}

/// What arrives somewhere after a while.
enum Flight {
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
    pub(super) waker: Option<Waker>,
}

pub(super) enum Said {
    Address(ListenerId, Multiaddr),
    Expired(ListenerId, Multiaddr),
    Incoming { id: ListenerId, pipe: usize, local: Place, remote: Place },
    Closed(ListenerId, Result<(), io::ErrorKind>),
    Error(ListenerId, io::ErrorKind),
}

/// Who listens somewhere: a transport, or (without an id) the test itself.
pub(super) struct Listener {
    pub(super) id: Option<ListenerId>,
}

/// One end of a pipe; the dialer's is 0.
#[derive(Default)]
pub(super) struct End {
    pub(super) inbox: VecDeque<u8>,
    /// How many of the bytes written here have not been read there.
    queued: usize,
    /// When the last piece that was sent from here arrives.
    last_arrival: Duration,
    eof: bool,
    pub(super) error: Option<io::ErrorKind>,
    peer_gone: bool,
    closed: bool,
    dropped: bool,
    pub(super) stalled: bool,
    /// What is sent from here never arrives.
    pub(super) lost: bool,
    /// How many bytes have arrived here, and which of them is to be flipped.
    arrived: u64,
    pub(super) flips: Option<u64>,
    /// How many bytes were written here.
    sent: u64,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// How often it was read from or written to.
    pub(super) calls: u64,
}

#[derive(Default)]
pub(super) struct Dial {
    pub(super) from: u8,
    pub(super) to: Place,
    pub(super) result: Option<Result<usize, io::ErrorKind>>,
    answer: Option<Result<usize, io::ErrorKind>>,
    pub(super) waker: Option<Waker>,
    pub(super) cancelled: bool,
}

pub(super) fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl Network {
    pub(crate) fn new(cut: Cut, seed: u64) -> Self {
        Self(Rc::new(RefCell::new(State {
            now: Duration::ZERO,
            latency: Duration::from_millis(10),
            spacing: Duration::ZERO,
            cut,
            capacity: 256 * 1024,
            closes_late: false,
            broken: BTreeMap::new(),
            silent: BTreeSet::new(),
            random: Random(seed),
            flown: 0,
            flights: BTreeMap::new(),
            hosts: BTreeMap::new(),
            listeners: BTreeMap::new(),
            pipes: Vec::new(),
            dials: Vec::new(),
            raw: VecDeque::new(),
            next_port: 1000,
        })))
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

    /// How often an end of a pipe was read from or written to.
    pub(crate) fn calls(&self, pipe: usize, end: usize) -> u64 {
        self.state().pipes[pipe][end].calls
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
    fn fly(&mut self, at: Duration, flight: Flight) {
        self.flown += 1;
        self.flights.insert((at, self.flown), flight);
    }

    pub(super) fn say(&mut self, host: u8, said: Said) {
        let host = self.hosts.entry(host).or_default();
        host.events.push_back(said);
        wake(&mut host.waker);
    }

    fn arrive(&mut self, flight: Flight) {
        match flight {
            Flight::Bytes { pipe, to, mut bytes } => {
                let [from, to] = ends(&mut self.pipes[pipe], to);
                if to.dropped || from.lost || to.error.is_some() {
                    from.queued -= bytes.len();
                    return;
                }
                let flips = to.flips.and_then(|at| usize::try_from(at.checked_sub(to.arrived)?).ok());
                if let Some(byte) = flips.and_then(|at| bytes.get_mut(at)) {
                    *byte ^= 1;
                }
                to.arrived += bytes.len() as u64;
                to.inbox.extend(bytes);
                wake(&mut to.reader);
            }
            Flight::End { pipe, to, gone } => {
                let [from, to] = ends(&mut self.pipes[pipe], to);
                if !from.lost {
                    to.eof = true;
                    to.peer_gone |= gone;
                    wake(&mut to.reader);
                    wake(&mut to.writer);
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
                        match id {
                            Some(id) => {
                                let remote = (from, 50_000 + pipe as u16);
                                self.say(to.0, Said::Incoming { id, pipe, local: to, remote });
                            }
                            None => self.raw.push_back(pipe),
                        }
                        Ok(pipe)
                    }
                };
                self.dials[dial].answer = Some(answer);
                self.fly(self.now + self.latency, Flight::Answer { dial });
            }
            Flight::Answer { dial } => {
                let answer = self.dials[dial].answer.take();
                match (self.dials[dial].cancelled, answer) {
                    (true, Some(Ok(pipe))) => self.drop_end(pipe, 0),
                    (_, answer) => self.dials[dial].result = answer,
                }
                wake(&mut self.dials[dial].waker);
            }
            Flight::Closed { host, id } => self.say(host, Said::Closed(id, Ok(()))),
        }
    }

    pub(super) fn dial(&mut self, from: u8, to: Place) -> usize {
        let dial = self.dials.len();
        self.dials.push(Dial { from, to, ..Dial::default() });
        self.fly(self.now + self.latency, Flight::Syn { dial });
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
            false => self.say(host, Said::Closed(id, Ok(()))),
        }
        true
    }

    /// Writes as much as fits; `None` while nothing does.
    pub(super) fn write(&mut self, pipe: usize, end: usize, bytes: &[u8], waker: &Waker) -> Option<io::Result<usize>> {
        let capacity = self.capacity;
        let from = &mut self.pipes[pipe][end];
        from.calls += 1;
        if let Some(kind) = from.error {
            return Some(Err(kind.into()));
        }
        if from.peer_gone || from.closed {
            return Some(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let n = bytes.len().min(capacity.saturating_sub(from.queued));
        if from.stalled || n == 0 {
            from.writer = Some(waker.clone());
            return None;
        }
        from.sent += n as u64;
        if from.lost {
            return Some(Ok(n));
        }
        from.queued += n;
        let mut rest = bytes[..n].to_vec();
        while !rest.is_empty() {
            let piece = match self.cut {
                Cut::Whole => std::mem::take(&mut rest),
                Cut::One => rest.drain(..1).collect(),
                Cut::Random => self.random.cut(&mut rest),
            };
            let at = self.next_slot(pipe, end);
            self.fly(at, Flight::Bytes { pipe, to: 1 - end, bytes: piece });
        }
        Some(Ok(n))
    }

    /// When the next piece from an end can arrive.
    fn next_slot(&mut self, pipe: usize, end: usize) -> Duration {
        let from = &mut self.pipes[pipe][end];
        let at = (self.now + self.latency).max(from.last_arrival + self.spacing);
        from.last_arrival = at;
        at
    }

    /// Reads what there is; `None` while there is nothing.
    pub(super) fn read(
        &mut self,
        pipe: usize,
        end: usize,
        buffer: &mut [u8],
        waker: &Waker,
    ) -> Option<io::Result<usize>> {
        let [from, to] = ends(&mut self.pipes[pipe], end);
        to.calls += 1;
        if let Some(kind) = to.error {
            return Some(Err(kind.into()));
        }
        if to.inbox.is_empty() && !to.eof {
            to.reader = Some(waker.clone());
            return None;
        }
        let n = io::Read::read(&mut to.inbox, buffer).expect("memory can be read");
        from.queued -= n;
        wake(&mut from.writer);
        Some(Ok(n))
    }

    /// Ends one direction.
    pub(super) fn close_end(&mut self, pipe: usize, end: usize) {
        if !std::mem::replace(&mut self.pipes[pipe][end].closed, true) {
            let at = self.next_slot(pipe, end);
            self.fly(at, Flight::End { pipe, to: 1 - end, gone: false });
        }
    }

    /// Closes an end's socket.
    pub(super) fn drop_end(&mut self, pipe: usize, end: usize) {
        if !std::mem::replace(&mut self.pipes[pipe][end].dropped, true) {
            let at = self.next_slot(pipe, end);
            self.fly(at, Flight::End { pipe, to: 1 - end, gone: true });
        }
    }
}

/// The sending and the receiving end of one direction.
fn ends(pipe: &mut [End; 2], to: usize) -> [&mut End; 2] {
    let [dialer, listener] = pipe;
    if to == 0 { [listener, dialer] } else { [dialer, listener] }
}
