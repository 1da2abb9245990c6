//! Listeners, and the events of the transport.

use super::Swarm;
use super::address::{AddressFlaw, plain_address, split_peer, unsupported};
use super::error;
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
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::transport::{ListenerId as TransportId, TransportError, TransportEvent};
use libp2p_core::{Multiaddr, Transport};
use std::collections::HashMap;

/// The most events of the transport that are taken in a row while a listener waits for its first address.
const MAX_AWAITED: usize = 8;

/// The time between two warnings of one listener.
const WARNING_PAUSE: Duration = Duration::from_secs(1);

/// A listener, from the command to its last event.
pub(super) struct ListenerEntry {
    pub(super) address: Multiaddr,
    /// Its id in the transport, once the transport was asked to listen.
    transport_id: Option<TransportId>,
    /// The addresses on which it listens, as the transport reports them.
    pub(super) addresses: Vec<Multiaddr>,
    /// The transport has not reported its first address yet.
    awaits_address: bool,
    /// The reason of its close, if it is being closed: the transport still has to report its end.
    end: Option<ListenerEnd>,
    /// The reason of its failure, if it fails although the transport has bound it.
    failure: Option<Failure>,
    pub(super) error: Option<String>,
    /// The time of the last warning in the log that it cannot accept.
    warned: Option<Duration>,
}

/// All listeners.
#[derive(Default)]
pub(super) struct Listeners {
    pub(super) table: Table<ListenerId, ListenerEntry>,
    by_transport_id: HashMap<TransportId, ListenerId>,
    /// The number of listeners whose first address, or whose end, the transport still has to report.
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
    T: Transport + Unpin,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
    R: Reactor,
{
    /// Binds a listener for which there is room to open, and polls the transport at once for its first address, while there
    /// still is room.
    pub(super) fn admit_listener(&mut self, id: ListenerId) {
        if !self.state.is_opening(id) {
            return;
        }
        let Some(listener) = self.listeners.table.get_mut(id) else { return };
        if listener.end.is_some() {
            return;
        }
        if listener.transport_id.is_some() {
            // It was bound before, and has waited for room only.
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
        let _ = self.state.lifecycle.fail(id, failure);
    }

    /// Opens a listener that has its first address, if there is room for the event.
    fn listener_opens(&mut self, id: ListenerId) {
        if self.is_shutting_down {
            return;
        }
        if self.state.lifecycle.opened(id).is_err() {
            self.state.enqueue_opening(id);
        }
    }

    /// Closes a listener. Its last event follows once the transport reports that its socket is closed.
    pub(super) fn end_listener(&mut self, id: ListenerId, end: ListenerEnd) {
        let Some(listener) = self.listeners.table.get_mut(id) else { return };
        if listener.end.is_some() {
            return;
        }
        listener.end = Some(end);
        // An open listener leaves. For one that is opening this is an error, which changes nothing: it goes on opening until
        // its socket is closed.
        let _ = self.state.lifecycle.leave(id);
        // The next turn hears the transport's report; or, if the last event is queued below, the mark makes the owner take
        // that turn and drain it.
        self.wakers.mark(WakeTarget::Transport);
        let Some(transport_id) = listener.transport_id else {
            let _ = self.state.lifecycle.end_listener(id, end);
            return;
        };
        self.listeners.expecting += 1;
        if !self.transport.remove_listener(transport_id) {
            // A transport that does not know the listener will report nothing more about it.
            self.listener_closed(transport_id, Ok(()));
        }
    }

    /// Ends a listener whose socket is closed, for a reason of the transport's or because we asked for it.
    fn listener_closed(&mut self, transport_id: TransportId, reason: Result<(), T::Error>) {
        let Some((id, listener)) = self.known(transport_id) else { return };
        let (asked, failure) = (listener.end, listener.failure);
        let awaited = usize::from(listener.awaits_address) + usize::from(asked.is_some());
        if let Err(error) = &reason {
            listener.error = Some(error.to_string());
        }
        self.listeners.expecting -= awaited;
        self.listeners.by_transport_id.remove(&transport_id);
        let _ = match (asked, &reason) {
            _ if failure.is_some_and(|failure| self.state.lifecycle.fail(id, failure).is_ok()) => Ok(()),
            // Binding was asynchronous, and its error may be a failure with a name of its own.
            (None, Err(error)) if self.state.is_opening(id) => self.state.lifecycle.fail(id, error::failure(error)),
            (None, Err(error)) => self.state.lifecycle.end_listener(id, ListenerEnd::Failed(error::fault(error))),
            (None, Ok(())) => self.state.lifecycle.end_listener(id, ListenerEnd::Failed(Fault::Io)),
            (Some(end), _) => self.state.lifecycle.end_listener(id, end),
        };
    }

    /// Takes the next event of the transport and handles it. While nothing may open, the transport is polled only for the
    /// ends and first addresses of listeners, so that accepting pauses.
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
                // This comes before the gate is asked: if the gate panics, the next event is still heard.
                self.wakers.mark(WakeTarget::Transport);
                self.transport_says(event, self.now);
            }
        }
    }

    /// Returns whether a connection may be accepted now.
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

    /// Handles the error of a listener that could not accept and stays open: the system has run out of descriptors, for
    /// example.
    fn listener_cannot_accept(&mut self, transport_id: TransportId, error: &T::Error) {
        let now = self.now;
        let Some((id, listener)) = self.known(transport_id) else { return };
        // Peers decide how often this happens.
        if listener.warned.is_none_or(|at| at.saturating_add(WARNING_PAUSE) <= now) {
            listener.warned = Some(now);
            log::warn!("{id} cannot accept: {error}");
        }
        self.state.count_refusal(id, Refusal::AcceptFailed);
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

    /// Handles an address that nobody can connect to. A listener without another address cannot open with it: it fails.
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
