//! The owner's commands that end what lives: a listener, a connection, the swarm.

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
    /// Closes a listener. Its connections stay. Closing it again before its last event changes nothing.
    ///
    /// # Events
    /// [`ListenClose`](crate::lifecycle::Event::ListenClose) once its socket is closed, or
    /// [`ListenFailed`](crate::lifecycle::Event::ListenFailed) with
    /// [`Failure::Requested`](crate::lifecycle::Failure::Requested) if it was not open yet.
    ///
    /// # Errors
    /// [`CloseError`]; nothing has changed.
    pub fn close_listener(&mut self, id: ListenerId) -> Result<(), CloseError> {
        self.closable(id)?;
        self.end_listener(id, ListenerEnd::Requested);
        Ok(())
    }

    /// Closes a connection politely: what was written is sent, then yamux's go-away, then our side of the byte pipe ends,
    /// and what the peer has sent is read until it ends its side too or
    /// [`close_timeout`](crate::connection::Config::close_timeout) has passed. A connection that is not open yet is given up
    /// at once. The call is never refused for lack of room, and calling it again changes nothing.
    ///
    /// Wait for the answers to your requests before you call it. The peer receives the go-away and the end of our side
    /// together, and most implementations then end all streams at once, answered or not. Data that arrives nevertheless can
    /// be read until the socket is closed.
    ///
    /// A connection that the peer is leaving by go-away 0 keeps its live streams until they end. This call ends the
    /// connection without waiting for them: what was written is sent, and the reason stays
    /// [`RemoteEnd::GoAway`](crate::lifecycle::RemoteEnd::GoAway).
    ///
    /// # Events
    /// Once the socket is closed, the last events of the streams that it still has, oldest first, then
    /// [`Disconnected`](crate::lifecycle::Event::Disconnected); or
    /// [`ConnectFailed`](crate::lifecycle::Event::ConnectFailed) with
    /// [`Failure::Requested`](crate::lifecycle::Failure::Requested) if it was not open yet.
    ///
    /// # Errors
    /// [`CloseError`]; nothing has changed.
    pub fn close_connection(&mut self, id: ConnectionId) -> Result<(), CloseError> {
        self.closable(id)?;
        if let Some(conn) = self.connections.get_mut(id) {
            conn.close(&mut self.state, ConnectionEnd::Requested, Now::Untimed);
            conn.mark_commanded(&mut self.state);
        }
        Ok(())
    }

    /// Closes a connection at once: its socket is closed before this returns, and what was not sent is lost.
    ///
    /// # Events
    /// As for [`close_connection`](Self::close_connection).
    ///
    /// # Errors
    /// [`CloseError`]; nothing has changed.
    pub fn abort_connection(&mut self, id: ConnectionId) -> Result<(), CloseError> {
        self.closable(id)?;
        if let Some(conn) = self.connections.get_mut(id) {
            conn.cut(&mut self.state);
            conn.mark_dirty(&mut self.state);
        }
        Ok(())
    }

    /// Ends a connection at once, and blames its peer. Call it when the peer breaks a protocol of yours
    /// ([`Fault::Protocol`]) or asks for too much ([`Fault::Flood`]).
    ///
    /// The peer is sent yamux's go-away 1, if its socket takes that at once. The socket is closed before this returns;
    /// whatever else was not sent is lost. The peer may connect again at once. A connection that is being closed already keeps
    /// the reason of that close.
    ///
    /// # Events
    /// As for [`close_connection`](Self::close_connection), with
    /// [`ConnectionEnd::Failed`] and this fault.
    ///
    /// # Errors
    /// [`CloseError`]; nothing has changed.
    pub fn fail_connection(&mut self, id: ConnectionId, fault: Fault) -> Result<(), CloseError> {
        self.closable(id)?;
        let waker = self.wakers.waker(WakeTarget::of(id));
        if let Some(conn) = self.connections.get_mut(id) {
            conn.blame(&mut self.state, &mut Context::from_waker(&waker), fault);
            conn.mark_dirty(&mut self.state);
        }
        Ok(())
    }

    /// Closes everything: listeners at once, connections politely, as [`close_connection`](Self::close_connection) does, so
    /// that streams end, answered or not. Accepted connections whose peers are not authenticated are closed at once, by the
    /// next turns. From now on nothing new begins, and every command that would begin something is refused. The call costs
    /// O(1). Its events come as the owner keeps taking turns and draining; the shutdown is over when
    /// [`is_shut_down`](Self::is_shut_down) returns `true`, at the latest a
    /// [`close_timeout`](crate::connection::Config::close_timeout) after the call.
    pub fn shutdown(&mut self) {
        if !core::mem::replace(&mut self.is_shutting_down, true) {
            self.closing = Some(Closing::default());
            self.state.stop_opening();
        }
    }

    /// Returns `true` after a [`shutdown`](Self::shutdown) once nothing lives any more and all events have been drained.
    /// [`Notifees::drive`](crate::notifee::Notifees::drive) says when notifees have heard everything, too.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
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
