//! The addresses of this machine's interfaces. A listener on a wildcard address reports them as its own addresses. They are
//! read again at an interval.

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

/// The minimum interval between two reads of the addresses of the interfaces, so that no configuration causes a busy loop.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// A function that returns the addresses of this machine's interfaces.
type ListInterfaces = Box<dyn FnMut() -> io::Result<Vec<IpAddr>> + Send>;

/// The addresses of this machine's interfaces at the time when they were last read.
pub(super) struct Interfaces {
    source: ListInterfaces,
    /// The addresses that the source returned when it was last read successfully, in the order of the source and without
    /// duplicates.
    known: Vec<IpAddr>,
    /// `true` until the addresses have been read successfully for the first time.
    is_unknown: bool,
    /// The number of times that `known` has changed. The first successful read of the addresses counts as a change.
    changes: u64,
    /// The timer for reading the addresses again. It is set while any listener is on a wildcard address.
    timer: Option<Timer>,
}

impl Interfaces {
    /// Creates a list of addresses that will be read from the system. Interfaces that are down are left out.
    pub(super) fn of_system() -> Self {
        // The interfaces are read at an interval, and not watched: `if-addrs` is one package, and `if-watch` would bring
        // 21.
        Self::from_source(Box::new(|| {
            let interfaces = if_addrs::get_if_addrs()?;
            Ok(interfaces.iter().filter(|interface| interface.is_oper_up()).map(if_addrs::Interface::ip).collect())
        }))
    }

    /// Creates a list of addresses that will be read by calling `source`.
    pub(super) fn from_source(source: ListInterfaces) -> Self {
        Self { source, known: Vec::new(), is_unknown: true, changes: 0, timer: None }
    }

    /// Reads the addresses from the source now. If that fails, the known addresses stay.
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

    /// Reads the addresses from the source if `interval` has passed since the last read. Wakes the task of `cx` when it is
    /// time for the next read.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, handle: &Handle, interval: Duration) {
        let interval = interval.max(MIN_INTERVAL);
        let timer = self.timer.get_or_insert_with(|| Timer::after(handle, interval));
        if timer.poll(cx).is_ready() {
            // The interval begins now, and not at the last deadline. If the owner polls late, the reads that it has missed
            // are therefore skipped and not repeated.
            *timer = Timer::after(handle, interval);
            // This poll registers the waker of the task. The timer is never ready at once.
            let _ = timer.poll(cx);
            self.look();
        }
    }

    /// Stops the timer for reading the addresses again, since no listener is on a wildcard address.
    pub(super) fn rest(&mut self) {
        self.timer = None;
    }

    /// Returns whether the timer for reading the addresses again is stopped.
    #[cfg(test)]
    pub(super) fn is_resting(&self) -> bool {
        self.timer.is_none()
    }
}

/// Formats the known addresses. The source is left out, since a function cannot be formatted.
impl fmt::Debug for Interfaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interfaces").field("known", &self.known).finish_non_exhaustive()
    }
}

/// A change that a listener on a wildcard address has to report: an address that is new or has expired.
#[derive(Debug)]
pub(super) enum Change {
    New(Multiaddr),
    Expired(Multiaddr),
}

/// The addresses that a listener on a wildcard address has reported, and those that it still has to report.
#[derive(Debug)]
pub(super) struct Wildcard {
    bound: SocketAddr,
    /// The addresses that the listener has reported as new and has not reported as expired since.
    reported: Vec<IpAddr>,
    /// The value of [`Interfaces::changes`] when the listener last had nothing left to report.
    settled: Option<u64>,
}

impl Wildcard {
    /// Creates the state of a listening socket that is bound to `bound` and has reported no address yet.
    pub(super) fn new(bound: SocketAddr) -> Self {
        Self { bound, reported: Vec::new(), settled: None }
    }

    /// Returns the next change of the listener's addresses to report, or `None` if there is no change. Expired addresses are
    /// reported before new addresses, so that at most `limit` addresses are reported as current at a time.
    pub(super) fn next(&mut self, interfaces: &Interfaces, limit: usize) -> Option<Change> {
        // Between two changes a poll compares two numbers, and no lists of addresses.
        if self.settled == Some(interfaces.changes) {
            return None;
        }
        let mut current: Vec<_> =
            interfaces.known.iter().copied().filter(|ip| self.covers(*ip)).take(limit.max(1)).collect();
        if interfaces.is_unknown {
            // The socket serves all interfaces, and every machine has a loopback interface.
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

    /// Returns whether the listener reports the address `ip`, because a connect to `ip` reaches the listener's socket. A
    /// link-local IPv6 address is left out, since a connect to it needs a zone, for which a multiaddress has no place.
    fn covers(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => self.bound.is_ipv4() && !ip.is_unspecified(),
            IpAddr::V6(ip) => self.bound.is_ipv6() && !ip.is_unspecified() && !ip.is_unicast_link_local(),
        }
    }
}
