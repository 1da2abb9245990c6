//! [`Command`]: what handles, streams and their drops ask of the host, and how it is done.
//!
//! A command is done at once where nobody holds the world. Inside a notification, inside [`Handle::with`], or where the
//! transport wakes somebody while it is polled, it is put in a queue, which the driver works off in its next turn.
//!
//! [`Handle::with`]: super::Handle::with

use super::handle::{Connection, Listener};
use super::shared::{Phase, Shared, World};
use super::slot::Slot;
use super::{Error, Stream};
use crate::connection::Protocol;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Id, ListenerId, StreamId};
use crate::notifee::Node;
use crate::swarm::Multiaddr;
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::task::Waker;

/// Where a stream is to go.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// Over this connection.
    Connection(ConnectionId),
    /// To this peer, over the oldest of the connections to it that is not being closed.
    Peer(PeerId),
}

impl From<ConnectionId> for Target {
    fn from(id: ConnectionId) -> Self {
        Self::Connection(id)
    }
}

impl From<&Connection> for Target {
    fn from(connection: &Connection) -> Self {
        Self::Connection(connection.id())
    }
}

impl From<PeerId> for Target {
    fn from(peer: PeerId) -> Self {
        Self::Peer(peer)
    }
}

/// What is asked of the host. Those that wait for an outcome are as many as there are futures that live.
pub(super) enum Command {
    Listen(Multiaddr, Rc<Slot<Listener>>),
    Dial(Multiaddr, Rc<Slot<Connection>>),
    OpenStream(Target, Vec<Protocol>, Rc<Slot<Stream>>),
    CloseListener(ListenerId, Rc<Slot<()>>),
    CloseConnection(ConnectionId, Close, Rc<Slot<()>>),
    /// Nobody waits for it any more.
    GiveUp(Id),
    /// A stream was dropped. `is_finished`: its owner had closed it.
    LetGo {
        stream: StreamId,
        is_finished: bool,
    },
    Speak(Protocol),
    SpeakNoMore(Protocol),
    Shutdown(Rc<Slot<()>>),
    /// Given no world, it tells that the host is gone. It gives back who is to be woken.
    With(Act),
}

/// What is done with the world.
type Act = Box<dyn FnOnce(Option<&mut World>) -> Option<Waker>>;

/// How a connection is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Close {
    Politely,
    AtOnce,
    /// By itself: somebody waits for that.
    ByItself,
}

impl Command {
    /// Whether it may as well be forgotten, since it was for somebody who waits no more.
    pub(super) fn is_pointless(&self) -> bool {
        match self {
            Self::Listen(_, slot) => slot.is_abandoned(),
            Self::Dial(_, slot) => slot.is_abandoned(),
            Self::OpenStream(_, _, slot) => slot.is_abandoned(),
            Self::CloseConnection(_, Close::ByItself, slot) => slot.is_abandoned(),
            Self::CloseListener(..)
            | Self::CloseConnection(_, Close::Politely | Close::AtOnce, _)
            | Self::GiveUp(_)
            | Self::LetGo { .. }
            | Self::Speak(_)
            | Self::SpeakNoMore(_)
            | Self::Shutdown(_)
            | Self::With(_) => false,
        }
    }

    /// The host is gone: whoever waits is told so.
    pub(super) fn refuse(self, shared: &Shared) {
        match self {
            Self::Listen(_, slot) => shared.fill(&slot, Err(Error::Gone)),
            Self::Dial(_, slot) => shared.fill(&slot, Err(Error::Gone)),
            Self::OpenStream(_, _, slot) => shared.fill(&slot, Err(Error::Gone)),
            // What lived has ended with the host.
            Self::CloseListener(_, slot) | Self::CloseConnection(_, _, slot) | Self::Shutdown(slot) => {
                shared.fill(&slot, Ok(()));
            }
            Self::With(act) => shared.wake_later(act(None)),
            Self::GiveUp(_) | Self::LetGo { .. } | Self::Speak(_) | Self::SpeakNoMore(_) => {}
        }
    }

