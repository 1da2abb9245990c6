//! The execution of a [`HostCommand`].
//!
//! A command is executed at once if the swarm is not borrowed. The swarm is borrowed inside a notification, inside
//! [`Handle::with`], and while the transport is polled, which may wake tasks. In these cases the command is queued, and the
//! driver executes it in its next turn.
//!
//! [`Handle::with`]: super::Handle::with

use super::any_swarm::HostSwarm;
use super::command::{Close, HostCommand};
use super::error::Error;
use super::shared::{HostPhase, HostShared};
use crate::lifecycle::{Id, State};
use crate::notifee::Node;

impl HostShared {
    /// Executes a command, at once or in the driver's next turn, and wakes the driver.
    pub(super) fn act(&self, command: HostCommand) {
        if let Some(command) = self.act_at_once(command) {
            self.commands.borrow_mut().push(command);
        }
        self.wake_driver();
    }

    /// Executes a command if the queue is empty and the swarm is not borrowed. Otherwise returns the command unexecuted.
    fn act_at_once(&self, command: HostCommand) -> Option<HostCommand> {
        // Commands are executed in the order in which they were given: a command must not overtake those in the queue.
        if !self.commands.borrow().queue.is_empty() {
            return Some(command);
        }
        let Ok(mut host_swarm) = self.host_swarm.try_borrow_mut() else { return Some(command) };
        match &mut *host_swarm {
            Some(host_swarm) => command.execute(self, host_swarm),
            None => command.refuse(self),
        }
        None
    }

    /// Executes the commands in the queue, during the driver's turn. Commands that are queued while this method runs wait
    /// for the next turn.
    pub(super) fn work_off(&self, host_swarm: &mut HostSwarm) {
        // A command may give the next one, as a closure of `Handle::with` can. Executing those in this turn, too, might
        // never end.
        let count = self.commands.borrow().queue.len();
        for _ in 0..count {
            let command = self.commands.borrow_mut().queue.pop_front();
            match command {
                Some(command) => command.execute(self, host_swarm),
                None => return,
            }
        }
    }

    /// Begins the shutdown: closes the listeners, gives up the dials, fails the queued openings of streams, and unregisters
    /// the protocols that have a handler. Nothing new begins after this.
    fn begin_shutdown(&self, node: &mut dyn Node) {
        if self.phase.get() != HostPhase::Running {
            return;
        }
        self.phase.set(HostPhase::Draining(self.now().saturating_add(self.config.shutdown_timeout)));
        for id in node.listeners() {
            // The listener may be closing already.
            let _ = node.close_listener(id);
        }
        // `Node::shutdown` is called only once handlers and streams have ended, or have been given up, since it ends their
        // streams. Until then, peers are kept from opening more streams for handlers.
        for protocol in self.waiters(|waiters| waiters.handlers.protocols()) {
            node.unregister_protocol(&protocol);
        }
        let (listening, dialing) =
            self.waiters(|waiters| (core::mem::take(&mut waiters.listening), core::mem::take(&mut waiters.dialing)));
        for (_, slot) in listening.iter() {
            self.fill(slot, Err(Error::Closing));
        }
        for (id, slot) in dialing.iter() {
            // The dial may have ended already.
            let _ = node.close_connection(id);
            self.fill(slot, Err(Error::Closing));
        }
        self.end_lines(&Error::Closing);
    }
}

impl HostCommand {
    /// Ends a command without executing it, since the host is gone. The future that waits for the outcome of the command is
    /// completed.
    pub(super) fn refuse(self, shared: &HostShared) {
        match self {
            Self::Listen(_, slot) => shared.fill(&slot, Err(Error::Gone)),
            Self::Dial(_, slot) => shared.fill(&slot, Err(Error::Gone)),
            Self::OpenStream(_, slot) => shared.fill(&slot, Err(Error::Gone)),
            // Everything has ended with the host, so these commands have succeeded.
            Self::CloseListener(_, slot) | Self::CloseConnection(_, _, slot) | Self::Shutdown(slot) => {
                shared.fill(&slot, Ok(()));
            }
            Self::With(act) => shared.wake_later(act(None)),
            Self::GiveUp(_)
            | Self::LetGo { .. }
            | Self::SetHalfOpenTimeout(..)
            | Self::Speak(_)
            | Self::SpeakNoMore(_) => {}
        }
    }

