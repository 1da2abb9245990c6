//! Honest peers beside attackers: a small instance of each attack on the command, judged by counts alone. The whole of it
//! is `tests/attacks.sh`, which prints what each one costs.
#![cfg(all(feature = "cli", unix))]

#[allow(dead_code, reason = "the table tells more of them")]
mod attackers;
mod beside;
mod dialing;
#[allow(dead_code, reason = "it is a whole program, and its `main` is not called here")]
mod guarded;
mod guarding;
#[allow(dead_code, reason = "the table looks at more of it")]
mod node;
#[allow(dead_code, reason = "the table asks for times and from other places")]
mod probe;
mod refusing;
