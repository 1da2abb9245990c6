//! The addresses behind a wildcard: those of this machine's interfaces, which are looked up again at an interval.

use super::address;
use super::reactor::Handle;
use super::timer::Timer;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::task::Context;
use core::time::Duration;
use libp2p_core::Multiaddr;
use std::io;

/// The shortest time between two looks, so that no configuration causes a busy loop.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// A function that returns the addresses of this machine's interfaces.
type ListInterfaces = Box<dyn FnMut() -> io::Result<Vec<IpAddr>> + Send>;

/// The addresses of this machine's interfaces, as the last look has found them.
pub(super) struct Interfaces {
    source: ListInterfaces,
    /// The addresses that the last successful look has found: in the source's order, each once.
    known: Vec<IpAddr>,
    /// `true` until a look has succeeded.
    is_unknown: bool,
    /// The number of changes of `known`. The first successful look counts as one.
    changes: u64,
    /// The timer of the next look, while any listener is on a wildcard address.
    timer: Option<Timer>,
}

impl Interfaces {
    /// Takes the addresses from the system, apart from interfaces that are down.
    pub(super) fn of_system() -> Self {
        Self::from_source(Box::new(|| {
            let interfaces = if_addrs::get_if_addrs()?;
            Ok(interfaces.iter().filter(|interface| interface.is_oper_up()).map(if_addrs::Interface::ip).collect())
        }))
    }

    /// Takes the addresses from `source`.
    pub(super) fn from_source(source: ListInterfaces) -> Self {
        Self { source, known: Vec::new(), is_unknown: true, changes: 0, timer: None }
    }

    /// Asks the source now. If it fails, the known addresses stay.
    pub(super) fn look(&mut self) {
        match (self.source)() {
            Ok(mut found) => {
                let mut seen = BTreeSet::new();
                found.retain(|ip| seen.insert(*ip));
                if core::mem::take(&mut self.is_unknown) || found != self.known {
                    self.known = found;
                    self.changes += 1;
                }
            }
            Err(error) => log::warn!("cannot get the addresses of the interfaces: {error}"),
        }
    }

    /// Asks the source if `interval` has passed since the last time, and has the task woken when it has passed again.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, handle: &Handle, interval: Duration) {
        let interval = interval.max(MIN_INTERVAL);
        let timer = self.timer.get_or_insert_with(|| Timer::after(handle, interval));
        if timer.poll(cx).is_ready() {
            // The interval counts from now and not from the last deadline, so that an owner that comes late skips looks
            // instead of making them up.
            *timer = Timer::after(handle, interval);
            let _ = timer.poll(cx);
            self.look();
        }
    }

    /// Stops the timer of looks: no listener is on a wildcard address.
    pub(super) fn rest(&mut self) {
        self.timer = None;
    }

    /// Returns whether no further look is planned.
    #[cfg(test)]
    pub(super) fn is_resting(&self) -> bool {
        self.timer.is_none()
    }
}

/// Leaves the source out.
impl fmt::Debug for Interfaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interfaces").field("known", &self.known).finish_non_exhaustive()
    }
}

/// One difference between the addresses that a listener has reported and those that it has.
#[derive(Debug)]
pub(super) enum Change {
    New(Multiaddr),
    Expired(Multiaddr),
}

/// The addresses that a listener on a wildcard address has reported.
#[derive(Debug)]
pub(super) struct Wildcard {
    bound: SocketAddr,
    /// The addresses that were reported as new, and not as expired since.
    reported: Vec<IpAddr>,
    /// The value of [`Interfaces::changes`] at which nothing was left to report.
    settled: Option<u64>,
}

impl Wildcard {
    /// Makes the state of a socket that is bound to `bound`, with nothing reported yet.
    pub(super) fn new(bound: SocketAddr) -> Self {
        Self { bound, reported: Vec::new(), settled: None }
    }

    /// Returns the next difference to report, if there is one. Expired addresses come first, so that at most `limit` are
    /// reported at a time.
    pub(super) fn next(&mut self, interfaces: &Interfaces, limit: usize) -> Option<Change> {
        if self.settled == Some(interfaces.changes) {
            return None;
        }
        let mut current: Vec<_> =
            interfaces.known.iter().copied().filter(|ip| self.covers(*ip)).take(limit.max(1)).collect();
        if interfaces.is_unknown {
            // The socket serves all interfaces, and loopback is one that every machine has.
            current.push(self.loopback());
        }
        let multiaddr = |ip| address::to_multiaddr(SocketAddr::new(ip, self.bound.port()));
        if let Some(gone) = self.reported.iter().position(|ip| !current.contains(ip)) {
            return Some(Change::Expired(multiaddr(self.reported.remove(gone))));
        }
        if let Some(new) = current.into_iter().find(|ip| !self.reported.contains(ip)) {
            self.reported.push(new);
            return Some(Change::New(multiaddr(new)));
        }
        self.settled = Some(interfaces.changes);
        None
    }

    fn loopback(&self) -> IpAddr {
        match self.bound.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        }
    }

    /// Returns whether `ip` is to be reported: a connect to it reaches this socket. A link-local IPv6 address is left out,
    /// since a connect to it needs a zone, for which the multiaddress has no place.
    fn covers(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => self.bound.is_ipv4() && !ip.is_unspecified(),
            IpAddr::V6(ip) => self.bound.is_ipv6() && !ip.is_unspecified() && !ip.is_unicast_link_local(),
        }
    }
}
