//! [`Driver`]: the loop of a host. Each turn executes commands, polls the swarm, wakes tasks and starts handlers. This
//! module also contains the phases of a host's shutdown, and the end of a host that is dropped.

use super::any_swarm::HostSwarm;
use super::error::Error;
use super::opened_stream::StreamOutcome;
use super::running_handlers::HandlerTicket;
use super::shared::{HostPhase, HostShared, Waiters, caught};
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

/// The maximum number of turns in one poll of a host. After that many turns, the other tasks of the executor run.
const ROUNDS: usize = 4;

/// The part of a host that is polled while the owner awaits `run` or `run_until`. Each poll makes the host do its work.
pub(super) struct Driver {
    pub(super) shared: Rc<HostShared>,
    timer: Timer,
    /// The time to which the timer is set, or `None` if the timer is not set. This time is never later than the next
    /// deadline of the host, but may be earlier.
    armed: Option<Duration>,
    /// A buffer for wakers, which is reused in each turn.
    wakers: Vec<Waker>,
}

impl Driver {
    pub(super) fn new(shared: Rc<HostShared>) -> Self {
        Self { shared, timer: Timer::never(), armed: None, wakers: Vec::new() }
    }

    /// Does one turn after the other until nothing is left to do at once, or until the maximum number of turns is reached.
    /// Returns `Ready` once the host is shut down.
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

    /// Does one turn: executes the commands in the queue, polls the swarm, tells the notifees of its events, wakes the tasks
    /// that wait for these events, and starts handlers. Returns `true` if there is more to do at once.
    fn turn(&mut self, cx: &mut Context<'_>, executor: &LocalExecutor<'static>) -> bool {
        let shared = &self.shared;
        // The waker is stored before the turn: a command that is given during the turn has to wake the driver for the next
        // one.
        shared.set_driver(cx.waker());
        let turned = shared.try_world(|host_swarm| {
            // Commands are executed before the swarm's turn, which then sends their output.
            shared.work_off(host_swarm);
            // The clock is read after the commands are executed. They may also have read the clock and passed the time to
            // the swarm, and an earlier time must not follow.
            let now = shared.now();
            // The notifees are driven even if the swarm has no events, since their timers may be due.
            host_swarm.swarm.turn(cx, now);
            host_swarm.notifees.drive(&mut host_swarm.swarm, now);
            // This is done after the notifees are told of the events. The streams that have ended then no longer occupy
            // places.
            shared.serve_lines(host_swarm.node(), now);
            shared.have_streams_give_way(host_swarm.node(), now);
            let drained = shared.drive_shutdown(host_swarm, cx, now);
            let patience = shared.waiters(|waiters| waiters.handlers.gives_way_at(&shared.config, now));
            let (swarm, notifees) = (host_swarm.swarm.poll_at(), host_swarm.notifees.poll_at());
            let deadlines = [swarm, notifees, shared.lines_poll_at(), patience, drained];
            deadlines.into_iter().flatten().min()
        });
        // Other code borrows the swarm only for the duration of a call, so borrowing it succeeds here, unless one of the
        // host's own notifees drives the host.
        let Ok(next) = turned else { return false };
        // Nothing is borrowed from here on: a waker may poll its task at once, which may use any handle or stream.
        shared.wake_all(&mut self.wakers);
        start(shared, executor);
        // If a command was given in the meantime, it has woken the driver. Only the next deadline is therefore left to
        // check.
        next.is_some_and(|next| self.has_come(cx, next))
    }

    /// Returns whether the time `next` has been reached. If not, the timer will wake the task of `cx` at that time or
    /// earlier.
    fn has_come(&mut self, cx: &mut Context<'_>, next: Duration) -> bool {
        let left = next.saturating_sub(self.shared.now());
        if left.is_zero() {
            return true;
        }
        // The timer is not moved to a later time. Most deadlines are moved to later times before they are reached, so a
        // timer that sometimes fires too early is cheaper than a timer that is set again each time.
        if self.armed.is_none_or(|armed| next < armed) {
            self.timer.set_after(left);
            self.armed = Some(next);
        }
        let has_fired = Pin::new(&mut self.timer).poll(cx).is_ready();
        // A timer that has fired never fires again. A later call has to set it anew, also for the same time.
        if has_fired {
            self.armed = None;
        }
        has_fired
    }
}

impl HostShared {
    /// Makes handlers free for streams that have waited too long. For each such stream, the youngest stream of the peer for
    /// which the most handlers run is reset, so that its handler ends.
    fn have_streams_give_way(&self, node: &mut dyn Node, now: Duration) {
        loop {
            // A handler may go on after its stream has ended. Resetting the stream would then free nothing.
            let has_ended = |stream| node.stream(stream).is_none();
            let Some(stream) = self.waiters(|waiters| waiters.handlers.gives_way(&self.config, now, has_ended)) else {
                return;
            };
            log::debug!("{stream}: reset, since another peer has waited too long for a handler");
            // The stream may have ended already.
            let _ = node.reset(stream);
        }
    }

