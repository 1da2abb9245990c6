//! [`Environment`]: what an owner hands to a connection. [`Fact`]: what the connection tells.

use super::Error;
#[cfg(doc)]
use super::{Config, Connection};
use crate::lifecycle::{Failure, StreamEnd, StreamId};

/// One thing that happened on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a driver that passes one over breaks its connection: a new one must not compile there"
)]
pub enum Fact {
    /// The connection waits for permission: [`Connection::open`]. It may say so twice, since a dialer's last message
    /// has to be sent, and its muxer be agreed, in between. [`Connection::peer`] is known from the first time on.
    ReadyToOpen,
    /// The peer has proposed a protocol, supported or not, on a stream that has no id yet. The next call must be
    /// [`Connection::accept_stream`] or [`Connection::refuse_stream`]. A stream that waited for a token of
    /// [`Config::openings`] is offered by [`Connection::handle_timeout`].
    StreamOffered,
    /// A stream of the peer's ended before it was offered: the peer reset or finished it, broke multistream-select, took
    /// longer than [`Config::negotiation_timeout`], or reset it while it waited for a token of [`Config::openings`]. It never
    /// had an id, and the owner has nothing to do but to count it.
    StreamUnproposed,
    /// The peer began a stream, which was reset because of a limit: at once, since as many as [`Config::inbound_backlog`]
    /// wait; or after [`Config::negotiation_timeout`], since there was no token of [`Config::openings`] for it. It never had
    /// an id.
    StreamRefused,
    /// A stream's protocol is agreed. It waits for permission: [`Connection::confirm_stream`].
    StreamReadyToOpen(StreamId),
    /// A stream that was not open ended. The owner takes it out of the table, now or later.
    StreamFailed(StreamId, Failure),
    /// A stream that was open ended. What it has of unread bytes stays until the owner takes it out of the table.
    StreamEnded(StreamId, StreamEnd),
    /// Something is to be read from an open stream: data, or the end.
    Readable(StreamId),
    /// After a short write, more can be written.
    Writable(StreamId),
    /// The peer wants no more streams, with the code of its go-away (yamux). After code 0 it leaves in good order: the
    /// streams of ours that are not on the wire fail next, one it begins nevertheless is reset, and those that live go on
    /// until the connection [is spent](Connection::is_spent), or until [`CloseTimeout`](Self::CloseTimeout). After another
    /// code the owner should end the connection at once.
    GoAway(u32),
    /// The connection has had no stream for [`Config::idle_timeout`]. It is for the owner to
    /// [`close`](Connection::close) it; it is not said again until a stream has come and gone.
    Idle,
    /// A polite close has taken [`Config::close_timeout`], or nothing has moved on the last streams for as long after the
    /// peer's go-away. The owner should cut the byte pipe now.
    CloseTimeout,
    /// The connection broke. Pending output can still be transmitted: yamux's go-away, or the refusals of a negotiation.
    /// Nothing else will come.
    Failed(Error),
}
