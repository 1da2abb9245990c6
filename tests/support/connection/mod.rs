//! The fuzz target `connection`: two whole connections, from Noise to streams, over a pipe in which every byte is cut,
//! delayed, flipped or lost. `cargo test` runs it over seeded input.
//!
//! Either both ends agree on all streams, opened, bytes and ends, or both are over, with a reason. A model keeps what
//! each owner did and was told, and explains each fact by what the other end did, by time that has passed, or by a
//! flipped byte; what cannot be explained is a bug.

#![allow(clippy::wildcard_enum_match_arm, reason = "what is not named has no explanation")]

mod end;
mod seen;
mod settled;

use super::input::Input as Decisions;
use end::{End, Why};
use seen::{Seen, State};
use std::time::Duration;
use swarm_notify::connection::{Config, Error, Fact, Flood, Input, Rate, Role, noise};
use swarm_notify::lifecycle::{Failure, Side, StreamEnd, StreamId};

/// A budget of resets that a run can use up.
const RESETS: Rate = Rate::new(1, 1);

/// A rate of streams beyond which a run gets.
const OPENINGS: Rate = Rate::new(2, 4);

/// One run.
pub(crate) fn run(bytes: &[u8]) {
    let mut decisions = Decisions(bytes);
    let mut pair = Pair::new(&mut decisions);
    let mut work = 0;
    // What one input may cost is bounded, in calls and in bytes.
    while !decisions.is_empty() && work < 1 << 20 {
        work += pair.act(&mut decisions) + 200;
    }
    pair.settle();
    pair.check_agreement();
    pair.live_out();
}

struct Pair {
    ends: [End; 2],
    input: Input,
    now: Duration,
    /// Time has passed, so that something may have timed out.
    waited: bool,
    /// A byte was flipped, or some were lost: nobody has to agree on more than what arrived.
    tampered: bool,
    /// The dialer expects somebody else.
    wrong_peer: bool,
}

impl Pair {
    fn new(decisions: &mut Decisions<'_>) -> Self {
        let (choice, sizes) = (decisions.byte(), decisions.byte());
        let early = |bit: u8| choice & bit == 0;
        let expected = match choice >> 2 & 7 {
            0 => Some(End::peer_of(1)),
            1 => Some(End::peer_of(0)),
            _ => None,
        };
        let mut config = Config::default();
        // Time goes on by a minute at most.
        config.half_open_timeout = Some(Duration::from_secs(60));
        if sizes & 1 != 0 {
            (config.yamux.max_frame, config.yamux.max_output, config.yamux.max_control) = (50, 300, 100);
        }
        if sizes & 2 != 0 {
            (config.yamux.ack_backlog, config.inbound_backlog) = (2, 1 + u32::from(sizes >> 6));
        }
        if sizes & 4 != 0 {
            config.yamux.receive_window = [300_000, 5_000, 100, 0][usize::from(sizes >> 4 & 3)];
        }
        if choice & 0x20 != 0 {
            config.resets = RESETS;
        }
        if choice & 0x40 != 0 {
            config.openings = OPENINGS;
        }
        let untimed = sizes & 8 != 0;
        let dialer = End::new(Role::Dialer, early(1), expected, config.clone(), untimed);
        let listener = End::new(Role::Listener, early(2), None, config, untimed);
        Self {
            ends: [dialer, listener],
            input: Input::new(),
            now: Duration::ZERO,
            waited: false,
            tampered: false,
            wrong_peer: choice >> 2 & 7 == 1,
        }
    }

    fn act(&mut self, decisions: &mut Decisions<'_>) -> usize {
        let op = decisions.byte();
        let me = usize::from(op & 1);
        let end = &mut self.ends[me];
        match op >> 1 {
            0..8 => end.say(),
            8..18 => {
                let n = decisions.length();
                self.push(me, n, decisions);
                return n.min(1000);
            }
            18..40 => {
                let n = decisions.length();
                return self.deliver(me, n, decisions).min(1000);
            }
            40..52 => drop(self.flow(me, decisions)),
            52..56 => self.permit(me, decisions),
            56..66 => end.open(decisions.byte()),
            66..72 => {
                let at_gate: Vec<_> = ids(end, |state| state == State::ReadyToOpen);
                if let Some(id) = decisions.pick(at_gate.into_iter()) {
                    end.confirm(id);
                }
            }
            72..114 => return self.act_on_stream(me, op >> 1, decisions),
            114..116 => self.calm(decisions),
            116..119 => {
                let millis = [0, 100, 1_000, 4_000, 6_000, 11_000, 31_000, 61_000][decisions.below(8)];
                self.pass(Duration::from_millis(millis), decisions);
            }
            119..121 => {
                if decisions.once_in(4) && !end.wire.is_empty() {
                    let at = decisions.length() % end.wire.len();
                    end.wire[at] ^= 1 << decisions.below(8);
                    self.tampered = true;
                }
            }
            121 => {
                // The pipe breaks: of what is under way some arrives.
                if decisions.once_in(4) {
                    let n = decisions.length();
                    for end in &mut self.ends {
                        end.wire.truncate(n);
                        end.wire_ended = true;
                    }
                    self.tampered = true;
                }
            }
            122 => {
                if decisions.once_in(4) {
                    end.close();
                }
            }
            123 => end.set_pressure(decisions.below(3)),
            _ => self.timeouts(decisions),
        }
        self.ends.iter().for_each(End::check_held);
        0
    }

