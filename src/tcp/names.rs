//! Names in addresses that are dialed: looked up by the system, or by whom the owner names, on a thread for each lookup.

use super::address::Name;
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
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Who knows names: the host and the port give socket addresses, the best first.
type Resolver = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// Looks up names, a bounded number at a time.
pub(super) struct Names {
    resolver: Resolver,
    places: Places,
}

/// The places for lookups, and the line of those who wait for one.
#[derive(Clone)]
struct Places(Arc<Mutex<Line>>);

struct Line {
    free: usize,
    /// Who waits, the one that came first first.
    waiting: BTreeMap<u64, Waker>,
    numbers: u64,
}

impl Places {
    fn line(&self) -> MutexGuard<'_, Line> {
        lock(&self.0)
    }

    /// Wakes who is first in line, if there is a place.
    fn wake_first(&self) {
        let line = self.line();
        let first = line.waiting.first_key_value().filter(|_| line.free > 0).map(|(_, waker)| waker.clone());
        drop(line);
        if let Some(first) = first {
            first.wake();
        }
    }
}

/// The right to look something up, until it is dropped.
struct Place(Places);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.line().free += 1;
        self.0.wake_first();
    }
}

/// Where a thread leaves what it has found, and whom it wakes then.
#[derive(Default)]
struct Answer {
    found: Option<io::Result<Vec<SocketAddr>>>,
    waiting: Option<Waker>,
}

impl Names {
    /// What the system knows, `lookups` at a time.
    pub(super) fn of_system(lookups: usize) -> Self {
        let line = Line { free: lookups.max(1), waiting: BTreeMap::new(), numbers: 0 };
        Self {
            resolver: Arc::new(|host, port| Ok((host, port).to_socket_addrs()?.collect())),
            places: Places(Arc::new(Mutex::new(line))),
        }
    }

    /// Has somebody else asked.
    pub(super) fn ask(&mut self, resolver: Resolver) {
        self.resolver = resolver;
    }

    /// Looks up the addresses of a name, at least one and at most `limit`. Nothing happens before the first poll. What
    /// is dropped in line leaves the line; a lookup that has begun goes on, and keeps its place until it is over.
    pub(super) fn lookup(&self, name: Name, limit: usize) -> Lookup {
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

/// A lookup: in line for a place, then on a thread of its own.
pub(super) struct Lookup {
    name: Name,
    limit: usize,
    resolver: Resolver,
    places: Places,
    /// Its number in line, once it has been polled.
    number: Option<u64>,
    /// Where the answer will be, once it has begun.
    answer: Option<Arc<Mutex<Answer>>>,
}

impl Lookup {
    /// Ready once it is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<SocketAddr>>> {
        if self.answer.is_none() {
            let Some(place) = self.take_place(cx) else { return Poll::Pending };
            let begun = self.begin(place).map_err(|error| {
                io::Error::new(io::ErrorKind::HostUnreachable, format!("{}: {error}", self.name.host))
            });
            self.answer = Some(begun?);
            // There may be a place for the next in line, too.
            self.places.wake_first();
        }
        let Some(answer) = &self.answer else { return Poll::Pending };
        let mut answer = lock(answer);
        match answer.found.take() {
            Some(found) => Poll::Ready(self.understood(found)),
            None => {
                answer.waiting = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// A place, if it is this one's turn.
    fn take_place(&mut self, cx: &Context<'_>) -> Option<Place> {
        let mut line = self.places.line();
        let number = *self.number.get_or_insert_with(|| {
            line.numbers += 1;
            line.numbers
        });
        line.waiting.insert(number, cx.waker().clone());
        if line.free == 0 || line.waiting.first_key_value().is_some_and(|(first, _)| *first != number) {
            return None;
        }
        line.free -= 1;
        line.waiting.remove(&number);
        Some(Place(self.places.clone()))
    }

    /// Starts the thread, which ends with the lookup.
    fn begin(&self, place: Place) -> io::Result<Arc<Mutex<Answer>>> {
        let answer = Arc::<Mutex<Answer>>::default();
        let (resolver, host, port, left) =
            (self.resolver.clone(), self.name.host.clone(), self.name.port, answer.clone());
        thread::Builder::new().name("name lookup".to_string()).spawn(move || {
            // It is the owner's code; what it leaves behind when it panics nobody looks at.
            let found = catch_unwind(AssertUnwindSafe(|| resolver(&host, port)));
            let found = found.unwrap_or_else(|_| Err(io::Error::other("the resolver panicked")));
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

    /// What the resolver's answer means.
    fn understood(&self, found: io::Result<Vec<SocketAddr>>) -> io::Result<Vec<SocketAddr>> {
        let Name { host, family, .. } = &self.name;
        let mut found = found.map_err(|error| {
            let kind = match error.kind() == io::ErrorKind::TimedOut {
                true => io::ErrorKind::TimedOut,
                false => io::ErrorKind::HostUnreachable,
            };
            io::Error::new(kind, format!("{host}: {error}"))
        })?;
        // Some resolvers answer with a wildcard for what is to be blocked; a connect to it would come to ourselves.
        found.retain(|address| family.has(address) && !address.ip().is_unspecified());
        found.truncate(self.limit);
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::HostUnreachable, format!("{host}: no {family} address")));
        }
        Ok(found)
    }
}

/// Leaves the line.
impl Drop for Lookup {
    fn drop(&mut self) {
        let Some(number) = self.number.filter(|_| self.answer.is_none()) else { return };
        let left = self.places.line().waiting.remove(&number);
        // Its own code may run when it is dropped, and not under the lock.
        drop(left);
        // It may have been woken for a place that it does not take.
        self.places.wake_first();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done with the lock panics in between.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Without who is asked.
impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("free", &self.places.line().free).finish_non_exhaustive()
    }
}

/// Without who is asked.
impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("name", &self.name).finish_non_exhaustive()
    }
}
