//! [`Names`]: the lookup of names in dialed addresses, with the system's resolver or the owner's. Each lookup has a thread
//! of its own.

use super::address::DnsName;
use super::lock;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::task::{Context, Poll, Waker};
use std::io;
use std::net::ToSocketAddrs as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard};
use std::thread;

/// A function that looks up a name: its arguments are a host and a port, and it returns socket addresses, the best first.
type ResolverFn = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// A resolver of names, with a maximum number of simultaneous lookups.
pub(super) struct Names {
    resolver: ResolverFn,
    places: LookupPermits,
}

/// The permits for lookups, and the queue of lookups that wait for a permit. Clones share the same permits and queue.
#[derive(Clone)]
struct LookupPermits(Arc<Mutex<PermitQueue>>);

struct PermitQueue {
    /// The number of free permits.
    free: usize,
    /// The wakers of the waiting lookups, by their number in the queue; the lowest number is served first.
    waiting: BTreeMap<u64, Waker>,
    /// The number of the lookup that joined the queue last.
    numbers: u64,
}

impl LookupPermits {
    fn line(&self) -> MutexGuard<'_, PermitQueue> {
        lock(&self.0)
    }

    /// Wakes the first lookup in the queue, if a permit is free.
    fn wake_first(&self) {
        let line = self.line();
        // The lookup stays in the queue until it has taken the permit itself. If it is dropped before, its drop wakes the
        // next one.
        let first = line.waiting.first_key_value().filter(|_| line.free > 0).map(|(_, waker)| waker.clone());
        drop(line);
        if let Some(first) = first {
            first.wake();
        }
    }
}

/// A permit that a lookup holds. Its drop frees the permit and wakes the first lookup in the queue.
struct LookupPermit(LookupPermits);

impl Drop for LookupPermit {
    fn drop(&mut self) {
        self.0.line().free += 1;
        self.0.wake_first();
    }
}

/// The mailbox between a lookup and its thread: the thread stores its result here, and then wakes the lookup.
#[derive(Default)]
struct LookupResult {
    found: Option<io::Result<Vec<SocketAddr>>>,
    waiting: Option<Waker>,
}

impl Names {
    /// Creates a resolver that asks the system, with at most `lookups` simultaneous lookups. 0 counts as 1.
    pub(super) fn of_system(lookups: usize) -> Self {
        let line = PermitQueue { free: lookups.max(1), waiting: BTreeMap::new(), numbers: 0 };
        Self {
            resolver: Arc::new(|host, port| Ok((host, port).to_socket_addrs()?.collect())),
            places: LookupPermits(Arc::new(Mutex::new(line))),
        }
    }

    /// Replaces the function that looks up names.
    pub(super) fn ask(&mut self, resolver: ResolverFn) {
        self.resolver = resolver;
    }

    /// Returns a lookup of a name that yields at most `limit` addresses; 0 counts as 1. Nothing happens before the first
    /// poll of the lookup. If the lookup is dropped while it is in the queue, it leaves the queue. If the lookup is dropped
    /// later, its thread continues and keeps the permit until the resolver returns.
    pub(super) fn lookup(&self, name: DnsName, limit: usize) -> Lookup {
        Lookup {
            name,
            limit: limit.max(1),
            resolver: self.resolver.clone(),
            places: self.places.clone(),
            number: None,
            answer: None,
        }
    }
}

/// A lookup of one name. It waits in the queue for a permit, and then runs on a thread of its own.
pub(super) struct Lookup {
    name: DnsName,
    limit: usize,
    resolver: ResolverFn,
    places: LookupPermits,
    /// The number of the lookup in the queue, or `None` before the first poll of the lookup.
    number: Option<u64>,
    /// The mailbox in which the thread stores its result, or `None` before the thread is started.
    answer: Option<Arc<Mutex<LookupResult>>>,
}

