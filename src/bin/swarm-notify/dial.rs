//! `swarm-notify dial`: opens streams, a number at a time, and checks what comes back.

use crate::args;
use crate::errands::Errands;
use crate::failed::Failed;
use crate::key::identity;
use crate::listen::SINK;
use crate::node::{End, Error, Node, World};
use crate::publish::Whose;
use crate::report::{Form, Reporter};
use crate::services::Services;
use std::collections::HashMap;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Failure, Side, State, StreamEnd, StreamId};
use swarm_notify::notifee::{Context, Interest, Notifee};
use swarm_notify::swarm::Config;
use swarm_notify::tcp;

pub(crate) fn run(args: &args::Dial, form: Form) -> Result<bool, Error> {
    let mut config = Config::default();
    let streams = u32::try_from(args.concurrency).unwrap_or(u32::MAX);
    config.limits.streams_per_connection = config.limits.streams_per_connection.max(streams);
    config.limits.streams = config.limits.streams.max(streams);
    // It is held for as long as was asked for.
    config.connection.idle_timeout = None;
    let reporter = Reporter::new(form);
    let (identity, exposed) = identity(args.key.as_deref()).map_err(Error::Key)?;
    let mut node = Node::new(&identity, config, reporter)?;
    let mut services = Services::install(&mut node, &identity, args.floodsub.as_deref(), Whose::Dial)?;
    let connection =
        node.world.swarm.dial(args.address.clone()).map_err(|error| Error::Dial(args.address.clone(), error))?;
    let caller = node.notifees.register(Caller::new(args.clone(), connection));
    let mut errands = Errands::new(args);
    node.start("dial", exposed.as_ref());
    let end = node.run(|cx, world, notifees| {
        let connected = notifees.get::<Caller>(caller).and_then(Caller::connected);
        let happened = errands.go_on(cx, &mut services, world, notifees, connected);
        if let Some(caller) = notifees.get_mut::<Caller>(caller).filter(|_| errands.are_done(&services)) {
            return happened | caller.has_no_errands(world.reporter.elapsed());
        }
        happened
    })?;
    services.end(node.world.reporter, &mut node.notifees);
    let Node { world, notifees, .. } = &mut node;
    // It is never unregistered.
    let Some(caller) = notifees.get_mut::<Caller>(caller) else { return Ok(false) };
    let failed = args.streams() - caller.ok;
    world.reporter.summary(args.streams(), caller.ok, failed, caller.bytes, caller.time(world));
    if let Some(failed) = caller.not_connected.take() {
        return Err(Error::NotConnected(failed));
    }
    let are_right = errands.are_right() && services.has_lost_nothing();
    Ok(failed == 0 && are_right && caller.was_held && end == End::Done)
}

/// What is under way on the connection.
struct Caller {
    args: args::Dial,
    connection: ConnectionId,
    calls: HashMap<StreamId, Call>,
    /// How many streams have been begun.
    begun: u64,
    /// How many have ended or failed.
    ended: u64,
    /// How many of these were all right.
    ok: u64,
    /// How many bytes were sent and came back right, or were sent to a sink, on these.
    bytes: u64,
    connected: Option<Duration>,
    /// There is no connection, and why.
    not_connected: Option<Failed>,
    /// When the last stream ended.
    done: Option<Duration>,
    /// Beside the streams there is something to do.
    has_errands: bool,
    /// When the connection is let go.
    release: Option<Duration>,
    /// It was there until then, and ended because we wanted it to.
    was_held: bool,
}

impl Caller {
    fn new(args: args::Dial, connection: ConnectionId) -> Self {
        Self {
            args,
            connection,
            calls: HashMap::new(),
            begun: 0,
            ended: 0,
            ok: 0,
            bytes: 0,
            connected: None,
            not_connected: None,
            done: None,
            has_errands: true,
            release: None,
            was_held: false,
        }
    }

    /// From the connection to the last stream's end.
    fn time(&self, world: &World) -> Duration {
        let end = self.done.unwrap_or_else(|| world.reporter.elapsed());
        self.connected.map_or(Duration::ZERO, |connected| end.saturating_sub(connected))
    }

