//! Version 0 of yamux, without I/O of its own (sans-IO): many streams over one ordered byte pipe ([specification]).
//!
//! A [`Session`] is one end of a connection. A session owns no stream: a [`Stream`] is a small value in a table of the
//! caller ([`Streams`]) under a key of the caller's choice. A session can therefore change a stream while the stream's
//! connection is borrowed, and the owner of the table can read every stream without asking the session.
//!
//! - **Input:** [`Session::receive`] accepts bytes, which may be cut anywhere, and reports at most one [`Fact`] for each
//!   call.
//! - **Output:** [`Session::write`] and similar methods make frames at once. The frames wait as one slice of bytes in
//!   [`Session::output`]. The caller takes them with [`Session::take_output`], writes them to the byte pipe, and then calls
//!   [`Session::written`].
//! - **Errors:** when a peer breaks the protocol, the session sends it a go-away, which is our last frame, and returns a
//!   [`Violation`] to the caller.
//!
//! The code is our own, since the `yamux` crate needs a socket, owns the streams, and reports a reset to a reader as a clean
//! end. Our tests use that crate as the reference.
//!
//! Nothing here reads a clock, draws randomness or blocks. The memory of a session has four parts, each with a bound: the
//! unread data of each stream, by its receive window or by 256 KiB, whichever is greater; the growth of all windows
//! together, by [`Config::max_window_growth`]; data that waits to be sent, by [`Config::max_output`]; and answers that the
//! peer makes us send, by [`Config::max_control`].
//!
//! ```
//! use std::collections::BTreeMap;
//! use swarm_notify::connection::Role;
//! use swarm_notify::connection::yamux::{Config, Fact, ReadOutcome, Session, Stream};
//!
//! let config = Config::default();
//! let (mut dialer, mut listener) = (Session::new(Role::Dialer, &config), Session::new(Role::Listener, &config));
//! let (mut ours, mut theirs) = (BTreeMap::<u32, Stream>::new(), BTreeMap::<u32, Stream>::new());
//!
//! let mut stream = dialer.open(7).unwrap();
//! assert_eq!(dialer.write(&mut stream, b"hello"), 5);
//! dialer.finish(&mut stream);
//! ours.insert(7, stream);
//! let mut wire = Vec::new();
//! dialer.take_output(&mut wire);
//! assert_eq!(wire.len(), 12 + 5 + 12, "one frame carries SYN and the data, the next one FIN");
//! assert_eq!(dialer.written(&mut ours), Some(Fact::FinSent(7)));
//!
//! let (n, fact) = listener.receive(&mut theirs, &wire).unwrap();
//! assert_eq!(fact, Some(Fact::Inbound));
//! theirs.insert(1, listener.accept(1).unwrap());
//! let (m, fact) = listener.receive(&mut theirs, &wire[n..]).unwrap();
//! assert_eq!(fact, Some(Fact::Readable(1)), "the data");
//! let (_, fact) = listener.receive(&mut theirs, &wire[n + m..]).unwrap();
//! assert_eq!(fact, Some(Fact::Readable(1)), "the end");
//! let (stream, mut buf) = (theirs.get_mut(&1).unwrap(), [0; 16]);
//! assert_eq!(listener.read(stream, &mut buf), ReadOutcome::Bytes(5));
//! assert_eq!(listener.read(stream, &mut buf), ReadOutcome::End);
//! ```
//!
//! [specification]: https://github.com/libp2p/specs/blob/master/yamux/README.md

mod buffer_pool;
mod fact;
mod flood;
mod flow;
mod frame;
mod incoming;
mod output;
mod pressure;
mod receive;
mod session;
mod stream;
mod window;
mod wire_ids;

pub use buffer_pool::BufferPool;
pub use fact::{Fact, OpenError, Violation};
pub use flood::Tally;
pub use pressure::Pressure;
pub use session::Session;
pub use stream::{ReadOutcome, Stream};

use super::Role;
use alloc::collections::BTreeMap;

/// The window of each direction of a stream before any window update, in bytes: each side may send this number of bytes on a
/// stream before the other side has granted any (specification, "Flow Control").
pub const INITIAL_WINDOW: u32 = 256 * 1024;

/// The protocol name of yamux. Peers agree on this name in the Noise handshake or by multistream-select.
pub const PROTOCOL_NAME: &str = "/yamux/1.0.0";

/// The go-away code for an end of the session in good order.
pub const NORMAL: u32 = 0;
/// The go-away code for an end of the session because the peer broke the protocol.
pub const PROTOCOL_ERROR: u32 = 1;
/// The go-away code for an end of the session that the peer has not caused.
pub const INTERNAL_ERROR: u32 = 2;

