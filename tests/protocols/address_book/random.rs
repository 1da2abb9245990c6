//! Owners and peers that do anything: each question has one outcome, who is kept is connected as soon as somebody answers,
//! and the bounds hold.

use super::{Config, Desk, at, millis, peer};
use crate::support::corpus;
use crate::support::input::Input;
use std::collections::BTreeSet;
use swarm_notify::identity::PeerId;
use swarm_notify::lifecycle::{ConnectionEnd, Failure, Fault};
use swarm_notify::notifee::Node;
use swarm_notify::protocols::address_book::Event;
use swarm_notify::swarm::DialError;

const PEERS: usize = 5;

struct Run {
    desk: Desk,
    config: Config,
    /// Who waits for an outcome.
    asked: BTreeSet<PeerId>,
    /// Who was to be kept at some time.
    kept: BTreeSet<PeerId>,
    /// Who is kept, and was left by the owner's close.
    rests: BTreeSet<PeerId>,
}

fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut config = Config::default();
    (config.peers, config.addresses_per_peer) = (1 + input.below(6), 1 + input.below(3));
    (config.peers_at_a_time, config.dials_per_peer) = (1 + input.below(4), 1 + input.below(3));
    config.max_backoff = millis(60_000);
    let desk = Desk::new(config.clone());
    let mut run = Run { desk, config, asked: BTreeSet::new(), kept: BTreeSet::new(), rests: BTreeSet::new() };
    while !input.is_empty() {
        run.step(&mut input);
        run.check();
    }
    run.end();
}

impl Run {
    fn step(&mut self, input: &mut Input<'_>) {
        let who = peer(1 + input.below(PEERS) as u8);
        let desk = &mut self.desk;
        match input.below(12) {
            0 | 1 => drop(desk.book().add_address(who, at(1 + input.below(4) as u16))),
            2 => drop(desk.book().remove_address(&who, &at(1 + input.below(4) as u16))),
            3 => {
                if desk.book().dial_peer(who).is_ok() {
                    self.asked.insert(who);
                }
            }
            4 => {
                if desk.book().keep(who).is_ok() {
                    self.kept.insert(who);
                    self.rests.remove(&who);
                }
            }
            5 => {
                desk.book().release(&who);
                self.rests.remove(&who);
            }
            6 if desk.node.lifecycle.room() > 0 => drop(desk.node.connect(who)),
            7 => {
                desk.settle();
                let open = desk.node.connections_of(who);
                if let Some(connection) = input.pick(open.iter().copied()) {
                    let is_ours = input.once_in(2);
                    let end = if is_ours { ConnectionEnd::Requested } else { ConnectionEnd::Failed(Fault::Reset) };
                    desk.node.lifecycle.end_connection(connection, end).expect("it is open");
                    desk.settle();
                    if is_ours && open.len() == 1 && desk.book().is_kept(&who) {
                        self.rests.insert(who);
                    }
                }
            }
            8 => self.answer(input),
            9 => {
                let refusals = [None, None, Some(DialError::Limit)];
                desk.node.refuses_dials = refusals[input.below(3)];
            }
            10 => desk.wait(millis(100) * input.byte().into()),
            _ => desk.settle(),
        }
    }

    /// Somebody answers one of the dials.
    fn answer(&mut self, input: &mut Input<'_>) {
        let dials = self.desk.node.dials.clone();
        let Some((connection, address)) = input.pick(dials.iter()) else { return };
        if self.desk.node.lifecycle.room() == 0 {
            return;
        }
        let named = address.to_string();
        let who = named.rsplit('/').next().and_then(|name| name.parse().ok()).expect("it names a peer");
        let answers = [Ok(who), Err(Failure::Refused), Err(Failure::WrongPeer), Err(Failure::Limit)];
        self.desk.node.answer(*connection, answers[input.below(4)]);
    }

    fn check(&mut self) {
        let most = self.config.peers_at_a_time * self.config.dials_per_peer;
        assert!(self.desk.node.dials.len() <= most, "{} dials", self.desk.node.dials.len());
        assert!(self.desk.book().peers().count() <= self.config.peers);
        for n in 1..=PEERS as u8 {
            assert!(self.desk.book().addresses(&peer(n)).count() <= self.config.addresses_per_peer);
        }
        while let Some(event) = self.desk.book().next_event() {
            let (Event::Connected { peer, .. } | Event::Failed { peer, .. }) = event else { panic!("{event}") };
            let was_asked = self.asked.remove(&peer);
            assert!(was_asked || self.kept.contains(&peer), "nobody has asked: {event}");
        }
    }

    /// Everybody refuses, then everybody answers.
    fn end(mut self) {
        self.desk.node.refuses_dials = None;
        for is_there in [false, true] {
            for _ in 0..100 {
                self.desk.wait(millis(5_000));
                self.check();
                for (connection, address) in self.desk.node.dials.clone() {
                    let named = address.to_string();
                    let who = named.rsplit('/').next().and_then(|name| name.parse().ok()).expect("it names a peer");
                    self.desk.node.answer(connection, if is_there { Ok(who) } else { Err(Failure::Refused) });
                    self.desk.settle();
                    self.check();
                }
            }
            assert!(self.asked.is_empty(), "each question has an outcome");
        }
        for n in 1..=PEERS as u8 {
            let is_known = self.desk.book().addresses(&peer(n)).next().is_some();
            if self.desk.book().is_kept(&peer(n)) && is_known && !self.rests.contains(&peer(n)) {
                assert_ne!(self.desk.node.connections_of(peer(n)).len(), 0, "peer {n} is kept");
            }
        }
        assert_eq!(self.desk.notifees.poll_at(), None, "there is nothing to be done");
    }
}

#[test]
fn each_question_has_an_outcome_and_who_is_kept_is_connected() {
    corpus::seeded(100, 400, run);
}
