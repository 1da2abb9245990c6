//! The muxer of a connection: [`yamux`], and no other. It is decided in this file alone.
//!
//! The rest of the connection, and the swarm, speak of a session, its streams and its facts by the names of this file. A
//! second muxer is a second variant of [`Muxer`]. What are names of yamux's types here ([`Session`], [`Stream`], …) become
//! enums of this file then, which pass each call on to the muxer that was agreed on. Besides, it opens `config.rs`, for its
//! bounds, and `error.rs`, for what it calls a violation.

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
    /// All of them, the preferred one first.
    pub(crate) const ALL: [Self; 1] = [Self::Yamux];

    /// Returns the name by which peers agree on it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Yamux => yamux::PROTOCOL_NAME,
        }
    }

    /// Returns the one with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|muxer| muxer.name() == name)
    }

    /// Returns it as multistream-select has it.
    pub(super) const fn protocol(self) -> Protocol {
        Protocol::from_static(self.name())
    }

    /// Begins a session of it, on a connection whose end is `role`.
    pub(super) fn session<K: Copy>(self, role: Role, config: &Config) -> Session<K> {
        match self {
            Self::Yamux => Session::new(role, &config.yamux),
        }
    }
}

impl Config {
    /// Returns the most bytes that the muxer of one connection lets wait for its pipe.
    #[cfg(feature = "swarm")]
    pub(crate) const fn most_output(&self) -> usize {
        self.yamux.max_output.saturating_add(self.yamux.max_control)
    }

    /// Returns the greatest receive window of one stream in bytes, which is also the most that its buffer grows to.
    #[cfg(feature = "swarm")]
    pub(crate) fn most_window(&self) -> usize {
        yamux::INITIAL_WINDOW.max(self.yamux.receive_window).max(self.yamux.max_receive_window) as usize
    }

    /// Makes the muxer's bounds those of a small machine: windows of 64 KiB that do not grow, and little output.
    #[cfg(feature = "swarm")]
    pub(crate) const fn make_muxer_small(&mut self) {
        let yamux = &mut self.yamux;
        (yamux.receive_window, yamux.max_receive_window, yamux.max_window_growth) = (64 * 1024, 64 * 1024, 0);
        (yamux.max_frame, yamux.max_output, yamux.max_control) = (16 * 1024, 32 * 1024, 8 * 1024);
    }
}
