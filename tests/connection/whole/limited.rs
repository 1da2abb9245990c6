//! A limit of frames changes when something is said, and nothing of what is.

use super::YAMUX;
use super::raw::Raw;
use crate::support::ends::End;
use crate::support::raw_frames::{ACK, FIN, PING, RST, SYN, UPDATE, data, frame};
use swarm_notify::connection::{Fact, Role};

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}

/// Some frames of a peer that opens, writes, finishes and resets streams, and pings.
fn frames(random: &mut Random, open: &mut Vec<u32>, next: &mut u32) -> Vec<u8> {
    let mut frames = Vec::new();
    for _ in 0..1 + random.below(60) {
        match random.below(12) {
            0 | 1 if open.len() < 40 => {
                frames.extend(data(SYN, *next, b"\x13/multistream/1.0.0\n\x0c/sink/1.0.0\n"));
                open.push(*next);
                *next += 2;
            }
            2 | 3 => frames.extend(frame(PING, SYN, 0, 77)),
            4 => frames.extend(frame(PING, ACK, 0, 5)),
            kind if !open.is_empty() => {
                let id = open[random.below(open.len())];
                match kind {
                    5 => {
                        frames.extend(data(FIN, id, b""));
                        open.retain(|other| *other != id);
                    }
                    6 => frames.extend(frame(UPDATE, RST, id, 0)),
                    7 => frames.extend(frame(UPDATE, 0, id, random.below(10_000) as u32)),
                    8 => frames.extend(data(0, id, &vec![8; random.below(3_000)])),
                    _ => frames.extend(data(0, id, &[1][..random.below(2)])),
                }
            }
            _ => {}
        }
    }
    frames
}

/// All that an end has to say.
fn say(peer: &mut Raw) -> Vec<u8> {
    let mut said = peer.hear();
    while peer.end.connection.is_due() {
        said.extend(peer.hear());
    }
    said
}

#[test]
fn a_limit_of_frames_changes_nothing_of_what_is_said() {
    for seed in 1..300_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut both = [(); 2].map(|()| Raw::open(End::new(2, Role::Listener, YAMUX)));
        let [_, _] = both.each_mut().map(|peer| (peer.end.facts(), peer.end.say()));
        let (mut wires, mut open, mut next) = ([Vec::new(), Vec::new()], Vec::new(), 1);
        for _ in 0..1 + random.below(12) {
            let frames = frames(&mut random, &mut open, &mut next);
            // Noise messages cut frames anywhere.
            let mut rest = &frames[..];
            while !rest.is_empty() {
                let n = if random.below(3) == 0 { rest.len() } else { 1 + random.below(rest.len()) };
                for (peer, wire) in both.iter_mut().zip(&mut wires) {
                    peer.transport.seal(&rest[..n], wire).unwrap();
                }
                rest = &rest[n..];
            }
        }
        let limit = 1 + random.below(5) as u32;
        let cut = if random.below(2) == 0 { 100_000 } else { 200 };
        let [unlimited, limited] = &mut both;
        unlimited.end.hear_limited(&wires[0], u32::MAX, || usize::MAX);
        limited.end.hear_limited(&wires[1], limit, || 1 + random.below(cut));
        let facts = unlimited.end.facts();
        assert_eq!(limited.end.facts(), facts, "seed {seed}");
        assert_eq!(say(limited), say(unlimited), "seed {seed}");
        for fact in facts {
            if let Fact::StreamReadyToOpen(id) = fact {
                unlimited.end.confirm(id);
                limited.end.confirm(id);
                assert_eq!(limited.end.read(id), unlimited.end.read(id), "seed {seed}");
            }
        }
        assert_eq!(say(limited), say(unlimited), "seed {seed}");
        assert_eq!(limited.end.facts(), unlimited.end.facts(), "seed {seed}");
    }
}
