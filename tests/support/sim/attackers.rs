//! [`Attackers`]: hosts without a swarm that do what does most harm, within the protocol or short of it. Each form is one
//! that has broken a node of ours, or slowed it down.

use super::super::pipe::Random;
use super::super::raw_frames::{DATA, Frames, Greeting, PING, RST, SYN, UPDATE, data, frame};
use super::network::Network;
use super::transport::{RawDial, SimPipe};
use libp2p_core::Multiaddr;
use std::task::Poll;

/// What an attacker does to whom it has connected to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// It says nothing.
    Silent,
    /// It says the beginning of a handshake byte by byte.
    Trickle,
    /// It says the first Noise message, and no more.
    HalfShaken,
    /// It begins streams and resets them.
    Resets,
    /// The same behind a proposal that nobody supports.
    ResetsUnsupported,
    /// The same behind a proposal that is supported.
    ResetsSupported,
    /// It opens streams, and says nothing on them.
    Idle,
    /// It opens streams, and fills their windows.
    Fills,
    /// It begins streams without a proposal.
    Syns,
    Pings,
    /// Frames without payload for a stream that does not exist.
    Empty,
    /// Data frames of one byte.
    Bytes,
    /// It is authenticated, and hangs up.
    Reconnects,
}

impl Form {
    pub(crate) const ALL: [Self; 13] = [
        Self::Silent,
        Self::Trickle,
        Self::HalfShaken,
        Self::Resets,
        Self::ResetsUnsupported,
        Self::ResetsSupported,
        Self::Idle,
        Self::Fills,
        Self::Syns,
        Self::Pings,
        Self::Empty,
        Self::Bytes,
        Self::Reconnects,
    ];

    /// It shakes hands to the end.
    const fn is_authenticated(self) -> bool {
        !matches!(self, Self::Silent | Self::Trickle | Self::HalfShaken)
    }
}

/// All connections of the attackers of one host.
pub(crate) struct Attackers {
    network: Network,
    host: u8,
    /// A proposal that is supported, with multistream's header before it.
    supported: Vec<u8>,
    dials: Vec<(Form, RawDial)>,
    attackers: Vec<Attacker>,
    /// The number of frames that were said.
    pub(crate) frames: usize,
}

struct Attacker {
    form: Form,
    pipe: SimPipe,
    /// What has not been written for lack of room in the pipe.
    outbox: Vec<u8>,
    greeting: Greeting,
    /// Its frames, once it has shaken hands.
    frames: Option<Frames>,
    /// The id of the next stream.
    next_id: u32,
}

/// A proposal behind multistream's header.
pub(crate) fn proposal(protocol: &str) -> Vec<u8> {
    let length = u8::try_from(protocol.len() + 1).expect("it is short");
    [b"\x13/multistream/1.0.0\n", &[length][..], protocol.as_bytes(), b"\n"].concat()
}

impl Attackers {
    /// Attackers of a host, who propose `supported` where it is to be supported.
    pub(crate) fn new(network: &Network, host: u8, supported: &str) -> Self {
        let (network, supported) = (network.clone(), proposal(supported));
        Self { network, host, supported, dials: Vec::new(), attackers: Vec::new(), frames: 0 }
    }

    /// One more connects.
    pub(crate) fn dial(&mut self, form: Form, to: &Multiaddr) {
        self.dials.push((form, RawDial::new(&self.network, self.host, to)));
    }

    /// The number of those whose connections were accepted.
    pub(crate) fn connected(&self) -> usize {
        self.attackers.len()
    }

    /// The number of those that have shaken hands.
    pub(crate) fn authenticated(&self) -> usize {
        self.attackers.iter().filter(|attacker| attacker.frames.is_some()).count()
    }

    /// Those whose dials were answered begin. Call it after time has passed.
    pub(crate) fn come_in(&mut self) {
        let Self { host, dials, attackers, .. } = self;
        dials.retain_mut(|(form, dial)| match dial.try_pipe() {
            Poll::Pending => true,
            Poll::Ready(pipe) => {
                attackers.extend(pipe.map(|pipe| Attacker::new(*form, *host, pipe)));
                false
            }
        });
    }

