//! Random notifees that register, unregister, command, emit and panic while they are told, beside a list of names and a
//! loop.
//!
//! Both sides act by plans of the same seed. As long as the same is told to the same in the same order, the plans stay
//! in step; the first difference shows in the logs.

use crate::support::each_event::{each_event, kind};
use crate::support::pipe::Random;
use crate::support::with;
use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::lifecycle::{
    ConnectionEnd, ConnectionId, Direction, Event, Failure, Id, Lifecycle, Limits, ListenerEnd, ListenerId, StreamEnd,
    StreamId,
};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext, NotifeeId, Notifees};

const MOST_NOTIFEES: usize = 24;
/// How many emissions may wait.
const EMISSIONS: usize = 3;

fn limits() -> Limits {
    with(Limits::default(), |limits| {
        (limits.listeners, limits.connections) = (2, 3);
        (limits.streams, limits.streams_per_connection) = (8, 4);
    })
}

/// What is told: an event of the network, or one that a notifee has emitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    Event(Event),
    Emission(Emission),
}

/// The event that is emitted: by whom, and which one of all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Emission {
    from: usize,
    number: usize,
}

/// What is shared by all notifees of one side.
struct Plan {
    random: Random,
    /// Who was told what.
    log: Vec<(usize, Told)>,
    /// How many events were emitted, heard or not.
    emissions: usize,
    /// How many were ever registered, and in the real world their ids.
    names: usize,
    ids: BTreeMap<usize, NotifeeId>,
}

/// What one does when it is told.
enum Deed {
    Nothing,
    Register,
    Unregister(usize),
    /// Those whose names are in the range: often most of all, so that the registry closes gaps.
    UnregisterMany(Range<usize>),
    Command,
    Emit(Emission),
    Panic,
}

impl Plan {
    fn new(seed: u64) -> Self {
        Self { random: Random(seed), log: Vec::new(), emissions: 0, names: 0, ids: BTreeMap::new() }
    }

    fn deed(&mut self, who: usize) -> Deed {
        match self.random.below(48) {
            0..=4 if self.names < MOST_NOTIFEES * 8 => Deed::Register,
            5..=6 => Deed::Unregister(who),
            7..=9 => Deed::Unregister(self.random.below(self.names)),
            10 => Deed::UnregisterMany(self.many()),
            11..=22 => Deed::Command,
            23..=25 => Deed::Panic,
            26..=33 => {
                self.emissions += 1;
                Deed::Emit(Emission { from: who, number: self.emissions })
            }
            _ => Deed::Nothing,
        }
    }

