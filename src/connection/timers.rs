//! [`ConnectionTimers`]: the deadlines of a connection itself, as opposed to the deadlines of its streams. Each row of the
//! table is a phase of the connection. If the connection waits too long for one of the things in the second column, the
//! action at the same place in the third column follows:
//!
//! | phase   | waits for                                                       | then                                  |
//! |---------|-----------------------------------------------------------------|---------------------------------------|
//! | Opening | the handshake                                                   | [`Timeout::Handshake`]                |
//! | Paused  | permission to open: the handshake's time does not run           |                                       |
//! | Open    | bytes of the peer; an answer to our ping; a stream              | [`Timeout::Ping`], `Silence`, `Idle`  |
//! | Leaving | bytes of the peer; an answer to our ping; data on a live stream | [`Timeout::Ping`], `Silence`, `Close` |
//! | Closing | the end of a polite close                                       | [`Timeout::Close`]                    |
//! | Over    | nothing: its last fact was reported                             |                                       |

use super::Now;
use super::config::Config;
use core::time::Duration;

/// The deadlines of one connection, by the phase of the connection.
#[derive(Debug)]
pub(super) enum ConnectionTimers {
    Opening {
        deadline: Duration,
    },
    Paused {
        left: Duration,
    },
    Open {
        heard: Duration,
        pinged: Option<Duration>,
        idle_since: Option<Now>,
    },
    /// The peer has sent go-away. `moved` is the time of the last movement of data or window on a stream, or `None` while a
    /// stream waits for its owner's permission.
    Leaving {
        heard: Duration,
        pinged: Option<Duration>,
        moved: Option<Now>,
    },
    Closing {
        deadline: Now,
    },
    Over,
}

/// The time since which an open connection has heard nothing from its peer, and the time since which the connection has had
/// no stream.
#[cfg(feature = "swarm")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IdleTimes {
    /// The time at which the last byte of the peer arrived.
    pub(crate) heard: Duration,
    /// The time at which the last stream ended, or at which the connection opened if there was no stream.
    pub(crate) since: Duration,
}

/// The action that follows when a deadline has passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timeout {
    /// The handshake fails.
    Handshake,
    /// A ping is sent to the peer.
    Ping,
    /// The connection fails because the peer is silent.
    Silence,
    /// The connection is reported as idle, so that its owner can close it.
    Idle,
    /// The polite close is cut short: the owner is told to close the byte pipe.
    Close,
}

impl ConnectionTimers {
    pub(super) fn new(config: &Config, now: Duration) -> Self {
        Self::Opening { deadline: now.saturating_add(config.handshake_timeout) }
    }

    /// Stops the time of the handshake while the handshake waits for its owner's permission.
    pub(super) fn pause(&mut self, now: Duration) {
        if let Self::Opening { deadline } = *self {
            *self = Self::Paused { left: deadline.saturating_sub(now) };
        }
    }

    /// Lets the time of the handshake run again.
    pub(super) fn resume(&mut self, now: Duration) {
        if let Self::Paused { left } = *self {
            *self = Self::Opening { deadline: now.saturating_add(left) };
        }
    }

    pub(super) fn opened(&mut self, now: Duration) {
        *self = Self::Open { heard: now, pinged: None, idle_since: Some(Now::At(now)) };
    }

    pub(super) fn closing(&mut self, config: &Config, now: Now) {
        if !matches!(self, Self::Closing { .. } | Self::Over) {
            *self = Self::Closing { deadline: now.plus(config.close_timeout) };
        }
    }

    /// Records that the peer has sent go-away. `since` is the present time, or `None` while a stream waits for its owner's
    /// permission.
    pub(super) fn leaving(&mut self, since: Option<Now>) {
        if let Self::Open { heard, pinged, .. } = *self {
            *self = Self::Leaving { heard, pinged, moved: since };
        }
    }

    pub(super) const fn is_leaving(&self) -> bool {
        matches!(self, Self::Leaving { .. })
    }

    /// Records a movement of data or window on a stream, after the peer's go-away. `at` is `None` while a stream waits for
    /// its owner's permission.
    pub(super) fn note_activity(&mut self, at: Option<Now>) {
        if let Self::Leaving { moved, .. } = self {
            *moved = at;
        }
    }

    /// Records that bytes of the peer have arrived at `now`.
    pub(super) fn note_heard(&mut self, now: Duration) {
        if let Self::Open { heard, pinged, .. } | Self::Leaving { heard, pinged, .. } = self {
            // Any byte of the peer counts as its answer to our ping, since the pong may wait behind a lot of data.
            (*heard, *pinged) = (now, None);
        }
    }

    /// Records the time at which the last stream of the connection ended, or `None` if the connection has a stream again.
    pub(super) fn set_idle_since(&mut self, since: Option<Now>) {
        if let Self::Open { idle_since, .. } = self {
            *idle_since = since;
        }
    }

    #[cfg(feature = "swarm")]
    pub(super) const fn idle_times(&self) -> Option<IdleTimes> {
        match *self {
            Self::Open { heard, idle_since: Some(since), .. } => Some(IdleTimes { heard, since: since.or_never() }),
            Self::Opening { .. }
            | Self::Paused { .. }
            | Self::Open { .. }
            | Self::Leaving { .. }
            | Self::Closing { .. }
            | Self::Over => None,
        }
    }

