//! [`OpenStream`]: the future that opens a stream.

use super::command::{HostCommand, Proposal, StreamRequest};
use super::error::Error;
use super::opened_stream::StreamParts;
use super::shared::HostShared;
use super::stream::Stream;
use super::wait::AwaitOutcome;
use crate::protocols::Target;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

/// The future of [`Handle::open_stream`](super::Handle::open_stream) and
/// [`open_stream_lazy`](super::Handle::open_stream_lazy). It yields a [`Stream`], or the reason for which no stream could be
/// opened.
///
/// Nothing begins before the first poll. If the future is dropped before its outcome, the stream that it has begun is reset,
/// or its queued opening is removed from the queue.
#[must_use = "nothing is begun before it is awaited"]
pub struct OpenStream {
    shared: Rc<HostShared>,
    state: OpenStreamState,
}

enum OpenStreamState {
    /// The future was not polled yet. The first poll gives this request to the host.
    Asked(StreamRequest),
    Begun(AwaitOutcome<StreamParts>),
}

impl OpenStream {
    pub(super) fn new(shared: &Rc<HostShared>, target: Target, proposal: Proposal) -> Self {
        let request = StreamRequest { target, proposal, waits_at_limit: false };
        Self { shared: shared.clone(), state: OpenStreamState::Asked(request) }
    }

    /// Makes the future wait for a place, instead of failing with [`Error::Limit`], while its connection or the swarm has as
    /// many streams as the [`Limits`](crate::lifecycle::Limits) allow. After the first poll of the future, this call has no
    /// effect.
    ///
    /// - **In order.** The openings that wait for a place on one connection get their places in the order in which they
    ///   began to wait. At the limit of all streams of the swarm, the connections take turns. While openings wait for a
    ///   place on a connection, every opening on that connection for which this method was not called fails with
    ///   [`Error::Limit`], even if a place is free.
    /// - **Bounded.** At most [`waiting_openings`](super::Config::waiting_openings) openings wait for a place on one
    ///   connection. A further opening fails with [`Error::Limit`].
    /// - **Not for ever.** The future fails with [`Error::Closing`] when the connection closes or ends, or when the host
    ///   shuts down, and with [`Error::Gone`] when the host is dropped. There is no other timeout: drop the future when you
    ///   have waited long enough.
    /// - **Dropping** the future removes its opening from the queue. If the opening already had its place, the next opening
    ///   in the queue gets that place.
    /// - If the target is a peer, the first poll chooses the oldest connection to that peer, and the future waits for a
    ///   place on that connection.
    ///
    /// A stream that nobody closes keeps its place. The streams that the peer opens count, too, so a peer that opens many
    /// streams can make you wait. One more bound makes every opening wait, and never causes an error: a stream opens only
    /// once the peer has acknowledged enough of the streams before it
    /// ([`ack_backlog`](crate::connection::yamux::Config::ack_backlog)). The peer has a limit of its own, and resets streams
    /// beyond that.
    ///
    /// The example sends a hundred requests over a connection that has room for eight streams:
    ///
    #[cfg_attr(feature = "rand", doc = "```")]
    #[cfg_attr(not(feature = "rand"), doc = "```ignore")]
    /// use smol::io::{self, AsyncReadExt, AsyncWriteExt};
    /// use swarm_notify::connection::Protocol;
    /// use swarm_notify::host::{Config, Connection, Host};
    /// use swarm_notify::keys;
    ///
    /// const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
    ///
    /// async fn ask(connection: &Connection, question: u8) -> Result<u8, Box<dyn std::error::Error>> {
    ///     let mut stream = connection.open_stream(&[ECHO]).wait_at_limit().await?;
    ///     stream.write_all(&[question]).await?;
    ///     stream.close().await?;
    ///     let mut answer = Vec::new();
    ///     stream.read_to_end(&mut answer).await?;
    ///     Ok(answer[0])
    /// }
    ///
    /// let mut server = Host::new(&keys::generate()?, Config::default())?;
    /// let mut config = Config::default();
    /// config.swarm.limits.streams_per_connection = 8;
    /// let mut client = Host::new(&keys::generate()?, config)?;
    /// server.handle().set_handler(ECHO, async |stream| {
    ///     let (mut reader, mut writer) = io::split(stream);
    ///     io::copy(&mut reader, &mut writer).await?;
    ///     writer.close().await
    /// });
    ///
    /// let (listening, dialing) = (server.handle(), client.handle());
    /// let talk = client.run_until(async {
    ///     let listener = listening.listen("/ip4/127.0.0.1/tcp/0".parse()?).await?;
    ///     let connection = dialing.dial(listener.addresses()[0].clone()).await?;
    ///     futures::future::try_join_all((0..100).map(|question| ask(&connection, question))).await
    /// });
    /// assert_eq!(smol::block_on(server.run_until(talk))?, (0..100).collect::<Vec<_>>());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_at_limit(mut self) -> Self {
        if let OpenStreamState::Asked(request) = &mut self.state {
            request.waits_at_limit = true;
        }
        self
    }
}

impl Future for OpenStream {
    type Output = Result<Stream, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { shared, state } = &mut *self;
        if let OpenStreamState::Asked(StreamRequest { target, proposal, waits_at_limit }) = state {
            let proposal = core::mem::replace(proposal, Proposal::Agreed(Vec::new()));
            let request = StreamRequest { target: *target, proposal, waits_at_limit: *waits_at_limit };
            *state = OpenStreamState::Begun(AwaitOutcome::begin(shared, |slot| HostCommand::OpenStream(request, slot)));
        }
        // The state is always `Begun` here: the lines above have set it.
        let OpenStreamState::Begun(wait) = state else { return Poll::Pending };
        let opened = ready!(Pin::new(wait).poll(cx))?;
        Poll::Ready(Ok(Stream::new(shared.clone(), opened)))
    }
}

impl fmt::Debug for OpenStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let was_polled = matches!(self.state, OpenStreamState::Begun(_));
        f.debug_struct("OpenStream").field("was_polled", &was_polled).finish_non_exhaustive()
    }
}
