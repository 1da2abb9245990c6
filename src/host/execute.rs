//! How a [`HostCommand`] is done.
//!
//! It is done at once where nobody holds the swarm. Inside a notification, inside [`Handle::with`], or where the
//! transport wakes somebody while it is polled, it is put in a queue, which the driver works off in its next turn.
//!
//! [`Handle::with`]: super::Handle::with

use super::any_swarm::HostSwarm;
use super::command::{Close, HostCommand};
use super::error::Error;
use super::shared::{HostPhase, Shared};
use crate::lifecycle::{Id, State};
use crate::notifee::Node;

impl Shared {
    /// Does what is asked, at once or in the driver's next turn, and has the driver do what follows from it.
    pub(super) fn act(&self, command: HostCommand) {
        if let Some(command) = self.act_at_once(command) {
            self.commands.borrow_mut().push(command);
        }
        self.wake_driver();
    }

    /// Gives the command back if its turn is not now.
    fn act_at_once(&self, command: HostCommand) -> Option<HostCommand> {
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

    /// Does what waits in the queue, in the driver's turn. What that queues waits for the next.
    pub(super) fn work_off(&self, host_swarm: &mut HostSwarm) {
        let count = self.commands.borrow().queue.len();
        for _ in 0..count {
            let command = self.commands.borrow_mut().queue.pop_front();
            match command {
                Some(command) => command.execute(self, host_swarm),
                None => return,
            }
        }
    }

    /// Nothing new begins from here on: listeners are closed, dials are given up, no protocol with a handler is spoken.
    fn begin_shutdown(&self, node: &mut dyn Node) {
        if self.phase.get() != HostPhase::Running {
            return;
        }
        self.phase.set(HostPhase::Draining(self.now().saturating_add(self.config.shutdown_timeout)));
        for id in node.listeners() {
            let _ = node.close_listener(id);
        }
        for protocol in self.waiters(|waiters| waiters.handlers.protocols()) {
            node.unregister_protocol(&protocol);
        }
        let (listening, dialing) =
            self.waiters(|waiters| (core::mem::take(&mut waiters.listening), core::mem::take(&mut waiters.dialing)));
        for (_, slot) in listening.iter() {
            self.fill(slot, Err(Error::Closing));
        }
        for (id, slot) in dialing.iter() {
            let _ = node.close_connection(id);
            self.fill(slot, Err(Error::Closing));
        }
        self.end_lines(&Error::Closing);
    }
}

impl HostCommand {
    /// The host is gone: whoever waits is told so.
    pub(super) fn refuse(self, shared: &Shared) {
        match self {
            Self::Listen(_, slot) => shared.fill(&slot, Err(Error::Gone)),
            Self::Dial(_, slot) => shared.fill(&slot, Err(Error::Gone)),
            Self::OpenStream(_, slot) => shared.fill(&slot, Err(Error::Gone)),
            // What lived has ended with the host.
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

    /// Does it.
    fn execute(self, shared: &Shared, host_swarm: &mut HostSwarm) {
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
                let _ = host_swarm.node().close_listener(id);
                let is_known = host_swarm.node().listener(id).is_some();
                shared.await_end(id, is_known, slot);
            }
            Self::CloseConnection(id, close, slot) => {
                let _ = match close {
                    Close::Politely => host_swarm.node().close_connection(id),
                    Close::AtOnce => host_swarm.node().abort_connection(id),
                    Close::ByItself => Ok(()),
                };
                if close != Close::ByItself {
                    // Who waits for a place there hears of it now.
                    shared.end_line(id);
                }
                let is_known = host_swarm.node().connection(id).is_some();
                shared.await_end(id, is_known, slot);
            }
            Self::GiveUp(id) => give_up(id, shared, host_swarm.node()),
            // What was closed is known until it has ended: a shutdown waits for it. One that was opened lazily and is
            // not open yet would be given up; it is closed when it opens.
            Self::LetGo { stream, is_finished: true } => {
                if host_swarm.node().stream(stream).is_some_and(|view| view.state != State::Opening) {
                    let _ = host_swarm.node().close_stream(stream);
                }
            }
            Self::LetGo { stream, is_finished: false } => {
                let _ = host_swarm.node().reset(stream);
                drop(shared.waiters(|waiters| waiters.streams.remove(stream)));
            }
            Self::SetHalfOpenTimeout(stream, time) => {
                // It may have ended already.
                let _ = host_swarm.node().set_half_open_timeout(stream, time);
            }
            Self::Speak(protocol) => host_swarm.node().register_protocol(protocol),
            Self::SpeakNoMore(protocol) => {
                // Unless it has been taken up again since.
                if shared.waiters(|waiters| waiters.handlers.falls_silent(&protocol)) {
                    host_swarm.node().unregister_protocol(&protocol);
                }
            }
            Self::Shutdown(slot) => {
                shared.await_shutdown(slot);
                shared.begin_shutdown(host_swarm.node());
            }
            Self::With(act) => {
                host_swarm.notifees.set_now(shared.now());
                shared.wake_later(act(Some(host_swarm)));
            }
        }
    }
}

/// Somebody has stopped waiting: what was begun for them alone ends.
fn give_up(id: Id, shared: &Shared, node: &mut dyn Node) {
    // One that has ended meanwhile has no need to.
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
            drop(shared.waiters(|waiters| (waiters.opening.remove(id), waiters.streams.remove(id))));
        }
    }
}
