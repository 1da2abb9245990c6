//! Random notifees that register, unregister, command and panic while they are told, beside a list of names and a loop.
//!
//! Both sides act by plans of the same seed. As long as the same is told to the same in the same order, the plans stay
//! in step; the first difference shows in the logs.

use crate::support::each_event::{each_event, kind};
use crate::support::pipe::Random;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use swarm_notify::lifecycle::{
    ConnectionEnd, ConnectionId, Direction, Event, Failure, Id, Lifecycle, Limits, ListenerEnd, ListenerId, StreamEnd,
    StreamId,
};
use swarm_notify::notifee::{Context, Interest, Notifee, NotifeeId, Notifees};

const LIMITS: Limits = Limits { listeners: 2, connections: 3, streams: 8, streams_per_connection: 4 };
const MOST_NOTIFEES: usize = 12;

/// What is shared by all notifees of one side.
struct Plan {
    random: Random,
    /// Who was told what.
    log: Vec<(usize, Event)>,
    /// How many were ever registered, and in the real world their ids.
    names: usize,
    ids: BTreeMap<usize, NotifeeId>,
}

/// What one does when it is told.
enum Deed {
    Nothing,
    Register,
    Unregister(usize),
    Command,
    Panic,
}

impl Plan {
    fn new(seed: u64) -> Self {
        Self { random: Random(seed), log: Vec::new(), names: 0, ids: BTreeMap::new() }
    }

    fn deed(&mut self, who: usize) -> Deed {
        match self.random.below(16) {
            0 if self.names < MOST_NOTIFEES * 4 => Deed::Register,
            1 => Deed::Unregister(who),
            2 => Deed::Unregister(self.random.below(self.names)),
            3..=6 => Deed::Command,
            7 => Deed::Panic,
            _ => Deed::Nothing,
        }
    }

    fn interest(&mut self) -> Interest {
        const ALL: [Interest; 9] = [
            Interest::LISTEN,
            Interest::LISTEN_FAILED,
            Interest::LISTEN_CLOSE,
            Interest::CONNECTED,
            Interest::CONNECT_FAILED,
            Interest::DISCONNECTED,
            Interest::OPENED_STREAM,
            Interest::STREAM_FAILED,
            Interest::CLOSED_STREAM,
        ];
        if self.random.below(2) == 0 {
            return Interest::EVENTS;
        }
        let chosen = ALL.into_iter().filter(|_| self.random.below(2) == 0);
        chosen.fold(Interest::NONE, |all, one| all | one)
    }
}

/// Any command, to one of the ids that can be looked up.
fn command<const EVENTS: usize>(random: &mut Random, world: &mut Lifecycle<EVENTS>) {
    let listeners: Vec<ListenerId> = world.listeners().collect();
    let connections: Vec<ConnectionId> = world.connections().collect();
    let streams: Vec<StreamId> = connections.iter().flat_map(|id| world.streams_of(*id)).collect();
    let all = listeners.iter().map(|id| Id::from(*id)).chain(connections.iter().map(|id| Id::from(*id)));
    let all: Vec<Id> = all.chain(streams.iter().map(|id| Id::from(*id))).collect();
    let any = |random: &mut Random| all.get(random.below(all.len().max(1))).copied();
    match random.below(10) {
        0 => _ = world.begin_listener(),
        1 => _ = world.begin_connection(Direction::Inbound),
        2 | 3 => {
            if let Some(connection) = connections.get(random.below(4)) {
                _ = world.begin_stream(*connection, Direction::Outbound);
            }
        }
        4..=6 => _ = any(random).map(|id| world.opened(id)),
        7 => _ = any(random).map(|id| world.fail(id, Failure::Refused)),
        _ => {
            _ = any(random).map(|id| match id {
                Id::Listener(id) => world.end_listener(id, ListenerEnd::Requested),
                Id::Connection(id) => world.end_connection(id, ConnectionEnd::Idle),
                Id::Stream(id) => world.end_stream(id, StreamEnd::Finished),
            })
        }
    }
}

/// The real ones.
struct Real<const EVENTS: usize> {
    name: usize,
    interest: Interest,
    plan: Rc<RefCell<Plan>>,
}

struct Deliberate;

impl<const EVENTS: usize> Real<EVENTS> {
    /// One with the next name; its id is noted by whoever registers it.
    fn new(plan: &Rc<RefCell<Plan>>) -> Self {
        let mut shared = plan.borrow_mut();
        shared.names += 1;
        let (name, interest) = (shared.names - 1, shared.interest());
        Self { name, interest, plan: plan.clone() }
    }

    fn told(&mut self, cx: &mut Context<'_, Lifecycle<EVENTS>>, event: Event) {
        assert_eq!(cx.network().next_event(), None);
        if !cx.is_replay() {
            assert!(cx.network().state(event.id()).is_some(), "it can be looked up");
        }
        let mut plan = self.plan.borrow_mut();
        // One that is told of what it has missed is told before its owner has its id.
        plan.ids.insert(self.name, cx.this());
        plan.log.push((self.name, event));
        match plan.deed(self.name) {
            Deed::Nothing => {}
            Deed::Register => {
                drop(plan);
                let newcomer = Self::new(&self.plan);
                let name = newcomer.name;
                let id = cx.register(newcomer);
                self.plan.borrow_mut().ids.insert(name, id);
            }
            Deed::Unregister(name) => _ = plan.ids.get(&name).map(|id| cx.unregister(*id)),
            Deed::Command => command(&mut plan.random, cx.network()),
            Deed::Panic => {
                drop(plan);
                resume_unwind(Box::new(Deliberate));
            }
        }
    }
}

