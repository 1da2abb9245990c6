//! A notifee that writes down what it is told, and acts by a script.

use super::each_event::each_event;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use swarm_notify::lifecycle::Event;
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};

/// What several notifees have written down: who, and what.
#[derive(Clone, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub(crate) fn write(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    /// What was written since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }

    #[track_caller]
    pub(crate) fn expect<S: AsRef<str>>(&self, lines: &[S]) {
        let lines: Vec<_> = lines.iter().map(|line| line.as_ref().to_owned()).collect();
        assert_eq!(self.take(), lines);
    }
}

/// What a notifee does when it is told of an event.
pub(crate) type Script<N> = Box<dyn FnMut(&mut NotifeeContext<'_, N>, Event)>;

pub(crate) struct Scripted<N> {
    name: String,
    interest: Interest,
    log: Log,
    script: Script<N>,
    pub(crate) at: Option<Duration>,
}

impl<N> Scripted<N> {
    /// One that cares for events, and does nothing.
    pub(crate) fn new(name: impl Into<String>, log: &Log) -> Self {
        Self::with(name, log, |_, _| {})
    }

    pub(crate) fn with(
        name: impl Into<String>,
        log: &Log,
        script: impl FnMut(&mut NotifeeContext<'_, N>, Event) + 'static,
    ) -> Self {
        let (interest, log) = (Interest::EVENTS, log.clone());
        Self { name: name.into(), interest, log, script: Box::new(script), at: None }
    }

    pub(crate) fn only(self, interest: Interest) -> Self {
        Self { interest, ..self }
    }

    fn told(&mut self, cx: &mut NotifeeContext<'_, N>, event: Event) {
        self.log.write(format!("{} {} {}", self.name, event.name(), event.id()));
        (self.script)(cx, event);
    }
}

impl<N> Notifee<N> for Scripted<N> {
    fn interest(&self) -> Interest {
        self.interest
    }

    each_event!(N);

    fn poll_at(&self) -> Option<Duration> {
        self.at
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, N>) {
        self.log.write(format!("{} tick {}", self.name, cx.now().as_secs()));
        self.at = None;
    }
}