    #[cfg(feature = "swarm")]
    pub(super) const fn last_heard(&self) -> Option<Duration> {
        match *self {
            Self::Open { heard, .. } | Self::Leaving { heard, .. } => Some(heard),
            Self::Opening { .. } | Self::Paused { .. } | Self::Closing { .. } | Self::Over => None,
        }
    }

    /// Starts the times that were begun untimed: they count from `now`.
    pub(super) fn count_from(&mut self, config: &Config, now: Duration) {
        match self {
            Self::Open { idle_since, .. } => *idle_since = idle_since.map(|since| since.or(now)),
            Self::Leaving { moved, .. } => *moved = moved.map(|at| at.or(now)),
            Self::Closing { deadline } => *deadline = deadline.or(now.saturating_add(config.close_timeout)),
            Self::Opening { .. } | Self::Paused { .. } | Self::Over => {}
        }
    }

    /// Returns the earliest deadline, and the action that follows when it has passed.
    fn next(&self, config: &Config) -> Option<(Duration, Timeout)> {
        match *self {
            Self::Opening { deadline } => Some((deadline, Timeout::Handshake)),
            Self::Paused { .. } | Self::Over => None,
            Self::Open { heard, pinged, idle_since } => {
                let idle = idle_since.zip(config.idle_timeout).map(|(since, time)| since.plus(time).or_never());
                Some(earlier(idle, Timeout::Idle, keep_alive(heard, pinged, config)))
            }
            // The end of the byte pipe is not enough to wait for: js-libp2p ends all streams with its go-away, and leaves
            // its TCP connection open. The deadline counts from the last movement on a stream, so that no stream is cut on
            // which data still moves.
            Self::Leaving { heard, pinged, moved } => {
                let stalled = moved.map(|at| at.plus(config.close_timeout).or_never());
                Some(earlier(stalled, Timeout::Close, keep_alive(heard, pinged, config)))
            }
            Self::Closing { deadline } => Some((deadline.or_never(), Timeout::Close)),
        }
    }

    pub(super) fn poll_at(&self, config: &Config) -> Option<Duration> {
        self.next(config).map(|(deadline, _)| deadline)
    }

    /// Returns the action of a deadline that has passed by `now`, or `None` if no deadline has passed. Each deadline is
    /// returned once.
    pub(super) fn take_due(&mut self, config: &Config, now: Duration) -> Option<Timeout> {
        let (_, due) = self.next(config).filter(|(deadline, _)| *deadline <= now)?;
        match (due, &mut *self) {
            // The peer's time to answer counts from this ping, and not from the deadline: a late turn of our owner takes
            // none of it.
            (Timeout::Ping, Self::Open { pinged, .. } | Self::Leaving { pinged, .. }) => *pinged = Some(now),
            (Timeout::Idle, Self::Open { idle_since, .. }) => *idle_since = None,
            (Timeout::Handshake | Timeout::Ping | Timeout::Silence | Timeout::Idle | Timeout::Close, _) => {
                *self = Self::Over
            }
        }
        Some(due)
    }
}

/// Returns the next deadline for the peer's silence, and the action that follows when it has passed: a ping, or the failure
/// of the connection.
fn keep_alive(heard: Duration, pinged: Option<Duration>, config: &Config) -> (Duration, Timeout) {
    match pinged {
        None => (heard.saturating_add(config.keep_alive_interval), Timeout::Ping),
        Some(at) => (at.saturating_add(config.keep_alive_timeout), Timeout::Silence),
    }
}

/// Returns the earlier of two deadlines, and the action that belongs to it.
fn earlier(first: Option<Duration>, due: Timeout, second: (Duration, Timeout)) -> (Duration, Timeout) {
    match first {
        Some(first) if first < second.0 => (first, due),
        Some(_) | None => second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn config() -> Config {
        Config { idle_timeout: Some(secs(300)), ..Config::default() }
    }

    #[test]
    fn the_handshakes_clock_stands_still_while_it_is_paused() {
        let mut timers = ConnectionTimers::new(&config(), secs(0));
        timers.pause(secs(4));
        assert_eq!(timers.poll_at(&config()), None);
        timers.resume(secs(1000));
        assert_eq!(timers.poll_at(&config()), Some(secs(1006)));
        assert_eq!(timers.take_due(&config(), secs(1006)), Some(Timeout::Handshake));
    }

    #[test]
    fn a_silent_peer_is_pinged_and_then_given_up() {
        let mut timers = ConnectionTimers::new(&config(), secs(0));
        timers.opened(secs(0));
        assert_eq!(timers.take_due(&config(), secs(29)), None);
        assert_eq!(timers.take_due(&config(), secs(30)), Some(Timeout::Ping));
        assert_eq!(timers.take_due(&config(), secs(30)), None);
        timers.note_heard(secs(31));
        assert_eq!(timers.take_due(&config(), secs(60)), None);
        assert_eq!(timers.take_due(&config(), secs(61)), Some(Timeout::Ping));
        assert_eq!(timers.take_due(&config(), secs(76)), Some(Timeout::Silence));
    }

    #[test]
    fn a_connection_without_streams_is_reported_idle_once() {
        let mut timers = ConnectionTimers::new(&config(), secs(0));
        timers.opened(secs(0));
        timers.set_idle_since(None);
        timers.note_heard(secs(299));
        timers.set_idle_since(Some(Now::At(secs(1))));
        assert_eq!(timers.take_due(&config(), secs(301)), Some(Timeout::Idle));
        assert_ne!(timers.take_due(&config(), secs(301)), Some(Timeout::Idle));
    }
}