    /// Executes a command, unless its future was dropped and the command has no effect besides the outcome for that future.
    fn execute(self, shared: &HostShared, host_swarm: &mut HostSwarm) {
        if self.is_pointless() {
            return;
        }
        match self {
            Self::Listen(address, slot) => match shared.begin(|| Ok(host_swarm.node().listen(address)?)) {
                Ok(id) => {
                    slot.begun(id);
                    shared.waiters(|waiters| waiters.listening.insert(id, slot));
                }
                Err(error) => shared.fill(&slot, Err(error)),
            },
            Self::Dial(address, slot) => match shared.begin(|| Ok(host_swarm.node().dial(address)?)) {
                Ok(id) => {
                    slot.begun(id);
                    shared.waiters(|waiters| waiters.dialing.insert(id, slot));
                }
                Err(error) => shared.fill(&slot, Err(error)),
            },
            Self::OpenStream(request, slot) => shared.open_or_wait(request, slot, host_swarm.node()),
            Self::CloseListener(id, slot) => {
                // An error means that the listener has ended, or that its last event is about to be told.
                let _ = host_swarm.node().close_listener(id);
                let is_known = host_swarm.node().listener(id).is_some();
                shared.await_end(id, is_known, slot);
            }
            Self::CloseConnection(id, close, slot) => {
                // An error means that the connection has ended, or that its last event is about to be told.
                let _ = match close {
                    Close::Politely => host_swarm.node().close_connection(id),
                    Close::AtOnce => host_swarm.node().abort_connection(id),
                    Close::ByItself => Ok(()),
                };
                if close != Close::ByItself {
                    // Openings of streams that wait for a place on the connection fail now, before the connection has ended.
                    shared.end_line(id);
                }
                let is_known = host_swarm.node().connection(id).is_some();
                shared.await_end(id, is_known, slot);
            }
            Self::GiveUp(id) => give_up(id, shared, host_swarm.node()),
            // A stream that was closed stays in the table until it has ended, and a shutdown waits for it. A stream that was
            // opened lazily and is not open yet is closed later, when it opens: closing it now would give it up.
            Self::LetGo { stream, is_finished: true } => {
                if host_swarm.node().stream(stream).is_some_and(|view| view.state != State::Opening) {
                    // The stream may have ended already.
                    let _ = host_swarm.node().close_stream(stream);
                }
            }
            Self::LetGo { stream, is_finished: false } => {
                // The stream may have ended already.
                let _ = host_swarm.node().reset(stream);
                // The stream leaves the table now, not with its last event: nobody is left to be woken or to read its bytes,
                // so these must not be counted as unread bytes.
                drop(shared.waiters(|waiters| waiters.streams.remove(stream)));
            }
            Self::SetHalfOpenTimeout(stream, time) => {
                // An error means that the stream has ended already.
                let _ = host_swarm.node().set_half_open_timeout(stream, time);
            }
            Self::Speak(protocol) => host_swarm.node().register_protocol(protocol),
            Self::SpeakNoMore(protocol) => {
                // A new handler for the protocol may have been set since the command was given.
                if shared.waiters(|waiters| waiters.handlers.falls_silent(&protocol)) {
                    host_swarm.node().unregister_protocol(&protocol);
                }
            }
            Self::Shutdown(slot) => {
                shared.await_shutdown(slot);
                shared.begin_shutdown(host_swarm.node());
            }
            Self::With(act) => {
                // The closure may give commands to services, whose timeouts begin at this time. The time of the last turn
                // may be long ago on an idle host, so that a timeout would already be over.
                host_swarm.notifees.set_now(shared.now());
                shared.wake_later(act(Some(host_swarm)));
            }
        }
    }
}

/// Ends the listener, connection or stream that was begun for a future that was dropped.
fn give_up(id: Id, shared: &HostShared, node: &mut dyn Node) {
    // Errors are ignored: they mean that the listener, connection or stream has ended in the meantime.
    match id {
        Id::Listener(id) => {
            let _ = node.close_listener(id);
            drop(shared.waiters(|waiters| waiters.listening.remove(id)));
        }
        Id::Connection(id) => {
            let _ = node.close_connection(id);
            drop(shared.waiters(|waiters| waiters.dialing.remove(id)));
        }
        Id::Stream(id) => {
            let _ = node.reset(id);
            // A stream that was opened lazily is in `streams` at once, while any other stream is in `opening` until the peer
            // has accepted the protocol.
            drop(shared.waiters(|waiters| (waiters.opening.remove(id), waiters.streams.remove(id))));
        }
    }
}
