//! Fairness in counted work: however many peers do their worst, an honest one waits for a bounded number of units between
//! its bytes and our answer, and a new one comes in.

use crate::simulated::budgets::{B, C, Node, connected, deliver};
use crate::support::sim::{Attackers, ECHO, Form, Network, address};
use std::time::Duration;
use swarm_notify::lifecycle::Event;

/// The connections of attackers, as many from each host as a host may have.
const ATTACKERS: usize = 64;
const PER_HOST: usize = 8;

/// The frames that each attacker sends between two turns.
const FRAMES: usize = 120;

/// The most units that one helping of a connection and its batch are: reads of the rest of a Noise message, and a write.
const UNITS: u64 = 6;

/// Attackers of one form, connected to B and authenticated where they are to be.
fn attackers(network: &Network, form: Form, b: &mut Node, now: &mut Duration) -> Vec<Attackers> {
    let hosts = 100..100 + (ATTACKERS / PER_HOST) as u8;
    let mut all: Vec<_> = hosts.map(|host| Attackers::new(network, host, ECHO.as_str())).collect();
    for host in &mut all {
        (0..PER_HOST).for_each(|_| host.dial(form, &address((B.0, 1))));
    }
    for _ in 0..20 {
        deliver(network, now);
        all.iter_mut().for_each(|host| host.attack(0));
        b.tick(*now);
        if b.connections() == 1 + ATTACKERS {
            return all;
        }
    }
    panic!("{form:?}: not all have shaken hands")
}

/// The forms that go on as long as their connection does.
const FLOODS: [Form; 9] = [
    Form::Resets,
    Form::ResetsUnsupported,
    Form::ResetsSupported,
    Form::Idle,
    Form::Fills,
    Form::Syns,
    Form::Pings,
    Form::Empty,
    Form::Bytes,
];

#[test]
fn an_echo_waits_for_bounded_work_beside_64_floods() {
    for form in FLOODS {
        let (network, mut a, mut b, dialed, mut now) = connected(1);
        let stream = a.open(dialed[0], ECHO);
        a.tick(now);
        let mut all = attackers(&network, form, &mut b, &mut now);
        let mut most = 0;
        for round in 1..=10 {
            all.iter_mut().for_each(|host| host.attack(FRAMES));
            assert_eq!(a.swarm.write(stream, b"!"), Ok(1));
            a.tick(now);
            deliver(&network, &mut now);
            let (sent, before) = (network.sent(0, 1), network.work(B.0));
            while network.sent(0, 1) == sent {
                let _ = b.turn(now, 1);
                let done = network.work(B.0) - before;
                assert!(done < 100_000, "{form:?}: it is never answered");
            }
            most = most.max(network.work(B.0) - before);
            // What is left is done, so that each round begins alike.
            b.tick(now);
            deliver(&network, &mut now);
            a.tick(now);
            assert_eq!(a.read.get(&stream), Some(&round), "{form:?}");
        }
        // Each other connection gets a helping and a batch at most, and the honest one's own is behind them.
        assert!(most <= UNITS * (1 + ATTACKERS as u64), "{form:?}: {most} units");
    }
}

#[test]
fn a_new_peer_comes_in_and_opens_beside_64_floods() {
    for form in FLOODS {
        let (network, _a, mut b, _, mut now) = connected(1);
        let mut all = attackers(&network, form, &mut b, &mut now);
        let mut c = Node::new(&network, C, |_| {});
        let dialed = c.swarm.dial(B.at(1)).unwrap();
        let mut stream = None;
        for round in 0.. {
            assert!(round < 40, "{form:?}: {:?}", c.log);
            all.iter_mut().for_each(|host| host.attack(FRAMES));
            deliver(&network, &mut now);
            // Little more than one unit for each attacker in a turn.
            let _ = b.turn(now, ATTACKERS);
            c.tick(now);
            if stream.is_none() && c.log.contains(&Event::Connected { connection: dialed }) {
                stream = Some(c.open(dialed, ECHO));
                c.swarm.write(stream.unwrap(), b"!").unwrap();
            }
            if stream.is_some_and(|stream| c.read.get(&stream) == Some(&1)) {
                break;
            }
        }
    }
}
