//! [`World`]: many swarms on one simulated network, each with an owner of its own, who may stop, be killed and begin
//! anew, and whose clock may jump; with a [`Journal`] of what all of them are told. Owners drain by hand or drive an
//! audience, and give commands while they are told.

use super::super::pipe::Random;
use super::commands::{Reactions, TAGS, abort, begin, close_stream, dial, note, protocol};
use super::journal::{Journal, Life, Marks};
use super::network::Network;
use super::side::{Mode, Side};
use super::transport::{SimTransport, place};
use libp2p_core::Multiaddr;
use libp2p_core::multiaddr;
use libp2p_identity::Keypair;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, State, StreamId};
use swarm_notify::swarm::{Config, Swarm};

/// More turns than any scenario needs while time stands still and nothing arrives: beyond it, somebody spins.
const MOST_TURNS: usize = 100_000;

/// More deliveries than any scenario needs while time stands still, even of a whole pipe byte by byte: beyond it, two talk
/// without end.
const MOST_DELIVERIES: usize = 2_000_000;

const NAMES: [[&str; 8]; 3] = [
    ["a", "b", "c", "d", "e", "f", "g", "h"],
    ["a'", "b'", "c'", "d'", "e'", "f'", "g'", "h'"],
    ["a''", "b''", "c''", "d''", "e''", "f''", "g''", "h''"],
];

/// How often a host may begin anew.
pub(crate) const LIVES: usize = NAMES.len();

/// Swarms by host (1, 2, …), and all between them.
pub(crate) struct World<const EVENTS: usize> {
    pub(crate) network: Network,
    pub(crate) now: Duration,
    pub(crate) members: Vec<Member<EVENTS>>,
    pub(crate) journal: Rc<RefCell<Journal>>,
    config: Config,
    mode: Mode,
    /// Turns since something arrived.
    turns: usize,
    /// Deliveries since time went on.
    deliveries: usize,
    /// What holds for all pipes of a host.
    hosts: BTreeMap<u8, Marks>,
    /// What holds for all pipes.
    pub(crate) everywhere: Marks,
    /// Owners act while they are told of something, too.
    pub(crate) reacts: Rc<Cell<bool>>,
    /// Owners have notifees, of this seed.
    audience: Option<u64>,
}

/// One owner and its swarm.
pub(crate) struct Member<const EVENTS: usize> {
    pub(crate) host: u8,
    pub(crate) side: Side<SimTransport, EVENTS>,
    /// How far its clock is ahead.
    pub(crate) skew: Duration,
    /// Its process stands still.
    pub(crate) stopped: bool,
    /// Which of the journal's lives it is, and how many its host has had before.
    pub(crate) life: usize,
    pub(crate) lives: usize,
}

impl<const EVENTS: usize> World<EVENTS> {
    pub(crate) fn new(network: Network, hosts: usize, mode: Mode, config: Config, audience: Option<u64>) -> Self {
        let journal = Rc::default();
        let mut world = Self {
            network,
            now: Duration::ZERO,
            members: Vec::new(),
            journal,
            config,
            mode,
            turns: 0,
            deliveries: 0,
            hosts: BTreeMap::new(),
            everywhere: Marks::default(),
            reacts: Rc::default(),
            audience,
        };
        for host in 1..=hosts as u8 {
            let member = world.member(host, 0);
            world.members.push(member);
        }
        world
    }

