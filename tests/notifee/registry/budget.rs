//! A drive under a budget: counted exactly, in order, with nothing lost, whoever panics.

use crate::support::driven::{Driven, Sim, Together};
use crate::support::scripted::{Log, Scripted};
use crate::support::sim::{Cut, ECHO};
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, Failure, StreamId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext, NotifeeId};

const NOW: Duration = Duration::from_secs(1);
const EVENTS: usize = 5;
const READY: usize = 4;
const TIMERS: usize = 5;
/// All that there is to tell. It takes no more drives than may leave time untold, though each tells one thing.
const ALL: usize = EVENTS + READY + TIMERS;

/// Writes down what is ready, and leaves it so.
struct Witness(Log);

impl Notifee<Sim<64>> for Witness {
    fn interest(&self) -> Interest {
        Interest::STREAM_READY
    }

    fn stream_ready(&mut self, _: &mut NotifeeContext<'_, Sim<64>>, stream: StreamId, _: bool, _: bool) {
        self.0.write(format!("ready {stream}"));
    }
}

fn timer(name: impl Into<String>, log: &Log) -> Scripted<Sim<64>> {
    let mut timer = Scripted::new(name, log).only(Interest::TIME);
    timer.at = Some(NOW);
    timer
}

fn fail(swarm: &mut Sim<64>) {
    swarm.dial("/memory/1".parse().unwrap()).unwrap();
}

/// One swarm in which events wait, streams are ready, and the time of some notifees has come.
fn full(log: &Log) -> Driven<64> {
    let mut together = Together::<64, 2>::new(Cut::Whole);
    together.connect();
    let connection = together.all[1].swarm.connections().next().unwrap();
    for _ in 0..READY {
        let stream = together.all[1].swarm.open_stream(connection, &[ECHO]).unwrap();
        together.all[1].swarm.write(stream, b"hello").unwrap();
    }
    // Nobody drains meanwhile.
    for _ in 0..100 {
        together.all.iter_mut().for_each(|node| node.swarm.tick(together.now));
        if !together.network.deliver(together.now) {
            together.now = together.network.next_arrival().unwrap_or(together.now);
            together.network.advance_to(together.now);
        }
    }
    let [mut node, _] = together.all;
    assert_eq!(std::iter::from_fn(|| node.swarm.next_event()).count(), READY);
    (0..EVENTS).for_each(|_| fail(&mut node.swarm));
    node.notifees.register(Scripted::new("a", log));
    node.notifees.register(Witness(log.clone()));
    for n in 0..TIMERS {
        node.notifees.register(timer(format!("t{n}"), log));
    }
    node
}

/// What one drive tells that may tell `n` things, and how often it has asked.
fn drive(node: &mut Driven<64>, log: &Log, n: usize) -> (Vec<String>, usize) {
    let mut asked = 0;
    node.notifees.drive_while(&mut node.swarm, NOW, &mut || {
        asked += 1;
        asked <= n
    });
    (log.take(), asked)
}

/// What a drive without a budget tells of the same.
fn expected() -> Vec<String> {
    let log = Log::default();
    let mut node = full(&log);
    node.notifees.drive(&mut node.swarm, NOW);
    let all = log.take();
    let failures = (0..EVENTS).map(|n| format!("a connect_failed c{}.1", n + 1));
    let ticks = (0..TIMERS).map(|n| format!("t{n} tick 1"));
    assert_eq!(all[..EVENTS], failures.collect::<Vec<_>>());
    assert!(all[EVENTS..EVENTS + READY].iter().all(|line| line.starts_with("ready s")));
    assert_eq!(all[EVENTS + READY..], ticks.collect::<Vec<_>>());
    assert_eq!(node.notifees.poll_at(), None);
    all
}

#[test]
fn a_drive_tells_exactly_what_it_may_and_the_next_goes_on() {
    let expected = expected();
    for n in 0..=50 {
        let log = Log::default();
        let mut node = full(&log);
        let (mut told, mut drives) = (Vec::new(), 0);
        while told.len() < ALL {
            let left = ALL - told.len();
            let (lines, asked) = drive(&mut node, &log, n);
            drives += 1;
            assert_eq!(lines.len(), n.max(1).min(left), "{n} in drive {drives}");
            assert_eq!(asked, if n > left { left + 1 } else { n + 1 }, "it is asked before each, and not after a no");
            assert_eq!(node.notifees.poll_at(), if n > left { None } else { Some(Duration::ZERO) });
            told.extend(lines);
        }
        assert_eq!(told, expected, "{n}");
        assert_eq!(drive(&mut node, &log, n).0, Vec::<String>::new());
        assert_eq!(node.notifees.poll_at(), None, "{n}");
    }
}

