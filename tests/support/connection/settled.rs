//! What has to hold when all has been said: the ends agree, and in the end both are over.

use super::super::input::Input as Decisions;
use super::end::{End, STREAMS};
use super::seen::State;
use super::{Pair, ids};
use swarm_notify::lifecycle::StreamEnd;

impl Pair {
    /// Both owners permit, read and finish everything until nothing moves.
    pub(super) fn settle(&mut self) {
        let decisions = &mut Decisions(&[]);
        // Whatever was withheld is granted in the end.
        self.ends.iter_mut().for_each(|end| end.set_pressure(0));
        for rounds in 0.. {
            assert!(rounds < 100_000, "it does not come to rest");
            let mut moved = false;
            for me in [0, 1] {
                if self.ends[me].over.is_none() {
                    moved |= self.ends[me].at_gate;
                    self.permit(me, decisions);
                    moved |= self.serve(me);
                }
                moved |= self.flow(me, decisions);
            }
            if !moved {
                // Who is paced goes on with time.
                let paced = self.ends.iter().filter(|end| end.over.is_none() && end.connection.streams_waiting() > 0);
                let Some(at) = paced.filter_map(End::poll_at).min() else { return };
                self.pass(at.saturating_sub(self.now), decisions);
            }
        }
    }

    fn serve(&mut self, me: usize) -> bool {
        let mut moved = false;
        for id in ids(&self.ends[me], |state| state == State::ReadyToOpen) {
            self.ends[me].confirm(id);
            moved = true;
        }
        for id in ids(&self.ends[me], |state| state == State::Open) {
            if !self.ends[me].seen[&id].finished {
                self.ends[me].finish(id);
                moved = true;
            }
            while self.read(me, id, 100_000) {
                moved = true;
            }
        }
        moved
    }

    /// With an honest pipe both ends have seen the same of every stream.
    pub(super) fn check_agreement(&mut self) {
        for me in [0, 1] {
            for id in ids(&self.ends[me], |state| state == State::Over) {
                self.forget(me, id);
            }
        }
        let [dialer, listener] = &self.ends;
        if self.tampered || dialer.over.is_some() || listener.over.is_some() {
            return;
        }
        assert!(!self.wrong_peer && dialer.is_open && listener.is_open, "with nothing in its way it opens");
        for (end, other) in [(dialer, listener), (listener, dialer)] {
            assert!(end.seen.len() <= 2 * usize::from(STREAMS));
            for seen in end.seen.values() {
                // A half-closed connection says nothing more; then streams hang until it is over.
                if dialer.closing || listener.closing {
                    continue;
                }
                assert_eq!(seen.state, State::Over, "it hangs: {seen:?}");
                let theirs = seen.number.and_then(|number| other.by_number(number));
                if seen.ended == Some(StreamEnd::Finished) {
                    let theirs = theirs.expect("it opened there, too");
                    let late = theirs.ended == Some(StreamEnd::Timeout) || theirs.reset;
                    assert!(theirs.ended == Some(StreamEnd::Finished) || late, "{seen:?}, there {theirs:?}");
                    assert!(seen.closed || seen.read == theirs.written);
                }
                if seen.gave_up() && !seen.is_outbound {
                    let Some(theirs) = theirs else { continue };
                    assert!(theirs.state == State::Over, "{seen:?}, there {theirs:?}");
                }
            }
        }
    }

    /// Time passes until both are over, and both have a reason.
    pub(super) fn live_out(&mut self) {
        for _ in 0..200 {
            if self.ends.iter().all(|end| end.over.is_some()) {
                break;
            }
            let next = self.ends.iter().filter(|end| end.over.is_none()).filter_map(End::poll_at).min();
            let next = next.expect("whoever is not over waits for something, in the end");
            self.pass(next.saturating_sub(self.now), &mut Decisions(&[]));
            self.settle();
        }
        let [dialer, listener] = &self.ends;
        assert!(dialer.over.is_some() && listener.over.is_some(), "{:?} and {:?}", dialer.over, listener.over);
        for me in [0, 1] {
            for id in ids(&self.ends[me], |_| true) {
                self.forget(me, id);
            }
        }
    }
}
