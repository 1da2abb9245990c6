//! [`HostCommand`]: a command to the host, which a handle, a stream or a drop of one gives. [`Commands`]: the queue of
//! commands that could not be executed at once.

use super::any_swarm::HostSwarm;
use super::opened_stream::{Dialed, Listening, StreamParts};
use super::outcome::PendingOutcome;
use crate::connection::Protocol;
use crate::lifecycle::{ConnectionId, Id, ListenerId, StreamId};
use crate::protocols::Target;
use crate::swarm::Multiaddr;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::slice;
use core::task::Waker;
use core::time::Duration;

/// The length of the queue up to which it is never swept.
const SPARE: usize = 64;

/// A command to the host. Those that wait for an outcome are bounded by the number of futures that live.
pub(super) enum HostCommand {
    Listen(Multiaddr, Rc<PendingOutcome<Listening>>),
    Dial(Multiaddr, Rc<PendingOutcome<Dialed>>),
    OpenStream(StreamRequest, Rc<PendingOutcome<StreamParts>>),
    CloseListener(ListenerId, Rc<PendingOutcome<()>>),
    CloseConnection(ConnectionId, Close, Rc<PendingOutcome<()>>),
    /// Ends what was begun for a future that was dropped.
    GiveUp(Id),
    /// Resets a stream that was dropped, or, if its owner had closed it before, lets it end by itself.
    LetGo {
        stream: StreamId,
        /// `true` if the owner had closed the stream.
        is_finished: bool,
    },
    /// Gives a stream a half-open timeout of its own; `None` is no limit.
    SetHalfOpenTimeout(StreamId, Option<Duration>),
    Speak(Protocol),
    SpeakNoMore(Protocol),
    Shutdown(Rc<PendingOutcome<()>>),
    /// Calls a closure with the swarm.
    With(Act),
}

/// A stream that a task asks for.
pub(super) struct StreamRequest {
    pub(super) target: Target,
    pub(super) proposal: Proposal,
    /// `true` if the request waits in line at a limit, where it would fail otherwise.
    pub(super) waits_at_limit: bool,
}

/// The protocols that a stream proposes, and the moment from which the stream can be used.
pub(super) enum Proposal {
    /// Protocols of which the peer has to agree to one before the stream can be used.
    Agreed(Vec<Protocol>),
    /// A protocol with which the stream can be used before the peer has agreed.
    Lazy(Protocol),
}

impl Proposal {
    pub(super) fn protocols(&self) -> &[Protocol] {
        match self {
            Self::Agreed(protocols) => protocols,
            Self::Lazy(protocol) => slice::from_ref(protocol),
        }
    }
}

/// An opening of a stream that waits in line.
pub(super) struct QueuedOpening {
    pub(super) proposal: Proposal,
    pub(super) slot: Rc<PendingOutcome<StreamParts>>,
}

/// A closure that is called with the swarm, or with `None` once the host is gone. It returns the waker of the task that
/// waits for its outcome.
pub(super) type Act = Box<dyn FnOnce(Option<&mut HostSwarm>) -> Option<Waker>>;

/// The way in which a connection is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Close {
    Politely,
    AtOnce,
    /// Not closed by us: a task waits until it has ended.
    ByItself,
}

impl HostCommand {
    /// Returns whether the command need not be executed, since its future was dropped and it has no other effect.
    pub(super) fn is_pointless(&self) -> bool {
        match self {
            Self::Listen(_, slot) => slot.is_abandoned(),
            Self::Dial(_, slot) => slot.is_abandoned(),
            Self::OpenStream(_, slot) => slot.is_abandoned(),
            Self::CloseConnection(_, Close::ByItself, slot) => slot.is_abandoned(),
            Self::CloseListener(..)
            | Self::CloseConnection(_, Close::Politely | Close::AtOnce, _)
            | Self::GiveUp(_)
            | Self::LetGo { .. }
            | Self::SetHalfOpenTimeout(..)
            | Self::Speak(_)
            | Self::SpeakNoMore(_)
            | Self::Shutdown(_)
            | Self::With(_) => false,
        }
    }
}

/// The commands that could not be executed at once.
#[derive(Default)]
pub(super) struct Commands {
    pub(super) queue: VecDeque<HostCommand>,
    /// The length beyond which the queue is swept next.
    sweep_at: usize,
}

impl Commands {
    /// Drops pointless commands once the queue has grown to more than twice its length after the last sweep. So the work per
    /// command is constant.
    pub(super) fn sweep(&mut self) {
        if self.queue.len() > self.sweep_at.max(SPARE) {
            self.queue.retain(|command| !command.is_pointless());
            self.sweep_at = 2 * self.queue.len();
        }
    }
}
