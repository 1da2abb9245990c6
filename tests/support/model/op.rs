//! The calls that are made to the lifecycle and its model, made from any bytes.

use arbitrary::{Arbitrary, Unstructured};
use swarm_notify::lifecycle::{ConnectionEnd, Direction, Failure, Fault, ListenerEnd, RemoteEnd, Side, StreamEnd};

/// One call, or a few calls of `next_event`.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Op {
    BeginListener,
    BeginConnection(Way),
    BeginStream(Pick, Way),
    Opened(Pick),
    Leave(Pick),
    Fail(Pick, Why),
    End(Pick, Why),
    Vacate,
    Drain(u8),
    ConnectionWithoutId,
}

/// A direction.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Way {
    In,
    Out,
}

/// An id that was handed out: mostly one that the call is meant for, often any that can still be looked up, now and
/// then any.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Pick(pub(crate) u8);

/// A reason.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Why(pub(crate) u8);

/// The calls that a fuzzer's bytes stand for: all of them, where the vector's own `Arbitrary` stops at every other
/// random element.
pub(crate) fn ops(bytes: &[u8]) -> Vec<Op> {
    let mut bytes = Unstructured::new(bytes);
    let next = || if bytes.is_empty() { None } else { Op::arbitrary(&mut bytes).ok() };
    core::iter::from_fn(next).collect()
}

impl From<Way> for Direction {
    fn from(way: Way) -> Self {
        match way {
            Way::In => Self::Inbound,
            Way::Out => Self::Outbound,
        }
    }
}

impl Why {
    pub(crate) const CONNECTION_CLOSED: Self = Self(2);

    fn of<T: Copy>(self, reasons: &[T]) -> T {
        reasons[usize::from(self.0) % reasons.len()]
    }

    pub(crate) fn failure(self) -> Failure {
        self.of(&[Failure::Refused, Failure::Timeout, Failure::Reset(Side::Remote), Failure::Limit, Failure::Shutdown])
    }

    pub(crate) fn listener_end(self) -> ListenerEnd {
        self.of(&[ListenerEnd::Requested, ListenerEnd::Failed(Fault::Io), ListenerEnd::Shutdown])
    }

    pub(crate) fn connection_end(self) -> ConnectionEnd {
        let remote = [ConnectionEnd::Remote(RemoteEnd::GoAway(1)), ConnectionEnd::Remote(RemoteEnd::Eof)];
        self.of(&[ConnectionEnd::Idle, remote[0], remote[1], ConnectionEnd::Failed(Fault::Timeout)])
    }

    pub(crate) fn stream_end(self) -> StreamEnd {
        self.of(&[StreamEnd::Finished, StreamEnd::Reset(Side::Local), StreamEnd::ConnectionClosed, StreamEnd::Timeout])
    }
}
