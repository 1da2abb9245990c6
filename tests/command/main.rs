//! The command's contract, which scripts rely on: what it prints, and how it ends.
#![cfg(all(feature = "cli", unix))]

#[cfg(target_os = "linux")]
mod addresses;
mod demo;
mod dial;
mod dripping;
mod hand_made;
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
mod subscribers;
mod summary;
#[path = "../support/mod.rs"]
mod support;
mod unanswered;
mod unpublished;
mod unwritten;
mod usage;

use crate::support::command;

/// Runs the command to its end.
#[track_caller]
fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> command::Ended {
    command::Running::start(args).ended()
}

/// The most memory that a process has had, in KiB.
#[cfg(target_os = "linux")]
#[track_caller]
fn peak_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}
