//! [`Subscribers`]: paces the lines of `listen` by those who take them, and waits for nobody for long.

use std::collections::BTreeMap;
use std::time::Duration;
use swarm_notify::identity::PeerId;
use swarm_notify::protocols::floodsub::FloodSub;

/// A subscriber for whom so many bytes wait is late, until no more than half of them do. The others are held up for it.
const LATE: usize = 1 << 20;
/// The longest time for which subscribers hold up the others.
const PATIENCE: Duration = Duration::from_secs(5);
/// The bytes of lines that are published after that, and after any hold, whoever is late. So subscribers that take as little
/// as they can, and come again and again, slow the others down to this in each [`PATIENCE`], and no further.
const BETWEEN_HOLDS: usize = LATE / 2;

/// The subscribers that are late. A hold ends when none of them is waited for any more, or at its deadline, from which on
/// they are slow: nobody waits for them until they have caught up. What is beyond their outbox is dropped meanwhile.
#[derive(Default)]
pub(super) struct Subscribers {
    /// Those that are late, and whether they are slow.
    late: BTreeMap<PeerId, bool>,
    /// The end of the hold, if there is one.
    hold: Option<Duration>,
    /// The bytes that may be published before the next hold begins.
    free: usize,
    /// The messages that waited for each peer when it was last seen, since the command was told to end.
    rest: BTreeMap<PeerId, usize>,
}

impl Subscribers {
    /// Looks at what waits for each subscriber of a topic. Returns whether the next line has to wait for them.
    pub(super) fn hold(&mut self, floodsub: &FloodSub, topic: &str, now: Duration) -> bool {
        let waiting = |peer: &PeerId| floodsub.waiting_for(*peer).bytes;
        self.update(floodsub.peers_of(topic).filter(|peer| waiting(peer) >= LATE), |peer| waiting(peer) > LATE / 2, now)
    }

    /// Does the same for those who are late by now; who was late may still be so.
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

    /// A line of so many bytes was published.
    pub(super) const fn published(&mut self, bytes: usize) {
        // A line without bytes costs, too.
        self.free = self.free.saturating_sub(bytes + 1);
    }

    /// The time at which the lines go on, whatever happens until then.
    pub(super) const fn deadline(&self) -> Option<Duration> {
        self.hold
    }

    /// Notes what waits for those who are still there, while the command ends.
    pub(super) fn note_rest(&mut self, floodsub: &FloodSub) {
        self.rest.extend(floodsub.peers().map(|peer| (peer, floodsub.waiting_for(peer).messages)));
    }

    /// Returns the number of messages that were not written at the end, since too much waited for their peers.
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

    /// Subscribers of these numbers are late at a second, and those who were late before are not any more.
    fn hold(subscribers: &mut Subscribers, late: &[u8], second: u64) -> bool {
        let late: Vec<_> = late.iter().map(|number| peer(*number)).collect();
        subscribers.update(late.clone().into_iter(), |peer| late.contains(peer), Duration::from_secs(second))
    }

    #[test]
    fn who_is_late_for_too_long_is_waited_for_no_more() {
        let mut subscribers = Subscribers::default();
        assert!(!hold(&mut subscribers, &[], 0));
        assert_eq!([1, 2, 5].map(|second| hold(&mut subscribers, &[1], second)), [true; 3]);
        assert_eq!(subscribers.deadline(), Some(Duration::from_secs(6)));
        assert_eq!([6, 60].map(|second| hold(&mut subscribers, &[1], second)), [false; 2]);
        // It has caught up, and is waited for again.
        assert!(!hold(&mut subscribers, &[], 61));
        subscribers.published(BETWEEN_HOLDS);
        assert!(hold(&mut subscribers, &[1], 62));
        assert!(!hold(&mut subscribers, &[], 63));
    }

    #[test]
    fn late_ones_that_relieve_each_other_hold_up_nobody_for_longer() {
        let (mut subscribers, mut published) = (Subscribers::default(), 0);
        // Each second another one is late, and those before are not any more or are, as it pleases them.
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
