//! What has to hold after each step, and at the end.

use super::*;

impl<const EVENTS: usize> Script<EVENTS> {
    /// What is held in all is what connections hold, those that have ended and were not told of among them; and no more
    /// than the budget and a quarter.
    pub(super) fn check_held(&self) {
        let swarm = &self.side.swarm;
        let (all, config) = (swarm.bytes_held(), swarm.config());
        let of_each = swarm.connections().filter_map(|id| swarm.connection(id)).map(|view| view.bytes_held).sum();
        assert!(all >= of_each && all <= config.held_bytes / 4 * 5, "{all} held, {of_each} of those that live");
    }

    /// Whoever is not authenticated stands at the door, and has no id; all that have left it are counted.
    pub(super) fn check_door(&self) {
        let swarm = &self.side.swarm;
        let world = self.world.state();
        let with_id: BTreeSet<usize> = swarm
            .connections()
            .map(|id| swarm.connection(id).expect("it lives"))
            .filter(|view| view.direction == Direction::Inbound)
            .map(|view| number(view.remote))
            .collect();
        let at_door: Vec<usize> = world.accepted().filter(|number| !with_id.contains(number)).collect();
        assert_eq!(swarm.inbound_handshakes(), at_door.len());
        assert!(at_door.len() <= swarm.config().inbound_handshakes as usize);
        for of in 1..=3 {
            let of_host = at_door.iter().filter(|number| host(**number) == of).count();
            assert!(of_host <= swarm.config().handshakes_per_address as usize, "{of_host} of one host");
        }
        let refused =
            [Refusal::HandshakeFailed, Refusal::HandshakeEvicted, Refusal::ConnectionLimit, Refusal::ConnectionDenied];
        let refused: u64 = refused.map(|refusal| swarm.refused(refusal)).iter().sum();
        let inbound = swarm.counters().connections.inbound;
        // Those that get no share, or are denied, when their peers are known have ids, and are counted all the same, before they are told.
        let (shares, told) = (refused - inbound.without_id, self.model.borrow().shares_refused);
        assert!(told <= shares && shares <= inbound.failed, "{told} told, {shares} counted, {inbound:?}");
        assert!(told == shares || !swarm.is_shut_down(), "{told} told, {shares} counted, {inbound:?}");
    }

    /// What holds at any time.
    pub(super) fn check(&self) {
        self.check_door();
        let counters = self.side.swarm.counters();
        let opened = [
            counters.listeners,
            counters.connections.inbound,
            counters.connections.outbound,
            counters.streams.inbound,
            counters.streams.outbound,
        ]
        .iter()
        .map(|counts| counts.opened)
        .sum::<u64>();
        let told = self.model.borrow().opened + self.side.listening.len() as u64;
        assert!(opened <= told + EVENTS as u64, "{opened} have opened, {told} were told of");
        // Each stream of a peer's has an outcome, an id that lives, or neither, once it has begun on the wire.
        let inbound = counters.streams.inbound;
        let begun: usize = self.peers.iter().map(Peer::opened).sum();
        let counted = inbound.opened + inbound.failed + inbound.without_id;
        assert!(counted <= begun as u64, "{inbound:?}, and {begun} were begun");
        for received in self.side.all_received() {
            assert_eq!(received, content(100, 0, received.len()), "what has arrived is what was sent");
        }
    }

    /// Everything is shut down, whatever hangs; the owner drains.
    pub(super) fn end(mut self) -> BTreeSet<String> {
        self.side.drains = usize::MAX;
        self.side.reads = true;
        self.side.something_to_drain();
        self.reactions.replace(Reactions::default());
        self.model.borrow_mut().shutdown = true;
        self.turn();
        self.side.swarm.shutdown();
        self.side.something_to_drain();
        let begun = self.now;
        let mut rounds = 0;
        while !self.side.swarm.is_shut_down() {
            self.turn();
            if self.world.state().close_removed() {
                self.side.something_happened();
                continue;
            }
            if self.side.swarm.is_shut_down() {
                break;
            }
            let at = self.side.swarm.next_deadline().expect("something is waited for");
            // What the peers say or do not say makes no difference.
            self.advance(at.saturating_sub(self.now));
            rounds += 1;
            assert!(rounds < 1_000, "it does not end");
        }
        assert!(self.now - begun <= Duration::from_secs(5), "a close takes longer than its time-out");
        self.side.assert_no_leaks();
        self.check();
        let state = self.world.state();
        for opening in state.openings.iter().filter(|opening| opening.handed) {
            let pipe = opening.result.and_then(Result::ok);
            assert!(pipe.is_none_or(|pipe| state.pipes[pipe].dropped), "a socket is left open");
        }
        drop(state);
        for id in &self.model.borrow().ever {
            assert_stale(&mut self.side.swarm, *id);
        }
        // Without the ids.
        let log = self.side.take_log();
        let words = |line: &String| {
            line.split(' ').enumerate().filter(|(n, _)| *n != 1).map(|(_, word)| word.to_owned()).collect::<Vec<_>>()
        };
        let told = log.iter().map(|line| words(line).join(" "));
        told.chain(self.side.seen().words().map(str::to_owned)).collect()
    }
}
