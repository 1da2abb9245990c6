//! The command's contract, which scripts rely on: what it prints, and how it ends.
#![cfg(all(feature = "cli", unix))]

#[path = "support/command.rs"]
mod command;
#[path = "command/demo.rs"]
mod demo;
#[path = "command/dial.rs"]
mod dial;
#[path = "support/identities.rs"]
mod identities;
#[path = "command/listen.rs"]
mod listen;
#[path = "command/services.rs"]
mod services;

/// Runs the command to its end.
#[track_caller]
fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> command::Ended {
    command::Running::start(args).ended()
}
