//! [`retry_interrupted`]: a call on a byte pipe that a signal has interrupted is made again.

use core::task::{Context, Poll};
use std::io;

/// Takes a call that a signal has interrupted (`EINTR`) for one that is pending, and has its task woken at once. Our TCP
/// makes such a call again by itself, and another transport may not.
pub(super) fn retry_interrupted<A>(polled: Poll<io::Result<A>>, cx: &Context<'_>) -> Poll<io::Result<A>> {
    match polled {
        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        polled @ (Poll::Ready(_) | Poll::Pending) => polled,
    }
}
