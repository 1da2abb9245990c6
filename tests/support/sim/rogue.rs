//! [`Rogues`]: hosts without a swarm, who accept and say nothing, speak garbage, or hang up.

use super::super::pipe::Random;
use super::network::Network;
use super::transport::{RawDial, SimPipe, address};
use libp2p_core::Multiaddr;
use std::task::Poll;

/// What an honest dialer, or listener, says first; what a rogue says behind it is garbage to noise.
const NOISE: &[u8] = b"\x13/multistream/1.0.0\n\x07/noise\n";

/// All pipes and dials of the rogues, who share one host.
pub(crate) struct Rogues {
    network: Network,
    host: u8,
    dials: Vec<RawDial>,
    pipes: Vec<(SimPipe, Mood)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Says nothing, reads nothing.
    Mute,
    /// Reads everything, says nothing.
    Listens,
    /// Says anything.
    Garbage,
    /// Says what it should at first, and then anything.
    GarbageLater,
}

impl Rogues {
    /// Rogues that listen on port 1 of a host.
    pub(crate) fn new(network: &Network, host: u8) -> Self {
        network.set(|knobs| knobs.listen_raw((host, 1)));
        Self { network: network.clone(), host, dials: Vec::new(), pipes: Vec::new() }
    }

    pub(crate) fn address(&self) -> Multiaddr {
        address((self.host, 1))
    }

    pub(crate) fn dial(&mut self, to: &Multiaddr) {
        self.dials.push(RawDial::new(&self.network, self.host, to));
    }

    /// One of them does something.
    pub(crate) fn act(&mut self, random: &mut Random) {
        let mut moods = [Mood::Mute, Mood::Listens, Mood::Garbage, Mood::GarbageLater].into_iter().cycle();
        moods.nth(random.below(4));
        while let Some(pipe) = SimPipe::accept(&self.network) {
            self.pipes.extend(moods.next().map(|mood| (pipe, mood)));
        }
        self.dials.retain_mut(|dial| match dial.try_pipe() {
            Poll::Pending => true,
            Poll::Ready(pipe) => {
                self.pipes.extend(pipe.zip(moods.next()));
                false
            }
        });
        if self.pipes.is_empty() {
            return;
        }
        let at = random.below(self.pipes.len());
        if random.below(6) == 0 {
            self.pipes.swap_remove(at);
            return;
        }
        let (pipe, mood) = &mut self.pipes[at];
        match mood {
            Mood::Mute => {}
            Mood::Listens => drop(pipe.take()),
            Mood::Garbage => {
                let len = 1 + random.below(200);
                pipe.try_give(&random.bytes(len));
            }
            Mood::GarbageLater => {
                pipe.try_give(NOISE);
                *mood = Mood::Garbage;
            }
        }
    }
}

impl Drop for Rogues {
    fn drop(&mut self) {
        self.network.set(|knobs| knobs.unlisten_raw((self.host, 1)));
        while SimPipe::accept(&self.network).is_some() {}
    }
}
