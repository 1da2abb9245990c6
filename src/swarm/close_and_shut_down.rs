//! The owner's commands that end a listener, a connection or the whole swarm.

use super::Swarm;
use super::error::CloseError;
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use super::run_queue::Closing;
use super::wake::WakeTarget;
use crate::connection::Now;
use crate::lifecycle::{ConnectionEnd, ConnectionId, Fault, Id, ListenerEnd, ListenerId, State};
use core::task::Context;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Closes a listener. The connections that it has accepted stay open. Closing a listener again before its last event
    /// changes nothing.
    ///
    /// # Events
    /// [`ListenClose`](crate::lifecycle::Event::ListenClose) once the listener's socket is closed, or
    /// [`ListenFailed`](crate::lifecycle::Event::ListenFailed) with
    /// [`Failure::Requested`](crate::lifecycle::Failure::Requested) if the listener was not open yet.
    ///
    /// # Errors
    /// [`CloseError`] if the command is refused; nothing has changed then.
    pub fn close_listener(&mut self, id: ListenerId) -> Result<(), CloseError> {
        self.closable(id)?;
        self.end_listener(id, ListenerEnd::Requested);
        Ok(())
    }

    /// Closes a connection politely: we send the bytes that were written, then yamux's go-away, then we end our side of the
    /// byte pipe. We go on reading from the peer until the peer ends its side too or
    /// [`close_timeout`](crate::connection::Config::close_timeout) has passed. A connection that is not open yet is given up
    /// at once. The call is never refused because the event queue is full, and a second call changes nothing.
    ///
    /// Wait for the answers to your requests before you close the connection. The peer receives the go-away and the end of
    /// our side together, and most implementations then end all streams at once, answered or not. Data that arrives
    /// nevertheless can be read until the socket is closed.
    ///
    /// A connection that the peer is leaving by go-away 0 keeps its live streams until they end. This call ends the
    /// connection without waiting for these streams: the bytes that were written are sent, and the reason stays
    /// [`RemoteEnd::GoAway`](crate::lifecycle::RemoteEnd::GoAway).
    ///
    /// # Events
    /// Once the socket is closed, the last events of the streams that the connection still has, oldest stream first, then
    /// [`Disconnected`](crate::lifecycle::Event::Disconnected); or [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed)
    /// with [`Failure::Requested`](crate::lifecycle::Failure::Requested) if the connection was not open yet.
    ///
    /// # Errors
    /// [`CloseError`] if the command is refused; nothing has changed then.
    pub fn close_connection(&mut self, id: ConnectionId) -> Result<(), CloseError> {
        self.closable(id)?;
        if let Some(conn) = self.connections.get_mut(id) {
            // A command has no time of its own: the owner may have slept since the last turn, and a timeout that counts from
            // then could be over at once. `mark_commanded` makes the next turn begin the timeout.
            conn.close(&mut self.state, ConnectionEnd::Requested, Now::Untimed);
            conn.mark_commanded(&mut self.state);
        }
        Ok(())
    }

    /// Closes a connection at once: its socket is closed before this call returns, and output that was not sent is lost.
    ///
    /// # Events
    /// The events of [`close_connection`](Self::close_connection).
    ///
    /// # Errors
    /// [`CloseError`] if the command is refused; nothing has changed then.
    pub fn abort_connection(&mut self, id: ConnectionId) -> Result<(), CloseError> {
        self.closable(id)?;
        if let Some(conn) = self.connections.get_mut(id) {
            conn.cut(&mut self.state);
            conn.mark_dirty(&mut self.state);
        }
        Ok(())
    }

    /// Ends a connection at once, and records that its peer was at fault. Call this when the peer breaks a protocol of yours
    /// ([`Fault::Protocol`]) or sends more than you allow ([`Fault::Flood`]).
    ///
    /// We send the peer yamux's go-away 1, if the socket accepts it at once. The socket is closed before this call returns;
    /// all other output that was not sent is lost. The peer may connect again at once. If the connection is already being
    /// closed, its reason does not change.
    ///
    /// # Events
    /// The events of [`close_connection`](Self::close_connection), with the reason [`ConnectionEnd::Failed`] and `fault`.
    ///
    /// # Errors
    /// [`CloseError`] if the command is refused; nothing has changed then.
    pub fn fail_connection(&mut self, id: ConnectionId, fault: Fault) -> Result<(), CloseError> {
        self.closable(id)?;
        // The go-away is written within this call, and a poll needs a waker. The connection's own is as good as any: the
        // socket is closed next, and nobody waits for the wake.
        let waker = self.wakers.waker(WakeTarget::of(id));
        if let Some(conn) = self.connections.get_mut(id) {
            conn.blame(&mut self.state, &mut Context::from_waker(&waker), fault);
            conn.mark_dirty(&mut self.state);
        }
        Ok(())
    }

    /// Closes everything: listeners at once, and connections politely, like [`close_connection`](Self::close_connection), so
    /// that all streams end, even if a request on them has not been answered. The next turns close the sockets of accepted
    /// connections whose peers are not authenticated yet, without waiting for these peers. From now on nothing new begins,
    /// and every command that would begin something is refused. The call costs O(1). The closing events arrive while the
    /// owner keeps doing turns and draining events; the shutdown is over when [`is_shut_down`](Self::is_shut_down) returns
    /// `true`, at the latest a [`close_timeout`](crate::connection::Config::close_timeout) after the call.
    pub fn shutdown(&mut self) {
        if !core::mem::replace(&mut self.is_shutting_down, true) {
            self.closing = Some(Closing::default());
            self.state.stop_opening();
        }
    }

    /// Returns `true` after a [`shutdown`](Self::shutdown) once all listeners, connections and streams have ended and all
    /// events have been drained. [`Notifees::drive`](crate::notifee::Notifees::drive) explains how to recognize that the
    /// notifees, too, have been told all events.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        // `closing` has to be looked at, too: visitors have no record in the lifecycle, and their sockets are closed before
        // it becomes `None`.
        self.is_shutting_down && self.closing.is_none() && self.state.lifecycle.is_empty()
    }

    fn closable(&self, id: impl Into<Id>) -> Result<(), CloseError> {
        match self.state.lifecycle.state(id) {
            Some(State::Opening | State::Open | State::Leaving) => Ok(()),
            Some(State::Ended) => Err(CloseError::Ended),
            None => Err(CloseError::Stale),
        }
    }
}
