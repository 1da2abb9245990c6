//! [`Seen`]: what the owner of one end has seen of a stream.

use std::time::Duration;
use swarm_notify::lifecycle::{Failure, StreamEnd};

/// How far a stream has come, as its owner sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Opening,
    ReadyToOpen,
    Open,
    Over,
}

/// What one end has done with a stream and seen of it.
#[derive(Debug)]
pub(super) struct Seen {
    /// Which one it is; the taker knows when the protocol is agreed.
    pub(super) number: Option<u8>,
    pub(super) is_outbound: bool,
    /// The taker speaks what the opener proposes.
    pub(super) is_spoken: bool,
    /// It proposes its own protocol first.
    pub(super) is_direct: bool,
    /// The number of streams that the peer had offered before it.
    pub(super) order: usize,
    pub(super) state: State,
    pub(super) began: Duration,
    pub(super) confirmed: bool,
    pub(super) written: u64,
    pub(super) read: u64,
    /// A write was short and it has not been told to go on.
    pub(super) short: bool,
    pub(super) finished: bool,
    pub(super) closed: bool,
    pub(super) end_read: bool,
    pub(super) reset: bool,
    pub(super) ended: Option<StreamEnd>,
    pub(super) failed: Option<Failure>,
}

impl Seen {
    pub(super) fn new(number: Option<u8>, is_outbound: bool, is_spoken: bool, began: Duration) -> Self {
        Self {
            number,
            is_outbound,
            is_spoken,
            is_direct: false,
            order: 0,
            state: State::Opening,
            began,
            confirmed: false,
            written: 0,
            read: 0,
            short: false,
            finished: false,
            closed: false,
            end_read: false,
            reset: false,
            ended: None,
            failed: None,
        }
    }

    /// This end gave it up before it knew what it is.
    pub(super) fn is_unnamed_and_given_up(&self) -> bool {
        self.number.is_none() && self.gave_up()
    }

    /// This end gave it up: its peer is to hear of a reset.
    pub(super) fn gave_up(&self) -> bool {
        self.reset || self.ended == Some(StreamEnd::Timeout) || self.failed == Some(Failure::Timeout)
    }

    /// The owner reads these bytes.
    pub(super) fn expect(&mut self, bytes: &[u8], theirs: Option<&Seen>) {
        for (at, byte) in (self.read..).zip(bytes) {
            assert_eq!(*byte, content(self.number, !self.is_outbound, at), "the bytes are right: {self:?}");
        }
        self.read += bytes.len() as u64;
        assert!(bytes.is_empty() || self.read <= theirs.expect("it comes from somewhere").written);
    }
}

/// The byte at a place of one direction of a stream: different for each.
pub(super) fn content(number: Option<u8>, from_opener: bool, at: u64) -> u8 {
    let seed = u64::from(number.unwrap_or(0xff)) * 2 + u64::from(from_opener);
    (at.wrapping_add(seed.wrapping_mul(0x9E37_79B9)).wrapping_mul(31) >> 3) as u8
}
