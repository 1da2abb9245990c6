//! [`DontWant`]: the messages that a peer has told us not to send (IDONTWANT).

use alloc::collections::{BTreeMap, VecDeque};

/// The messages that a peer has told us not to send, each until a heartbeat. The peer only harms itself if it names ids that
/// do not exist or that collide with others, so a hash of 64 bits is enough.
#[derive(Default, Debug)]
pub(super) struct DontWant {
    /// The hash of each id, and the heartbeat at which it is forgotten.
    until: BTreeMap<u64, u64>,
    /// The same, in ascending order of heartbeats. An id that was named again has several entries, of which the last counts.
    order: VecDeque<(u64, u64)>,
}

impl DontWant {
    /// Adds an id until the heartbeat `until`. Returns `false` if there are `most` ids already.
    pub(super) fn add(&mut self, id: u64, until: u64, most: usize) -> bool {
        if self.order.len() >= most {
            return false;
        }
        if self.until.insert(id, until) != Some(until) {
            self.order.push_back((until, id));
        }
        true
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        self.until.contains_key(&id)
    }

    /// Forgets the ids whose heartbeat has come.
    pub(super) fn expire(&mut self, beat: u64) {
        while let Some((until, id)) = self.order.front().copied()
            && until <= beat
        {
            self.order.pop_front();
            if self.until.get(&id).is_some_and(|until| *until <= beat) {
                self.until.remove(&id);
            }
        }
        if self.order.is_empty() && self.order.capacity() > 0 {
            *self = Self::default();
        }
    }

    /// Returns the approximate number of bytes of memory that the ids take.
    pub(super) fn bytes(&self) -> usize {
        self.order.capacity().saturating_mul(16).saturating_add(self.until.len().saturating_mul(24))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_forgotten_at_the_heartbeat_that_was_said_last() {
        let mut ids = DontWant::default();
        assert!(ids.add(7, 3, 9) && ids.add(8, 3, 9) && ids.add(7, 5, 9));
        ids.expire(2);
        assert!(ids.contains(7) && ids.contains(8));
        ids.expire(3);
        assert!(ids.contains(7) && !ids.contains(8));
        ids.expire(5);
        assert!(!ids.contains(7) && ids.bytes() == 0);
    }

    #[test]
    fn no_more_ids_are_remembered_than_the_bound() {
        let mut ids = DontWant::default();
        assert_eq!((0..9).filter(|id| ids.add(*id, 1, 4)).count(), 4);
        assert!((0..9).all(|id| ids.contains(id) == (id < 4)));
    }
}