    /// Begins streams, as many as are wanted at a time. After the last, the connection is held for a while.
    fn begin(&mut self, world: &mut World) {
        while self.begun < self.args.streams() && self.begun - self.ended < self.args.concurrency {
            let protocols = core::slice::from_ref(&self.args.protocol);
            // The connection is ending if it takes no more; its last event says why.
            let Ok(stream) = world.swarm.open_stream(self.connection, protocols) else { return };
            // What can be written before the peer has agreed travels with the proposal.
            let call = Call::new(self.begun, &self.args);
            self.calls.entry(stream).or_insert(call).go_on(&mut world.swarm, stream);
            self.begun += 1;
        }
        if self.ended == self.args.streams() {
            self.done = Some(world.reporter.elapsed());
            self.hold(world.reporter.elapsed());
        }
    }

    /// The connection, once it is up.
    fn connected(&self) -> Option<ConnectionId> {
        self.connected.map(|_| self.connection)
    }

    /// Nothing is to be done but the streams, from now on. `false`: that was said before.
    fn has_no_errands(&mut self, now: Duration) -> bool {
        let had = core::mem::replace(&mut self.has_errands, false);
        if had {
            self.hold(now);
        }
        had
    }

    /// Holds the connection for a while, if all is done.
    fn hold(&mut self, now: Duration) {
        if self.done.is_some() && !self.has_errands {
            self.release = Some(now + Duration::from_secs_f64(self.args.hold));
        }
    }

    fn go_on(&mut self, world: &mut World, stream: StreamId) {
        if let Some(call) = self.calls.get_mut(&stream) {
            call.go_on(&mut world.swarm, stream);
        }
    }

    /// A stream has ended, or failed (`None`).
    fn ended(&mut self, world: &mut World, stream: StreamId, end: Option<StreamEnd>) {
        if let Some(call) = self.calls.remove(&stream) {
            self.ended += 1;
            if end.is_some_and(|end| call.is_right(end)) {
                self.ok += 1;
                self.bytes += call.sent;
            }
            self.begin(world);
        }
    }
}

impl Notifee<World> for Caller {
    fn interest(&self) -> Interest {
        let connection = Interest::CONNECTED | Interest::CONNECT_FAILED | Interest::DISCONNECTED;
        let streams = Interest::OPENED_STREAM | Interest::STREAM_FAILED | Interest::CLOSED_STREAM;
        connection | streams | Interest::STREAM_READY | Interest::TIME
    }

    fn connected(&mut self, cx: &mut Context<'_, World>, _connection: ConnectionId) {
        let world = cx.network();
        self.connected = Some(world.reporter.elapsed());
        self.begin(world);
    }

    fn connect_failed(&mut self, cx: &mut Context<'_, World>, connection: ConnectionId, reason: Failure) {
        let swarm = &mut cx.network().swarm;
        let error = swarm.connection(connection).and_then(|view| view.error);
        self.not_connected = Some(Failed::to_dial(&self.args.address, reason, error));
        swarm.shutdown();
    }

    fn disconnected(&mut self, cx: &mut Context<'_, World>, _connection: ConnectionId, reason: ConnectionEnd) {
        self.release = None;
        self.was_held &= reason == ConnectionEnd::Shutdown;
        cx.network().swarm.shutdown();
    }

    fn opened_stream(&mut self, cx: &mut Context<'_, World>, _connection: ConnectionId, stream: StreamId) {
        self.go_on(cx.network(), stream);
    }

    fn stream_failed(
        &mut self,
        cx: &mut Context<'_, World>,
        _connection: ConnectionId,
        stream: StreamId,
        _reason: Failure,
    ) {
        self.ended(cx.network(), stream, None);
    }

    fn closed_stream(
        &mut self,
        cx: &mut Context<'_, World>,
        _connection: ConnectionId,
        stream: StreamId,
        reason: StreamEnd,
    ) {
        self.ended(cx.network(), stream, Some(reason));
    }

