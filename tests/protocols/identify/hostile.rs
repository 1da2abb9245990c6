//! Asking peers that do not answer, or not as they should; and peers that ask too much.

use crate::identify::{framed, identify, known, millis, secs, told};
use crate::support::services::{Both, Script, keypair, read};
use crate::support::sim::{A, B, Shape, everywhere};
use std::cell::RefCell;
use std::rc::Rc;
use swarm_notify::connection::{Protocol, Rate, WriteError};
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Fault, StreamId};
use swarm_notify::notifee::{Node, Notifee, NotifeeContext, NotifeeId};
use swarm_notify::protocols::identify::{Config, Identify, Info, PROTOCOL, PUSH_PROTOCOL, PeerRecord, encode};

everywhere! {
    a_peer_that_does_not_speak_it_is_unsupported,
    silence_is_a_timeout,
    an_end_without_a_message_is_a_failure,
    a_cut_message_is_a_failure,
    a_reset_without_a_message_is_a_failure,
    what_is_no_message_is_a_protocol_error,
    a_message_longer_than_the_bound_is_refused_by_its_length,
    messages_that_are_too_much_together_or_too_many_are_refused,
    the_key_of_another_peer_is_the_wrong_peer,
    several_messages_are_one,
    whoever_has_said_it_all_need_not_say_goodbye,
    as_many_inbound_streams_are_served_as_the_bound_says,
    a_peer_that_pushes_nothing_is_let_go_of,
    an_answer_ends_at_once_and_the_asker_has_its_time,
    a_peer_that_asks_too_often_is_cut,
    a_peer_that_pushes_too_often_is_cut,
    a_peer_that_asks_once_a_second_is_served_for_ever,
    a_peer_that_signs_too_many_records_is_cut,
}

/// `a` asks a peer that does `act` on each stream, and half a minute passes.
fn with<const EVENTS: usize>(
    shape: Shape,
    act: impl FnMut(&mut dyn Node, StreamId) + 'static,
) -> (Both<EVENTS>, NotifeeId<Identify>, ConnectionId) {
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(identify(A));
    both.b.install(Script::new(&[PROTOCOL], act));
    let (ca, _) = both.connect(shape);
    both.wait(secs(30));
    (both, a, ca)
}

/// A peer that answers with these bytes, and ends.
fn writes<const EVENTS: usize>(shape: Shape, bytes: Vec<u8>) -> (Both<EVENTS>, NotifeeId<Identify>, ConnectionId) {
    with(shape, move |node, stream| {
        // It fits, and it may be told to be ready once more.
        if node.stream(stream).unwrap().sent == 0 {
            assert!(matches!(node.write(stream, &bytes), Ok(_) | Err(WriteError::Closed)));
            let _ = node.finish(stream);
        }
        read(node, stream);
    })
}

/// A peer that answers with this message.
pub(crate) fn says<const EVENTS: usize>(
    shape: Shape,
    message: &[u8],
) -> (Both<EVENTS>, NotifeeId<Identify>, ConnectionId) {
    writes(shape, framed(message))
}

#[track_caller]
fn fails<const EVENTS: usize>((mut both, a, ca): (Both<EVENTS>, NotifeeId<Identify>, ConnectionId), reason: &str) {
    assert_eq!(told(&mut both.a, a), [format!("failed {ca} b {reason}")]);
    assert!(both.a.service::<Identify>(a).info(ca).is_none());
    assert_eq!(both.a.streams(ca), 0);
    both.end();
}

fn agent(text: &str) -> Vec<u8> {
    let mut info = Info::default();
    info.agent_version = Some(text.into());
    encode(&info)
}

fn a_peer_that_does_not_speak_it_is_unsupported<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(identify(A));
    let (ca, _) = both.connect(shape);
    both.settle();
    fails((both, a, ca), "unsupported");
}

