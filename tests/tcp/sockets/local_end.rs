//! Our side of a stream as the swarm describes it: finished, and sent; step by step, and inside closing notifications.

use crate::support::net::{IP4, Node, both, both_told, connect, one, open, shut_down};
use std::time::Duration;
use swarm_notify::connection::WriteError;
use swarm_notify::lifecycle::{ConnectionId, Failure, StreamEnd, StreamId};
use swarm_notify::notifee::{HasNode, Interest, Notifee, NotifeeContext, Notifees};
use swarm_notify::swarm::{Config, StreamView};

fn pair() -> (Node, Node, (ConnectionId, ConnectionId)) {
    let (mut a, mut b) = (Node::new(1, Config::default()), Node::new(2, Config::default()));
    let connections = connect(&mut a, &mut b, IP4);
    (a, b, connections)
}

/// Our side is finished, our FIN is sent, the peer's has come.
fn sides(node: &Node, stream: StreamId) -> (bool, bool, bool) {
    let StreamView { is_local_finished, is_fin_sent, is_remote_finished, .. } = node.swarm.stream(stream).unwrap();
    (is_local_finished, is_fin_sent, is_remote_finished)
}

#[test]
fn our_side_is_finished_at_the_command_and_sent_with_the_batch() {
    let (mut a, mut b, connections) = pair();
    let (at_a, at_b) = open(&mut a, &mut b, connections);
    b.write(at_b, b"pending");
    assert_eq!(sides(&b, at_b), (false, false, false));
    b.swarm.finish(at_b).unwrap();
    assert_eq!(sides(&b, at_b), (true, false, false), "data and end are pending");
    assert_eq!(b.swarm.write(at_b, b"more"), Err(WriteError::Closed));
    b.swarm.flush_all(Duration::ZERO);
    assert_eq!(sides(&b, at_b), (true, true, false));
    both(&mut a, &mut b, |a, _| a.ended.contains(&at_a));
    // Each end says the same of the same half.
    assert_eq!(sides(&a, at_a), (false, false, true));
    a.write(at_a, b"answer");
    a.swarm.close_stream(at_a).unwrap();
    assert_eq!(sides(&a, at_a), (true, false, true), "a polite close finishes our side, too");
    both_told(&mut a, &mut b, 4, 3);
    shut_down(&mut a, &mut b);
}

#[test]
fn the_end_of_a_stream_that_opens_waits_for_the_peers_word() {
    let (mut a, mut b, connections) = pair();
    let stream = b.open(connections.1);
    b.write(stream, b"early");
    b.swarm.finish(stream).unwrap();
    one(&mut b, |_| true);
    assert_eq!(sides(&b, stream), (true, false, false), "the data is sent, and the end is not");
    both(&mut a, &mut b, |_, b| b.log.len() == 2);
    one(&mut b, |_| true);
    assert_eq!(sides(&b, stream), (true, true, false));
    shut_down(&mut a, &mut b);
}

#[test]
fn a_reset_by_either_side_undoes_it() {
    let (mut a, mut b, connections) = pair();
    for resets_itself in [true, false] {
        let (at_a, at_b) = open(&mut a, &mut b, connections);
        b.swarm.finish(at_b).unwrap();
        both(&mut a, &mut b, |a, _| a.ended.contains(&at_a));
        assert_eq!((sides(&a, at_a), sides(&b, at_b)), ((false, false, true), (true, true, false)));
        // What has ended can be looked up while its last event waits.
        (a.is_paused, b.is_paused) = (true, true);
        match resets_itself {
            true => b.swarm.reset(at_b).unwrap(),
            false => a.swarm.reset(at_a).unwrap(),
        }
        let nothing = (false, false, false);
        both(&mut a, &mut b, |a, b| sides(a, at_a) == nothing && sides(b, at_b) == nothing);
        (a.is_paused, b.is_paused) = (false, false);
        let (of_a, of_b) = (a.log.len() + 1, b.log.len() + 1);
        both_told(&mut a, &mut b, of_a, of_b);
    }
    shut_down(&mut a, &mut b);
}

/// Writes down how a stream has ended, whether our side was finished, and whether our FIN was sent.
#[derive(Default)]
struct Ends(Vec<(String, bool, bool)>);

