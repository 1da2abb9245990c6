//! [`DialServices`]: the work of `swarm-notify dial` other than its streams: pings, the identify request, and
//! publishing.

use crate::args;
use crate::node::LoggedSwarm;
use crate::services::{ServiceOutcome, Services};
use crate::tally::{Pings, number};
use std::task::Context;
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::lifecycle::{ConnectionId, Direction, Failure, Side};
use swarm_notify::notifee::Notifees;
use swarm_notify::protocols::{identify, ping};

/// The requests (pings and identify) that a run of `dial` makes, and their outcomes.
pub(crate) struct DialServices {
    is_begun: bool,
    are_over: bool,
    /// The number of pings that are neither answered nor lost, including pings that were not sent yet.
    pings_left: u64,
    pings: Pings,
    is_identifying: bool,
    /// The reason why the identify request has failed, or `None` if the request has not failed.
    unidentified: Option<Failure>,
    /// The reason why the first lost ping was lost, or `None` if no ping was lost.
    first_lost: Option<Failure>,
    /// The time in which the peer has to answer a ping or the identify request.
    timeout: Duration,
}

impl DialServices {
    pub(crate) fn new(args: &args::Dial) -> Self {
        Self {
            is_begun: false,
            are_over: false,
            pings_left: args.ping,
            pings: Pings { asked: args.ping, ..Pings::default() },
            is_identifying: args.identify,
            unidentified: None,
            first_lost: None,
            timeout: args.timeout,
        }
    }

    /// Publishes lines, begins the requests once the connection is open, and records the outcomes of requests. Returns
    /// whether it has done anything.
    pub(crate) fn drive(
        &mut self,
        cx: &mut Context<'_>,
        services: &mut Services,
        world: &mut LoggedSwarm,
        notifees: &mut Notifees<LoggedSwarm>,
        connection: Option<ConnectionId>,
    ) -> bool {
        let mut happened = services.publish(cx, world, notifees);
        if let Some(connection) = connection.filter(|_| !self.is_begun) {
            self.is_begun = true;
            happened = true;
            if self.is_identifying {
                services.identify(notifees, connection);
            }
            if self.pings_left > 0 {
                self.ping(services, notifees, connection);
            }
        }
        while let Some(outcome) = services.next(world, notifees) {
            happened = true;
            match outcome {
                // A ping that was under way when a signal arrived counts as neither answered nor lost.
                ServiceOutcome::Ping(Err(_)) if world.is_ending => {}
                ServiceOutcome::Ping(outcome) => {
                    match outcome {
                        Ok(round_trip) => self.pings.round_trips.add(round_trip),
                        Err(reason) => {
                            self.pings.lost += 1;
                            self.first_lost.get_or_insert(reason);
                        }
                    }
                    self.pings_left -= 1;
                    if let Some(connection) = connection.filter(|_| self.pings_left > 0) {
                        self.ping(services, notifees, connection);
                    }
                }
                ServiceOutcome::Identify(outcome) => {
                    self.unidentified = outcome.err().filter(|_| !world.is_ending);
                    self.is_identifying = false;
                }
            }
        }
        happened
    }

    fn ping(&mut self, services: &Services, notifees: &mut Notifees<LoggedSwarm>, connection: ConnectionId) {
        self.pings.sent += u64::from(services.ping(notifees, connection));
    }

    /// Returns whether no request and no line to publish is left, and the streams of all pings have ended. A stream ends
    /// within the time that a polite close may take.
    pub(crate) fn are_done(&mut self, services: &Services, world: &LoggedSwarm) -> bool {
        let have_outcomes = self.pings_left == 0 && !self.is_identifying && services.has_published();
        // The result is stored once it is `true`, since the check of all streams may take long.
        self.are_over |= have_outcomes && (self.pings.asked == 0 || !is_ping_open(world));
        self.are_over
    }

    pub(crate) const fn pings(&self) -> &Pings {
        &self.pings
    }

    /// Returns the faults, each in words: pings that were not answered or not sent, and an identify request that was not
    /// answered.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let Pings { asked, sent, .. } = self.pings;
        let (unanswered, not_sent) = (sent - self.pings.answered(), asked - sent);
        let which = if unanswered > 1 { "the first of them: " } else { "" };
        let why = self.first_lost.map(|reason| self.why(which, reason, &ping::PROTOCOL)).unwrap_or_default();
        for (count, what, why) in [(unanswered, "not answered", why), (not_sent, "not sent", String::new())] {
            if count > 0 {
                let verb = if count == 1 { "was" } else { "were" };
                faults.push(format!("{count} of {} {verb} {what}{why}", number(asked, "ping")));
            }
        }
        if self.unidentified.is_some() || self.is_identifying {
            let why = self.unidentified.map(|reason| self.why("", reason, &identify::PROTOCOL)).unwrap_or_default();
            faults.push(format!("the peer did not say who it is{why}"));
        }
        faults
    }

    /// Returns, in brackets, the text `which` and the reason why the peer did not answer. Returns an empty text if the
    /// connection has ended, since the command reports the end of the connection as another fault.
    fn why(&self, which: &str, reason: Failure, protocol: &Protocol) -> String {
        let why = if reason == Failure::Timeout {
            format!("no answer within {} s", self.timeout.as_secs_f64())
        } else if reason == Failure::Unsupported {
            format!("the peer does not speak {protocol}")
        } else if reason == Failure::Reset(Side::Remote) {
            "the peer reset the stream".to_owned()
        } else if reason == Failure::ConnectionClosed {
            return String::new();
        } else {
            reason.to_string()
        };
        format!(" ({which}{why})")
    }

    /// Returns, in words, the requests that a signal has interrupted.
    pub(crate) fn interrupted(&self) -> Vec<String> {
        let mut parts = Vec::new();
        let Pings { asked, .. } = self.pings;
        if asked > 0 {
            parts.push(format!(
                "{} of {} answered, {} lost, {} not sent",
                self.pings.answered(),
                number(asked, "ping"),
                self.pings.lost,
                asked - self.pings.sent
            ));
        }
        if self.is_identifying {
            parts.push("the peer has not said yet who it is".to_owned());
        }
        parts
    }
}

/// Returns whether any stream on which this node sends pings has not ended yet.
fn is_ping_open(world: &LoggedSwarm) -> bool {
    let swarm = &world.swarm;
    let mut streams = world.dialed.into_iter().flat_map(|connection| swarm.streams_of(connection));
    streams.any(|stream| {
        let view = swarm.stream(stream);
        view.is_some_and(|view| view.direction == Direction::Outbound && view.protocol == Some(&ping::PROTOCOL))
    })
}
