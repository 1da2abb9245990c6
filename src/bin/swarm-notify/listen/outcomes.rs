//! [`Outcomes`]: reports, on standard error, addresses on which the command cannot listen, and addresses that this machine
//! does not have yet.

use crate::failed::Failed;
use crate::node::LoggedSwarm;
use crate::output::{say, warn};
use std::time::Duration;
use swarm_notify::lifecycle::{Failure, ListenerId, State};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};

/// The time after the start of the command at which listeners that have neither opened nor failed are reported. Such a
/// listener waits until this machine has the address of the listener.
const WAITING: Duration = Duration::from_secs(1);

/// A notifee that reports the listeners which fail, or which wait for this machine to get an address.
#[derive(Default)]
pub(super) struct Outcomes {
    /// `true` once a listener has opened or waits for an address. While this is `false`, failures are not reported one by
    /// one, since the command ends with one report if all listeners fail.
    may_serve: bool,
    /// The listeners that have failed and were not reported yet.
    failed: Vec<Failed>,
    has_looked: bool,
}

impl Outcomes {
    /// Returns the listeners that have failed and were not reported yet, and clears the list of them.
    pub(super) fn take_failed(&mut self) -> Vec<Failed> {
        core::mem::take(&mut self.failed)
    }

    fn say(&mut self) {
        if self.may_serve {
            for failed in self.take_failed() {
                say(format_args!("one of the addresses cannot be listened on\n  {failed}"));
            }
        }
    }
}

impl Notifee<LoggedSwarm> for Outcomes {
    fn interest(&self) -> Interest {
        Interest::LISTEN | Interest::LISTEN_FAILED | Interest::TIME
    }

    fn listen(&mut self, _: &mut NotifeeContext<'_, LoggedSwarm>, _: ListenerId) {
        self.may_serve = true;
        self.say();
    }

    fn listen_failed(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>, listener: ListenerId, reason: Failure) {
        if let Some(view) = cx.network().swarm.listener(listener) {
            self.failed.push(Failed::to_listen(view.address, reason, view.error));
        }
        self.say();
    }

    fn poll_at(&self) -> Option<Duration> {
        (!self.has_looked).then_some(WAITING)
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>) {
        let (now, swarm) = (cx.now(), &cx.network().swarm);
        // While the swarm is busy, a listener that seems to wait may have failed already, and its event may follow soon.
        let is_busy = swarm.next_deadline().is_some_and(|at| at <= now);
        if self.has_looked || now < WAITING || is_busy {
            return;
        }
        self.has_looked = true;
        for view in swarm.listeners().filter_map(|listener| swarm.listener(listener)) {
            if view.state == State::Opening {
                warn(format_args!("{}: this machine has no address for it yet; waiting for one", view.address));
                self.may_serve = true;
            }
        }
        self.say();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Node;
    use crate::report::{LogForm, Reporter};
    use std::net::TcpListener;
    use swarm_notify::identity::Keypair;
    use swarm_notify::swarm::{Config, Multiaddr};

    #[test]
    fn addresses_that_fail_on_a_slow_machine_are_not_waited_for() {
        let mut config = Config::default();
        config.limits.listeners = 1_000;
        let mut node = Node::new(&Keypair::generate_ed25519(), config, Reporter::new(LogForm::Json, true)).unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address =
            format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port()).parse::<Multiaddr>().unwrap();
        for _ in 0..1_000 {
            node.world.swarm.listen(address.clone()).unwrap();
        }
        let outcomes = node.notifees.register(Outcomes::default());
        std::thread::sleep(WAITING);
        while node.turn() {}
        let outcomes = node.notifees.get(outcomes).unwrap();
        assert_eq!((outcomes.failed.len(), outcomes.may_serve), (1_000, false));
    }
}
