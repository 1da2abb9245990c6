//! One turn of the notifees of a swarm: [`Notifees::drive`], [`Notifees::drive_while`] under a budget, and
//! [`Notifees::drive_with`] for an owner that sees the events, too.

use super::super::{HasNode, Interest, NotifeeContext};
use super::limit::{Limit, events_beyond};
use super::notified::{HoldGuard, Notified};
use super::{NotifeeId, Notifees};
use crate::lifecycle::Event;
use crate::swarm::Readiness;
use core::time::Duration;

/// The most drives in a row that may end before all due notifees have been ticked. After that, each drive ticks at least
/// one.
const PATIENCE: u8 = 15;

/// An event or a readiness of a swarm, as [`Notifees::drive_with_ready`] shows it to its caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occurrence {
    /// One of the nine events.
    Event(Event),
    /// A readiness.
    Ready(Readiness),
}

/// The owner that drives, and that may see what all notifees have been told.
trait Owner<N> {
    /// `true` if the owner wants to see it.
    const WATCHES: bool;

    fn see(&mut self, network: &mut N, told: Notified);
}

/// The owner that sees nothing.
impl<N> Owner<N> for () {
    const WATCHES: bool = false;

    #[inline(always)]
    fn see(&mut self, _network: &mut N, _told: Notified) {}
}

/// An owner that sees events.
struct SeesEvents<F>(F);

impl<N: HasNode, F: FnMut(&mut N, Event)> Owner<N> for SeesEvents<F> {
    const WATCHES: bool = true;

    fn see(&mut self, network: &mut N, told: Notified) {
        if let Notified::Event(event) = told {
            (self.0)(HoldGuard::new(network).0, event);
        }
    }
}

/// An owner that sees events and readiness.
struct SeesAll<F>(F);

impl<N: HasNode, F: FnMut(&mut N, Occurrence)> Owner<N> for SeesAll<F> {
    const WATCHES: bool = true;

    fn see(&mut self, network: &mut N, told: Notified) {
        let occurrence = match told {
            Notified::Event(event) => Occurrence::Event(event),
            Notified::StreamReady { stream, readable, writable } => {
                Occurrence::Ready(Readiness::Stream { stream, readable, writable })
            }
            Notified::AddressesChanged { listener } => Occurrence::Ready(Readiness::Addresses { listener }),
            Notified::Refused { at, refusal, count } => {
                Occurrence::Ready(Readiness::Refused { of: at, kind: refusal, count: u64::from_ne_bytes(count) })
            }
        };
        (self.0)(HoldGuard::new(network).0, occurrence);
    }
}

/// The limits of one drive, and its owner.
struct DriveBudget<'a, O> {
    owner: O,
    /// The number of events that may still be told.
    events: usize,
    /// The limit was reached, and `events` counts the network's events that are told beyond it. Emitted events do not count
    /// meanwhile.
    is_beyond: bool,
    /// The number of readiness that may still be told.
    ready: usize,
    /// The owner's budget; `None` always permits.
    may: Option<&'a mut dyn FnMut() -> bool>,
    /// `may` has permitted a unit that was not used yet. The permit stays for the next unit.
    has_permit: bool,
    has_refused: bool,
    has_told: bool,
}

impl<O> DriveBudget<'_, O> {
    /// Asks for one more unit. The first unit is always permitted. After a refusal `may` is not asked again.
    #[inline]
    fn permits_unit(&mut self) -> bool {
        let Some(may) = &mut self.may else { return true };
        if !self.has_permit && !self.has_refused {
            self.has_refused = !may();
            self.has_permit = !self.has_refused || !self.has_told;
        }
        self.has_permit
    }

    /// Uses up the permit.
    #[inline]
    fn told_unit(&mut self) {
        (self.has_permit, self.has_told) = (false, true);
    }

    /// Returns whether a limit was reached, in which case something may be left to tell.
    fn is_spent(&self) -> bool {
        self.events == 0 || self.ready == 0 || self.has_refused && !self.has_permit
    }
}

impl<N: HasNode, O: Owner<N>> Limit<N> for DriveBudget<'_, O> {
    const TELLS_ANSWERS: bool = false;

    #[inline]
    fn permits(&mut self) -> bool {
        self.events > 0 && self.permits_unit()
    }

    #[inline]
    fn told(&mut self) {
        self.events -= usize::from(!self.is_beyond);
        self.told_unit();
    }

    #[inline]
    fn told_of_network(&mut self) {
        self.events -= 1;
        self.told_unit();
    }

    #[inline]
    fn goes_beyond(&mut self, network: &N) -> bool {
        if self.events > 0 || self.is_beyond {
            return false;
        }
        self.is_beyond = true;
        self.events = events_beyond(network, 0);
        self.events > 0
    }

    fn ends_beyond(&mut self) -> bool {
        if self.is_beyond {
            self.events = 0;
        }
        self.is_beyond
    }

    #[inline(always)]
    fn show_owner(&mut self, network: &mut N, told: Notified) {
        self.owner.see(network, told);
    }
}

