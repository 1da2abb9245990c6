//! [`SwarmTransport`]: the bounds on the transport of a swarm.

use super::Transport;
use futures_lite::io::{AsyncRead, AsyncWrite};

/// A [`Transport`] that a [`Swarm`](super::Swarm) can run on: its connections are byte pipes. Each transport that is one has
/// this trait, so that nobody implements it; it stands for these bounds where a type or a function is generic over the
/// transport.
///
/// ```
/// use core::time::Duration;
/// use swarm_notify::swarm::{Swarm, SwarmTransport};
///
/// fn frame<T: SwarmTransport>(swarm: &mut Swarm<T>, now: Duration) {
///     swarm.tick(now);
///     while let Some(event) = swarm.next_event() {
///         println!("{event}");
///     }
/// }
/// ```
pub trait SwarmTransport: Transport<Output: AsyncRead + AsyncWrite + Unpin, Error: 'static> + Unpin {}

impl<T> SwarmTransport for T where T: Transport<Output: AsyncRead + AsyncWrite + Unpin, Error: 'static> + Unpin {}
