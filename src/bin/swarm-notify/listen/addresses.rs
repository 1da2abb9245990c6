//! [`PrintedAddresses`]: prints, for each address of a listener, a command with which others can dial the address, and later
//! prints which addresses were added and removed.

use crate::node::LoggedSwarm;
use std::collections::HashMap;
use swarm_notify::lifecycle::{ListenerEnd, ListenerId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};
use swarm_notify::swarm::Multiaddr;

/// A notifee that prints, for each listener that opens, the commands with which others can dial its addresses, and later
/// prints which addresses were added and removed.
pub(super) struct PrintedAddresses {
    /// The topic that the printed commands join, or `None` if they join no topic.
    topic: Option<(&'static str, String)>,
    /// The addresses that each open listener had when its commands were last printed.
    printed: HashMap<ListenerId, Vec<Multiaddr>>,
}

impl PrintedAddresses {
    pub(super) fn new(topic: Option<(&'static str, String)>) -> Self {
        Self { topic, printed: HashMap::new() }
    }

    /// Prints the commands that dial the new addresses of a listener. If addresses of the listener were printed before, this
    /// function also prints the line `addresses_changed`.
    fn print(&mut self, world: &LoggedSwarm, listener: ListenerId) {
        let addresses = world.swarm.listener(listener).map(|view| view.addresses.to_vec()).unwrap_or_default();
        let is_known = self.printed.contains_key(&listener);
        let before = self.printed.insert(listener, addresses.clone()).unwrap_or_default();
        let without = |one: &[Multiaddr], other: &[Multiaddr]| {
            one.iter().filter(|address| !other.contains(address)).cloned().collect::<Vec<_>>()
        };
        let (added, removed) = (without(&addresses, &before), without(&before, &addresses));
        if is_known && !(added.is_empty() && removed.is_empty()) {
            world.reporter.addresses_changed(&world.swarm, listener, &added, &removed);
        }
        for address in &added {
            world.reporter.dial_me(
                &world.swarm,
                address,
                self.topic.as_ref().map(|(option, topic)| (*option, &**topic)),
            );
        }
    }
}

impl Notifee<LoggedSwarm> for PrintedAddresses {
    fn interest(&self) -> Interest {
        Interest::LISTEN | Interest::LISTEN_CLOSE | Interest::ADDRESSES_CHANGED
    }

    fn listen(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>, listener: ListenerId) {
        self.print(cx.network(), listener);
    }

    fn addresses_changed(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>, listener: ListenerId) {
        self.print(cx.network(), listener);
    }

    fn listen_close(&mut self, _cx: &mut NotifeeContext<'_, LoggedSwarm>, listener: ListenerId, _reason: ListenerEnd) {
        self.printed.remove(&listener);
    }
}
