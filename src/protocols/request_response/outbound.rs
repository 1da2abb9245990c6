//! [`OutboundRequest`]: one of our requests, from the call of `request` to its outcome.
//!
//! ```text
//!            drive              the response arrives, or the stream fails
//! InLine ───────────▶ Sent ───────────────────────────────────────────────────▶ outcome
//!    │                 ▲                                                           ▲
//!    │ no connection   │ the peer connects                                         │
//!    └──────▶ Waiting ─┴───────────────────────────────────────────────────────────┘
//!                                     the deadline has passed
//! ```

use super::body::Body;
use super::{Codec, Config, Event, Exchange, GRACE, OutboundRequestId, RequestResponse, Target};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Failure, StreamId};
use crate::notifee::Node;
use crate::protocols::fails;
use crate::protocols::writer::Writer;
use crate::swarm::OpenStreamError;
use alloc::vec::Vec;
use core::time::Duration;

#[derive(Debug)]
pub(super) struct OutboundRequest {
    peer: PeerId,
    target: Target,
    /// The encoded request, and the number of its bytes that have been written to the stream.
    writer: Writer,
    state: OutboundRequestState,
    /// The time at which the request fails; `None` before the first drive.
    deadline: Option<Duration>,
    /// True if the owner has cancelled the request, so that there will be no outcome.
    is_cancelled: bool,
    /// True if the messages of the request were dropped to free memory. The request fails in the next drive.
    gives_way: bool,
    /// True if a task of a host waits for the outcome, so that no event is queued for the outcome.
    #[cfg(all(feature = "host", unix))]
    pub(super) is_awaited: bool,
}

#[derive(Debug)]
enum OutboundRequestState {
    /// The request is in the queue of requests that the next drive sends.
    InLine,
    /// The request waits until its peer is connected.
    Waiting,
    /// The request is being written, or the request is written and the response is being read.
    Sent { connection: ConnectionId, stream: StreamId, is_written: bool, body: Body },
}

impl OutboundRequest {
    pub(super) const fn new(peer: PeerId, target: Target, writer: Writer) -> Self {
        Self {
            peer,
            target,
            writer,
            state: OutboundRequestState::InLine,
            deadline: None,
            is_cancelled: false,
            gives_way: false,
            #[cfg(all(feature = "host", unix))]
            is_awaited: false,
        }
    }

    /// Cancels the request. Returns false if the request was cancelled before.
    pub(super) const fn cancel(&mut self) -> bool {
        !core::mem::replace(&mut self.is_cancelled, true)
    }

    /// Returns the number of bytes of heap that the request and the arrived part of its response take.
    pub(super) const fn held(&self) -> usize {
        let response = match &self.state {
            OutboundRequestState::InLine | OutboundRequestState::Waiting => 0,
            OutboundRequestState::Sent { body, .. } => body.held(),
        };
        self.writer.held().saturating_add(response)
    }

    /// Drops the request and its response to free memory. The request fails in the next drive.
    fn give_way(&mut self, config: &Config) {
        self.gives_way = true;
        self.writer = Writer::new(Vec::new());
        if let OutboundRequestState::Sent { body, .. } = &mut self.state {
            *body = Body::new(config.framing, 0);
        }
    }
}

