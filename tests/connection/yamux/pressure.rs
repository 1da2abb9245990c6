//! What a session does while its owner says that memory is scarce.

use crate::support::with;
use std::collections::BTreeMap;
use swarm_notify::connection::Role;
use swarm_notify::connection::yamux::{Config, Fact, INITIAL_WINDOW, Pressure, Session, Stream};

const WINDOW: usize = INITIAL_WINDOW as usize;

/// A session and its streams, and another with its own.
type Both = (Session<u32>, BTreeMap<u32, Stream>, Session<u32>, BTreeMap<u32, Stream>);

/// Two sessions with a stream of the first's, whose window the first has filled.
fn filled() -> Both {
    let config = with(Config::default(), |config| config.max_output = 2 * WINDOW);
    let (mut a, mut b) = (Session::new(Role::Dialer, &config), Session::new(Role::Listener, &config));
    let (mut ours, mut theirs) = (BTreeMap::from([(1, a.open(1).unwrap())]), BTreeMap::new());
    assert_eq!(a.write(ours.get_mut(&1).unwrap(), &[7; WINDOW + 1]), WINDOW);
    let mut wire = Vec::new();
    a.take_output(&mut wire);
    assert_eq!(a.written(&mut ours), None);
    let mut rest = &wire[..];
    while !rest.is_empty() {
        let (n, fact) = b.receive(&mut theirs, rest).unwrap();
        rest = &rest[n..];
        if fact == Some(Fact::Inbound) {
            theirs.insert(1, b.accept(1).unwrap());
        }
    }
    (a, ours, b, theirs)
}

#[test]
fn what_is_read_under_pressure_is_granted_when_there_is_none() {
    let (mut a, mut ours, mut b, mut theirs) = filled();
    b.set_pressure(&mut theirs, Pressure::All);
    assert_eq!((b.unread_held(), b.withholds()), (WINDOW, false));
    b.consume(theirs.get_mut(&1).unwrap(), WINDOW);
    assert_eq!((b.unread_held(), b.withholds(), b.output()), (0, true, &[][..]));
    b.set_pressure(&mut theirs, Pressure::Output);
    assert!(!b.withholds());
    assert_eq!(theirs[&1].receive_window(), INITIAL_WINDOW, "it has not grown");
    let wire = b.output().to_vec();
    let (n, fact) = a.receive(&mut ours, &wire).unwrap();
    assert_eq!((n, fact), (wire.len() - 1, Some(Fact::Writable(1))));
    assert_eq!(ours[&1].send_window(), INITIAL_WINDOW);
}

#[test]
fn what_is_discarded_is_granted_under_pressure_too() {
    let (_, _, mut b, mut theirs) = filled();
    b.set_pressure(&mut theirs, Pressure::All);
    b.discard(theirs.get_mut(&1).unwrap());
    assert!(!b.withholds() && !b.output().is_empty());
}

#[test]
fn writes_are_short_under_pressure_and_go_on_as_output_leaves() {
    let (mut a, mut ours, ..) = filled();
    let mut stream = a.open(2).unwrap();
    a.set_pressure(&mut ours, Pressure::Output);
    assert_eq!(a.write_room(&stream), 4_096);
    assert_eq!(a.write(&mut stream, &[7; 10_000]), 4_096);
    assert_eq!((a.write_room(&stream), a.write(&mut stream, &[7])), (0, 0));
    ours.insert(2, stream);
    a.take_output(&mut Vec::new());
    assert_eq!(a.written(&mut ours), Some(Fact::Writable(2)));
    a.set_pressure(&mut ours, Pressure::None);
    assert_eq!(a.write_room(&ours[&2]), WINDOW - 4_096);
}

#[test]
fn what_a_caller_has_taken_is_counted_no_more() {
    let (_, _, mut b, mut theirs) = filled();
    let stream = theirs.get_mut(&1).unwrap();
    let held = stream.held();
    assert_eq!(stream.take_unread().len(), WINDOW);
    assert_eq!(b.unread_held(), held);
    b.uncount(held);
    assert_eq!(b.unread_held(), 0);
}
