//! Tests of the queue of lookups: each free permit is offered to the first lookup in the queue.

use super::super::address::{DnsName, NameFamily};
use super::*;
use alloc::task::Wake;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// A waker that counts its wake-ups.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A lookup in the queue, and its waker.
struct Waiting(Lookup, Arc<Count>);

impl Waiting {
    fn poll(&mut self) -> Poll<io::Result<Vec<SocketAddr>>> {
        self.0.poll(&mut Context::from_waker(&Waker::from(self.1.clone())))
    }

    fn woken(&self) -> usize {
        self.1.0.load(Ordering::SeqCst)
    }
}

/// Creates a resolver with `lookups` permits. Each lookup sends one message to the returned receiver when the lookup has
/// begun. Each message that the returned sender sends ends one lookup.
fn names(lookups: usize) -> (Names, Receiver<()>, Sender<()>) {
    let (began, begins) = channel();
    let (ends, end) = channel();
    let end = Mutex::new(end);
    let mut names = Names::of_system(lookups);
    names.ask(Arc::new(move |_, port| {
        began.send(()).unwrap();
        lock(&end).recv().unwrap();
        Ok(Vec::from([SocketAddr::from(([192, 0, 2, 1], port))]))
    }));
    (names, begins, ends)
}

fn lookup(names: &Names) -> Waiting {
    let name = DnsName { host: "several.example".to_string(), family: NameFamily::Any, port: 1 };
    Waiting(names.lookup(name, 8), Arc::default())
}

#[test]
fn a_lookup_that_leaves_the_line_passes_its_place_on() {
    let (names, begins, ends) = names(1);
    let mut all: Vec<_> = (0..3).map(|_| lookup(&names)).collect();
    assert!(all.iter_mut().all(|lookup| lookup.poll().is_pending()));
    begins.recv().unwrap();
    ends.send(()).unwrap();
    while all[1].woken() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(all[2].woken(), 0, "it is not the first");
    drop(all.remove(1));
    assert_eq!(all[1].woken(), 1);
    assert!(all[1].poll().is_pending());
    begins.recv().unwrap();
    ends.send(()).unwrap();
}

#[test]
fn two_places_that_become_free_at_once_are_both_taken() {
    let (names, begins, ends) = names(2);
    let mut all: Vec<_> = (0..4).map(|_| lookup(&names)).collect();
    assert!(all.iter_mut().all(|lookup| lookup.poll().is_pending()));
    for _ in 0..2 {
        begins.recv().unwrap();
        ends.send(()).unwrap();
    }
    // Both free permits have woken the third lookup, which is the first in the queue.
    while names.places.line().free < 2 || all[2].woken() < 2 {
        std::thread::yield_now();
    }
    assert_eq!(all[3].woken(), 0);
    assert!(all[2].poll().is_pending());
    assert_eq!(all[3].woken(), 1, "there is another place");
    assert!(all[3].poll().is_pending());
    for _ in 0..2 {
        begins.recv().unwrap();
        ends.send(()).unwrap();
    }
}
