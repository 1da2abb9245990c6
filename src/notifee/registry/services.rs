//! Services: [`Service`], with the methods that install and uninstall one together with its protocols.

use super::super::{HasNode, Node, Notifee, NotifeeContext};
use super::{NotifeeId, Notifees, PendingChanges};
use crate::connection::Protocol;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A notifee that answers inbound streams of its protocols.
pub trait Service<N>: Notifee<N> {
    /// Returns the protocols that inbound streams may choose for it. It is asked once, when it is installed.
    fn protocols(&self) -> Vec<Protocol>;
}

/// The number of installed services that speak each protocol.
#[derive(Debug)]
pub(super) struct Speakers(BTreeMap<Protocol, usize>);

impl Speakers {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    fn add(&mut self, protocol: &Protocol) {
        *self.0.entry(protocol.clone()).or_default() += 1;
    }

    /// Removes one speaker of a protocol. Returns `true` if it was the last one.
    fn remove(&mut self, protocol: &Protocol) -> bool {
        let Some(speakers) = self.0.get_mut(protocol) else { return false };
        *speakers -= 1;
        *speakers == 0 && self.0.remove(protocol).is_some()
    }
}

impl<N> PendingChanges<N> {
    /// Unregisters the protocols of a service, and resets the streams that speak them. Returns `false` if it was not
    /// installed.
    fn silence(&mut self, node: &mut dyn Node, id: NotifeeId) -> bool {
        let Some(mut gone) = self.slots.uninstall(id) else { return false };
        gone.retain(|protocol| self.speakers.remove(protocol));
        if gone.is_empty() {
            return true;
        }
        for protocol in &gone {
            node.unregister_protocol(protocol);
        }
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
    /// [`uninstall`](Self::uninstall) undoes both.
    ///
    /// A service that panics or unregisters itself while it is told is not registered, and neither are its protocols.
    pub fn install<T: Service<N> + 'static>(&mut self, network: &mut N, service: T) -> NotifeeId<T> {
        let protocols = service.protocols();
        let id = self.register_and_replay(network, service);
        self.speaks(network, id.untyped(), protocols);
        id
    }
}

impl<N: HasNode> Notifees<N> {
    /// Registers protocols for a notifee: from now on inbound streams may choose them.
    fn speaks(&mut self, network: &mut N, id: NotifeeId, protocols: Vec<Protocol>) {
        // It may have unregistered itself meanwhile.
        if self.changes.slots.place(id).is_none() {
            return;
        }
        for protocol in &protocols {
            network.node_mut().register_protocol(protocol.clone());
            self.changes.speakers.add(protocol);
        }
        self.changes.slots.install(id, protocols);
    }

    /// Removes a service that was [installed](Self::install): it unregisters the protocols with the node, resets the streams
    /// that speak them, and [unregisters](Self::unregister) and drops the service with its untold events. Returns `false`,
    /// and changes nothing, if the service is not installed.
    ///
    /// - Streams of peers, including those that are negotiating, are answered that the protocols are not spoken.
    /// - All streams that speak the protocols are reset, whoever has opened them, and so are our own that propose one of
    ///   them. All notifees but the service are told.
    /// - A protocol that another installed service has, too, stays with all its streams. A service that was only
    ///   [unregistered](Self::unregister) counts as installed for this.
    ///
    /// For a service that was only [unregistered](Self::unregister), it removes the protocols and streams.
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
    /// Removes a service, which may be the notifee itself, as [`Notifees::uninstall`] does. Its protocols and streams go at
    /// once. It is told nothing more, and is dropped once the present notification has gone to all.
    pub fn uninstall<T: ?Sized>(&mut self, id: NotifeeId<T>) {
        let id = id.untyped();
        // A service that is still being installed has no protocols before the replay is over.
        if self.changes.silence(self.network.node_mut(), id) || self.is_replay && id == self.this {
            self.changes.unregister(id);
        }
    }
}
