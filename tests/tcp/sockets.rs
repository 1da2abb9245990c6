//! Swarms on real sockets of this machine: the complete logs of both sides, scenario by scenario.

mod basics;
mod connections;
mod counts;
mod denied;
mod descriptors;
mod dials;
#[cfg(target_os = "linux")]
mod door;
mod flood;
mod full;
mod go_away;
mod listeners;
mod local_end;
mod mute;
mod one_sided;
#[cfg(all(feature = "cli", target_os = "linux"))]
mod processes;
mod shares;
mod shutdown;
mod streams;