    /// All of them attack by so many frames each.
    pub(crate) fn attack(&mut self, frames: usize) {
        self.come_in();
        for attacker in &mut self.attackers {
            self.frames += attacker.attack(frames, &self.supported);
        }
        self.attackers.retain(|attacker| attacker.form != Form::Reconnects || attacker.frames.is_none());
    }

    /// One of them attacks, or leaves.
    pub(crate) fn act(&mut self, random: &mut Random) {
        self.come_in();
        if self.attackers.is_empty() {
            return;
        }
        let at = random.below(self.attackers.len());
        let frames = [1, 20, 200][random.below(3)];
        self.frames += self.attackers[at].attack(frames, &self.supported);
        let leaves = self.attackers[at].form == Form::Reconnects && self.attackers[at].frames.is_some();
        if leaves || random.below(20) == 0 {
            self.attackers.swap_remove(at);
        }
    }

    /// All of them hang up.
    pub(crate) fn leave(&mut self) {
        self.dials.clear();
        self.attackers.clear();
    }
}

impl Attacker {
    fn new(form: Form, host: u8, pipe: SimPipe) -> Self {
        let (greeting, said) = Greeting::begin(host);
        let mut attacker = Self { form, pipe, outbox: said, greeting, frames: None, next_id: 1 };
        if form == Form::Silent {
            attacker.outbox.clear();
        } else if form != Form::Trickle {
            attacker.write(usize::MAX);
        }
        attacker
    }

    /// Writes at most so many bytes, as far as there is room in the pipe.
    fn write(&mut self, most: usize) {
        if self.outbox.is_empty() {
            return;
        }
        let n = self.pipe.give_some(&self.outbox[..most.min(self.outbox.len())]);
        self.outbox.drain(..n);
    }

    /// Says so many frames, or goes on with its handshake. Returns how many it has said.
    fn attack(&mut self, frames: usize, supported: &[u8]) -> usize {
        // One that says nothing has nothing to write.
        self.write(if self.form == Form::Trickle { 1 } else { usize::MAX });
        let heard = self.pipe.take();
        if !self.form.is_authenticated() {
            return 0;
        }
        let Some(said) = &mut self.frames else {
            // The answer may begin before all of the first words are written.
            if let Ok(Some((last, frames))) = self.greeting.try_hear(&heard) {
                self.outbox.extend(last);
                self.frames = Some(frames);
                self.write(usize::MAX);
            }
            return 0;
        };
        if !self.outbox.is_empty() {
            return 0;
        }
        let mut wire = Vec::new();
        for _ in 0..frames {
            let id = self.next_id;
            let frame = match self.form {
                Form::Silent | Form::Trickle | Form::HalfShaken | Form::Reconnects => return 0,
                Form::Resets => [frame(DATA, SYN, id, 0), frame(UPDATE, RST, id, 0)].concat(),
                Form::ResetsUnsupported => [data(SYN, id, &proposal("/no/1")), frame(UPDATE, RST, id, 0)].concat(),
                Form::ResetsSupported => [data(SYN, id, supported), frame(UPDATE, RST, id, 0)].concat(),
                Form::Idle => data(SYN, id, supported),
                Form::Fills => [data(SYN, id, supported), data(0, id, &[7; 20_000])].concat(),
                Form::Syns => frame(UPDATE, SYN, id, 0),
                Form::Pings => frame(PING, SYN, 0, id),
                Form::Empty => frame(DATA, 0, 99_999, 0),
                Form::Bytes if id == 1 => data(SYN, id, supported),
                Form::Bytes => data(0, 1, b"x"),
            };
            wire.extend(frame);
            self.next_id += 2;
        }
        for part in wire.chunks(60_000) {
            self.outbox.extend(said.seal(&[part.to_vec()]));
        }
        self.write(usize::MAX);
        frames
    }
}