    /// Advances a shutdown to its next phase if the present phase has ended. Otherwise returns the time at which the present
    /// phase ends at the latest.
    fn drive_shutdown(&self, host_swarm: &mut HostSwarm, cx: &mut Context<'_>, now: Duration) -> Option<Duration> {
        // The swarm's own shutdown ends both sides of all streams, answered or not. A handler that is in the middle of an
        // answer, or a task that still reads one, therefore gets time first. The time is bounded, since a handler may never
        // end, and a task may keep a stream that it does not need. At last, the threads of spawned notifees get time to
        // handle the closing events. With the defaults, a shutdown takes at most 5 s for each of the three phases.
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
        // The phase may also be `Running`: the owner can shut the swarm down through `with`, and the host is over then, too.
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

    /// Logs the streams, the openings of streams and the handlers for which a shutdown has waited for its maximum time, so
    /// that a user can see why the shutdown was slow.
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

    /// Ends everything, since the host is dropped: closes the sockets, completes each waiting future, and ends each stream.
    /// If the drop of a notifee or a call of a waker panics, the panic is resumed at the end.
    pub(super) fn close(&self) {
        // The swarm is dropped first, so that all sockets are closed before any task learns of it. If dropping a notifee
        // panics, the futures and streams are completed nevertheless. Otherwise their tasks, which may run on another
        // executor, would wait for ever.
        let host_swarm = self.host_swarm.try_borrow_mut().ok().and_then(|mut host_swarm| host_swarm.take());
        self.phase.set(HostPhase::Over);
        let panicked = host_swarm.and_then(|mut host_swarm| {
            host_swarm.leave_threads();
            caught(|| drop(host_swarm))
        });
        let queue = core::mem::take(&mut *self.commands.borrow_mut().queue);
        queue.into_iter().for_each(|command| command.refuse(self));
        self.end_lines(&Error::Gone);
        // This comes before the tables are taken, since the lists of wakers are among them and would be dropped without
        // being called.
        let panicked = panicked.or(caught(|| self.wake_all(&mut Vec::new())));
        let waiters = core::mem::take(&mut *self.waiters.borrow_mut());
        let Waiters { listening, dialing, opening, streams, handlers, awaited_ends, awaited_shutdown, .. } = waiters;
        listening.iter().for_each(|(_, slot)| self.fill(slot, Err(Error::Gone)));
        dialing.iter().for_each(|(_, slot)| self.fill(slot, Err(Error::Gone)));
        opening.iter().for_each(|(_, slot)| self.fill(slot, Err(Error::Gone)));
        // Whoever waits for an end has got it: nothing outlives the host.
        for slot in awaited_ends.into_values().flatten().chain(awaited_shutdown) {
            self.fill(&slot, Ok(()));
        }
        for (_, ends) in streams.iter() {
            ends.end(StreamOutcome::Gone, Vec::new(), false);
            self.wake_later(ends.wakers());
        }
        // A handler may own handles to this host, and so keep it alive. Dropping the handlers breaks this cycle.
        drop((handlers, self.driver.take()));
        self.wake_all(&mut Vec::new());
        // Closing the channel calls wakers of other threads, which may panic like any other.
        let panicked = panicked.or(caught(|| _ = self.over.0.close()));
        if let Some(payload) = panicked {
            resume_unwind(payload);
        }
    }
}

/// A guard for a running handler. It is dropped with the handler's task, and then allows another handler to run.
struct RunningGuard(Rc<HostShared>, HandlerTicket);

impl Drop for RunningGuard {
    fn drop(&mut self) {
        if self.0.waiters(|waiters| waiters.handlers.ended(self.1)) {
            self.0.wake_driver();
        }
    }
}

/// Starts handlers for waiting streams while fewer than the maximum number of handlers run. The code of a handler runs
/// later, when the executor runs the handler's task.
fn start(shared: &Rc<HostShared>, executor: &LocalExecutor<'static>) {
    while let Some((handler, stream, ticket)) = shared.waiters(|waiters| waiters.handlers.next(&shared.config)) {
        let place = RunningGuard(shared.clone(), ticket);
        let answer = handler(stream);
        let task = async move {
            // The guard belongs to the task, so that the handler counts as ended whether it returns, panics, or is dropped with
            // the executor.
            let _place = place;
            answer.await;
        };
        executor.spawn(task).detach();
    }
}
