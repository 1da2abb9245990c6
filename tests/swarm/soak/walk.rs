//! The walk of one seed: owners who do anything, a network that does anything to them, and the checks.

use crate::soak::{millis, secs};
use crate::support::audience::Seen;
use crate::support::pipe::Random;
use crate::support::sim::{
    Attackers, Cut, Exhausted, Form, Journal, LIVES, Mode, Network, Rogues, Told, World, address, content,
};
use libp2p_core::Multiaddr;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::AddAssign;
use swarm_notify::lifecycle::{ConnectionId, State, StreamId};
use swarm_notify::swarm::Config;

/// Where there is no swarm.
const ROGUES: u8 = 200;

/// Where those are who attack: in half of the runs, which makes them a tenth of all nodes.
const ATTACKERS: u8 = 201;

/// How many things happen in one run.
const ACTS: usize = 1_000;

/// What a run came to.
pub(crate) struct Ran {
    pub(crate) sum: Sum,
    pub(crate) excuses: BTreeMap<crate::support::sim::Excuse, usize>,
    logs: String,
}

/// How much there was of it.
#[derive(Default, Clone, Copy, Debug)]
pub(crate) struct Sum {
    pub(crate) connections: usize,
    pub(crate) failed_connections: usize,
    pub(crate) streams: usize,
    pub(crate) failed_streams: usize,
    pub(crate) bytes: usize,
    pub(crate) killed: usize,
    /// Frames of attackers, and the connections of theirs that were open.
    pub(crate) attacks: usize,
    pub(crate) attackers: usize,
    pub(crate) seen: Seen,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, more: Self) {
        self.connections += more.connections;
        self.failed_connections += more.failed_connections;
        self.streams += more.streams;
        self.failed_streams += more.failed_streams;
        self.bytes += more.bytes;
        self.killed += more.killed;
        self.attacks += more.attacks;
        self.attackers += more.attackers;
        self.seen += more.seen;
    }
}

impl Sum {
    fn of(journal: &Journal, attacks: usize, seen: Seen) -> Self {
        let connections = || journal.lives.iter().flat_map(|life| life.connections.values());
        let streams = || journal.lives.iter().flat_map(|life| life.streams.values());
        Self {
            connections: connections().filter(|c| c.told.has_opened()).count(),
            failed_connections: connections().filter(|c| matches!(c.told, Told::Failed(_))).count(),
            streams: streams().filter(|s| s.told.has_opened()).count(),
            failed_streams: streams().filter(|s| matches!(s.told, Told::Failed(_))).count(),
            bytes: streams().map(|s| s.received.len()).sum(),
            killed: journal.lives.iter().filter(|life| life.killed).count(),
            attacks,
            attackers: connections().filter(|c| c.is_of(&journal.attacked) && c.told.has_opened()).count(),
            seen,
        }
    }

    /// Nothing is missing that the checks are about.
    pub(crate) fn is_rich(&self) -> bool {
        self.connections > 200
            && self.failed_connections > 100
            && self.streams > 1_000
            && self.failed_streams > 100
            && self.bytes > 100_000
            && self.killed > 10
            && self.attacks > 5_000
            && self.attackers > 20
            && self.seen.is_rich()
    }
}

pub(crate) fn run<const EVENTS: usize>(seed: u64) -> Ran {
    Walk::<EVENTS>::new(seed).run()
}

/// All that is told in a run.
pub(crate) fn logs(seed: u64) -> String {
    run::<3>(seed).logs
}

struct Walk<const EVENTS: usize> {
    random: Random,
    world: World<EVENTS>,
    rogues: Rogues,
    attackers: Option<Attackers>,
    places: Vec<Multiaddr>,
    /// How likely faults are, in twentieths.
    faults: usize,
}

fn pick<T: Copy>(random: &mut Random, all: &[T]) -> Option<T> {
    (!all.is_empty()).then(|| all[random.below(all.len())])
}

