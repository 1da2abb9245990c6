//! Newcomers beside attackers that come again as soon as they have had to go, and who goes when all places are taken.

use super::{Siege, drive, is_closed};
use crate::simulated::budgets::{B, Node, deliver};
use crate::simulated::secs;
use crate::support::raw_frames::{Greeting, NOISE_LINES, data};
use crate::support::sim::{Host, RawDial, SimPipe};
use std::task::Poll;
use swarm_notify::lifecycle::Event;
use swarm_notify::swarm::{Config, Refusal};

/// How far an attacker goes before it says nothing more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Goal {
    /// It sends Noise's first message: the same bytes each time, which cost it nothing.
    Message1,
    /// It proves who it is, and agrees on no muxer.
    Proof,
}

/// An attacker's socket. When it has to go, the attacker connects anew.
struct Attacker {
    host: u8,
    goal: Goal,
    state: State,
}

enum State {
    Dials(RawDial),
    /// With the handshake as long as something is left to say in it.
    Up(SimPipe, Option<Box<Greeting>>),
}

impl Attacker {
    fn new(siege: &Siege, host: u8, goal: Goal) -> Self {
        Self { host, goal, state: State::Dials(RawDial::new(&siege.network, host, &B.at(1))) }
    }

    fn go_on(&mut self, siege: &Siege) {
        let begin = || State::Dials(RawDial::new(&siege.network, self.host, &B.at(1)));
        match &mut self.state {
            State::Dials(dial) => match dial.try_pipe() {
                Poll::Pending => {}
                Poll::Ready(Some(mut socket)) => {
                    let (greeting, said) = Greeting::with_muxers(9, &[]);
                    socket.try_give(&said);
                    self.state = State::Up(socket, (self.goal == Goal::Proof).then(|| greeting.into()));
                }
                Poll::Ready(None) => self.state = begin(),
            },
            State::Up(socket, greeting) => {
                if let Some(waiting) = greeting
                    && let Some((said, _)) = waiting.hear(&socket.take())
                {
                    socket.try_give(&said);
                    *greeting = None;
                }
                if is_closed(socket) {
                    self.state = begin();
                }
            }
        }
    }
}

/// A node besieged by attackers that come again, a step of time each.
struct Storm {
    siege: Siege,
    attackers: Vec<Attacker>,
}

impl Storm {
    /// One attacker's socket from each of these hosts.
    fn new(change: impl FnOnce(&mut Config), hosts: impl Iterator<Item = u8>, goal: Goal) -> Self {
        let siege = Siege::new(change);
        let attackers = hosts.map(|host| Attacker::new(&siege, host, goal)).collect();
        let mut storm = Self { siege, attackers };
        (0..20).for_each(|_| storm.step(None));
        storm
    }

    fn step(&mut self, other: Option<&mut Node>) {
        let Self { siege, attackers } = self;
        attackers.iter_mut().for_each(|attacker| attacker.go_on(siege));
        drive(&mut siege.node, siege.now);
        if let Some(other) = other {
            drive(other, siege.now);
        }
        deliver(&siege.network, &mut siege.now);
    }

    /// Somebody dials a hundred times from a host, once each. Returns how many of these dials were let in.
    fn let_in(&mut self, host: u8) -> usize {
        let mut let_in = 0;
        for dial in 0..100 {
            let mut other = Node::new(&self.siege.network, Host(host), |_| {});
            let dialed = other.swarm.dial(B.at(1)).unwrap();
            (0..15).for_each(|_| self.step(Some(&mut other)));
            let_in += usize::from(other.log == [Event::Connected { connection: dialed }]);
            drop(other);
            (0..dial % 5).for_each(|_| self.step(None));
        }
        let_in
    }

    /// The same for a dialer that waits for the answer to its proposal before it sends Noise's first message, as that of
    /// go-libp2p does. Returns how many were authenticated.
    fn let_in_slowly(&mut self, host: u8) -> usize {
        let opened = |storm: &Self| storm.siege.node.swarm.counters().connections.inbound.opened;
        let before = opened(self);
        for dial in 0..100 {
            let mut dialing = RawDial::new(&self.siege.network, host, &B.at(1));
            let mut socket = loop {
                self.step(None);
                match dialing.try_pipe() {
                    Poll::Pending => {}
                    Poll::Ready(socket) => break socket.expect("it is accepted"),
                }
            };
            let (mut greeting, said) = Greeting::begin(HONEST);
            let (lines, message1) = said.split_at(NOISE_LINES.len());
            let mut heard = Vec::new();
            socket.try_give(lines);
            while heard.len() < NOISE_LINES.len() && !self.hears(&mut socket, &mut heard) {}
            socket.try_give(message1);
            let (mut is_over, mut last) = (false, None);
            while last.is_none() && !is_over {
                is_over = self.hears(&mut socket, &mut heard);
                last = greeting.hear(&core::mem::take(&mut heard));
            }
            if let Some((said, _)) = last {
                socket.try_give(&said);
                (0..3).for_each(|_| self.step(None));
            }
            (0..dial % 5).for_each(|_| self.step(None));
        }
        (opened(self) - before) as usize
    }

