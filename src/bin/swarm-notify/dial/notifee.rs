//! The trait `Notifee` for [`DialRun`]: the work that it does at each event and at its deadlines.

use super::DialRun;
use crate::failed::Failed;
use crate::node::LoggedSwarm;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Failure, StreamEnd, StreamId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};

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
        // This call is needed if there are no streams to begin.
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
        // If more streams are to begin, the next round begins at once.
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
