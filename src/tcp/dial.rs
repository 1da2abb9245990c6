//! One attempt to connect.

use super::Stream;
#[cfg(feature = "dns")]
use super::{Config, address::Name, names::Names};
use alloc::boxed::Box;
#[cfg(feature = "dns")]
use alloc::format;
use async_io::Async;
#[cfg(feature = "dns")]
use async_io::Timer;
use core::fmt;
use core::future::Future;
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll};
#[cfg(feature = "dns")]
use core::time::Duration;
use std::io;
use std::net::TcpStream;

/// One attempt to connect, which yields a [`Stream`].
///
/// Nothing happens before the first poll. Dropping it closes the socket at once. For an address, there is no deadline in
/// it besides the system's own, which is minutes long: a shorter one is for the owner to set.
///
/// A name is looked up first, once there is a place among [`Config::lookups`](super::Config::lookups); then its
/// addresses are tried one after the other, in the order that the lookup gives, each but the last for an
/// [`address_timeout`](super::Config::address_timeout) at most.
///
/// # Errors
///
/// The system's, with its [`io::ErrorKind`]: `ConnectionRefused`, `HostUnreachable`, `NetworkUnreachable`, `TimedOut`
/// and so on. A connection to itself, which TCP makes if a port of this machine that nobody listens on happens to be
/// chosen as the dialer's own, counts as `ConnectionRefused`.
///
/// For a name: `HostUnreachable`, or `TimedOut`, if the lookup fails or finds no address that is meant; and otherwise,
/// if no address can be connected to, the kind of the first one's error, with a text that has all of them.
///
/// # Panics
///
/// If it is polled after it has yielded, as futures may.
#[must_use = "a dial does nothing unless it is polled"]
pub struct Dial {
    attempt: Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>,
}

impl Dial {
    /// An attempt at `address`, which is neither port 0 nor a wildcard.
    pub(super) fn new(address: SocketAddr, nodelay: bool) -> Self {
        Self { attempt: Box::pin(connect(address, nodelay)) }
    }

    /// An attempt at a name whose port is not 0.
    #[cfg(feature = "dns")]
    pub(super) fn by_name(name: Name, names: &Names, config: &Config) -> Self {
        let host = name.host.clone();
        let lookup = names.lookup(name, config.addresses_per_name);
        let (nodelay, timeout) = (config.nodelay, config.address_timeout);
        Self {
            attempt: Box::pin(async move {
                let mut first = None;
                let mut text = host;
                let mut addresses = lookup.await?.into_iter().peekable();
                while let Some(address) = addresses.next() {
                    let connected = match addresses.peek() {
                        Some(_) => within(timeout, connect(address, nodelay)).await,
                        None => connect(address, nodelay).await,
                    };
                    match connected {
                        Ok(stream) => return Ok(stream),
                        Err(error) => {
                            text += &format!("{} {address}: {error}", if first.is_none() { ':' } else { ';' });
                            first.get_or_insert(error.kind());
                        }
                    }
                }
                // A lookup that finds nothing has failed.
                Err(io::Error::new(first.unwrap_or(io::ErrorKind::HostUnreachable), text))
            }),
        }
    }
}

impl Future for Dial {
    type Output = io::Result<Stream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.attempt.as_mut().poll(cx)
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial").finish_non_exhaustive()
    }
}

/// What comes of an attempt, if it comes in time.
#[cfg(feature = "dns")]
async fn within(timeout: Duration, attempt: impl Future<Output = io::Result<Stream>>) -> io::Result<Stream> {
    let late = async {
        Timer::after(timeout).await;
        Err(io::ErrorKind::TimedOut.into())
    };
    futures_lite::future::or(attempt, late).await
}

async fn connect(address: SocketAddr, nodelay: bool) -> io::Result<Stream> {
    let socket = Async::<TcpStream>::connect(address).await?;
    if socket.get_ref().local_addr()? == address {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    socket.get_ref().set_nodelay(nodelay)?;
    Ok(Stream::new(socket))
}
