//! The types by which a session reports to its caller: [`Fact`], [`Violation`], [`OpenError`].

use core::fmt;

/// Something that happened on a session. `K` is the type of the keys by which the caller names its streams.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a caller that passes one over breaks its session: a new one must not compile there"
)]
pub enum Fact<K> {
    /// The peer opens a stream. The caller calls [`accept`](super::Session::accept) or [`refuse`](super::Session::refuse);
    /// until then this fact is repeated and no further input is handled.
    Inbound,
    /// The stream has something to read: data, or the end of the peer's data.
    Readable(K),
    /// A write that accepted only a part of its data can continue. The fact is reported once for each such write.
    Writable(K),
    /// The peer has granted window on a stream on which no write waits for window. The fact shows that the peer still reads.
    Window(K),
    /// Our FIN has been written to the byte pipe, after all data of the stream.
    FinSent(K),
    /// The peer reset the stream, or sent data after its FIN, which we answer with RST. Data that arrived before can still
    /// be read; after that, reads return [`ReadOutcome::Reset`](super::ReadOutcome::Reset).
    Reset(K),
    /// The peer's first frame has arrived, after as many streams had been opened as
    /// [`Config::early_streams`](super::Config::early_streams) allows: from now on that limit does not apply. The fact is
    /// reported at most once for each session, and not if that frame is go-away, after which no stream can be opened.
    Heard,
    /// The peer has acknowledged a stream that we opened. The fact is reported at most once for each stream.
    Acknowledged(K),
    /// The peer has sent the answer to a ping, with this value. A peer can also send an answer to a ping that the caller
    /// never sent.
    Pong(u32),
    /// The peer has sent go-away: it accepts no more streams. The code is 0 for a normal end, 1 for a protocol error, 2 for
    /// an internal error; other codes exist. Streams that are not over go on until the caller ends the connection.
    GoAway(u32),
}

/// The way in which a peer broke the protocol. No input is handled after a violation, and the go-away with which we answer
/// it is our last frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Violation {
    /// The peer sent a frame of this version, which is not 0.
    Version(u8),
    /// The peer sent a frame of this type, which is not known.
    FrameType(u8),
    /// The peer sent data or a window update for stream 0, which is the session itself; or a SYN with an id that only we may
    /// use.
    StreamId(u32),
    /// The peer sent a SYN for a stream that is open already.
    StreamExists(u32),
    /// The peer sent more data than the receive window of this stream allows.
    ReceiveWindow(u32),
    /// The peer sent a window update that raises the send window of this stream above 2^32 - 1.
    SendWindow(u32),
    /// The peer sent more frames without payload than [`Config::max_empty_frames`](super::Config::max_empty_frames) allows.
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

/// The reason why no stream can be opened now. The session is unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// As many streams as [`Config::ack_backlog`](super::Config::ack_backlog) allows wait for the peer's acknowledgement. A
    /// stream can be opened after the next [`Fact::Acknowledged`] or the end of a stream.
    AckBacklog,
    /// No frame of the peer has arrived, and as many streams as [`Config::early_streams`](super::Config::early_streams)
    /// allows have been opened. A stream can be opened after [`Fact::Heard`].
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