impl<C: Codec> RequestResponse<C> {
    /// Sends a request that is in the queue, or makes it wait until its peer is connected. A request that was cancelled, or
    /// whose messages were dropped, is given up.
    pub(super) fn send(&mut self, node: &mut dyn Node, id: OutboundRequestId, now: Duration) {
        let Some(outbound) = self.outbound.get_mut(&id) else { return };
        if outbound.is_cancelled {
            return self.give_up(node, id, Failure::Requested);
        }
        if outbound.gives_way {
            return self.give_up(node, id, Failure::Limit);
        }
        if let OutboundRequestState::Sent { .. } = outbound.state {
            return;
        }
        // `request` has no clock, so the time of the request counts from its first drive, and goes on while it waits
        // for its peer.
        if outbound.deadline.is_none() {
            let at = now.saturating_add(self.config.timeout);
            self.deadlines.set(Exchange::Ask(id), &mut outbound.deadline, Some(at));
        }
        let opened = match outbound.target {
            Target::Connection(connection) => Some((connection, node.open_stream(connection, &self.protocols))),
            Target::Peer(peer) => self.peers.get(&peer).and_then(|connections| {
                let opened = |connection: &ConnectionId| {
                    let opened = node.open_stream(*connection, &self.protocols);
                    (*connection, opened)
                };
                // A connection that is being closed counts as absent, since the event that tells of its end will follow
                // soon.
                let is_decided = |opened: &(_, Result<_, OpenStreamError>)| match opened.1 {
                    Ok(_) | Err(OpenStreamError::Limit | OpenStreamError::NoProtocol) => true,
                    Err(OpenStreamError::NotOpen | OpenStreamError::Closing | OpenStreamError::Stale) => false,
                };
                connections.iter().rev().map(opened).find(is_decided)
            }),
        };
        match opened {
            Some((connection, Ok(stream))) => {
                let body = Body::new(self.config.framing, self.config.response_bytes);
                outbound.state = OutboundRequestState::Sent { connection, stream, is_written: false, body };
                self.streams.insert(stream, Exchange::Ask(id));
                self.go_on_asking(node, id);
            }
            Some((_, Err(error))) => self.outcome(id, Err(fails(error))),
            None => {
                outbound.state = OutboundRequestState::Waiting;
                self.waiting.entry(outbound.peer).or_default().push(id);
            }
        }
    }

    /// Writes the request or reads the response, as far as the stream allows, and updates the count of the memory that both
    /// take.
    pub(super) fn go_on_asking(&mut self, node: &mut dyn Node, id: OutboundRequestId) {
        self.write_and_read(node, id);
        if let Some(outbound) = self.outbound.get(&id) {
            self.outbound_bytes.set(outbound.peer, id, outbound.held());
            self.relieve_outbound();
        }
    }

    /// Frees memory while our requests and their responses take more than the bound. Each time, the peer whose messages take
    /// most memory loses its largest message, and the request to which that message belongs fails.
    pub(super) fn relieve_outbound(&mut self) {
        while self.outbound_bytes.all() > self.config.outbound_bytes {
            let Some(id) = self.outbound_bytes.largest() else { return };
            self.outbound_bytes.forget(id);
            if let Some(outbound) = self.outbound.get_mut(&id) {
                outbound.give_way(&self.config);
                self.to_send.push_back(id);
                continue;
            }
            #[cfg(all(feature = "host", unix))]
            if let Some(outcome) = self.awaited.get_mut(&id) {
                *outcome = Err(Failure::Limit);
                continue;
            }
            // The response has arrived whole, and the owner has not taken it.
            if let Some(event) = self.events.iter_mut().find(|event| event.outcome_of() == Some(id)) {
                event.lose_response();
            }
        }
    }

    fn write_and_read(&mut self, node: &mut dyn Node, id: OutboundRequestId) {
        let Some(OutboundRequest {
            writer,
            gives_way: false,
            state: OutboundRequestState::Sent { stream, is_written, body, .. },
            ..
        }) = self.outbound.get_mut(&id)
        else {
            return;
        };
        if !*is_written && writer.write_more(node, *stream) {
            *is_written = true;
            // Neither call fails, since the stream has just been written.
            let _ = node.finish(*stream);
            // The stream ends by our own deadline. If the service is uninstalled before, the swarm ends it a little
            // later.
            let _ = node.set_half_open_timeout(*stream, Some(self.config.timeout.saturating_add(GRACE)));
        }
        // The response is read even while the request is being written: a peer may answer before it has read
        // everything.
        let Some(answer) = body.read_more(node, *stream) else { return };
        let stream = *stream;
        // A peer that answers before it has read the whole request does not want the rest: the stream is reset.
        let is_polite = *is_written && answer.is_ok();
        self.streams.remove(stream);
        // The stream may have ended with the read.
        let _ = if is_polite { node.close_stream(stream) } else { node.reset(stream) };
        self.outcome(id, answer);
    }