fn silence_is_a_timeout<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let a = both.a.install(identify(A));
    both.b.install(Script::new(&[PROTOCOL], |_, _| {}));
    let (ca, _) = both.connect(shape);
    both.wait(secs(9));
    assert_eq!((told(&mut both.a, a), both.a.streams(ca)), (vec![], 1));
    both.wait(secs(1));
    fails((both, a, ca), "timeout");
}

fn an_end_without_a_message_is_a_failure<const EVENTS: usize>(shape: Shape) {
    fails(writes::<EVENTS>(shape, vec![]), "eof");
}

fn a_cut_message_is_a_failure<const EVENTS: usize>(shape: Shape) {
    let whole = framed(&agent("test"));
    for len in [1, whole.len() - 1, whole.len() + 1] {
        let cut = [&whole[..], &whole].concat()[..len].to_vec();
        fails(writes::<EVENTS>(shape, cut), "eof");
    }
}

fn a_reset_without_a_message_is_a_failure<const EVENTS: usize>(shape: Shape) {
    let resets = |node: &mut dyn Node, stream: StreamId| {
        let _ = node.reset(stream);
    };
    fails(with::<EVENTS>(shape, resets), "reset(remote)");
}

fn what_is_no_message_is_a_protocol_error<const EVENTS: usize>(shape: Shape) {
    fails(says::<EVENTS>(shape, &[0xff; 40]), "protocol");
    fails(writes::<EVENTS>(shape, vec![0xff; 40]), "protocol");
}

fn a_message_longer_than_the_bound_is_refused_by_its_length<const EVENTS: usize>(shape: Shape) {
    // 16 KiB and one byte are announced, and none of it comes.
    let silent = |node: &mut dyn Node, stream: StreamId| {
        let _ = node.write(stream, &framed(&[0; 16 * 1024 + 1])[..3]);
    };
    fails(with::<EVENTS>(shape, silent), "protocol");
}

fn messages_that_are_too_much_together_or_too_many_are_refused<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let empty = |n: usize| [0].repeat(n);
    let (mut both, a, ca) = writes::<EVENTS>(shape, empty(10));
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    both.end();
    fails(writes::<EVENTS>(shape, empty(11)), "protocol");
    let half = |more: usize| framed(&agent(&"x".repeat(8 * 1024 - 3 + more)));
    let (mut both, a, ca) = writes::<EVENTS>(shape, half(0).repeat(2));
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    both.end();
    fails(writes::<EVENTS>(shape, [half(0), half(1)].concat()), "protocol");
}

fn the_key_of_another_peer_is_the_wrong_peer<const EVENTS: usize>(shape: Shape) {
    let mut info = Info::default();
    info.public_key = Some(keypair(A).public());
    fails(says::<EVENTS>(shape, &encode(&info)), "wrong_peer");
}

fn several_messages_are_one<const EVENTS: usize>(shape: Shape) {
    let mut first = Info::default();
    first.agent_version = Some("test".into());
    first.protocols = vec![Protocol::from_static("/a")];
    let mut second = Info::default();
    second.protocols = vec![Protocol::from_static("/b")];
    let bytes = [framed(&encode(&first)), framed(&encode(&second))].concat();
    let (mut both, a, ca) = writes::<EVENTS>(shape, bytes);
    assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")]);
    let info = known(&mut both, a, ca);
    assert_eq!(info.agent_version.as_deref(), Some("test"));
    assert_eq!(info.protocols, [Protocol::from_static("/a"), Protocol::from_static("/b")]);
    both.end();
}

fn whoever_has_said_it_all_need_not_say_goodbye<const EVENTS: usize>(shape: Shape) {
    for then in ["is silent", "resets", "disconnects"] {
        let bytes = framed(&agent("test"));
        let (mut both, a, ca) = with::<EVENTS>(shape, move |node, stream| {
            let Some(view) = node.stream(stream) else { return };
            let (sent, connection) = (view.sent, view.connection);
            if sent == 0 && node.write(stream, &bytes).is_ok() && then == "disconnects" {
                let _ = node.close_connection(connection);
            }
            if then == "resets" {
                // It lets go of the stream behind what it has written.
                let _ = node.close_stream(stream);
            }
        });
        assert_eq!(told(&mut both.a, a), [format!("identified {ca} b")], "{then}");
        both.end();
    }
}

