//! Names in addresses that are dialed: looked up by the system, or by whom the owner names, on threads for such work.

use super::address::Name;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use async_channel::{Receiver, Sender};
use core::fmt;
use core::future::Future;
use core::net::SocketAddr;
use std::io;
use std::net::ToSocketAddrs as _;

/// Who knows names: the host and the port give socket addresses, the best first.
type Resolver = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// Looks up names, a bounded number at a time.
pub(super) struct Names {
    resolver: Resolver,
    /// As full as lookups are under way: whoever can send has a place.
    places: (Sender<()>, Arc<Receiver<()>>),
}

/// The right to look something up, until it is dropped.
struct Place(Arc<Receiver<()>>);

impl Drop for Place {
    fn drop(&mut self) {
        // Ours, or another's who will take ours: there are as many in it as there are places taken.
        let _ = self.0.try_recv();
    }
}

impl Names {
    /// What the system knows, `lookups` at a time.
    pub(super) fn of_system(lookups: usize) -> Self {
        let (sender, receiver) = async_channel::bounded(lookups.max(1));
        Self {
            resolver: Arc::new(|host, port| Ok((host, port).to_socket_addrs()?.collect())),
            places: (sender, Arc::new(receiver)),
        }
    }

    /// Has somebody else asked.
    pub(super) fn ask(&mut self, resolver: Resolver) {
        self.resolver = resolver;
    }

    /// The addresses of a name, at least one and at most `limit`. Nothing happens before the first poll. What is dropped
    /// in line leaves the line; a lookup that has begun goes on, and keeps its place until it is over.
    pub(super) fn lookup(
        &self,
        name: Name,
        limit: usize,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + use<> {
        let (resolver, (sender, receiver)) = (self.resolver.clone(), self.places.clone());
        async move {
            // It fails of nothing: we hold a receiver.
            let _ = sender.send(()).await;
            let place = Place(receiver);
            let (name, found) = blocking::unblock(move || {
                let found = resolver(&name.host, name.port);
                drop(place);
                (name, found)
            })
            .await;
            let mut found = found.map_err(|error| {
                let kind = match error.kind() == io::ErrorKind::TimedOut {
                    true => io::ErrorKind::TimedOut,
                    false => io::ErrorKind::HostUnreachable,
                };
                io::Error::new(kind, format!("{}: {error}", name.host))
            })?;
            // Some resolvers answer with a wildcard for what is to be blocked; a connect to it would come to ourselves.
            found.retain(|address| name.family.has(address) && !address.ip().is_unspecified());
            found.truncate(limit.max(1));
            if found.is_empty() {
                let text = format!("{}: no {} address", name.host, name.family);
                return Err(io::Error::new(io::ErrorKind::HostUnreachable, text));
            }
            Ok(found)
        }
    }
}

/// Without who is asked.
impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("under_way", &self.places.0.len()).finish_non_exhaustive()
    }
}
