//! [`Peer`]: who sits at the other end of a pipe: a connection of its own, which does what the script says.

use super::super::ends::End;
use super::super::input::Input;
use super::model::Deeds;
use super::world::State as World;
use std::sync::LazyLock;
use std::time::Duration;
use swarm_notify::connection::{Fact, Protocol, ReadError, Role, noise, yamux};
use swarm_notify::identity::{Keypair, PeerId};
use swarm_notify::lifecycle::{StreamEnd, StreamId};

pub(super) const ECHO: Protocol = Protocol::from_static("/echo/1.0.0");
pub(super) const SINK: Protocol = Protocol::from_static("/sink/1.0.0");

/// The peer's keys, with the muxer named in the Noise handshake and without.
static KEYS: LazyLock<[noise::Config; 2]> = LazyLock::new(|| {
    let identity = Keypair::ed25519_from_bytes([2; 32]).unwrap();
    [&[][..], &[yamux::PROTOCOL_NAME][..]].map(|muxers| noise::Config::new(&identity, [2; 32], muxers).unwrap())
});

/// Who has these keys: 2 is every peer, 3 is nobody.
pub(super) fn identity(key: u8) -> PeerId {
    static ALL: LazyLock<[PeerId; 2]> =
        LazyLock::new(|| [2, 3].map(|key| Keypair::ed25519_from_bytes([key; 32]).unwrap().public().to_peer_id()));
    ALL[usize::from(key == 3)]
}

/// What a stream says: where it comes from, and then a count, so that any prefix can be recognised.
pub(super) fn content(tag: u8, from: u64, len: usize) -> Vec<u8> {
    (from..from + len as u64).map(|n| tag.wrapping_add((n * 7 % 251) as u8)).collect()
}

/// The other end of a pipe.
pub(super) struct Peer {
    end: End,
    /// It gives permission at once.
    pub(super) eager: bool,
    at_gate: bool,
    waiting: Vec<StreamId>,
    streams: Vec<(StreamId, Half)>,
    opened: usize,
    /// What it has said and what has not been sent.
    to_swarm: Vec<u8>,
    over: bool,
    /// How many bytes it has written and read, on all streams.
    pub(super) written: u64,
    pub(super) read: u64,
}

#[derive(Default)]
struct Half {
    written: u64,
    read: u64,
}

impl Peer {
    pub(super) fn new(is_dialer: bool, is_early: bool, now: Duration) -> Self {
        let role = if is_dialer { Role::Dialer } else { Role::Listener };
        Self {
            end: End::with(&KEYS[usize::from(is_early)], role, now),
            eager: true,
            at_gate: false,
            waiting: Vec::new(),
            streams: Vec::new(),
            opened: 0,
            to_swarm: Vec::new(),
            over: false,
            written: 0,
            read: 0,
        }
    }

    /// The number of streams that it has begun.
    pub(super) const fn opened(&self) -> usize {
        self.opened
    }

    /// Takes some of what the swarm wrote, and sends some of what it has to say. Whether anything moved.
    pub(super) fn carry(
        &mut self,
        world: &mut World,
        pipe: usize,
        deeds: &mut Deeds,
        there: usize,
        back: usize,
    ) -> bool {
        let state = &mut world.pipes[pipe];
        let mut n = there.min(state.outbox.len());
        if !self.over {
            n = self.end.hear_wanted(&state.outbox[..n]);
            self.facts(deeds);
            let said = self.end.say();
            self.to_swarm.extend(said);
            self.facts(deeds);
        }
        let mut moved = n > 0;
        state.outbox.drain(..n);
        let ended = (state.closed || state.dropped) && state.outbox.is_empty();
        let n = back.min(self.to_swarm.len());
        let state = &mut world.pipes[pipe];
        state.inbox.extend(self.to_swarm.drain(..n));
        moved |= n > 0;
        // It is done when the other side is, or when it has failed itself.
        if (ended || self.over) && self.to_swarm.is_empty() && !state.eof {
            (self.over, state.eof, moved) = (true, true, true);
        }
        if moved {
            world.touch(pipe);
        }
        moved
    }

    pub(super) fn at(&mut self, now: Duration, deeds: &mut Deeds) {
        if !self.over {
            self.end.at(now);
            self.facts(deeds);
        }
    }

    fn facts(&mut self, deeds: &mut Deeds) {
        loop {
            let facts = self.end.facts();
            if facts.is_empty() {
                return;
            }
            for fact in facts {
                self.told(fact, deeds);
            }
        }
    }

