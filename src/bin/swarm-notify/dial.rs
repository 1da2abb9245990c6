//! `swarm-notify dial`: opens streams, a number at a time, and checks what comes back.

// By path, since `tests/attacks/attacked.rs` includes this file from elsewhere.
#[path = "dial/call.rs"]
mod call;
#[path = "dial/faults.rs"]
mod faults;
#[path = "dial/progress.rs"]
mod progress;
#[path = "dial/tally.rs"]
mod tally;
#[cfg(test)]
#[path = "dial/tests.rs"]
mod tests;

pub(crate) use tally::{Chat, Pings, number};

use crate::args;
use crate::dial_services::DialServices;
use crate::failed::Failed;
use crate::key::identity;
use crate::listen::SINK;
use crate::node::{Error, LoggedSwarm, Node, RunEnd};
use crate::output::STDOUT;
use crate::publish::Whose;
use crate::report::Reporter;
use crate::services::Services;
use call::Call;
use progress::{Done, Progress};
use std::collections::HashMap;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Failure, State, StreamEnd, StreamId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};
use swarm_notify::swarm::Config;
use tally::{Summary, Tally};

pub(crate) fn run(args: &args::Dial, reporter: Reporter) -> Result<bool, Error> {
    let mut config = Config::default();
    let streams = u32::try_from(args.concurrency).unwrap_or(u32::MAX);
    config.limits.streams_per_connection = config.limits.streams_per_connection.max(streams);
    config.limits.streams = config.limits.streams.max(streams);
    // It is held for as long as was asked for.
    config.connection.idle_timeout = None;
    config.connection.negotiation_timeout = args.timeout;
    // A stream without an answer is given up here, sooner or later than by this.
    config.connection.half_open_timeout = None;
    let (identity, exposed) = identity(args.key.as_deref()).map_err(Error::Key)?;
    let mut node = Node::new(&identity, config, reporter)?;
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(|error| Error::Randomness(error.to_string()))?;
    let mut services =
        Services::install(&mut node, &identity, args.floodsub.as_deref(), Whose::Dial { timeout: args.timeout })?;
    let connection =
        node.world.swarm.dial(args.address.clone()).map_err(|error| Error::Dial(args.address.clone(), error))?;
    node.world.dialed = Some(connection);
    let caller = node.notifees.register(DialRun::new(args.clone(), connection, u64::from_le_bytes(seed)));
    let mut dial_services = DialServices::new(args);
    let mut progress = Progress::new(args, reporter);
    if progress.is_some() {
        node.notifees.register(Progress::beat());
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
    // It is never unregistered.
    let Some(caller) = notifees.get_mut::<DialRun>(caller) else { return Ok(false) };
    let summary = Summary {
        tally: &caller.tally,
        pings: dial_services.pings(),
        chat: services.chat(),
        time: caller.time(world),
        is_echo: args.protocol != SINK,
        interrupted: end.signal_name(),
    };
    // For people there may be nothing to sum up.
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
        // Only the hold was cut short.
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

/// The streams of a run, and its connection.
struct DialRun {
    args: args::Dial,
    connection: ConnectionId,
    /// The run's own random number, which the bytes of its streams depend on.
    seed: u64,
    calls: HashMap<StreamId, Call>,
    tally: Tally,
    /// The bytes that came back, or that a sink was sent, on all streams that have ended.
    moved: u64,
    connected: Option<Duration>,
    /// The connection is up, and has refused no stream yet.
    may_begin: bool,
    /// The connection has ended.
    is_over: bool,
    /// The failure of the dial.
    not_connected: Option<Failed>,
    /// The time at which the last stream ended.
    done: Option<Duration>,
    /// Beside the streams there is something to do.
    has_errands: bool,
    /// The time at which the connection is let go.
    release: Option<Duration>,
    /// All was done, and the connection was there until then.
    was_held: bool,
    /// The connection ended for another reason than our wish.
    ended_as: Option<ConnectionEnd>,
    /// The time at which the streams are looked at that may have waited too long. None of them is due before.
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

    /// Returns the time from the connection to the last stream's end.
    fn time(&self, world: &LoggedSwarm) -> Duration {
        let end = self.done.unwrap_or_else(|| world.reporter.elapsed());
        self.connected.map_or(Duration::ZERO, |connected| end.saturating_sub(connected))
    }

    /// Returns the progress so far, for the bar.
    fn done(&self, pings: u64) -> Done {
        let under_way: u64 = self.calls.values().map(Call::done).sum();
        // After the hold it closes, and that takes no time to speak of.
        let held_until = self.is_done().then_some(self.release.unwrap_or_default());
        let is_connected = self.connected.is_some();
        Done { is_connected, streams: self.tally.ended(), bytes: self.moved + under_way, pings, held_until }
    }

    /// Returns whether a stream more is wanted now, and may be begun.
    const fn has_to_begin(&self) -> bool {
        let is_wanted = self.tally.begun < self.tally.streams;
        self.may_begin && is_wanted && self.tally.begun - self.tally.ended() < self.args.concurrency
    }

    /// Begins streams, as many as are wanted at a time: [`PER_ROUND`] of them at most, and the next ones in the next round.
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
            // The first bytes travel with the proposal of the protocol.
            let call = Call::new(self.tally.begun, now, self.seed, &self.args);
            self.calls.entry(stream).or_insert(call).drive(&mut world.swarm, stream);
            self.tally.begun += 1;
        }
    }

    /// Holds the connection for a while, if that was the last stream.
    fn end_streams(&mut self, now: Duration) {
        if self.connected.is_some() && self.done.is_none() && self.tally.ended() == self.tally.streams {
            self.done = Some(now);
            self.hold(now);
        }
    }

    /// Closes the connection, which takes no more streams, once none of ours is left. It may not end otherwise: a peer that
    /// says go-away can stay for as long as a stream of its own has something to say. The reason stays the peer's.
    fn cannot_begin(&mut self, world: &mut LoggedSwarm) {
        self.may_begin = false;
        if self.calls.is_empty() && !world.is_ending {
            // One that has ended already has its last event on its way.
            let _ = world.swarm.close_connection(self.connection);
        }
    }

    /// Returns the connection, once it is up.
    fn connected(&self) -> Option<ConnectionId> {
        self.connected.map(|_| self.connection)
    }

    /// Hears that nothing is to be done but the streams, from now on. Returns `false` if that was said before.
    fn has_no_errands(&mut self, now: Duration) -> bool {
        let had = core::mem::replace(&mut self.has_errands, false);
        if had {
            self.hold(now);
        }
        had
    }

    /// Returns whether all that was asked for was done, but for the time that the connection is held.
    const fn is_done(&self) -> bool {
        self.done.is_some() && self.tally.unfinished == 0 && !self.has_errands
    }

    /// Holds the connection for a while, if all is done.
    fn hold(&mut self, now: Duration) {
        if self.is_done() {
            self.release = Some(now + Duration::from_secs_f64(self.args.hold));
        }
    }

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

    /// Gives up the streams whose [stretch](call::STRETCH) has taken too long.
    fn give_up(&mut self, world: &mut LoggedSwarm, now: Duration) {
        let timeout = self.args.timeout;
        let mut due = Vec::new();
        for (stream, call) in &mut self.calls {
            if call.gave_up_on.is_some() || !call.is_older(timeout, now) {
                continue;
            }
            // Its bytes may have come, and wait for this process, which was slow itself.
            call.drive(&mut world.swarm, *stream);
            if call.is_stretch_over() {
                call.begin_stretch(now);
            } else {
                due.push((call.number, *stream));
            }
        }
        due.sort_unstable();
        for (_, stream) in due {
            // One that is not open any more has an event on its way.
            let is_open = world.swarm.stream(stream).is_some_and(|view| view.state == State::Open);
            if let Some(call) = self.calls.get_mut(&stream).filter(|_| is_open) {
                let awaited = call.awaits();
                call.gave_up_on = Some(awaited);
                world.reporter.unanswered(self.connection, stream, awaited.name(), timeout);
                // It is open, as was asked above.
                let _ = world.swarm.reset(stream);
            }
        }
        let live = self.calls.values().filter(|call| call.gave_up_on.is_none());
        let next = live.filter_map(|call| call.since).min().map(|at| at + timeout);
        // Many streams, each of them due at a time of its own, are looked at together.
        self.look_at = next.map(|next| next.max(now + timeout / LOOKS));
    }

    /// A stream has ended, or failed.
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
        // A stream that was refused may have a place now.
        self.may_begin = !self.is_over;
        self.end_streams(world.reporter.elapsed());
    }
}

