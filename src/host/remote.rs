//! [`Remote`]: a handle to a host for other threads.

use super::any_swarm::AnySwarm;
use super::error::Error;
use super::handle::Handle;
use crate::identity::PeerId;
use crate::notifee::{NotifeeId, Notifees};
use crate::protocols::EventSource;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use futures_lite::{FutureExt, Stream, StreamExt};
use smol::channel::{self, Receiver, Sender};
use smol::lock::Semaphore;

/// A job for the host's thread. Calling it with a handle returns the future of the job.
type Job = Box<dyn FnOnce(Handle) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// A handle to a host for other threads, and for executors that have several threads, such as that of `smol::spawn`. Clones
/// are handles to the same host.
///
/// Handles and streams belong to the host's thread. A `Remote` sends jobs to that thread and returns their outputs. A job
/// runs on the host's thread, so it can use handles and streams:
///
#[cfg_attr(feature = "rand", doc = "```")]
#[cfg_attr(not(feature = "rand"), doc = "```ignore")]
/// use smol::io::{self, AsyncReadExt, AsyncWriteExt};
/// use swarm_notify::connection::Protocol;
/// use swarm_notify::host::{Config, Host};
/// use swarm_notify::keys;
///
/// const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
/// let mut server = Host::new(&keys::generate()?, Config::default())?;
/// let mut client = Host::new(&keys::generate()?, Config::default())?;
/// server.handle().set_handler(ECHO, async |stream| {
///     let (mut reader, mut writer) = io::split(stream);
///     io::copy(&mut reader, &mut writer).await?;
///     writer.close().await
/// });
/// let listening = server.handle();
/// let remote = client.remote();
///
/// // On any thread of smol's.
/// let echo = |address| {
///     smol::spawn(async move {
///         remote
///             .run(async move |handle| {
///                 let connection = handle.dial(address).await?;
///                 let mut stream = connection.open_stream(&[ECHO]).await?;
///                 stream.write_all(b"hello").await?;
///                 stream.close().await?;
///                 let mut echo = String::new();
///                 stream.read_to_string(&mut echo).await?;
///                 Ok::<_, io::Error>(echo)
///             })
///             .await
///     })
/// };
/// let talk = client.run_until(async {
///     let listener = listening.listen("/ip4/127.0.0.1/tcp/0".parse()?).await?;
///     Ok::<_, Box<dyn std::error::Error>>(echo(listener.addresses()[0].clone()).await??)
/// });
/// assert_eq!(smol::block_on(server.run_until(talk))?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// - Jobs begin in the order in which they were sent, while the host [runs](super::Host::run). At most
///   [`remote_jobs`](super::Config::remote_jobs) jobs run at a time, side by side, and at most the same number of jobs waits
///   in a queue. While the queue is full, the future of [`run`](Self::run) waits until it can send its job. Readers of
///   [`events`](Self::events) and a [`shutdown`](Self::shutdown) do not count. A job that waits for another job of the same
///   `Remote` counts while it waits, so the number of jobs that wait for each other must not exceed the number that may run.
/// - Dropping a future gives its job up: a job that has not begun never begins, and a job that has begun is dropped at the
///   point where it waits, with all values that it holds.
/// - Once the host was dropped, every call returns [`Error::Gone`].
#[derive(Clone)]
pub struct Remote {
    jobs: Sender<Job>,
    /// The channel for jobs that do not count against the maximum number of jobs: shutdowns, and the forwarding of events.
    /// They only wait for something else, and should not delay other jobs.
    aside: Sender<Job>,
    /// A channel that is closed once the host is shut down or gone.
    over: Receiver<()>,
    local_peer: PeerId,
}

impl Remote {
    /// Creates a remote handle, and spawns the tasks that begin its jobs. At most `most` jobs run at a time, and at most
    /// `most` further jobs wait; 0 counts as 1.
    pub(super) fn new(handle: &Handle, most: usize, over: Receiver<()>) -> Self {
        let most = most.max(1);
        let (jobs, inbox) = channel::bounded(most);
        // With one channel, a shutdown would wait behind jobs that do not end, and readers of events, which last as long as
        // their service, would take the places of jobs for ever.
        let (aside, inbox_aside) = channel::bounded(most);
        // Spawning succeeds: the host of this handle exists.
        let _ = handle.spawn(begin(handle.clone(), Inbox(inbox), Some(most)));
        let _ = handle.spawn(begin(handle.clone(), Inbox(inbox_aside), None));
        Self { jobs, aside, over, local_peer: handle.local_peer() }
    }

    /// Returns the peer id of the host's swarm.
    #[must_use]
    pub const fn local_peer(&self) -> PeerId {
        self.local_peer
    }