/// `a` is the one that is asked; the test asks itself, as `b`.
fn asked<const EVENTS: usize>(shape: Shape) -> (Both<EVENTS>, NotifeeId<Identify>, ConnectionId, ConnectionId) {
    let mut both = Both::<EVENTS>::new(shape);
    let mut config = Config::default();
    (config.asks, config.inbound_streams) = (false, 2);
    let a = both.a.install(Identify::new(keypair(A).public(), config));
    let (ca, cb) = both.connect(shape);
    both.settle();
    (both, a, ca, cb)
}

fn as_many_inbound_streams_are_served_as_the_bound_says<const EVENTS: usize>(shape: Shape) {
    let (mut both, _, ca, cb) = asked::<EVENTS>(shape);
    let open = |both: &mut Both<EVENTS>, protocol| {
        let stream = both.b.swarm.open_stream(cb, &[protocol]).unwrap();
        both.settle();
        stream
    };
    let pushes = [open(&mut both, PUSH_PROTOCOL), open(&mut both, PUSH_PROTOCOL)];
    let refused = open(&mut both, PROTOCOL);
    assert!(both.b.swarm.stream(refused).is_none(), "it was reset");
    assert_eq!(both.a.streams(ca), 2);
    // A stream that is over makes room.
    both.b.swarm.reset(pushes[0]).unwrap();
    both.settle();
    let asked = open(&mut both, PROTOCOL);
    assert!(read(&mut both.b.swarm, asked).0.len() > 40);
    both.end();
}

fn an_answer_ends_at_once_and_the_asker_has_its_time<const EVENTS: usize>(shape: Shape) {
    let (mut both, _, ca, cb) = asked::<EVENTS>(shape);
    let asked = both.b.swarm.open_stream(cb, &[PROTOCOL]).unwrap();
    both.settle();
    let (bytes, is_end) = read(&mut both.b.swarm, asked);
    assert!(bytes.len() > 40 && is_end, "no time has passed, and the end is there");
    both.wait(secs(4));
    assert_eq!(both.a.streams(ca), 1, "it is closed, not cut");
    both.b.swarm.finish(asked).unwrap();
    both.settle();
    assert_eq!(both.a.streams(ca), 0);
    both.end();
}

fn a_peer_that_pushes_nothing_is_let_go_of<const EVENTS: usize>(shape: Shape) {
    let (mut both, a, ca, cb) = asked::<EVENTS>(shape);
    both.b.swarm.open_stream(cb, &[PUSH_PROTOCOL]).unwrap();
    both.wait(secs(9));
    assert_eq!((told(&mut both.a, a), both.a.streams(ca)), (vec![], 1));
    both.wait(secs(2));
    assert_eq!((told(&mut both.a, a), both.a.streams(ca)), (vec![format!("push_failed {ca} b timeout")], 0));
    both.end();
}

/// Writes down how connections end.
#[derive(Clone, Default)]
struct Ends(Rc<RefCell<Vec<(ConnectionId, ConnectionEnd)>>>);

impl<N> Notifee<N> for Ends {
    fn disconnected(&mut self, _: &mut NotifeeContext<'_, N>, connection: ConnectionId, reason: ConnectionEnd) {
        self.0.borrow_mut().push((connection, reason));
    }
}

/// `b` opens streams of a protocol one after the other, until one finds the connection gone. Returns how many opened.
fn opened_in_a_row<const EVENTS: usize>(both: &mut Both<EVENTS>, cb: ConnectionId, protocol: Protocol) -> usize {
    let mut opened = 0;
    while let Ok(stream) = both.b.swarm.open_stream(cb, core::slice::from_ref(&protocol)) {
        let _ = both.b.swarm.finish(stream);
        let until = both.now + millis(1);
        both.settle();
        assert!(both.now < until + millis(500), "no time has passed");
        let _ = read(&mut both.b.swarm, stream);
        both.settle();
        opened += 1;
        assert!(opened < 1_000, "it is never cut");
    }
    opened
}

