//! The end of a run: all that was held back arrives, and the windows of both ends add up.

use super::*;

impl Pair {
    /// Both read and finish everything until nothing moves; then everything must have come to its end.
    pub(super) fn settle(&mut self) {
        // Whatever was withheld is granted in the end.
        for side in &mut self.sides {
            side.session.set_pressure(&mut side.streams, Pressure::None);
        }
        let mut rounds = 0;
        while self.round() {
            rounds += 1;
            assert!(rounds < 1_000_000, "it does not come to an end");
        }
        if self.sides.iter().any(|side| side.gone) {
            return;
        }
        for me in [0, 1] {
            let (side, other) = (&self.sides[me], &self.sides[1 - me]);
            assert_eq!((side.session.live(), side.session.unacknowledged()), (0, 0));
            assert!(!side.session.is_clogged());
            for seen in side.seen.values() {
                let theirs = other.by_id(seen.id);
                let reset = |seen: &Seen| seen.reset_by_us || seen.reset_by_peer;
                if !reset(seen) && theirs.is_some_and(|theirs| !reset(theirs)) {
                    let theirs = theirs.unwrap();
                    assert!(seen.ended && seen.finished && seen.fin_told, "{seen:?}");
                    assert!(seen.discarding || seen.read == theirs.written);
                }
                if let (true, Some(theirs)) = (seen.reset_by_us, theirs) {
                    assert!(reset(theirs) || theirs.ended && theirs.finished, "a reset arrives: {theirs:?}");
                }
            }
        }
    }

    pub(super) fn round(&mut self) -> bool {
        let mut moved = false;
        for me in [0, 1] {
            let keys: Vec<u32> = self.sides[me].streams.keys().copied().collect();
            for key in keys {
                self.sides[me].acknowledge(key);
                self.sides[me].flush(key);
                moved |= self.sides[me].streams[&key].may_write();
                self.sides[me].finish(key);
                while let ReadOutcome::Bytes(_) = self.read(me, key, 100_000) {
                    moved = true;
                }
            }
            moved |= !self.sides[me].session.output().is_empty();
            self.sides[me].transmit();
            self.written(me);
            moved |= !self.sides[me].pipe.is_empty();
            self.deliver(me, usize::MAX, &mut Input(&[]));
        }
        moved
    }

    /// Everything that was said is written and arrives.
    pub(super) fn calm(&mut self) {
        loop {
            for me in [0, 1] {
                self.sides[me].transmit();
                self.written(me);
                self.deliver(me, usize::MAX, &mut Input(&[]));
            }
            if self.sides.iter().all(|side| side.pipe.is_empty() && side.session.output().is_empty()) {
                return;
            }
        }
    }

    /// With nothing on its way, what a side may send is what the other has not unread and need not grant yet; and no
    /// window has grown further than it may. Where the window is smaller than every peer assumes, nothing has been
    /// granted before so much was read that the rest is within it.
    pub(super) fn windows_add_up(&self) {
        for (side, other) in [(&self.sides[0], &self.sides[1]), (&self.sides[1], &self.sides[0])] {
            let live = side.streams.values().filter(|stream| !stream.is_over());
            let grown: Vec<u32> = live.map(|stream| stream.receive_window() - self.initial_window()).collect();
            assert!(grown.iter().sum::<u32>() <= self.config.max_window_growth, "{grown:?}");
            for (key, stream) in side.streams.iter().filter(|(_, stream)| stream.may_write()) {
                assert!(side.gone || !side.seen[key].short || stream.send_window() == 0, "it could go on, untold");
                let theirs = other.keys.get(&side.seen[key].id).and_then(|key| other.streams.get(key));
                if let Some(theirs) = theirs.filter(|theirs| !theirs.is_reset() && !side.gone && !other.gone) {
                    let limit = theirs.receive_window() as usize;
                    assert!(limit <= self.initial_window().max(self.config.max_receive_window) as usize);
                    let granted = stream.send_window() as usize + theirs.unread().len();
                    let read = (side.seen[key].written as usize).saturating_sub(theirs.unread().len());
                    if granted > limit {
                        assert_eq!(granted + read, INITIAL_WINDOW as usize, "{granted} of {limit}");
                    } else if other.session.pressure() != Pressure::All {
                        // Nothing is withheld, or has been since.
                        assert!(limit - granted < (limit / 2).max(1), "{granted} of {limit}");
                    }
                }
            }
        }
    }

    pub(super) fn initial_window(&self) -> u32 {
        self.config.receive_window.max(1)
    }
}
