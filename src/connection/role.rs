//! Which end of a connection we are: [`Role`].

use core::fmt;

/// Which end of a connection we are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// We dialed: Noise's initiator, yamux's client.
    Dialer,
    /// We accepted: Noise's responder, yamux's server.
    Listener,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dialer => "dialer",
            Self::Listener => "listener",
        })
    }
}