    fn member(&mut self, host: u8, lives: usize) -> Member<EVENTS> {
        let name = NAMES[lives][usize::from(host) - 1];
        let (poller, transport) = (self.network.poller(host), SimTransport::new(&self.network, host));
        let identity = Keypair::ed25519_from_bytes([host; 32]).expect("32 bytes are a key");
        let seed = [host + 16 * lives as u8; 32];
        let config = self.config.clone();
        let mut side = Side::new(name, self.mode, poller, |reactor| {
            let swarm = Swarm::with_events(reactor, transport, &identity, seed, config);
            let mut swarm = swarm.expect("the key can sign");
            (0..TAGS).for_each(|tag| swarm.register_protocol(protocol(tag)));
            swarm
        });
        let life = self.journal.borrow().lives.len();
        self.journal.borrow_mut().lives.push(Life {
            name,
            host,
            killed: false,
            connections: Default::default(),
            streams: Default::default(),
        });
        side.note = Some(Box::new({
            let journal = self.journal.clone();
            move |swarm, event| note(&mut journal.borrow_mut().lives[life], swarm, event)
        }));
        let random = Random(u64::from(host) * 77 + lives as u64);
        let mut reactions =
            Reactions { random, host, life, network: self.network.clone(), journal: self.journal.clone() };
        let reacts = self.reacts.clone();
        side.react = Some(Box::new(move |swarm, checker, event| {
            if reacts.get() {
                reactions.react(swarm, checker, event);
            }
        }));
        if let Some(seed) = self.audience {
            side.invite(seed.wrapping_add(u64::from(host) * 101 + lives as u64));
        }
        Member { host, side, skew: Duration::ZERO, stopped: false, life, lives }
    }

    // Commands, noted in the journal.

    /// Dials a place, or the peer there and nobody else.
    pub(crate) fn dial(&mut self, member: usize, to: &Multiaddr, with_peer: bool) {
        let host = place(to).expect("a plain address").0;
        let mut address = to.clone();
        if with_peer {
            let identity = Keypair::ed25519_from_bytes([host; 32]).expect("32 bytes are a key");
            address.push(multiaddr::Protocol::P2p(identity.public().to_peer_id()));
        }
        let member = &mut self.members[member];
        let life = &mut self.journal.borrow_mut().lives[member.life];
        if let Some(id) = dial(life, &self.network, &mut member.side.swarm, host, address) {
            member.side.checker.begins(id.into(), None);
        }
    }

    /// Begins a stream; `unknown`: of another protocol, which nobody speaks.
    pub(crate) fn open(&mut self, member: usize, connection: ConnectionId, unknown: bool) {
        let member = &mut self.members[member];
        let life = &mut self.journal.borrow_mut().lives[member.life];
        if let Some(id) = begin(life, &mut member.side.swarm, connection, unknown) {
            member.side.checker.begins(id.into(), Some(connection));
        }
    }

    pub(crate) fn abort(&mut self, member: usize, connection: ConnectionId) {
        let member = &mut self.members[member];
        abort(&mut self.journal.borrow_mut().lives[member.life], &mut member.side.swarm, connection);
    }

    pub(crate) fn close_stream(&mut self, member: usize, stream: StreamId) {
        let member = &mut self.members[member];
        close_stream(&mut self.journal.borrow_mut().lives[member.life], &mut member.side.swarm, stream);
    }

    /// Kills an owner's process with all that it has, and lets its host begin anew.
    pub(crate) fn kill(&mut self, member: usize) {
        self.note_received(member);
        let (host, lives) = (self.members[member].host, self.members[member].lives + 1);
        self.journal.borrow_mut().lives[self.members[member].life].killed = true;
        let reborn = self.member(host, lives);
        // Dropped last: all its sockets close at once.
        let killed = std::mem::replace(&mut self.members[member], reborn);
        drop(killed);
    }

    /// Notes what was done to a pipe.
    pub(crate) fn mark(&self, pipe: usize, change: impl FnOnce(&mut Marks)) {
        change(self.journal.borrow_mut().marks.entry(pipe).or_default());
    }

    /// Everything at a host is held up for a while.
    pub(crate) fn late_host(&mut self, host: u8) {
        self.hosts.entry(host).or_default().late = true;
    }

    /// The system of a host fails.
    pub(crate) fn broken_host(&mut self, host: u8) {
        self.hosts.entry(host).or_default().broken = true;
    }

    /// An owner leaves its queue full.
    pub(crate) fn lazy_member(&mut self, member: usize) {
        self.hosts.entry(self.members[member].host).or_default().lazy = true;
    }

    /// Notes for each pipe what was done to its hosts, and to all.
    pub(crate) fn mark_all(&self) {
        for (pipe, hosts) in self.network.between().into_iter().enumerate() {
            for of in hosts.iter().filter_map(|host| self.hosts.get(host)).chain([&self.everywhere]) {
                self.mark(pipe, |marks| {
                    marks.broken |= of.broken;
                    marks.late |= of.late;
                    marks.lazy |= of.lazy;
                    marks.narrow |= of.narrow;
                });
            }
        }
    }

