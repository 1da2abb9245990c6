//! The command's contract, which scripts rely on: what it prints, and how it ends.
#![cfg(all(feature = "cli", unix))]

#[cfg(target_os = "linux")]
mod addresses;
mod demo;
mod dial;
mod dripping;
mod hostile;
mod interrupted;
mod keys;
mod listen;
mod output;
mod paced;
mod page;
#[cfg(target_os = "linux")]
mod progress;
mod quiet;
#[cfg(target_os = "linux")]
mod screens;
mod services;
mod serving;
mod slow_reader;
mod snapshots;
#[cfg(target_os = "linux")]
mod stderr;
mod stdin;
mod summary;
#[path = "../support/mod.rs"]
mod support;
mod unanswered;
mod unpublished;
mod usage;

use crate::support::command;

/// Runs the command to its end.
#[track_caller]
fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> command::Ended {
    command::Running::start(args).ended()
}
