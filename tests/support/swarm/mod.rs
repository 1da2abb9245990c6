//! The fuzz target `swarm`: a swarm on a transport that does what a script says, with peers of its own on the other
//! ends, and any command at any moment. `cargo test` runs it over seeded input.
//!
//! The owner drains by hand, or drives notifees (`audience/mod.rs`), which are held against the order of events.
//!
//! Every event is checked: once, nested, looked up while it is handled (`sim/checker.rs`, `sim/side.rs`), and explained
//! by what the owner, the transport and the peers did (`swarm/model.rs`). Then everything is healed, and nothing hangs
//! (`swarm/calm.rs`). In the end everything is shut down, whatever hangs; nothing is left, and every id that ever was is
//! stale.

mod calm;
mod checks;
mod commands;
mod denials;
mod model;
mod owner;
mod peer;
mod world;

use super::input::Input;
use super::pipe::Random;
use super::sim::{Mode, Poller, Side};
use denials::Answers;
use model::{Model, dialed, failure};
use owner::{Reactions, assert_stale, state};
use peer::{ECHO, Peer, SINK, content, identity};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use swarm_notify::connection::{Protocol, Rate, WriteError};
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::{ConnectionId, Direction, Failure, Id, ListenerId, State, StreamId};
use swarm_notify::swarm::{Config, ProtocolLimits, Refusal, Swarm};
use world::{KINDS, Next, Scripted, World, address, host, number};

const UNKNOWN: Protocol = Protocol::from_static("/unknown/1.0.0");

static OURS: LazyLock<Keypair> = LazyLock::new(|| Keypair::ed25519_from_bytes([1; 32]).unwrap());

/// One run: the first byte chooses the size of the event queue. Gives the events that were told, by name and reason,
/// and what happened to notifees.
pub(crate) fn run(bytes: &[u8]) -> BTreeSet<String> {
    let Some((events, rest)) = bytes.split_first() else { return BTreeSet::new() };
    // The rest of the byte is a seed for the notifees.
    if events % 2 == 0 { play::<1>(rest, events / 2) } else { play::<8>(rest, events / 2) }
}

fn play<const EVENTS: usize>(bytes: &[u8], seed: u8) -> BTreeSet<String> {
    let mut input = Input(bytes);
    let mut script = Script::<EVENTS>::new(&mut input, seed);
    let mut acts = 0;
    while !input.is_empty() && acts < 400 {
        script.act(&mut input);
        script.check();
        acts += 1;
    }
    script.calm();
    script.end()
}

/// How many connections there may be.
const CONNECTIONS: usize = 6;

/// The last quarter of the connections is one place, and who has any other gets it only by a dial.
const LAST_CONNECTION: u32 = 1;

/// How many streams there may be, of which the last place is one for which the peer that has most gives way.
const STREAMS: u32 = 16;
const LAST_STREAM: u32 = 1;

/// Small shares: connections of a peer and of an address, streams of a peer.
const SHARES: (u32, u32, u32) = (2, 3, 4);

/// With small shares, the streams that speak sink.
const SINKS: ProtocolLimits = ProtocolLimits::new().with_per_peer(2).with_total(2);

/// The high-water mark of connections, and the age from which on they are trimmed.
const HIGH_WATER: u32 = 2;
const YOUNG: Duration = Duration::from_secs(2);

/// A budget of resets that a script can use up.
const FEW_RESETS: Rate = Rate::new(1, 1);

/// A rate of streams beyond which a script gets.
const FEW_OPENINGS: Rate = Rate::new(2, 4);

struct Script<const EVENTS: usize> {
    side: Side<Scripted, EVENTS>,
    world: World,
    model: Rc<RefCell<Model>>,
    /// What the owner does when it is told of something.
    reactions: Rc<RefCell<Reactions>>,
    peers: Vec<Peer>,
    /// What the gate answers.
    answers: Arc<Mutex<Answers>>,
    now: Duration,
}

