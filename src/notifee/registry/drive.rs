//! The methods that tell notifees of a swarm's events and readiness and of time: [`Notifees::drive`],
//! [`Notifees::drive_while`] under a budget, and [`Notifees::drive_with`], which also shows the events to the owner.

use super::super::{HasNode, Interest};
use super::limit::{Limit, events_beyond};
use super::notified::{HoldGuard, Notified};
use super::{NotifeeContext, NotifeeId, Notifees};
use crate::lifecycle::Event;
use crate::swarm::Readiness;
use core::time::Duration;

/// The maximum number of consecutive drives that may end before all due notifees have been ticked. After this number of such
/// drives, each further drive ticks at least one due notifee.
const PATIENCE: u8 = 15;

/// An event or a readiness of a swarm, as [`Notifees::drive_with_ready`] shows it to its caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a swarm has two queues: `next_event` and `next_ready`")]
pub enum Occurrence {
    /// One of the nine events.
    Event(Event),
    /// A readiness, such as the news that a stream can be read.
    Ready(Readiness),
}

/// The caller of a drive method, to which events and readiness may be shown after all notifees have been told of them.
trait Owner<N> {
    /// `true` if the owner wants to be shown the events that notifees have been told.
    const WATCHES: bool;

    fn see(&mut self, network: &mut N, told: Notified);
}

/// The owner to which nothing is shown.
impl<N> Owner<N> for () {
    const WATCHES: bool = false;

    #[inline(always)]
    fn see(&mut self, _network: &mut N, _told: Notified) {}
}

/// An owner to which events are shown, by calls of this closure.
struct SeesEvents<F>(F);

impl<N: HasNode, F: FnMut(&mut N, Event)> Owner<N> for SeesEvents<F> {
    const WATCHES: bool = true;

    fn see(&mut self, network: &mut N, told: Notified) {
        if let Notified::Event(event) = told {
            (self.0)(HoldGuard::new(network).0, event);
        }
    }
}

/// An owner to which events and readiness are shown, by calls of this closure.
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

/// The limits of one drive on events, readiness and units of work, and the owner to which events may be shown.
struct DriveBudget<'a, O> {
    owner: O,
    /// The number of events that may still be told.
    events: usize,
    /// `true` if the limit of events was reached and `events` is now the number of the network's events that may be told
    /// beyond the limit. Emitted events do not count in this state.
    is_beyond: bool,
    /// The number of readiness notifications that may still be told.
    ready: usize,
    /// The owner's budget: a function that permits or refuses the next unit of work. `None` permits every unit.
    may: Option<&'a mut dyn FnMut() -> bool>,
    /// `true` if `may` has permitted a unit of work that was not done yet. The permit applies to the next unit.
    has_permit: bool,
    has_refused: bool,
    has_told: bool,
}

