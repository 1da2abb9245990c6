//! The lifecycle's promises, one module each.

use swarm_notify::lifecycle::*;

#[test]
fn smoke() {
    let mut l = Lifecycle::<1>::new(Limits::default());
    let c = l.begin_connection(Direction::Inbound).unwrap();
    l.opened(c).unwrap();
    let s = l.begin_stream(c, Direction::Inbound).unwrap();
    assert_eq!(l.opened(s), Err(Refused::NoRoom));
    let t = l.begin_stream(c, Direction::Outbound).unwrap();
    assert_eq!(l.next_event(), Some(Event::Connected { connection: c }));
    l.opened(s).unwrap();
    l.end_connection(c, ConnectionEnd::Idle).unwrap();
    l.check_invariants();
    assert_eq!(l.state(s), Some(State::Ended));
    assert_eq!(l.opened(t), Err(Refused::Ended));
    let rest: Vec<_> = core::iter::from_fn(|| {
        let e = l.next_event();
        l.check_invariants();
        e
    })
    .collect();
    assert_eq!(rest.len(), 4, "{rest:?}");
    assert!(l.is_empty());
}
