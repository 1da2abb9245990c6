//! What errors say to people.

use crate::support::ends::End;
use crate::whole::YAMUX;
use crate::whole::raw::Raw;
use std::collections::BTreeSet;
use std::fmt::Display;
use swarm_notify::connection::{Error, ReadError, Role, WriteError, multistream, noise, yamux};

/// Each says something, and each something else.
#[track_caller]
fn are_told_apart<T: Display>(all: &[T]) {
    let words: BTreeSet<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!(words.len(), all.len());
    assert!(words.iter().all(|words| words.len() > 5), "{words:?}");
}

#[test]
fn what_went_wrong_is_said_in_words_that_tell_it_apart() {
    are_told_apart(&[ReadError::Blocked, ReadError::Closed, ReadError::Ended, ReadError::Stale]);
    are_told_apart(&[WriteError::Blocked, WriteError::Closed, WriteError::Ended, WriteError::Stale]);
    are_told_apart(&[
        multistream::Error::BadHeader,
        multistream::Error::LineTooLong,
        multistream::Error::TooManyRounds,
    ]);
    are_told_apart(&[noise::Error::Decrypt, noise::Error::WrongPeer, noise::Error::NoSharedMuxer]);
    are_told_apart(&[
        yamux::Violation::Version(1),
        yamux::Violation::FrameType(1),
        yamux::Violation::StreamId(1),
        yamux::Violation::StreamExists(1),
        yamux::Violation::ReceiveWindow(1),
        yamux::Violation::SendWindow(1),
    ]);
    are_told_apart(&[
        yamux::OpenError::AckBacklog,
        yamux::OpenError::Unheard,
        yamux::OpenError::IdsExhausted,
        yamux::OpenError::GoneAway,
    ]);
    are_told_apart(&[
        Error::Noise(noise::Error::Decrypt),
        Error::Multistream(multistream::Error::BadHeader),
        Error::Unsupported,
        Error::Yamux(yamux::Violation::FrameType(7)),
        Error::HandshakeTimeout,
        Error::Silence,
    ]);
    are_told_apart(&[Role::Dialer, Role::Listener]);
    let refused = multistream::Protocol::new("").expect_err("a name has a character");
    assert!(refused.to_string().len() > 5, "{refused}");
}

#[test]
fn no_key_is_shown() {
    let identity = swarm_notify::identity::Keypair::ed25519_from_bytes([1; 32]).unwrap();
    let config = noise::Config::new(&identity, [2; 32], YAMUX).unwrap();
    let shown = format!("{config:?}");
    assert!(shown.contains(yamux::PROTOCOL_NAME) && shown.contains(&config.peer().to_string()), "{shown}");
    let handshake = noise::Handshake::new(&config, Role::Dialer, [3; 32], None).unwrap();
    let shown = shown + &format!("{handshake:?}");
    assert!(!shown.contains("2, 2, 2") && !shown.contains("3, 3, 3"), "{shown}");
    assert!(format!("{handshake:?}").contains("Dialer"), "{shown}");
    let raw = Raw::open(End::new(2, Role::Listener, YAMUX));
    assert_eq!(format!("{:?}", raw.transport), "Transport { sent: 0, received: 0, .. }");
}
