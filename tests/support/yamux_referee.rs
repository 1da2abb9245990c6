//! [`Referee`]: what of a peer's bytes breaks yamux's rules, frame by frame, from the specification and nothing of ours.
//!
//! It judges a session whose owner reads nothing, so that no window is ever granted.

use std::collections::BTreeMap;
use swarm_notify::connection::Role;
use swarm_notify::connection::yamux::{INITIAL_WINDOW, Violation};

const SYN: u16 = 1;
const ACK: u16 = 2;
const FIN: u16 = 4;
const RST: u16 = 8;

/// A stream that is not over.
struct Live {
    we_finished: bool,
    they_finished: bool,
    /// What they may send, and what we may.
    left: u32,
    window: u32,
}

/// The streams that are not over, by wire id.
pub(super) struct Referee {
    we_dial: bool,
    live: BTreeMap<u32, Live>,
    taken: usize,
    /// The most frames without payload that are not earned.
    most_empty: u32,
    unearned: u32,
    /// The bytes of ours that no window update has given back.
    outstanding: u32,
}

impl Referee {
    /// Streams of ours have sent 10 bytes each, and some have been finished.
    pub(super) fn new(role: Role, most_empty: u32, ours: impl Iterator<Item = bool>) -> Self {
        let we_dial = role == Role::Dialer;
        let first = if we_dial { 1 } else { 2 };
        let live =
            |we_finished| Live { we_finished, they_finished: false, left: INITIAL_WINDOW, window: INITIAL_WINDOW - 10 };
        let live: BTreeMap<_, _> =
            ours.enumerate().map(|(n, finished)| (first + 2 * n as u32, live(finished))).collect();
        let outstanding = 10 * live.len() as u32;
        Self { we_dial, live, taken: 0, most_empty, unearned: 0, outstanding }
    }

    /// The first thing that is wrong. `takes` says whether a stream of the peer's is taken, after so many others.
    pub(super) fn judge(&mut self, wire: &[u8], takes: impl Fn(usize) -> bool) -> Option<Violation> {
        let mut rest = wire;
        while let Some((header, behind)) = rest.split_first_chunk::<12>() {
            let payload = match self.frame(header, &takes) {
                Ok(payload) => payload as usize,
                Err(violation) => return Some(violation),
            };
            rest = behind.get(payload..).unwrap_or_default();
        }
        None
    }

    /// Whether a frame without payload may come, and what one with payload earns.
    fn is_earned(&mut self, kind: u8, flags: u16, length: u32) -> bool {
        match kind {
            0 if length > 0 => self.unearned = self.unearned.saturating_sub(1 + length / 64),
            2 if flags & ACK == 0 => {}
            1 if (1..=self.outstanding).contains(&length) => self.outstanding -= length,
            _ => self.unearned += 1,
        }
        self.unearned <= self.most_empty
    }

    /// How much payload follows.
    fn frame(&mut self, header: &[u8; 12], takes: &impl Fn(usize) -> bool) -> Result<u32, Violation> {
        let [version, kind, f0, f1, i0, i1, i2, i3, l0, l1, l2, l3] = *header;
        let flags = u16::from_be_bytes([f0, f1]);
        let id = u32::from_be_bytes([i0, i1, i2, i3]);
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        let has = |flag| flags & flag != 0;
        let ours = (id % 2 == 1) == self.we_dial;
        match (version, kind) {
            (1.., _) => return Err(Violation::Version(version)),
            (_, 4..) => return Err(Violation::FrameType(kind)),
            (0, _) if !self.is_earned(kind, flags, length) => return Err(Violation::EmptyFrames),
            (_, 2 | 3) => return Ok(0),
            (0, 0 | 1) => {}
        }
        let payload = if kind == 0 { length } else { 0 };
        if id == 0 || has(SYN) && ours {
            return Err(Violation::StreamId(id));
        }
        if has(SYN) {
            if self.live.contains_key(&id) {
                return Err(Violation::StreamExists(id));
            }
            if takes(self.taken) {
                self.taken += 1;
                self.unearned = self.unearned.saturating_sub(16);
                let (left, window) = (INITIAL_WINDOW, INITIAL_WINDOW);
                self.live.insert(id, Live { we_finished: false, they_finished: false, left, window });
            }
        }
        // What comes for a stream that is over, or never was, is for none.
        let Some(stream) = self.live.get_mut(&id) else { return Ok(payload) };
        if has(RST) {
            self.live.remove(&id);
            return Ok(payload);
        }
        if kind == 1 {
            stream.window = stream.window.checked_add(length).ok_or(Violation::SendWindow(id))?;
        }
        if payload > 0 {
            if stream.they_finished {
                // That stream is reset, and the others go on.
                self.live.remove(&id);
                return Ok(payload);
            }
            stream.left = stream.left.checked_sub(payload).ok_or(Violation::ReceiveWindow(id))?;
        }
        stream.they_finished |= has(FIN);
        if stream.we_finished && stream.they_finished {
            self.live.remove(&id);
        }
        Ok(payload)
    }
}
