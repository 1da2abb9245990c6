//! The muxer of a connection: [`yamux`], and no other. Only this file decides which muxers there are.
//!
//! The rest of the connection, and the swarm, use the names of this file for a session, its streams and its facts. A second
//! muxer would be a second variant of [`Muxer`]. The names that now stand for yamux's types ([`Session`], [`Stream`], …)
//! would then become enums of this file, which pass each call to the muxer that was agreed on. A second muxer would also
//! change `config.rs`, for its bounds, and `error.rs`, for its violations of the protocol.

use super::config::{Config, Role};
use super::multistream::Protocol;
use super::yamux;
#[cfg(feature = "swarm")]
pub(crate) use yamux::NORMAL;
pub(crate) use yamux::Pressure;
pub(super) use yamux::{BufferPool, Fact, OpenError, PROTOCOL_ERROR, ReadOutcome, Session, Stream, Streams, Tally};

/// A muxer that a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Muxer {
    Yamux,
}

impl Muxer {
    /// All muxers, the preferred one first.
    pub(crate) const ALL: [Self; 1] = [Self::Yamux];

    /// Returns the name by which peers agree on the muxer.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Yamux => yamux::PROTOCOL_NAME,
        }
    }

    /// Returns the muxer with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|muxer| muxer.name() == name)
    }

    /// Returns the muxer's name as a protocol of multistream-select.
    pub(super) const fn protocol(self) -> Protocol {
        Protocol::from_static(self.name())
    }

    /// Begins a session of the muxer on a connection on which we are in `role`.
    pub(super) fn session<K: Copy>(self, role: Role, config: &Config) -> Session<K> {
        match self {
            Self::Yamux => Session::new(role, &config.yamux),
        }
    }
}

impl Config {
    /// Returns the maximum number of bytes of output of one connection that may wait in the muxer to be written to the byte
    /// pipe.
    #[cfg(feature = "swarm")]
    pub(crate) const fn most_output(&self) -> usize {
        self.yamux.max_output.saturating_add(self.yamux.max_control)
    }

    /// Returns the greatest receive window of one stream in bytes. The receive buffer of a stream never grows beyond this
    /// size.
    #[cfg(feature = "swarm")]
    pub(crate) fn most_window(&self) -> usize {
        yamux::INITIAL_WINDOW.max(self.yamux.receive_window).max(self.yamux.max_receive_window) as usize
    }

    /// Sets the muxer's bounds to those of a small machine: windows of 64 KiB that do not grow, and little output.
    #[cfg(feature = "swarm")]
    pub(crate) const fn make_muxer_small(&mut self) {
        let yamux = &mut self.yamux;
        (yamux.receive_window, yamux.max_receive_window, yamux.max_window_growth) = (64 * 1024, 64 * 1024, 0);
        (yamux.max_frame, yamux.max_output, yamux.max_control) = (16 * 1024, 32 * 1024, 8 * 1024);
    }
}
