//! [`InboundRequest`]: a request of a peer, from the opening of its stream to its outcome.
//!
//! ```text
//!          request is whole         respond, refuse           response is handed to the system
//! Arriving ───────────────▶ Waiting ───────────────▶ Answering ────────────────────────────────▶ outcome
//!    │       Event::Request    └──────────────▶ Refused ──────────────────────────────────────────▶ outcome
//!    └─▶ refused by the service, without an event
//! ```
//!
//! In each state a request may give way to a request of another peer, or its message may be dropped to free memory.

use super::body::Body;
#[cfg(all(feature = "host", unix))]
use super::handled::Handled;
use super::places::{RequestPlaces, Spared};
use super::{Codec, Event, Exchange, GRACE, InboundRequestId, RequestResponse};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Direction, Failure, StreamEnd, StreamId};
use crate::notifee::Node;
use crate::protocols::writer::Writer;
use alloc::vec::Vec;
use core::time::Duration;

#[derive(Debug)]
pub(super) struct InboundRequest {
    connection: ConnectionId,
    peer: PeerId,
    stream: StreamId,
    state: InboundRequestState,
    deadline: Option<Duration>,
}

#[derive(Debug)]
enum InboundRequestState {
    /// The request has not arrived whole. The field contains the part that has arrived.
    Arriving(Body),
    /// The owner has the request and has not responded, or the request's event is in the queue.
    Waiting,
    /// The owner has refused the request. The next drive resets the stream.
    Refused,
    /// The response is being written.
    Answering { writer: Writer, is_written: bool },
    /// The message of the request was dropped to free memory. The next drive resets the stream. `is_untold` is true if the
    /// owner has not taken the request; then the owner is not told that the request has ended.
    GivesWay { is_untold: bool },
}

impl InboundRequest {
    pub(super) const fn peer(&self) -> PeerId {
        self.peer
    }

    /// Returns whether the request waits for the owner's response.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.state, InboundRequestState::Waiting)
    }

    /// Returns whether the owner has not seen the request, and therefore is not told of its end.
    const fn is_untold(&self) -> bool {
        matches!(self.state, InboundRequestState::Arriving(_) | InboundRequestState::GivesWay { is_untold: true })
    }

    /// Returns the amount of work that need not be done any more if this request gives way. Of the requests of one peer, the
    /// request with the greatest amount gives way first.
    const fn spared(&self) -> Spared {
        match self.state {
            InboundRequestState::Arriving(_) | InboundRequestState::Refused | InboundRequestState::GivesWay { .. } => {
                Spared::All
            }
            InboundRequestState::Answering { .. } => Spared::Writing,
            InboundRequestState::Waiting => Spared::Nothing,
        }
    }

    /// Changes the state of the request, and records the change in `places`, which chooses the request that gives way first.
    fn set(&mut self, id: InboundRequestId, state: InboundRequestState, places: &mut RequestPlaces) {
        let from = self.spared();
        self.state = state;
        places.goes_on(&self.peer, id, from, Some(self.spared()));
    }
}

impl<C: Codec> RequestResponse<C> {
    /// Begins to write the response to a request that waits for it.
    pub(super) fn answer(&mut self, id: InboundRequestId, writer: Writer) {
        if let Some(inbound) = self.inbound.get_mut(&id) {
            inbound.set(id, InboundRequestState::Answering { writer, is_written: false }, &mut self.places);
        }
    }

    /// Marks a request that waits for a response as refused by the owner.
    pub(super) fn refuse_to_answer(&mut self, id: InboundRequestId) {
        if let Some(inbound) = self.inbound.get_mut(&id) {
            inbound.set(id, InboundRequestState::Refused, &mut self.places);
        }
    }

    /// Handles a stream that a peer has opened. If the stream has one of the protocols of this service, a request begins to
    /// arrive on it.
    pub(super) fn peer_asks(&mut self, node: &mut dyn Node, connection: ConnectionId, stream: StreamId, now: Duration) {
        let is_ours = node.stream(stream).is_some_and(|view| {
            view.direction == Direction::Inbound
                && view.protocol.is_some_and(|protocol| self.protocols.contains(protocol))
        });
        // Such a stream is possible without `answers`: another service of the node may have registered the same
        // protocol.
        if !is_ours || !self.config.answers {
            return;
        }
        let Some(peer) = self.connections.get(connection).copied() else { return };
        if !self.has_place(node, peer) {
            self.refused.raise(1);
            // This cannot fail: the stream has just opened.
            let _ = node.reset(stream);
            return;
        }
        let id = InboundRequestId(self.next_inbound);
        self.next_inbound.raise(1);
        let body = Body::new(self.config.framing, self.config.request_bytes);
        let mut inbound =
            InboundRequest { connection, peer, stream, state: InboundRequestState::Arriving(body), deadline: None };
        let at = now.saturating_add(self.config.inbound_timeout);
        self.deadlines.set(Exchange::Answer(id), &mut inbound.deadline, Some(at));
        self.inbound.insert(id, inbound);
        self.streams.insert(stream, Exchange::Answer(id));
        self.places.take(peer, id);
        self.go_on_answering(node, id);
    }

