//! The commands of a handle that end a listener, a connection or the host, and then wait for that end.

use super::Handle;
use crate::host::any_swarm::AnySwarm;
use crate::host::command::{Close, HostCommand};
use crate::host::connection::close;
use crate::host::shared::HostPhase;
#[cfg(doc)]
use crate::host::stream::Stream;
use crate::host::wait::AwaitOutcome;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, ListenerId};
use crate::notifee::{HasNode as _, Notifees};

impl Handle {
    /// Closes a listener. The future is ready once the socket of the listener is closed, or at once if the listener has
    /// ended already.
    pub async fn close_listener(&self, id: ListenerId) {
        // The listener has ended after this, whatever the outcome is.
        let _ = AwaitOutcome::begin(&self.shared, |slot| HostCommand::CloseListener(id, slot)).await;
    }

    /// Closes a connection politely: see [`Swarm::close_connection`](crate::swarm::Swarm::close_connection). The future is
    /// ready once the socket of the connection is closed, or at once if the connection has ended already.
    pub async fn close_connection(&self, id: ConnectionId) {
        close(&self.shared, id, Close::Politely).await;
    }

    /// Closes a connection at once. Output that was not sent is lost. The future is ready once notifees were told that the
    /// connection has ended, or at once if it has ended already.
    pub async fn abort_connection(&self, id: ConnectionId) {
        close(&self.shared, id, Close::AtOnce).await;
    }

    /// Closes all connections to a peer politely, and gives up the dials that name the peer: see
    /// [`Swarm::disconnect_peer`](crate::swarm::Swarm::disconnect_peer). The future is ready once all open connections to
    /// the peer have ended, including connections that were being closed already, and once notifees were told of that. The
    /// output of the future is the number of connections and dials that this call closes, or 0 if the host is gone. If the
    /// future is dropped after its first poll, the connections are closed nevertheless.
    pub async fn disconnect_peer(&self, peer: PeerId) -> usize {
        let disconnect = move |_: &mut Notifees<AnySwarm>, swarm: &mut AnySwarm| {
            let node = swarm.node_mut();
            (node.connections_of(peer), node.disconnect_peer(peer))
        };
        let Ok((open, count)) = self.with(disconnect).await else { return 0 };
        for id in open {
            self.connection_closed(id).await;
        }
        count
    }

    /// Waits until a connection has ended. The future is ready at once if the connection has ended already.
    pub async fn connection_closed(&self, id: ConnectionId) {
        close(&self.shared, id, Close::ByItself).await;
    }

    /// Shuts the host down politely. The future is ready once everything has ended and notifees were told of that. A second
    /// call waits for the end of the same shutdown.
    ///
    /// First, listeners are closed, dials are given up, and nothing new begins any more. Then the host waits until handlers
    /// have ended and streams have been closed or dropped by their holders, for at most
    /// [`shutdown_timeout`](crate::host::Config::shutdown_timeout). Then it closes the connections politely, which takes at
    /// most [`close_timeout`](crate::connection::Config::close_timeout). Streams that remain end with their connections.
    ///
    /// **Drop your streams first.** A [`Stream`] that you hold while you await the shutdown delays it by the whole
    /// [`shutdown_timeout`](crate::host::Config::shutdown_timeout), 5 s by default, since the host cannot know that you do
    /// not need the stream any more. A variable that goes out of scope after the `await` is such a stream. A stream that is
    /// closed while its peer continues to send has the same effect. When this happens, a warning in the log says so, and
    /// names a stream.
    ///
    /// ```
    /// # use smol::io::{AsyncReadExt, AsyncWriteExt};
    /// # use swarm_notify::connection::Protocol;
    /// # use swarm_notify::host::{Config, Host};
    /// # use swarm_notify::identity::Keypair;
    /// # const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
    /// # let mut server = Host::new(&Keypair::ed25519_from_bytes([1; 32])?, Config::default())?;
    /// # let mut client = Host::new(&Keypair::ed25519_from_bytes([2; 32])?, Config::default())?;
    /// # server.handle().set_handler(ECHO, async |stream| {
    /// #     let (mut reader, mut writer) = smol::io::split(stream);
    /// #     smol::io::copy(&mut reader, &mut writer).await?;
    /// #     writer.close().await
    /// # });
    /// # let (listening, dialing) = (server.handle(), client.handle());
    /// # let talk = client.run_until(async {
    /// #     let listener = listening.listen("/ip4/127.0.0.1/tcp/0".parse()?).await?;
    /// #     let connection = dialing.dial(listener.addresses()[0].clone()).await?;
    /// let mut stream = connection.open_stream(&[ECHO]).await?;
    /// stream.write_all(b"hello").await?;
    /// let mut echo = [0; 5];
    /// stream.read_exact(&mut echo).await?;
    /// drop(stream); // or put its use in a block; otherwise the next line takes 5 s
    /// dialing.shutdown().await;
    /// #     Ok::<_, Box<dyn std::error::Error>>(())
    /// # });
    /// # smol::block_on(server.run_until(talk))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Last, the threads of [spawned](Notifees::spawn) notifees handle the notifications that they were sent, including all
    /// closing events, and end. The host waits for these threads without blocking its own thread, again for at most
    /// [`shutdown_timeout`](crate::host::Config::shutdown_timeout). A thread that takes longer is left running, with a
    /// warning in the log. If a spawned notifee has panicked, [`take_panics`](Notifees::take_panics) returns the panic.
    pub async fn shutdown(&self) {
        // An error means that the host is gone, which counts as shut down.
        let _ = AwaitOutcome::begin(&self.shared, HostCommand::Shutdown).await;
    }

    /// Returns whether the shutdown is complete (everything has ended and notifees were told of that), or the host was
    /// dropped.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.shared.phase.get() == HostPhase::Over
    }
}
