//! [`StreamWatch`]: a notifee that records the state of our floodsub streams for the publisher, and wakes the loop at a
//! given time.

use crate::node::LoggedSwarm;
use std::collections::BTreeSet;
use std::time::Duration;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Direction, Failure, StreamEnd, StreamId};
use swarm_notify::notifee::{Interest, Notifee, NotifeeContext};
use swarm_notify::protocols::{floodsub, gossipsub};

/// The floodsub streams that this node has opened, and their events since the publisher's last check.
#[derive(Default)]
pub(super) struct StreamWatch {
    /// The floodsub streams of this node that are open.
    pub(super) streams: BTreeSet<StreamId>,
    /// `true` if a stream has ended since the publisher's last check.
    pub(super) is_lost: bool,
    /// `true` if a peer has refused the protocol since the publisher's last check.
    pub(super) is_unsupported: bool,
    pub(super) is_connected: bool,
    /// The total number of bytes that were sent on streams which have ended.
    pub(super) sent: u64,
    /// The time of the publisher's next check, even if nothing happens until then, or `None` if no such check is needed.
    pub(super) look_at: Option<Duration>,
}

impl Notifee<LoggedSwarm> for StreamWatch {
    fn interest(&self) -> Interest {
        let streams = Interest::OPENED_STREAM | Interest::STREAM_FAILED | Interest::CLOSED_STREAM;
        streams | Interest::CONNECTED | Interest::DISCONNECTED | Interest::TIME
    }

    fn connected(&mut self, _: &mut NotifeeContext<'_, LoggedSwarm>, _: ConnectionId) {
        self.is_connected = true;
    }

    fn disconnected(&mut self, _: &mut NotifeeContext<'_, LoggedSwarm>, _: ConnectionId, _: ConnectionEnd) {
        self.is_connected = false;
    }

    fn opened_stream(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>, _: ConnectionId, stream: StreamId) {
        if is_ours(cx.network(), stream) {
            self.streams.insert(stream);
        }
    }

    fn stream_failed(
        &mut self,
        cx: &mut NotifeeContext<'_, LoggedSwarm>,
        _: ConnectionId,
        stream: StreamId,
        reason: Failure,
    ) {
        self.is_unsupported |= reason == Failure::Unsupported && is_ours(cx.network(), stream);
    }

    fn closed_stream(
        &mut self,
        cx: &mut NotifeeContext<'_, LoggedSwarm>,
        _: ConnectionId,
        stream: StreamId,
        _: StreamEnd,
    ) {
        if self.streams.remove(&stream) {
            self.is_lost = true;
            self.sent += cx.network().swarm.stream(stream).map_or(0, |view| view.sent);
        }
    }

    fn poll_at(&self) -> Option<Duration> {
        self.look_at
    }

    fn tick(&mut self, cx: &mut NotifeeContext<'_, LoggedSwarm>) {
        let now = cx.now();
        // The publisher makes its check after each turn anyway, and then sets the time of the next check.
        self.look_at.take_if(|at| *at <= now);
    }
}

/// Returns whether this node has opened the stream, and the stream's protocol is one of pub/sub. A stream for which the peer
/// has refused all protocols has none; only gossipsub proposes several.
fn is_ours(world: &LoggedSwarm, stream: StreamId) -> bool {
    let all = [
        floodsub::PROTOCOL,
        gossipsub::PROTOCOL_1_0,
        gossipsub::PROTOCOL_1_1,
        gossipsub::PROTOCOL_1_2,
        gossipsub::PROTOCOL_1_3,
    ];
    let view = world.swarm.stream(stream);
    view.is_some_and(|view| {
        view.direction == Direction::Outbound && view.protocol.is_none_or(|protocol| all.contains(protocol))
    })
}
