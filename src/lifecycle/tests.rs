//! Tests of the internals of a lifecycle: the greatest index and generation, the records that the end of a connection
//! changes, and invariants that are broken on purpose. The promises of the crate are tested from outside, in
//! `tests/lifecycle`.

use super::arena::{IdBounds, Record};
use super::links::ListLink;
use super::*;
use alloc::vec::Vec;

fn narrow(last_index: u32, last_generation: u32) -> Lifecycle<8> {
    let mut lifecycle = Lifecycle::new(Limits::default());
    let bounds = IdBounds { last_index, last_generation };
    lifecycle.records.listeners.narrow(bounds);
    lifecycle.records.connections.narrow(bounds);
    lifecycle.records.streams.narrow(bounds);
    lifecycle
}

/// Begins a listener, lets it fail, and handles its event.
fn listener_that_fails(lifecycle: &mut Lifecycle<8>) -> Result<ListenerId, BeginError> {
    let listener = lifecycle.begin_listener()?;
    lifecycle.fail(listener, Failure::Io).unwrap();
    assert!(lifecycle.next_event().is_some());
    assert_eq!(lifecycle.next_event(), None);
    lifecycle.check_invariants();
    Ok(listener)
}

#[test]
fn a_slot_whose_generations_are_spent_is_retired() {
    let mut lifecycle = narrow(1, 3);
    let ids: Vec<_> = core::iter::from_fn(|| listener_that_fails(&mut lifecycle).ok()).collect();
    let parts: Vec<_> = ids.iter().map(|id| (id.index(), id.generation().get())).collect();
    assert_eq!(parts, [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)], "each slot serves its generations, once");
    assert_eq!(lifecycle.begin_listener(), Err(BeginError::Limit), "no slot is left");
    for id in ids {
        assert_eq!(lifecycle.state(id), None);
        assert_eq!(lifecycle.opened(id), Err(Refused::Stale));
    }
    assert_eq!(lifecycle.len(), 0, "what is retired does not count");
    assert_eq!(lifecycle.listeners().count(), 0);
    assert!(lifecycle.is_empty());
}

#[test]
fn retired_slots_do_not_count_towards_a_limit() {
    let mut lifecycle = Lifecycle::<8>::new(Limits { listeners: 1, ..Limits::default() });
    lifecycle.records.listeners.narrow(IdBounds { last_index: 9, last_generation: 1 });
    for index in 0..10 {
        assert_eq!(listener_that_fails(&mut lifecycle).map(ListenerId::index), Ok(index));
    }
    assert_eq!(listener_that_fails(&mut lifecycle), Err(BeginError::Limit));
}

#[test]
fn a_retired_stream_slot_frees_its_place_on_the_connection() {
    let mut lifecycle = narrow(4, 1);
    let connection = lifecycle.begin_connection(Direction::Inbound).unwrap();
    lifecycle.opened(connection).unwrap();
    for index in 0..5 {
        let stream = lifecycle.begin_stream(connection, Direction::Inbound).unwrap();
        assert_eq!(stream.index(), index);
        lifecycle.end_stream(stream, StreamEnd::Finished).unwrap();
        while lifecycle.next_event().is_some() {}
        lifecycle.check_invariants();
    }
    let before = lifecycle.clone();
    assert_eq!(lifecycle.begin_stream(connection, Direction::Inbound), Err(BeginError::Limit));
    assert_eq!(lifecycle, before, "nothing has changed");
}

#[test]
fn the_widest_bounds_fit_a_link() {
    let last = id::from_parts::<StreamId>(IdBounds::WIDEST.last_index, core::num::NonZeroU32::MIN).link();
    assert_eq!(last.index_as(StreamId::KIND), IdBounds::WIDEST.last_index as usize);
    for link in [last, id::from_parts::<StreamId>(0, core::num::NonZeroU32::MIN).link(), ListLink::NONE] {
        let beyond = IdBounds::WIDEST.last_index as usize + 1;
        assert!(link.index_as(ListenerId::KIND) >= beyond && link.index_as(ConnectionId::KIND) >= beyond, "{link:?}");
    }
    assert!(ListLink::NONE.index_as(StreamId::KIND) > IdBounds::WIDEST.last_index as usize);
    assert!(!id::from_parts::<ListenerId>(0, core::num::NonZeroU32::MIN).link().is_none());
}

#[test]
fn records_are_small() {
    assert!(size_of::<Record<StreamId>>() <= 32, "{}", size_of::<Record<StreamId>>());
    assert!(size_of::<Record<ConnectionId>>() <= 64, "{}", size_of::<Record<ConnectionId>>());
}

#[test]
fn while_events_are_held_none_is_handed_out_and_no_slot_freed() {
    let mut lifecycle = Lifecycle::<8>::new(Limits::default());
    let [handled, next] = [(); 2].map(|()| lifecycle.begin_listener().unwrap());
    lifecycle.fail(handled, Failure::Io).unwrap();
    lifecycle.fail(next, Failure::Io).unwrap();
    assert_eq!(lifecycle.next_event(), Some(Event::ListenFailed { listener: handled, reason: Failure::Io }));
    #[cfg(feature = "swarm")]
    assert!(!lifecycle.is_held());

    lifecycle.hold(true);
    assert_eq!((lifecycle.next_event(), lifecycle.vacate()), (None, None));
    assert_eq!(lifecycle.state(handled), Some(State::Ended), "it is still being handled");
    #[cfg(feature = "swarm")]
    assert!(lifecycle.is_held());

    lifecycle.hold(false);
    assert_eq!(lifecycle.vacate(), Some(Id::Listener(handled)));
    assert_eq!(lifecycle.next_event(), Some(Event::ListenFailed { listener: next, reason: Failure::Io }));
}

