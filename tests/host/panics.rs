//! Panics: a handler's is its own affair, a notifee's comes out of `run`, which goes on when it is called again.

use crate::support::hosts::{Pair, RAW, connect, log, round_trip, told};
use smol::io::{AsyncReadExt as _, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use swarm_notify::host::Config;
use swarm_notify::lifecycle::{ConnectionId, StreamId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};

#[test]
fn a_handler_that_panics_resets_its_stream_and_frees_its_place() {
    let mut config = Config::default();
    config.handlers = 1;
    let mut pair = Pair::with(config, Config::default());
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    at_a.set_handler(RAW, async |_| panic!("on purpose"));
    pair.run(async {
        let (_, connection) = connect(&at_a, &at_b).await;
        let mut stream = connection.open_stream(&[RAW]).await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        round_trip(&connection).await;
    });
}

struct Panics;

impl<N> Notifee<N> for Panics {
    fn interest(&self) -> Interest {
        Interest::OPENED_STREAM
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, _: StreamId) {
        cx.unregister(cx.this());
        panic!("on purpose");
    }
}

#[test]
fn a_notifee_that_panics_has_been_told_and_the_others_will_be() {
    let mut pair = Pair::new();
    let (at_a, at_b) = (pair.at_a.clone(), pair.at_b.clone());
    pair.a.with(|notifees, _| notifees.register(Panics)).unwrap();
    let log_a = log(&mut pair.a);
    let (_, connection) = pair.run(connect(&at_a, &at_b));
    let panicked = catch_unwind(AssertUnwindSafe(|| pair.run(round_trip(&connection))));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"on purpose"));
    pair.run(async {
        round_trip(&connection).await;
        told(&log_a, "opened_stream").await;
        told(&log_a, "opened_stream").await;
    });
}