    /// Makes sure that there is a place for one more request of a peer. If necessary, another request gives way. Returns
    /// false if there is no place and no request may give way.
    fn has_place(&mut self, node: &mut dyn Node, peer: PeerId) -> bool {
        // If a full table refused every newcomer, 8 peers with their 16 places each would shut everybody else out: requests
        // that never end, or responses that are never read, keep a place for `inbound_timeout` (10 s), and can be repeated
        // for ever. So the peer with the most places pays, whatever state its requests are in. That peer has to have two
        // places more than the newcomer. With a difference of one, both peers could take the same place from each other for
        // ever.
        let held = self.places.of(&peer);
        if held >= self.config.inbound_requests_per_peer {
            return false;
        }
        if self.places.in_all() < self.config.inbound_requests {
            return true;
        }
        // A request of the peer with the most requests gives way, or else the oldest request that the owner is not working
        // on. In the second case each other peer has only one place, as when 128 identities have one request each. The
        // oldest request is then most likely of a peer that only occupies its place, since the request of an honest peer
        // would have ended long ago. The owner's work is never lost in this case.
        let oldest = || self.places.oldest_spare().filter(|_| held == 0);
        let Some(id) = self.places.of_greediest(held.saturating_add(1)).or_else(oldest) else { return false };
        self.give_way(node, id);
        true
    }

    /// Ends a peer's request in favour of another peer. The place of the request is free at once, even before the owner has
    /// taken the outcome.
    fn give_way(&mut self, node: &mut dyn Node, id: InboundRequestId) {
        let Some(inbound) = self.inbound.get(&id) else { return };
        let peer = inbound.peer;
        let reason =
            if matches!(inbound.state, InboundRequestState::Refused) { Failure::Requested } else { Failure::Limit };
        self.give_up_inbound(node, id, reason);
        if !matches!(self.events.back(), Some(Event::InboundFailure { id: last, .. }) if *last == id) {
            // No outcome was queued, so the place has been freed already.
            return;
        }
        self.places.free(&peer);
        let before = self.events.len();
        self.events.retain(|event| !event.asks(id));
        if self.events.len() < before {
            // The owner has not taken the request, so the owner is not told the outcome either.
            self.events.pop_back();
            self.refused.raise(1);
        } else {
            self.gave_way.insert(id);
        }
    }

    /// Frees memory while the requests of peers and our responses take more than the bound. Each time, the peer whose
    /// messages take most memory loses its largest message, and the request to which that message belongs is given up.
    pub(super) fn relieve_inbound(&mut self) {
        // `respond` calls this without a node, so the stream is reset in the next drive, and the request is in a state
        // of its own until then. `forget` comes first, so that the loop does not find the same message again.
        while self.inbound_bytes.all() > self.config.inbound_bytes {
            let Some(id) = self.inbound_bytes.largest() else { return };
            self.inbound_bytes.forget(id);
            let Some(inbound) = self.inbound.get_mut(&id) else { continue };
            let before = self.events.len();
            self.events.retain(|event| !event.asks(id));
            let is_untold = inbound.is_untold() || self.events.len() < before;
            #[cfg(all(feature = "host", unix))]
            if let Some(handled) = &mut self.handled {
                handled.retain(|handled| handled.id != id);
            }
            inbound.set(id, InboundRequestState::GivesWay { is_untold }, &mut self.places);
            self.to_answer.push_back(id);
        }
    }

    /// Reads the request or writes the response, as far as the stream allows, and updates the count of the memory that both
    /// take.
    pub(super) fn go_on_answering(&mut self, node: &mut dyn Node, id: InboundRequestId) {
        self.read_or_write(node, id);
        let Some(inbound) = self.inbound.get(&id) else { return };
        let held = match &inbound.state {
            InboundRequestState::Arriving(body) => body.held(),
            InboundRequestState::Answering { writer, .. } => writer.held(),
            // The memory of a request that waits for the owner is counted until the owner takes the request.
            InboundRequestState::Waiting => return self.relieve_inbound(),
            InboundRequestState::Refused | InboundRequestState::GivesWay { .. } => 0,
        };
        self.inbound_bytes.set(inbound.peer, id, held);
        self.relieve_inbound();
    }