    fn stream_ready(&mut self, cx: &mut Context<'_, World>, stream: StreamId, _readable: bool, _writable: bool) {
        self.go_on(cx.network(), stream);
    }

    fn poll_at(&self) -> Option<Duration> {
        self.release
    }

    fn tick(&mut self, cx: &mut Context<'_, World>) {
        self.release = None;
        self.was_held = true;
        cx.network().swarm.shutdown();
    }
}

/// When our side of a stream ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// As soon as all is sent.
    HalfClose,
    /// Once all has come back.
    Finish,
    /// Once all has come back, by a reset.
    Reset,
}

/// One stream.
struct Call {
    /// Which it is: its bytes differ from the others'.
    number: u64,
    bytes: u64,
    expects_echo: bool,
    ending: Ending,
    sent: u64,
    received: u64,
    is_reset: bool,
    is_wrong: bool,
}

impl Call {
    fn new(number: u64, args: &args::Dial) -> Self {
        let expects_echo = args.protocol != SINK;
        let ending = match args.reset {
            true => Ending::Reset,
            false if args.half_close || !expects_echo => Ending::HalfClose,
            false => Ending::Finish,
        };
        let bytes = args.bytes;
        Self { number, bytes, expects_echo, ending, sent: 0, received: 0, is_reset: false, is_wrong: false }
    }

    /// The byte at a place of this stream.
    fn byte(&self, at: u64) -> u8 {
        (at.wrapping_mul(31).wrapping_add(self.number.wrapping_mul(7)) ^ (at >> 8)) as u8
    }

    /// All is sent, and all that was expected has come.
    fn is_complete(&self) -> bool {
        self.sent == self.bytes && (!self.expects_echo || self.received >= self.bytes)
    }

    /// Whether a stream that ended like this was all right.
    fn is_right(&self, end: StreamEnd) -> bool {
        let expected = if self.is_reset { StreamEnd::Reset(Side::Local) } else { StreamEnd::Finished };
        end == expected && self.is_reset == (self.ending == Ending::Reset) && self.is_complete() && !self.is_wrong
    }

    /// Writes, reads and ends, as far as that goes now.
    fn go_on(&mut self, swarm: &mut tcp::Swarm, stream: StreamId) {
        self.write(swarm, stream);
        if self.sent == self.bytes && self.ending == Ending::HalfClose {
            let _ = swarm.finish(stream);
        }
        let is_over = self.read(swarm, stream);
        if is_over || (self.is_complete() && self.ending == Ending::Finish) {
            let _ = swarm.finish(stream);
        } else if self.is_complete() && self.ending == Ending::Reset {
            // A reset before both have agreed on the protocol would be a failure.
            let is_open = swarm.stream(stream).is_some_and(|view| view.state == State::Open);
            self.is_reset |= is_open && swarm.reset(stream).is_ok();
        }
    }

    fn write(&mut self, swarm: &mut tcp::Swarm, stream: StreamId) {
        let mut buffer = [0; 16 * 1024];
        while self.sent < self.bytes {
            let n = (self.bytes - self.sent).min(buffer.len() as u64) as usize;
            for (at, byte) in (self.sent..).zip(&mut buffer[..n]) {
                *byte = self.byte(at);
            }
            match swarm.write(stream, &buffer[..n]) {
                Ok(n) => self.sent += n as u64,
                // There is no place yet; or it has ended, and its last event says why.
                Err(_) => return,
            }
        }
    }

    /// `true`: the other side has ended.
    fn read(&mut self, swarm: &mut tcp::Swarm, stream: StreamId) -> bool {
        let mut buffer = [0; 16 * 1024];
        loop {
            match swarm.read(stream, &mut buffer) {
                Ok(0) => {
                    self.is_wrong |= !self.is_complete();
                    return true;
                }
                Ok(n) => {
                    let is_echo = (self.received..).zip(&buffer[..n]).all(|(at, byte)| *byte == self.byte(at));
                    self.received += n as u64;
                    self.is_wrong |= !self.expects_echo || !is_echo || self.received > self.sent;
                }
                Err(_) => return false,
            }
        }
    }
}