impl Lookup {
    /// Returns the result once the lookup has ended: at least one address, or an error.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<SocketAddr>>> {
        if self.answer.is_none() {
            let Some(place) = self.take_place(cx) else { return Poll::Pending };
            let begun = self.begin(place).map_err(|error| {
                io::Error::new(io::ErrorKind::HostUnreachable, format!("{}: {error}", self.name.host))
            });
            self.answer = Some(begun?);
            // Another permit may be free for the next lookup in the queue.
            self.places.wake_first();
        }
        let Some(answer) = &self.answer else { return Poll::Pending };
        let waker = cx.waker().clone();
        let mut answer = lock(answer);
        let Some(found) = answer.found.take() else {
            let replaced = answer.waiting.replace(waker);
            drop(answer);
            // Dropping a waker may run its owner's code, which must not happen while the lock is held.
            drop(replaced);
            return Poll::Pending;
        };
        drop(answer);
        Poll::Ready(self.understood(found))
    }

    /// Takes a permit if one is free and this lookup is the first in the queue. Otherwise the lookup joins the queue or
    /// stays in it.
    fn take_place(&mut self, cx: &Context<'_>) -> Option<LookupPermit> {
        let waker = cx.waker().clone();
        let mut line = self.places.line();
        let number = *self.number.get_or_insert_with(|| {
            line.numbers += 1;
            line.numbers
        });
        // A lookup that was never in the queue gets the highest number, so that it does not pass those that wait.
        let is_first = line.waiting.first_key_value().is_none_or(|(first, _)| *first >= number);
        let has_place = line.free > 0 && is_first;
        let replaced = if has_place {
            line.free -= 1;
            line.waiting.remove(&number)
        } else {
            line.waiting.insert(number, waker)
        };
        drop(line);
        drop(replaced);
        has_place.then(|| LookupPermit(self.places.clone()))
    }

    /// Starts the thread of the lookup, and returns the mailbox for its result. The thread ends when the resolver has
    /// returned.
    fn begin(&self, place: LookupPermit) -> io::Result<Arc<Mutex<LookupResult>>> {
        let answer = Arc::<Mutex<LookupResult>>::default();
        let (resolver, host, port, left) =
            (self.resolver.clone(), self.name.host.clone(), self.name.port, answer.clone());
        // A thread for each lookup, and no pool: without a dial by name a node has no thread, and the crate `blocking`
        // (1.7) never ends the ones that it has started.
        thread::Builder::new().name("name lookup".to_string()).spawn(move || {
            // The resolver may be the owner's code and may panic. Values that a panic could leave half changed are not used
            // after it.
            let found = catch_unwind(AssertUnwindSafe(|| resolver(&host, port)));
            let found = found.unwrap_or_else(|_| Err(io::Error::other("the resolver panicked")));
            // The permit is given back here, on the thread, and not by the dial: a dial that is dropped does not end its
            // thread, and the limit is to hold for threads.
            drop(place);
            let mut answer = lock(&left);
            answer.found = Some(found);
            let waiting = answer.waiting.take();
            drop(answer);
            if let Some(waiting) = waiting {
                waiting.wake();
            }
        })?;
        Ok(answer)
    }

    /// Returns the addresses in the resolver's answer that can be dialed, or an error if there is none.
    fn understood(&self, found: io::Result<Vec<SocketAddr>>) -> io::Result<Vec<SocketAddr>> {
        let DnsName { host, family, .. } = &self.name;
        let mut found = found.map_err(|error| {
            let kind = match error.kind() == io::ErrorKind::TimedOut {
                true => io::ErrorKind::TimedOut,
                false => io::ErrorKind::HostUnreachable,
            };
            io::Error::new(kind, format!("{host}: {error}"))
        })?;
        // Some resolvers return a wildcard address for a name that they block. A connect to that address would reach this
        // machine.
        found.retain(|address| family.has(address) && !address.ip().is_unspecified());
        found.truncate(self.limit);
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::HostUnreachable, format!("{host}: no {family} address")));
        }
        Ok(found)
    }
}

/// Removes the lookup from the queue, if it waits there.
impl Drop for Lookup {
    fn drop(&mut self) {
        let Some(number) = self.number.filter(|_| self.answer.is_none()) else { return };
        let left = self.places.line().waiting.remove(&number);
        // Dropping a waker may run its owner's code, which must not happen while the lock is held.
        drop(left);
        // This lookup may have been woken for a free permit. The next lookup in the queue has to take that permit now.
        self.places.wake_first();
    }
}

/// Formats the number of free permits. The resolver is left out, since a function cannot be formatted.
impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("free", &self.places.line().free).finish_non_exhaustive()
    }
}

/// Formats the name. The resolver is left out, since a function cannot be formatted.
impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
