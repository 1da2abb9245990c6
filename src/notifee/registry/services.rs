//! Services: [`Service`], how one is installed and taken out, and which protocols came with which, so that they go with
//! it.

use super::super::{HasNode, Node, Notifee};
use super::{NotifeeContext, NotifeeId, Notifees, PendingChanges};
use crate::connection::Protocol;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A notifee that answers inbound streams.
pub trait Service<N>: Notifee<N> {
    /// The protocols that inbound streams may choose for it. It is asked once, when it is installed.
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

    /// Takes away one of those who speak a protocol. `true`: it was the last.
    fn remove(&mut self, protocol: &Protocol) -> bool {
        let Some(speakers) = self.0.get_mut(protocol) else { return false };
        *speakers -= 1;
        *speakers == 0 && self.0.remove(protocol).is_some()
    }
}

impl<N> PendingChanges<N> {
    /// Takes back what a service speaks, and resets the streams that speak it. `false`: it was not installed.
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
                // It has not ended.
                let _ = node.reset(stream);
            }
        }
        true
    }
}

impl<N: HasNode + 'static> Notifees<N> {
    /// Registers a service, after it has been told of what is open already, and its protocols with the node.
    /// [`uninstall`](Self::uninstall) takes both back.
    ///
    /// One that panics while it is told so, or unregisters itself, is not registered, and neither are its protocols.
    pub fn install<T: Service<N> + 'static>(&mut self, network: &mut N, service: T) -> NotifeeId<T> {
        let protocols = service.protocols();
        let id = self.register_and_replay(network, service);
        self.speaks(network, id.untyped(), protocols);
        id
    }
}

impl<N: HasNode> Notifees<N> {
    /// A notifee speaks these protocols from now on: inbound streams may choose them.
    fn speaks(&mut self, network: &mut N, id: NotifeeId, protocols: Vec<Protocol>) {
        // One that has unregistered itself meanwhile does not.
        if self.changes.slots.place(id).is_none() {
            return;
        }
        for protocol in &protocols {
            network.node_mut().register_protocol(protocol.clone());
            self.changes.speakers.add(protocol);
        }
        self.changes.slots.install(id, protocols);
    }

    /// Takes out a service that was [installed](Self::install): unregisters its protocols with the node, resets the
    /// streams that speak them, and [unregisters](Self::unregister) and drops the service, with what it has not told
    /// yet. `false`: it was not installed, or is out already; nothing has changed.
    ///
    /// - Streams that a peer opens from now on find the protocols not spoken, those whose negotiation is under way
    ///   among them.
    /// - All streams that speak them are reset, whoever has opened them, and so are our own that propose one of them. The
    ///   service is not told of that, all others are.
    /// - A protocol that another installed service has too stays, with all its streams; one that was only
    ///   [unregistered](Self::unregister) has its protocols still.
    ///
    /// For one that was only [unregistered](Self::unregister), it does the rest.
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
    /// Takes out a service, itself for instance, as [`Notifees::uninstall`] does. Its protocols and streams go at once;
    /// it is told nothing more, and dropped once this has been told to all.
    pub fn uninstall<T: ?Sized>(&mut self, id: NotifeeId<T>) {
        let id = id.untyped();
        // One that is being installed speaks nothing before it has been told what is open.
        if self.changes.silence(self.network.node_mut(), id) || self.is_replay && id == self.this {
            self.changes.unregister(id);
        }
    }
}