    /// A step passes. `true`: the socket is closed.
    fn hears(&mut self, socket: &mut SimPipe, heard: &mut Vec<u8>) -> bool {
        self.step(None);
        heard.extend(socket.take());
        is_closed(socket)
    }

    fn evicted(&self) -> u64 {
        self.siege.refused(Refusal::HandshakeEvicted)
    }
}

/// The host of honest peers, unless they share the attackers'.
const HONEST: u8 = 3;

const PLACES: u32 = 64;

/// Each honest dial is let in, quick or slow, beside a storm that has got to either goal and comes again in each step.
#[track_caller]
fn all_are_let_in(storm: impl Fn(Goal) -> Storm) {
    for goal in [Goal::Message1, Goal::Proof] {
        let mut storm = storm(goal);
        let before = storm.evicted();
        let let_in = [storm.let_in(HONEST), storm.let_in_slowly(HONEST)];
        let (evicted, at_door) = (storm.evicted() - before, storm.siege.at_door());
        assert_eq!(let_in, [100, 100], "{goal:?}: {evicted} had to go");
        assert!(at_door >= 60 && evicted > 500, "the attack is one: {at_door} stand, {evicted} had to go");
    }
}

/// Attackers have all places of its address.
#[test]
fn a_newcomer_is_heard_beside_attackers_of_its_address() {
    all_are_let_in(|goal| Storm::new(|_| {}, [HONEST; 66].into_iter(), goal));
}

/// The same for attackers of as many addresses as there are places: nobody is greedier than the newcomer.
#[test]
fn a_newcomer_is_heard_beside_attackers_of_one_address_each() {
    all_are_let_in(|goal| Storm::new(|config| config.inbound_handshakes = PLACES, 100..166, goal));
}

/// Sockets that have proved who they are, and send the greatest message but for its last byte.
#[test]
fn what_those_at_the_door_hold_is_bounded_in_all() {
    const MOST: usize = 64 * 1024 * 1024 / 32;
    let mut siege = Siege::new(|config| config.connection.handshake_timeout = secs(600));
    let mut sockets: Vec<_> = (0..60).map(|n| holds(&mut siege, 100 + n)).collect();
    assert_eq!((siege.node.swarm.config().held_bytes / 32, siege.at_door()), (MOST, MOST / (65_536 - 8_192)));
    assert_eq!(siege.refused(Refusal::HandshakeEvicted), (60 - siege.at_door()) as u64);
    // A dialer that says more behind its proposal of a muxer is served beside them, however its bytes are cut.
    let (mut greeting, said) = Greeting::with_muxers(HONEST, &[]);
    let mut socket = siege.connect(HONEST);
    socket.give(&said);
    siege.settle(&mut []);
    let (said, mut frames) = greeting.hear(&socket.take()).expect("it has answered");
    let data: Vec<_> = (0..40).map(|_| data(0, 1, &[7; 1_000])).collect();
    let first = [b"\x13/multistream/1.0.0\n\x0d/yamux/1.0.0\n".to_vec(), data.concat()];
    for piece in [said, frames.seal(&first)].concat().chunks(10_000) {
        socket.give(piece);
        siege.settle(&mut []);
    }
    assert_eq!(siege.node.swarm.counters().connections.inbound.opened, 1);
    assert!(!is_closed(&mut socket));
    sockets.retain_mut(|socket| !is_closed(socket));
    assert_eq!(siege.at_door(), sockets.len());
    // What they held is free again once they have left.
    drop(sockets);
    siege.settle(&mut []);
    assert_eq!(siege.at_door(), 0);
    let again: Vec<_> = (0..30).map(|n| holds(&mut siege, 100 + n)).collect();
    assert_eq!(siege.at_door(), again.len());
}

/// A socket that has proved who it is, and has said all but the last byte of the greatest message.
fn holds(siege: &mut Siege, host: u8) -> SimPipe {
    let mut socket = siege.connect(host);
    let (mut greeting, said) = Greeting::with_muxers(9, &[]);
    socket.give(&said);
    siege.settle(&mut []);
    let (said, _) = greeting.hear(&socket.take()).expect("it has answered");
    let says = [&said[..], &[0xff; 2], &[0; 65_534]].concat();
    for piece in says.chunks(16 * 1024) {
        socket.try_give(piece);
        siege.settle(&mut []);
    }
    socket
}
