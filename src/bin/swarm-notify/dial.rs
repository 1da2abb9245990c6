//! `swarm-notify dial`: connects to a peer, opens streams, of which a limited number are open at the same time, and checks
//! the bytes that come back.

// The paths are given, since `tests/attacks/attacked.rs` includes this file from another folder.
#[path = "dial/call.rs"]
mod call;
#[path = "dial/faults.rs"]
mod faults;
#[path = "dial/notifee.rs"]
mod notifee;
#[path = "dial/progress.rs"]
mod progress;
#[cfg(test)]
#[path = "dial/tests.rs"]
mod tests;

use crate::args;
use crate::dial_services::DialServices;
use crate::error::Error;
use crate::failed::Failed;
use crate::key::identity;
use crate::listen::SINK;
use crate::node::{LoggedSwarm, Node, RunEnd};
use crate::output::STDOUT;
use crate::publish::Whose;
use crate::report::Reporter;
use crate::services::Services;
use crate::tally::{Summary, Tally};
use call::Call;
use progress::{DialProgress, Done};
use std::collections::HashMap;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Failure, State, StreamEnd, StreamId};
use swarm_notify::swarm::Config;

pub(crate) fn run(args: &args::Dial, reporter: Reporter) -> Result<bool, Error> {
    let mut config = Config::default();
    let streams = u32::try_from(args.concurrency).unwrap_or(u32::MAX);
    config.limits.streams_per_connection = config.limits.streams_per_connection.max(streams);
    config.limits.streams = config.limits.streams.max(streams);
    // The connection is kept open for the time of `--hold`, even if no stream is open.
    config.connection.idle_timeout = None;
    config.connection.negotiation_timeout = args.timeout;
    // `--timeout` alone decides when a stream without an answer is given up, so that no half-open timeout is set.
    config.connection.half_open_timeout = None;
    let (identity, exposed) = identity(args.key.as_deref()).map_err(Error::Key)?;
    let mut node = Node::new(&identity, config, reporter)?;
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(|error| Error::Randomness(error.to_string()))?;
    let mut services = Services::install(&mut node, &identity, args.topic(), Whose::Dial { timeout: args.timeout })?;
    let connection =
        node.world.swarm.dial(args.address.clone()).map_err(|error| Error::Dial(args.address.clone(), error))?;
    node.world.dialed = Some(connection);
    let caller = node.notifees.register(DialRun::new(args.clone(), connection, u64::from_le_bytes(seed)));
    let mut dial_services = DialServices::new(args);
    let mut progress = DialProgress::new(args, reporter);
    if progress.is_some() {
        node.notifees.register(DialProgress::beat());
    }
    let end = node.run("dial", exposed.as_ref(), |cx, world, notifees| {
        let connected = notifees.get::<DialRun>(caller).and_then(DialRun::connected);
        let mut happened = dial_services.drive(cx, &mut services, world, notifees, connected);
        if let Some(caller) = notifees.get_mut::<DialRun>(caller) {
            if dial_services.are_done(&services, world) {
                happened |= caller.has_no_errands(world.reporter.elapsed());
            }
            if let Some(progress) = &mut progress {
                progress.update(world.reporter.elapsed(), || caller.done(dial_services.pings().answered()));
            }
        }
        happened
    })?;
    drop(progress);
    services.end(reporter, &mut node.notifees);
    let Node { world, notifees, .. } = &mut node;
    // The notifee is found, since it is never unregistered.
    let Some(caller) = notifees.get_mut::<DialRun>(caller) else { return Ok(false) };
    let summary = Summary {
        tally: &caller.tally,
        pings: dial_services.pings(),
        chat: services.chat(),
        time: caller.time(world),
        is_echo: args.protocol != SINK,
        interrupted: end.signal_name(),
    };
    // The sentences are empty if only `--identify` was given, for example.
    if reporter.is_json() || !summary.to_string().is_empty() {
        reporter.summary(|line| summary.put(line), &summary);
    }
    if let Some(signal) = end.signal() {
        return Err(Error::Interrupted(signal, caller.interrupted(&dial_services, &services)));
    }
    if end == RunEnd::Unread {
        if !caller.is_done() {
            let undone = caller.interrupted(&dial_services, &services);
            return Err(if STDOUT.is_left() { Error::Unread(undone) } else { Error::Unwritten(undone) });
        }
        // Everything else was done. Only the time of `--hold` was cut short, which is no fault.
        caller.ended_as.take_if(|end| *end == ConnectionEnd::Requested);
    }
    services.say_unread();
    if let Some(failed) = caller.not_connected.take() {
        return Err(Error::NotConnected(failed));
    }
    let faults: Vec<_> = caller.faults().into_iter().chain(dial_services.faults()).collect();
    match faults.is_empty() {
        true => Ok(services.has_lost_nothing()),
        false => Err(Error::Wrong(faults.join("; "))),
    }
}

