//! [`retry_interrupted`]: repeats calls on byte pipes that a signal has interrupted.

use core::task::{Context, Poll};
use std::io;

/// Turns the result of a call that a signal has interrupted (`EINTR`) into `Pending`, and wakes its task at once, so that
/// the call is repeated. Our TCP repeats such calls itself; another transport may not.
pub(super) fn retry_interrupted<A>(polled: Poll<io::Result<A>>, cx: &Context<'_>) -> Poll<io::Result<A>> {
    match polled {
        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        polled @ (Poll::Ready(_) | Poll::Pending) => polled,
    }
}
