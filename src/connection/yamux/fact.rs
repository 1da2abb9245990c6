//! The reports of a session to its caller: [`Fact`], [`Violation`], [`OpenError`].

use core::fmt;

/// Something that happened on the wire. `K` is the caller's key of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fact<K> {
    /// The peer opens a stream. The caller calls [`accept`](super::Session::accept) or [`refuse`](super::Session::refuse);
    /// until then this fact is repeated and nothing else is received.
    Inbound,
    /// The stream has something to read: data, or the end.
    Readable(K),
    /// A write that was short can go on. It is reported once for each short write.
    Writable(K),
    /// The peer has granted window on a stream whose writes do not wait for window: a sign that the peer still reads.
    Window(K),
    /// Our FIN has been written, and all data before it.
    FinSent(K),
    /// The peer reset the stream, or sent data after its FIN, which our RST answers. Earlier data stays readable; after it
    /// reads return [`ReadOutcome::Reset`](super::ReadOutcome::Reset).
    Reset(K),
    /// The peer's first frame has come, after as many streams had been opened as
    /// [`Config::early_streams`](super::Config::early_streams) allows: from now on that bound does not apply. It is reported
    /// at most once a session, and not if that frame is go-away, after which nothing can be opened.
    Heard,
    /// The peer has acknowledged a stream that we opened. It is reported at most once a stream.
    Acknowledged(K),
    /// The peer has sent a pong with this value, perhaps without a ping of ours.
    Pong(u32),
    /// The peer wants no more streams. The code is 0 for normal, 1 for a protocol error, 2 for an internal error; others
    /// exist. Streams that live go on until the caller ends the connection.
    GoAway(u32),
}

/// The way in which a peer broke the protocol. Nothing is received after it; the go-away that answers it is our last frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Violation {
    /// A frame of a version other than 0.
    Version(u8),
    /// A frame of no known type.
    FrameType(u8),
    /// Data or a window update for stream 0, which is the session itself; or a SYN with an id that only we may use.
    StreamId(u32),
    /// A SYN for a stream that is open already.
    StreamExists(u32),
    /// More data than the receive window of this stream allows.
    ReceiveWindow(u32),
    /// A window update that raises the send window of this stream above 2^32 - 1.
    SendWindow(u32),
    /// More frames without payload than [`Config::max_empty_frames`](super::Config::max_empty_frames) allows.
    EmptyFrames,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "unknown yamux version {version}"),
            Self::FrameType(kind) => write!(f, "unknown yamux frame type {kind}"),
            Self::StreamId(id) => write!(f, "yamux stream id {id} is not the peer's to use"),
            Self::StreamExists(id) => write!(f, "yamux stream {id} is open already"),
            Self::ReceiveWindow(id) => write!(f, "more data on yamux stream {id} than its window allows"),
            Self::SendWindow(id) => write!(f, "window of yamux stream {id} raised above 2^32 - 1"),
            Self::EmptyFrames => f.write_str("more yamux frames without payload than payload and streams have earned"),
        }
    }
}

impl core::error::Error for Violation {}

/// The reason why no stream can be opened now. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// As many streams as [`Config::ack_backlog`](super::Config::ack_backlog) allows wait for the peer's acknowledgement. A
    /// stream can be opened after the next [`Fact::Acknowledged`] or the end of a stream.
    AckBacklog,
    /// No frame of the peer has come, and as many streams as [`Config::early_streams`](super::Config::early_streams) allows
    /// have been opened. A stream can be opened after [`Fact::Heard`].
    Unheard,
    /// All stream ids of this connection are used up. A stream can be opened only on another connection.
    IdsExhausted,
    /// One side has sent go-away. A stream can be opened only on another connection.
    GoneAway,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AckBacklog => "too many yamux streams wait for the peer's acknowledgement",
            Self::Unheard => {
                "the peer has not sent its first yamux frame, and as many streams as allowed have been opened before it"
            }
            Self::IdsExhausted => "the yamux stream ids of this connection are used up",
            Self::GoneAway => "one side has sent yamux's go-away",
        })
    }
}

impl core::error::Error for OpenError {}