impl<N: HasNode> Notifees<N> {
    /// Tells notifees the events and readiness of the swarm until there are no more; then
    /// [ticks](super::super::Notifee::tick) each notifee that is due. Events that notifees [emit](NotifeeContext::emit)
    /// meanwhile are told before the next event or readiness. Call it after each turn of the swarm, with the same `now`.
    ///
    /// It tells at most as many events, and at most as many readiness, as
    /// [`set_events_per_dispatch`](Self::set_events_per_dispatch) allows. If the swarm's queue has no room for some waiting
    /// events then, it tells all waiting ones. The rest is for the next drive, and [`poll_at`](Self::poll_at) is zero.
    /// Notifees are ticked once nothing is left to tell, so that no deadline is handled before all that arrived in time was
    /// told; but in every 16th drive at the latest. The output of notifees leaves with the swarm's next turn, or with
    /// `flush_all`; the swarm's `poll_at` asks for that turn.
    ///
    /// At the end of a shutdown, drive until the swarm is shut down **and** [`has_pending`](Self::has_pending) is `false`.
    /// After the swarm's last event, notifees may still have something to be told: emitted events beyond the limit or the
    /// budget of that drive, and the rest of an event that a panic has interrupted.
    pub fn drive(&mut self, network: &mut N, now: Duration) {
        self.drive_within(network, now, None, ());
    }

    /// Drives as [`drive`](Self::drive) does, under a budget: it asks `may` before each event (of the swarm, or emitted),
    /// each readiness and each tick of a notifee, and returns when `may` refuses. `may` can look at a clock, or count.
    ///
    /// If `may` agrees `n` times, it does `n` of these, or one if `n` is 0, so that every drive makes progress. The rest is
    /// for the next drive, and [`poll_at`](Self::poll_at) is zero. Due notifees take turns: the next drive begins with the
    /// first one that this drive has not reached.
    ///
    /// If 15 drives in a row have not ticked all due notifees, each further drive ticks at least one, beyond the budget if
    /// need be, until all have been ticked. So with `D` due notifees, each is ticked within `2 (15 + D)` drives, however
    /// little `may` allows.
    ///
    /// The rest of an event that a panic has interrupted is told first, outside the budget. If `may` panics, nothing is
    /// lost, since it is asked before anything is taken.
    pub fn drive_while(&mut self, network: &mut N, now: Duration, may: &mut dyn FnMut() -> bool) {
        self.drive_within(network, now, Some(may), ());
    }

    /// Drives as [`drive`](Self::drive) does, and calls `see` with each event once all notifees have been told of it. `see`
    /// gets the network: it can look up the event's ids, and give any command, whose events are told later.
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// use core::time::Duration;
    /// use libp2p_core::transport::MemoryTransport;
    /// use swarm_notify::keys;
    /// use swarm_notify::lifecycle::Event;
    /// use swarm_notify::notifee::Notifees;
    /// # #[cfg(feature = "protocols")]
    /// use swarm_notify::protocols::ping::{self, Ping};
    /// use swarm_notify::swarm::{Config, Swarm};
    ///
    /// let key = keys::generate()?;
    /// let mut swarm: Swarm<MemoryTransport> = Swarm::from_os_rng((), MemoryTransport::new(), &key, Config::default())?;
    /// let mut notifees = Notifees::new();
    /// # #[cfg(feature = "protocols")]
    /// notifees.install(&mut swarm, Ping::new(keys::seed()?, ping::Config::default()));
    /// swarm.listen("/memory/4714".parse()?)?;
    ///
    /// let mut addresses = Vec::new();
    /// swarm.tick(Duration::ZERO);
    /// notifees.drive_with(&mut swarm, Duration::ZERO, |swarm, event| {
    ///     if let Event::Listen { listener } = event {
    ///         addresses.extend_from_slice(swarm.listener(listener).unwrap().addresses);
    ///     }
    /// });
    /// assert_eq!(addresses, ["/memory/4714".parse()?]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// An owner that always uses this method sees each event once. If a notifee panics while it is told of an event, the
    /// next call shows that event to `see`, after the other notifees have been told. An event in which `see` itself panics
    /// counts as seen. Only notifees are told of readiness: an owner with streams of its own uses
    /// [`drive_with_ready`](Self::drive_with_ready).
    pub fn drive_with(&mut self, network: &mut N, now: Duration, see: impl FnMut(&mut N, Event)) {
        self.drive_within(network, now, None, SeesEvents(see));
    }

    /// Drives as [`drive_with`](Self::drive_with) does, and calls `see` with each readiness, too: for an owner with streams
    /// of its own beside those of notifees. It replaces both loops, around [`next_event`](crate::swarm::Swarm::next_event)
    /// and [`next_ready`](crate::swarm::Swarm::next_ready). A stream that is ready may be a notifee's, so check whether it
    /// is yours.
    pub fn drive_with_ready(&mut self, network: &mut N, now: Duration, see: impl FnMut(&mut N, Occurrence)) {
        self.drive_within(network, now, None, SeesAll(see));
    }

