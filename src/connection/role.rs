//! Which end of a connection we are: [`Role`].

use core::fmt;

/// Which end of a connection we are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// We dialed: Noise's initiator, multistream-select's dialer, yamux's client (odd stream ids).
    Dialer,
    /// We accepted: Noise's responder, multistream-select's listener, yamux's server (even stream ids).
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
