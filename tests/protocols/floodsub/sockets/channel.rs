//! The scenario of py-libp2p's pub/sub notifee whose channel is closed at the other end.

use super::{both_streams, connect, pair};
use crate::support::each_event::each_event;
use crate::support::floodsub::drive::{shut_down, until};
use swarm_notify::lifecycle::{ConnectionId, Event};
use swarm_notify::notifee::{Notifee, NotifeeContext, Subscriber, Subscription, subscription};
use swarm_notify::protocols::pubsub::Config;

/// Nobody reads any more what a notifee sends to another task: notifications go on, to it and to the others, and so does
/// floodsub.
#[test]
fn test_channel_closed_is_swallowed_in_notifee() {
    for closing in [Closing::BeforeConnecting, Closing::InNotification, Closing::WhileConnected] {
        let (mut nodes, address) = pair(Config::default());
        let (subscriber, reader) = subscription(1);
        let mut reader = Some(reader);
        let node = &mut nodes[0];
        let mut closes_inside = None;
        if closing == Closing::InNotification {
            closes_inside = Some(node.notifees.register(ClosesInside(reader.take())));
        }
        let subscriber = node.notifees.register(subscriber);
        let log = node.notifees.register(Log::default());
        if closing == Closing::BeforeConnecting {
            reader = None;
        }
        let connection = connect(&mut nodes, &address);
        until(&mut nodes, both_streams);
        if closing == Closing::WhileConnected {
            // It was fed until now, and lags.
            assert_eq!(reader.as_mut().map(Subscription::try_recv).unwrap().unwrap().event(), None, "a snapshot");
            assert!(nodes[0].notifees.get::<Subscriber>(subscriber).is_some());
            drop(reader.take());
        }
        nodes[0].subscribe("news");
        until(&mut nodes, |nodes| nodes[1].peers_of("news") == [1]);
        nodes[1].publish("news", "hello");
        until(&mut nodes, |nodes| nodes[0].messages.len() == 1);
        nodes[1].swarm.close_connection(connection).unwrap();
        until(&mut nodes, |nodes| nodes.iter_mut().all(|node| node.peers().is_empty()));
        nodes[0].expect(&["added 2", "message news 2#1 hello via 2", "gone 2"]);
        nodes[1].expect(&["added 1", "subscribed 1 news", "gone 1"]);
        let notifees = &nodes[0].notifees;
        let names: Vec<_> = notifees.get::<Log>(log).unwrap().0.iter().map(Event::name).collect();
        let streams = ["opened_stream", "opened_stream", "closed_stream", "closed_stream"];
        assert_eq!(names, [&["connected"], &streams[..], &["disconnected"]].concat(), "{closing:?}");
        assert!(notifees.get::<Subscriber>(subscriber).is_none(), "it has left");
        assert!(
            closes_inside.is_none_or(|id| notifees.get::<ClosesInside>(id).is_some_and(|closes| closes.0.is_none()))
        );
        shut_down(&mut nodes);
    }
}

/// At what time the reader of a notifee's channel is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Closing {
    BeforeConnecting,
    /// While the connection is told, ahead of the notifee.
    InNotification,
    WhileConnected,
}

/// Drops a notifee's reader when it is told of a connection.
struct ClosesInside(Option<Subscription>);

impl<N> Notifee<N> for ClosesInside {
    fn connected(&mut self, _: &mut NotifeeContext<'_, N>, _: ConnectionId) {
        self.0 = None;
    }
}

/// Writes down every event.
#[derive(Default)]
struct Log(Vec<Event>);

impl Log {
    fn told<N>(&mut self, _: &mut NotifeeContext<'_, N>, event: Event) {
        self.0.push(event);
    }
}

impl<N> Notifee<N> for Log {
    each_event!(N);
}
