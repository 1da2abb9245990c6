//! [`Driver`]: the loop. One turn after the other, it does what was asked, polls the swarm, wakes whom that concerns and
//! starts handlers; and how it ends.

use super::any_swarm::HostSwarm;
use super::error::Error;
use super::opened_stream::StreamOutcome;
use super::running_handlers::HandlerTicket;
use super::shared::{HostPhase, Shared, Waiters, caught};
use crate::notifee::Node;
use crate::text::for_log;
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use async_io::Timer;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use smol::LocalExecutor;
use std::panic::resume_unwind;

/// How often one poll of a host goes round before the tasks beside it have their turn.
const ROUNDS: usize = 4;

/// What is polled to make progress.
pub(super) struct Driver {
    pub(super) shared: Rc<Shared>,
    timer: Timer,
    /// What the timer is set to. It may be early, never late.
    armed: Option<Duration>,
    /// Memory that every turn uses again.
    wakers: Vec<Waker>,
}

impl Driver {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        Self { shared, timer: Timer::never(), armed: None, wakers: Vec::new() }
    }

    /// Ready once the host is shut down.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, executor: &LocalExecutor<'static>) -> Poll<()> {
        for _ in 0..ROUNDS {
            let again = self.turn(cx, executor);
            if self.shared.phase.get() == HostPhase::Over {
                self.shared.over.0.close();
                return Poll::Ready(());
            }
            if !again {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Does what was asked, polls the swarm, tells what it has to say, and wakes whom that concerns. `true`: there is
    /// more to do at once.
    fn turn(&mut self, cx: &mut Context<'_>, executor: &LocalExecutor<'static>) -> bool {
        let shared = &self.shared;
        shared.set_driver(cx.waker());
        let turned = shared.try_world(|host_swarm| {
            shared.work_off(host_swarm);
            // Behind the commands, which may have been given a time, too: it never goes back.
            let now = shared.now();
            // Ready or not, the notifees are driven: for their time, too.
            host_swarm.swarm.turn(cx, now);
            host_swarm.notifees.drive(&mut host_swarm.swarm, now);
            // Behind the events, so that what has ended has given its place back.
            shared.serve_lines(host_swarm.node(), now);
            shared.have_streams_give_way(host_swarm.node(), now);
            let drained = shared.drive_shutdown(host_swarm, cx, now);
            let patience = shared.waiters(|waiters| waiters.handlers.gives_way_at(&shared.config, now));
            let (swarm, notifees) = (host_swarm.swarm.poll_at(), host_swarm.notifees.poll_at());
            let deadlines = [swarm, notifees, shared.lines_poll_at(), patience, drained];
            deadlines.into_iter().flatten().min()
        });
        // While it is driven nobody else takes its world for longer than a call.
        let Ok(next) = turned else { return false };
        shared.wake_all(&mut self.wakers);
        start(shared, executor);
        // What was asked meanwhile has woken the driver.
        next.is_some_and(|next| self.has_come(cx, next))
    }

    /// Whether `next` has come; if not, the timer will wake `cx`, at the latest then.
    fn has_come(&mut self, cx: &mut Context<'_>, next: Duration) -> bool {
        let left = next.saturating_sub(self.shared.now());
        if left.is_zero() {
            return true;
        }
        // Deadlines move away all the time: a timer that comes early is cheaper than one that is always set anew.
        if self.armed.is_none_or(|armed| next < armed) {
            self.timer.set_after(left);
            self.armed = Some(next);
        }
        let has_fired = Pin::new(&mut self.timer).poll(cx).is_ready();
        if has_fired {
            self.armed = None;
        }
        has_fired
    }
}

impl Shared {
    /// Resets streams of the peers for which most handlers run, for those that have waited too long for a handler.
    fn have_streams_give_way(&self, node: &mut dyn Node, now: Duration) {
        loop {
            let has_ended = |stream| node.stream(stream).is_none();
            let Some(stream) = self.waiters(|waiters| waiters.handlers.gives_way(&self.config, now, has_ended)) else {
                return;
            };
            log::debug!("{stream}: other peers wait for a handler");
            let _ = node.reset(stream);
        }
    }

    /// How far a shutdown has come; when it is to be looked at if nothing happens.
    fn drive_shutdown(&self, host_swarm: &mut HostSwarm, cx: &mut Context<'_>, now: Duration) -> Option<Duration> {
        if let HostPhase::Draining(until) = self.phase.get() {
            let is_idle = self.waiters(|waiters| {
                waiters.streams.is_empty() && waiters.opening.is_empty() && waiters.handlers.is_idle()
            });
            if !is_idle && now < until {
                return Some(until);
            }
            if !is_idle {
                self.warn_of_the_late(host_swarm.node());
            }
            self.phase.set(HostPhase::Closing);
            host_swarm.node().shutdown();
        }
        if !matches!(self.phase.get(), HostPhase::Joining(_) | HostPhase::Over) && host_swarm.swarm.is_shut_down() {
            self.phase.set(HostPhase::Joining(now.saturating_add(self.config.shutdown_timeout)));
        }
        if let HostPhase::Joining(until) = self.phase.get() {
            if !host_swarm.joins_threads(cx, now >= until) {
                return Some(until);
            }
            self.phase.set(HostPhase::Over);
            for slot in self.waiters(|waiters| core::mem::take(&mut waiters.awaited_shutdown)) {
                self.fill(&slot, Ok(()));
            }
        }
        None
    }

    /// Says in the log what has kept a shutdown waiting for all of its time. Whoever wonders where the time went looks there.
    fn warn_of_the_late(&self, node: &dyn Node) {
        let (streams, first, opening, handlers) = self.waiters(|waiters| {
            let first = waiters.streams.iter().next().map(|(id, _)| id);
            (waiters.streams.len(), first, waiters.opening.len(), waiters.handlers.busy())
        });
        let protocol = first.and_then(|id| node.stream(id)).and_then(|view| view.protocol);
        let example = first.zip(protocol).map(|(id, protocol)| format!(" (such as {id}, {})", for_log(protocol)));
        log::warn!(
            "the shutdown has waited {:?} and waits no longer; not ended: streams {streams}{}, openings {opening}, handlers \
             {handlers}. A stream that is held delays a shutdown until it is dropped",
            self.config.shutdown_timeout,
            example.unwrap_or_default(),
        );
    }

    /// The host is dropped: sockets are closed, and whoever waits or holds a stream is told. A panic of a notifee that is
    /// dropped, or of a waker, goes on after that.
    pub(super) fn close(&self) {
        let host_swarm = self.host_swarm.try_borrow_mut().ok().and_then(|mut host_swarm| host_swarm.take());
        self.phase.set(HostPhase::Over);
        let panicked = host_swarm.and_then(|mut host_swarm| {
            host_swarm.leave_threads();
            caught(|| drop(host_swarm))
        });
        let queue = core::mem::take(&mut *self.commands.borrow_mut().queue);
        queue.into_iter().for_each(|command| command.refuse(self));
        self.end_lines(&Error::Gone);
        let panicked = panicked.or(caught(|| self.wake_all(&mut Vec::new())));
        let waiters = core::mem::take(&mut *self.waiters.borrow_mut());
        let Waiters { listening, dialing, opening, streams, handlers, awaited_ends, awaited_shutdown, .. } = waiters;
        listening.iter().for_each(|(_, slot)| self.fill(slot, Err(Error::Gone)));
        dialing.iter().for_each(|(_, slot)| self.fill(slot, Err(Error::Gone)));
        opening.iter().for_each(|(_, slot)| self.fill(slot, Err(Error::Gone)));
        for slot in awaited_ends.into_values().flatten().chain(awaited_shutdown) {
            self.fill(&slot, Ok(()));
        }
        for (_, ends) in streams.iter() {
            ends.end(StreamOutcome::Gone, Vec::new(), false);
            self.wake_later(ends.wakers());
        }
        drop((handlers, self.driver.take()));
        self.wake_all(&mut Vec::new());
        let panicked = panicked.or(caught(|| _ = self.over.0.close()));
        if let Some(payload) = panicked {
            resume_unwind(payload);
        }
    }
}

/// A running handler's place. It is given back when the handler has ended or was dropped.
struct RunningGuard(Rc<Shared>, HandlerTicket);

impl Drop for RunningGuard {
    fn drop(&mut self) {
        if self.0.waiters(|waiters| waiters.handlers.ended(self.1)) {
            self.0.wake_driver();
        }
    }
}

/// Starts the handlers that there are places for. Their code runs when the executor does.
fn start(shared: &Rc<Shared>, executor: &LocalExecutor<'static>) {
    while let Some((handler, stream, ticket)) = shared.waiters(|waiters| waiters.handlers.next(&shared.config)) {
        let place = RunningGuard(shared.clone(), ticket);
        let answer = handler(stream);
        let task = async move {
            let _place = place;
            answer.await;
        };
        executor.spawn(task).detach();
    }
}
