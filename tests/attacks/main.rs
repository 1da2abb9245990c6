//! Honest peers beside attackers: a small instance of each attack on the command, judged by counts alone. The whole of it
//! is `tests/attacks.sh`, which prints what each one costs.
#![cfg(all(feature = "cli", unix))]

mod attackers;
mod beside;
mod dialing;
mod node;
mod probe;
