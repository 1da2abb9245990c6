//! Sleeping for several swarms at once, as a program does whose swarms share one thread.
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// A swarm, or something else that takes turns, between two of them.
pub(crate) trait Sleeper {
    /// The descriptor that becomes readable when something comes.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// The time until the next turn is due if nothing comes; `None`: never.
    fn left(&self) -> Option<Duration>;
}

/// Sleeps until something comes for one of them or its next turn is due. Nothing else ends it, so that a wake that is
/// lost fails the test: `false`, at `limit`.
#[must_use]
pub(crate) fn sleep(sleepers: &[&dyn Sleeper], limit: Instant) -> bool {
    let left = sleepers.iter().filter_map(|sleeper| sleeper.left()).min();
    let descriptors = sleepers.iter().map(|sleeper| PollFd::from_borrowed_fd(sleeper.descriptor(), PollFlags::IN));
    sleep_on(&mut descriptors.collect::<Vec<_>>(), left, limit)
}

/// Sleeps until one of the descriptors is ready or `left` has passed. `false`: it is over `limit`.
#[must_use]
pub(crate) fn sleep_on(descriptors: &mut [PollFd<'_>], left: Option<Duration>, limit: Instant) -> bool {
    let most = limit.saturating_duration_since(Instant::now());
    let timeout = left.unwrap_or(Duration::MAX).min(most);
    let timespec = Timespec::try_from(timeout).expect("it is no more than the limit");
    match poll(descriptors, Some(&timespec)) {
        // A signal ends it early.
        Ok(_) | Err(rustix::io::Errno::INTR) => Instant::now() < limit,
        Err(error) => panic!("{error}"),
    }
}

/// Whether one of the descriptors is ready now.
#[must_use]
pub(crate) fn is_ready(descriptors: &mut [PollFd<'_>]) -> bool {
    poll(descriptors, Some(&Timespec::default())).expect("it does not wait") > 0
}
