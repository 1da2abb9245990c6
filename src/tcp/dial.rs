//! [`Dial`]: an attempt to connect to an address or to a name. The addresses of a name are raced against each other.

use super::Stream;
use super::attempt::{Attempt, Connected};
use super::reactor::Handle;
use core::future::Future;
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
#[cfg(feature = "dns")]
use {
    super::names::Lookup,
    super::race::{Race, interleave},
    super::{Config, address::DnsName, names::Names},
    alloc::boxed::Box,
    alloc::string::String,
    core::task::ready,
    core::time::Duration,
};

/// A future that connects to an address or a name, and yields a [`Stream`].
///
/// Nothing happens before the first poll. Dropping a dial closes its sockets at once, but does not stop a lookup that has
/// begun. A dial has no timeout except that of the system, which is minutes long. A swarm sets a shorter timeout
/// ([`handshake_timeout`](crate::connection::Config::handshake_timeout)), and any other owner should also set one.
///
/// The dial of a name first looks the name up, once fewer than [`Config::lookups`](super::Config::lookups) lookups run. Then
/// the addresses are raced against each other (RFC 8305): IPv4 and IPv6 addresses alternate, and within a family the order
/// of the lookup is kept. The next attempt begins [`attempt_delay`](super::Config::attempt_delay) after the previous one, or
/// at once when one fails. The first attempt that connects wins, and the others are closed at once.
///
/// # Errors
///
/// For an address, the system's error with its [`io::ErrorKind`]: `ConnectionRefused`, `HostUnreachable`,
/// `NetworkUnreachable`, `TimedOut` and others. If the socket has connected to itself, the error is also
/// `ConnectionRefused`. This can happen when a port of this machine is dialed on which nobody listens, and the system
/// happens to choose the same port as the local port of the dial.
///
/// For a name, `HostUnreachable`, or the resolver's `TimedOut`, if the lookup fails or finds no address of the family that
/// the multiaddress asks for. If all attempts fail, the error has the kind of the first error, and a text that names all
/// errors.
///
/// # Panics
///
/// Panics if the dial is polled again after it has returned `Ready`. The contract of futures permits this panic.
#[derive(Debug)]
#[must_use = "a dial does nothing unless it is polled"]
pub struct Dial {
    handle: Handle,
    nodelay: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The dial has not been polled yet. The first poll begins to connect to this address.
    To(SocketAddr),
    Connecting(Attempt),
    #[cfg(feature = "dns")]
    Looking {
        lookup: Box<Lookup>,
        attempt_delay: Duration,
        host: String,
    },
    #[cfg(feature = "dns")]
    Racing(Box<Race>),
    Over,
}

impl Dial {
    /// Creates a dial of `address`, whose port must not be 0 and whose IP must not be a wildcard.
    pub(super) fn new(handle: Handle, address: SocketAddr, nodelay: bool) -> Self {
        Self { handle, nodelay, stage: Stage::To(address) }
    }

    /// Creates a dial of a name, whose port must not be 0.
    #[cfg(feature = "dns")]
    pub(super) fn by_name(handle: Handle, name: DnsName, names: &Names, config: &Config) -> Self {
        let host = name.host.clone();
        let lookup = Box::new(names.lookup(name, config.addresses_per_name));
        let attempt_delay = config.attempt_delay;
        Self { handle, nodelay: config.nodelay, stage: Stage::Looking { lookup, attempt_delay, host } }
    }

    fn poll_stage(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connected>> {
        loop {
            match &mut self.stage {
                Stage::To(address) => self.stage = Stage::Connecting(Attempt::begin(&self.handle, *address)?),
                Stage::Connecting(attempt) => return attempt.poll(cx),
                #[cfg(feature = "dns")]
                Stage::Looking { lookup, attempt_delay, host } => {
                    let found = interleave(ready!(lookup.poll(cx))?);
                    let race = Race::new(self.handle.clone(), core::mem::take(host), found, *attempt_delay);
                    self.stage = Stage::Racing(Box::new(race));
                }
                #[cfg(feature = "dns")]
                Stage::Racing(race) => return race.poll(cx),
                // The caller has polled a future that has ended, which is a mistake. A swarm drops a dial as soon as the
                // dial has an outcome, so no peer can cause this panic.
                Stage::Over => panic!("a dial is polled after it has yielded"),
            }
        }
    }
}

impl Future for Dial {
    type Output = io::Result<Stream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let connected = core::task::ready!(self.poll_stage(cx));
        // This assignment drops the race, and so closes the sockets of the other attempts.
        self.stage = Stage::Over;
        Poll::Ready(connected.and_then(|(mut socket, ends)| {
            socket.report_reads_only()?;
            self.handle.connected(ends);
            socket.socket.set_nodelay(self.nodelay)?;
            Ok(Stream::new(socket))
        }))
    }
}