/// The bounds that a session sets for itself and its peer. The defaults suit a libp2p node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The maximum number of bytes of one stream that the peer may have sent and the owner has not read. More bytes are a
    /// [`Violation::ReceiveWindow`]. Default 256 KiB ([`INITIAL_WINDOW`]). A greater value is granted with the stream's
    /// first frame.
    ///
    /// A smaller value cannot hold from the start, since every peer may send [`INITIAL_WINDOW`] bytes before it receives a
    /// frame of ours. Therefore no window is granted until the unread bytes of the stream and the bytes that the peer may
    /// still send are together less than this value. From then on, grants raise this sum up to the value and never above it.
    /// When the owner has read `n` bytes of the stream, the sum is at most the greater of this value and `INITIAL_WINDOW -
    /// n`, as long as the window does not [grow](Self::max_receive_window). The memory of the stream's buffer has the same
    /// bound, or 64 bytes if that is more.
    ///
    /// A grant is made when half of the value has been read. A grant is a frame of 12 bytes, so a small value costs many
    /// frames. 0 counts as 1. An owner that waits for a whole message longer than this value before it reads anything may
    /// wait for ever.
    pub receive_window: u32,
    /// The maximum size to which the receive window of one stream may grow, in bytes. Default 16 MiB. With a value that is
    /// not greater than [`receive_window`](Self::receive_window) no window grows; to keep windows small, set both.
    ///
    /// A window grows from `receive_window`, even if that is less than [`INITIAL_WINDOW`], and all of its growth counts for
    /// [`max_window_growth`](Self::max_window_growth). A window doubles when half of it is read twice within two round
    /// trips: then the window is the limit on the peer's speed, as on a link with a long delay, or with an owner that reads
    /// rarely. Pings measure round trips. These pings are sent only while an owner reads from windows that can grow.
    pub max_receive_window: u32,
    /// The maximum number of bytes by which the receive windows of all live streams of a connection may have grown together.
    /// Default 16 MiB. If a caller removes a stream from its table before the stream is over, the growth of that stream
    /// stays counted.
    pub max_window_growth: u32,
    /// The maximum payload of a data frame that we send, in bytes. Default 64 KiB; 0 counts as 1. The peer's frames are
    /// bounded only by the window.
    pub max_frame: u32,
    /// The maximum number of bytes of data frames that wait in [`Session::output`]. Default 256 KiB; 0 counts as 1. A write
    /// that would exceed this limit writes only a part of its data. The header of a frame may exceed the limit by 12 bytes.
    pub max_output: usize,
    /// The maximum number of our streams that the peer has not acknowledged (specification, "ACK backlog"). Default 256. An
    /// attempt to open a further stream fails with [`OpenError::AckBacklog`].
    pub ack_backlog: u32,
    /// The maximum number of streams that we open before the peer's first frame has arrived. Default 8. An attempt to open a
    /// further stream fails with [`OpenError::Unheard`]. A stream counts until that frame arrives, even if the stream is
    /// over. js-libp2p aborts a connection on which more than 10 streams arrive before its upgrade is complete, and streams
    /// that are opened at once arrive with the handshake's last message.
    pub early_streams: u32,
    /// The maximum number of bytes of our answers that the peer has not read. Default 128 KiB. Beyond this limit
    /// [`Session::is_clogged`] returns `true`, and a connection reads nothing more until the answers have been written.
    pub max_control: usize,
    /// The maximum number of frames without payload that the peer may send in addition to the frames that it has earned.
    /// Default 4 096. One more frame is a [`Violation::EmptyFrames`]. The peer earns 16 frames with each stream of either
    /// side; one frame with each frame that has payload, and one more with each 64 bytes of that payload; and one frame, for
    /// its answer, with each ping of ours. Nothing is earned in advance. Pings do not count, nor do window updates that
    /// grant window again for data that we have sent.
    pub max_empty_frames: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            receive_window: INITIAL_WINDOW,
            // The greatest window of js-libp2p, too.
            max_receive_window: 16 * 1024 * 1024,
            max_window_growth: 16 * 1024 * 1024,
            max_frame: 64 * 1024,
            max_output: 256 * 1024,
            // The backlog of go-yamux (`AcceptBacklog`) and rust-yamux (`MAX_ACK_BACKLOG`).
            ack_backlog: 256,
            early_streams: 8,
            max_control: 128 * 1024,
            max_empty_frames: 4_096,
        }
    }
}

/// The table in which a caller keeps its streams. A key names a stream from [`Session::open`] or [`Session::accept`] until
/// the caller removes the stream from the table, after [`Session::reset`] or after both directions have ended.
pub trait Streams<K> {
    /// Returns the stream with this key, or `None` if it has been removed from the table.
    fn stream_mut(&mut self, key: K) -> Option<&mut Stream>;
}

impl<K: Ord> Streams<K> for BTreeMap<K, Stream> {
    fn stream_mut(&mut self, key: K) -> Option<&mut Stream> {
        self.get_mut(&key)
    }
}
