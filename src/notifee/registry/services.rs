//! Which protocols came with which service, so that they go with it.

use super::super::{Context, HasNode, Node};
use super::{Changes, NotifeeId, Notifees};
use crate::connection::Protocol;
use alloc::vec::Vec;

/// A service that was installed, and what it speaks.
#[derive(Debug)]
pub(super) struct Installed {
    id: NotifeeId,
    protocols: Vec<Protocol>,
}

impl<N> Changes<N> {
    /// Takes back what a service speaks, and resets the streams that speak it. `false`: it was not installed.
    fn silence(&mut self, node: &mut dyn Node, id: NotifeeId) -> bool {
        let Some(place) = self.installed.iter().position(|installed| installed.id == id) else { return false };
        let mut gone = self.installed.remove(place).protocols;
        gone.retain(|protocol| !self.installed.iter().any(|other| other.protocols.contains(protocol)));
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

impl<N: HasNode> Notifees<N> {
    /// A notifee speaks these protocols from now on: inbound streams may choose them.
    pub(crate) fn speaks(&mut self, network: &mut N, id: NotifeeId, protocols: Vec<Protocol>) {
        // One that has unregistered itself meanwhile does not.
        if !self.registered().any(|entry| entry.id == id) {
            return;
        }
        for protocol in &protocols {
            network.node_mut().register_protocol(protocol.clone());
        }
        self.changes.installed.push(Installed { id, protocols });
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
    pub fn uninstall(&mut self, network: &mut N, id: NotifeeId) -> bool {
        let was_installed = self.changes.silence(network.node_mut(), id);
        if was_installed {
            self.unregister(id);
        }
        was_installed
    }
}

impl<N: HasNode> Context<'_, N> {
    /// Takes out a service, itself for instance, as [`Notifees::uninstall`] does. Its protocols and streams go at once;
    /// it is told nothing more, and dropped once this has been told to all.
    pub fn uninstall(&mut self, id: NotifeeId) {
        // One that is being installed speaks nothing before it has been told what is open.
        if self.changes.silence(self.network.node_mut(), id) || self.is_replay && id == self.this {
            self.changes.unregister(id);
        }
    }
}
