//! [`WakeSet`]: the queue of the slots that were woken and have had no helping since. A slot is the transport, a visitor, or
//! an index in the table of connections.
//!
//! The slot of the transport, and the slot of each index of a connection, have one permanent waker each; successive
//! connections with the same index use the same waker. A visitor has a slot of its own, which is [removed](WakeSet::forget)
//! with the visitor. A woken slot is in the queue once, however often it is woken, until its [helping
//! begins](WakeSet::begin). So a turn visits only slots that were woken.
//!
//! During a turn, a wake only adds its slot to the queue. Between turns, the first wake also wakes the owner; later wakes
//! only add their slots to the queue. The flag that decides whether the owner is woken is protected by the lock of the
//! queue, so that no wake is lost.

use crate::lifecycle::ConnectionId;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A slot: the target of a waker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WakeTarget {
    Transport,
    /// The connection whose id has this index.
    Connection(usize),
    /// The visitor that has this number in the [table of visitors](super::door).
    Visitor(u64),
}

impl WakeTarget {
    /// Returns the slot of the connection with this id.
    pub(super) const fn of(id: ConnectionId) -> Self {
        Self::Connection(id.index())
    }
}

/// The wakers of all slots, and the queue of woken slots.
#[derive(Debug)]
pub(super) struct WakeSet {
    shared: Arc<Shared>,
    /// The waker of the transport, followed by the wakers of connections in the order of their indices, each with its bell
    /// (the state that all clones of a waker share).
    lasting: Vec<(Arc<Bell>, Waker)>,
    // The number of a visitor is never used again, so that a late wake for a visitor that has left wakes no other. A late
    // wake for a connection costs the next one with its index a helping that finds nothing.
    visitors: BTreeMap<u64, (Arc<Bell>, Waker)>,
}

#[derive(Debug, Default)]
struct Shared(Mutex<WokenQueue>);

#[derive(Debug, Default)]
struct WokenQueue {
    /// The woken slots, in the order in which they were woken; each at most once.
    woken: Vec<WakeTarget>,
    /// `true` if the [caller](WakeSet::caller) was called: the owner has to do a turn even if no slot was woken.
    is_called: bool,
    /// `true` if the owner is between two turns and has not been woken yet.
    is_asleep: bool,
    owner: Option<Waker>,
}