#[test]
fn drives_of_any_size_tell_all_in_the_same_order() {
    let expected = expected();
    let mut random = 7_u32;
    for _ in 0..50 {
        let log = Log::default();
        let mut node = full(&log);
        let mut told = Vec::new();
        while node.notifees.poll_at().is_some() {
            random = random.wrapping_mul(0x9e37_79b9).wrapping_add(1);
            told.extend(drive(&mut node, &log, (random >> 24) as usize % 6).0);
        }
        assert_eq!(told, expected);
    }
}

#[test]
fn a_drive_stays_within_the_events_of_a_dispatch_too() {
    let log = Log::default();
    let mut node = full(&log);
    node.notifees.set_events_per_dispatch(3);
    let told = [0, 1, 2].map(|_| drive(&mut node, &log, 50).0.len());
    assert_eq!(told, [3 + 3, 2 + 1 + TIMERS, 0]);
}

/// Whether it went to its end.
fn caught(work: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(work)).is_ok()
}

#[test]
fn a_may_that_panics_loses_nothing() {
    let expected = expected();
    for answers in 0..=ALL {
        let log = Log::default();
        let mut node = full(&log);
        let mut asked = 0;
        let mut may = || {
            asked += 1;
            if asked > answers {
                resume_unwind(Box::new(()));
            }
            true
        };
        assert!(!caught(|| node.notifees.drive_while(&mut node.swarm, NOW, &mut may)));
        let mut told = log.take();
        assert_eq!(told[..], expected[..answers]);
        assert_eq!(node.notifees.poll_at(), Some(Duration::ZERO));
        while node.notifees.poll_at().is_some() {
            node.notifees.drive_while(&mut node.swarm, NOW, &mut || true);
        }
        told.extend(log.take());
        assert_eq!(told, expected, "{answers}");
    }
}

/// Writes down what it is told, and panics each time.
struct Panics(Log, bool);

impl Notifee<Sim<64>> for Panics {
    fn interest(&self) -> Interest {
        Interest::STREAM_READY | Interest::CONNECT_FAILED | Interest::TIME
    }

    fn connect_failed(&mut self, _: &mut NotifeeContext<'_, Sim<64>>, connection: ConnectionId, _: Failure) {
        self.0.write(format!("panics connect_failed {connection}"));
        resume_unwind(Box::new(()));
    }

    fn stream_ready(&mut self, _: &mut NotifeeContext<'_, Sim<64>>, stream: StreamId, _: bool, _: bool) {
        self.0.write(format!("panics ready {stream}"));
        resume_unwind(Box::new(()));
    }

    fn poll_at(&self) -> Option<Duration> {
        self.1.then_some(NOW)
    }

    fn tick(&mut self, _: &mut NotifeeContext<'_, Sim<64>>) {
        self.1 = false;
        self.0.write("panics tick");
        resume_unwind(Box::new(()));
    }
}

#[test]
fn a_notifee_that_panics_each_time_loses_nothing_of_the_others() {
    for n in 0..=ALL {
        let log = Log::default();
        let mut node = full(&log);
        node.notifees.register(Panics(log.clone(), true));
        node.notifees.register(Scripted::new("z", &log));
        node.notifees.register(timer("z", &log));
        let (mut told, mut panics, mut drives) = (Vec::new(), 0, 0);
        while node.notifees.poll_at().is_some() {
            let mut left = n;
            let mut may = || {
                left = left.saturating_sub(1);
                left > 0
            };
            panics += usize::from(!caught(|| node.notifees.drive_while(&mut node.swarm, NOW, &mut may)));
            told.extend(log.take());
            drives += 1;
            assert!(drives < 100, "it comes to an end");
        }
        assert_eq!(panics, EVENTS + READY + 1, "{n}");
        let of = |start: &str| told.iter().filter(|line| line.starts_with(start)).cloned().collect::<Vec<_>>();
        let events = |name: &str| (1..=EVENTS).map(|n| format!("{name} connect_failed c{n}.1")).collect::<Vec<_>>();
        for name in ["a", "panics", "z"] {
            assert_eq!(of(&format!("{name} connect_failed")), events(name));
        }
        assert_eq!((of("ready").len(), of("panics ready").len()), (READY, READY));
        for name in (0..TIMERS).map(|n| format!("t{n}")).chain(["panics".into(), "z".into()]) {
            assert_eq!(of(&format!("{name} tick")).len(), 1, "{name} in {told:#?}");
        }
    }
}

