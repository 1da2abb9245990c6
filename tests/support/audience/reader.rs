//! [`Reader`]: the slow other half of a subscription, which follows what it receives.

use super::super::follower::Follower;
use super::{Audience, Observed, Seen, Transcript};
use std::ops::RangeInclusive;
use swarm_notify::lifecycle::Event;
use swarm_notify::notifee::{Subscriber, Subscription, subscription};

/// Few, so that it lags.
const CAPACITY: usize = 4;

pub(super) struct Reader {
    subscription: Subscription,
    follower: Follower,
    /// What those before it have seen.
    before: Seen,
    /// How many subscribers there may be whose readers are gone: they leave with the next event or tick.
    abandoned: usize,
}

impl Reader {
    /// One that follows from a place on at which this is open.
    pub(super) fn new(place: usize, open: impl IntoIterator<Item = Event>, register: impl FnOnce(Subscriber)) -> Self {
        let (subscriber, subscription) = subscription(CAPACITY);
        register(subscriber);
        let follower = Follower::from(place, open.into_iter().map(|event| event.id()));
        Self { subscription, follower, before: Seen::default(), abandoned: 0 }
    }

    /// Receives so many notices at most.
    pub(super) fn read(&mut self, transcript: &Transcript, most: usize) {
        for _ in 0..most {
            let Ok(notice) = self.subscription.try_recv() else { return };
            self.follower.apply(notice, transcript.since(self.follower.place));
        }
    }

    pub(super) fn assert_knows_all(&self, transcript: &Transcript) {
        assert_eq!(self.follower.place, transcript.len(), "it knows of everything");
        assert!(self.follower.open().into_iter().eq(transcript.open().map(|event| event.id())));
    }

    pub(super) fn add_to(&self, seen: &mut Seen) {
        *seen += self.before;
        seen.notices += self.follower.told;
        seen.missed += self.follower.missed;
        seen.snapshots += self.follower.snapshots;
    }
}

impl<N: Observed> Audience<N> {
    /// How many subscribers there are at least and at most.
    pub(super) fn subscribers(&mut self) -> RangeInclusive<usize> {
        if self.notifees.poll_at().is_none() {
            self.reader.abandoned = 0;
        }
        1..=1 + self.reader.abandoned
    }

    /// The reader is slow: mostly it takes little, and at times everything.
    pub(super) fn read(&mut self, network: &N) {
        let most = [0, 0, 0, 0, 0, 0, 1, 2, 3, 100][self.below(10)];
        self.reader.read(network.transcript(), most);
    }

    /// The reader drops its half, and comes back with another subscription.
    pub(super) fn subscribe_anew(&mut self, network: &mut N) {
        let mut seen = Seen::default();
        self.reader.add_to(&mut seen);
        let transcript = network.transcript();
        let (place, open) = (transcript.len(), transcript.open().collect::<Vec<_>>());
        let is_told = self.below(2) == 0;
        let mut is_registered = true;
        let reader = Reader::new(place, open, |subscriber| {
            if is_told {
                // What it would be told first is in its snapshot.
                let id = self.is_caught(|audience| audience.notifees.register_and_replay(network, subscriber));
                is_registered = id.is_some();
            } else {
                self.notifees.register(subscriber);
            }
        });
        if is_registered {
            let old = std::mem::replace(&mut self.reader, Reader { before: seen, ..reader });
            self.reader.abandoned = old.abandoned + 1;
        }
    }
}
