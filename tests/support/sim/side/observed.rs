//! [`Side`] as its notifees see it: an owner's world with a swarm inside.

use super::super::super::audience::{Audience, Observed, Seen, Transcript};
use super::Side;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, Event, EventSource, Failure};
use swarm_notify::notifee::{HasNode, Network, Node};
use swarm_notify::swarm::{PipeTransport, Readiness};

impl<T, const EVENTS: usize> Side<T, EVENTS>
where
    T: PipeTransport + 'static,
{
    /// From now on the owner drives notifees, and is one of them itself. Nothing has been told before.
    pub(crate) fn invite(&mut self, seed: u64) {
        assert_eq!(self.transcript.len(), 0);
        self.audience = Some(Box::new(Audience::new(seed)));
    }

    /// What the audience has seen.
    pub(crate) fn seen(&self) -> Seen {
        self.audience.as_ref().map(|audience| audience.seen()).unwrap_or_default()
    }

    /// The rule of ours by which something has ended or failed, if it was one: its text, or the protocol that was denied.
    pub(super) fn cause(&self, event: Event) -> Option<String> {
        if let Event::Disconnected { connection, reason: ConnectionEnd::Denied | ConnectionEnd::Trimmed }
        | Event::ConnectFailed { connection, reason: Failure::Denied } = event
        {
            let view = self.swarm.connection(connection).expect("it can be looked up");
            return Some(format!("{connection}: {}", view.error.expect("the rule is named")));
        }
        let Event::StreamFailed { stream, reason: Failure::Denied, .. } = event else { return None };
        let view = self.swarm.stream(stream).expect("it can be looked up");
        Some(format!("{stream}: {}", view.protocol.expect("the protocol is named")))
    }

    /// The owner drives its audience. Who drains nothing reads nothing either.
    pub(super) fn drive(&mut self, mut audience: Box<Audience<Self>>, now: Duration) -> bool {
        let before = (self.transcript.len(), self.ready.len());
        // What is told late was not pending any more.
        let is_late = audience.is_interrupted();
        let has_work = self.swarm.has_pending() || audience.poll_at().is_some_and(|at| at <= now);
        if self.drains > 0 && has_work {
            audience.drive(self, now, self.drains);
        }
        self.audience = Some(audience);
        !is_late && before != (self.transcript.len(), self.ready.len())
    }
}

/// Its notifees' network.
impl<T, const EVENTS: usize> Network for Side<T, EVENTS>
where
    T: PipeTransport + 'static,
{
    fn next_event(&mut self) -> Option<Event> {
        self.next_event(self.now)
    }

    fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
        Network::hold(&mut self.swarm, is_held);
    }

    fn event_source(&self) -> &dyn EventSource {
        &self.swarm
    }

    fn event_source_mut(&mut self) -> &mut dyn EventSource {
        &mut self.swarm
    }
}

impl<T, const EVENTS: usize> HasNode for Side<T, EVENTS>
where
    T: PipeTransport + 'static,
{
    fn node(&self) -> &dyn Node {
        &self.swarm
    }

    fn node_mut(&mut self) -> &mut dyn Node {
        &mut self.swarm
    }
}

impl<T, const EVENTS: usize> Observed for Side<T, EVENTS>
where
    T: PipeTransport + 'static,
{
    fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    fn command(&mut self, event: Event) -> bool {
        let before = (self.checker.begun(), self.state(event.id()));
        self.reacts(event);
        before != (self.checker.begun(), self.state(event.id()))
    }

    fn serve(&mut self, ready: Readiness, is_late: bool) {
        self.is_ready(ready, is_late);
    }
}
