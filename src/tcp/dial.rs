//! [`Dial`]: a connection that is being made, to an address, or to a name, whose addresses are raced.

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
/// Nothing happens before the first poll. Dropping it closes its sockets at once; a lookup that has begun goes on. It has
/// no deadline besides the system's own, which is minutes long: a swarm sets a shorter one
/// ([`handshake_timeout`](crate::connection::Config::handshake_timeout)), and any other owner should.
///
/// A name is looked up first, once there is a place among [`Config::lookups`](super::Config::lookups). Then its addresses
/// are raced (RFC 8305): the two families alternate, otherwise in the order of the lookup. The next attempt starts an
/// [`attempt_delay`](super::Config::attempt_delay) after the one before, or at once when one fails. The first that
/// connects wins, and the others are closed at once.
///
/// # Errors
///
/// The system's, with its [`io::ErrorKind`]: `ConnectionRefused`, `HostUnreachable`, `NetworkUnreachable`, `TimedOut`
/// and so on. A connection to itself, which TCP makes if a port of this machine that nobody listens on happens to be
/// chosen as the dialer's own, counts as `ConnectionRefused`.
///
/// For a name: `HostUnreachable`, or the resolver's `TimedOut`, if the lookup fails or finds no address of the family that
/// the multiaddress asks for. If all attempts fail, the kind of the first error, with a text that names all of them.
///
/// # Panics
///
/// If it is polled after it has yielded, as futures may.
#[derive(Debug)]
#[must_use = "a dial does nothing unless it is polled"]
pub struct Dial {
    handle: Handle,
    nodelay: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// It has not been polled yet.
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
    /// An attempt at `address`, which is neither port 0 nor a wildcard.
    pub(super) fn new(handle: Handle, address: SocketAddr, nodelay: bool) -> Self {
        Self { handle, nodelay, stage: Stage::To(address) }
    }

    /// An attempt at a name whose port is not 0.
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
                // As with each future, that is a mistake of whoever polls it. A swarm drops a dial with its outcome, whatever
                // that is, so that no network leads here.
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
