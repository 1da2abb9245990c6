//! [`ReadError`] and [`WriteError`]: what keeps a stream from being read or written.

use core::fmt;

/// Why nothing was read. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// Nothing has come that was not read; it will be told when something does.
    Blocked,
    /// The owner has closed the stream.
    Closed,
    /// The stream has ended; what had arrived before can be taken as a whole.
    Ended,
    /// No stream stands under this id in the table, or not any more.
    Stale,
}

/// Why nothing was written. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// There is no place: the peer grants no window, the connection's output is full, the protocol has yet to be agreed,
    /// or the stream waits behind others that the peer has not acknowledged. It will be told when there is, at the latest
    /// when the stream is open.
    Blocked,
    /// The owner has finished or closed its side, or is closing the connection.
    Closed,
    /// The stream has ended.
    Ended,
    /// No stream stands under this id in the table, or not any more.
    Stale,
}

impl core::error::Error for ReadError {}

impl core::error::Error for WriteError {}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked => "nothing to read at the moment",
            Self::Closed => "the stream was closed by its owner",
            Self::Ended => "the stream has ended",
            Self::Stale => "no stream has this id any more",
        })
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked => "no place to write at the moment",
            Self::Closed => "the stream was finished by its owner",
            Self::Ended => "the stream has ended",
            Self::Stale => "no stream has this id any more",
        })
    }
}