impl Ends {
    fn look(&mut self, node: &dyn swarm_notify::notifee::Node, stream: StreamId, reason: String) {
        let view = node.stream(stream).expect("it can be looked up");
        self.0.push((reason, view.is_local_finished, view.is_fin_sent));
    }
}

impl<N: HasNode> Notifee<N> for Ends {
    fn interest(&self) -> Interest {
        Interest::CLOSED_STREAM | Interest::STREAM_FAILED
    }

    fn stream_failed(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId, reason: Failure) {
        self.look(cx.network().node(), stream, reason.to_string());
    }

    fn closed_stream(&mut self, cx: &mut NotifeeContext<'_, N>, _: ConnectionId, stream: StreamId, reason: StreamEnd) {
        self.look(cx.network().node(), stream, reason.to_string());
    }
}

/// Returns the entry that a notifee of `b` writes down at a stream's end, which `end` brings about.
#[track_caller]
fn seen(
    end: impl FnOnce(&mut Node, &mut Node, (ConnectionId, ConnectionId), (StreamId, StreamId)),
) -> (String, bool, bool) {
    let (mut a, mut b, connections) = pair();
    let mut notifees = Notifees::new();
    let ends = notifees.register(Ends::default());
    let streams = open(&mut a, &mut b, connections);
    b.is_paused = true;
    end(&mut a, &mut b, connections, streams);
    both(&mut a, &mut b, |_, b| {
        // Its notifee is told in the place of its log.
        notifees.dispatch(&mut b.swarm);
        !notifees.get::<Ends>(ends).unwrap().0.is_empty()
    });
    let [seen] = &notifees.get::<Ends>(ends).unwrap().0[..] else { panic!("it ends once") };
    seen.clone()
}

#[test]
fn a_notifee_sees_at_the_end_whether_our_side_was_sent() {
    let seen_at = |name: &str, finished, sent| (name.to_owned(), finished, sent);
    let finished = seen(|a, b, _, (at_a, at_b)| {
        b.swarm.close_stream(at_b).unwrap();
        a.swarm.finish(at_a).unwrap();
    });
    assert_eq!(finished, seen_at("finished", true, true));
    let reset = seen(|_, b, _, (_, at_b)| {
        b.swarm.finish(at_b).unwrap();
        b.swarm.reset(at_b).unwrap();
    });
    assert_eq!(reset, seen_at("reset(local)", false, false));
    let reset = seen(|a, b, _, (at_a, at_b)| {
        b.swarm.finish(at_b).unwrap();
        a.swarm.reset(at_a).unwrap();
    });
    assert_eq!(reset, seen_at("reset(remote)", false, false));
    let timeout = seen(|_, b, _, (_, at_b)| {
        b.swarm.set_half_open_timeout(at_b, Some(Duration::from_millis(1))).unwrap();
        b.swarm.finish(at_b).unwrap();
    });
    assert_eq!(timeout, seen_at("timeout", false, false));
    // The connection ends: with our side open, finished and pending, finished and sent.
    let open = seen(|_, b, (_, at_b), _| b.swarm.abort_connection(at_b).unwrap());
    assert_eq!(open, seen_at("connection_closed", false, false));
    let pending = seen(|_, b, (_, at_b), (_, stream)| {
        b.swarm.finish(stream).unwrap();
        b.swarm.abort_connection(at_b).unwrap();
    });
    assert_eq!(pending, seen_at("connection_closed", true, false));
    let sent = seen(|_, b, (_, at_b), (_, stream)| {
        b.swarm.finish(stream).unwrap();
        b.swarm.flush_all(Duration::ZERO);
        b.swarm.abort_connection(at_b).unwrap();
    });
    assert_eq!(sent, seen_at("connection_closed", true, true));
    let politely = seen(|_, b, (_, at_b), (_, stream)| {
        b.swarm.finish(stream).unwrap();
        b.swarm.close_connection(at_b).unwrap();
    });
    assert_eq!(politely, seen_at("connection_closed", true, true));
}

#[test]
fn a_stream_that_fails_to_open_says_so_too() {
    let failed = seen(|_, b, (_, at_b), (_, stream)| {
        // Only the second one is looked at.
        b.swarm.finish(stream).unwrap();
        let unopened = b.open(at_b);
        b.swarm.finish(unopened).unwrap();
        b.swarm.reset(unopened).unwrap();
    });
    assert_eq!(failed, ("requested".to_owned(), false, false));
}
