//! Our yamux session against the `yamux` crate: the body of the fuzz target `yamux_reference`, on random input and on
//! what the fuzzer found worth keeping, and what no random input is needed for.

use crate::support::corpus;
use crate::support::with;
use crate::support::yamux_reference;
use std::task::Waker;
use std::task::{Context, Poll};
use swarm_notify::connection::Role;
use swarm_notify::connection::yamux::{Config, Fact, INITIAL_WINDOW, Session};
use yamux_reference::{Bout, ENOUGH, Socket, config};

#[test]
fn we_and_the_crate_deliver_the_same() {
    corpus::seeded(100, 4000, yamux_reference::run);
}

#[test]
fn the_fuzzers_corpus_replays() {
    corpus::replay("yamux_reference", yamux_reference::run);
}

/// Decisions on how much is written and where it is cut, more than are needed.
fn noise() -> Vec<u8> {
    (0..1_u32 << 20).map(|n| (n.wrapping_mul(0x9e37_79b9) >> 16) as u8).collect()
}

/// Neither side stalls the other: much more than a window passes, both ways at once.
#[test]
fn a_stream_carries_many_windows_both_ways() {
    let noise = noise();
    for role in [Role::Dialer, Role::Listener] {
        let mut bout = Bout::new(role, &config(), &noise);
        bout.open();
        let id = *bout.accounts.keys().next().unwrap();
        let mut rounds = 0;
        while bout.accounts[&id].we_sent < ENOUGH || bout.accounts[&id].crate_sent < ENOUGH {
            bout.we_act(id, 0);
            bout.crate_acts(id, 0);
            bout.we_act(id, 40);
            bout.crate_acts(id, 40);
            bout.pump();
            rounds += 1;
            assert!(rounds < 100_000, "it has stalled: {:?}", bout.accounts[&id]);
        }
        bout.settle();
        bout.check();
        assert!(bout.accounts[&id].we_got >= ENOUGH && bout.accounts[&id].crate_got >= ENOUGH);
        assert_eq!(bout.fins, 1);
    }
}

/// What is granted is counted by the bout, each time that something is sent.
#[test]
fn a_smaller_window_bounds_the_crate_and_stalls_nothing() {
    let noise = noise();
    for receive_window in [0, 1, 2, 3, 10, 1_000, 16_384, 65_537, INITIAL_WINDOW - 1, INITIAL_WINDOW] {
        let config = with(config(), |config| {
            config.receive_window = receive_window;
            config.max_receive_window = 0;
        });
        let mut bout = Bout::new(Role::Dialer, &config, &noise);
        bout.open();
        let id = *bout.accounts.keys().next().unwrap();
        // Some thousand windows, or what is enough for many.
        let much = ENOUGH.min(u64::from(INITIAL_WINDOW) + 3_000 * u64::from(receive_window.max(1)));
        let mut rounds = 0;
        while bout.accounts[&id].crate_sent < much {
            for act in [90, 40] {
                bout.we_act(id, act);
            }
            bout.crate_acts(id, 0);
            bout.pump();
            rounds += 1;
            assert!(rounds < 100_000, "it has stalled: {:?}", bout.accounts[&id]);
        }
        bout.settle();
        bout.check();
        assert!(bout.accounts[&id].we_got >= much);
    }
}

/// The crate's answer to a peer that breaks the protocol is ours, too.
#[test]
fn both_answer_violations_by_the_same_go_away() {
    let violations: [&[u8]; 4] = [
        &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0],
        &[0, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0],
        &[0, 0, 0, 1, 0, 0, 0, 1, 0, 4, 0, 1],
        &[0, 1, 0, 1, 0, 0, 0, 1, 255, 255, 255, 255],
    ];
    for violation in violations {
        let mut wire = violation.to_vec();
        wire.resize(if violation[9] == 4 { 12 + 262_145 } else { 12 }, 0);
        let mut bout = Bout::new(Role::Listener, &config(), &[]);
        let mut session = Session::new(Role::Listener, &Config::default());
        let mut rest = &wire[..];
        let mut ended = false;
        while !rest.is_empty() && !ended {
            match session.receive(&mut bout.streams, rest) {
                Ok((n, Some(Fact::Inbound))) => {
                    bout.streams.insert(0, session.accept(0).unwrap());
                    rest = &rest[n..];
                }
                Ok((n, _)) => rest = &rest[n..],
                Err(_) => ended = true,
            }
        }
        assert!(ended);
        let socket = Socket::default();
        let mut connection = yamux::Connection::new(socket.clone(), yamux::Config::default(), yamux::Mode::Server);
        socket.to_crate.borrow_mut().extend(&wire);
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(Ok(_))) = connection.poll_next_inbound(&mut cx) {}
        let theirs = socket.from_crate.borrow();
        assert_eq!(theirs[theirs.len() - 12..], session.output()[session.output().len() - 12..]);
    }
}
