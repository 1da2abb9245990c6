//! P9: a subscriber that is slow, dead or elsewhere delays nobody, learns what it has missed, and ends with exactly
//! what is open.
#![allow(clippy::wildcard_enum_match_arm, reason = "notices may be of more kinds one day")]

mod basics;
mod elsewhere;
mod random;