impl<O> DriveBudget<'_, O> {
    /// Returns whether one more unit of work is permitted. The first unit is always permitted. After `may` has refused a
    /// unit once, `may` is not called again.
    #[inline]
    fn permits_unit(&mut self) -> bool {
        let Some(may) = &mut self.may else { return true };
        if !self.has_permit && !self.has_refused {
            self.has_refused = !may();
            self.has_permit = !self.has_refused || !self.has_told;
        }
        self.has_permit
    }

    /// Records that the permitted unit of work is being done.
    #[inline]
    fn told_unit(&mut self) {
        (self.has_permit, self.has_told) = (false, true);
    }

    /// Returns whether one of the limits was reached, so that something may be left to tell.
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
        // Beyond the limit, the number is that of the network's events. If emissions counted, notifees that emit for
        // each event would use it up, and the network's queue would still have no room.
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
    /// Tells notifees of the events and readiness of the swarm until there are no more. Then
    /// [ticks](super::super::Notifee::tick) each notifee whose deadline has come. Events that notifees
    /// [emit](NotifeeContext::emit) meanwhile are told before the next event or readiness. Call this method after each turn
    /// of the swarm, with the same `now`.
    ///
    /// One call tells at most as many events as [`set_events_per_dispatch`](Self::set_events_per_dispatch) allows, and at
    /// most the same number of readiness notifications. If that limit is reached while the swarm's queue has no room for
    /// some waiting events, all waiting events are told. What is left is told by the next drive, and
    /// [`poll_at`](Self::poll_at) returns zero until then. Notifees are ticked once nothing is left to tell, so that no
    /// deadline is handled before everything that arrived in time was told. If each drive leaves something, they are ticked
    /// in the 16th drive nevertheless. The output of notifees is sent in the swarm's next turn, for which the swarm's
    /// `poll_at` asks, or by `flush_all`.
    ///
    /// At the end of a shutdown, call this method until the swarm is shut down **and** [`has_pending`](Self::has_pending)
    /// returns `false`. After the swarm's last event, something may still be left to tell: emitted events beyond the limit
    /// or the budget of that drive, or an event that was interrupted when a notifee panicked.
    pub fn drive(&mut self, network: &mut N, now: Duration) {
        self.drive_within(network, now, None, ());
    }

    /// Tells and ticks notifees like [`drive`](Self::drive), but under a budget: it calls `may` before each event (of the
    /// swarm, or emitted), each readiness and each tick of a notifee, and returns when `may` returns `false`. `may` can look
    /// at a clock, or count its calls.
    ///
    /// Each event, each readiness and each tick is one unit of work. If `may` returns `true` `n` times, `n` units are done,
    /// or one if `n` is 0, so that every drive makes progress. What is left is told by the next drive, and
    /// [`poll_at`](Self::poll_at) returns zero until then. Due notifees are ticked in turn: the next drive begins with the
    /// first due notifee that this drive has not reached.
    ///
    /// If 15 consecutive drives have not ticked all due notifees, each further drive ticks at least one, beyond the budget
    /// if necessary, until all have been ticked. So with `D` due notifees, each is ticked within `2 (15 + D)` drives,
    /// however little `may` permits.
    ///
    /// If a notifee panicked in the call before, the remaining notifees are first told of the event that the panic
    /// interrupted, outside the budget. If `may` panics, nothing is lost, since `may` is called before an event is drained.
    pub fn drive_while(&mut self, network: &mut N, now: Duration, may: &mut dyn FnMut() -> bool) {
        self.drive_within(network, now, Some(may), ());
    }

    /// Tells and ticks notifees like [`drive`](Self::drive), and calls `see` with each event after all notifees have been
    /// told of it. `see` also gets the network: it can look up the event's ids, and give any command. The events that a
    /// command causes are told later.
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
    /// If you always use this method, `see` is called with each event exactly once. If a notifee panics while it is told of
    /// an event, the next call passes that event to `see`, after the other notifees have been told. If `see` itself panics,
    /// it is not called with the same event again. `see` is not called for readiness: if you have streams of your own, use
    /// [`drive_with_ready`](Self::drive_with_ready).
    pub fn drive_with(&mut self, network: &mut N, now: Duration, see: impl FnMut(&mut N, Event)) {
        self.drive_within(network, now, None, SeesEvents(see));
    }

    /// Tells and ticks notifees like [`drive_with`](Self::drive_with), and calls `see` with each readiness, too. This method
    /// is for an owner that has streams of its own beside those of notifees, and replaces the loops around
    /// [`next_event`](crate::swarm::Swarm::next_event) and [`next_ready`](crate::swarm::Swarm::next_ready). A stream that is
    /// ready may belong to a notifee, so check whether it is yours.
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
        // Events and readiness come before time, so that no deadline is judged before everything that arrived in time
        // was told: a peer that answered while its owner slept is not late. But peers or notifees that cause events
        // without end must not put time off for ever, so after 15 drives due notifees are ticked nevertheless, one in
        // each drive if the budget permits no more.
        let is_overdue = self.untimed >= PATIENCE;
        // `tick_all` sets it to 0 once all have been ticked.
        self.untimed = PATIENCE.min(self.untimed + 1);
        // The owner sees an event behind all notifees, so the rest of an interrupted event is told first.
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
            // `has_more` stays `true`, so that `poll_at` asks for the next drive at once.
            return;
        }
        // What the ticks have caused is told in the same drive, as far as the budget permits.
        self.drain(network, &mut budget);
        self.has_more = budget.is_spent();
    }

    /// Tells notifees of events and readiness until there are no more, or until a limit of the budget is reached.
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
    /// Returns `false` if the budget was used up before all were ticked. If `one_more` is `true`, one notifee is ticked
    /// beyond the budget.
    fn tick_all<O>(&mut self, network: &mut N, budget: &mut DriveBudget<'_, O>, mut one_more: bool) -> bool {
        let Self { entries, lists, changes, now, untimed, tick_from, .. } = self;
        let list = &lists[Interest::TIME.kind()];
        let first = *tick_from;
        let mut has_permit = true;
        if !list.is_empty() {
            let held = HoldGuard::new(network);
            let mut cx =
                NotifeeContext { network: &mut *held.0, changes, this: NotifeeId::FIRST, now: *now, is_replay: false };
            // The first pass begins behind the notifees that the last drive has ticked: under a small budget, those that are
            // always due would otherwise keep the others from being ticked. The second pass visits the notifees before.
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
    /// Stores an event that was interrupted by a panic, and of which all notifees have been told since. The next drive shows
    /// the event to the owner. The event is not stored if the last drive showed the owner no events.
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