fn a_peer_that_asks_too_often_is_cut<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let (mut both, _, ca, cb) = asked::<EVENTS>(shape);
    let ends = Ends::default();
    both.a.notifees.register(ends.clone());
    let opened = opened_in_a_row(&mut both, cb, PROTOCOL);
    let elapsed = both.now.as_secs() as usize;
    assert!((21..=22 + elapsed).contains(&opened), "{opened} in {:?}", both.now);
    assert_eq!(ends.0.take(), [(ca, ConnectionEnd::Failed(Fault::Flood))]);
    both.end();
}

fn a_peer_that_pushes_too_often_is_cut<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let (mut both, _, ca, cb) = asked::<EVENTS>(shape);
    let ends = Ends::default();
    both.a.notifees.register(ends.clone());
    let opened = opened_in_a_row(&mut both, cb, PUSH_PROTOCOL);
    let elapsed = both.now.as_secs() as usize;
    assert!((101..=102 + elapsed).contains(&opened), "{opened} in {:?}", both.now);
    assert_eq!(ends.0.take(), [(ca, ConnectionEnd::Failed(Fault::Flood))]);
    both.end();
}

fn a_peer_that_signs_too_many_records_is_cut<const EVENTS: usize>(shape: Shape) {
    let mut both = Both::<EVENTS>::new(shape);
    let mut config = Config::default();
    config.asks = false;
    config.record_work = Rate::new(5, 1);
    let a = both.a.install(Identify::new(keypair(A).public(), config));
    both.b.install(Script::new(&[], |_, _| ()));
    let (ca, cb) = both.connect(shape);
    let say = |both: &mut Both<EVENTS>, record: &PeerRecord| {
        let mut info = Info::default();
        info.record = Some(record.clone());
        let stream = both.b.swarm.open_stream(cb, &[PUSH_PROTOCOL]).unwrap();
        both.b.swarm.write(stream, &framed(&encode(&info))).unwrap();
        both.b.swarm.finish(stream).unwrap();
        both.settle();
    };
    let record = |name, sequence| PeerRecord::sign(&keypair(name), sequence, &[]).unwrap();
    let told = |both: &mut Both<EVENTS>| told(&mut both.a, a).len();
    // What is known already, or signed by somebody else, costs nothing.
    for _ in 0..10 {
        say(&mut both, &record(B, 1));
        say(&mut both, &record(A, 1));
    }
    assert_eq!((told(&mut both), both.a.swarm.connections().count()), (20, 1));
    let ends = Ends::default();
    both.a.notifees.register(ends.clone());
    let mut signed = 1;
    while both.a.swarm.connections().count() == 1 {
        signed += 1;
        assert!(signed < 100, "it is never cut");
        say(&mut both, &record(B, signed));
    }
    let elapsed = both.now.as_secs();
    assert!((6..=6 + elapsed).contains(&signed), "{signed} in {:?}", both.now);
    assert_eq!(ends.0.take(), [(ca, ConnectionEnd::Failed(Fault::Flood))]);
    both.end();
}

fn a_peer_that_asks_once_a_second_is_served_for_ever<const EVENTS: usize>(shape: Shape) {
    let shape = shape.for_much();
    let (mut both, _, ca, cb) = asked::<EVENTS>(shape);
    for _ in 0..60 {
        let stream = both.b.swarm.open_stream(cb, &[PROTOCOL]).unwrap();
        both.settle();
        assert!(read(&mut both.b.swarm, stream).0.len() > 40);
        both.b.swarm.finish(stream).unwrap();
        both.wait(secs(1));
    }
    assert!(both.a.swarm.connection(ca).is_some());
    both.end();
}