    // Time.

    /// Everything that can happen before `until` happens next. `false`: nothing can.
    fn step(&mut self, until: Option<Duration>) -> bool {
        let mut turned = false;
        for member in self.members.iter_mut().filter(|member| !member.stopped) {
            let clock = self.now + member.skew;
            if member.side.is_due(clock) {
                member.side.turn(clock);
                self.turns += 1;
                turned = true;
            }
        }
        assert!(self.turns < MOST_TURNS, "somebody spins");
        if turned {
            return true;
        }
        if self.network.deliver(self.now) {
            self.turns = 0;
            self.deliveries += 1;
            assert!(self.deliveries < MOST_DELIVERIES, "somebody talks without end");
            self.members.iter_mut().for_each(|member| member.side.something_happened());
            return true;
        }
        let arrival = self.network.next_arrival();
        let running = self.members.iter().filter(|member| !member.stopped);
        let deadlines =
            running.filter_map(|member| Some(member.side.swarm.next_deadline()?.saturating_sub(member.skew))).min();
        let next = deadlines.into_iter().chain(arrival).min();
        match (next, until, arrival) {
            (Some(next), Some(until), _) if next <= until => self.now = self.now.max(next),
            (Some(next), None, Some(_)) => self.now = self.now.max(next),
            _ => return false,
        }
        self.network.advance_to(self.now);
        (self.turns, self.deliveries) = (0, 0);
        true
    }

    /// Lets time pass, and everything happen in it.
    pub(crate) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(Some(until)) {}
        self.now = until;
        self.network.advance_to(until);
        self.members.iter_mut().for_each(|member| member.side.something_happened());
    }

    /// Lets everything happen until something is so, which is to be the case in so long.
    #[track_caller]
    pub(crate) fn run_until(&mut self, time: Duration, awaited: impl Fn(&Self) -> bool) {
        let until = self.now + time;
        while !awaited(self) {
            assert!(self.step(Some(until)), "it is not over at {:?}", self.now);
        }
    }

    // Checks.

    /// What an observer that comes late would be told is what was told and is not over.
    #[track_caller]
    pub(crate) fn assert_openings(&self, member: usize) {
        let side = &self.members[member].side;
        let openings: BTreeSet<_> = side.swarm.openings().into_iter().map(|event| event.id()).collect();
        assert_eq!(openings, side.checker.open(), "{}: what is open, and what was told to be", side.name);
    }

    /// Notes what a member has received, and which pipes its dials came to.
    pub(crate) fn note_received(&self, member: usize) {
        let member = &self.members[member];
        let life = &mut self.journal.borrow_mut().lives[member.life];
        for (id, stream) in &mut life.streams {
            stream.received = member.side.received(*id).to_vec();
        }
        for connection in life.connections.values_mut() {
            connection.pipe = connection.pipe.or_else(|| self.network.pipe_of(connection.dial?));
        }
    }

    /// The pipes on which one side may know what the other does not know yet: something is under way, or a side is about
    /// to end its connection.
    pub(crate) fn busy_pipes(&self) -> BTreeSet<usize> {
        let mut busy = self.network.busy();
        let journal = self.journal.borrow();
        for member in &self.members {
            let swarm = &member.side.swarm;
            let leaving = swarm.connections().filter(|id| swarm.connection(*id).unwrap().state == State::Leaving);
            let known = &journal.lives[member.life].connections;
            busy.extend(leaving.filter_map(|id| known.get(&id)?.pipe));
        }
        busy
    }

    /// The logs of those that live.
    pub(crate) fn logs(&self) -> String {
        self.members.iter().map(|member| member.side.whole_log()).collect()
    }

    /// Nothing is left of anybody.
    #[track_caller]
    pub(crate) fn assert_no_leaks(&mut self) {
        self.members.iter_mut().for_each(|member| member.side.assert_no_leaks());
        assert!(self.network.is_empty(), "a socket is left open");
    }
}

impl<const EVENTS: usize> Drop for World<EVENTS> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.members.iter().for_each(|member| eprint!("{}", member.side.whole_log()));
        }
    }
}
