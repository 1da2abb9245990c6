//! What services emit reaches the notifees of a host, those that come while it runs among them.

use crate::support::hosts::{ECHO, Pair, connect, identity};
use smol::channel::{Sender, unbounded};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use std::any::Any;
use swarm_notify::lifecycle::ConnectionId;
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext, NotifeeId};
use swarm_notify::protocols::identify::{self, Event, Identify};

/// Forwards to a task what identify says.
struct Identified(Sender<Event>);

impl<N> Notifee<N> for Identified {
    fn interest(&self) -> Interest {
        Interest::EMITTED
    }

    fn emitted(&mut self, _: &mut NotifeeContext<'_, N>, _: NotifeeId, event: &dyn Any) {
        if let Some(event) = event.downcast_ref::<Event>() {
            // Nobody may listen any more.
            let _ = self.0.try_send(event.clone());
        }
    }
}

#[test]
fn tasks_hear_what_identify_hears_though_nobody_drains_it() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let install = |number| {
        move |notifees: &mut swarm_notify::notifee::Notifees<_>, swarm: &mut _| {
            let service = Identify::new(identity(number).public(), identify::Config::default());
            notifees.install(swarm, service)
        }
    };
    pair.a.with(install(1)).unwrap();
    let ids = pair.b.with(install(2)).unwrap();
    let (sender, first) = unbounded();
    pair.b.with(|notifees, _| notifees.register(Identified(sender))).unwrap();
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let heard = first.recv().await.unwrap();
        assert!(matches!(heard, Event::Identified { peer, .. } if peer == at_a.local_peer()));
        // One that comes while the host runs hears the next answer, like the first.
        let (sender, second) = unbounded();
        let asked = at_b.with(move |notifees, _| {
            notifees.register(Identified(sender));
            notifees.get_mut::<Identify>(ids).map(|identify| identify.identify(connection.id()))
        });
        assert_eq!(asked.await.unwrap(), Some(Ok(())));
        let both = [first.recv().await.unwrap(), second.recv().await.unwrap()];
        assert_eq!(both[0], both[1]);
        assert!(matches!(&both[0], Event::Identified { info, .. } if info.speaks(&identify::PROTOCOL)));
        let queued = at_b.wait_for(ids, Identify::next_event).await.unwrap();
        assert_eq!(queued, heard, "the owner's queue has them all");
    });
}

/// Answers each emission with another.
struct Answers {
    begins: bool,
}

impl<N> Notifee<N> for Answers {
    fn connected(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId) {
        if self.begins {
            cx.emit(());
        }
    }

    fn emitted(&mut self, cx: &mut NotifeeContext<'_, N>, _: NotifeeId, _: &dyn Any) {
        cx.emit(());
    }
}

#[test]
fn notifees_that_answer_for_ever_delay_no_echo_and_no_shutdown() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    let answers = [true, false].map(|begins| Answers { begins });
    pair.b.with(|notifees, _| answers.map(|notifee| notifees.register(notifee))).unwrap();
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut stream = connection.open_stream(&[ECHO]).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.close().await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"hello");
        at_b.shutdown().await;
    });
}