fn alone() -> Driven<64> {
    let [node] = Together::new(Cut::Whole).all;
    node
}

/// A swarm in which each failure is answered with a dial that fails at once.
fn endless(log: &Log) -> Driven<64> {
    let mut node = alone();
    node.notifees.register(Scripted::<Sim<64>>::with("e", log, |cx, _| fail(cx.network())));
    fail(&mut node.swarm);
    node
}

#[test]
fn from_the_16th_drive_on_all_are_ticked_one_by_one() {
    for n in [0, 1, 2, 7] {
        let log = Log::default();
        let mut node = endless(&log);
        (0..TIMERS).for_each(|n| _ = node.notifees.register(timer(format!("t{n}"), &log)));
        let mut ticked = Vec::new();
        for turn in 1..100 {
            let (lines, _) = drive(&mut node, &log, n);
            let (events, ticks): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.starts_with('e'));
            assert_eq!(events.len(), n.max(1), "events go on: drive {turn}");
            assert!(ticks.len() <= 1);
            ticked.extend(ticks.into_iter().map(|line| (turn, line)));
        }
        let expected: Vec<_> = (0..TIMERS).map(|n| (16 + n, format!("t{n} tick 1"))).collect();
        assert_eq!(ticked, expected, "{n}");
    }
}

/// Is due whenever it is asked.
struct Always(&'static str, Log);

impl Notifee<Sim<64>> for Always {
    fn interest(&self) -> Interest {
        Interest::TIME
    }

    fn poll_at(&self) -> Option<Duration> {
        Some(NOW)
    }

    fn tick(&mut self, _: &mut NotifeeContext<'_, Sim<64>>) {
        self.1.write(self.0);
    }
}

#[test]
fn those_who_are_always_due_take_turns() {
    for (n, endless_events) in [(0, true), (1, true), (0, false), (1, false), (2, false), (4, false)] {
        let log = Log::default();
        let mut node = if endless_events { endless(&log) } else { alone() };
        for name in ["t0", "t1", "t2"] {
            node.notifees.register(Always(name, log.clone()));
        }
        let mut ticks = Vec::new();
        for _ in 0..400 {
            ticks.extend(drive(&mut node, &log, n).0.into_iter().filter(|line| line.starts_with('t')));
        }
        let times = ["t0", "t1", "t2"].map(|name| ticks.iter().filter(|line| *line == name).count());
        assert!(times[0] > 20 && times.iter().all(|n| n.abs_diff(times[0]) <= 1), "{n}: {times:?}");
    }
}

#[test]
fn between_two_rounds_of_overdue_ticks_are_15_drives() {
    let log = Log::default();
    let mut node = endless(&log);
    for name in ["t0", "t1", "t2"] {
        node.notifees.register(Always(name, log.clone()));
    }
    let ticks = (1..=60).filter(|_| drive(&mut node, &log, 0).0.iter().any(|line| line.starts_with('t')));
    assert_eq!(ticks.collect::<Vec<_>>(), [16, 17, 18, 34, 35, 36, 52, 53, 54]);
}

#[test]
fn an_overdue_tick_is_one_unit_where_nothing_else_is_to_be_told() {
    let log = Log::default();
    let mut node = endless(&log);
    (0..TIMERS).for_each(|n| _ = node.notifees.register(timer(format!("t{n}"), &log)));
    (0..15).for_each(|_| _ = drive(&mut node, &log, 0));
    while node.swarm.next_event().is_some() {}
    let told = [0, 0, 2, 2].map(|n| drive(&mut node, &log, n).0.len());
    assert_eq!(told, [1, 1, 2, 1]);
}

/// Registers one that is due when it is ticked, and unregisters one.
struct Replaces {
    log: Log,
    goes: Rc<Cell<Option<NotifeeId>>>,
}

impl Notifee<Sim<64>> for Replaces {
    fn interest(&self) -> Interest {
        Interest::TIME
    }

    fn poll_at(&self) -> Option<Duration> {
        self.goes.get().map(|_| NOW)
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, Sim<64>>) {
        self.log.write("replaces");
        cx.register(timer("new", &self.log));
        cx.unregister(self.goes.take().expect("it is due"));
    }
}

#[test]
fn who_comes_or_goes_in_the_last_allowed_tick_is_heeded() {
    let (log, goes) = (Log::default(), Rc::default());
    let mut node = alone();
    node.notifees.register(Replaces { log: log.clone(), goes: Rc::clone(&goes) });
    let gone = node.notifees.register(timer("gone", &log));
    goes.set(Some(gone.untyped()));
    node.notifees.register(timer("last", &log));
    let told = [1, 1, 1, 1].map(|n| drive(&mut node, &log, n).0.concat());
    assert_eq!(told, ["replaces", "last tick 1", "new tick 1", ""]);
    assert!(!node.notifees.unregister(gone));
    assert_eq!(node.notifees.poll_at(), None);
}

/// Emits a word for each event and each tick, or writes down what others emit.
struct Word(Log, bool, Option<Duration>);

impl Notifee<Sim<64>> for Word {
    fn interest(&self) -> Interest {
        if self.1 { Interest::CONNECT_FAILED | Interest::STREAM_READY | Interest::TIME } else { Interest::EMITTED }
    }

    fn connect_failed(&mut self, cx: &mut NotifeeContext<'_, Sim<64>>, connection: ConnectionId, _: Failure) {
        cx.emit(connection.to_string());
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, Sim<64>>, stream: StreamId, _: bool, _: bool) {
        cx.emit(stream.to_string());
    }

    fn poll_at(&self) -> Option<Duration> {
        self.2
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, Sim<64>>) {
        self.2 = None;
        self.0.write("speaker tick");
        cx.emit(String::from("tick"));
    }

    fn emitted(&mut self, _: &mut NotifeeContext<'_, Sim<64>>, _: NotifeeId, event: &dyn Any) {
        self.0.write(format!("emitted {}", event.downcast_ref::<String>().expect("nothing else is emitted")));
    }
}

#[test]
fn an_emission_is_one_unit_behind_what_it_was_emitted_in() {
    let expected: Vec<String> = {
        let emitted = |line: &String| {
            let id = line.split(' ').nth(if line.starts_with("ready") { 1 } else { 2 });
            format!("emitted {}", id.expect("it names an id"))
        };
        let (events, ticks) = (&expected()[..EVENTS + READY], &expected()[EVENTS + READY..]);
        let each = events.iter().flat_map(|line| [line.clone(), emitted(line)]);
        each.chain(ticks.iter().cloned()).chain(["speaker tick".into(), "emitted tick".into()]).collect()
    };
    // With less, it would take more drives than may leave time untold.
    for n in 2..=40 {
        let log = Log::default();
        let mut node = full(&log);
        node.notifees.register(Word(log.clone(), true, Some(NOW)));
        node.notifees.register(Word(log.clone(), false, None));
        let mut told = Vec::new();
        while told.len() < expected.len() {
            let left = expected.len() - told.len();
            let (lines, asked) = drive(&mut node, &log, n);
            assert_eq!((lines.len(), asked), (n.min(left), if n > left { left + 1 } else { n + 1 }), "{n}");
            told.extend(lines);
        }
        assert_eq!(told, expected, "{n}");
        drive(&mut node, &log, n);
        assert_eq!(node.notifees.poll_at(), None);
    }
}

/// Four of the five of the limit make room for what is owed before the last is told, or else all of it is told.
#[test]
fn a_drive_tells_all_that_waits_if_some_of_it_is_owed() {
    for (waits, told) in [(60, 5), (64 + 4, 5), (64 + 5, 64 + 5), (200, 200)] {
        let log = Log::default();
        let [mut node, _] = Together::<64, 2>::new(Cut::Whole).all;
        node.notifees.register(Scripted::new("a", &log));
        node.notifees.set_events_per_dispatch(5);
        (0..waits).for_each(|_| fail(&mut node.swarm));
        node.notifees.drive(&mut node.swarm, NOW);
        assert_eq!(log.take().len(), told, "{waits} wait");
    }
}