/// A notifee that runs all streams of `dial`, on the one connection that the command has dialed.
struct DialRun {
    args: args::Dial,
    connection: ConnectionId,
    /// A random number, chosen for each run, from which the bytes of all streams are derived.
    seed: u64,
    calls: HashMap<StreamId, Call>,
    tally: Tally,
    /// The number of bytes that came back, or were sent to a sink, on all streams that have ended.
    moved: u64,
    /// The time at which the connection opened, or `None` before that.
    connected: Option<Duration>,
    /// `true` if another stream may be begun: the connection is open, and has not refused a new stream since a stream has
    /// last ended.
    may_begin: bool,
    /// `true` once the connection has ended.
    is_over: bool,
    /// The reason why the connection could not be opened, or `None` if that has not happened.
    not_connected: Option<Failed>,
    /// The time at which the last stream ended, or `None` before that.
    done: Option<Duration>,
    /// `true` while work other than the streams is left: pings, the identify request, or lines to publish.
    has_errands: bool,
    /// The time at which this command will close the connection, which is set once everything else is done.
    release: Option<Duration>,
    /// `true` once everything was done and the connection was kept for the time of `--hold`.
    was_held: bool,
    /// The reason with which the connection has ended. `None` if the connection has not ended, or if this command closed the
    /// connection after the time of `--hold`.
    ended_as: Option<ConnectionEnd>,
    /// The time of the next check for streams that have waited too long for the peer, or `None` if no stream waits.
    look_at: Option<Duration>,
}

impl DialRun {
    fn new(args: args::Dial, connection: ConnectionId, seed: u64) -> Self {
        let tally = Tally { streams: args.streams(), ..Tally::default() };
        Self {
            args,
            connection,
            seed,
            calls: HashMap::new(),
            tally,
            moved: 0,
            connected: None,
            may_begin: false,
            is_over: false,
            not_connected: None,
            done: None,
            has_errands: true,
            release: None,
            was_held: false,
            ended_as: None,
            look_at: None,
        }
    }

    /// Returns the time from the opening of the connection to the end of the last stream, or until now if streams are left.
    fn time(&self, world: &LoggedSwarm) -> Duration {
        let end = self.done.unwrap_or_else(|| world.reporter.elapsed());
        self.connected.map_or(Duration::ZERO, |connected| end.saturating_sub(connected))
    }

    /// Returns the progress so far, for the progress bar. `pings` is the number of pings that were answered.
    fn done(&self, pings: u64) -> Done {
        let under_way: u64 = self.calls.values().map(Call::done).sum();
        // After the time of `--hold`, no remaining time is shown, since closing takes almost no time.
        let held_until = self.is_done().then_some(self.release.unwrap_or_default());
        let is_connected = self.connected.is_some();
        Done { is_connected, streams: self.tally.ended(), bytes: self.moved + under_way, pings, held_until }
    }

    /// Returns whether another stream has to be begun now. That is so if fewer streams than `--streams` were begun, fewer
    /// streams than `--concurrency` are under way, and the connection accepts new streams.
    const fn has_to_begin(&self) -> bool {
        let is_wanted = self.tally.begun < self.tally.streams;
        self.may_begin && is_wanted && self.tally.begun - self.tally.ended() < self.args.concurrency
    }

    /// Begins at most [`PER_ROUND`] of the streams that have to be begun now. The remaining streams are begun in the next
    /// round.
    fn begin(&mut self, world: &mut LoggedSwarm) {
        let now = world.reporter.elapsed();
        for _ in 0..PER_ROUND {
            if !self.has_to_begin() {
                break;
            }
            let protocols = core::slice::from_ref(&self.args.protocol);
            let Ok(stream) = world.swarm.open_stream(self.connection, protocols) else {
                return self.cannot_begin(world);
            };
            // Bytes are written at once, so that the first bytes are sent together with the proposal of the protocol.
            let call = Call::new(self.tally.begun, now, self.seed, &self.args);
            self.calls.entry(stream).or_insert(call).drive(&mut world.swarm, stream);
            self.tally.begun += 1;
        }
    }

    /// Checks whether all streams have ended. If the last stream has just ended and no other work is left, this function
    /// starts the time of `--hold`.
    fn end_streams(&mut self, now: Duration) {
        if self.connected.is_some() && self.done.is_none() && self.tally.ended() == self.tally.streams {
            self.done = Some(now);
            self.hold(now);
        }
    }

    /// Stops beginning streams, since the connection refuses new ones, and closes the connection if no stream that this
    /// command has begun is left. Without this close, the connection might never end, since a peer that has sent a go-away
    /// can keep the connection open with a stream that the peer has opened. The connection still ends with the peer's
    /// reason.
    fn cannot_begin(&mut self, world: &mut LoggedSwarm) {
        self.may_begin = false;
        if self.calls.is_empty() && !world.is_ending {
            // An error means that the connection has ended already, and its last event will be told soon.
            let _ = world.swarm.close_connection(self.connection);
        }
    }