impl<const EVENTS: usize> Walk<EVENTS> {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let hosts = 2 + random.below(6);
        let cut = [Cut::Whole, Cut::Whole, Cut::Random, Cut::One][random.below(4)];
        let mode = [Mode::Sleep, Mode::Turns(random.below(4)), Mode::Tick][random.below(3)];
        let network = Network::new(cut, seed);
        let config = config(&mut random);
        let (mut is_slow, mut is_narrow) = (false, false);
        network.set(|knobs| {
            knobs.latency([millis(1), millis(10), millis(150)][random.below(3)]);
            knobs.jitter([millis(0), millis(5), millis(200)][random.below(3)]);
            if random.below(6) == 0 {
                knobs.bandwidth(Some([2_000, 100_000][random.below(2)]));
                is_slow = true;
            }
            if random.below(4) == 0 {
                knobs.capacity([200, 2_000][random.below(2)]);
                is_narrow = true;
            }
            if random.below(2) == 0 {
                knobs.closes_late();
            }
        });
        let reacts = random.below(2) == 0;
        // Some owners drain by hand, and have no notifees.
        let audience = (random.below(8) > 0).then_some(seed);
        let rogues = Rogues::new(&network, ROGUES);
        let attackers = (random.below(2) == 0).then(|| Attackers::new(&network, ATTACKERS, "/stream/0"));
        let mut world = World::new(network, hosts, mode, config, audience);
        world.reacts.set(reacts);
        (world.everywhere.late, world.everywhere.narrow) = (is_slow, is_narrow);
        let faults = [0, 1, 3][random.below(3)];
        let places = (1..=hosts as u8).flat_map(|host| [address((host, 1)), address((host, 2))]).collect();
        Self { random, world, rogues, attackers, places, faults }
    }

    fn run(mut self) -> Ran {
        for member in 0..self.world.members.len() {
            self.listen(member, 0);
        }
        for _ in 0..ACTS {
            match self.random.below(20) {
                n if n < self.faults => self.fault(),
                0..=12 => self.act(),
                13 => self.rogue(),
                14 => self.attack(),
                15 if self.random.below(2) == 0 => {
                    let member = self.random.below(self.world.members.len());
                    self.world.assert_openings(member);
                }
                _ => {
                    let time = [0, 1, 1, 5, 5, 20, 20, 20, 50, 50, 300, 300, 300, 1_000, 9_000];
                    self.world.wait(millis(time[self.random.below(time.len())]));
                }
            }
        }
        self.calm();
        self.end()
    }

    fn listen(&mut self, member: usize, port: usize) {
        let member = &mut self.world.members[member];
        let address = &self.places[2 * (usize::from(member.host) - 1) + port];
        if let Ok(id) = member.side.swarm.listen(address.clone()) {
            member.side.checker.begins(id.into(), None);
        }
    }

    /// Some owner does something.
    fn act(&mut self) {
        let random = &mut self.random;
        let at = random.below(self.world.members.len());
        let member = &mut self.world.members[at];
        if member.stopped {
            return;
        }
        let connections: Vec<ConnectionId> = member.side.swarm.connections().collect();
        let streams: Vec<StreamId> = connections.iter().flat_map(|id| member.side.swarm.streams_of(*id)).collect();
        let (connection, stream) = (pick(random, &connections), pick(random, &streams));
        let side = &mut member.side;
        match random.below(50) {
            0..=1 => {
                let port = random.below(2);
                self.listen(at, port);
            }
            2..=6 => {
                // Mostly where somebody listens from the start.
                let mut at_place = random.below(self.places.len());
                if random.below(5) > 0 {
                    at_place &= !1;
                }
                let to = self.places[at_place].clone();
                let with_peer = random.below(3) == 0;
                self.world.dial(at, &to, with_peer);
            }
            7 => {
                let to = self.rogues.address();
                self.world.dial(at, &to, false);
            }
            8..=18 => {
                let unknown = random.below(5) == 0;
                if let Some(connection) = connection {
                    self.world.open(at, connection, unknown);
                }
            }
            19..=28 => {
                let len = [1, 40, 3_000][random.below(3)];
                if let Some(id) = stream {
                    self.write(at, id, len);
                }
            }
            29..=32 => drop(stream.map(|id| side.swarm.finish(id))),
            33 => drop(stream.map(|id| self.world.close_stream(at, id))),
            34..=35 => drop(stream.map(|id| side.swarm.reset(id))),
            36 if random.below(2) == 0 => drop(connection.map(|id| side.swarm.close_connection(id))),
            37 => {
                if random.below(3) == 0 {
                    connection.into_iter().for_each(|id| self.world.abort(at, id));
                }
            }
            38..=41 => {
                side.drains = [0, 1, usize::MAX, usize::MAX][random.below(4)];
                if side.drains == 0 {
                    self.world.lazy_member(at);
                }
            }
            42 => side.reads = !side.reads,
            43 => {
                let known = side.listening.clone();
                if let (Some(id), 0) = (pick(random, &known), random.below(3)) {
                    let _ = side.swarm.close_listener(id);
                }
            }
            44 if random.below(16) == 0 => side.swarm.shutdown(),
            46 => {
                let time = [None, Some(secs(2)), Some(secs(1_000))][random.below(3)];
                if let Some(id) = stream {
                    let _ = side.swarm.set_half_open_timeout(id, time);
                }
            }
            45 if random.below(8) == 0 && member.lives + 1 < LIVES => {
                self.world.kill(at);
                self.listen(at, 0);
            }
            _ => streams.iter().for_each(|id| {
                if side.swarm.stream(*id).is_some_and(|view| view.state != State::Opening) {
                    side.read_all(*id);
                }
            }),
        }
    }

    /// Writes what the other side knows to expect.
    fn write(&mut self, at: usize, id: StreamId, len: usize) {
        self.world.note_received(at);
        let member = &mut self.world.members[at];
        let (pipe, tag, direction) = {
            let journal = self.world.journal.borrow();
            let life = &journal.lives[member.life];
            // One that the peer has opened and that is not told of yet cannot be written to by its owner.
            let Some(stream) = life.streams.get(&id) else { return };
            let Some(connection) = life.connections.get(&stream.connection) else { return };
            let (Some(pipe), Some(tag)) = (connection.pipe, stream.tag) else { return };
            (pipe, tag, stream.direction)
        };
        let sent = member.side.swarm.stream(id).expect("it lives").sent;
        member.side.try_write(id, &content(pipe, tag, direction, sent, len));
    }

    fn rogue(&mut self) {
        if self.random.below(4) == 0 {
            let to = self.places[self.random.below(self.places.len())].clone();
            self.rogues.dial(&to);
        }
        self.rogues.act(&mut self.random);
    }

    /// Somebody attacks one of the swarms.
    fn attack(&mut self) {
        let Some(attackers) = &mut self.attackers else { return };
        if self.random.below(2) == 0 {
            let form = Form::ALL[self.random.below(Form::ALL.len())];
            attackers.dial(form, &self.places[self.random.below(self.places.len()) & !1]);
        }
        for _ in 0..4 {
            attackers.act(&mut self.random);
        }
    }

    /// Something goes wrong.
    fn fault(&mut self) {
        let Self { random, world, .. } = self;
        let at = random.below(world.members.len());
        let (host, pipes) = (world.members[at].host, world.network.pipes());
        match random.below(16) {
            0 => {
                let other = 1 + random.below(world.members.len()) as u8;
                if other != host {
                    world.network.set(|knobs| knobs.partition(host, other));
                    world.late_host(host);
                    world.late_host(other);
                }
            }
            1..=2 => world.network.set(|knobs| knobs.heal()),
            3 => {
                world.members[at].stopped = true;
                world.late_host(host);
            }
            4..=5 => world.members[at].stopped = false,
            6 => {
                world.members[at].skew += [millis(700), secs(9), secs(50), secs(4_000)][random.below(4)];
                world.late_host(host);
            }
            7 => {
                let of = [None, None, Some(Exhausted::Descriptors), Some(Exhausted::Memory)][random.below(4)];
                world.network.set(|knobs| knobs.exhaust(host, of));
                world.broken_host(host);
            }
            _ if pipes == 0 => {}
            n => {
                let (pipe, end) = (random.below(pipes), random.below(2));
                let (mut broken, mut late, mut garbled) = (false, false, false);
                world.network.set(|knobs| match n {
                    8 => (broken, _) = (true, knobs.reset(pipe)),
                    9 => (broken, _) = (true, knobs.reset_after(pipe, end, random.below(600) as u64)),
                    10 => (broken, _) = (true, knobs.fail(pipe, end, io::ErrorKind::OutOfMemory)),
                    11 => (broken, late, _) = (true, true, knobs.half_open(pipe, end)),
                    12 => (late, _) = (true, knobs.black_hole(pipe)),
                    13 => (late, _) = (true, knobs.stall(pipe, end, random.below(3) > 0)),
                    14 => (late, _) = (true, knobs.deaf(pipe, end, random.below(3) > 0)),
                    _ => (broken, garbled, _) = (true, true, knobs.flip(pipe, end, random.below(2_000) as u64)),
                });
                world.mark(pipe, |marks| {
                    marks.broken |= broken;
                    marks.late |= late;
                    marks.garbled |= garbled;
                });
            }
        }
    }

    /// Everything is well again, but for what is broken: in a while nothing is opening any more, and what is open on
    /// one side is open on the other.
    fn calm(&mut self) {
        self.attackers.iter_mut().for_each(Attackers::leave);
        let world = &mut self.world;
        let reacts = world.reacts.replace(false);
        world.network.set(|knobs| {
            knobs.heal();
            knobs.bandwidth(None);
        });
        for pipe in 0..world.network.pipes() {
            world.network.set(|knobs| {
                for end in 0..2 {
                    knobs.stall(pipe, end, false);
                    knobs.deaf(pipe, end, false);
                }
            });
        }
        for at in 0..world.members.len() {
            let host = world.members[at].host;
            world.network.set(|knobs| knobs.exhaust(host, None));
            let member = &mut world.members[at];
            member.stopped = false;
            (member.side.drains, member.side.reads) = (usize::MAX, true);
            member.side.something_to_drain();
        }
        // What was left unread while nobody read is not announced again.
        for member in &mut world.members {
            let streams: Vec<_> =
                member.side.swarm.connections().flat_map(|id| member.side.swarm.streams_of(id)).collect();
            for id in streams {
                if member.side.swarm.stream(id).is_some_and(|view| view.state == State::Open) {
                    member.side.read_all(id);
                }
            }
        }
        // Longer than any time-out but those of a connection without streams and of half-open streams.
        world.wait(secs(150));
        // These may come just now, and then one side is told a latency before the other: of such a pipe nothing is said
        // until nothing is under way on it.
        let mut unseen: BTreeSet<usize> = (0..world.network.pipes()).collect();
        for _ in 0..100 {
            (0..world.members.len()).for_each(|at| world.note_received(at));
            let busy = world.busy_pipes();
            let is_at_rest = |pipe| unseen.contains(&pipe) && !busy.contains(&pipe);
            world.journal.borrow().assert_settled(is_at_rest);
            unseen.retain(|pipe| busy.contains(pipe));
            if unseen.is_empty() {
                break;
            }
            world.wait(millis(200));
        }
        assert!(unseen.is_empty(), "the pipes {unseen:?} never come to rest");
        for at in 0..world.members.len() {
            world.assert_openings(at);
            let side = &world.members[at].side;
            side.checker.assert_all_begun_told();
            let streams = side.swarm.connections().flat_map(|id| side.swarm.streams_of(id));
            let waiting = streams.filter(|id| side.swarm.stream(*id).unwrap().state == State::Opening);
            assert_eq!(waiting.collect::<Vec<_>>(), [], "{}: neither opened nor failed", side.name);
        }
        world.reacts.set(reacts);
    }

    /// All shut down, some before others, some beside peers that are broken or say nothing.
    fn end(mut self) -> Ran {
        let world = &mut self.world;
        let at_once = self.random.below(2) == 0;
        for at in 0..world.members.len() {
            world.members[at].side.swarm.shutdown();
            if !at_once {
                // A close takes five seconds at most, and a listener's a latency.
                world.run_until(secs(6), |world| world.members[at].side.swarm.is_shut_down());
            }
        }
        world.run_until(secs(6), |world| world.members.iter().all(|member| member.side.swarm.is_shut_down()));
        drop(self.rogues);
        world.wait(secs(10));
        for at in 0..world.members.len() {
            world.note_received(at);
        }
        world.assert_no_leaks();
        world.mark_all();
        let mut journal = world.journal.borrow_mut();
        let hosts = world.network.between();
        journal.attacked = (0..hosts.len()).filter(|pipe| hosts[*pipe][0] == ATTACKERS).collect();
        journal.assert_agree();
        let mut seen = Seen::default();
        world.members.iter().for_each(|member| seen += member.side.seen());
        let attacks = self.attackers.as_ref().map_or(0, |attackers| attackers.frames);
        Ran { sum: Sum::of(&journal, attacks, seen), excuses: journal.excuses.clone(), logs: world.logs() }
    }
}

