//! The addresses behind a wildcard: those of this machine's interfaces, looked at again and again.

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

/// The shortest time between two looks, so that no configuration makes a spin.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// Where the addresses of interfaces are asked for.
type ListInterfaces = Box<dyn FnMut() -> io::Result<Vec<IpAddr>> + Send>;

/// What is known of this machine's interfaces.
pub(super) struct Interfaces {
    source: ListInterfaces,
    /// What the last look that did not fail has found: in the source's order, each once.
    known: Vec<IpAddr>,
    /// No look has succeeded yet.
    is_unknown: bool,
    /// How often that has changed.
    changes: u64,
    /// The time to the next look, while somebody wants one.
    timer: Option<Timer>,
}

impl Interfaces {
    /// Those that the system names, apart from those that are down.
    pub(super) fn of_system() -> Self {
        Self::from_source(Box::new(|| {
            let interfaces = if_addrs::get_if_addrs()?;
            Ok(interfaces.iter().filter(|interface| interface.is_oper_up()).map(if_addrs::Interface::ip).collect())
        }))
    }

    /// Those that `source` names, whenever it is asked.
    pub(super) fn from_source(source: ListInterfaces) -> Self {
        Self { source, known: Vec::new(), is_unknown: true, changes: 0, timer: None }
    }

    /// Asks the source now. If it fails, what was known stays.
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
            Err(error) => log::warn!("the addresses of the interfaces cannot be told: {error}"),
        }
    }

    /// Looks if it is time to, and has the task woken when it is time again.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, handle: &Handle, interval: Duration) {
        let interval = interval.max(MIN_INTERVAL);
        let timer = self.timer.get_or_insert_with(|| Timer::after(handle, interval));
        if timer.poll(cx).is_ready() {
            // The interval counts from now, and not from the last deadline: an owner that comes late skips looks.
            *timer = Timer::after(handle, interval);
            // It is polled to have the task woken, and does not come at once.
            let _ = timer.poll(cx);
            self.look();
        }
    }

    /// Nobody wants a look.
    pub(super) fn rest(&mut self) {
        self.timer = None;
    }

    /// Whether looks are taken.
    #[cfg(test)]
    pub(super) fn is_resting(&self) -> bool {
        self.timer.is_none()
    }
}

/// Without the source.
impl fmt::Debug for Interfaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interfaces").field("known", &self.known).finish_non_exhaustive()
    }
}

/// One difference between what a listener has reported and what is the case.
#[derive(Debug)]
pub(super) enum Change {
    New(Multiaddr),
    Expired(Multiaddr),
}

/// What a listener on a wildcard address has reported of the addresses behind it.
#[derive(Debug)]
pub(super) struct Wildcard {
    bound: SocketAddr,
    /// Reported, and not expired.
    reported: Vec<IpAddr>,
    /// The state of the interfaces' `changes` in which nothing was left to report.
    settled: Option<u64>,
}

impl Wildcard {
    /// Nothing has been reported of the socket that is bound to `bound`.
    pub(super) fn new(bound: SocketAddr) -> Self {
        Self { bound, reported: Vec::new(), settled: None }
    }

    /// The next difference to report, if there is one. What has expired comes first, so that there are never more than
    /// `limit`.
    pub(super) fn next(&mut self, interfaces: &Interfaces, limit: usize) -> Option<Change> {
        if self.settled == Some(interfaces.changes) {
            return None;
        }
        let mut current: Vec<_> =
            interfaces.known.iter().copied().filter(|ip| self.covers(*ip)).take(limit.max(1)).collect();
        if interfaces.is_unknown {
            // The socket serves all interfaces, and one of them is known without asking.
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

    /// Whether a connect to `ip` comes to this socket. One to a link-local IPv6 address does, but takes a zone, which
    /// the address that we could report has no place for.
    fn covers(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => self.bound.is_ipv4() && !ip.is_unspecified(),
            IpAddr::V6(ip) => self.bound.is_ipv6() && !ip.is_unspecified() && !ip.is_unicast_link_local(),
        }
    }
}
