//! [`RoundTrip`]: the time from a message of ours to the peer's answer to that message.

use core::time::Duration;

/// The last round-trip time of a connection.
///
/// The handshake has one round trip, since a Noise message is answered by the next Noise message. Lines of
/// multistream-select do not count, since peers send them unasked. After the handshake, each of our pings that is answered
/// counts. Both fields are in nanoseconds, which takes half the memory of a [`Duration`].
#[derive(Debug)]
pub(super) struct RoundTrip {
    /// The time at which our message was sent, while we wait for the answer, in nanoseconds.
    asked: u64,
    last: u64,
}

/// The value that stands for the absence of a time. A time of more than 584 years counts as absent, too.
const NONE: u64 = u64::MAX;

impl RoundTrip {
    pub(super) const fn new() -> Self {
        Self { asked: NONE, last: NONE }
    }

    /// Records that a part of our handshake, or a ping, is sent at `now`.
    pub(super) fn ask(&mut self, now: Duration) {
        self.asked = nanos(now);
    }

    /// Records that the peer's answer has authenticated the peer.
    pub(super) fn authenticated(&mut self, now: Duration) {
        // Only the first call counts: a dialer waits for permission a second time, after the muxer's negotiation, but the
        // peer's bytes before that answer no Noise message.
        if self.last == NONE {
            self.answered(now);
        }
    }

    /// Records that the peer has answered our last message.
    pub(super) fn answered(&mut self, now: Duration) {
        if self.asked != NONE {
            self.last = nanos(now).saturating_sub(self.asked);
            self.asked = NONE;
        }
    }

    /// Stops waiting for an answer: no round trip is measured for the last message.
    pub(super) const fn forget(&mut self) {
        self.asked = NONE;
    }

    /// Replaces the round-trip time by one that another component has measured.
    #[cfg(feature = "swarm")]
    pub(super) fn set(&mut self, round_trip: Duration) {
        self.last = nanos(round_trip);
    }

    pub(super) const fn last(&self) -> Option<Duration> {
        if self.last == NONE { None } else { Some(Duration::from_nanos(self.last)) }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_handshakes_round_trip_counts_from_our_last_message() {
        let mut round_trip = RoundTrip::new();
        round_trip.authenticated(ms(1));
        assert_eq!(round_trip.last(), None, "nobody has asked");
        round_trip.ask(ms(10));
        round_trip.ask(ms(20));
        round_trip.authenticated(ms(50));
        round_trip.ask(ms(60));
        round_trip.authenticated(ms(61));
        assert_eq!(round_trip.last(), Some(ms(30)));
    }

    #[test]
    fn after_the_handshake_the_last_answered_ping_counts() {
        let mut round_trip = RoundTrip::new();
        round_trip.ask(ms(0));
        round_trip.authenticated(ms(20));
        round_trip.ask(ms(20));
        round_trip.forget();
        round_trip.answered(ms(500));
        assert_eq!(round_trip.last(), Some(ms(20)), "what we have said last needs no answer");
        round_trip.ask(ms(1_000));
        round_trip.answered(ms(1_090));
        assert_eq!(round_trip.last(), Some(ms(90)));
    }

    #[test]
    fn a_time_beyond_584_years_counts_as_none() {
        let mut round_trip = RoundTrip::new();
        round_trip.ask(Duration::MAX);
        round_trip.answered(Duration::MAX);
        assert_eq!(round_trip.last(), None);
    }
}
