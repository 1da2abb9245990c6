//! The listeners of a swarm, and the handling of the transport's events.

use super::Swarm;
use super::address::{AddressFlaw, plain_address, split_peer, unsupported};
use super::error;
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use super::refusals::Refusal;
use super::wake::WakeTarget;
use crate::lifecycle::{Failure, Fault, ListenerEnd, ListenerId, State, Table};
use crate::text::for_log;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use libp2p_core::Multiaddr;
use libp2p_core::transport::{ListenerId as TransportId, TransportError, TransportEvent};
use std::collections::HashMap;

/// The maximum number of times that the transport is polled in a row, right after a listener was bound, for the listener's
/// first address.
const MAX_AWAITED: usize = 8;

/// The minimum time between two warnings in the log that the same listener cannot accept.
const WARNING_PAUSE: Duration = Duration::from_secs(1);

/// A listener, which is kept from the command that makes it until its last event has been handled.
pub(super) struct ListenerEntry {
    pub(super) address: Multiaddr,
    /// The id of this listener in the transport, once the transport was asked to listen.
    transport_id: Option<TransportId>,
    /// The addresses on which this listener listens, as the transport has reported them.
    pub(super) addresses: Vec<Multiaddr>,
    /// `true` if the transport was asked to listen and has not reported the first address of this listener yet.
    awaits_address: bool,
    /// The reason why this listener is being closed, if it is. The transport still has to report that the socket is closed.
    end: Option<ListenerEnd>,
    /// The reason why this listener fails although the transport has bound its socket, if it does.
    failure: Option<Failure>,
    pub(super) error: Option<String>,
    /// The time of the last warning in the log that this listener cannot accept.
    warned: Option<Duration>,
}

/// All listeners of a swarm, by their ids and by their ids in the transport.
#[derive(Default)]
pub(super) struct Listeners {
    pub(super) table: Table<ListenerId, ListenerEntry>,
    by_transport_id: HashMap<TransportId, ListenerId>,
    /// The number of reports that the transport owes us: the first address of each new listener, and the end of each
    /// listener that is being closed.
    expecting: usize,
}

