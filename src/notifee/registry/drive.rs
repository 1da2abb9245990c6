//! One turn of the notifees of a swarm: [`Notifees::drive`], and [`Notifees::drive_while`] under a budget.

use super::super::{Context, HasNode, Interest};
use super::tell::{Held, Told};
use super::{NotifeeId, Notifees};
use crate::swarm::Ready;
use core::time::Duration;

/// How many drives in a row may leave time untold.
const PATIENCE: u8 = 15;

/// What one drive may tell. A permission that `may` gave and that was not used, since there was nothing to tell, stays.
struct Budget<M> {
    events: usize,
    ready: usize,
    may: M,
    has_permit: bool,
    has_refused: bool,
    has_told: bool,
}

impl<M: FnMut() -> bool> Budget<M> {
    /// Whether one more unit may be told. The first one may, whatever `may` says, and one that refuses is not asked
    /// again.
    #[inline]
    fn permits(&mut self) -> bool {
        if !self.has_permit && !self.has_refused {
            self.has_refused = !(self.may)();
            self.has_permit = !self.has_refused || !self.has_told;
        }
        self.has_permit
    }

    #[inline]
    fn told(&mut self) {
        (self.has_permit, self.has_told) = (false, true);
    }

    /// Whether something may be left because of it.
    fn is_spent(&self) -> bool {
        self.events == 0 || self.ready == 0 || self.has_refused && !self.has_permit
    }
}

impl<N: HasNode> Notifees<N> {
    /// One turn after the swarm was polled: [`dispatch`](Self::dispatch), and what is ready, until there is neither;
    /// and [`tick`](super::super::Notifee::tick) for each whose time has come. `now` is the time that the swarm was
    /// polled with.
    ///
    /// It tells [so many](Self::set_events_per_dispatch) events, and as often that something is ready, at most; what is
    /// left then is for the next one, and [`poll_at`](Self::poll_at) says so. Time is told once nothing is left, so that
    /// no deadline is judged before what came in time has been told; but in every 16th drive at the latest. What notifees
    /// have done is sent by the next poll of the swarm, which asks for it.
    pub fn drive(&mut self, network: &mut N, now: Duration) {
        self.drive_within(network, now, || true);
    }

    /// [`drive`](Self::drive) under a budget: it asks `may` before each event, before each time that something is ready,
    /// and before each tick of a notifee, and returns when `may` refuses. `may` can look at a clock, or count.
    ///
    /// Where `may` agrees n times, it tells n of these, or one if n is 0, so that nothing stands still. What is left is
    /// for the next one, and [`poll_at`](Self::poll_at) says so. Those whose time has come take turns: the next drive
    /// begins with the one that this one did not get to.
    ///
    /// When 15 drives in a row have not told the time to all whose time had come, each of the next ones ticks at least
    /// one notifee, beyond what `may` allows if it must, until all of them have been ticked. So where D notifees are due,
    /// each is ticked within 2 (15 + D) drives, however little `may` allows.
    ///
    /// The rest of an event that a panic has interrupted is told first, and counts for nothing. A `may` that panics loses
    /// nothing: it is asked before anything is taken.
    pub fn drive_while(&mut self, network: &mut N, now: Duration, may: &mut dyn FnMut() -> bool) {
        self.drive_within(network, now, may);
    }

    fn drive_within(&mut self, network: &mut N, now: Duration, may: impl FnMut() -> bool) {
        self.now = self.now.max(now);
        // Whoever panics has interrupted it.
        self.has_more = true;
        let most = self.events_per_dispatch;
        let mut budget =
            Budget { events: most, ready: most, may, has_permit: false, has_refused: false, has_told: false };
        let is_overdue = self.untimed >= PATIENCE;
        // Until all have been ticked.
        self.untimed = PATIENCE.min(self.untimed + 1);
        self.drain(network, &mut budget);
        if budget.is_spent() && !is_overdue || !self.tick_all(network, &mut budget, is_overdue) {
            return;
        }
        self.drain(network, &mut budget);
        self.has_more = budget.is_spent();
    }

    /// Tells what happened and what is ready, until there is neither, or the budget ends.
    fn drain(&mut self, network: &mut N, budget: &mut Budget<impl FnMut() -> bool>) {
        loop {
            let before = (budget.events, budget.ready);
            self.tell_events(network, |network| {
                if budget.events == 0 || !budget.permits() {
                    return None;
                }
                let event = network.next_event()?;
                budget.events -= 1;
                budget.told();
                Some(event)
            });
            while budget.ready > 0 && budget.permits() {
                let Some(told) = next_ready(network) else { break };
                budget.ready -= 1;
                budget.told();
                self.tell(told, NotifeeId::FIRST, network);
            }
            if before == (budget.events, budget.ready) {
                return;
            }
        }
    }

    /// Ticks all whose time has come: those whom the last drive did not get to, then those before them, who may be due
    /// again. `false`: the budget ended before. `one_more`: one is ticked nevertheless.
    fn tick_all(&mut self, network: &mut N, budget: &mut Budget<impl FnMut() -> bool>, mut one_more: bool) -> bool {
        let Self { entries, lists, changes, now, untimed, tick_from, .. } = self;
        let list = &lists[Interest::TIME.kind()];
        let first = *tick_from;
        let mut has_permit = true;
        if !list.is_empty() {
            let held = Held::new(network);
            let mut cx = Context { network: &mut *held.0, changes, this: first, now: *now, is_replay: false };
            'all: for is_second in [false, true] {
                for run in list {
                    let Some(run) = entries.get_mut(run.clone()) else { continue };
                    for entry in run {
                        if (entry.id < first) != is_second || cx.changes.is_removed(entry.id) {
                            continue;
                        }
                        if entry.notifee.poll_at().is_none_or(|at| at > cx.now) {
                            continue;
                        }
                        // `may` can panic, and has then not been told anything.
                        *tick_from = entry.id;
                        has_permit = budget.permits() || one_more && !is_second;
                        if !has_permit {
                            break 'all;
                        }
                        budget.told();
                        one_more = false;
                        cx.this = entry.id;
                        // Before it is told: one that panics has been.
                        *tick_from = NotifeeId(entry.id.0 + 1);
                        entry.notifee.tick(&mut cx);
                    }
                }
                *untimed = 0;
            }
            drop(held);
        }
        if has_permit {
            (*tick_from, *untimed) = (NotifeeId::FIRST, 0);
        }
        if !self.changes.is_empty() {
            self.make_changes();
        }
        has_permit
    }
}

fn next_ready(network: &mut impl HasNode) -> Option<Told> {
    Some(match network.node_mut().next_ready()? {
        Ready::Stream { stream, readable, writable } => Told::StreamReady { stream, readable, writable },
        Ready::Addresses { listener } => Told::AddressesChanged { listener },
    })
}
