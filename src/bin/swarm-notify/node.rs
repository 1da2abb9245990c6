//! [`Node`]: a swarm on TCP with its notifees, and the loop that drives both.

use crate::error::Error;
use crate::key;
use crate::loop_waker::LoopWaker;
use crate::output::STDOUT;
use crate::report::{OpenIds, Reporter};
use crate::signals::{SAME, code_of, end_at_once_by_the_second_signal, ends, name_of, try_descriptors};
use async_signal::{Signal, Signals};
use futures_lite::Stream as _;
use libp2p_identity::Keypair;
use std::error::Error as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionId, Event, EventSource};
use swarm_notify::notifee::{
    HasNode, Interest, Network, Node as AnyNode, Notifee, NotifeeContext as Telling, Notifees,
};
use swarm_notify::swarm::{Config, Refusal, RefusedAt, Swarm};
use swarm_notify::tcp;

/// The maximum number of rounds in one turn of the loop. A round is one tick of the swarm and of its notifees. Signals and
/// the end of the output are handled between turns.
const ROUNDS: usize = 16;

/// The reason why a run has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RunEnd {
    /// A notifee has shut down the swarm, since nothing was left to do.
    Done,
    /// A signal (SIGINT, SIGTERM or SIGHUP) has arrived before everything was done.
    Interrupted(Signal),
    /// Before everything was done, the reader of standard output has left, or a write to standard output has failed.
    Unread,
}

impl RunEnd {
    pub(crate) const fn signal(self) -> Option<Signal> {
        if let Self::Interrupted(signal) = self { Some(signal) } else { None }
    }

    pub(crate) fn signal_name(self) -> Option<&'static str> {
        self.signal().map(name_of)
    }
}

/// The network that the notifees observe: a swarm that prints each event before any notifee is told of the event.
pub(crate) struct LoggedSwarm {
    pub(crate) swarm: tcp::Swarm,
    pub(crate) reporter: Reporter,
    /// The ids of all listeners, connections and streams that are open according to the log.
    pub(crate) open: OpenIds,
    /// The connection that `dial` has dialed, or `None` in other commands. The end of this connection ends the command.
    pub(crate) dialed: Option<ConnectionId>,
    /// `true` once a signal or the end of the output has told the command to end before everything was done.
    pub(crate) is_ending: bool,
    /// All events so far, for `demo`. `None` in other commands, which do not need them.
    pub(crate) told: Option<Vec<Event>>,
}

impl LoggedSwarm {
    /// Ends the command in good order. If this command has dialed a connection, this function closes the connection, and the
    /// swarm is shut down once the connection has ended. Otherwise, this function shuts the swarm down.
    pub(crate) fn end(&mut self) {
        if self.dialed.is_none_or(|connection| self.swarm.close_connection(connection).is_err()) {
            self.swarm.shutdown();
        }
    }

    /// Ends the command in good order before everything is done.
    fn end_early(&mut self) {
        self.is_ending = true;
        self.end();
    }

    /// If lines of the log were dropped because its reader was too slow, prints the number of dropped lines and a snapshot
    /// of what is open. Each call prints one part of the snapshot, and prints nothing until half of the queue is free. `end`
    /// is `true` at the end of the command, when one call prints everything, even into a full queue. Returns `false` if
    /// nothing was printed.
    pub(crate) fn catch_up(&mut self, end: bool) -> bool {
        if end {
            self.finish_snapshot();
        } else if self.open.has_more() {
            let has_room = STDOUT.has_room();
            if has_room {
                self.reporter.print_part(&self.swarm, &mut self.open);
            }
            return has_room;
        }
        let Some(missed) = STDOUT.take_missed(end) else { return false };
        self.reporter.lagged(&self.swarm, &mut self.open, missed);
        if end {
            self.finish_snapshot();
        }
        true
    }

    fn finish_snapshot(&mut self) {
        while self.open.has_more() {
            self.reporter.print_part(&self.swarm, &mut self.open);
        }
    }
}

impl Network for LoggedSwarm {
    fn next_event(&mut self) -> Option<Event> {
        let event = self.swarm.next_event()?;
        self.reporter.event(&self.swarm, &mut self.open, event);
        if let Some(told) = &mut self.told {
            told.push(event);
        }
        Some(event)
    }