impl<const EVENTS: usize> Notifee<Lifecycle<EVENTS>> for Real<EVENTS> {
    fn interest(&self) -> Interest {
        self.interest
    }

    each_event!(Lifecycle<EVENTS>);
}

/// The obvious ones: names in a list, and what is still to be told to whom.
struct Model<const EVENTS: usize> {
    world: Lifecycle<EVENTS>,
    plan: Plan,
    notifees: Vec<(usize, Interest)>,
    left: Vec<(usize, Event)>,
}

impl<const EVENTS: usize> Model<EVENTS> {
    fn register(&mut self) {
        let newcomer = self.newcomer();
        self.notifees.push(newcomer);
    }

    fn newcomer(&mut self) -> (usize, Interest) {
        self.plan.names += 1;
        (self.plan.names - 1, self.plan.interest())
    }

    fn unregister(&mut self, name: usize) {
        self.notifees.retain(|(other, _)| *other != name);
    }

    /// Whether it panics.
    fn tell(&mut self, name: usize, event: Event) -> bool {
        self.plan.log.push((name, event));
        match self.plan.deed(name) {
            Deed::Nothing => {}
            Deed::Register => self.register(),
            Deed::Unregister(name) => self.unregister(name),
            Deed::Command => command(&mut self.plan.random, &mut self.world),
            Deed::Panic => return true,
        }
        false
    }

    /// How many events it told, or `None` if one has panicked.
    fn dispatch(&mut self, most: usize) -> Option<usize> {
        let mut told = 0;
        loop {
            while !self.left.is_empty() {
                let (name, event) = self.left.remove(0);
                let is_there = self.notifees.iter().any(|(other, _)| *other == name);
                if is_there && self.tell(name, event) {
                    return None;
                }
            }
            if told == most {
                return Some(told);
            }
            let Some(event) = self.world.next_event() else { return Some(told) };
            told += 1;
            let caring = self.notifees.iter().filter(|(_, interest)| interest.contains(kind(event)));
            self.left = caring.map(|(name, _)| (*name, event)).collect();
        }
    }

    fn register_and_replay(&mut self) -> bool {
        let newcomer @ (name, interest) = self.newcomer();
        if self.dispatch(0).is_none() {
            return false;
        }
        let openings = self.world.openings();
        // It is in its place already, so that those whom it registers come behind.
        self.notifees.push(newcomer);
        for event in openings {
            let is_there = self.notifees.contains(&newcomer);
            if is_there && interest.contains(kind(event)) && self.tell(name, event) {
                self.unregister(name);
                return false;
            }
        }
        true
    }
}

fn caught<R>(work: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => Some(result),
        Err(payload) if payload.is::<Deliberate>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// How often each thing of note has happened.
#[derive(Default, Debug)]
struct Seen {
    told: usize,
    panics: usize,
    replays: usize,
}

fn run<const EVENTS: usize>(seed: u64, seen: &mut Seen) {
    let mut random = Random(seed);
    let mut world = Lifecycle::<EVENTS>::new(LIMITS);
    let mut model = Model { world: world.clone(), plan: Plan::new(seed), notifees: Vec::new(), left: Vec::new() };
    let (mut notifees, plan) = (Notifees::new(), Rc::new(RefCell::new(Plan::new(seed))));
    for step in 0..300 {
        match random.below(12) {
            0 if model.notifees.len() < MOST_NOTIFEES => {
                let newcomer = Real::new(&plan);
                let name = newcomer.name;
                let id = notifees.register(newcomer);
                plan.borrow_mut().ids.insert(name, id);
                model.register();
            }
            1 if model.plan.names > 0 => {
                let name = random.below(model.plan.names);
                let is_there = model.notifees.iter().any(|(other, _)| *other == name);
                let id = plan.borrow().ids.get(&name).copied();
                assert_eq!(id.is_some_and(|id| notifees.unregister(id)), is_there);
                model.unregister(name);
            }
            2 if model.notifees.len() < MOST_NOTIFEES => {
                let newcomer = Real::new(&plan);
                let name = newcomer.name;
                let done = caught(|| notifees.register_and_replay(&mut world, newcomer));
                if let Some(id) = done {
                    plan.borrow_mut().ids.insert(name, id);
                }
                assert_eq!(done.is_some(), model.register_and_replay(), "seed {seed}, step {step}");
                seen.replays += usize::from(done.is_some());
                seen.panics += usize::from(done.is_none());
            }
            3..=5 => {
                let most = 1 + random.below(4);
                notifees.set_events_per_dispatch(most);
                let told = caught(|| notifees.dispatch(&mut world));
                assert_eq!(told, model.dispatch(most), "seed {seed}, step {step}");
                seen.panics += usize::from(told.is_none());
            }
            _ => {
                let seed = random.below(usize::MAX) as u64;
                command(&mut Random(seed), &mut world);
                command(&mut Random(seed), &mut model.world);
            }
        }
        assert_eq!(plan.borrow().log, model.plan.log, "seed {seed}, step {step}");
        assert_eq!(notifees.len(), model.notifees.len(), "seed {seed}, step {step}");
        assert_eq!(notifees.is_empty(), model.notifees.is_empty());
        assert_eq!(world.len(), model.world.len());
    }
    seen.told += model.plan.log.len();
}

#[test]
fn whatever_they_do_the_same_is_told_to_the_same_in_the_same_order() {
    let mut seen = Seen::default();
    for seed in 0..400 {
        run::<1>(seed, &mut seen);
        run::<2>(1_000_000 + seed, &mut seen);
        run::<8>(2_000_000 + seed, &mut seen);
    }
    assert!(seen.told > 10_000 && seen.panics > 1_000 && seen.replays > 1_000, "{seen:?}");
}
