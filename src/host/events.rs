//! [`Events`]: the events of one service as an async stream.

use super::handle::Handle;
use super::wait::WatchNotifee;
use crate::notifee::NotifeeId;
use crate::protocols::EventSource;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use futures_lite::{FutureExt, Stream};

impl Handle {
    /// Returns the events of a service as an async stream, in the order in which the service's `next_event` returns them. If
    /// there are several readers, each event is returned to one of them. The stream ends when the service is removed or the
    /// host is gone.
    ///
    /// The stream has no queue of its own: events that were not read wait in the service. The documentation of the service
    /// says what happens when its queue is full.
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// use smol::stream::StreamExt;
    /// use swarm_notify::host::{Config, Host};
    /// use swarm_notify::keys;
    /// use swarm_notify::protocols::ping::{self, Event, Ping};
    ///
    /// let mut server = Host::new(&keys::generate()?, Config::default())?;
    /// let mut client = Host::new(&keys::generate()?, Config::default())?;
    /// let seed = keys::seed()?;
    /// server.with(|notifees, swarm| notifees.install(swarm, Ping::new(seed, ping::Config::default())))?;
    /// let ping = client.with(|notifees, swarm| notifees.install(swarm, Ping::new(seed, ping::Config::default())))?;
    ///
    /// let (listening, dialing) = (server.handle(), client.handle());
    /// let task = client.run_until(async {
    ///     let listener = listening.listen("/ip4/127.0.0.1/tcp/0".parse()?).await?;
    ///     dialing.dial(listener.addresses()[0].clone()).await?;
    ///     let mut events = dialing.events(ping);
    ///     Ok::<_, Box<dyn std::error::Error>>(events.next().await)
    /// });
    /// assert!(matches!(smol::block_on(server.run_until(task))?, Some(Event::Pong { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events<T: EventSource + 'static>(&self, id: NotifeeId<T>) -> Events<T> {
        Events(self.watch(id, T::next_event))
    }
}

/// The type of a function that takes the next event from a service.
type Ask<T> = fn(&mut T) -> Option<<T as EventSource>::Event>;

/// An async stream of the events of a service. It is returned by [`Handle::events`].
pub struct Events<T: EventSource>(WatchNotifee<T, Ask<T>>);

impl<T: EventSource + 'static> Stream for Events<T> {
    type Item = T::Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Event>> {
        // After an answer, `WatchNotifee` may be polled again, and then waits for the next answer.
        self.0.poll(cx).map(Result::ok)
    }
}

impl<T: EventSource> fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
