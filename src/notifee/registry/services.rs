//! [`Service`], and the methods that install and uninstall a service together with its protocols.

use super::super::{HasNode, Node, Notifee};
use super::{NotifeeContext, NotifeeId, Notifees, PendingChanges};
use crate::connection::Protocol;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A notifee that speaks one or more protocols: it answers the inbound streams on which peers propose them.
pub trait Service<N>: Notifee<N> {
    /// Returns the protocols that the service speaks on inbound streams. The method is called once, when the service is
    /// installed.
    fn protocols(&self) -> Vec<Protocol>;
}

/// For each protocol, the number of installed services that speak it.
#[derive(Debug)]
pub(super) struct Speakers(BTreeMap<Protocol, usize>);

impl Speakers {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn add(&mut self, protocol: &Protocol) {
        *self.0.entry(protocol.clone()).or_default() += 1;
    }

    /// Subtracts one from the number of services that speak a protocol. Returns `true` if no such service is left.
    fn remove(&mut self, protocol: &Protocol) -> bool {
        let Some(speakers) = self.0.get_mut(protocol) else { return false };
        *speakers -= 1;
        *speakers == 0 && self.0.remove(protocol).is_some()
    }
}

impl<N> PendingChanges<N> {
    /// Unregisters those protocols of a service that no other installed service speaks, and resets the streams on which they
    /// are spoken or proposed. Returns `false` if the service was not installed.
    fn silence(&mut self, node: &mut dyn Node, id: NotifeeId) -> bool {
        let Some(mut gone) = self.slots.uninstall(id) else { return false };
        gone.retain(|protocol| self.speakers.remove(protocol));
        if gone.is_empty() {
            return true;
        }
        for protocol in &gone {
            node.unregister_protocol(protocol);
        }
        // This includes streams that have opened and have not been told yet: their events follow, without the service.
        for stream in
            node.connections().into_iter().flat_map(|connection| node.streams_of(connection)).collect::<Vec<_>>()
        {
            let Some(view) = node.stream(stream) else { continue };
            if view.protocol.into_iter().chain(view.proposals).any(|protocol| gone.contains(protocol)) {
                // This cannot fail: the stream has not ended.
                let _ = node.reset(stream);
            }
        }
        true
    }
}

impl<N: HasNode + 'static> Notifees<N> {
    /// Registers a service, tells it of everything that is open, and registers its protocols with the node.
    /// [`uninstall`](Self::uninstall) unregisters the service and its protocols.
    ///
    /// If the service panics or unregisters itself while it is told of everything open, neither the service nor its
    /// protocols are registered.
    pub fn install<T: Service<N> + 'static>(&mut self, network: &mut N, service: T) -> NotifeeId<T> {
        let protocols = service.protocols();
        // The protocols are registered last: if the service panics in its replay, no stream is accepted that nobody
        // would serve.
        let id = self.register_and_replay(network, service);
        self.speaks(network, id.untyped(), protocols);
        id
    }
}

impl<N: HasNode> Notifees<N> {
    /// Registers protocols for an installed service with the node: from now on, inbound streams for them are accepted.
    fn speaks(&mut self, network: &mut N, id: NotifeeId, protocols: Vec<Protocol>) {
        // The service may have unregistered itself meanwhile.
        if self.changes.slots.place(id).is_none() {
            return;
        }
        for protocol in &protocols {
            network.node_mut().register_protocol(protocol.clone());
            self.changes.speakers.add(protocol);
        }
        self.changes.slots.install(id, protocols);
    }

    /// Removes a service that was [installed](Self::install): unregisters its protocols with the node, resets the streams
    /// that speak them, and [unregisters](Self::unregister) and drops the service, with all events that it has not been
    /// told. Returns `false`, and changes nothing, if the service is not installed.
    ///
    /// - Streams on which peers propose the protocols, including streams that are negotiating, get the answer that the
    ///   protocols are not spoken.
    /// - All streams that speak the protocols are reset, whichever side has opened them, and also our own streams that
    ///   propose one of the protocols. All notifees except the service are told that these streams have ended.
    /// - A protocol that another installed service also speaks stays registered, with all its streams. A service that was
    ///   only [unregistered](Self::unregister) counts as installed in this respect.
    ///
    /// If the service was only [unregistered](Self::unregister) before, this call removes its protocols and streams.
    pub fn uninstall<T: ?Sized>(&mut self, network: &mut N, id: NotifeeId<T>) -> bool {
        let id = id.untyped();
        let was_installed = self.changes.silence(network.node_mut(), id);
        if was_installed {
            self.unregister(id);
        }
        was_installed
    }
}

impl<N: HasNode> NotifeeContext<'_, N> {
    /// Removes a service, which may be the notifee that makes this call: see [`Notifees::uninstall`]. The protocols and
    /// streams of the service are removed at once. The service is told nothing more, and is dropped after all notifees have
    /// been told the present notification.
    pub fn uninstall<T: ?Sized>(&mut self, id: NotifeeId<T>) {
        let id = id.untyped();
        // A service that is still being installed has no protocols before the replay is over.
        if self.changes.silence(self.network.node_mut(), id) || self.is_replay && id == self.this {
            self.changes.unregister(id);
        }
    }
}