    fn read_or_write(&mut self, node: &mut dyn Node, id: InboundRequestId) {
        let Some(inbound) = self.inbound.get_mut(&id) else { return };
        let stream = inbound.stream;
        match &mut inbound.state {
            InboundRequestState::Arriving(body) => {
                let Some(request) = body.read_more(node, stream) else { return };
                let bytes = request.as_ref().map_or(0, Vec::len);
                let request = request.map_err(|reason| log::debug!("{id} has failed: {reason}")).and_then(|bytes| {
                    self.codec.decode_request(bytes).map_err(|error| log::debug!("{id} is malformed: {error}"))
                });
                let Ok(request) = request else { return self.give_up_inbound(node, id, Failure::Protocol) };
                inbound.set(id, InboundRequestState::Waiting, &mut self.places);
                // The stream ends by our own deadline. If the service is uninstalled before, the swarm ends it a little
                // later.
                let _ = node.set_half_open_timeout(stream, Some(self.config.inbound_timeout.saturating_add(GRACE)));
                let (connection, peer) = (inbound.connection, inbound.peer);
                self.inbound_bytes.set(peer, id, bytes);
                #[cfg(all(feature = "host", unix))]
                if let Some(handled) = &mut self.handled {
                    handled.push_back(Handled { id, peer, request });
                    return;
                }
                self.events.push_back(Event::Request { connection, peer, id, request });
            }
            InboundRequestState::Waiting => {}
            InboundRequestState::Refused => self.give_up_inbound(node, id, Failure::Requested),
            InboundRequestState::GivesWay { .. } => self.give_up_inbound(node, id, Failure::Limit),
            InboundRequestState::Answering { writer, is_written } => {
                if !*is_written && writer.write_more(node, stream) {
                    *is_written = true;
                    // This cannot fail, since the stream has just been written.
                    let _ = node.finish(stream);
                }
                // If the stream has ended, `closed_stream` tells whether the whole response was sent.
                if *is_written && node.flush(stream).is_ok() {
                    self.streams.remove(stream);
                    // The stream may have ended already.
                    let _ = node.close_stream(stream);
                    self.inbound_is_over(id, None);
                }
            }
        }
    }

    /// Handles the end of the stream of a peer's request.
    pub(super) fn answered_is_over(&mut self, id: InboundRequestId, reason: StreamEnd) {
        let is_answered = self
            .inbound
            .get(&id)
            .is_some_and(|inbound| matches!(inbound.state, InboundRequestState::Answering { is_written: true, .. }));
        let is_sent = is_answered && reason == StreamEnd::Finished;
        self.inbound_is_over(id, (!is_sent).then(|| reason.into()));
    }

    /// Handles the deadline of a peer's request.
    pub(super) fn answered_is_late(&mut self, node: &mut dyn Node, id: InboundRequestId) {
        if let Some(inbound) = self.inbound.get_mut(&id) {
            inbound.deadline = None;
            self.give_up_inbound(node, id, Failure::Timeout);
        }
    }

    /// Resets the stream of a peer's request, and ends the request.
    fn give_up_inbound(&mut self, node: &mut dyn Node, id: InboundRequestId, reason: Failure) {
        let Some(inbound) = self.inbound.get(&id) else { return };
        // The stream leaves the table before its reset, so that its `closed_stream` finds no request: the outcome is
        // told here.
        self.streams.remove(inbound.stream);
        // The stream may have ended already.
        let _ = node.reset(inbound.stream);
        self.inbound_is_over(id, Some(reason));
    }

    /// Ends a peer's request and reports its outcome. `reason` is `None` if the whole response was sent.
    fn inbound_is_over(&mut self, id: InboundRequestId, reason: Option<Failure>) {
        let Some(mut inbound) = self.inbound.remove(&id) else { return };
        self.deadlines.set(Exchange::Answer(id), &mut inbound.deadline, None);
        self.inbound_bytes.forget(id);
        let InboundRequest { connection, peer, .. } = inbound;
        self.places.goes_on(&peer, id, inbound.spared(), None);
        // Nobody will take an outcome, so nothing else would free the place.
        if inbound.is_untold() {
            self.refused.raise(1);
            return self.places.free(&peer);
        }
        #[cfg(all(feature = "host", unix))]
        if let Some(handled) = &mut self.handled {
            // The request is removed from the handler's queue if the handler has not begun to answer it.
            handled.retain(|handled| handled.id != id);
            return self.places.free(&peer);
        }
        self.events.push_back(match reason {
            None => Event::ResponseSent { connection, peer, id },
            Some(reason) => Event::InboundFailure { connection, peer, id, reason },
        });
    }

    /// Returns a writer for a message in its form on the stream, or `None` if the message is longer than `max` bytes.
    pub(super) fn framed(&self, bytes: Vec<u8>, max: usize) -> Option<Writer> {
        (bytes.len() <= max).then(|| Writer::new(self.config.framing.frame(bytes)))
    }
}