    fn event_source(&self) -> &dyn EventSource {
        &self.swarm
    }

    fn event_source_mut(&mut self) -> &mut dyn EventSource {
        &mut self.swarm
    }
}

impl HasNode for LoggedSwarm {
    fn node(&self) -> &dyn AnyNode {
        &self.swarm
    }

    fn node_mut(&mut self) -> &mut dyn AnyNode {
        &mut self.swarm
    }
}

/// A notifee that prints how many sockets, streams and messages of peers were refused. Refusals cause no event. The swarm
/// reports each kind of refusal at most once a second.
struct RefusalLog;

impl Notifee<LoggedSwarm> for RefusalLog {
    fn interest(&self) -> Interest {
        Interest::REFUSED
    }

    fn refused(&mut self, cx: &mut Telling<'_, LoggedSwarm>, at: RefusedAt, refusal: Refusal, count: u64) {
        let world = cx.network();
        world.reporter.refused(&world.swarm, at, refusal, count);
    }
}

/// A swarm, and the notifees that observe its events and give commands to the swarm.
pub(crate) struct Node {
    pub(crate) world: LoggedSwarm,
    pub(crate) notifees: Notifees<LoggedSwarm>,
}

impl Node {
    pub(crate) fn new(identity: &Keypair, config: Config, reporter: Reporter) -> Result<Self, Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| Error::Randomness(error.to_string()))?;
        let reactor = tcp::Reactor::new().map_err(Error::Reactor)?;
        let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
        let swarm = Swarm::with_reactor(reactor, transport, identity, seed, config)
            .map_err(|error| Error::Identity(error.source().unwrap_or(&error).to_string()))?;
        let world =
            LoggedSwarm { swarm, reporter, open: OpenIds::default(), dialed: None, is_ending: false, told: None };
        let mut notifees = Notifees::new();
        notifees.register(RefusalLog);
        Ok(Self { world, notifees })
    }

    /// Prints the line `start`. If other users can read or change the key file, the line `key_exposed` follows.
    pub(crate) fn start(&self, command: &str, exposed: Option<&key::Exposed>) {
        let reporter = &self.world.reporter;
        reporter.start(command, self.world.swarm.local_peer());
        if let Some(exposed) = exposed {
            exposed.print(reporter);
        }
    }

    /// Prints the [first lines](Self::start), and runs the loop until the swarm is shut down. The swarm is shut down by a
    /// notifee, or by the loop at a signal of [`ends`] or when standard output cannot be written any more. The loop calls
    /// `then` after each round. `then` has to drain the events of the services each time, and returns whether it has done
    /// anything. The waker of the context that is passed to `then` wakes the loop.
    pub(crate) fn run(
        &mut self,
        command: &str,
        exposed: Option<&key::Exposed>,
        mut then: impl FnMut(&mut Context<'_>, &mut LoggedSwarm, &mut Notifees<LoggedSwarm>) -> bool,
    ) -> Result<RunEnd, Error> {
        let ends = ends();
        try_descriptors().map_err(Error::Signals)?;
        let mut signals = Signals::new(&ends).map_err(Error::Signals)?;
        end_at_once_by_the_second_signal(&ends).map_err(Error::Signals)?;
        // The signals are set up before the first line is printed, since a script may send a signal as soon as it has read
        // that line.
        self.start(command, exposed);
        let (mut end, mut interrupted_at) = (RunEnd::Done, Duration::ZERO);
        let loop_waker = LoopWaker::new(self.world.swarm.waker());
        let waker = loop_waker.waker();
        let cx = &mut Context::from_waker(&waker);
        loop {
            loop_waker.begin();
            // The first signal ends the command in good order.
            while let Poll::Ready(Some(signal)) = Pin::new(&mut signals).poll_next(cx) {
                let signal = signal.map_err(Error::Signals)?;
                let now = self.world.reporter.elapsed();
                if end.signal().is_some() {
                    // On Unix, the second signal is handled by a thread, even while this loop is late.
                    if cfg!(unix) || (end.signal() == Some(signal) && now < interrupted_at + SAME) {
                        continue;
                    }
                    std::process::exit(code_of(signal).into());
                }
                (end, interrupted_at) = (RunEnd::Interrupted(signal), now);
                STDOUT.stop_waiting();
                self.world.end_early();
            }
            if STDOUT.poll_end(cx) && end == RunEnd::Done {
                end = RunEnd::Unread;
                self.world.end_early();
            }
            let happened = self.world.catch_up(false) | self.turn_with(|world, notifees| then(cx, world, notifees));
            if self.world.swarm.is_shut_down() {
                return Ok(end);
            }
            // If there is more to do, the loop does not sleep, but checks the signals and takes the next turn.
            if !happened && loop_waker.may_sleep() {
                self.sleep(None)?;
            }
        }
    }

    /// Runs rounds until nothing is left to do at present, but at most [`ROUNDS`] of them. Returns `false` if the first
    /// round had nothing to do.
    pub(crate) fn turn(&mut self) -> bool {
        self.turn_with(|_, _| false)
    }

    /// Runs rounds until nothing is left to do at present, but at most [`ROUNDS`] of them, and calls `then` at the end of
    /// each round. `then` returns whether it has done anything. Returns `false` if the first round had nothing to do.
    fn turn_with(&mut self, mut then: impl FnMut(&mut LoggedSwarm, &mut Notifees<LoggedSwarm>) -> bool) -> bool {
        let mut happened = false;
        for _ in 0..ROUNDS {
            let now = self.world.reporter.elapsed();
            self.world.swarm.tick(now);
            let mut busy = false;
            let next = if STDOUT.is_full() {
                // Events wait in the swarm until the queue of lines has room, so that nothing opens meanwhile. The swarm
                // still answers its peers, so that connections stay open.
                self.world.swarm.next_deadline()
            } else {
                busy |= self.world.swarm.has_pending();
                self.notifees.drive_while(&mut self.world, now, &mut || !STDOUT.is_full());
                // If notifees have given commands, `poll_at` returns the present time.
                [self.world.swarm.poll_at(), self.notifees.poll_at()].into_iter().flatten().min()
            };
            busy |= next.is_some_and(|next| next <= self.world.reporter.elapsed());
            busy |= then(&mut self.world, &mut self.notifees);
            if !busy {
                return happened;
            }
            happened = true;
        }
        happened
    }

    /// Sleeps until a socket is ready, the waker of the swarm is used, the next deadline of the swarm or of a notifee has
    /// passed, or the time `most` has passed.
    pub(crate) fn sleep(&mut self, most: Option<Duration>) -> Result<(), Error> {
        let now = self.world.reporter.elapsed();
        if STDOUT.is_full() {
            // The loop is woken when the queue of lines has room again or the output ends. The events that wait for room
            // must not wake the loop, since they cannot be printed yet.
            return self.world.swarm.wait_undrained(now, most).map_err(Error::Reactor);
        }
        let until_due = self.notifees.poll_at().map(|at| at.saturating_sub(now));
        let timeout = [until_due, most].into_iter().flatten().min();
        self.world.swarm.wait(now, timeout).map_err(Error::Reactor)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::report::LogForm;

    /// A notifee whose deadline has always passed, so that the loop always has something to do.
    pub(crate) struct Restless {
        pub(crate) ticks: u32,
        /// The number of ticks at which the notifee panics.
        pub(crate) most: u32,
    }

    impl Notifee<LoggedSwarm> for Restless {
        fn interest(&self) -> Interest {
            Interest::TIME
        }

        fn poll_at(&self) -> Option<Duration> {
            Some(Duration::ZERO)
        }

        fn tick(&mut self, _cx: &mut Telling<'_, LoggedSwarm>) {
            self.ticks += 1;
            assert!(self.ticks < self.most, "it does not end");
        }
    }

    #[test]
    fn a_turn_ends_even_if_there_is_always_more_to_do() {
        let reporter = Reporter::new(LogForm::Json, false);
        let mut node = Node::new(&Keypair::generate_ed25519(), Config::default(), reporter).unwrap();
        let restless = node.notifees.register(Restless { ticks: 0, most: 10_000 });
        assert!(node.turn());
        assert_eq!(node.notifees.get::<Restless>(restless).unwrap().ticks as usize, ROUNDS);
    }
}