    fn act_on_stream(&mut self, me: usize, op: u8, decisions: &mut Decisions<'_>) -> usize {
        let Some(id) = decisions.pick(self.ends[me].seen.keys().copied()) else { return 0 };
        if self.ends[me].over.is_some() {
            return 0;
        }
        let end = &mut self.ends[me];
        match op {
            72..86 => {
                let n = decisions.length();
                end.write(id, n);
                return n;
            }
            86..100 => {
                let n = decisions.length();
                self.read(me, id, n);
                return n;
            }
            100..105 => end.finish(id),
            105..107 => {
                let fact = end.close_stream(id);
                self.told(me, fact, &mut Decisions(&[]));
            }
            107..111 => end.reset(id),
            _ => {
                if end.seen[&id].state == State::Over {
                    self.forget(me, id);
                }
            }
        }
        0
    }

    fn read(&mut self, me: usize, id: StreamId, n: usize) -> bool {
        let (end, other) = both(&mut self.ends, me);
        let theirs = end.seen[&id].number.and_then(|number| other.by_number(number));
        let (more, fact) = end.read(id, n, theirs);
        self.told(me, fact, &mut Decisions(&[]));
        more
    }

    fn forget(&mut self, me: usize, id: StreamId) {
        let (end, other) = both(&mut self.ends, me);
        let theirs = end.seen[&id].number.and_then(|number| other.by_number(number));
        end.forget(id, theirs);
    }

    fn push(&mut self, me: usize, n: usize, decisions: &mut Decisions<'_>) {
        if self.ends[me].wire_ended {
            // The pipe is broken, and takes what is written into nothing.
            self.ends[me].push(n);
            self.ends[me].wire.clear();
        } else if self.ends[me].push(n) {
            while let Some(fact) = self.ends[me].written() {
                self.told(me, Some(fact), decisions);
            }
        }
    }

    /// Bytes from `me` arrive at the other, if it reads. Gives how many.
    fn deliver(&mut self, me: usize, n: usize, decisions: &mut Decisions<'_>) -> usize {
        let (from, to) = both_mut(&mut self.ends, me);
        let n = n.min(from.wire.len());
        if to.over.is_some() {
            from.wire.clear();
            return n;
        }
        let mut handled = 0;
        if to.connection.wants_input() && to.connection.is_cut_short() {
            // Frames that it kept, while it had too much to say, come before another read.
            to.hear(&mut self.input, &[]);
            self.understand(1 - me, decisions);
            handled = 1;
        }
        let (from, to) = both_mut(&mut self.ends, me);
        if to.over.is_some() || !to.connection.wants_input() || to.connection.is_cut_short() {
            return handled;
        }
        let n = to.hear(&mut self.input, &from.wire[..n]);
        from.wire.drain(..n);
        self.understand(1 - me, decisions);
        let (from, to) = both_mut(&mut self.ends, me);
        if from.wire_ended && from.wire.is_empty() && to.over.is_none() {
            to.ends(Why::Eof);
        }
        n + handled
    }

    fn understand(&mut self, me: usize, decisions: &mut Decisions<'_>) {
        while self.ends[me].over.is_none() {
            let Some(fact) = self.ends[me].understand(&mut self.input) else { break };
            self.told(me, Some(fact), decisions);
        }
        self.ends[me].end_if_spent();
    }

    /// All that is due at one end arrives at the other. Whether that was anything.
    fn flow(&mut self, me: usize, decisions: &mut Decisions<'_>) -> bool {
        let over = self.ends[1 - me].over.is_none();
        self.ends[me].end_if_spent();
        self.ends[me].say();
        let said = self.ends[me].has_batch();
        self.push(me, usize::MAX, decisions);
        let arrived = self.deliver(me, usize::MAX, decisions) > 0;
        said || arrived || over != self.ends[1 - me].over.is_none()
    }

    fn permit(&mut self, me: usize, decisions: &mut Decisions<'_>) {
        if !self.ends[me].at_gate {
            return;
        }
        self.ends[me].permit();
        // What came behind the gate was kept.
        if self.ends[me].over.is_none() {
            self.ends[me].hear(&mut self.input, &[]);
            self.understand(me, decisions);
        }
    }