    /// Does it.
    pub(super) fn execute(self, shared: &Shared, world: &mut World) {
        if self.is_pointless() {
            return;
        }
        match self {
            Self::Listen(address, slot) => match shared.begin(|| Ok(world.node().listen(address)?)) {
                Ok(id) => {
                    slot.begun(id);
                    shared.book(|book| book.listening.insert(id, slot));
                }
                Err(error) => shared.fill(&slot, Err(error)),
            },
            Self::Dial(address, slot) => match shared.begin(|| Ok(world.node().dial(address)?)) {
                Ok(id) => {
                    slot.begun(id);
                    shared.book(|book| book.dialing.insert(id, slot));
                }
                Err(error) => shared.fill(&slot, Err(error)),
            },
            Self::OpenStream(target, protocols, slot) => {
                let begun = shared.begin(|| {
                    let connection = connection_to(target, world.node())?;
                    Ok(world.node().open_stream(connection, &protocols)?)
                });
                match begun {
                    Ok(id) => {
                        slot.begun(id);
                        shared.book(|book| book.opening.insert(id, slot));
                    }
                    Err(error) => shared.fill(&slot, Err(error)),
                }
            }
            Self::CloseListener(id, slot) => {
                let _ = world.node().close_listener(id);
                let is_known = world.node().listener(id).is_some();
                shared.await_end(id, is_known, slot);
            }
            Self::CloseConnection(id, close, slot) => {
                let _ = match close {
                    Close::Politely => world.node().close_connection(id),
                    Close::AtOnce => world.node().abort_connection(id),
                    Close::ByItself => Ok(()),
                };
                let is_known = world.node().connection(id).is_some();
                shared.await_end(id, is_known, slot);
            }
            Self::GiveUp(id) => give_up(id, shared, world.node()),
            // What was closed is known until it has ended: a shutdown waits for it.
            Self::LetGo { stream, is_finished: true } => {
                let _ = world.node().close_stream(stream);
            }
            Self::LetGo { stream, is_finished: false } => {
                let _ = world.node().reset(stream);
                drop(shared.book(|book| book.streams.remove(stream)));
            }
            Self::Speak(protocol) => world.node().register_protocol(protocol),
            Self::SpeakNoMore(protocol) => {
                // Unless it has been taken up again since.
                if shared.book(|book| book.handlers.falls_silent(&protocol)) {
                    world.node().unregister_protocol(&protocol);
                }
            }
            Self::Shutdown(slot) => {
                shared.await_shutdown(slot);
                begin_shutdown(shared, world.node());
            }
            Self::With(act) => shared.wake_later(act(Some(world))),
        }
    }
}

fn connection_to(target: Target, node: &dyn Node) -> Result<ConnectionId, Error> {
    use crate::lifecycle::State;
    match target {
        Target::Connection(id) => Ok(id),
        Target::Peer(peer) => {
            let is_open = |id: &ConnectionId| node.connection(*id).is_some_and(|view| view.state == State::Open);
            node.connections_of(peer).into_iter().find(is_open).ok_or(Error::NotConnected)
        }
    }
}

/// Somebody has stopped waiting: what was begun for them alone ends.
fn give_up(id: Id, shared: &Shared, node: &mut dyn Node) {
    // One that has ended meanwhile has no need to.
    match id {
        Id::Listener(id) => {
            let _ = node.close_listener(id);
            drop(shared.book(|book| book.listening.remove(id)));
        }
        Id::Connection(id) => {
            let _ = node.close_connection(id);
            drop(shared.book(|book| book.dialing.remove(id)));
        }
        Id::Stream(id) => {
            let _ = node.reset(id);
            drop(shared.book(|book| book.opening.remove(id)));
        }
    }
}

/// Nothing new begins from here on: listeners are closed, dials are given up, no protocol with a handler is spoken.
fn begin_shutdown(shared: &Shared, node: &mut dyn Node) {
    if shared.phase.get() != Phase::Running {
        return;
    }
    shared.phase.set(Phase::Draining(shared.now().saturating_add(shared.config.shutdown_timeout)));
    for id in node.listeners() {
        let _ = node.close_listener(id);
    }
    for protocol in shared.book(|book| book.handlers.protocols()) {
        node.unregister_protocol(&protocol);
    }
    let (listening, dialing) =
        shared.book(|book| (core::mem::take(&mut book.listening), core::mem::take(&mut book.dialing)));
    for (_, slot) in listening.iter() {
        shared.fill(slot, Err(Error::Closing));
    }
    for (id, slot) in dialing.iter() {
        let _ = node.close_connection(id);
        shared.fill(slot, Err(Error::Closing));
    }
}