    fn drive_within<O: Owner<N>>(
        &mut self,
        network: &mut N,
        now: Duration,
        may: Option<&mut dyn FnMut() -> bool>,
        owner: O,
    ) {
        self.set_now(now);
        // If a notifee or `may` panics, this stays `true`.
        self.has_more = true;
        let most = self.events_per_dispatch;
        let mut budget = DriveBudget {
            owner,
            events: most,
            is_beyond: false,
            ready: most,
            may,
            has_permit: false,
            has_refused: false,
            has_told: false,
        };
        let is_overdue = self.untimed >= PATIENCE;
        // `tick_all` sets it to 0 once all have been ticked.
        self.untimed = PATIENCE.min(self.untimed + 1);
        if O::WATCHES {
            self.resume(network);
        }
        let owed = self.owed_to_owner.take();
        self.has_watching_owner = O::WATCHES;
        if let Some(told) = owed {
            budget.owner.see(network, told);
        }
        self.drain(network, &mut budget);
        if budget.is_spent() && !is_overdue || !self.tick_all(network, &mut budget, is_overdue) {
            return;
        }
        self.drain(network, &mut budget);
        self.has_more = budget.is_spent();
    }

    /// Tells events and readiness until there are no more, or the budget ends.
    fn drain<O: Owner<N>>(&mut self, network: &mut N, budget: &mut DriveBudget<'_, O>) {
        loop {
            let before = (budget.events, budget.ready);
            self.tell_events(network, budget);
            // `tell_events` has told all emitted events, except for answers, before the next readiness.
            while self.changes.emissions.is_turn_over() && budget.ready > 0 && budget.permits_unit() {
                let Some(told) = next_ready(network) else { break };
                budget.ready -= 1;
                budget.told_unit();
                self.tell(told, NotifeeId::FIRST.sequence, network);
                budget.owner.see(network, told);
            }
            let is_done = before == (budget.events, budget.ready);
            if is_done && (self.changes.emissions.is_empty() || budget.is_spent()) {
                return;
            }
            // Answers get their turn behind the readiness, so that they do not hold that up either.
            if self.changes.emissions.is_turn_over() {
                self.changes.emissions.begin_turn();
            }
        }
    }

    /// Ticks all due notifees: first those that the last drive has not reached, then the others, which may be due again.
    /// Returns `false` if the budget ended before. With `one_more`, one is ticked beyond the budget.
    fn tick_all<O>(&mut self, network: &mut N, budget: &mut DriveBudget<'_, O>, mut one_more: bool) -> bool {
        let Self { entries, lists, changes, now, untimed, tick_from, .. } = self;
        let list = &lists[Interest::TIME.kind()];
        let first = *tick_from;
        let mut has_permit = true;
        if !list.is_empty() {
            let held = HoldGuard::new(network);
            let mut cx =
                NotifeeContext { network: &mut *held.0, changes, this: NotifeeId::FIRST, now: *now, is_replay: false };
            let has_second = first > NotifeeId::FIRST.sequence;
            'all: for is_second in [false, true].into_iter().take(1 + usize::from(has_second)) {
                for run in list {
                    let Some(run) = entries.get_mut(run.clone()) else { continue };
                    for entry in run {
                        if (entry.sequence < first) != is_second || cx.changes.is_leaving(entry) {
                            continue;
                        }
                        if entry.notifee.poll_at().is_none_or(|at| at > cx.now) {
                            continue;
                        }
                        // This comes before `may` is asked, which can panic: the next drive then begins with this notifee.
                        *tick_from = entry.sequence;
                        has_permit = budget.permits_unit() || one_more;
                        if !has_permit {
                            break 'all;
                        }
                        budget.told_unit();
                        one_more = false;
                        cx.this = entry.id();
                        // This comes before the tick, which can panic: the next drive then begins behind this notifee.
                        *tick_from = entry.sequence + 1;
                        entry.notifee.tick(&mut cx);
                    }
                }
                *untimed = 0;
            }
            drop(held);
        }
        if has_permit {
            (*tick_from, *untimed) = (NotifeeId::FIRST.sequence, 0);
        }
        if !self.changes.is_empty() {
            self.make_changes();
        }
        has_permit
    }
}

impl<N> Notifees<N> {
    /// Keeps an event, of which all notifees have been told late, for the owner that has not seen it.
    pub(super) const fn owe_owner(&mut self, told: Notified) {
        if self.has_watching_owner {
            self.owed_to_owner = Some(told);
        }
    }
}

fn next_ready(network: &mut impl HasNode) -> Option<Notified> {
    Some(match network.node_mut().next_ready()? {
        Readiness::Stream { stream, readable, writable } => Notified::StreamReady { stream, readable, writable },
        Readiness::Addresses { listener } => Notified::AddressesChanged { listener },
        Readiness::Refused { of, kind, count } => {
            Notified::Refused { at: of, refusal: kind, count: count.to_ne_bytes() }
        }
    })
}
