//! The answers of a listener in a negotiation: lists, and refusals up to the last one.

use super::YAMUX;
use super::raw::{HEADER, Raw};
use crate::support::ends::End;
use crate::support::raw_frames::{ACK, RST, SYN, UPDATE, data, frame};
use swarm_notify::connection::noise::{Config, Handshake, Opened};
use swarm_notify::connection::{Error, Fact, Role, multistream};
use swarm_notify::identity::Keypair;
use swarm_notify::lifecycle::Failure;

const NOISE: &[u8] = b"\x07/noise\n";
const LS: &[u8] = b"\x03ls\n";
const NA: &[u8] = b"\x03na\n";
const NONE: &[u8] = b"\x08/none/1\n";
const ECHO: &[u8] = b"\x0c/echo/1.0.0\n";
/// The list of an end with `/sink/1.0.0` and `/echo/1.0.0`.
const LIST: &[u8] = b"\x1b\x0c/sink/1.0.0\n\x0c/echo/1.0.0\n\n";

fn listener(muxers: &[&str]) -> End {
    End::new(2, Role::Listener, muxers)
}

fn too_many(end: &mut End) {
    let broke = Error::Multistream(multistream::Error::TooManyRounds);
    assert_eq!(end.facts(), [Fact::Failed(broke)]);
}

/// Shakes hands with a listener that names no muxer, says these lines behind it, and gives what is answered.
fn propose_muxers(end: &mut End, lines: &[u8]) -> Vec<u8> {
    let identity = Keypair::ed25519_from_bytes([9; 32]).unwrap();
    let config = Config::new(&identity, [9; 32], &[]).unwrap();
    let mut handshake = Handshake::new(&config, Role::Dialer, [9; 32], None).unwrap();
    let mut said = [HEADER, NOISE].concat();
    handshake.transmit(&mut said).unwrap();
    end.hear(&said, usize::MAX);
    let answer = end.say().split_off(HEADER.len() + NOISE.len());
    assert_eq!(handshake.receive(&answer), Ok((answer.len(), true)));
    said.clear();
    handshake.transmit(&mut said).unwrap();
    let mut transport = handshake.finish().unwrap().0;
    transport.seal(lines, &mut said).unwrap();
    end.hear(&said, usize::MAX);
    let (answer, mut plain) = (end.say(), vec![0; 65_535]);
    let Ok(Opened::Message { len, .. }) = transport.open(&answer, &mut plain) else { panic!("it answers") };
    plain.truncate(len);
    plain
}

#[test]
fn a_list_is_answered_on_a_stream_and_for_security_and_muxer() {
    let mut raw = Raw::open(listener(YAMUX));
    raw.say(&data(SYN, 1, &[HEADER, LS, NONE, LS, ECHO].concat()));
    let [Fact::StreamReadyToOpen(stream)] = raw.end.facts()[..] else { panic!("it is agreed") };
    assert_eq!(raw.end.protocol(stream), "/echo/1.0.0");
    raw.end.confirm(stream);
    let answer = [HEADER, LIST, NA, LIST, ECHO].concat();
    assert_eq!(raw.hear(), data(ACK, 1, &answer));

    let mut end = listener(YAMUX);
    end.hear(&[HEADER, LS].concat(), usize::MAX);
    assert_eq!(end.say(), [HEADER, b"\x09\x07/noise\n\n"].concat());

    let mut end = listener(&[]);
    let answer = propose_muxers(&mut end, &[HEADER, LS].concat());
    assert_eq!(answer, [HEADER, b"\x0f\x0d/yamux/1.0.0\n\n"].concat());
    assert_eq!(end.facts(), []);
}

#[test]
fn the_17th_proposal_is_refused_before_the_end() {
    let proposals = [HEADER, &NONE.repeat(17)].concat();
    let refusals = [HEADER, &NA.repeat(17)].concat();
    let mut raw = Raw::open(listener(YAMUX));
    raw.say(&data(SYN, 1, &proposals));
    assert!(matches!(raw.end.facts()[..], [Fact::StreamFailed(_, Failure::Unsupported)]));
    assert_eq!(raw.hear(), [data(0, 1, &refusals), frame(UPDATE, RST, 1, 0)].concat());

    let mut end = listener(YAMUX);
    end.hear(&proposals, usize::MAX);
    too_many(&mut end);
    assert_eq!(end.say(), refusals);
    assert!(!end.connection.is_due());

    let mut end = listener(&[]);
    assert_eq!(propose_muxers(&mut end, &proposals), refusals);
    too_many(&mut end);
}

#[test]
fn a_peer_cannot_make_us_list_more_than_it_reads() {
    let mut end = listener(YAMUX);
    end.config.yamux.max_control = 1_000;
    let mut raw = Raw::open(end);
    let asks = [HEADER, &LS.repeat(16)].concat();
    let wire: Vec<u8> = (0..200).flat_map(|n| data(SYN, 1 + 2 * n, &asks)).collect();
    raw.say(&wire);
    let answer = [HEADER, &LIST.repeat(16)].concat();
    let mut answers = Vec::new();
    loop {
        let said = raw.hear();
        assert!(said.len() <= 1_000 + 12 + answer.len(), "{} bytes wait", said.len());
        if said.is_empty() {
            break;
        }
        answers.extend(said);
        raw.end.hear_limited(&[], u32::MAX, || 0);
    }
    let expected: Vec<u8> = (0..200).flat_map(|n| data(0, 1 + 2 * n, &answer)).collect();
    assert!(answers == expected, "{} of {} bytes", answers.len(), expected.len());
}
