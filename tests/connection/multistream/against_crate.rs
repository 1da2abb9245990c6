//! Both roles against the `multistream-select` crate, its futures polled by hand, the bytes between cut at random.

use super::{ECHO, PING, SINK};
use crate::support::pipe::{Pipe, Random, poll};
use futures::io::{AsyncReadExt, AsyncWriteExt};
use multistream_select::{Negotiated, NegotiationError, Version, dialer_select_proto, listener_select_proto};
use std::task::Poll;
use swarm_notify::connection::multistream::{DialerSelect, ListenerSelect, Protocol, Selection};

/// Lists that agree at once, later, on the second choice of the listener, and not at all.
fn cases() -> Vec<(Vec<Protocol>, Vec<Protocol>, Option<Protocol>)> {
    vec![
        (vec![ECHO], vec![ECHO], Some(ECHO)),
        (vec![ECHO, PING], vec![ECHO, PING], Some(ECHO)),
        (vec![ECHO, PING], vec![PING, ECHO], Some(ECHO)),
        (vec![ECHO, PING, SINK], vec![SINK], Some(SINK)),
        (vec![ECHO], vec![PING], None),
        (vec![ECHO, PING], vec![SINK], None),
    ]
}

fn names(protocols: &[Protocol]) -> Vec<String> {
    protocols.iter().map(ToString::to_string).collect()
}

/// Reads from theirs what ours has sent behind the negotiation, and the other way round.
fn exchange(
    negotiated: &mut Negotiated<Pipe>,
    pipe: &Pipe,
    random: &mut Random,
    mut to_them: Vec<u8>,
    mut from_them: Vec<u8>,
) {
    to_them.extend(b"from us");
    while !to_them.is_empty() {
        pipe.give(&random.cut(&mut to_them));
    }
    let mut got = [0; 7];
    assert!(matches!(poll(&mut Box::pin(negotiated.read_exact(&mut got))), Poll::Ready(Ok(()))));
    assert_eq!(&got, b"from us");
    let Poll::Ready(Ok(())) = poll(&mut Box::pin(async {
        negotiated.write_all(b"from them").await?;
        negotiated.flush().await
    })) else {
        panic!("the pipe takes all");
    };
    from_them.extend(pipe.written());
    assert_eq!(from_them, b"from them");
}

#[test]
fn our_dialer_agrees_with_their_listener() {
    for seed in 0..50 {
        for (proposals, supported, expected) in cases() {
            let (mut random, pipe) = (Random(seed), Pipe::default());
            let mut future = listener_select_proto(pipe.clone(), names(&supported));
            let (mut to_them, mut from_them, mut unread) = (Vec::new(), Vec::new(), Vec::new());
            let mut dialer = DialerSelect::start(&proposals, &mut to_them);
            let mut theirs = None;
            let outcome = loop {
                pipe.give(&random.cut(&mut to_them));
                if theirs.is_none()
                    && let Poll::Ready(done) = poll(&mut future)
                {
                    theirs = Some(done.unwrap());
                }
                from_them.extend(pipe.written());
                unread.extend(random.cut(&mut from_them));
                let (consumed, outcome) = dialer.receive(&unread, &proposals, &mut to_them).unwrap();
                unread.drain(..consumed);
                if let Some(outcome) = outcome {
                    break outcome;
                }
            };
            assert_eq!(unread.len() + from_them.len(), 0);
            match expected {
                Some(expected) => {
                    let index = proposals.iter().position(|proposal| *proposal == expected).unwrap();
                    assert_eq!(outcome, Selection::Agreed(index));
                    let (name, mut negotiated) = theirs.expect("they have confirmed");
                    assert_eq!(name, expected.as_str());
                    exchange(&mut negotiated, &pipe, &mut random, to_them, unread);
                }
                None => {
                    assert_eq!(outcome, Selection::Rejected);
                    assert!(theirs.is_none());
                }
            }
        }
    }
}

#[test]
fn our_lazy_dialer_may_send_its_data_at_once() {
    for seed in 0..50 {
        let (mut random, pipe) = (Random(seed), Pipe::default());
        let mut future = listener_select_proto(pipe.clone(), names(&[PING, ECHO]));
        let mut to_them = Vec::new();
        let mut dialer = DialerSelect::start(&[ECHO], &mut to_them);
        to_them.extend(b"early");
        while !to_them.is_empty() {
            pipe.give(&random.cut(&mut to_them));
        }
        let Poll::Ready(Ok((name, mut negotiated))) = poll(&mut future) else { panic!("all has come") };
        assert_eq!(name, ECHO.as_str());
        let mut got = [0; 5];
        assert!(matches!(poll(&mut Box::pin(negotiated.read_exact(&mut got))), Poll::Ready(Ok(()))));
        assert_eq!(&got, b"early");
        let answer = pipe.written();
        let outcome = dialer.receive(&answer, &[ECHO], &mut Vec::new());
        assert_eq!(outcome, Ok((answer.len(), Some(Selection::Agreed(0)))));
        exchange(&mut negotiated, &pipe, &mut random, Vec::new(), Vec::new());
    }
}

#[test]
fn our_listener_agrees_with_their_dialer() {
    for version in [Version::V1, Version::V1Lazy] {
        for seed in 0..50 {
            for (proposals, supported, expected) in cases() {
                their_dialer(version, seed, &proposals, &supported, expected);
            }
        }
    }
}

fn their_dialer(
    version: Version,
    seed: u64,
    proposals: &[Protocol],
    supported: &[Protocol],
    expected: Option<Protocol>,
) {
    let (mut random, pipe) = (Random(seed), Pipe::default());
    let mut future = dialer_select_proto(pipe.clone(), names(proposals), version);
    let (mut to_them, mut from_them, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    let mut listener = ListenerSelect::new();
    let (mut theirs, mut failed, mut agreed) = (None, false, None);
    while !(failed || agreed.is_some() && theirs.is_some()) {
        pipe.give(&random.cut(&mut to_them));
        match &mut theirs {
            None => match poll(&mut future) {
                Poll::Ready(Ok(done)) => theirs = Some(done),
                Poll::Ready(Err(error)) => {
                    assert!(matches!(error, NegotiationError::Failed), "{error}");
                    failed = true;
                }
                Poll::Pending => {}
            },
            // A lazy dialer has settled on its last proposal, and learns on reading that it is refused.
            Some((_, negotiated)) => match poll(&mut Box::pin(negotiated.read(&mut [0]))) {
                Poll::Ready(result) => {
                    assert!(result.is_err());
                    failed = true;
                }
                Poll::Pending => {}
            },
        }
        from_them.extend(pipe.written());
        unread.extend(random.cut(&mut from_them));
        let (consumed, found) = listener.receive(&unread, supported, &mut to_them).unwrap();
        unread.drain(..consumed);
        if let Some(found) = found
            && agreed.replace(found).is_none()
        {
            listener.confirm(&supported[found], &mut to_them);
        }
    }
    assert_eq!(agreed.map(|found| supported[found].clone()), expected);
    assert_eq!(failed, expected.is_none());
    if let (Some(expected), Some((name, mut negotiated))) = (expected, theirs) {
        assert_eq!(name, expected.as_str());
        unread.append(&mut from_them);
        exchange(&mut negotiated, &pipe, &mut random, to_them, unread);
    }
}