impl Listeners {
    pub(super) fn insert(&mut self, id: ListenerId, address: Multiaddr) {
        let listener = ListenerEntry {
            address,
            transport_id: None,
            addresses: Vec::new(),
            awaits_address: false,
            end: None,
            failure: None,
            error: None,
            warned: None,
        };
        self.table.insert(id, listener);
    }
}

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Binds a listener when the event queue has room for its opening event, and polls the transport at once for the
    /// listener's first address, while there is still room.
    pub(super) fn admit_listener(&mut self, id: ListenerId) {
        if !self.state.is_opening(id) {
            return;
        }
        let Some(listener) = self.listeners.table.get_mut(id) else { return };
        if listener.end.is_some() {
            return;
        }
        if listener.transport_id.is_some() {
            // The listener was bound before, and has only waited for room.
            return self.listener_opens(id);
        }
        let plain = match split_peer(&listener.address) {
            Err(flaw) => return self.listener_fails(id, Failure::Unsupported, &flaw),
            Ok((_, Some(peer))) if peer != self.state.local_peer => {
                return self.listener_fails(id, Failure::WrongPeer, &"the address names another peer");
            }
            Ok((plain, _)) => plain,
        };
        let transport_id = TransportId::next();
        listener.transport_id = Some(transport_id);
        match self.transport.listen_on(transport_id, plain) {
            Ok(()) => {
                listener.awaits_address = true;
                self.listeners.by_transport_id.insert(transport_id, id);
                self.listeners.expecting += 1;
                // A transport reports the first address when it is polled. It is polled now, so that `Listen` is told in the
                // turn that binds the socket.
                for _ in 0..MAX_AWAITED {
                    if !self.listeners.table.get(id).is_some_and(|listener| listener.awaits_address) {
                        break;
                    }
                    self.help_transport();
                }
            }
            Err(TransportError::MultiaddrNotSupported(address)) => {
                self.listener_fails(id, Failure::Unsupported, &unsupported(&address, false));
            }
            Err(TransportError::Other(error)) => self.listener_fails(id, error::failure(&error), &error),
        }
    }

    fn listener_fails(&mut self, id: ListenerId, failure: Failure, text: &dyn core::fmt::Display) {
        log::debug!("{id}: {failure}: {}", for_log(text));
        if let Some(listener) = self.listeners.table.get_mut(id) {
            listener.error = Some(text.to_string());
        }
        // This cannot fail: the caller has seen that the listener is opening.
        let _ = self.state.lifecycle.fail(id, failure);
    }

    /// Opens a listener that has its first address. If the event queue has no room, the listener is queued for opening.
    fn listener_opens(&mut self, id: ListenerId) {
        if self.is_shutting_down {
            return;
        }
        if self.state.lifecycle.opened(id).is_err() {
            self.state.enqueue_opening(id);
        }
    }

    /// Closes a listener. The closing event follows once the transport has reported that the socket is closed.
    pub(super) fn end_listener(&mut self, id: ListenerId, end: ListenerEnd) {
        let Some(listener) = self.listeners.table.get_mut(id) else { return };
        if listener.end.is_some() {
            return;
        }
        listener.end = Some(end);
        // An open listener leaves. For a listener that is opening, this call is an error, which changes nothing: the
        // listener goes on opening until its socket is closed.
        let _ = self.state.lifecycle.leave(id);
        // The next turn hears the transport's report; or, if the last event is queued below, the mark makes the owner take
        // that turn and drain it.
        self.wakers.mark(WakeTarget::Transport);
        let Some(transport_id) = listener.transport_id else {
            // This cannot fail: the listener has not ended, since its end is requested once, and it never had a socket.
            let _ = self.state.lifecycle.end_listener(id, end);
            return;
        };
        self.listeners.expecting += 1;
        if !self.transport.remove_listener(transport_id) {
            // A transport that does not know the listener will report nothing more about it.
            self.listener_closed(transport_id, Ok(()));
        }
    }

    /// Ends a listener whose socket the transport has closed, after an error or because we have asked for it.
    fn listener_closed(&mut self, transport_id: TransportId, reason: Result<(), T::Error>) {
        let Some((id, listener)) = self.known(transport_id) else { return };
        let (asked, failure) = (listener.end, listener.failure);
        let awaited = usize::from(listener.awaits_address) + usize::from(asked.is_some());
        if let Err(error) = &reason {
            listener.error = Some(error.to_string());
        }
        self.listeners.expecting -= awaited;
        self.listeners.by_transport_id.remove(&transport_id);
        // This cannot fail: the listener has not ended, since the transport has known it until now.
        let _ = match (asked, &reason) {
            _ if failure.is_some_and(|failure| self.state.lifecycle.fail(id, failure).is_ok()) => Ok(()),
            // Binding was asynchronous, and its error may be a failure with a name of its own.
            (None, Err(error)) if self.state.is_opening(id) => self.state.lifecycle.fail(id, error::failure(error)),
            (None, Err(error)) => self.state.lifecycle.end_listener(id, ListenerEnd::Failed(error::fault(error))),
            (None, Ok(())) => self.state.lifecycle.end_listener(id, ListenerEnd::Failed(Fault::Io)),
            (Some(end), _) => self.state.lifecycle.end_listener(id, end),
        };
    }

    /// Polls the transport for its next event and handles the event. While the event queue has no room, the transport is
    /// polled only if a listener's first address or end is expected; so no connections are accepted meanwhile.
    pub(super) fn help_transport(&mut self) {
        let accepts = self.accepts();
        self.is_transport_due = !accepts;
        if !accepts && self.listeners.expecting == 0 {
            return;
        }
        let waker = self.wakers.waker(WakeTarget::Transport);
        match Pin::new(&mut self.transport).poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => self.is_transport_due = false,
            Poll::Ready(event) => {
                // The transport is marked before the gate is asked, so that its next event is still handled if the gate
                // panics.
                self.wakers.mark(WakeTarget::Transport);
                self.transport_says(event, self.now);
            }
        }
    }

    /// Returns whether connections may be accepted now: the event queue has room, and the swarm is not shutting down.
    pub(super) fn accepts(&self) -> bool {
        !self.is_shutting_down && self.state.lifecycle.room() > 0
    }

    fn transport_says(&mut self, event: TransportEvent<T::ListenerUpgrade, T::Error>, now: Duration) {
        match event {
            TransportEvent::NewAddress { listener_id, listen_addr } => {
                match plain_address(&listen_addr, self.state.local_peer) {
                    Ok(address) => self.address_comes(listener_id, address),
                    Err(flaw) => self.address_is_refused(listener_id, &listen_addr, flaw),
                }
            }
            TransportEvent::AddressExpired { listener_id, listen_addr } => {
                let Ok(expired) = plain_address(&listen_addr, self.state.local_peer) else { return };
                let Some((id, listener)) = self.known(listener_id) else { return };
                // A listener on a wildcard whose last interface is gone stays open without an address: interfaces come back.
                listener.addresses.retain(|address| *address != expired);
                self.addresses_changed(id);
            }
            TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr } => {
                let Some((id, listener)) = self.known(listener_id) else { return };
                // All connections to one address share one copy of it.
                let known = listener.addresses.iter().find(|address| **address == local_addr);
                let local = known.cloned().unwrap_or(local_addr);
                self.accept(id, upgrade, send_back_addr, local, now);
            }
            TransportEvent::ListenerClosed { listener_id, reason } => self.listener_closed(listener_id, reason),
            TransportEvent::ListenerError { listener_id, error } => self.listener_cannot_accept(listener_id, &error),
        }
    }

    /// Handles an error of a listener that could not accept a connection, for example because the system has run out of
    /// descriptors. The listener stays open.
    fn listener_cannot_accept(&mut self, transport_id: TransportId, error: &T::Error) {
        let now = self.now;
        let Some((id, listener)) = self.known(transport_id) else { return };
        // Peers decide how often this happens.
        if listener.warned.is_none_or(|at| at.saturating_add(WARNING_PAUSE) <= now) {
            listener.warned = Some(now);
            log::warn!("{id} cannot accept: {error}");
        }
        self.state.count_refusal(id, Refusal::AcceptFailed);
        // Running out of descriptors or memory has no name among the failures. Errors with a name, such as a connection that
        // was reset while it waited in the system's backlog, cost no visitor its place.
        if error::failure(error) == Failure::Io {
            self.give_back();
        }
    }

    fn known(&mut self, transport_id: TransportId) -> Option<(ListenerId, &mut ListenerEntry)> {
        let id = *self.listeners.by_transport_id.get(&transport_id)?;
        self.listeners.table.get_mut(id).map(|listener| (id, listener))
    }

    fn address_comes(&mut self, transport_id: TransportId, address: Multiaddr) {
        let Some((id, listener)) = self.known(transport_id) else { return };
        if listener.end.is_some() || listener.addresses.contains(&address) {
            return;
        }
        listener.addresses.push(address);
        if !core::mem::take(&mut listener.awaits_address) {
            return self.addresses_changed(id);
        }
        self.listeners.expecting -= 1;
        self.listener_opens(id);
    }

    /// Handles an address to which nobody can connect. If it is the first address of a listener, the listener fails;
    /// otherwise the address is not added to the listener's addresses.
    fn address_is_refused(&mut self, transport_id: TransportId, address: &Multiaddr, flaw: AddressFlaw) {
        let Some((id, listener)) = self.known(transport_id) else { return };
        log::warn!("{id}: the transport reports {address}, and nobody can connect to it: {flaw}");
        if listener.awaits_address && listener.end.is_none() {
            listener.error = Some(format!("nobody can connect to {address}: {flaw}"));
            listener.failure = Some(Failure::AddressNotAvailable);
            self.end_listener(id, ListenerEnd::Failed(Fault::Io));
        }
    }

    fn addresses_changed(&mut self, id: ListenerId) {
        if self.state.lifecycle.state(id) == Some(State::Open) {
            self.state.addresses_changed(id);
        }
    }
}