impl<const EVENTS: usize> Script<EVENTS> {
    fn new(input: &mut Input<'_>, seed: u8) -> Self {
        let (choice, sizes) = (input.byte(), input.byte());
        let mut config = Config::default();
        (config.limits.listeners, config.limits.connections) = (3, CONNECTIONS as u32);
        (config.limits.streams, config.limits.streams_per_connection) = (STREAMS, 6);
        // Few, so that peers' streams are refused for it.
        config.limits.owed_per_connection = 2;
        // Time goes on by a minute at most.
        config.connection.half_open_timeout = Some(Duration::from_secs(60));
        if choice & 1 != 0 {
            (config.inbound_handshakes, config.outbound_handshakes) = (3, 2);
        }
        if choice & 2 != 0 {
            config.reads_per_poll = 1;
            // No less than a connection needs for itself.
            config.held_bytes = 2 * 1024 * 1024;
        }
        if choice & 4 != 0 {
            config.connection.idle_timeout = Some(Duration::from_secs(3));
        }
        config.handshakes_per_address = [1, 2, 64, 64][usize::from(sizes >> 3 & 3)];
        if sizes & 1 != 0 {
            config.connection.yamux.ack_backlog = 1;
        }
        if sizes & 2 != 0 {
            config.connection.inbound_backlog = 1;
        }
        if sizes & 4 != 0 {
            (config.connection.yamux.max_output, config.connection.yamux.max_control) = (300, 100);
        }
        if sizes & 0x40 != 0 {
            config.connection.resets = FEW_RESETS;
        }
        if sizes & 0x10 != 0 {
            config.connection.openings = FEW_OPENINGS;
        }
        let (resets, openings) = (config.connection.resets, config.connection.openings);
        let has_small_shares = sizes & 8 != 0;
        if has_small_shares {
            (config.connections_per_peer, config.connections_per_address, config.streams_per_peer) = SHARES;
        }
        let has_marks = sizes & 0x80 != 0;
        if has_marks {
            (config.high_water, config.low_water, config.trim_grace) = (Some(HIGH_WATER), Some(1), YOUNG);
        }
        // Where the transport lacks something, connections make way for the door, or only the door pays.
        config.descriptor_reserve = [16, 0][usize::from(sizes >> 5 & 1)];
        let poller = Poller::default();
        let world = World::new(poller.clone());
        let mode = match choice >> 3 & 7 {
            0..3 => Mode::Sleep,
            3..5 => Mode::Tick,
            units => Mode::Turns(usize::from(units) - 5),
        };
        let mut side = Side::new("swarm", mode, poller, |reactor| {
            let swarm = Swarm::with_events(reactor, Scripted(world.clone()), &OURS, [3; 32], config);
            let mut swarm = swarm.expect("the key can sign");
            swarm.register_protocol(ECHO);
            swarm.register_protocol(SINK);
            if has_small_shares {
                swarm.limit_protocol(&SINK, SINKS);
            }
            swarm
        });
        let mut model = Model::new(has_small_shares, resets, openings);
        (model.has_marks, model.has_reserve) = (has_marks, sizes & 0x20 == 0);
        let model = Rc::new(RefCell::new(model));
        let reactions = Rc::new(RefCell::new(Reactions::default()));
        if let by @ 0..3 = choice >> 6 {
            let seed = u64::from(seed) << 8 | u64::from(sizes >> 3) << 2 | u64::from(by);
            side.invite(seed);
            reactions.borrow_mut().random = Some(Random(seed));
        }
        side.note = Some({
            let (world, model) = (world.clone(), model.clone());
            Box::new(move |swarm, event| model.borrow_mut().explain(swarm, &world.state(), event))
        });
        side.react = Some({
            let (world, model, reactions) = (world.clone(), model.clone(), reactions.clone());
            Box::new(move |swarm, checker, event| {
                reactions.borrow_mut().react(swarm, checker, &world, &mut model.borrow_mut(), event);
            })
        });
        Self { side, world, model, reactions, peers: Vec::new(), answers: Arc::default(), now: Duration::ZERO }
    }

    fn number(&mut self) -> usize {
        self.model.borrow_mut().number()
    }

    fn act(&mut self, input: &mut Input<'_>) {
        match input.byte() {
            0..40 => self.turn(),
            40..48 => {
                self.side.drains = [0, 1, 2, usize::MAX, usize::MAX][input.below(5)];
                self.side.something_to_drain();
            }
            48..52 => self.side.reads = !self.side.reads,
            52..60 => self.listen(input),
            60..84 => self.transport_says(input),
            84..94 => self.dial(input),
            94..112 => self.resolve(input),
            112..150 => self.exchange(input),
            150..166 => self.peer_acts(input),
            166..176 => self.disturb(input),
            176..186 => self.pass(input),
            186..192 => self.reactions.borrow_mut().asked.push_back(input.byte()),
            192..244 => self.command(input),
            244..246 => {
                if input.once_in(8) {
                    self.model.borrow_mut().shutdown = true;
                    self.side.swarm.shutdown();
                    self.side.something_to_drain();
                }
            }
            246..249 => self.changes_denials(input),
            _ => self.flow(),
        }
    }

    /// The owner's loop, as long as it has a reason to turn.
    fn turn(&mut self) {
        // A turn may read no more than a byte of a pipe.
        let waiting: usize = self.world.state().pipes.iter().map(|pipe| pipe.inbox.len()).sum();
        let mut turns = 0;
        while self.side.is_due(self.now) {
            self.side.turn(self.now);
            self.check_held();
            turns += 1;
            assert!(turns < 1_000 + 2 * waiting, "it spins");
        }
        self.check_denials();
    }