    /// Handles the end of the stream of our request, even if the stream had not opened. The response may have arrived with
    /// the end.
    pub(super) fn asked_is_over(
        &mut self,
        node: &mut dyn Node,
        id: OutboundRequestId,
        stream: StreamId,
        reason: Failure,
    ) {
        let Some(OutboundRequest { state: OutboundRequestState::Sent { body, .. }, .. }) = self.outbound.get_mut(&id)
        else {
            return;
        };
        // Without a length, only the peer's FIN tells a whole response from one that a reset or the end of the
        // connection has cut.
        let is_finished = node.stream(stream).is_some_and(|view| view.is_remote_finished);
        let answer = body.cut(&node.take_unread(stream), is_finished, reason);
        self.outcome(id, answer);
    }

    /// Handles the deadline of one of our requests: the request fails with [`Failure::Timeout`].
    pub(super) fn asked_is_late(&mut self, node: &mut dyn Node, id: OutboundRequestId) {
        if let Some(outbound) = self.outbound.get_mut(&id) {
            outbound.deadline = None;
            self.give_up(node, id, Failure::Timeout);
        }
    }

    /// Fails one of our requests, and resets its stream if there is a stream.
    fn give_up(&mut self, node: &mut dyn Node, id: OutboundRequestId, reason: Failure) {
        if let Some(OutboundRequest { state: OutboundRequestState::Sent { stream, .. }, .. }) = self.outbound.get(&id) {
            self.streams.remove(*stream);
            // The stream may have ended already.
            let _ = node.reset(*stream);
        }
        self.outcome(id, Err(reason));
    }

    /// Ends one of our requests and reports its outcome.
    fn outcome(&mut self, id: OutboundRequestId, answer: Result<Vec<u8>, Failure>) {
        let Some(mut outbound) = self.outbound.remove(&id) else { return };
        self.deadlines.set(Exchange::Ask(id), &mut outbound.deadline, None);
        let peer = outbound.peer;
        let connection = match outbound.state {
            OutboundRequestState::Sent { connection, .. } => Some(connection),
            OutboundRequestState::InLine => None,
            OutboundRequestState::Waiting => {
                self.waits_no_longer(peer, id);
                None
            }
        };
        self.outbound_bytes.forget(id);
        if outbound.is_cancelled {
            self.outbound_held.lower(1);
            return;
        }
        let answer = if outbound.gives_way { Err(Failure::Limit) } else { answer };
        let bytes = answer.as_ref().map_or(0, Vec::len);
        let response = answer.and_then(|bytes| {
            self.codec.decode_response(bytes).map_err(|error| {
                log::debug!("{id} to {peer}: the response cannot be decoded: {error}");
                Failure::Protocol
            })
        });
        // The decoded response counts with its encoded length: the service does not know what the codec makes of it.
        if response.is_ok() {
            self.outbound_bytes.set(peer, id, bytes);
        }
        #[cfg(all(feature = "host", unix))]
        if outbound.is_awaited {
            self.awaited.insert(id, response);
            return self.relieve_outbound();
        }
        self.tell_outcome(id, (peer, connection), response);
        self.relieve_outbound();
    }

    fn tell_outcome(
        &mut self,
        id: OutboundRequestId,
        (peer, connection): (PeerId, Option<ConnectionId>),
        response: Result<C::Response, Failure>,
    ) {
        self.events.push_back(match (response, connection) {
            (Ok(response), Some(connection)) => Event::Response { connection, peer, id, response },
            // This cannot happen: without a connection the request was not sent, so nobody can have answered it.
            (Ok(_), None) => Event::OutboundFailure { connection, peer, id, reason: Failure::Protocol },
            (Err(reason), connection) => Event::OutboundFailure { connection, peer, id, reason },
        });
    }

    fn waits_no_longer(&mut self, peer: PeerId, id: OutboundRequestId) {
        if let Some(waiting) = self.waiting.get_mut(&peer) {
            waiting.retain(|other| *other != id);
            if waiting.is_empty() {
                self.waiting.remove(&peer);
            }
        }
    }
}
