//! Shares: what one peer and one address may hold, and who gives way at a limit. `a` is attacked, `b` is honest, and raw
//! peers attack.

mod connections;
mod floods;
mod streams;
mod told;

use crate::support::sim::{A, ECHO_LINES, Pair, Raw, SYN, Shape, data};
use swarm_notify::lifecycle::{ConnectionId, StreamId};
use swarm_notify::swarm::{Config, Refusal};

/// Two swarms, of which `a` has bounds of its own and listens.
pub(super) fn listening<const EVENTS: usize>(shape: Shape, a: impl FnOnce(&mut Config)) -> Pair<EVENTS> {
    let mut pair = Pair::with(shape, a, |_| {});
    pair.a.listen(&A.at(4001));
    pair.settle();
    pair.a.expect(&["listen l0.1"]);
    pair
}

/// `b` connects to `a`; gives each side's id.
fn joins<const EVENTS: usize>(pair: &mut Pair<EVENTS>) -> (ConnectionId, ConnectionId) {
    pair.b.take_log();
    let on_b = pair.b.dial(&A.at(4001));
    pair.settle();
    let line = pair.a.take_log().pop().expect("it was accepted");
    assert!(line.starts_with("connected "), "{line}");
    pair.b.expect(&[format!("connected {on_b} outbound")]);
    let peer = pair.b.swarm.local_peer();
    let on_a = pair.a.swarm.connections_of(peer).last().expect("it is open");
    (on_a, on_b)
}

/// A peer that does nothing but what a test says: its connection, and the next id of its streams.
pub(super) struct Attacker {
    pub(super) raw: Raw,
    next: u32,
}

impl Attacker {
    /// Connects from a host, with a key; `None` if `a` does not take it.
    pub(super) fn connect<const EVENTS: usize>(pair: &mut Pair<EVENTS>, host: u8, key: u8) -> Option<Self> {
        let raw = Raw::shake_hands(pair, host, key)?;
        let told = pair.a.take_log();
        let is_in = told.last().is_some_and(|line| line.starts_with("connected "));
        is_in.then_some(Self { raw, next: 1 })
    }

    /// Opens so many streams; gives how many have opened.
    fn open<const EVENTS: usize>(&mut self, pair: &mut Pair<EVENTS>, many: usize) -> usize {
        let before = pair.a.swarm.counters().streams.inbound.opened;
        for chunk in [100].repeat(many / 100).into_iter().chain([many % 100]).filter(|chunk| *chunk > 0) {
            let frames: Vec<_> = (0..chunk).map(|n| data(SYN, self.next + 2 * n as u32, ECHO_LINES)).collect();
            self.next += 2 * chunk as u32;
            self.raw.say(&frames);
            pair.settle();
            self.raw.hear();
        }
        (pair.a.swarm.counters().streams.inbound.opened - before) as usize
    }
}

/// `b` opens so many streams, one after the other; gives its ids of those that have opened.
fn opens<const EVENTS: usize>(pair: &mut Pair<EVENTS>, on_b: ConnectionId, many: usize) -> Vec<StreamId> {
    let streams: Vec<_> = (0..many)
        .map(|_| {
            let id = pair.b.open(on_b, &[crate::support::sim::ECHO]);
            pair.settle();
            id
        })
        .collect();
    streams.into_iter().filter(|id| pair.b.swarm.stream(*id).is_some()).collect()
}

pub(super) fn refused<const EVENTS: usize>(pair: &Pair<EVENTS>, refusal: Refusal) -> u64 {
    pair.a.swarm.refused(refusal)
}

/// The lines of what `a` was told since the last call that begin so.
fn told<const EVENTS: usize>(pair: &mut Pair<EVENTS>, word: &str) -> Vec<String> {
    pair.a.take_log().into_iter().filter(|line| line.starts_with(word)).collect()
}

/// The attackers leave, and everything is shut down.
pub(super) fn ends<const EVENTS: usize>(mut pair: Pair<EVENTS>, attackers: impl Sized) {
    drop(attackers);
    pair.settle();
    pair.end_quietly();
}
