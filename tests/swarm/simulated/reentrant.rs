//! Commands given from inside the drain loop: any of them, on what is being told of and on anything else.

use crate::support::sim::{B, ECHO, Pair, Shape, everywhere};
use swarm_notify::lifecycle::{Event, StreamEnd};
use swarm_notify::swarm::CloseError;

everywhere! {
    everything_is_closed_as_soon_as_it_is_told,
    one_thing_leads_to_the_next,
    shutdown_from_inside,
    the_closing_of_what_is_closing_is_refused,
}

const NONE: &[&str] = &[];

fn everything_is_closed_as_soon_as_it_is_told<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let (ca, _) = pair.connected();
    pair.b.react = Some(Box::new(|swarm, _, event| {
        if let Event::OpenedStream { stream, .. } = event {
            swarm.reset(stream).unwrap();
        }
    }));
    for _ in 0..5 {
        pair.a.open(ca, &[ECHO]);
    }
    pair.settle();
    let streams = |pair: &mut Pair<EVENTS>| {
        let mut lines = [pair.a.take_log(), pair.b.take_log()];
        lines.iter_mut().for_each(|lines| lines.sort());
        lines
    };
    let [a, b] = streams(&mut pair);
    let both = |closed: &str, opened: &str| {
        let mut lines: Vec<_> = (0..5).map(|n| format!("closed_stream c0.1/s{n}.1 {closed}")).collect();
        lines.extend((0..5).map(|n| format!("opened_stream c0.1/s{n}.1 {opened} /echo/1.0.0")));
        lines
    };
    assert_eq!(b, both("reset(local)", "inbound"));
    // The confirmation and the reset travel together, or one after the other.
    assert_eq!(a.len() + a.iter().filter(|line| line.starts_with("stream_failed")).count(), 10);
    pair.b.react = Some(Box::new(|swarm, _, event| {
        if let Event::Connected { connection } = event {
            swarm.close_connection(connection).unwrap();
        }
        if let Event::Listen { listener } = event {
            swarm.close_listener(listener).unwrap();
        }
    }));
    pair.b.listen(&B.at(8));
    pair.b.listen(&B.at(9));
    pair.settle();
    let log = pair.b.take_log();
    assert_eq!(log.iter().filter(|line| line.starts_with("listen_close")).count(), 2);
    assert_eq!(log.len(), 4);
    pair.end_quietly();
}

fn one_thing_leads_to_the_next<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    pair.b.listen(&B.at(1));
    pair.settle();
    pair.b.take_log();
    // Dial, open a stream, write on it, finish it, close the connection, dial again: three times.
    let mut rounds = 0;
    pair.a.react = Some(Box::new(move |swarm, checker, event| match event {
        Event::Connected { connection } => {
            let stream = swarm.open_stream(connection, &[ECHO]).unwrap();
            checker.begins(stream.into(), Some(connection));
        }
        Event::OpenedStream { stream, .. } => {
            assert_eq!(swarm.write(stream, b"hello"), Ok(5));
            swarm.close_stream(stream).unwrap();
        }
        Event::ClosedStream { connection, reason, .. } => {
            assert_eq!(reason, StreamEnd::Finished);
            swarm.close_connection(connection).unwrap();
        }
        Event::Disconnected { .. } if rounds < 2 => {
            rounds += 1;
            let again = swarm.dial(B.at(1)).unwrap();
            checker.begins(again.into(), None);
        }
        Event::Disconnected { .. }
        | Event::Listen { .. }
        | Event::ListenFailed { .. }
        | Event::ListenClose { .. }
        | Event::ConnectFailed { .. }
        | Event::StreamFailed { .. } => {}
    }));
    pair.b.react = Some(Box::new(|swarm, _, event| {
        if let Event::OpenedStream { stream, .. } = event {
            swarm.finish(stream).unwrap();
        }
    }));
    pair.a.dial(&B.at(1));
    pair.settle();
    let round = |id: &str, stream: &str| {
        [
            format!("connected {id} outbound"),
            format!("opened_stream {id}/{stream} outbound /echo/1.0.0"),
            format!("closed_stream {id}/{stream} finished"),
            format!("disconnected {id} requested"),
        ]
    };
    // While its end is told, a connection keeps its slot.
    pair.a.expect(&[round("c0.1", "s0.1"), round("c1.1", "s0.2"), round("c0.2", "s0.3")].concat());
    let round = |generation: u32| {
        let ids = format!("c0.{generation}/s0.{generation}");
        [
            format!("connected c0.{generation} inbound"),
            format!("opened_stream {ids} inbound /echo/1.0.0"),
            format!("closed_stream {ids} finished"),
            format!("disconnected c0.{generation} remote(go_away(0))"),
        ]
    };
    pair.b.expect(&[round(1), round(2), round(3)].concat());
    pair.end(NONE, &["listen_close l0.1 shutdown"]);
}

fn shutdown_from_inside<const EVENTS: usize>(shape: Shape) {
    let mut pair = Pair::<EVENTS>::new(shape);
    let on @ (ca, _) = pair.connected();
    pair.stream(on);
    pair.a.react = Some(Box::new(|swarm, _, event| {
        if let Event::OpenedStream { .. } = event {
            swarm.shutdown();
        }
    }));
    pair.a.open(ca, &[ECHO]);
    pair.settle();
    assert!(pair.a.swarm.is_shut_down());
    let (a, _) = pair.only_listener();
    let mut expected = vec!["opened_stream c0.1/s1.1 outbound /echo/1.0.0"];
    expected.extend(a);
    expected.extend([
        "closed_stream c0.1/s0.1 connection_closed",
        "closed_stream c0.1/s1.1 connection_closed",
        "disconnected c0.1 shutdown",
    ]);
    pair.a.expect(&expected);
    pair.end_quietly();
}

fn the_closing_of_what_is_closing_is_refused<const EVENTS: usize>(shape: Shape) {
    let (mut pair, link) = Pair::<EVENTS>::with_stream(shape);
    pair.a.react = Some(Box::new(|swarm, _, event| match event {
        Event::ClosedStream { stream, connection, .. } => {
            assert_eq!(swarm.reset(stream), Err(CloseError::Ended));
            assert_eq!(swarm.close_connection(connection), Err(CloseError::Ended));
            assert_eq!(swarm.streams_of(connection).count(), 0);
        }
        Event::Disconnected { connection, .. } => {
            assert_eq!(swarm.abort_connection(connection), Err(CloseError::Ended));
            assert!(swarm.connection(connection).is_some_and(|view| view.peer.is_some()));
        }
        Event::Listen { .. }
        | Event::ListenFailed { .. }
        | Event::ListenClose { .. }
        | Event::Connected { .. }
        | Event::ConnectFailed { .. }
        | Event::OpenedStream { .. }
        | Event::StreamFailed { .. } => {}
    }));
    pair.a.swarm.abort_connection(link.ca).unwrap();
    pair.settle();
    pair.a.expect(&["closed_stream c0.1/s0.1 connection_closed", "disconnected c0.1 requested"]);
    pair.end_quietly();
}
