//! Streams by id: open, read, write, finish, close, reset.

use super::error::{CloseError, OpenStreamError};
use super::{Swarm, slot_of};
use crate::connection::{Fact, Protocol, ReadError, Stream, WriteError};
use crate::lifecycle::{ConnectionId, Direction, Failure, Side, State, StreamEnd, StreamId};
use alloc::vec::Vec;
use core::time::Duration;
use futures_lite::io::{AsyncRead, AsyncWrite};
use libp2p_core::Transport;

impl<T, const EVENTS: usize> Swarm<T, EVENTS>
where
    T: Transport,
    T::Output: AsyncRead + AsyncWrite + Unpin,
    T::Error: 'static,
{
    /// Opens a stream that speaks the first of `protocols` that the peer speaks too.
    ///
    /// With one protocol, data may be written at once: it travels with the proposal. Beyond yamux's backlog of streams
    /// that the peer has not acknowledged, the stream waits its turn.
    ///
    /// # Events
    /// [`OpenedStream`](crate::lifecycle::Event::OpenedStream) once the peer has agreed, or
    /// [`StreamFailed`](crate::lifecycle::Event::StreamFailed).
    ///
    /// # Errors
    /// [`OpenStreamError`]; nothing has changed.
    pub fn open_stream(
        &mut self,
        connection: ConnectionId,
        protocols: &[Protocol],
        now: Duration,
    ) -> Result<StreamId, OpenStreamError> {
        let stream = Stream::outbound(protocols).ok_or(OpenStreamError::NoProtocol)?;
        if self.is_shutting_down {
            return Err(OpenStreamError::Closing);
        }
        let id = self.ledger.lifecycle.begin_stream(connection, Direction::Outbound)?;
        self.ledger.insert_stream(id, stream);
        let Some(link) = self.links.get_mut(connection) else { return Ok(id) };
        let started = match link.connection() {
            Some(connection) => connection.open_stream(id, &mut self.ledger.turn(now)),
            None => Err(Failure::ConnectionClosed),
        };
        link.mark_dirty(&mut self.ledger);
        if let Err(failure) = started {
            self.ledger.fail_stream(id, failure);
        }
        Ok(id)
    }

    /// Reads what has come. `Ok(0)`, for a buffer that is not empty, is the end: the peer's FIN has been read.
    ///
    /// # Events
    /// [`ClosedStream`](crate::lifecycle::Event::ClosedStream), if our side was over already.
    ///
    /// # Errors
    /// [`ReadError`]; nothing has changed. [`ReadError::Blocked`]: [`next_ready`](Self::next_ready) tells when to come
    /// again.
    pub fn read(&mut self, id: StreamId, buffer: &mut [u8], now: Duration) -> Result<usize, ReadError> {
        let Some(state) = self.ledger.lifecycle.state(id) else { return Err(ReadError::Stale) };
        if state == State::Ended {
            return Err(ReadError::Ended);
        }
        let read = self.on_stream(id, |connection, turn| connection.read(id, buffer, turn)).unwrap_or(Err(ReadError::Ended));
        let (n, fact) = match read {
            Err(ReadError::Blocked) => {
                self.ledger.read_short(id);
                return Err(ReadError::Blocked);
            }
            read => read?,
        };
        let _ = now;
        self.stream_says(fact);
        if n < buffer.len() {
            self.ledger.read_short(id);
        }
        self.mark_dirty_of(id);
        Ok(n)
    }
}
