//! [`Errands`]: what `swarm-notify dial` does beside its streams: pings, identify, and what is published.

use crate::args;
use crate::node::World;
use crate::services::{Outcome, Services};
use std::task::Context;
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::notifee::Notifees;

/// What is left to do, and how it went.
pub(crate) struct Errands {
    is_begun: bool,
    pings: u64,
    is_identifying: bool,
    is_wrong: bool,
}

impl Errands {
    pub(crate) fn new(args: &args::Dial) -> Self {
        Self { is_begun: false, pings: args.ping, is_identifying: args.identify, is_wrong: false }
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
            if self.pings > 0 {
                services.ping(notifees, connection);
            }
        }
        while let Some(outcome) = services.next(world, notifees) {
            happened = true;
            match outcome {
                Outcome::Ping { is_right } => {
                    self.is_wrong |= !is_right;
                    self.pings -= 1;
                    if let Some(connection) = connection.filter(|_| self.pings > 0) {
                        services.ping(notifees, connection);
                    }
                }
                Outcome::Identify { is_right } => {
                    self.is_wrong |= !is_right;
                    self.is_identifying = false;
                }
            }
        }
        happened
    }

    /// Whether nothing is left to do.
    pub(crate) fn are_done(&self, services: &Services) -> bool {
        self.pings == 0 && !self.is_identifying && services.has_published()
    }

    /// Whether what was asked of the peer was answered, all of it.
    pub(crate) fn are_right(&self) -> bool {
        self.pings == 0 && !self.is_identifying && !self.is_wrong
    }
}
