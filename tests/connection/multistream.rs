//! The multistream step: with itself, cut anywhere; with the `multistream-select` crate, both roles; and the fuzz
//! target over seeded input.

mod against_crate;
mod dialer;
mod list;
mod listener;
mod protocol;

use crate::support::corpus;
use crate::support::multistream as fuzz_target;
use crate::support::pipe;
use swarm_notify::connection::multistream::{Error, Protocol};

const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
const PING: Protocol = Protocol::from_static("/ipfs/ping/1.0.0");
const SINK: Protocol = Protocol::from_static("/sink/1.0.0");
const HEADER: &str = "/multistream/1.0.0";

/// A line as it stands on the wire.
fn line(text: &str) -> Vec<u8> {
    let length = text.len() + 1;
    let mut line = if length < 128 { vec![length as u8] } else { vec![length as u8 | 0x80, (length >> 7) as u8] };
    line.extend(text.bytes().chain([b'\n']));
    line
}

fn lines(texts: &[&str]) -> Vec<u8> {
    texts.iter().flat_map(|text| line(text)).collect()
}

/// What no side may send, and what is wrong with it. Each is refused with its last byte and not before.
fn malformed() -> Vec<(Vec<u8>, Error)> {
    let mut long = line(&format!("/{}", "x".repeat(1_024)));
    assert_eq!(long.len(), 2 + 1_026);
    long.truncate(2);
    vec![
        (long, Error::LineTooLong),
        (vec![0xff, 0x7f], Error::LineTooLong),
        (vec![0x80, 0x80], Error::LineTooLong),
        (vec![0xff, 0xff], Error::LineTooLong),
        (vec![0x80, 0x00], Error::BadLength),
        (vec![0x93, 0x00], Error::BadLength),
        (vec![0], Error::BadLine),
        (vec![1], Error::BadLine),
        (b"\x02na".to_vec(), Error::BadLine),
        (b"\x04n\na\n".to_vec(), Error::BadLine),
        (b"\x03na\r".to_vec(), Error::BadLine),
        (b"\x03\xff\xff\n".to_vec(), Error::BadLine),
    ]
}

#[test]
fn the_fuzz_target_holds_over_seeded_input() {
    let mut random = pipe::Random(1);
    for _ in 0..3_000 {
        let len = random.below(400);
        fuzz_target::run(&random.bytes(len));
    }
}

#[test]
fn the_fuzz_target_holds_over_its_corpus() {
    corpus::replay("multistream", fuzz_target::run);
}
