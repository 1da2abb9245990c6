//! Hostile frames into one session: no panic, no more said than was heard, and the same outcome wherever they are cut.

use super::Input;
use std::collections::BTreeMap;
use swarm_notify::connection::Role;
use swarm_notify::connection::yamux::{Config, Fact, INITIAL_WINDOW, Session, Stream};

/// A frame to attack with, or raw bytes.
fn attack(input: &mut Input<'_>, wire: &mut Vec<u8>) {
    let choice = input.byte();
    if choice >= 250 {
        let n = usize::from(input.byte());
        wire.extend((0..n).map(|_| input.byte()));
        return;
    }
    let flags = match input.byte() {
        strange @ 250.. => u16::from(strange) << 4,
        flags => u16::from(flags % 16),
    };
    let id = match input.byte() {
        high @ 250.. => u32::MAX - u32::from(high - 250),
        id => u32::from(id % 8),
    };
    let length = match input.byte() {
        n @ 0..200 => u32::from(n),
        n @ 200..240 => u32::from(n - 200) << 14,
        n => u32::MAX - u32::from(n - 240),
    };
    wire.extend([u8::from(choice == 249), if choice >= 240 { choice } else { choice % 4 }]);
    wire.extend(flags.to_be_bytes());
    wire.extend(id.to_be_bytes());
    wire.extend(length.to_be_bytes());
    if choice.is_multiple_of(4) {
        // The payload comes, or not quite, or only its length.
        let payload = if length < 1 << 20 { length as usize } else { 0 };
        wire.resize(wire.len() + payload - payload.min(usize::from(input.byte() / 128)), 0x55);
    }
}

/// What came of hostile bytes.
#[derive(PartialEq, Debug)]
struct Outcome {
    facts: Vec<Fact<u32>>,
    violation: bool,
    output: Vec<u8>,
    unread: Vec<(u32, usize, bool, bool, u32)>,
}

pub(super) fn hostile(bytes: &[u8]) {
    let mut input = Input(bytes);
    let role = if input.byte() % 2 == 0 { Role::Dialer } else { Role::Listener };
    let choice = input.byte();
    let mut wire = Vec::new();
    while !input.0.is_empty() && wire.len() < 4 << 20 {
        attack(&mut input, &mut wire);
    }
    let whole = suffer(role, choice, wire.chunks(wire.len().max(1)));
    let cut = suffer(role, choice, wire.chunks(1 + usize::from(choice) * 7));
    assert_eq!(whole, cut, "where the bytes are cut changes nothing");
}

fn suffer<'a>(role: Role, choice: u8, parts: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let config = Config { max_control: 1000, ..Config::default() };
    let mut session = Session::new(role, &config);
    let mut streams = BTreeMap::<u32, Stream>::new();
    for key in 0..3 {
        let mut stream = session.open(key).unwrap();
        session.write(&mut stream, &[1; 10]);
        if choice & 1 << key != 0 {
            session.finish(&mut stream);
        }
        streams.insert(key, stream);
    }
    let mut fed = session.output().len();
    let mut outcome = Outcome { facts: Vec::new(), violation: false, output: Vec::new(), unread: Vec::new() };
    let mut violation = None;
    for part in parts {
        let mut rest = part;
        fed += part.len();
        while !rest.is_empty() {
            match session.receive(&mut streams, rest) {
                Ok((n, fact)) => {
                    assert_eq!(violation, None, "nothing is received after a violation");
                    assert!(n > 0 || fact.is_some(), "each call gets on");
                    rest = &rest[n..];
                    if fact == Some(Fact::Inbound) {
                        let key = streams.len() as u32;
                        if choice & 8 != 0 && key % 4 == 3 {
                            session.refuse();
                        } else {
                            streams.insert(key, session.accept(key).unwrap());
                        }
                    }
                    // How often it is told that there is something to read depends on the cuts.
                    if fact != outcome.facts.last().copied() || !matches!(fact, Some(Fact::Readable(_))) {
                        outcome.facts.extend(fact);
                    }
                }
                Err(error) => {
                    assert_eq!(*violation.get_or_insert(error), error, "it stays the same one");
                    assert!(
                        session.has_gone_away() && session.output().ends_with(&[0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
                    );
                    rest = &[];
                }
            }
            // 12 for the go-away: nothing else may be said beyond what was heard.
            assert!(session.output().len() <= fed + 12);
        }
    }
    outcome.violation = violation.is_some();
    outcome.output = session.output().to_vec();
    for (key, stream) in &streams {
        assert!(stream.unread().len() <= INITIAL_WINDOW as usize);
        let (finished, reset) = (stream.is_remote_finished(), stream.is_reset());
        outcome.unread.push((*key, stream.unread().len(), finished, reset, stream.send_window()));
    }
    outcome
}
