//! [`Scene`]: what an attack knows of the node that it attacks, and when it is over.

use rustix::time::{ClockId, clock_gettime};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// An attack that is under way.
pub(crate) struct Scene {
    /// Where the node listens.
    pub(crate) target: SocketAddr,
    /// A small instance, for `cargo test`.
    pub(crate) is_small: bool,
    is_over: AtomicBool,
    is_under_way: AtomicBool,
    cpu_nanos: AtomicU64,
    cuts: AtomicU64,
}

impl Scene {
    pub(crate) fn new(target: SocketAddr, is_small: bool) -> Self {
        Self {
            target,
            is_small,
            is_over: AtomicBool::new(false),
            is_under_way: AtomicBool::new(false),
            cpu_nanos: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
        }
    }

    /// The first number for the whole instance, the second for the small one.
    pub(crate) fn pick<T>(&self, whole: T, small: T) -> T {
        if self.is_small { small } else { whole }
    }

    /// Whether attackers are to go on.
    pub(crate) fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    /// Asks the attackers to leave.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Says that all has been set up, and that the worst is being done from now on.
    pub(crate) fn is_set_up(&self) {
        self.is_under_way.store(true, Ordering::Relaxed);
    }

    /// Whether all has been set up.
    pub(crate) fn is_under_way(&self) -> bool {
        self.is_under_way.load(Ordering::Relaxed)
    }

    /// Counts a connection of the attacker that the node has ended or refused.
    pub(crate) fn count_cut(&self) {
        self.cuts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }

    /// Runs `attack` on this thread, and adds its CPU time to that of the attack.
    pub(crate) fn account<R>(&self, attack: impl FnOnce() -> R) -> R {
        let start = thread_time();
        let result = attack();
        let nanos = (thread_time() - start).as_nanos();
        self.cpu_nanos.fetch_add(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Relaxed);
        result
    }

    /// The CPU time of all of its threads that have ended.
    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_nanos.load(Ordering::Relaxed))
    }
}

fn thread_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// The loopback address of a number, for attackers that come from many. Honest peers come from none of them.
pub(crate) fn one_of_many(number: usize) -> IpAddr {
    let [_, a, b, c] = u32::try_from(number).unwrap_or_default().to_be_bytes();
    Ipv4Addr::new(127, 100 + a, b, c).into()
}
