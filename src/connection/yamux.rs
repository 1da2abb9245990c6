//! yamux 0, sans-IO: many streams over one ordered byte pipe ([specification]).
//!
//! A [`Session`] is one connection's end. It owns no stream: a [`Stream`] is a small value that lives in a table of
//! the caller's ([`Streams`]) under a key of the caller's, so that a session can change a stream while its connection
//! is borrowed, and whoever owns the table sees every stream without asking the session.
//!
//! - **In:** [`Session::receive`] takes bytes, cut anywhere, and tells at most one [`Fact`] a call.
//! - **Out:** [`Session::write`] and its like make frames at once. They wait as one run of bytes in
//!   [`Session::output`]; [`Session::take_output`] starts a batch, [`Session::written`] ends it.
//! - **Wrong:** a peer that breaks the protocol is told so by a go-away, which is our last frame, and the caller by a
//!   [`Violation`].
//!
//! It is our own, since the `yamux` crate needs a socket, owns the streams, and has a reader see a reset as a clean end. That
//! crate is the reference of our tests.
//!
//! Nothing here reads a clock, draws randomness or blocks. These bound a session's memory: for each stream its receive
//! window, or 256 KiB where that is more; [`Config::max_window_growth`] for the growth of all windows;
//! [`Config::max_output`] for data that waits to be sent; [`Config::max_control`] for answers that the peer makes us send.
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

/// The window that each side of a stream may assume before any window update, in bytes (specification, "Flow
/// Control").
pub const INITIAL_WINDOW: u32 = 256 * 1024;

/// The name by which peers agree on yamux.
pub(crate) const NAME: &str = "/yamux/1.0.0";

/// The go-away code of an end in good order.
pub const NORMAL: u32 = 0;
/// The go-away code for a peer that broke the protocol.
pub const PROTOCOL_ERROR: u32 = 1;
/// The go-away code for an end that the peer has not caused.
pub const INTERNAL_ERROR: u32 = 2;

/// What a session allows itself and its peer. Each field bounds something; the defaults suit a libp2p node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// The most bytes of one stream that the peer may have sent and the owner has not read. More is
    /// [`Violation::ReceiveWindow`]. Default 256 KiB ([`INITIAL_WINDOW`]). A greater value is granted with the stream's
    /// first frame.
    ///
    /// A smaller value cannot hold from the start, since every peer may send [`INITIAL_WINDOW`] bytes before it hears
    /// of us. So nothing is granted until the unread bytes of the stream and those that the peer may still send are
    /// together less than this value. Then grants bring the sum up to this value, and never above it. When the owner
    /// has read `n` bytes of the stream, the sum is at most the greater of this value and `INITIAL_WINDOW - n`, as long
    /// as the window does not [grow](Self::max_receive_window). The memory of the stream's buffer has the same bound,
    /// or 64 bytes.
    ///
    /// A grant is made when half of the value has been read. It is a frame of 12 bytes, so a small value costs many
    /// frames. 0 counts as 1. An owner that waits for a message longer than this value before it reads anything may wait
    /// for ever.
    pub receive_window: u32,
    /// The greatest size to which the receive window of one stream may grow. Default 16 MiB. A value that is not greater
    /// than [`receive_window`](Self::receive_window) lets no window grow; a window that is to stay small needs both.
    ///
    /// A window grows from `receive_window`, also where that is less than [`INITIAL_WINDOW`]. All of its growth counts for
    /// [`max_window_growth`](Self::max_window_growth). It doubles when half of it is read twice within two round trips:
    /// then the window is what slows the peer down, as on a long line, or with an owner that reads rarely. Pings measure
    /// round trips. They are sent only while an owner reads from windows that can grow.
    pub max_receive_window: u32,
    /// How much the receive windows of all streams of a connection that are not over may have grown by together,
    /// 16 MiB. What a stream had that its caller took out before it was over stays counted.
    pub max_window_growth: u32,
    /// The most payload of one data frame that we make, 64 KiB; 0 counts as 1. What others make is bounded by the
    /// window alone.
    pub max_frame: u32,
    /// How many bytes of data frames may wait in [`Session::output`], 256 KiB; 0 counts as 1. A write beyond it is
    /// short. A frame's header may exceed it by 12 bytes.
    pub max_output: usize,
    /// How many streams we open that the peer has not acknowledged, 256 (specification, "ACK backlog"); one more is
    /// [`OpenError::AckBacklog`].
    pub ack_backlog: u32,
    /// The number of streams that we open before the peer's first frame has come, 8; one more is [`OpenError::Unheard`]. A
    /// stream counts until then even if it is over. js-libp2p aborts a connection on which more than 10 streams arrive before
    /// its upgrade is through, and streams that are opened at once arrive with the handshake's last message.
    pub early_streams: u32,
    /// How many bytes of answers the peer may leave unread before [`Session::is_clogged`], 128 KiB; a connection then
    /// reads nothing more until they have left.
    pub max_control: usize,
    /// The number of frames without payload that the peer may send beyond those that it has earned, 4 096. One more is
    /// [`Violation::EmptyFrames`]. A stream of either side earns 16, each frame with payload one and another one for each
    /// 64 bytes, and each ping of ours its answer. Nothing is earned in advance. Pings, and window updates that give back
    /// what we have sent, do not count.
    pub max_empty_frames: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            receive_window: INITIAL_WINDOW,
            max_receive_window: 16 * 1024 * 1024,
            max_window_growth: 16 * 1024 * 1024,
            max_frame: 64 * 1024,
            max_output: 256 * 1024,
            ack_backlog: 256,
            early_streams: 8,
            max_control: 128 * 1024,
            max_empty_frames: 4_096,
        }
    }
}

/// Where a caller keeps its streams. A key names a stream from [`Session::open`] or [`Session::accept`] until the
/// caller takes it out, which it does after [`Session::reset`] or after both directions have ended.
pub trait Streams<K> {
    /// The stream under `key`, unless it has been taken out.
    fn stream_mut(&mut self, key: K) -> Option<&mut Stream>;
}

impl<K: Ord> Streams<K> for BTreeMap<K, Stream> {
    fn stream_mut(&mut self, key: K) -> Option<&mut Stream> {
        self.get_mut(&key)
    }
}