/// The streams that are begun in one round of the loop. Of a turn's rounds there are 16, and then signals are looked at.
const PER_ROUND: u32 = 64;

/// The number of looks, within `--timeout`, at streams that may have waited too long.
const LOOKS: u32 = 64;

impl Notifee<LoggedSwarm> for DialRun {
    fn interest(&self) -> Interest {
        let connection = Interest::CONNECTED | Interest::CONNECT_FAILED | Interest::DISCONNECTED;
        let streams = Interest::OPENED_STREAM | Interest::STREAM_FAILED | Interest::CLOSED_STREAM;
        connection | streams | Interest::STREAM_READY | Interest::TIME
    }

    fn connected(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>, _connection: ConnectionId) {
        let world = cx.network();
        self.connected = Some(world.reporter.elapsed());
        self.may_begin = true;
        // There may be none to begin.
        self.end_streams(world.reporter.elapsed());
    }

    fn connect_failed(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>, connection: ConnectionId, reason: Failure) {
        let swarm = &mut cx.network().swarm;
        let error = swarm.connection(connection).and_then(|view| view.error);
        self.not_connected = Some(Failed::to_dial(&self.args.address, reason, error));
        swarm.shutdown();
    }

    fn disconnected(
        &mut self,
        cx: &mut NotifeeContext<'_, LoggedSwarm>,
        _connection: ConnectionId,
        reason: ConnectionEnd,
    ) {
        self.release = None;
        (self.may_begin, self.is_over) = (false, true);
        if !self.was_held || reason != ConnectionEnd::Requested {
            self.ended_as = Some(reason);
        }
        cx.network().swarm.shutdown();
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>, _connection: ConnectionId, stream: StreamId) {
        self.drive_call(cx.network(), stream, true);
    }

