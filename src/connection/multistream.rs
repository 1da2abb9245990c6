//! The multistream-select step of a connection: two sides agree on the protocol to speak (multistream-select 1.0;
//! libp2p/specs, `connections/README.md`). A connection uses multistream-select for its encryption and its muxer, and for
//! each of its streams.
//!
//! [`DialerSelect`] proposes protocols, and [`ListenerSelect`] answers. Each is a few bytes of state and has no buffer: it
//! reads whole lines from the front of a slice of unread bytes, appends its own lines to a `Vec`, and leaves the rest of the
//! slice unread. The protocol's own data begins after the line that ends the negotiation.
//!
//! The code is our own, since the `multistream-select` crate wraps a socket and cannot be driven without one.
//!
//! A line on the wire consists of its length as a varint, its text, and `\n`. The length includes the `\n`. Both sides begin
//! with the line `/multistream/1.0.0`. The dialer proposes one protocol in each line; the listener answers with the same
//! line, or with `na`.
//!
//! The line `ls` asks for a list of protocols. The listener answers in the format of rust-libp2p, counts the request as a
//! proposal, and sends at most [`MAX_LIST`] bytes of lists. The dialer never asks: go-multistream has dropped `ls`.
//!
//! ```
//! use swarm_notify::connection::multistream::{DialerSelect, ListenerSelect, Protocol, Selection};
//!
//! const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
//! const PING: Protocol = Protocol::from_static("/ipfs/ping/1.0.0");
//!
//! let (mut to_listener, mut to_dialer) = (Vec::new(), Vec::new());
//! let proposals = [ECHO, PING];
//! let mut dialer = DialerSelect::start(&proposals, &mut to_listener);
//! let mut listener = ListenerSelect::new();
//!
//! let (read, agreed) = listener.receive(&to_listener, &[PING], &mut to_dialer)?;
//! assert_eq!((read, agreed), (to_listener.len(), None));
//! to_listener.clear();
//!
//! let (_, outcome) = dialer.receive(&to_dialer, &proposals, &mut to_listener)?;
//! assert_eq!(outcome, None);
//! to_dialer.clear();
//!
//! let (_, agreed) = listener.receive(&to_listener, &[PING], &mut to_dialer)?;
//! assert_eq!(agreed, Some(0));
//! listener.confirm(&PING, &mut to_dialer);
//!
//! let (_, outcome) = dialer.receive(&to_dialer, &proposals, &mut to_listener)?;
//! assert_eq!(outcome, Some(Selection::Agreed(1)));
//! # Ok::<(), swarm_notify::connection::multistream::Error>(())
//! ```

mod dialer;
mod line;
mod listener;
mod protocol;

pub use dialer::{DialerSelect, Selection};
pub use line::{MAX_LINE, MAX_LIST};
pub(super) use listener::is_proposal;
pub use listener::{ListenerSelect, MAX_ROUNDS};
pub use protocol::{InvalidProtocol, MAX_PROTOCOL, PROTOCOL_NAME, Protocol};

use core::fmt;

/// The way in which the other side broke multistream-select. The negotiation cannot continue, since the bytes that follow on
/// the stream cannot be interpreted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The length of a line is not a varint in its shortest form.
    BadLength,
    /// A line is longer than [`MAX_LINE`].
    LineTooLong,
    /// A line is empty, does not end in `\n`, has another `\n` inside, or is not UTF-8.
    BadLine,
    /// The first line is not [`PROTOCOL_NAME`].
    BadHeader,
    /// The listener answered neither with the proposed protocol nor with `na`.
    BadAnswer,
    /// The dialer has proposed more protocols than [`ListenerSelect::with_rounds`] allows.
    TooManyRounds,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadLength => "the length of a multistream-select line is malformed",
            Self::LineTooLong => "a multistream-select line is too long",
            Self::BadLine => "a multistream-select line is malformed",
            Self::BadHeader => "the other side does not begin with multistream-select 1.0",
            Self::BadAnswer => "the other side answered with a protocol that was not proposed",
            Self::TooManyRounds => "the other side proposed too many protocols",
        })
    }
}

impl core::error::Error for Error {}