    /// Returns the id of the connection once it has opened, or `None` before that.
    fn connected(&self) -> Option<ConnectionId> {
        self.connected.map(|_| self.connection)
    }

    /// Records that no work besides the streams is left. Returns `false` if that was recorded before.
    fn has_no_errands(&mut self, now: Duration) -> bool {
        let had = core::mem::replace(&mut self.has_errands, false);
        if had {
            self.hold(now);
        }
        had
    }

    /// Returns whether everything except the time of `--hold` is done.
    const fn is_done(&self) -> bool {
        self.done.is_some() && self.tally.unfinished == 0 && !self.has_errands
    }

    /// If everything else is done, starts the time of `--hold`, after which the connection is closed.
    fn hold(&mut self, now: Duration) {
        if self.is_done() {
            self.release = Some(now + Duration::from_secs_f64(self.args.hold));
        }
    }

    /// Writes to a stream, reads from the stream and ends its side, as far as each is possible now. If the stream has just
    /// opened (`has_opened`), or its present [stretch](call::STRETCH) is complete, the next stretch begins.
    fn drive_call(&mut self, world: &mut LoggedSwarm, stream: StreamId, has_opened: bool) {
        if let Some(call) = self.calls.get_mut(&stream) {
            call.drive(&mut world.swarm, stream);
            if has_opened || (call.since.is_some() && call.is_stretch_over()) {
                let now = world.reporter.elapsed();
                call.begin_stretch(now);
                self.look_at.get_or_insert(now + self.args.timeout);
            }
        }
    }

    /// Resets the streams whose present [stretch](call::STRETCH) has taken longer than `--timeout`, and sets the time of the
    /// next check.
    fn give_up(&mut self, world: &mut LoggedSwarm, now: Duration) {
        let timeout = self.args.timeout;
        let mut due = Vec::new();
        for (stream, call) in &mut self.calls {
            if call.gave_up_on.is_some() || !call.is_older(timeout, now) {
                continue;
            }
            // If this process was slow itself, the awaited bytes may have arrived already and wait to be read.
            call.drive(&mut world.swarm, *stream);
            if call.is_stretch_over() {
                call.begin_stretch(now);
            } else {
                due.push((call.number, *stream));
            }
        }
        due.sort_unstable();
        for (_, stream) in due {
            // If the stream is not open any more, its last event will be told soon.
            let is_open = world.swarm.stream(stream).is_some_and(|view| view.state == State::Open);
            if let Some(call) = self.calls.get_mut(&stream).filter(|_| is_open) {
                let awaited = call.awaits();
                call.gave_up_on = Some(awaited);
                world.reporter.unanswered(self.connection, stream, awaited.name(), timeout);
                // This does not fail, since the stream is open.
                let _ = world.swarm.reset(stream);
            }
        }
        let live = self.calls.values().filter(|call| call.gave_up_on.is_none());
        let next = live.filter_map(|call| call.since).min().map(|at| at + timeout);
        // The next check is delayed a little, so that streams with different deadlines are checked together.
        self.look_at = next.map(|next| next.max(now + timeout / LOOKS));
    }

    /// Counts a stream that has ended or has failed to open, with its reason.
    fn ended(&mut self, world: &mut LoggedSwarm, stream: StreamId, end: Result<StreamEnd, Failure>) {
        let Some(call) = self.calls.remove(&stream) else { return };
        let timeout = self.args.timeout;
        self.moved += call.done();
        let is_right = end.is_ok_and(|end| call.is_right(end));
        if is_right {
            self.tally.ok += 1;
            self.tally.bytes += call.sent;
            self.tally.times.add(world.reporter.elapsed().saturating_sub(call.begun_at));
        } else if world.is_ending {
            self.tally.unfinished += 1;
        } else {
            self.tally.failed += 1;
            if end == Err(Failure::Timeout) {
                world.reporter.unanswered(self.connection, stream, call.awaits().name(), timeout);
            }
            self.tally.unanswered += u64::from(end == Err(Failure::Timeout) || call.gave_up_on.is_some());
            self.tally.first_failure.get_or_insert_with(|| {
                let why = match end {
                    Ok(end) => call.why_wrong(end, timeout),
                    Err(reason) => call.why_failed(reason, timeout),
                };
                (stream, why)
            });
        }
        // If the connection has refused a stream before, it may accept one now.
        self.may_begin = !self.is_over;
        self.end_streams(world.reporter.elapsed());
    }
}

/// The maximum number of streams that are begun in one round of the loop. A turn has up to 16 rounds, and the loop handles
/// signals only between turns.
const PER_ROUND: u32 = 64;

/// The maximum number of checks for streams that have waited too long, within the time of `--timeout`.
const LOOKS: u32 = 64;