/// The state that all clones of the waker of one slot share.
#[derive(Debug)]
struct Bell {
    slot: WakeTarget,
    /// `true` if the slot is in the queue.
    queued: AtomicBool,
    shared: Arc<Shared>,
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, WokenQueue> {
        // A panic while the lock is held leaves the queue in a consistent state, so that poisoning can be ignored.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the queue, and wakes the owner if it is between turns and has not been woken yet.
    fn queue(&self, change: impl FnOnce(&mut WokenQueue)) {
        let mut line = self.line();
        change(&mut line);
        let owner = core::mem::take(&mut line.is_asleep).then(|| line.owner.clone()).flatten();
        // The waker is the owner's code, which must not run while the lock is held.
        drop(line);
        if let Some(owner) = owner {
            owner.wake();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The swap releases what this thread has written before the wake, even if the slot is queued already: the swap in
        // `WakeSet::begin` acquires it.
        let is_new = !self.queued.swap(true, Ordering::AcqRel);
        self.shared.queue(|line| {
            if is_new {
                line.woken.push(self.slot);
            }
        });
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.queue(|line| line.is_called = true);
    }
}

/// A guard for the duration of a turn, during which wakes do not wake the owner. The turn ends when the guard is dropped.
#[derive(Debug)]
pub(super) struct Awake(Arc<Shared>);

/// Ends the turn, even if the owner's code has panicked in the turn.
impl Drop for Awake {
    fn drop(&mut self) {
        self.0.line().is_asleep = true;
    }
}

impl WakeSet {
    /// Makes a set without slots. Between turns a wake calls the waker `owner`, until [`set_owner`](Self::set_owner)
    /// replaces this waker.
    pub(super) fn new(owner: Waker) -> Self {
        let line = WokenQueue { is_asleep: true, owner: Some(owner), ..WokenQueue::default() };
        Self { shared: Arc::new(Shared(Mutex::new(line))), lasting: Vec::new(), visitors: BTreeMap::new() }
    }

    /// Returns a waker that makes the owner do a turn, and adds no slot to the queue.
    pub(super) fn caller(&self) -> Waker {
        Waker::from(self.shared.clone())
    }

    /// Replaces the waker that wakes the owner between turns.
    pub(super) fn set_owner(&self, owner: &Waker) {
        let mut line = self.shared.line();
        // An owner that polls from one task passes the same waker each time, which need not be cloned again.
        if !line.owner.as_ref().is_some_and(|known| known.will_wake(owner)) {
            line.owner = Some(owner.clone());
        }
    }

    /// Begins a turn, and returns its guard. The second result is `true` if the [caller](Self::caller) was called since the
    /// last turn began.
    pub(super) fn awake(&self) -> (Awake, bool) {
        let mut line = self.shared.line();
        line.is_asleep = false;
        (Awake(self.shared.clone()), core::mem::take(&mut line.is_called))
    }

    /// Returns whether the [caller](Self::caller) was called since the last turn began.
    pub(super) fn is_called(&self) -> bool {
        self.shared.line().is_called
    }

    /// Returns the waker of a slot. If the slot has no waker yet, a waker is made.
    pub(super) fn waker(&mut self, slot: WakeTarget) -> Waker {
        let shared = &self.shared;
        let make = |slot| {
            let bell = Arc::new(Bell { slot, queued: AtomicBool::new(false), shared: shared.clone() });
            (bell.clone(), Waker::from(bell))
        };
        let index = match slot {
            WakeTarget::Transport => 0,
            WakeTarget::Connection(index) => index + 1,
            WakeTarget::Visitor(number) => return self.visitors.entry(number).or_insert_with(|| make(slot)).1.clone(),
        };
        while self.lasting.len() <= index {
            let slot = self.lasting.len().checked_sub(1).map_or(WakeTarget::Transport, WakeTarget::Connection);
            self.lasting.push(make(slot));
        }
        self.lasting[index].1.clone()
    }

    fn bell(&self, slot: WakeTarget) -> Option<&Bell> {
        let (bell, _) = match slot {
            WakeTarget::Transport => self.lasting.first(),
            WakeTarget::Connection(index) => self.lasting.get(index + 1),
            WakeTarget::Visitor(number) => self.visitors.get(&number),
        }?;
        Some(bell)
    }

    /// Removes the slot of a visitor that was removed. The queue may still contain the slot.
    pub(super) fn forget(&mut self, number: u64) {
        self.visitors.remove(&number);
    }

    /// Returns the number of connections' slots for which there is a waker.
    pub(super) const fn connections(&self) -> usize {
        self.lasting.len().saturating_sub(1)
    }

    /// Removes the slots of connections whose index is at least `connections`, and gives back memory of the queue. A slot
    /// that is made again later may be in the queue twice, once from a connection that was removed.
    pub(super) fn give_up_slots(&mut self, connections: usize) {
        self.lasting.truncate(connections + 1);
        self.lasting.shrink_to_fit();
        self.give_up_line(connections + 1);
    }

    /// Gives back the memory of the queue, except for `kept` entries.
    pub(super) fn give_up_line(&self, kept: usize) {
        self.shared.line().woken.shrink_to(kept);
    }

    /// Adds a slot to the queue as if it had been woken, but without waking the owner.
    pub(super) fn mark(&self, slot: WakeTarget) {
        if let Some(bell) = self.bell(slot)
            && !bell.queued.swap(true, Ordering::AcqRel)
        {
            self.shared.line().woken.push(slot);
        }
    }

    /// Returns whether a slot was added to the queue since the last [`take`](Self::take).
    pub(super) fn is_woken(&self) -> bool {
        !self.shared.line().woken.is_empty()
    }

    /// Moves all slots in the queue to the end of `into`. Each slot still counts as queued until its helping
    /// [begins](Self::begin).
    pub(super) fn take(&self, into: &mut VecDeque<WakeTarget>) {
        let mut line = self.shared.line();
        if !line.woken.is_empty() {
            into.extend(line.woken.drain(..));
        }
    }

    /// Begins the helping of a slot: from now on, a wake adds the slot to the queue again.
    pub(super) fn begin(&self, slot: WakeTarget) {
        if let Some(bell) = self.bell(slot) {
            // The swap also acquires: if a wake has found the slot already in the queue, the writes before that wake are
            // visible from here on.
            bell.queued.swap(false, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicUsize;
    use std::thread;

    /// A waker that counts how often it is called.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn set() -> (Arc<Count>, WakeSet) {
        let count = Arc::new(Count::default());
        (count.clone(), WakeSet::new(Waker::from(count)))
    }

    #[test]
    fn a_slot_stands_in_line_once_until_its_helping_begins() {
        let (_, mut set) = set();
        let (first, third) = (set.waker(WakeTarget::Transport), set.waker(WakeTarget::Connection(2)));
        third.wake_by_ref();
        first.wake_by_ref();
        third.wake_by_ref();
        let mut taken = VecDeque::new();
        set.take(&mut taken);
        third.wake_by_ref();
        set.take(&mut taken);
        assert_eq!(taken, [WakeTarget::Connection(2), WakeTarget::Transport]);
        set.begin(WakeTarget::Connection(2));
        third.wake();
        assert!(set.is_woken());
        set.take(&mut taken);
        assert_eq!(taken, [WakeTarget::Connection(2), WakeTarget::Transport, WakeTarget::Connection(2)]);
    }

    #[test]
    fn a_slot_given_up_is_made_again_and_its_old_waker_does_no_harm() {
        let (_, mut set) = set();
        let (first, old) = (set.waker(WakeTarget::Connection(0)), set.waker(WakeTarget::Connection(9)));
        set.give_up_slots(1);
        assert_eq!(set.connections(), 1);
        let new = set.waker(WakeTarget::Connection(9));
        [&old, &new, &first].into_iter().for_each(Waker::wake_by_ref);
        let mut taken = VecDeque::new();
        set.take(&mut taken);
        assert_eq!(taken, [WakeTarget::Connection(9), WakeTarget::Connection(9), WakeTarget::Connection(0)]);
    }

    #[test]
    fn the_owner_is_woken_once_between_turns_and_not_during_one() {
        let (count, mut set) = set();
        let (first, second) = (set.waker(WakeTarget::Transport), set.waker(WakeTarget::Visitor(7)));
        first.wake_by_ref();
        second.wake_by_ref();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        let (awake, is_called) = set.awake();
        assert!(!is_called);
        set.caller().wake();
        first.wake_by_ref();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        drop(awake);
        assert!(set.is_woken() && set.is_called());
        set.mark(WakeTarget::Connection(1));
        assert_eq!(count.0.load(Ordering::SeqCst), 1, "what the owner marks it knows");
        set.caller().wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 2);
        assert!(set.awake().1);
    }

    #[test]
    fn a_visitor_that_has_left_wakes_nobody_who_comes_after() {
        let (_, mut set) = set();
        let first = set.waker(WakeTarget::Visitor(0));
        first.wake_by_ref();
        set.forget(0);
        let _ = set.waker(WakeTarget::Visitor(1));
        let mut taken = VecDeque::new();
        set.take(&mut taken);
        assert_eq!(taken, [WakeTarget::Visitor(0)], "it stands in line, and nobody is found there");
        set.begin(WakeTarget::Visitor(0));
        assert!(set.visitors.keys().eq([&1]));
        first.wake();
        set.take(&mut taken);
        assert!(!taken.contains(&WakeTarget::Visitor(1)));
    }

    /// Two threads wake slots while the owner does turns and sleeps. Each wake is followed by a turn that finds the slot.
    #[test]
    fn no_wake_of_another_thread_is_lost() {
        const ROUNDS: usize = 20_000;
        let (sender, receiver) = std::sync::mpsc::channel();
        struct Sender(std::sync::mpsc::Sender<()>);
        impl Wake for Sender {
            fn wake(self: Arc<Self>) {
                let _ = self.0.send(());
            }
        }
        let mut set = WakeSet::new(Waker::from(Arc::new(Sender(sender))));
        let work: Vec<_> = (0..2).map(|_| Arc::new(AtomicUsize::new(0))).collect();
        let threads: Vec<_> = work
            .iter()
            .enumerate()
            .map(|(index, work)| {
                let (waker, work) = (set.waker(WakeTarget::Connection(index)), work.clone());
                thread::spawn(move || {
                    for _ in 0..ROUNDS {
                        work.fetch_add(1, Ordering::SeqCst);
                        waker.wake_by_ref();
                    }
                })
            })
            .collect();
        let (mut done, mut line) = (0, VecDeque::new());
        while done < 2 * ROUNDS {
            let (awake, _) = set.awake();
            set.take(&mut line);
            while let Some(slot) = line.pop_front() {
                let WakeTarget::Connection(index) = slot else { panic!("nobody woke {slot:?}") };
                set.begin(slot);
                done += work[index].swap(0, Ordering::SeqCst);
            }
            drop(awake);
            if done < 2 * ROUNDS && !set.is_woken() {
                receiver.recv_timeout(core::time::Duration::from_secs(60)).expect("a wake was lost");
            }
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
