//! The fields of an event's line in the log: the ids and the reason of the event, and properties of the listener, connection
//! or stream that the event names.

use super::line::LogLine;
use libp2p_identity::PeerId;
use serde_json::Map;
use swarm_notify::lifecycle::{ConnectionId, Event, Id, ListenerId, StreamId};
use swarm_notify::swarm::{Multiaddr, Refusal, RefusedAt, multiaddr};
use swarm_notify::tcp;

/// Adds the fields of an event to its line.
pub(crate) fn describe(swarm: &tcp::Swarm, event: Event, line: &mut LogLine) {
    let mut put = |key, value: String| line.put(key, value);
    match event {
        Event::Listen { listener } => put("listener", listener.to_string()),
        Event::ListenFailed { listener, reason } => {
            put("listener", listener.to_string());
            put("reason", reason.to_string());
        }
        Event::ListenClose { listener, reason } => {
            put("listener", listener.to_string());
            put("reason", reason.to_string());
        }
        Event::Connected { connection } => put("connection", connection.to_string()),
        Event::ConnectFailed { connection, reason } => {
            put("connection", connection.to_string());
            put("reason", reason.to_string());
        }
        Event::Disconnected { connection, reason } => {
            put("connection", connection.to_string());
            put("reason", reason.to_string());
        }
        Event::OpenedStream { connection, stream } => {
            put("connection", connection.to_string());
            put("stream", stream.to_string());
        }
        Event::StreamFailed { connection, stream, reason } => {
            put("connection", connection.to_string());
            put("stream", stream.to_string());
            put("reason", reason.to_string());
        }
        Event::ClosedStream { connection, stream, reason } => {
            put("connection", connection.to_string());
            put("stream", stream.to_string());
            put("reason", reason.to_string());
        }
    }
    // The text of an error is printed only with the last event of a listener or connection, although it may be known already
    // when an earlier event is printed.
    let is_last = event.is_last();
    match event {
        Event::Listen { listener } | Event::ListenFailed { listener, .. } | Event::ListenClose { listener, .. } => {
            describe_listener(swarm, listener, is_last, line);
        }
        Event::Connected { connection }
        | Event::ConnectFailed { connection, .. }
        | Event::Disconnected { connection, .. } => describe_connection(swarm, connection, is_last, line),
        Event::OpenedStream { stream, .. }
        | Event::StreamFailed { stream, .. }
        | Event::ClosedStream { stream, .. } => describe_stream(swarm, stream, line),
    }
}

/// Returns the event that has told the opening of a listener, connection or stream. Returns `None` for a stream that the
/// swarm does not know any more.
pub(super) fn opening(swarm: &tcp::Swarm, id: Id) -> Option<Event> {
    Some(match id {
        Id::Listener(listener) => Event::Listen { listener },
        Id::Connection(connection) => Event::Connected { connection },
        Id::Stream(stream) => Event::OpenedStream { connection: swarm.stream(stream)?.connection, stream },
    })
}

fn describe_listener(swarm: &tcp::Swarm, id: ListenerId, is_last: bool, line: &mut LogLine) {
    let Some(listener) = swarm.listener(id) else { return };
    // A listener that could not open has no addresses. In this case, the address that was asked for is printed.
    let addresses =
        if listener.addresses.is_empty() { core::slice::from_ref(listener.address) } else { listener.addresses };
    let full = |address| with_peer(address, swarm.local_peer()).to_string();
    line.put("addresses", addresses.iter().map(full).collect::<Vec<_>>());
    if let Some(error) = listener.error.filter(|_| is_last) {
        line.put("error", error);
    }
}

/// Adds to `line` the number of refusals of each kind at a listener or connection. For a connection, also adds the number of
/// streams that had to wait because the peer opened streams faster than the rate allows. Numbers that are 0 are left out.
pub(crate) fn describe_refused(swarm: &tcp::Swarm, id: Id, line: &mut LogLine) {
    let paced = match id {
        Id::Connection(id) => swarm.connection(id).map_or(0, |view| view.streams_paced),
        Id::Listener(_) | Id::Stream(_) => 0,
    };
    let at = match id {
        Id::Listener(id) => RefusedAt::Listener(id),
        Id::Connection(id) => RefusedAt::Connection(id),
        Id::Stream(_) => return,
    };
    let counts = Refusal::ALL.iter().map(|refusal| (refusal, swarm.refused_at(at, *refusal)));
    let counts: Map<_, _> =
        counts.filter(|(_, count)| *count > 0).map(|(refusal, count)| (refusal.to_string(), count.into())).collect();
    if !counts.is_empty() {
        line.put("refused", counts);
    }
    if paced > 0 {
        line.put("paced", paced);
    }
}

/// Splits an address into the part before the peer id at its end, and the peer id. The second value is `None` if the address
/// does not end with a peer id.
pub(super) fn split_peer(address: &Multiaddr) -> (Multiaddr, Option<PeerId>) {
    let mut plain = address.clone();
    match plain.pop() {
        Some(multiaddr::Protocol::P2p(peer)) => (plain, Some(peer)),
        Some(_) | None => (address.clone(), None),
    }
}

/// Returns an address with the peer id `peer` at its end. If the address already ends with a peer id, it is returned
/// unchanged.
pub(super) fn with_peer(address: &Multiaddr, peer: PeerId) -> Multiaddr {
    match address.iter().last() {
        Some(multiaddr::Protocol::P2p(_)) => address.clone(),
        Some(_) | None => address.clone().with(multiaddr::Protocol::P2p(peer)),
    }
}

fn describe_connection(swarm: &tcp::Swarm, id: ConnectionId, is_last: bool, line: &mut LogLine) {
    let Some(connection) = swarm.connection(id) else { return };
    line.put("remote", connection.remote.to_string());
    if let Some(peer) = connection.peer {
        line.put("peer", peer.to_string());
    }
    line.put("direction", connection.direction.to_string());
    if let Some(error) = connection.error.filter(|_| is_last) {
        line.put("error", error);
    }
}

fn describe_stream(swarm: &tcp::Swarm, id: StreamId, line: &mut LogLine) {
    let Some(stream) = swarm.stream(id) else { return };
    line.put("direction", stream.direction.to_string());
    if let Some(protocol) = stream.protocol {
        line.put("protocol", protocol.to_string());
    }
}
