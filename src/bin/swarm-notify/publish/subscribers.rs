//! [`Subscribers`]: pauses the publishing of `listen` while subscribers are slow, for a limited time.

use crate::topic_router::TopicService;
use std::collections::BTreeMap;
use std::time::Duration;
use swarm_notify::identity::PeerId;

/// The number of bytes waiting for a subscriber at which the subscriber counts as late. The subscriber counts as late until
/// at most half of this number waits. Publishing pauses for late subscribers, which delays the other subscribers.
const LATE: usize = 1 << 20;
/// The maximum duration of a pause of publishing for late subscribers.
const PATIENCE: Duration = Duration::from_secs(5);
/// The number of bytes that have to be published after a pause before the next pause may begin. Even if hostile subscribers
/// accept as little as possible, or leave and subscribe again, this number of bytes is published to the other subscribers
/// between two pauses.
const BETWEEN_HOLDS: usize = LATE / 2;

/// The late subscribers of a topic, and the pause of publishing for them. A pause ends when no late subscriber is left, or
/// at the latest after [`PATIENCE`]. Subscribers that are still late at that time are *slow*: publishing does not pause for
/// a slow subscriber until it has caught up, and messages that do not fit into its outbox are dropped.
#[derive(Default)]
pub(super) struct Subscribers {
    /// The late subscribers. The value is `true` if the subscriber is slow, so that publishing does not pause for it.
    late: BTreeMap<PeerId, bool>,
    /// The time until which publishing pauses at most, or `None` if publishing does not pause now.
    hold: Option<Duration>,
    /// The number of bytes that have to be published before the next pause may begin.
    free: usize,
    /// The number of messages that were waiting for each peer at the last check after the command was told to end.
    rest: BTreeMap<PeerId, usize>,
}

impl Subscribers {
    /// Checks how many bytes wait for each subscriber of a topic, and begins or ends a pause of publishing accordingly.
    /// Returns whether publishing pauses now, so that the next line has to wait.
    pub(super) fn hold(&mut self, service: &TopicService, topic: &str, now: Duration) -> bool {
        let waiting = |peer: &PeerId| service.waiting_for(*peer).bytes;
        self.update(service.peers_of(topic).filter(|peer| waiting(peer) >= LATE), |peer| waiting(peer) > LATE / 2, now)
    }

    /// Begins or ends a pause of publishing. `late` contains the subscribers for which at least [`LATE`] bytes wait now.
    /// `is_late_still` returns whether a subscriber that was late before has not caught up. Returns whether publishing
    /// pauses now.
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

    /// Counts a published line with a length of `bytes`.
    pub(super) const fn published(&mut self, bytes: usize) {
        // One byte is added for each line, so that empty lines count, too.
        self.free = self.free.saturating_sub(bytes + 1);
    }

    /// Returns the time until which publishing pauses at most, or `None` if publishing does not pause now.
    pub(super) const fn deadline(&self) -> Option<Duration> {
        self.hold
    }

    /// Records the number of messages that wait for each connected peer. While the command ends, the caller has to repeat
    /// this call until the end, since a peer that has left keeps its last number.
    pub(super) fn note_rest(&mut self, service: &TopicService) {
        self.rest.extend(service.peers().map(|peer| (peer, service.waiting_for(peer).messages)));
    }

    /// Returns the number of messages that were not written to their peers when the command ended, because the peers were
    /// too slow.
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

    /// Returns whether publishing pauses at the time `second`, in seconds, if exactly the subscribers with the numbers in
    /// `late` are late at that time.
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
        // The subscriber has caught up, so that publishing pauses for it again.
        assert!(!hold(&mut subscribers, &[], 61));
        subscribers.published(BETWEEN_HOLDS);
        assert!(hold(&mut subscribers, &[1], 62));
        assert!(!hold(&mut subscribers, &[], 63));
    }

    #[test]
    fn late_subscribers_in_turns_hold_up_others_no_longer() {
        let (mut subscribers, mut published) = (Subscribers::default(), 0);
        // In each second, another subscriber is late, and an earlier subscriber may be late again.
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
