//! One connection without socket, clock or randomness of its own: bytes in, bytes out.
//!
//! Each of its steps can be used by itself: [`noise`] authenticates and encrypts, [`multistream`] agrees on what is
//! spoken.

pub mod multistream;
pub mod noise;
mod role;

pub use role::Role;