    fn pass(&mut self, time: Duration, decisions: &mut Decisions<'_>) {
        self.now += time;
        self.waited |= !time.is_zero();
        self.ends.iter_mut().for_each(|end| end.time(self.now));
        self.timeouts(decisions);
    }

    fn timeouts(&mut self, decisions: &mut Decisions<'_>) {
        for me in [0, 1] {
            while self.ends[me].over.is_none() {
                let Some(fact) = self.ends[me].timeout() else { break };
                self.told(me, Some(fact), decisions);
            }
            let end = &mut self.ends[me];
            end.check_tokens();
            assert!(end.over.is_some() || end.poll_at().is_none_or(|at| at > self.now), "what is due has been done");
        }
    }

    /// A fact is told to `me`: it has to be explained by what happened.
    fn told(&mut self, me: usize, fact: Option<Fact>, decisions: &mut Decisions<'_>) {
        let Some(fact) = fact else { return };
        let (waited, tampered, wrong_peer) = (self.waited, self.tampered, self.wrong_peer);
        let (end, other) = both(&mut self.ends, me);
        assert_eq!(end.over, None, "{fact:?} after the end");
        match fact {
            Fact::ReadyToOpen => {
                assert!(!end.at_gate && !end.is_open);
                assert_eq!(end.connection.peer(), Some(End::peer_of(1 - me)), "nobody else has the keys");
                end.at_gate = true;
            }
            Fact::StreamOffered => {
                assert!(!end.left || end.is_timeout, "who has left begins nothing");
                let fact = end.offered(decisions);
                assert!(end.heard_of() <= other.opened(), "it was begun there");
                self.told(me, fact, decisions);
            }
            Fact::StreamUnproposed => {
                if end.is_timeout {
                    let since = end.timed_out(false);
                    assert!(self.now >= since + end.config.negotiation_timeout, "it had time left");
                } else {
                    let gave_up = |theirs: &Seen| theirs.is_outbound && theirs.gave_up();
                    assert!(other.seen.values().any(gave_up), "nobody has reset it");
                    end.resets.count(true);
                    end.check_resets();
                }
                end.unproposed += 1;
                assert!(end.heard_of() <= other.opened(), "it was begun there");
            }
            Fact::StreamRefused => {
                end.refused += 1;
                if end.is_timeout {
                    let since = end.timed_out(true);
                    assert!(self.now >= since + end.config.negotiation_timeout, "it had time left");
                } else {
                    let backlog = end.backlog() + end.connection.streams_without_id();
                    assert_eq!(backlog, end.config.inbound_backlog as usize, "there was a place");
                }
                assert!(end.heard_of() <= other.opened(), "it was begun there");
            }
            Fact::StreamReadyToOpen(id) => {
                let name = end.streams.get(id).unwrap().protocol().unwrap().as_str();
                let number: u8 = name[1..].parse().expect("it is one that both speak");
                let order;
                let seen = end.seen.get_mut(&id).unwrap();
                assert_eq!(seen.state, State::Opening);
                seen.state = State::ReadyToOpen;
                let theirs = other.by_number(number);
                if seen.is_outbound {
                    assert_eq!(seen.number, Some(number));
                    assert!(theirs.is_some_and(|theirs| theirs.confirmed), "the taker has said so");
                } else {
                    assert!(theirs.is_some_and(|theirs| theirs.is_outbound && theirs.is_spoken), "it was proposed");
                    seen.number = Some(number);
                    (seen.is_direct, order) = (theirs.is_some_and(|theirs| theirs.is_direct), seen.order);
                    assert!(end.numbers.insert(number, id).is_none(), "a stream comes in once");
                    let direct = end.seen.values().filter(|seen| !seen.is_outbound && seen.is_direct);
                    for seen in direct.filter(|seen| end.seen[&id].is_direct && seen.number != Some(number)) {
                        assert_eq!(seen.number < Some(number), seen.order < order, "{seen:?} and {number}: in order");
                    }
                }
            }
            Fact::StreamFailed(id, failure) => {
                let refused = other.refused + other.unproposed > 0;
                let seen = end.seen.get_mut(&id).unwrap();
                assert!(matches!(seen.state, State::Opening | State::ReadyToOpen), "{fact:?} of {seen:?}");
                (seen.state, seen.failed) = (State::Over, Some(failure));
                let theirs = seen.number.and_then(|number| other.by_number(number));
                let explained = match failure {
                    Failure::Unsupported if seen.is_outbound => !seen.is_spoken,
                    // It asked for what is not spoken here, and perhaps would have asked on.
                    Failure::Unsupported => seen.number.is_none(),
                    // It waited for its turn, and the peer knows nothing of it.
                    Failure::ConnectionClosed => end.left && seen.is_outbound && seen.written == 0 && theirs.is_none(),
                    Failure::Timeout => self.now >= seen.began + end.config.negotiation_timeout,
                    Failure::Reset(Side::Remote) => match (theirs, seen.is_outbound) {
                        (Some(theirs), _) => theirs.gave_up(),
                        // The taker gave it up before it knew which one it is.
                        (None, true) => refused || other.seen.values().any(|theirs| theirs.is_unnamed_and_given_up()),
                        (None, false) => other.seen.values().any(|theirs| theirs.is_outbound && theirs.gave_up()),
                    },
                    _ => false,
                };
                assert!(explained, "{fact:?} of {seen:?}, there {theirs:?}");
                if !seen.is_outbound && failure != Failure::Timeout {
                    // One that has asked for what is not spoken here is told the same after a time-out, which is nobody's
                    // fault.
                    let may_have_timed_out = self.now >= seen.began + end.config.negotiation_timeout;
                    end.resets.count(!may_have_timed_out);
                    end.check_resets();
                }
            }
            Fact::StreamEnded(id, reason) => {
                let seen = end.seen.get_mut(&id).unwrap();
                assert_eq!(seen.state, State::Open, "{fact:?} of {seen:?}");
                (seen.state, seen.ended) = (State::Over, Some(reason));
                let theirs = other.by_number(seen.number.unwrap()).expect("it is open there, too");
                let explained = match reason {
                    StreamEnd::Finished => {
                        let is_read = seen.closed || seen.end_read && seen.read == theirs.written;
                        seen.finished && theirs.finished && is_read
                    }
                    StreamEnd::Reset(Side::Remote) => theirs.gave_up(),
                    StreamEnd::Timeout => waited,
                    _ => false,
                };
                assert!(explained, "{fact:?} of {seen:?}, there {theirs:?}");
                if !seen.is_outbound && reason == StreamEnd::Reset(Side::Remote) {
                    end.resets.count(true);
                    end.check_resets();
                }
            }
            Fact::Readable(id) => {
                let (seen, stream) = (&end.seen[&id], end.streams.get(id).unwrap());
                assert!(seen.state == State::Open && !seen.closed, "{fact:?} of {seen:?}");
                assert!(stream.is_readable(), "there is something to read");
            }
            Fact::Writable(id) => {
                let seen = end.seen.get_mut(&id).unwrap();
                assert!(seen.short && seen.state != State::Over, "{fact:?} of {seen:?}");
                seen.short = false;
                assert!(end.streams.get(id).unwrap().is_writable());
            }
            Fact::GoAway(1) => {
                assert_eq!(other.over, Some(Why::Failed(Error::Flood(Flood::Resets))), "nobody is to blame");
                end.ends(Why::GoAway);
            }
            Fact::GoAway(code) => {
                assert!(code == 0 && other.closing && !end.left, "nobody has left");
                end.left = true;
                if end.closing {
                    end.ends(Why::GoAway);
                }
            }
            Fact::Idle => {
                assert!(
                    waited && !end.left && end.seen.values().all(|seen| seen.state == State::Over),
                    "it has streams"
                );
                end.close();
            }
            Fact::CloseTimeout => {
                assert!(waited && (end.closing || end.left));
                end.ends(Why::CloseTimeout);
            }
            Fact::Failed(error) => {
                let explained = match error {
                    Error::HandshakeTimeout => waited && !end.is_open,
                    Error::Silence => waited && end.is_open,
                    Error::Noise(noise::Error::WrongPeer) => wrong_peer && me == 0,
                    Error::Noise(_) => tampered,
                    Error::Multistream(_) | Error::Unsupported => tampered && !end.is_open,
                    // What was flipped does not get as far as that.
                    Error::Yamux(_) => false,
                    Error::Flood(Flood::Resets) => end.resets.most > end.config.resets.burst,
                    _ => false,
                };
                assert!(explained, "{error}");
                end.ends(Why::Failed(error));
            }
        }
    }

    /// Everything that was said arrives.
    fn calm(&mut self, decisions: &mut Decisions<'_>) {
        let mut rounds = 0;
        while self.flow(0, decisions) | self.flow(1, decisions) {
            rounds += 1;
            assert!(rounds < 100_000, "they talk without an end");
        }
    }
}

fn ids(end: &End, which: impl Fn(State) -> bool) -> Vec<StreamId> {
    end.seen.iter().filter(|(_, seen)| which(seen.state)).map(|(id, _)| *id).collect()
}

/// The one, and the other to look at.
fn both(ends: &mut [End; 2], me: usize) -> (&mut End, &End) {
    let (end, other) = both_mut(ends, me);
    (end, other)
}

fn both_mut(ends: &mut [End; 2], me: usize) -> (&mut End, &mut End) {
    let [dialer, listener] = ends;
    if me == 0 { (dialer, listener) } else { (listener, dialer) }
}
