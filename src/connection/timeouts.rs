//! The deadlines of a connection and its streams, and the facts that follow when a deadline has passed.

use super::config::Config;
use super::environment::Environment;
use super::error::Error;
use super::fact::Fact;
use super::stream::Streams;
#[cfg(feature = "swarm")]
use super::timers::IdleTimes;
use super::timers::Timeout;
#[cfg(not(feature = "swarm"))]
use super::unnamed::UnnamedSlot;
#[cfg(feature = "swarm")]
use super::unnamed::UnnamedSlot;
use super::{Connection, Now, Phase};
use core::time::Duration;

impl Connection {
    /// Returns the time at which the owner should call [`handle_timeout`](Self::handle_timeout), on the clock of
    /// [`Environment::now`], or `None` if no deadline runs. The time may change with every call of another method. A call of
    /// `handle_timeout` that is too early changes nothing.
    #[must_use]
    pub fn poll_at(&self, streams: &Streams, config: &Config) -> Option<Duration> {
        let stream = self.stream_deadlines.first(streams, config).map(|(deadline, _)| deadline);
        let unnamed = self.first_unnamed(config).map(|(deadline, _)| deadline);
        let opening = self.next_opening_at(config);
        [self.timers.poll_at(config), stream, unnamed, opening].into_iter().flatten().min()
    }

    /// Handles the deadlines that have passed by [`Environment::now`], one fact for each call; call this method until it
    /// returns `None`. The method also offers streams that have waited for a token of [`Config::openings`], and pings a peer
    /// that has been silent for [`Config::keep_alive_interval`].
    #[must_use]
    pub fn handle_timeout(&mut self, env: &mut Environment<'_>) -> Option<Fact> {
        let now = env.now.or_never();
        while let Some(due) = self.timers.take_due(env.config, now) {
            match due {
                Timeout::Handshake => return Some(self.fail(Error::HandshakeTimeout)),
                Timeout::Silence => return Some(self.fail(Error::Silence)),
                Timeout::Idle => return Some(Fact::Idle),
                Timeout::Close => return Some(Fact::CloseTimeout),
                Timeout::Ping => {
                    if let Phase::Open(open) = &mut self.phase {
                        // Any value but that of the session's own pings, whose answers are not reported to us.
                        open.session.ping(0);
                        self.round_trip.ask(now);
                    }
                }
            }
        }
        // Streams are offered before timeouts are handled, so that an owner that calls late does not lose streams that it
        // could have accepted in time.
        if let Some(fact) = self.offer_paced(env) {
            return Some(fact);
        }
        let named = self.stream_deadlines.first(env.streams, env.config);
        let unnamed = self.first_unnamed(env.config);
        let first = [named.map(|(at, _)| at), unnamed.map(|(at, _)| at)].into_iter().flatten().min();
        first.filter(|at| *at <= now)?;
        match (named, unnamed) {
            (Some((at, id)), _) if Some(at) == first => self.stream_timeout(id, env),
            (_, Some((_, slot))) => self.unnamed_timeout(slot, env),
            (_, None) => None,
        }
    }

    /// Returns the earliest deadline of the streams without an id, and the stream that has it.
    fn first_unnamed(&self, config: &Config) -> Option<(Duration, UnnamedSlot)> {
        self.unnamed.oldest().map(|(since, slot)| (since.saturating_add(config.negotiation_timeout), slot))
    }

    /// Starts the deadlines that were begun [untimed](Now::Untimed): their time counts from [`Environment::now`]. If there
    /// is no such deadline, the call costs nothing.
    pub fn count_from(&mut self, env: &mut Environment<'_>) {
        if let Now::At(now) = env.now
            && core::mem::take(&mut self.is_untimed)
        {
            self.timers.count_from(env.config, now);
            self.stream_deadlines.count_from(env.streams, now);
            self.unnamed.count_from(now);
        }
    }

    /// Returns whether a deadline has been started [untimed](Now::Untimed) since the last [`count_from`](Self::count_from).
    #[cfg(feature = "swarm")]
    pub(crate) const fn is_untimed(&self) -> bool {
        self.is_untimed
    }

    /// Returns the times since which an open connection has heard nothing from its peer and has had no stream. Returns
    /// `None` for a connection that has a stream or is not open.
    #[cfg(feature = "swarm")]
    pub(crate) const fn idle_times(&self) -> Option<IdleTimes> {
        if self.live == 0 { self.timers.idle_times() } else { None }
    }

    /// Returns the time at which the last byte of the peer arrived, while the connection is open.
    #[cfg(feature = "swarm")]
    pub(crate) const fn last_heard(&self) -> Option<Duration> {
        self.timers.last_heard()
    }
}