#[test]
fn lifecycles_that_would_answer_differently_are_not_equal() {
    let fresh = Lifecycle::<8>::new(Limits::default());
    let mut once = fresh.clone();
    listener_that_fails(&mut once).unwrap();
    assert_ne!(once.records.listeners, fresh.records.listeners);
    let mut twice = once.clone();
    assert_eq!(once.records.listeners, twice.records.listeners);
    listener_that_fails(&mut twice).unwrap();
    assert_ne!(once.records.listeners, twice.records.listeners, "the next id is another one");
    let open = |begun: &Lifecycle<8>, listener| {
        let mut open = begun.clone();
        open.opened(listener).unwrap();
        open
    };
    let listener = once.begin_listener().unwrap();
    assert_ne!(once.records.listeners, open(&once, listener).records.listeners, "a state is another one");
}

#[test]
fn every_refusal_has_its_own_text() {
    use alloc::string::ToString;
    let begin = [BeginError::Limit, BeginError::Stale, BeginError::NotOpen, BeginError::Closing];
    let refused = [Refused::Stale, Refused::NotOpen, Refused::AlreadyOpen, Refused::Ended, Refused::NoRoom];
    let words = [&begin.map(|error| error.to_string())[..], &refused.map(|error| error.to_string())].concat();
    for (n, one) in words.iter().enumerate() {
        assert!(one.len() > 3 && !words[..n].contains(one), "{one}");
    }
}

fn connection_with_streams(lifecycle: &mut Lifecycle<8>, streams: usize) -> (ConnectionId, Vec<StreamId>) {
    let connection = lifecycle.begin_connection(Direction::Inbound).unwrap();
    lifecycle.opened(connection).unwrap();
    assert_eq!(lifecycle.next_event(), Some(Event::Connected { connection }));
    let begin = |_| lifecycle.begin_stream(connection, Direction::Inbound).unwrap();
    let streams = (0..streams).map(begin).collect();
    (connection, streams)
}

#[test]
fn the_end_of_a_connection_writes_no_record_of_its_streams() {
    let mut lifecycle = Lifecycle::<8>::new(Limits::default());
    let (connection, streams) = connection_with_streams(&mut lifecycle, 100);
    let untouched = lifecycle.records.streams.clone();
    lifecycle.end_connection(connection, ConnectionEnd::Idle).unwrap();
    assert_eq!(lifecycle.records.streams, untouched);

    let swept = |lifecycle: &Lifecycle<8>| {
        let ended = |id: &&StreamId| lifecycle.records.streams.get(**id).is_none_or(|it| it.state == State::Ended);
        streams.iter().filter(ended).count()
    };
    for drained in 0..92 {
        assert!(lifecycle.next_event().is_some());
        assert_eq!(swept(&lifecycle), drained + 8);
    }
}

/// Breaks an invariant with `breakage`, and returns the sentence of the check that fails.
fn broken(breakage: fn(&mut Lifecycle<8>, ConnectionId, &[StreamId])) -> alloc::string::String {
    extern crate std;
    let mut lifecycle = Lifecycle::<8>::new(Limits::default());
    let (connection, streams) = connection_with_streams(&mut lifecycle, 3);
    lifecycle.check_invariants();
    breakage(&mut lifecycle, connection, &streams);
    let check = std::panic::AssertUnwindSafe(|| lifecycle.check_invariants());
    let panic = std::panic::catch_unwind(check).expect_err("what is broken is found");
    let message = panic.downcast_ref::<alloc::string::String>().cloned();
    message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into())).expect("it is found with a sentence")
}

#[test]
fn broken_invariants_are_found() {
    let message = broken(|lifecycle, _, streams| {
        lifecycle.records.streams.get_mut(streams[1]).unwrap().state = State::Ended;
    });
    assert!(message.contains("does not hang on its connection"), "{message}");
    let message = broken(|lifecycle, _, streams| {
        lifecycle.records.streams.get_mut(streams[1]).unwrap().next = ListLink::NONE;
    });
    assert!(message.contains("is the newest"), "{message}");
    let message = broken(|lifecycle, connection, _| {
        lifecycle.records.connections.get_mut(connection).unwrap().links.live.inbound -= 1;
    });
    assert!(message.contains("counts the streams that hang on it"), "{message}");
    let message = broken(|lifecycle, connection, _| {
        lifecycle.records.connections.get_mut(connection).unwrap().links.held += 1;
    });
    assert!(message.contains("counts the records of its streams"), "{message}");
    let message = broken(|lifecycle, connection, _| lifecycle.records.owed.newest = connection.link());
    assert!(message.contains("both ends or none"), "{message}");
    let message = broken(|lifecycle, connection, _| {
        lifecycle.records.owed = List { oldest: connection.link(), newest: connection.link() };
    });
    assert!(message.contains("What stands in the list of owed events"), "{message}");
    let message = broken(|lifecycle, connection, _| {
        lifecycle.records.connections.get_mut(connection).unwrap().state = State::Ended;
    });
    assert!(message.contains("Nothing lives on a connection that has ended"), "{message}");
}
