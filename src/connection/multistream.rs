//! The multistream-select step: two sides agree on what is spoken (multistream-select 1.0; libp2p/specs,
//! `connections/README.md`). It serves a connection, for its encryption and its muxer, and every stream.
//!
//! [`DialerSelect`] proposes, [`ListenerSelect`] answers. Both are a few bytes of state and hold no buffer: they read
//! whole lines off the front of a slice of unread bytes, append what they have to say to a `Vec`, and leave the rest
//! alone. Behind the line that settles it begins the protocol's own data.
//!
//! It is our own, since the `multistream-select` crate wraps a socket and cannot be driven without one.
//!
//! A line on the wire is its length as a varint, its text, and `\n`, which the length counts. Both sides begin with the
//! line `/multistream/1.0.0`. The dialer proposes one protocol a line; the listener repeats it, or says `na`.
//!
//! `ls` asks for a list of protocols. The listener answers in the format of rust-libp2p, counts it as a proposal, and
//! sends at most [`MAX_LIST`] bytes of lists. The dialer never asks: go-multistream has dropped `ls`.
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
pub use protocol::{InvalidProtocol, MAX_PROTOCOL, Protocol};

use core::fmt;

/// How the other side broke multistream-select. The negotiation cannot go on: what follows on the stream is noise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Error {
    /// A length is not a varint in its shortest form.
    BadLength,
    /// A line is longer than [`MAX_LINE`].
    LineTooLong,
    /// A line is empty, does not end in `\n`, has another one inside, or is not UTF-8.
    BadLine,
    /// The first line is not `/multistream/1.0.0`.
    BadHeader,
    /// The listener answered neither with what was proposed nor with `na`.
    BadAnswer,
    /// The dialer has proposed more protocols than [`ListenerSelect::with_rounds`] allows.
    TooManyRounds,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadLength => "a multistream-select line's length is malformed",
            Self::LineTooLong => "a multistream-select line is too long",
            Self::BadLine => "a multistream-select line is malformed",
            Self::BadHeader => "the other side does not begin with multistream-select 1.0",
            Self::BadAnswer => "the other side answered with a protocol that was not proposed",
            Self::TooManyRounds => "the other side proposed too many protocols",
        })
    }
}

impl core::error::Error for Error {}
