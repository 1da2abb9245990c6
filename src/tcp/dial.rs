//! [`Dial`]: a connection that is being made to an address, or to a name, whose addresses are raced.

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

/// A connection that is being made. It yields a [`Stream`].
///
/// Nothing happens before the first poll. Dropping a dial closes its sockets at once; a lookup that has begun goes on. A
/// dial has no deadline besides the system's own, which is minutes long. A swarm sets a shorter one
/// ([`handshake_timeout`](crate::connection::Config::handshake_timeout)), and any other owner should, too.
///
/// A name is looked up first, once fewer than [`Config::lookups`](super::Config::lookups) lookups run. Then its addresses
/// are raced (RFC 8305): the two families alternate, and within a family the order of the lookup is kept. The next attempt
/// begins [`attempt_delay`](super::Config::attempt_delay) after the one before, or at once when one fails. The first
/// attempt that connects wins, and the others are closed at once.
///
/// # Errors
///
/// For an address, the system's error with its [`io::ErrorKind`]: `ConnectionRefused`, `HostUnreachable`,
/// `NetworkUnreachable`, `TimedOut` and so on. A connection to itself counts as `ConnectionRefused`. TCP makes one if a
/// port of this machine is dialed on which nobody listens, and the system happens to choose that port as the dialer's own.
///
/// For a name, `HostUnreachable`, or the resolver's `TimedOut`, if the lookup fails or finds no address of the family that
/// the multiaddress asks for. If all attempts fail, the kind of the first error, with a text that names all errors.
///
/// # Panics
///
/// Panics if it is polled after it has yielded, as futures may.
#[derive(Debug)]
#[must_use = "a dial does nothing unless it is polled"]
pub struct Dial {
    handle: Handle,
    nodelay: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The address to connect to at the first poll.
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
    /// Makes a dial of `address`, whose port is not 0 and whose IP is not a wildcard.
    pub(super) fn new(handle: Handle, address: SocketAddr, nodelay: bool) -> Self {
        Self { handle, nodelay, stage: Stage::To(address) }
    }

    /// Makes a dial of a name, whose port is not 0.
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
                // The caller's mistake, as with any future. A swarm drops a dial as soon as it has its outcome, so no peer
                // can bring this about.
                Stage::Over => panic!("a dial is polled after it has yielded"),
            }
        }
    }
}

impl Future for Dial {
    type Output = io::Result<Stream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let connected = core::task::ready!(self.poll_stage(cx));
        // This closes the attempts that have lost.
        self.stage = Stage::Over;
        Poll::Ready(connected.and_then(|(mut socket, ends)| {
            socket.report_reads_only()?;
            self.handle.connected(ends);
            socket.socket.set_nodelay(self.nodelay)?;
            Ok(Stream::new(socket))
        }))
    }
}
