//! [`Subscribers`]: paces the lines of `listen` by its slow subscribers, and waits for none of them for long.

use std::collections::BTreeMap;
use std::time::Duration;
use swarm_notify::identity::PeerId;
use swarm_notify::protocols::floodsub::FloodSub;

/// The number of waiting bytes from which on a subscriber is late, until no more than half of them wait. Publishing pauses
/// for late subscribers, which holds up the others.
const LATE: usize = 1 << 20;
/// The longest time for which subscribers hold up the others.
const PATIENCE: Duration = Duration::from_secs(5);
/// The number of bytes of lines that are published after a hold before the next one may begin. So subscribers that take as
/// little as they can, and leave and come again, cannot slow the others down to less than this in each [`PATIENCE`].
const BETWEEN_HOLDS: usize = LATE / 2;

/// The subscribers that are late. A hold, in which publishing pauses, ends when none of them is waited for any more, or at
/// its deadline. After the deadline the late subscribers are slow, and are not waited for until they have caught up. Messages
/// beyond their outbox are dropped meanwhile.
#[derive(Default)]
pub(super) struct Subscribers {
    /// The late subscribers, and for each whether it is slow.
    late: BTreeMap<PeerId, bool>,
    /// The deadline of the hold, if there is one.
    hold: Option<Duration>,
    /// The number of bytes that may be published before the next hold begins.
    free: usize,
    /// The number of messages that waited for each peer when it was last seen, once the command was told to end.
    rest: BTreeMap<PeerId, usize>,
}

impl Subscribers {
    /// Looks at the bytes that wait for each subscriber of a topic. Returns whether the next line has to wait for subscribers.
    pub(super) fn hold(&mut self, floodsub: &FloodSub, topic: &str, now: Duration) -> bool {
        let waiting = |peer: &PeerId| floodsub.waiting_for(*peer).bytes;
        self.update(floodsub.peers_of(topic).filter(|peer| waiting(peer) >= LATE), |peer| waiting(peer) > LATE / 2, now)
    }

    /// Does the same, given the subscribers that are late now, and a function that says whether one that was late still is.
    fn update(
        &mut self,
        late: impl Iterator<Item = PeerId>,
        is_late_still: impl Fn(&PeerId) -> bool,
        now: Duration,
    ) -> bool {
        self.late.retain(|peer, _| is_late_still(peer));
        for peer in late {
            self.late.entry(peer).or_insert(false);
        }
        if self.hold.is_some_and(|end| end <= now) {
            self.late.values_mut().for_each(|is_slow| *is_slow = true);
        }
        if self.late.values().all(|is_slow| *is_slow) {
            if self.hold.take().is_some() {
                self.free = BETWEEN_HOLDS;
            }
            return false;
        }
        if self.free > 0 {
            return false;
        }
        self.hold.get_or_insert(now + PATIENCE);
        true
    }

    /// Counts a published line of this number of bytes.
    pub(super) const fn published(&mut self, bytes: usize) {
        // The extra byte makes empty lines count, too.
        self.free = self.free.saturating_sub(bytes + 1);
    }

    /// Returns the time at which the hold ends at the latest, if there is one.
    pub(super) const fn deadline(&self) -> Option<Duration> {
        self.hold
    }

    /// Takes note of the number of messages that wait for each connected peer, while the command ends.
    pub(super) fn note_rest(&mut self, floodsub: &FloodSub) {
        self.rest.extend(floodsub.peers().map(|peer| (peer, floodsub.waiting_for(peer).messages)));
    }

    /// Returns the number of messages that were not written at the end, because their peers were too slow.
    pub(super) fn rest(&self) -> u64 {
        self.rest.values().map(|messages| *messages as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p_identity::Keypair;

    fn peer(number: u8) -> PeerId {
        Keypair::ed25519_from_bytes([number; 32]).unwrap().public().to_peer_id()
    }

    /// Returns whether the next line has to wait, when exactly the subscribers with these numbers are late at a second.
    fn hold(subscribers: &mut Subscribers, late: &[u8], second: u64) -> bool {
        let late: Vec<_> = late.iter().map(|number| peer(*number)).collect();
        subscribers.update(late.clone().into_iter(), |peer| late.contains(peer), Duration::from_secs(second))
    }

    #[test]
    fn a_subscriber_that_is_late_too_long_is_not_waited_for() {
        let mut subscribers = Subscribers::default();
        assert!(!hold(&mut subscribers, &[], 0));
        assert_eq!([1, 2, 5].map(|second| hold(&mut subscribers, &[1], second)), [true; 3]);
        assert_eq!(subscribers.deadline(), Some(Duration::from_secs(6)));
        assert_eq!([6, 60].map(|second| hold(&mut subscribers, &[1], second)), [false; 2]);
        // The subscriber has caught up, and is waited for again.
        assert!(!hold(&mut subscribers, &[], 61));
        subscribers.published(BETWEEN_HOLDS);
        assert!(hold(&mut subscribers, &[1], 62));
        assert!(!hold(&mut subscribers, &[], 63));
    }

    #[test]
    fn late_subscribers_in_turns_hold_up_others_no_longer() {
        let (mut subscribers, mut published) = (Subscribers::default(), 0);
        // Each second another subscriber is late, and an earlier one may be late again.
        for second in 0..100 {
            let number = u8::try_from(second).unwrap();
            while !hold(&mut subscribers, &[number, number / 7], second) && published < 100 * BETWEEN_HOLDS {
                subscribers.published(1_000);
                published += 1_000;
                if subscribers.free == 0 {
                    break;
                }
            }
        }
        assert!(published >= 100 / 6 * (BETWEEN_HOLDS - 1_000), "{published} bytes in 100 s");
    }
}