    /// Some of the names.
    fn many(&mut self) -> Range<usize> {
        let [first, last] = [(); 2].map(|()| self.random.below(self.names + 1));
        first.min(last)..first.max(last)
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
        let emitted = if self.random.below(3) == 0 { Interest::NONE } else { Interest::EMITTED };
        if self.random.below(2) == 0 {
            return Interest::EVENTS | emitted;
        }
        let chosen = ALL.into_iter().filter(|_| self.random.below(2) == 0);
        chosen.fold(emitted, |all, one| all | one)
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

    fn told(&mut self, cx: &mut NotifeeContext<'_, Lifecycle<EVENTS>>, event: Event) {
        assert_eq!(cx.network().next_event(), None);
        if !cx.is_replay() {
            assert!(cx.network().state(event.id()).is_some(), "it can be looked up");
        }
        self.act(cx, Told::Event(event));
    }

    fn act(&mut self, cx: &mut NotifeeContext<'_, Lifecycle<EVENTS>>, told: Told) {
        let mut plan = self.plan.borrow_mut();
        // One that is told of what it has missed is told before its owner has its id.
        plan.ids.insert(self.name, cx.this());
        plan.log.push((self.name, told));
        match plan.deed(self.name) {
            Deed::Nothing => {}
            Deed::Register => {
                drop(plan);
                let newcomer = Self::new(&self.plan);
                let name = newcomer.name;
                let id = cx.register(newcomer);
                self.plan.borrow_mut().ids.insert(name, id.untyped());
            }
            Deed::Unregister(name) => _ = plan.ids.get(&name).map(|id| cx.unregister(*id)),
            Deed::UnregisterMany(names) => plan.ids.range(names).for_each(|(_, id)| cx.unregister(*id)),
            Deed::Command => command(&mut plan.random, cx.network()),
            Deed::Emit(emission) => cx.emit(emission),
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

    fn emitted(&mut self, cx: &mut NotifeeContext<'_, Lifecycle<EVENTS>>, from: NotifeeId, event: &dyn Any) {
        assert_eq!(cx.network().next_event(), None);
        let emission: &Emission = event.downcast_ref().expect("nothing else is emitted");
        assert_eq!(self.plan.borrow().ids[&emission.from], from);
        self.act(cx, Told::Emission(*emission));
    }
}

/// The obvious ones: names in a list, and what is still to be told to whom.
struct Model<const EVENTS: usize> {
    world: Lifecycle<EVENTS>,
    plan: Plan,
    notifees: Vec<(usize, Interest)>,
    left: Vec<(usize, Told)>,
    /// What was emitted, and who is to be told of it.
    emitted: VecDeque<(Emission, Vec<usize>)>,
    /// How many of these come before the network's next event.
    ahead: usize,
    /// An event of the network is being told, or was when one panicked: all that wait have their turn behind it.
    gives_turn: bool,
    dropped: u64,
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

    fn emit(&mut self, emission: Emission, is_answer: bool) {
        let hears =
            |(name, interest): &&(usize, Interest)| *name != emission.from && interest.contains(Interest::EMITTED);
        let audience: Vec<usize> = self.notifees.iter().filter(hears).map(|(name, _)| *name).collect();
        if audience.is_empty() {
            return;
        }
        if self.emitted.len() < EMISSIONS {
            self.emitted.push_back((emission, audience));
            if !is_answer {
                self.ahead = self.emitted.len();
            }
        } else {
            self.dropped += 1;
        }
    }

    /// Whether it panics.
    fn tell(&mut self, name: usize, told: Told) -> bool {
        self.plan.log.push((name, told));
        match self.plan.deed(name) {
            Deed::Nothing => {}
            Deed::Register => self.register(),
            Deed::Unregister(name) => self.unregister(name),
            Deed::UnregisterMany(names) => self.notifees.retain(|(name, _)| !names.contains(name)),
            Deed::Command => command(&mut self.plan.random, &mut self.world),
            Deed::Emit(emission) => self.emit(emission, matches!(told, Told::Emission(_))),
            Deed::Panic => return true,
        }
        false
    }

    /// How many events it told, or `None` if one has panicked.
    fn dispatch(&mut self, most: usize) -> Option<usize> {
        let mut told = 0;
        // Beyond the limit all is told that waits, if some of it finds no room in the queue.
        let (mut owed, mut is_beyond) = (0, most == 0);
        loop {
            while !self.left.is_empty() {
                let (name, what) = self.left.remove(0);
                let is_there = self.notifees.iter().any(|(other, _)| *other == name);
                if is_there && self.tell(name, what) {
                    self.gives_turn = true;
                    return None;
                }
            }
            if core::mem::take(&mut self.gives_turn) {
                self.ahead = self.emitted.len();
            }
            if told >= most && owed == 0 && !core::mem::replace(&mut is_beyond, true) {
                owed = self.world.events_until_room();
            }
            if told >= most && owed == 0 {
                return Some(told);
            }
            self.left = if self.ahead > 0 {
                self.ahead -= 1;
                let (emission, audience) = self.emitted.pop_front().expect("it is one of those ahead");
                audience.into_iter().map(|name| (name, Told::Emission(emission))).collect()
            } else {
                let Some(event) = self.world.next_event() else {
                    if owed > 0 {
                        return Some(told);
                    }
                    if self.emitted.is_empty() {
                        return Some(told);
                    }
                    self.ahead = self.emitted.len();
                    continue;
                };
                owed = owed.saturating_sub(1);
                self.gives_turn = true;
                let caring = self.notifees.iter().filter(|(_, interest)| interest.contains(kind(event)));
                caring.map(|(name, _)| (*name, Told::Event(event))).collect()
            };
            told += 1;
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
            if is_there && interest.contains(kind(event)) && self.tell(name, Told::Event(event)) {
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
    emissions: usize,
    dropped: u64,
    panics: usize,
    replays: usize,
    /// How many the owner unregistered with others.
    left: usize,
    /// The most that were ever registered at a time.
    most: usize,
}

fn run<const EVENTS: usize>(seed: u64, seen: &mut Seen) {
    let mut random = Random(seed);
    let mut world = Lifecycle::<EVENTS>::new(limits());
    let mut model = Model {
        world: world.clone(),
        plan: Plan::new(seed),
        notifees: Vec::new(),
        left: Vec::new(),
        emitted: VecDeque::new(),
        ahead: 0,
        gives_turn: false,
        dropped: 0,
    };
    let (mut notifees, plan) = (Notifees::new(), Rc::new(RefCell::new(Plan::new(seed))));
    notifees.set_emission_capacity(EMISSIONS);
    for step in 0..300 {
        match random.below(13) {
            0 if model.notifees.len() < MOST_NOTIFEES => {
                let newcomer = Real::new(&plan);
                let name = newcomer.name;
                let id = notifees.register(newcomer);
                plan.borrow_mut().ids.insert(name, id.untyped());
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
                    plan.borrow_mut().ids.insert(name, id.untyped());
                }
                assert_eq!(done.is_some(), model.register_and_replay(), "seed {seed}, step {step}");
                seen.replays += usize::from(done.is_some());
                seen.panics += usize::from(done.is_none());
            }
            3 if model.plan.names > 0 => {
                // The last first, every third time.
                let mut names: Vec<usize> = model.plan.many().collect();
                assert_eq!(plan.borrow_mut().many().collect::<Vec<_>>(), names);
                if random.below(3) == 0 {
                    names.reverse();
                }
                for name in names {
                    let is_there = model.notifees.iter().any(|(other, _)| *other == name);
                    let id = plan.borrow().ids.get(&name).copied();
                    assert_eq!(id.is_some_and(|id| notifees.unregister(id)), is_there);
                    model.unregister(name);
                    seen.left += usize::from(is_there);
                }
            }
            4..=6 => {
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
        assert_eq!(notifees.emissions_dropped(), model.dropped, "seed {seed}, step {step}");
        if !model.emitted.is_empty() || !model.left.is_empty() {
            assert_eq!(notifees.poll_at(), Some(Duration::ZERO), "there is something left to tell");
        }
        for (name, id) in &plan.borrow().ids {
            let is_there = model.notifees.iter().any(|(other, _)| other == name);
            let found = [notifees.get(id.typed::<Real<EVENTS>>()).map(|real| real.name), {
                notifees.get_mut(id.typed::<Real<EVENTS>>()).map(|real| real.name)
            }];
            assert_eq!(found, [is_there.then_some(*name); 2], "seed {seed}, step {step}");
        }
        assert_eq!(world.len(), model.world.len());
        seen.most = seen.most.max(notifees.len());
    }
    seen.told += model.plan.log.len();
    seen.emissions += model.plan.log.iter().filter(|(_, told)| matches!(told, Told::Emission(_))).count();
    seen.dropped += model.dropped;
}

#[test]
fn random_notifees_are_told_the_same_as_a_model_in_its_order() {
    let mut seen = Seen::default();
    for seed in 0..400 {
        run::<1>(seed, &mut seen);
        run::<2>(1_000_000 + seed, &mut seen);
        run::<8>(2_000_000 + seed, &mut seen);
    }
    assert!(seen.told > 10_000 && seen.panics > 1_000 && seen.replays > 1_000, "{seen:?}");
    assert!(seen.left > 10_000 && seen.most >= MOST_NOTIFEES, "{seen:?}");
    assert!(seen.emissions > 10_000 && seen.dropped > 1_000, "{seen:?}");
}
