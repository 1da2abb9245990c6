//! [`Raw`]: a peer of `a` that shakes hands as it should, and then says frames made by hand.

use super::super::raw_frames::{Frame, Frames, Greeting};
use super::pair::{A, Pair};
use super::transport::{RawDial, SimPipe};
use futures::io::{AsyncRead as _, AsyncWrite as _};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use swarm_notify::lifecycle::ConnectionId;

/// The host that it dials from.
const HOST: u8 = 3;

/// The dialer's end of a connection to `a`.
pub(crate) struct Raw {
    pipe: SimPipe,
    pub(crate) frames: Frames,
    /// The other side has ended its direction.
    pub(crate) has_ended: bool,
}

impl Raw {
    /// Connects to `a`, which listens for it, and gives a's id of the connection.
    pub(crate) fn connect<const EVENTS: usize>(pair: &mut Pair<EVENTS>) -> (Self, ConnectionId) {
        let listener = pair.a.listen(&A.at(4001));
        pair.settle();
        pair.a.expect(&[format!("listen {listener}")]);
        let raw = Self::connect_again(pair);
        (raw, pair.a.swarm.connections().last().expect("it is there"))
    }

    /// Connects to `a` where it listens already.
    pub(crate) fn connect_again<const EVENTS: usize>(pair: &mut Pair<EVENTS>) -> Self {
        let before: Vec<_> = pair.a.swarm.connections().collect();
        let raw = Self::shake_hands(pair, HOST, HOST).expect("it has answered");
        let connection = pair.a.swarm.connections().find(|id| !before.contains(id)).expect("it is there");
        pair.a.expect(&[format!("connected {connection} inbound")]);
        raw
    }

    /// Dials `a`'s port 4001 from a host, with the identity of a key, and shakes hands; `None` if `a` does not. `a` may
    /// refuse the connection when it knows its peer.
    pub(crate) fn shake_hands<const EVENTS: usize>(pair: &mut Pair<EVENTS>, host: u8, key: u8) -> Option<Self> {
        let mut dial = RawDial::new(&pair.network, host, &A.at(4001));
        pair.settle();
        let mut pipe = dial.pipe().expect("it was accepted");
        let (mut greeting, said) = Greeting::begin(key);
        pipe.try_give(&said);
        pair.settle();
        let (said, frames) = greeting.hear(&pipe.take())?;
        pipe.give(&said);
        pair.settle();
        Some(Self { pipe, frames, has_ended: false })
    }

    /// Says frames in one write.
    pub(crate) fn say(&mut self, frames: &[Vec<u8>]) {
        self.pipe.give(&self.frames.seal(frames));
    }

    /// The same, if the pipe is whole.
    pub(crate) fn try_say(&mut self, frames: &[Vec<u8>]) {
        self.pipe.try_give(&self.frames.seal(frames));
    }

    /// Ends its direction of the pipe.
    pub(crate) fn end(&mut self) {
        let closed = Pin::new(&mut self.pipe).poll_close(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(closed, Poll::Ready(Ok(()))));
    }

    /// Reads all that has come, and gives the frames.
    pub(crate) fn hear(&mut self) -> Vec<Frame> {
        let (mut buffer, mut frames) = ([0; 1024], Vec::new());
        while let Poll::Ready(Ok(n)) =
            Pin::new(&mut self.pipe).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer)
        {
            frames.extend(self.frames.open(&buffer[..n]));
            if n == 0 {
                self.has_ended = true;
                break;
            }
        }
        frames
    }

    /// Returns all data that has come on a stream, and whether its FIN has come.
    pub(crate) fn stream(&mut self, id: u32) -> (Vec<u8>, bool) {
        self.hear();
        self.frames.stream(id)
    }

    /// Returns whether a stream was reset.
    pub(crate) fn was_reset(&mut self, id: u32) -> bool {
        self.hear();
        self.frames.was_reset(id)
    }
}
