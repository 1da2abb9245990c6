//! [`ReadError`] and [`WriteError`]: the reasons why a stream cannot be read or written.

use core::fmt;

/// The reason why nothing was read. The stream is unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// No byte is unread, or the stream is not open yet. [`Fact::Readable`](crate::connection::Fact::Readable) follows when
    /// more bytes arrive on an open stream.
    Blocked,
    /// The owner has closed the stream.
    Closed,
    /// The stream has ended. All bytes that arrived before the end can still be read at once with
    /// [`Stream::take_unread`](super::Stream::take_unread).
    Ended,
    /// The table of streams has no stream with this id, or no longer has it.
    Stale,
}

/// The reason why nothing was written. The stream is unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// There is no room for data: the peer grants no window, the connection's output is full, the protocol is not agreed
    /// yet, or the stream waits in the queue behind streams that the peer has not acknowledged.
    /// [`Fact::Writable`](crate::connection::Fact::Writable) follows when there is room, or at the latest when the stream
    /// opens.
    Blocked,
    /// The owner has finished or closed its side of the stream, or is closing the connection.
    Closed,
    /// The stream has ended.
    Ended,
    /// The table of streams has no stream with this id, or no longer has it.
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