    fn told(&mut self, fact: Fact, deeds: &mut Deeds) {
        match fact {
            Fact::ReadyToOpen if self.eager => self.permit(deeds),
            Fact::ReadyToOpen => self.at_gate = true,
            Fact::StreamOffered => unreachable!("offered streams are taken"),
            // Of a time-out the swarm hears as a reset.
            Fact::StreamUnproposed | Fact::StreamRefused => deeds.resets = true,
            Fact::StreamReadyToOpen(id) if self.eager => self.confirm(id),
            Fact::StreamReadyToOpen(id) => self.waiting.push(id),
            Fact::StreamFailed(id, _) => {
                // Of a time-out the swarm hears as a reset; of what is not spoken, as well.
                deeds.resets = true;
                self.waiting.retain(|waiting| *waiting != id);
            }
            Fact::StreamEnded(id, end) => {
                deeds.resets |= end == StreamEnd::Timeout;
                self.streams.retain(|(stream, _)| *stream != id);
            }
            Fact::Readable(_) | Fact::Writable(_) => {}
            Fact::GoAway(_) | Fact::CloseTimeout | Fact::Failed(_) => self.over = true,
            Fact::Idle => {
                deeds.closed = true;
                self.end.close();
            }
        }
    }

    fn permit(&mut self, deeds: &mut Deeds) {
        self.at_gate = false;
        deeds.opened |= self.end.permit();
    }

    fn confirm(&mut self, id: StreamId) {
        self.end.confirm(id);
        self.streams.push((id, Half::default()));
    }

    /// Something of its own.
    pub(super) fn act(&mut self, deeds: &mut Deeds, input: &mut Input<'_>) {
        if self.over {
            return;
        }
        let stream = input.pick(0..self.streams.len());
        match input.below(16) {
            0..3 if self.at_gate => self.permit(deeds),
            0..5 => {
                if deeds.opened && !deeds.closed && self.opened < 6 {
                    self.opened += 1;
                    let names: &[&[&str]] = &[&["/echo/1.0.0"], &["/none", "/sink/1.0.0"], &["/none"]];
                    self.end.open_stream(names[input.below(3)]);
                }
            }
            5..7 => {
                if let Some(id) = self.waiting.pop() {
                    self.confirm(id);
                }
            }
            7..10 => {
                let Some(stream) = stream else { return };
                let (id, half) = &mut self.streams[stream];
                if let Ok(n) = self.end.write(*id, &content(100, half.written, input.length())) {
                    half.written += n as u64;
                    self.written += n as u64;
                }
            }
            10..12 => {
                let Some(stream) = stream else { return };
                self.read(stream);
            }
            12..14 => {
                let Some(stream) = stream else { return };
                deeds.finishes = true;
                let _ = self.end.finish(self.streams[stream].0);
            }
            14 => {
                let Some(stream) = stream else { return };
                deeds.resets = true;
                self.end.reset(self.streams.remove(stream).0);
            }
            _ => {
                if input.once_in(4) && deeds.opened {
                    deeds.closed = true;
                    self.end.close();
                }
            }
        }
        self.facts(deeds);
    }

    /// Gives what permission it has withheld, and reads what there is. Whether that was anything.
    pub(super) fn goes_on(&mut self, deeds: &mut Deeds) -> bool {
        if self.over {
            return false;
        }
        self.eager = true;
        let mut moved = self.at_gate || !self.waiting.is_empty();
        if self.at_gate {
            self.permit(deeds);
        }
        while let Some(id) = self.waiting.pop() {
            self.confirm(id);
        }
        for stream in 0..self.streams.len() {
            moved |= self.read(stream);
        }
        self.facts(deeds);
        moved
    }

    /// Finishes all its streams.
    pub(super) fn finish_all(&mut self, deeds: &mut Deeds) {
        if self.over {
            return;
        }
        for (id, _) in &self.streams {
            deeds.finishes = true;
            let _ = self.end.finish(*id);
        }
        self.facts(deeds);
    }

    /// Everything that there is: it is what the swarm's owner wrote. Whether there was anything.
    fn read(&mut self, stream: usize) -> bool {
        let (id, half) = &mut self.streams[stream];
        let before = half.read;
        loop {
            match self.end.read(*id) {
                Ok(bytes) if bytes.is_empty() => break,
                Ok(bytes) => {
                    assert_eq!(bytes, content(0, half.read, bytes.len()), "what has arrived is what was sent");
                    half.read += bytes.len() as u64;
                    self.read += bytes.len() as u64;
                }
                Err(ReadError::Blocked | ReadError::Ended | ReadError::Stale | ReadError::Closed) => break,
                Err(error) => panic!("{error}"),
            }
        }
        half.read > before
    }
}