/// Bounds that are reached, time-outs that differ.
fn config(random: &mut Random) -> Config {
    let mut config = Config::default();
    config.limits.connections = [6, 40][random.below(2)];
    config.limits.streams_per_connection = [3, 12, 40][random.below(3)];
    config.limits.streams = [10, 1_000][random.below(2)];
    config.connection.inbound_backlog = [1, 4, 256][random.below(3)];
    config.connection.yamux.ack_backlog = [1, 6, 256][random.below(3)];
    config.connection.half_open_timeout = [None, Some(secs(20)), Some(secs(600))][random.below(3)];
    config.connection.half_open_grace = [millis(500), secs(60)][random.below(2)];
    config.reads_per_poll = [1, 8][random.below(2)];
    config.connection.idle_timeout = [None, Some(secs(3)), Some(secs(300))][random.below(3)];
    (config.inbound_handshakes, config.outbound_handshakes) = [(1, 2), (1_024, 128), (1_024, 128)][random.below(3)];
    config.handshakes_per_address = [1, 3, 64][random.below(3)];
    config.first_byte_timeout = [millis(50), secs(2)][random.below(2)];
    (config.connections_per_peer, config.streams_per_peer) = [(1, 3), (8, 1_024), (8, 1_024)][random.below(3)];
    config.connections_per_address = [2, 8][random.below(2)];
    config
}
