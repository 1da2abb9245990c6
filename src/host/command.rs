//! [`HostCommand`]: what handles, streams and their drops ask of the host; [`Commands`]: what could not be done at once.

use super::any_swarm::HostSwarm;
use super::opened_stream::{Dialed, Listening, StreamParts};
use super::outcome::PendingOutcome;
use crate::connection::Protocol;
use crate::lifecycle::{ConnectionId, Id, ListenerId, StreamId};
use crate::protocols::Target;
use crate::pruned_queue::PrunedQueue;
use crate::swarm::Multiaddr;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::slice;
use core::task::Waker;
use core::time::Duration;

/// From how many commands on those that nobody waits for are looked for.
const SPARE: usize = 64;

/// What is asked of the host. Those that wait for an outcome are as many as there are futures that live.
pub(super) enum HostCommand {
    Listen(Multiaddr, Rc<PendingOutcome<Listening>>),
    Dial(Multiaddr, Rc<PendingOutcome<Dialed>>),
    OpenStream(StreamRequest, Rc<PendingOutcome<StreamParts>>),
    CloseListener(ListenerId, Rc<PendingOutcome<()>>),
    CloseConnection(ConnectionId, Close, Rc<PendingOutcome<()>>),
    /// Nobody waits for it any more.
    GiveUp(Id),
    /// A stream was dropped. `is_finished`: its owner had closed it.
    LetGo {
        stream: StreamId,
        is_finished: bool,
    },
    /// A stream gets a half-open time of its own.
    SetHalfOpenTimeout(StreamId, Option<Duration>),
    Speak(Protocol),
    SpeakNoMore(Protocol),
    Shutdown(Rc<PendingOutcome<()>>),
    /// Given no world, it tells that the host is gone. It gives back who is to be woken.
    With(Act),
}

/// A stream that somebody asks for.
pub(super) struct StreamRequest {
    pub(super) target: Target,
    pub(super) proposal: Proposal,
    /// At a limit it waits in line, and does not fail.
    pub(super) waits_at_limit: bool,
}

/// The protocols that a stream proposes, and the moment at which it is there.
pub(super) enum Proposal {
    /// It is there once the peer has agreed to one of these.
    Agreed(Vec<Protocol>),
    /// It is there without the peer's word.
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

/// What is done with the swarm.
pub(super) type Act = Box<dyn FnOnce(Option<&mut HostSwarm>) -> Option<Waker>>;

/// How a connection is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Close {
    Politely,
    AtOnce,
    /// By itself: somebody waits for that.
    ByItself,
}

impl HostCommand {
    /// Whether it may as well be forgotten, since it was for somebody who waits no more.
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

/// What could not be done at once.
#[derive(Default)]
pub(super) struct Commands {
    pub(super) queue: PrunedQueue<VecDeque<HostCommand>, SPARE>,
    /// The number of commands that somebody waited for, or that must be done, when all were looked at last.
    kept: usize,
}

impl Commands {
    /// Appends a command, and forgets those that nobody waits for if they may be most of the queue.
    pub(super) fn push(&mut self, command: HostCommand) {
        self.queue.push_unpruned(command);
        if self.queue.prune(self.kept, |command| !command.is_pointless()) {
            self.kept = self.queue.len();
        }
    }
}
