//! [`Fact`]: one thing that a connection reports to its owner.

use super::Error;
#[cfg(doc)]
use super::{Config, Connection};
use crate::lifecycle::{Failure, StreamEnd, StreamId};

/// One thing that happened on a connection, as the connection reports it to its owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a driver that passes one over breaks its connection: a new one must not compile there"
)]
pub enum Fact {
    /// The connection waits for permission to open: the owner calls [`Connection::open`]. The connection of a dialer can
    /// report this fact twice: between the two reports, the dialer sends its last message and agrees on the muxer. From the
    /// first report on, [`Connection::peer`] returns the peer's id.
    ReadyToOpen,
    /// The peer has proposed a protocol, supported or not, on a stream that has no id yet. The next call must be
    /// [`Connection::accept_stream`] or [`Connection::refuse_stream`]. A stream that waited for a token of
    /// [`Config::openings`] is offered by [`Connection::handle_timeout`].
    StreamOffered,
    /// A stream of the peer ended before it was offered: the peer reset or finished the stream, broke multistream-select on
    /// it, sent no whole proposal within [`Config::negotiation_timeout`], or reset the stream while it waited for a token of
    /// [`Config::openings`]. The stream never had an id, so the owner can only count such streams.
    StreamUnproposed,
    /// The peer began a stream, which was reset because of a limit: at once, because [`Config::inbound_backlog`] streams
    /// wait already; or after [`Config::negotiation_timeout`], because there was no token of [`Config::openings`] for it.
    /// The stream never had an id.
    StreamRefused,
    /// Both sides have agreed on a stream's protocol. The stream waits for permission to open: the owner calls
    /// [`Connection::confirm_stream`].
    StreamReadyToOpen(StreamId),
    /// A stream has ended before it was open. The owner removes the stream from the table, now or later.
    StreamFailed(StreamId, Failure),
    /// A stream has ended after it was open. The stream's unread bytes stay in memory until the owner removes the stream
    /// from the table.
    StreamEnded(StreamId, StreamEnd),
    /// An open stream has something to read: data, or the end of the peer's data.
    Readable(StreamId),
    /// The stream can be written to again, after a write of the owner in which the stream accepted only a part of the bytes.
    Writable(StreamId),
    /// The peer sent yamux's go-away with this code, and accepts no more streams. After code 0 the peer leaves in good
    /// order: our streams that have not been sent yet fail next, a stream that the peer begins nevertheless is reset, and
    /// the other streams go on until the connection [is spent](Connection::is_spent), or until
    /// [`CloseTimeout`](Self::CloseTimeout). After another code the owner should end the connection at once.
    GoAway(u32),
    /// The connection has had no stream for [`Config::idle_timeout`]. The owner decides whether to
    /// [`close`](Connection::close) the connection. The fact is repeated only after another stream has begun and ended.
    Idle,
    /// A polite close has taken [`Config::close_timeout`], or nothing has moved on the last streams for that time after the
    /// peer's go-away. The owner should close the byte pipe at once.
    CloseTimeout,
    /// The connection broke. Pending output can still be transmitted: yamux's go-away, or the refusals of a negotiation. No
    /// other fact follows.
    Failed(Error),
}
