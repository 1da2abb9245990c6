//! [`WakeSet`]: which slots have been woken since the last poll.
//!
//! Each slot has one waker for life, reused by every entity that sits there. A woken slot stands in line once,
//! however often it is woken, so that a poll visits what woke and nothing else.

use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use atomic_waker::AtomicWaker;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;
use std::sync::{Mutex, PoisonError};

/// The slots' wakers, and those that were woken, in order.
#[derive(Debug, Default)]
pub(super) struct WakeSet {
    shared: Arc<Shared>,
    slots: Vec<(Arc<Slot>, Waker)>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Whoever polls the whole.
    owner: AtomicWaker,
    /// The owner is wanted, though no slot is.
    called: AtomicBool,
    /// Bounded by the number of slots, since each stands here at most once. The lock is held to push one or to take
    /// all, by whatever thread wakes.
    woken: Mutex<Vec<usize>>,
}

#[derive(Debug)]
struct Slot {
    index: usize,
    queued: AtomicBool,
    shared: Arc<Shared>,
}

impl Slot {
    fn queue(&self) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.shared.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.index);
        }
    }
}

impl Wake for Slot {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.queue();
        self.shared.owner.wake();
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.called.store(true, Ordering::Release);
        self.owner.wake();
    }
}

impl WakeSet {
    /// A waker of the owner's alone.
    pub(super) fn caller(&self) -> Waker {
        Waker::from(self.shared.clone())
    }

    /// Whether the owner was called since it was last asked.
    pub(super) fn take_called(&self) -> bool {
        self.shared.called.load(Ordering::Relaxed) && self.shared.called.swap(false, Ordering::Acquire)
    }

    /// Remembers whom to wake when a slot is woken.
    pub(super) fn register(&self, owner: &Waker) {
        self.shared.owner.register(owner);
    }

    /// The waker of a slot. Slots are dense from 0.
    pub(super) fn waker(&mut self, index: usize) -> Waker {
        while self.slots.len() <= index {
            let slot = Slot { index: self.slots.len(), queued: AtomicBool::new(false), shared: self.shared.clone() };
            let slot = Arc::new(slot);
            self.slots.push((slot.clone(), Waker::from(slot)));
        }
        self.slots[index].1.clone()
    }

    /// Puts a slot in line as if it had been woken, without waking the owner.
    pub(super) fn mark(&self, index: usize) {
        if let Some((slot, _)) = self.slots.get(index) {
            slot.queue();
        }
    }

    /// Wakes the owner: there is more to do at once.
    pub(super) fn wake_owner(&self) {
        self.shared.owner.wake();
    }

    /// Whether a slot is in line.
    pub(super) fn is_woken(&self) -> bool {
        !self.shared.woken.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Moves the slots in line to `into`, which is emptied first. A slot that is woken from now on stands in line
    /// again.
    pub(super) fn take(&self, into: &mut Vec<usize>) {
        into.clear();
        core::mem::swap(into, &mut self.shared.woken.lock().unwrap_or_else(PoisonError::into_inner));
        for index in into.iter() {
            // In line are slots of this set only, and slots are never removed.
            if let Some((slot, _)) = self.slots.get(*index) {
                // Acquires, too: who has woken it since without putting it in line has made what it woke for visible.
                slot.queued.swap(false, Ordering::AcqRel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_stands_in_line_once_until_it_is_taken() {
        let mut set = WakeSet::default();
        let (first, third) = (set.waker(0), set.waker(2));
        third.wake_by_ref();
        first.wake_by_ref();
        third.wake_by_ref();
        let mut taken = Vec::new();
        set.take(&mut taken);
        assert_eq!(taken, [2, 0]);
        set.take(&mut taken);
        assert_eq!(taken, []);
        third.wake();
        assert!(set.is_woken());
    }
}
