//! The command's contract, which scripts rely on: what it prints, and how it ends.
#![cfg(all(feature = "cli", unix))]

mod demo;
mod dial;
mod keys;
mod listen;
mod output;
mod paced;
mod page;
#[cfg(target_os = "linux")]
mod screens;
mod services;
mod stdin;
#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
mod terminal;
mod usage;

use crate::support::command;

/// Runs the command to its end.
#[track_caller]
fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> command::Ended {
    command::Running::start(args).ended()
}
