//! [`Errands`]: the work of `swarm-notify dial` beside its streams: pings, identify and publishing.

use crate::args;
use crate::dial::{Pings, number};
use crate::node::World;
use crate::services::{Outcome, Services};
use std::task::Context;
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::notifee::Notifees;

/// The errands of a run, and their outcomes.
pub(crate) struct Errands {
    is_begun: bool,
    /// The number of pings without an outcome, those that are not sent among them.
    pings_left: u64,
    pings: Pings,
    is_identifying: bool,
    /// The peer did not say who it is.
    is_unidentified: bool,
}

impl Errands {
    pub(crate) fn new(args: &args::Dial) -> Self {
        Self {
            is_begun: false,
            pings_left: args.ping,
            pings: Pings { asked: args.ping, ..Pings::default() },
            is_identifying: args.identify,
            is_unidentified: false,
        }
    }

    /// Does what can be done now. `true`: something has happened.
    pub(crate) fn go_on(
        &mut self,
        cx: &mut Context<'_>,
        services: &mut Services,
        world: &mut World,
        notifees: &mut Notifees<World>,
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
                // A ping that a signal cuts off is neither answered nor lost.
                Outcome::Ping { round_trip: None } if world.is_ending => {}
                Outcome::Ping { round_trip } => {
                    match round_trip {
                        Some(time) => self.pings.round_trips.add(time),
                        None => self.pings.lost += 1,
                    }
                    self.pings_left -= 1;
                    if let Some(connection) = connection.filter(|_| self.pings_left > 0) {
                        self.ping(services, notifees, connection);
                    }
                }
                Outcome::Identify { is_right } => {
                    self.is_unidentified |= !is_right && !world.is_ending;
                    self.is_identifying = false;
                }
            }
        }
        happened
    }

    fn ping(&mut self, services: &Services, notifees: &mut Notifees<World>, connection: ConnectionId) {
        self.pings.sent += u64::from(services.ping(notifees, connection));
    }

    /// Returns whether nothing is left to do.
    pub(crate) fn are_done(&self, services: &Services) -> bool {
        self.pings_left == 0 && !self.is_identifying && services.has_published()
    }

    pub(crate) const fn pings(&self) -> &Pings {
        &self.pings
    }

    /// Returns the faults, in words: pings and questions without an answer.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let Pings { asked, sent, .. } = self.pings;
        let (unanswered, not_sent) = (sent - self.pings.answered(), asked - sent);
        for (count, what) in [(unanswered, "not answered"), (not_sent, "not sent")] {
            if count > 0 {
                faults.push(format!(
                    "{count} of {} {} {what}",
                    number(asked, "ping"),
                    if count == 1 { "was" } else { "were" }
                ));
            }
        }
        if self.is_unidentified || self.is_identifying {
            faults.push("the peer did not say who it is".to_owned());
        }
        faults
    }

    /// Returns what a signal has interrupted, in words.
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
