//! Notifees beside each other on real sockets: those that are slow, those that panic, and those that count peers.

mod caught;
mod peers;
mod spawned;
mod subscribed;

use crate::support::each_event;
use crate::support::party::{ECHO, Party, Tcp, until};
use each_event::each_event;
use std::cell::{Ref, RefCell};
use std::rc::Rc;
use swarm_notify::lifecycle::{ConnectionId, Event, StreamId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};
use swarm_notify::swarm::Config;

/// Writes down every event, in a list that outlives it.
#[derive(Clone, Default)]
struct Recorder(Rc<RefCell<Vec<Event>>>);

impl Recorder {
    fn register(party: &mut Party) -> Self {
        let this = Self::default();
        party.notifees.register(this.clone());
        this
    }

    fn told<N>(&mut self, _cx: &mut NotifeeContext<'_, N>, event: Event) {
        self.0.borrow_mut().push(event);
    }

    fn events(&self) -> Ref<'_, Vec<Event>> {
        self.0.borrow()
    }

    fn count(&self, name: &str) -> usize {
        self.events().iter().filter(|event| event.name() == name).count()
    }
}

impl<N> Notifee<N> for Recorder {
    each_event!(N);
}

/// Ends its side of each stream when the other side has ended.
struct Polite;

impl Notifee<Tcp> for Polite {
    fn interest(&self) -> Interest {
        Interest::STREAM_READY
    }

    fn stream_ready(&mut self, cx: &mut NotifeeContext<'_, Tcp>, stream: StreamId, _readable: bool, _writable: bool) {
        if cx.network().read(stream, &mut [0; 64]) == Ok(0) {
            let _ = cx.network().finish(stream);
        }
    }
}

/// Two parties that end their streams politely.
fn two() -> [Party; 2] {
    two_with(&Config::default())
}

fn two_with(config: &Config) -> [Party; 2] {
    let mut parties = [1, 2].map(|number| Party::with(number, config.clone()));
    parties.iter_mut().for_each(|party| _ = party.notifees.register(Polite));
    parties
}

/// Opens a stream at the second party, finishes it, and waits until its end has been told there.
fn one_stream(parties: &mut [Party], connection: ConnectionId, told: &Recorder) -> StreamId {
    let stream = parties[1].swarm.open_stream(connection, &[ECHO]).unwrap();
    parties[1].swarm.finish(stream).unwrap();
    until(parties, |_| {
        told.events().iter().any(|event| event.name() == "closed_stream" && event.id() == stream.into())
    });
    stream
}

/// Shuts a party down, while the others go on.
fn shut_down(parties: &mut [Party], which: usize) {
    parties[which].swarm.shutdown();
    until(parties, |parties| parties[which].swarm.is_shut_down());
}
