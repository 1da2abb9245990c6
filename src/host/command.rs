//! [`HostCommand`]: a command to the host, from a handle, a stream, or the drop of a stream or future. [`Commands`]: the
//! queue of commands that could not be executed at once.

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

/// The length of the queue, in commands, at or below which the queue is never searched for commands whose futures were
/// dropped.
const SPARE: usize = 64;

/// A command to the host. A command that contains a [`PendingOutcome`] has an outcome, for which a future waits.
pub(super) enum HostCommand {
    Listen(Multiaddr, Rc<PendingOutcome<Listening>>),
    Dial(Multiaddr, Rc<PendingOutcome<Dialed>>),
    OpenStream(StreamRequest, Rc<PendingOutcome<StreamParts>>),
    CloseListener(ListenerId, Rc<PendingOutcome<()>>),
    CloseConnection(ConnectionId, Close, Rc<PendingOutcome<()>>),
    /// Ends a listener, connection or stream. It was begun for a future, and the future was dropped.
    GiveUp(Id),
    /// Resets a stream that its holder has dropped. If the holder had closed the stream before, the stream is closed
    /// instead.
    LetGo {
        stream: StreamId,
        /// `true` if the holder had closed the stream before dropping it.
        is_finished: bool,
    },
    /// Sets the half-open timeout of a stream; `None` means no limit.
    SetHalfOpenTimeout(StreamId, Option<Duration>),
    Speak(Protocol),
    SpeakNoMore(Protocol),
    Shutdown(Rc<PendingOutcome<()>>),
    /// Calls the closure with the swarm and its notifees.
    With(Act),
}

/// A task's request to open a stream.
pub(super) struct StreamRequest {
    pub(super) target: Target,
    pub(super) proposal: Proposal,
    /// `true` if the request is queued when a limit is reached; `false` if it fails at once.
    pub(super) waits_at_limit: bool,
}

/// The protocols that a stream proposes, and the time from which the stream can be used.
pub(super) enum Proposal {
    /// The proposed protocols. The stream can be used once the peer has accepted one of them.
    Agreed(Vec<Protocol>),
    /// The only proposed protocol. The stream can be used before the peer has accepted the protocol.
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

/// A request to open a stream that waits in the queue of its connection.
pub(super) struct QueuedOpening {
    pub(super) proposal: Proposal,
    pub(super) slot: Rc<PendingOutcome<StreamParts>>,
}

/// A closure that is called with the swarm and its notifees, or with `None` once the host is gone. The closure returns the
/// waker of the task that waits for the outcome of the call.
pub(super) type Act = Box<dyn FnOnce(Option<&mut HostSwarm>) -> Option<Waker>>;

/// The way in which a command ends a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Close {
    Politely,
    AtOnce,
    /// The command does not close the connection. The task only waits until the connection has ended for another reason.
    ByItself,
}

impl HostCommand {
    /// Returns whether the command need not be executed, since its future was dropped and the command has no other effect.
    pub(super) fn is_pointless(&self) -> bool {
        match self {
            Self::Listen(_, slot) => slot.is_abandoned(),
            Self::Dial(_, slot) => slot.is_abandoned(),
            Self::OpenStream(_, slot) => slot.is_abandoned(),
            Self::CloseConnection(_, Close::ByItself, slot) => slot.is_abandoned(),
            // Dropping a future that waits for an end changes nothing: the close that it has begun goes on.
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

/// The commands to the host that could not be executed at once, oldest first.
#[derive(Default)]
pub(super) struct Commands {
    pub(super) queue: PrunedQueue<VecDeque<HostCommand>, SPARE>,
    /// The length of the queue, in commands, when the commands of dropped futures were last removed from it.
    kept: usize,
}

impl Commands {
    /// Appends a command. If the queue has grown so much that most of its commands may be commands whose futures were
    /// dropped, removes those commands.
    pub(super) fn push(&mut self, command: HostCommand) {
        // The number of commands whose futures still wait is not counted. The length after the last pruning takes its place:
        // the queue is checked again when it is more than twice as long, so that the memory stays bounded even if a task
        // begins and drops dials by the thousand while the swarm is borrowed.
        self.queue.push_unpruned(command);
        if self.queue.prune(self.kept, |command| !command.is_pointless()) {
            self.kept = self.queue.len();
        }
    }
}