    fn stream_failed(
        &mut self,
        cx: &mut NotifeeContext<'_, LoggedSwarm>,
        _connection: ConnectionId,
        stream: StreamId,
        reason: Failure,
    ) {
        self.ended(cx.network(), stream, Err(reason));
    }

    fn closed_stream(
        &mut self,
        cx: &mut NotifeeContext<'_, LoggedSwarm>,
        _connection: ConnectionId,
        stream: StreamId,
        reason: StreamEnd,
    ) {
        self.ended(cx.network(), stream, Ok(reason));
    }

    fn stream_ready(
        &mut self,
        cx: &mut NotifeeContext<'_, LoggedSwarm>,
        stream: StreamId,
        _readable: bool,
        _writable: bool,
    ) {
        self.drive_call(cx.network(), stream, false);
    }

    fn poll_at(&self) -> Option<Duration> {
        // The next streams are for the next round.
        let begin = self.has_to_begin().then_some(Duration::ZERO);
        self.release.into_iter().chain(self.look_at).chain(begin).min()
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>) {
        let now = cx.now();
        let world = cx.network();
        if self.look_at.take_if(|at| *at <= now).is_some() {
            self.give_up(world, now);
        }
        if self.has_to_begin() {
            self.begin(world);
        }
        if self.release.take_if(|at| *at <= now).is_some() {
            self.was_held = true;
            world.end();
        }
    }
}