    /// Runs `job` on the host's thread, and returns its output. The argument of the job is a handle to the host. The job
    /// runs as a task of its own there, so it may hold streams and wait.
    ///
    /// # Errors
    /// [`Error::Gone`] if the host is dropped before the job has ended, or if the job panics.
    pub async fn run<R, F>(&self, job: impl FnOnce(Handle) -> F + Send + 'static) -> Result<R, Error>
    where
        R: Send + 'static,
        F: Future<Output = R> + 'static,
    {
        send(&self.jobs, job).await
    }

    /// Calls `act` with the notifees and the swarm, on the host's thread. See [`Handle::with`].
    ///
    /// # Errors
    /// [`Error::Gone`] if the host is dropped before `act` was called.
    pub async fn with<R: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Notifees<AnySwarm>, &mut AnySwarm) -> R + Send + 'static,
    ) -> Result<R, Error> {
        self.run(async move |handle: Handle| handle.with(act).await).await?
    }

    /// Shuts the host down: see [`Handle::shutdown`]. The future is ready once everything has ended and notifees were told
    /// of that, or at once if the host is gone. The shutdown does not wait for other jobs of this handle.
    pub async fn shutdown(&self) {
        let over = async {
            // Nothing is ever sent on this channel: the wait ends when the channel is closed.
            let _ = self.over.recv().await;
        };
        let ask = async {
            // An error means that the host is gone, which counts as shut down. If the host does not run any more, the wait
            // never ends.
            let _ = send(&self.aside, async |handle: Handle| handle.shutdown().await).await;
        };
        // `over` is asked first. A host that was shut down and is not run any more never begins the job of `ask`, and this
        // call would wait for ever.
        over.or(ask).await;
    }

    /// Returns the events of a service as an async stream for another thread. At most `capacity` events are in transit to
    /// that thread; 0 counts as 1. If the reader is slower than the service, further events wait in the service, whose
    /// documentation says what happens when its queue is full. The stream ends when the service is removed or the host is
    /// gone. Events that are in transit when the stream is dropped are lost. See [`Handle::events`].
    pub fn events<T>(&self, id: NotifeeId<T>, capacity: usize) -> RemoteEvents<T::Event>
    where
        T: EventSource + 'static,
        T::Event: Send + 'static,
        NotifeeId<T>: Send,
    {
        let (sender, events) = channel::bounded(capacity.max(1));
        let forward = async move |handle: Handle| {
            let mut own = handle.events(id);
            while let Some(event) = own.next().await {
                if sender.send(event).await.is_err() {
                    return;
                }
            }
        };
        let aside = self.aside.clone();
        let sent = Box::pin(async move { send(&aside, forward).await });
        RemoteEvents { forwarding: Some(sent), events: Box::pin(events) }
    }
}

/// Sends a job, and waits for its output.
async fn send<R, F>(jobs: &Sender<Job>, job: impl FnOnce(Handle) -> F + Send + 'static) -> Result<R, Error>
where
    R: Send + 'static,
    F: Future<Output = R> + 'static,
{
    let (answer, result) = channel::bounded(1);
    let job: Job = Box::new(move |handle| Box::pin(answered(handle, job, answer)));
    jobs.send(job).await.map_err(|_| Error::Gone)?;
    result.recv().await.map_err(|_| Error::Gone)
}

/// Runs a job and sends its output to `answer`. If the receiver of `answer` is dropped before the job has ended, the job is
/// dropped.
async fn answered<R, F: Future<Output = R>>(handle: Handle, job: impl FnOnce(Handle) -> F, answer: Sender<R>) {
    let nobody = async {
        answer.closed().await;
        None
    };
    let work = async { Some(job(handle).await) };
    // `nobody` is asked first, so that a job whose future was dropped does no further work.
    if let Some(result) = nobody.or(work).await {
        // An error means that the receiver was dropped.
        let _ = answer.try_send(result);
    }
}

/// The channel of the jobs that have not begun. Dropping this value drops the jobs, so that their senders get an error.
/// Otherwise the channel would keep the jobs as long as a sender exists.
struct Inbox(Receiver<Job>);

impl Drop for Inbox {
    fn drop(&mut self) {
        self.0.close();
        while self.0.try_recv().is_ok() {}
    }
}

/// Begins the jobs that were sent, in the order in which they were sent. At most `most` jobs run at a time; `None` means no
/// limit.
async fn begin(handle: Handle, inbox: Inbox, most: Option<usize>) {
    let places = most.map(|most| Arc::new(Semaphore::new(most)));
    loop {
        // The place is taken before the job is received. A job that was received has left the channel, so another could be
        // sent in its place, and twice as many would wait as the owner has allowed.
        let place = match &places {
            Some(places) => Some(places.acquire_arc().await),
            None => None,
        };
        let Ok(job) = inbox.0.recv().await else { return };
        let job = job(handle.clone());
        let task = async move {
            job.await;
            drop(place);
        };
        if handle.spawn(task).is_err() {
            return;
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("local_peer", &self.local_peer).finish_non_exhaustive()
    }
}

/// The future of the job that forwards the events of a service.
type Forwarding = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// An async stream of the events of a service, for another thread. It is returned by [`Remote::events`].
pub struct RemoteEvents<E> {
    /// The future of the forwarding job, or `None` once the job has ended. Dropping this future ends the job, so the job
    /// ends when the stream of events is dropped.
    forwarding: Option<Forwarding>,
    events: Pin<Box<Receiver<E>>>,
}

impl<E> Stream for RemoteEvents<E> {
    type Item = E;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<E>> {
        if let Some(forwarding) = &mut self.forwarding
            && forwarding.as_mut().poll(cx).is_ready()
        {
            self.forwarding = None;
        }
        self.events.as_mut().poll_next(cx)
    }
}

impl<E> fmt::Debug for RemoteEvents<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteEvents").field("waiting", &self.events.len()).finish_non_exhaustive()
    }
}
