//! [`ReadError`] and [`WriteError`]: what keeps a stream from being read or written.

use core::fmt;

/// The reason why nothing was read. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// Nothing is unread, or the stream is not open yet. [`Fact::Readable`](crate::connection::Fact::Readable) follows when more comes on an open stream.
    Blocked,
    /// The owner has closed the stream.
    Closed,
    /// The stream has ended. Bytes that came before the end can be taken as a whole:
    /// [`Stream::take_unread`](super::Stream::take_unread).
    Ended,
    /// No stream stands under this id in the table, or not any more.
    Stale,
}

/// The reason why nothing was written. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// There is no room: the peer grants no window, the connection's output is full, the protocol is not agreed yet, or the
    /// stream waits behind others that the peer has not acknowledged. [`Fact::Writable`](crate::connection::Fact::Writable) follows when there is room, or at
    /// the latest the stream's opening.
    Blocked,
    /// The owner has finished or closed its side, or is closing the connection.
    Closed,
    /// The stream has ended.
    Ended,
    /// The table has no stream under this id, or no longer has it.
    Stale,
}

impl core::error::Error for ReadError {}

impl core::error::Error for WriteError {}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked => "there is nothing to read at the moment",
            Self::Closed => "the stream was closed by its owner",
            Self::Ended => "the stream has ended",
            Self::Stale => "no stream has this id any more",
        })
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked => "nothing can be written at the moment",
            Self::Closed => "the stream was finished by its owner",
            Self::Ended => "the stream has ended",
            Self::Stale => "no stream has this id any more",
        })
    }
}