    fn transport_says(&mut self, input: &mut Input<'_>) {
        let mut state = self.world.state();
        let Some(listener) = input.pick(0..state.listeners.len()) else { return };
        match input.below(16) {
            0..6 => state.say_address(listener, input.below(4), true),
            6 => state.say_address(listener, input.below(4), false),
            7..13 => state.say_incoming(listener),
            13 => {
                let kind = KINDS[input.below(4)];
                state.say_error(listener, kind);
                self.model.borrow_mut().lacks |= kind == std::io::ErrorKind::OutOfMemory;
            }
            14 => {
                let reason = input.below(5);
                state.close_listener(listener, KINDS.get(reason).map_or(Ok(()), |kind| Err(*kind)));
            }
            _ => drop(state.close_removed()),
        }
        drop(state);
        self.side.something_happened();
    }

    /// A dial or an upgrade comes to something.
    fn resolve(&mut self, input: &mut Input<'_>) {
        let mut state = self.world.state();
        let hanging: Vec<usize> = (0..state.openings.len()).filter(|n| state.openings[*n].result.is_none()).collect();
        let Some(opening) = input.pick(hanging.into_iter()) else { return };
        let fails = input.below(8);
        if fails == 0 {
            state.resolve(opening, Some(KINDS[input.below(4)]));
            drop(state);
            return self.side.something_happened();
        }
        drop(state);
        let peer = self.meets(opening, fails % 2 == 1);
        peer.eager = !input.byte().is_multiple_of(4);
    }

    /// A dial or an upgrade meets a peer.
    fn meets(&mut self, opening: usize, is_early: bool) -> &mut Peer {
        let mut state = self.world.state();
        let is_dialer = state.openings[opening].inbound;
        let pipe = state.resolve(opening, None);
        drop(state);
        self.peers.push(Peer::new(is_dialer, is_early, self.now));
        self.model.borrow_mut().deeds.push(model::Deeds { peer: Some(identity(2)), ..Default::default() });
        assert_eq!((self.peers.len(), pipe), (self.model.borrow().deeds.len(), Some(self.peers.len() - 1)));
        self.side.something_happened();
        self.peers.last_mut().expect("it was just added")
    }

    /// Some bytes go each way on a pipe.
    fn exchange(&mut self, input: &mut Input<'_>) {
        let Some(pipe) = input.pick(0..self.peers.len()) else { return };
        let (there, back) = (input.length(), input.length());
        self.carry(pipe, there, back);
    }

    fn carry(&mut self, pipe: usize, there: usize, back: usize) -> bool {
        let mut world = self.world.state();
        let moved = self.peers[pipe].carry(&mut world, pipe, &mut self.model.borrow_mut().deeds[pipe], there, back);
        drop(world);
        self.side.something_happened();
        moved
    }

    /// Everything goes both ways until nothing moves.
    fn flow(&mut self) {
        let mut rounds = 0;
        loop {
            self.turn();
            let mut moved = false;
            for pipe in 0..self.peers.len() {
                moved |= self.carry(pipe, usize::MAX, usize::MAX);
            }
            rounds += 1;
            assert!(rounds < 10_000, "they talk without an end");
            if !moved {
                return;
            }
        }
    }

    fn peer_acts(&mut self, input: &mut Input<'_>) {
        let Some(pipe) = input.pick(0..self.peers.len()) else { return };
        self.peers[pipe].act(&mut self.model.borrow_mut().deeds[pipe], input);
    }

    /// A pipe goes wrong, or right again.
    fn disturb(&mut self, input: &mut Input<'_>) {
        let mut state = self.world.state();
        let Some(index) = input.pick(0..state.pipes.len()) else { return };
        let pipe = &mut state.pipes[index];
        match input.below(16) {
            0..4 => pipe.stalled = !pipe.stalled,
            4..8 => pipe.most = [0, 1, 3, 17][input.below(4)],
            8..10 => pipe.eof = true,
            10..12 => pipe.error = pipe.error.or(Some(KINDS[input.below(4)])),
            12..14 => {
                // What is on its way is changed, or something comes that nobody has sent.
                let (at, byte) = (input.length(), input.byte());
                match pipe.inbox.len() {
                    0 => pipe.inbox.extend([byte; 5]),
                    len => pipe.inbox[at % len] ^= byte | 1,
                }
                pipe.tampered = true;
            }
            _ => {
                pipe.inbox.clear();
                pipe.tampered = true;
            }
        }
        state.touch(index);
        drop(state);
        self.side.something_happened();
    }

    fn pass(&mut self, input: &mut Input<'_>) {
        let millis = [0, 1, 100, 1_000, 4_000, 6_000, 11_000, 61_000][input.below(8)];
        self.advance(Duration::from_millis(millis));
    }

    fn advance(&mut self, time: Duration) {
        self.now += time;
        let mut model = self.model.borrow_mut();
        model.waited |= !time.is_zero();
        for (peer, deeds) in self.peers.iter_mut().zip(&mut model.deeds) {
            peer.at(self.now, deeds);
        }
        drop(model);
        self.turn();
    }
}
