//! The methods that open, read, write, flush, finish, close and reset a stream.

use super::Swarm;
use super::error::{CloseError, OpenStreamError};
use super::pipe::PipeTransport;
use super::reactor::Reactor;
use crate::connection::{Connection, Environment, Fact, Now, Protocol, ReadError, Stream, WriteError};
use crate::lifecycle::{ConnectionId, Direction, Failure, Side, State, StreamEnd, StreamId};
use alloc::vec::Vec;
use core::time::Duration;

impl<T, const EVENTS: usize, R> Swarm<T, EVENTS, R>
where
    T: PipeTransport,
    R: Reactor,
{
    /// Opens a stream on a connection. Both sides agree on the first of `protocols` that the peer speaks, too.
    ///
    /// If `protocols` contains one protocol, data may be written at once and is sent together with the proposal. A new
    /// stream has to wait, and a write to it is [`Blocked`](WriteError::Blocked), in three cases:
    /// [`ack_backlog`](crate::connection::yamux::Config::ack_backlog) streams are not acknowledged by the peer;
    /// [`early_streams`](crate::connection::yamux::Config::early_streams) have begun and the peer has not sent a frame yet;
    /// or the peer does not read pending output.
    ///
    /// # Events
    /// [`OpenedStream`](crate::lifecycle::Event::OpenedStream) once the peer has agreed, or
    /// [`StreamFailed`](crate::lifecycle::Event::StreamFailed), at the latest after
    /// [`negotiation_timeout`](crate::connection::Config::negotiation_timeout).
    ///
    /// If the connection has as many streams as [`Limits::streams_per_connection`] allows, the half-open stream that has
    /// been silent longest is given up for the new stream, if it has been silent for at least
    /// [`half_open_grace`](crate::connection::Config::half_open_grace).
    ///
    /// [`Limits::streams_per_connection`]: crate::lifecycle::Limits::streams_per_connection
    ///
    /// # Errors
    /// [`OpenStreamError`] if the command is refused; nothing has changed then.
    pub fn open_stream(
        &mut self,
        connection: ConnectionId,
        protocols: &[Protocol],
    ) -> Result<StreamId, OpenStreamError> {
        let stream = Stream::outbound(protocols).ok_or(OpenStreamError::NoProtocol)?;
        if self.is_shutting_down {
            return Err(OpenStreamError::Closing);
        }
        if let Some(conn) = self.connections.get_mut(connection) {
            conn.make_place(&mut self.state, self.now);
        }
        let taken = self.state.lifecycle.held_streams();
        let id = self.state.lifecycle.begin_stream(connection, Direction::Outbound)?;
        self.state.shares.own_stream_begins(taken);
        self.state.insert_stream(id, stream, self.now);
        let started = self.on_stream(id, |connection, turn| connection.open_stream(id, turn));
        // The stream has its id already, and each id that is given out ends with an event: the failure is reported by
        // `StreamFailed`, and not by an error.
        if let Err(failure) = started.unwrap_or(Err(Failure::ConnectionClosed)) {
            self.state.fail_stream(id, failure);
        }
        Ok(id)
    }

    /// Reads bytes that have arrived on a stream, and returns their number. For a buffer that is not empty, `Ok(0)` means
    /// the end of the stream: the peer has finished its side, and all its bytes have been read.
    ///
    /// # Events
    /// [`ClosedStream`](crate::lifecycle::Event::ClosedStream) with [`StreamEnd::Finished`] when the end is read, if our FIN
    /// has been sent already.
    ///
    /// # Errors
    /// [`ReadError`] if nothing can be read now or ever; nothing has changed then. After [`ReadError::Blocked`] or a short
    /// read, [`next_ready`](Self::next_ready) returns a notice when there are more bytes.
    pub fn read(&mut self, id: StreamId, buffer: &mut [u8]) -> Result<usize, ReadError> {
        self.lives(id, ReadError::Stale, ReadError::Ended)?;
        let read = self.try_on_stream(id, |connection, turn| connection.read(id, buffer, turn));
        match read.unwrap_or(Err(ReadError::Ended)) {
            Ok((n, fact)) => {
                self.stream_says(fact);
                // A read that fills the buffer says nothing of what is left: the owner reads again, and waits only once a
                // read was short.
                if n < buffer.len() {
                    self.state.read_short(id);
                }
                Ok(n)
            }
            Err(error) => {
                if error == ReadError::Blocked {
                    self.state.read_short(id);
                }
                Err(error)
            }
        }
    }

    /// Writes as much of `data` to a stream as its window and the memory budget allow now, and returns the number of bytes
    /// that were accepted. The next [`tick`](Self::tick) or [`flush_all`](Self::flush_all) sends them.
    ///
    /// # Errors
    /// [`WriteError`] if nothing can be written now or ever; nothing has changed then. After [`WriteError::Blocked`] or a
    /// short write, [`next_ready`](Self::next_ready) returns a notice when more can be written.
    pub fn write(&mut self, id: StreamId, data: &[u8]) -> Result<usize, WriteError> {
        self.lives(id, WriteError::Stale, WriteError::Ended)?;
        let written = self.try_on_stream(id, |connection, turn| connection.write(id, data, turn));
        let written = written.unwrap_or(Err(WriteError::Ended));
        if let Ok(1..) = written
            && let Some(conn) = self.state.lifecycle.connection_of(id).and_then(|id| self.connections.get_mut(id))
        {
            conn.wrote(id, &mut self.state);
        }
        if written.is_ok_and(|n| n < data.len()) || written == Err(WriteError::Blocked) {
            self.state.write_short(id);
        }
        written
    }

    /// Returns the number of bytes that a [`write`](Self::write) would accept now. Reading from other streams does not lower
    /// this number. So an owner that forwards bytes can read at most this number of bytes at a time, and needs no buffer of
    /// its own. 0 means that a write would accept nothing now or ever: a call of `write` tells which, and makes
    /// [`next_ready`](Self::next_ready) return a notice when a write accepts bytes again.
    #[must_use]
    pub fn write_room(&mut self, id: StreamId) -> usize {
        let Some(conn) = self.state.lifecycle.connection_of(id).and_then(|id| self.connections.get_mut(id)) else {
            return 0;
        };
        // Other connections have used or freed parts of the budgets since, and the pressure on this one decides what a
        // write accepts.
        conn.heed_pressure(&mut self.state);
        conn.connection().map_or(0, |connection| connection.write_room(id, &self.state.environment(Now::Untimed)))
    }

    /// Returns `Ok` if all bytes that were written to the stream have been handed to the transport's byte pipe (for TCP: to
    /// the system), and the pipe has been flushed. `Ok` does not mean that the peer has received the bytes. The call costs
    /// O(1), and sends nothing itself: the next [`tick`](Self::tick) or [`flush_all`](Self::flush_all) sends. The FIN of
    /// [`finish`](Self::finish) is not included.
    ///
    /// # Errors
    /// [`WriteError::Blocked`] if some bytes have not been handed over yet. [`next_ready`](Self::next_ready) returns a
    /// notice with `writable` once they have been handed over and the stream is open. [`WriteError::Stale`] or
    /// [`WriteError::Ended`] if the stream has ended; then it is not known whether the bytes were handed over.
    pub fn flush(&mut self, id: StreamId) -> Result<(), WriteError> {
        self.lives(id, WriteError::Stale, WriteError::Ended)?;
        let conn = self.state.lifecycle.connection_of(id).and_then(|id| self.connections.get_mut(id));
        match conn.ok_or(WriteError::Ended)?.flush(id, &mut self.state) {
            true => Ok(()),
            false => Err(WriteError::Blocked),
        }
    }

    /// Finishes our side of a stream: the peer reads the end of the stream after the bytes that were written. The other
    /// direction goes on. A second call changes nothing. Bytes that a write has not accepted are not sent.
    ///
    /// On a stream that is not open yet the FIN waits for [`OpenedStream`](crate::lifecycle::Event::OpenedStream), since
    /// some peers reset a stream that ends before they have answered. If the connection is closed before `OpenedStream`, the
    /// peer gets the written bytes, but no FIN.
    ///
    /// # Events
    /// [`ClosedStream`](crate::lifecycle::Event::ClosedStream) with [`StreamEnd::Finished`], once our FIN is sent and the
    /// peer's FIN has been read.
    ///
    /// # Errors
    /// [`WriteError::Stale`] or [`WriteError::Ended`] if the stream has ended; nothing has changed then.
    pub fn finish(&mut self, id: StreamId) -> Result<(), WriteError> {
        self.lives(id, WriteError::Stale, WriteError::Ended)?;
        // The FIN waits for the peer's answer in the connection: js-libp2p resets a stream whose header, protocol, data and
        // FIN arrive together on a fresh connection.
        self.on_stream(id, |connection, turn| connection.finish(id, turn)).unwrap_or(Err(WriteError::Ended))
    }

    /// Closes a stream politely: our side is finished, and bytes that still arrive are dropped (and window is granted for
    /// them) until the peer finishes its side or [`close_timeout`](crate::connection::Config::close_timeout) has passed. A
    /// stream that is not open yet is given up at once. A second call changes nothing.
    ///
    /// # Events
    /// [`ClosedStream`](crate::lifecycle::Event::ClosedStream) with [`StreamEnd::Finished`] or [`StreamEnd::Timeout`],
    /// unless the peer resets the stream or its connection ends first; or
    /// [`StreamFailed`](crate::lifecycle::Event::StreamFailed) with [`Failure::Requested`].
    ///
    /// # Errors
    /// [`CloseError`] if the command is refused; nothing has changed then.
    pub fn close_stream(&mut self, id: StreamId) -> Result<(), CloseError> {
        if self.lives(id, CloseError::Stale, CloseError::Ended)? == State::Opening {
            return self.reset(id);
        }
        // This cannot fail: the stream is open, or leaving already.
        let _ = self.state.lifecycle.leave(id);
        let fact = self.on_stream(id, |connection, turn| connection.close_stream(id, turn)).flatten();
        self.stream_says(fact);
        Ok(())
    }

    /// Gives a stream a timeout of its own in place of [`half_open_timeout`](crate::connection::Config::half_open_timeout),
    /// or no timeout at all (`None`), for example for a request whose answer may take long. If the stream is already
    /// half-open, the time begins with this call. A stream with a timeout of its own can still be given up for a new stream
    /// after [`half_open_grace`](crate::connection::Config::half_open_grace).
    ///
    /// # Errors
    /// [`CloseError`] if the command is refused; nothing has changed then.
    pub fn set_half_open_timeout(&mut self, id: StreamId, time: Option<Duration>) -> Result<(), CloseError> {
        self.lives(id, CloseError::Stale, CloseError::Ended)?;
        self.on_stream(id, |connection, turn| connection.set_half_open_timeout(id, time, turn));
        Ok(())
    }

    /// Resets a stream: both directions end at once. Bytes that had arrived before can still be [taken](Self::take_unread).
    ///
    /// # Events
    /// [`ClosedStream`](crate::lifecycle::Event::ClosedStream) with [`StreamEnd::Reset`], or
    /// [`StreamFailed`](crate::lifecycle::Event::StreamFailed) with [`Failure::Requested`] if the stream was not open yet.
    ///
    /// # Errors
    /// [`CloseError`] if the command is refused; nothing has changed then.
    pub fn reset(&mut self, id: StreamId) -> Result<(), CloseError> {
        let state = self.lives(id, CloseError::Stale, CloseError::Ended)?;
        self.on_stream(id, |connection, turn| connection.reset_stream(id, turn));
        match state {
            State::Opening => self.state.fail_stream(id, Failure::Requested),
            State::Open | State::Leaving | State::Ended => {
                self.state.end_stream(id, StreamEnd::Reset(Side::Local));
            }
        }
        Ok(())
    }

    /// Removes and returns the bytes that have arrived on an ended stream and were not read. Call this between the end of
    /// the stream and the moment when its last event has been handled. For a stream that has not ended, or a stale id, the
    /// result is empty.
    pub fn take_unread(&mut self, id: StreamId) -> Vec<u8> {
        match self.state.lifecycle.state(id) {
            Some(State::Ended) => {
                let Some(stream) = self.state.streams.get_mut(id) else { return Vec::new() };
                let before = stream.bytes_held();
                let unread = stream.take_unread();
                let held = before - stream.bytes_held();
                self.uncount(id, held);
                unread
            }
            Some(State::Opening | State::Open | State::Leaving) | None => Vec::new(),
        }
    }

    /// Returns the state of a stream that has not ended; the error `ended` if it has ended, and `stale` if its id is stale.
    fn lives<E>(&self, id: StreamId, stale: E, ended: E) -> Result<State, E> {
        match self.state.lifecycle.state(id) {
            None => Err(stale),
            Some(State::Ended) => Err(ended),
            Some(state @ (State::Opening | State::Open | State::Leaving)) => Ok(state),
        }
    }

    /// Calls `act` with the connection of a stream. `act` adds at most one frame to the connection's output. The next turn
    /// sends the frame, counts the bytes held, and starts the timeouts.
    fn on_stream<A>(
        &mut self,
        id: StreamId,
        act: impl FnOnce(&mut Connection, &mut Environment<'_>) -> A,
    ) -> Option<A> {
        let conn = self.connections.get_mut(self.state.lifecycle.connection_of(id)?)?;
        conn.mark_commanded(&mut self.state);
        Some(act(conn.connection()?, &mut self.state.environment(Now::Untimed)))
    }

    /// Calls `act` with the connection of a stream, for an action that can fail. In contrast to
    /// [`on_stream`](Self::on_stream), an error leaves no work for the next turn, unless a timeout has been started:
    /// otherwise an owner that retries in each turn, and sleeps until `poll_at`, would spin.
    fn try_on_stream<A, E>(
        &mut self,
        id: StreamId,
        act: impl FnOnce(&mut Connection, &mut Environment<'_>) -> Result<A, E>,
    ) -> Option<Result<A, E>> {
        let conn = self.connections.get_mut(self.state.lifecycle.connection_of(id)?)?;
        conn.heed_pressure(&mut self.state);
        let connection = conn.connection()?;
        let done = act(connection, &mut self.state.environment(Now::Untimed));
        // A call that fails may still have started a timeout. The timeout counts from the next turn, which has to visit the
        // connection for that.
        if done.is_ok() || connection.is_untimed() {
            conn.mark_commanded(&mut self.state);
        }
        if done.is_ok() {
            conn.settle(&mut self.state);
            self.relieve();
        }
        Some(done)
    }

    fn stream_says(&mut self, fact: Option<Fact>) {
        if let Some(Fact::StreamEnded(id, end)) = fact {
            self.state.end_stream(id, end);
        }
    }
}
