//! What the owner denies: lists and a gate that change at any moment, and whether a refusal or an end follows from it.

use super::super::input::Input;
use super::super::sim::SimSwarm;
use super::model::Model;
use super::peer::{ECHO, SINK, identity};
use super::world::{Scripted, number};
use super::{Script, host};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use swarm_notify::connection::Protocol;
use swarm_notify::identity::PeerId;
use swarm_notify::lifecycle::{ConnectionId, Direction, State, StreamId};
use swarm_notify::swarm::{Gate, Multiaddr, Network};

/// What a gate denies now.
#[derive(Clone, Default)]
pub(super) struct Answers {
    accept: bool,
    dial: bool,
    connect: bool,
    speak: BTreeSet<Protocol>,
}

/// The owner's gate, whose rules the script has, too.
struct Gatekeeper(Arc<Mutex<Answers>>);

impl Gate for Gatekeeper {
    fn may_accept(&mut self, _remote: &Multiaddr, _now: Duration) -> bool {
        !self.0.lock().unwrap().accept
    }

    fn may_dial(&mut self, _address: &Multiaddr, _peer: Option<PeerId>, _now: Duration) -> bool {
        !self.0.lock().unwrap().dial
    }

    fn may_connect(&mut self, _: PeerId, _: Direction, _: &Multiaddr, _now: Duration) -> bool {
        !self.0.lock().unwrap().connect
    }

    fn may_speak(&mut self, _peer: PeerId, protocol: &Protocol, _now: Duration) -> bool {
        !self.0.lock().unwrap().speak.contains(protocol)
    }
}

/// What was ever denied. Whatever is told to be denied has to be among it.
#[derive(Default)]
pub(super) struct Denials {
    hosts: BTreeSet<u8>,
    peer: bool,
    gate: Answers,
    /// Streams of peers have been denied, by the gate that was asked again.
    asked_again: bool,
}

fn ip_of(host: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, host])
}

/// The host at the other end of an address. Dials lead to the first one.
fn host_at(address: &Multiaddr) -> u8 {
    let number = number(address);
    if number >= 1000 { host(number) } else { 1 }
}

impl Denials {
    /// Returns whether a connection may have been denied, by its address, its peer or the gate.
    pub(super) fn explain_connection<const EVENTS: usize>(
        &self,
        swarm: &SimSwarm<Scripted, EVENTS>,
        id: ConnectionId,
    ) -> bool {
        let view = swarm.connection(id).expect("it can be looked up");
        assert!(view.error.is_some(), "{id}: a text says what denies it");
        let by_gate = self.gate.connect || view.direction == Direction::Outbound && self.gate.dial;
        self.hosts.contains(&host_at(view.remote)) || self.peer || by_gate
    }

    /// Returns whether a stream that did not open may have been denied.
    pub(super) fn explain_failed(&self, is_inbound: bool) -> bool {
        is_inbound && !self.gate.speak.is_empty()
    }

    /// Returns whether an open stream may have been denied.
    pub(super) fn explain_closed<const EVENTS: usize>(&self, swarm: &SimSwarm<Scripted, EVENTS>, id: StreamId) -> bool {
        let view = swarm.stream(id).expect("it can be looked up");
        let is_denied = view.protocol.is_some_and(|protocol| self.gate.speak.contains(protocol));
        self.asked_again && view.direction == Direction::Inbound && is_denied
    }
}

impl<const EVENTS: usize> Script<EVENTS> {
    /// The owner changes what it denies.
    pub(super) fn changes_denials(&mut self, input: &mut Input<'_>) {
        let mut model = self.model.borrow_mut();
        let Model { denials, .. } = &mut *model;
        let lists = self.side.swarm.lists_mut();
        match input.below(16) {
            0..2 => {
                let host = 1 + input.below(3) as u8;
                denials.hosts.insert(host);
                lists.deny_network(Network::from(ip_of(host))).expect("there is place");
            }
            2 => {
                denials.hosts.extend(1..=3);
                lists.deny_unlisted_addresses(true);
                lists.allow_network(Network::new(ip_of(2), 31).expect("it is one")).expect("there is place");
            }
            3..5 => forgive_addresses(lists),
            5 => {
                denials.peer = true;
                lists.deny_peer(identity(2)).expect("there is place");
            }
            6 => {
                denials.peer = true;
                assert!(lists.deny_peer_until(identity(2), self.now + Duration::from_secs(5)));
            }
            7..9 => _ = lists.forget_peer(identity(2)),
            9..13 => {
                let mut answers = self.answers.lock().unwrap();
                match input.below(8) {
                    0 => answers.accept = true,
                    1 => answers.dial = true,
                    2 => answers.connect = true,
                    3 => _ = answers.speak.insert(ECHO),
                    4 => _ = answers.speak.insert(SINK),
                    _ => *answers = Answers::default(),
                }
                let gate = &mut denials.gate;
                gate.accept |= answers.accept;
                gate.dial |= answers.dial;
                gate.connect |= answers.connect;
                gate.speak.extend(answers.speak.iter().cloned());
                drop(answers);
                let gate = Box::new(Gatekeeper(self.answers.clone()));
                self.side.swarm.set_gate(Some(gate));
            }
            13..15 => {
                denials.asked_again = true;
                drop(model);
                self.denies_what_is_spoken(input);
                self.side.swarm.ask_gate_again();
                return self.side.something_happened();
            }
            _ => _ = self.side.swarm.set_gate(None),
        }
        drop(model);
        self.side.something_happened();
    }

    /// The gate comes to deny a protocol that a peer speaks, where one does.
    fn denies_what_is_spoken(&mut self, input: &mut Input<'_>) {
        let swarm = &mut self.side.swarm;
        let streams: Vec<StreamId> = swarm.connections().flat_map(|id| swarm.streams_of(id)).collect();
        let inbound = streams.into_iter().filter_map(|id| swarm.stream(id));
        let inbound = inbound.filter(|view| view.direction == Direction::Inbound);
        let spoken: Vec<Protocol> = inbound.filter_map(|view| view.protocol.cloned()).collect();
        let Some(at) = input.pick(0..spoken.len()) else { return };
        self.answers.lock().unwrap().speak.insert(spoken[at].clone());
        self.model.borrow_mut().denials.gate.speak.insert(spoken[at].clone());
        swarm.set_gate(Some(Box::new(Gatekeeper(self.answers.clone()))));
    }

    /// The owner denies nothing any more.
    pub(super) fn forgives(&mut self) {
        let lists = self.side.swarm.lists_mut();
        forgive_addresses(lists);
        lists.forget_peer(identity(2));
        self.side.swarm.set_gate(None);
    }

    /// After a turn that has left nothing, nothing lives that the lists deny.
    pub(super) fn check_denials(&self) {
        let swarm = &self.side.swarm;
        for id in swarm.connections() {
            let view = swarm.connection(id).expect("it lives");
            assert!(!swarm.lists().denies_address(view.remote), "{id} is denied, and lives");
            // One that waits for room is judged when there is room.
            let is_waiting = view.state == State::Opening;
            let is_denied = view.peer.is_some_and(|peer| swarm.lists().denies_peer(peer, self.now));
            assert!(is_waiting || !is_denied, "the peer of {id} is denied, and it lives");
        }
    }
}

fn forgive_addresses(lists: &mut swarm_notify::swarm::Lists) {
    lists.deny_unlisted_addresses(false);
    let listed: Vec<_> = lists.networks().map(|(network, _)| network).collect();
    for network in listed {
        assert!(lists.forget_network(network));
    }
}
