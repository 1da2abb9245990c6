//! Ids of what is over: every command refuses them, and nothing changes.

use crate::support::sim::{A, ECHO, Link, Pair, Shape, everywhere};
use swarm_notify::connection::{ReadError, WriteError};
use swarm_notify::lifecycle::ListenerId;
use swarm_notify::swarm::{CloseError, OpenStreamError};

everywhere! {
    every_command_refuses_a_stale_id,
    every_command_refuses_what_has_ended_and_is_not_told_yet,
    a_stale_id_is_not_taken_for_who_sits_in_its_slot,
}

fn over<const EVENTS: usize>(shape: Shape) -> (Pair<EVENTS>, Link, ListenerId) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    let listener = pair.a.listen(&A.at(1));
    pair.settle();
    pair.a.take_log();
    pair.a.drains = 0;
    pair.a.swarm.close_listener(listener).unwrap();
    pair.a.swarm.abort_connection(link.ca).unwrap();
    pair.settle();
    (pair, link, listener)
}

fn assert_refused<const EVENTS: usize>(pair: &mut Pair<EVENTS>, link: Link, listener: ListenerId, stale: bool) {
    let swarm = &mut pair.a.swarm;
    let before = *swarm.counters();
    let close = if stale { CloseError::Stale } else { CloseError::Ended };
    let open = if stale { OpenStreamError::Stale } else { OpenStreamError::Closing };
    let (read, write) =
        if stale { (ReadError::Stale, WriteError::Stale) } else { (ReadError::Ended, WriteError::Ended) };
    assert_eq!(swarm.close_listener(listener), Err(close));
    assert_eq!(swarm.close_connection(link.ca), Err(close));
    assert_eq!(swarm.abort_connection(link.ca), Err(close));
    assert_eq!(swarm.close_stream(link.sa), Err(close));
    assert_eq!(swarm.reset(link.sa), Err(close));
    assert_eq!(swarm.open_stream(link.ca, &[ECHO]), Err(open));
    assert_eq!(swarm.open_stream(link.ca, &[]), Err(OpenStreamError::NoProtocol));
    assert_eq!(swarm.read(link.sa, &mut [0; 8]), Err(read));
    assert_eq!(swarm.write(link.sa, b"data"), Err(write));
    assert_eq!(swarm.finish(link.sa), Err(write));
    assert_eq!(swarm.take_unread(link.sa), b"");
    assert_eq!(swarm.streams_of(link.ca).count(), 0);
    assert_eq!(*swarm.counters(), before);
}

fn every_command_refuses_a_stale_id<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link, listener) = over::<EVENTS>(shape);
    pair.a.drains = usize::MAX;
    pair.a.drain(pair.now);
    pair.settle();
    assert_eq!(pair.a.unexpected(), 3);
    assert!(pair.a.swarm.listener(listener).is_none());
    assert!(pair.a.swarm.connection(link.ca).is_none() && pair.a.swarm.stream(link.sa).is_none());
    assert_refused(&mut pair, link, listener, true);
    pair.settle();
    assert_eq!(pair.a.unexpected(), 3);
    pair.end_quietly();
}

fn every_command_refuses_what_has_ended_and_is_not_told_yet<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link, listener) = over::<EVENTS>(shape);
    assert_refused(&mut pair, link, listener, false);
    pair.a.drains = usize::MAX;
    pair.a.drain(pair.now);
    pair.settle();
    assert_eq!(pair.a.unexpected(), 3);
    pair.end_quietly();
}

fn a_stale_id_is_not_taken_for_who_sits_in_its_slot<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.swarm.reset(link.sa).unwrap();
    pair.settle();
    let again = pair.a.open(link.ca, &[ECHO]);
    pair.settle();
    assert_eq!(again.index(), link.sa.index());
    assert_eq!(pair.a.swarm.reset(link.sa), Err(CloseError::Stale));
    assert_eq!(pair.a.swarm.write(link.sa, b"data"), Err(WriteError::Stale));
    assert!(pair.a.swarm.stream(link.sa).is_none());
    pair.settle();
    assert_eq!(pair.a.swarm.stream(again).unwrap().sent, 0);
    pair.a.expect(&["closed_stream c0.1/s0.1 reset(local)", "opened_stream c0.1/s0.2 outbound /echo/1.0.0"]);
    pair.end_quietly();
}
