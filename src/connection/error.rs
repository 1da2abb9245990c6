//! [`Error`]: what ended a connection that nobody asked to end.

use super::{multistream, noise, yamux};
use crate::lifecycle::{Failure, Fault};
use core::fmt;

/// What broke a connection from within: the peer's bytes, or its silence. The connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The Noise handshake or a Noise message.
    Noise(noise::Error),
    /// The choice of the security protocol or of the muxer.
    Multistream(multistream::Error),
    /// The peer speaks another security protocol or another muxer only.
    Unsupported,
    /// A frame that breaks yamux's rules.
    Yamux(yamux::Violation),
    /// The handshake took longer than [`Config::handshake_timeout`](super::Config::handshake_timeout).
    HandshakeTimeout,
    /// The peer has been silent for [`Config::keep_alive_interval`](super::Config::keep_alive_interval), and then for
    /// [`Config::keep_alive_timeout`](super::Config::keep_alive_timeout) after a ping.
    Silence,
    /// The peer has done something within the protocol that costs us work more often than its rate allows.
    Flood(Flood),
}

/// The rate that a peer has exceeded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Flood {
    /// [`Config::resets`](super::Config::resets).
    Resets,
    /// [`Config::pings`](super::Config::pings).
    Pings,
}

impl Error {
    /// How a connection that was open is told to have ended of it.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Flood(_) | Self::Yamux(yamux::Violation::EmptyFrames) => Fault::Flood,
            Self::Noise(_) | Self::Multistream(_) | Self::Unsupported | Self::Yamux(_) => Fault::Protocol,
            Self::HandshakeTimeout | Self::Silence => Fault::Timeout,
        }
    }

    /// How a connection that was not open yet is told to have failed of it.
    #[must_use]
    pub const fn failure(self) -> Failure {
        match self {
            Self::Noise(noise::Error::WrongPeer) => Failure::WrongPeer,
            Self::Noise(noise::Error::NoSharedMuxer | noise::Error::UnsupportedKey { .. }) | Self::Unsupported => {
                Failure::Unsupported
            }
            Self::Noise(_) | Self::Multistream(_) | Self::Yamux(_) => Failure::Protocol,
            Self::HandshakeTimeout | Self::Silence => Failure::Timeout,
            Self::Flood(_) => Failure::Limit,
        }
    }
}

impl From<noise::Error> for Error {
    fn from(error: noise::Error) -> Self {
        Self::Noise(error)
    }
}

impl From<multistream::Error> for Error {
    fn from(error: multistream::Error) -> Self {
        Self::Multistream(error)
    }
}

impl From<yamux::Violation> for Error {
    fn from(violation: yamux::Violation) -> Self {
        Self::Yamux(violation)
    }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Noise(error) => write!(f, "noise: {error}"),
            Self::Multistream(error) => write!(f, "multistream: {error}"),
            Self::Unsupported => f.write_str("the peer shares no security protocol or muxer with us"),
            Self::Yamux(violation) => write!(f, "yamux: {violation}"),
            Self::HandshakeTimeout => f.write_str("the handshake was not over in time"),
            Self::Silence => f.write_str("the peer is silent and does not answer pings"),
            Self::Flood(Flood::Resets) => {
                f.write_str("the peer opens too many streams that it resets, or has us reset")
            }
            Self::Flood(Flood::Pings) => f.write_str("the peer sends pings too often"),
        }
    }
}
