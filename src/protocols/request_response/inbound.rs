//! [`InboundRequest`]: a request of a peer's, from the opening of its stream to its outcome.
//!
//! ```text
//!            all has come           respond, refuse           all has been handed to the system
//! Arriving ───────────────▶ Waiting ───────────────▶ Answering ────────────────────────────────▶ outcome
//!    │       Event::Request    └──────────────▶ Refused ──────────────────────────────────────────▶ outcome
//!    └─▶ refused, without an event
//! ```
//!
//! In each state a request may give way to that of a peer that has fewer, or lose its messages to the bound of their memory.

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
    /// Not all of the request has come.
    Arriving(Body),
    /// The owner has it, or is to take it.
    Waiting,
    /// The owner has refused it; the next drive resets the stream.
    Refused,
    /// The response is being written.
    Answering { writer: Writer, is_written: bool },
    /// It has lost its message to the bound of all; the next drive resets the stream. `is_untold`: the owner has not taken it,
    /// and hears nothing of it.
    GivesWay { is_untold: bool },
}

impl InboundRequest {
    pub(super) const fn peer(&self) -> PeerId {
        self.peer
    }

    /// Returns whether the owner may answer.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.state, InboundRequestState::Waiting)
    }

    /// Returns whether the owner has nothing to hear of it.
    const fn is_untold(&self) -> bool {
        matches!(self.state, InboundRequestState::Arriving(_) | InboundRequestState::GivesWay { is_untold: true })
    }

    /// The order in which requests of one peer give way: the more work the owner has put into one, the later.
    const fn spared(&self) -> Spared {
        match self.state {
            InboundRequestState::Arriving(_) | InboundRequestState::Refused | InboundRequestState::GivesWay { .. } => {
                Spared::All
            }
            InboundRequestState::Answering { .. } => Spared::Writing,
            InboundRequestState::Waiting => Spared::Nothing,
        }
    }

    /// Goes on to another state. The places are told, since they know which request gives way first.
    fn set(&mut self, id: InboundRequestId, state: InboundRequestState, places: &mut RequestPlaces) {
        let from = self.spared();
        self.state = state;
        places.goes_on(&self.peer, id, from, Some(self.spared()));
    }
}

impl<C: Codec> RequestResponse<C> {
    /// The owner has answered a request that waits.
    pub(super) fn answer(&mut self, id: InboundRequestId, writer: Writer) {
        if let Some(inbound) = self.inbound.get_mut(&id) {
            inbound.set(id, InboundRequestState::Answering { writer, is_written: false }, &mut self.places);
        }
    }

    /// The owner has refused a request that waits.
    pub(super) fn refuse_to_answer(&mut self, id: InboundRequestId) {
        if let Some(inbound) = self.inbound.get_mut(&id) {
            inbound.set(id, InboundRequestState::Refused, &mut self.places);
        }
    }

    /// A stream has opened that is not ours: a peer asks, if it chose one of our protocols.
    pub(super) fn peer_asks(&mut self, node: &mut dyn Node, connection: ConnectionId, stream: StreamId, now: Duration) {
        let is_ours = node.stream(stream).is_some_and(|view| {
            view.direction == Direction::Inbound
                && view.protocol.is_some_and(|protocol| self.protocols.contains(protocol))
        });
        if !is_ours || !self.config.answers {
            return;
        }
        let Some(peer) = self.connections.get(connection).copied() else { return };
        if !self.has_place(node, peer) {
            self.refused.raise(1);
            // It has just opened.
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

    /// Finds a place for one more request of a peer, if need be that of the peer that has the most.
    fn has_place(&mut self, node: &mut dyn Node, peer: PeerId) -> bool {
        let held = self.places.of(&peer);
        if held >= self.config.inbound_requests_per_peer {
            return false;
        }
        if self.places.in_all() < self.config.inbound_requests {
            return true;
        }
        // The last one of the peer that has the most, or the oldest of all that the owner is not at work on: a peer that is
        // honest is long done with its request where others hold a place each, and nothing else.
        let oldest = || self.places.oldest_spare().filter(|_| held == 0);
        let Some(id) = self.places.of_greediest(held.saturating_add(1)).or_else(oldest) else { return false };
        self.give_way(node, id);
        true
    }

    /// Ends a peer's request for one of another peer, and gives its place back at once, whoever takes its outcome when.
    fn give_way(&mut self, node: &mut dyn Node, id: InboundRequestId) {
        let Some(inbound) = self.inbound.get(&id) else { return };
        let peer = inbound.peer;
        let reason =
            if matches!(inbound.state, InboundRequestState::Refused) { Failure::Requested } else { Failure::Limit };
        self.give_up_inbound(node, id, reason);
        if !matches!(self.events.back(), Some(Event::InboundFailure { id: last, .. }) if *last == id) {
            // Nobody is told of it, so its place is free already.
            return;
        }
        self.places.free(&peer);
        let before = self.events.len();
        self.events.retain(|event| !event.asks(id));
        if self.events.len() < before {
            // The owner has not taken it, and has nothing to hear of it.
            self.events.pop_back();
            self.refused.raise(1);
        } else {
            self.gave_way.insert(id);
        }
    }

    /// While requests of peers and our responses take more memory than they may, the peer for which most is taken loses the
    /// largest: its request is given up.
    pub(super) fn relieve_inbound(&mut self) {
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

    /// Reads or writes what can be.
    pub(super) fn go_on_answering(&mut self, node: &mut dyn Node, id: InboundRequestId) {
        self.read_or_write(node, id);
        let Some(inbound) = self.inbound.get(&id) else { return };
        let held = match &inbound.state {
            InboundRequestState::Arriving(body) => body.held(),
            InboundRequestState::Answering { writer, .. } => writer.held(),
            // What waits for the owner is counted until it is taken.
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
                let request = request.map_err(|reason| log::debug!("{id}: no request: {reason}")).and_then(|bytes| {
                    self.codec.decode_request(bytes).map_err(|error| log::debug!("{id}: no request: {error}"))
                });
                let Ok(request) = request else { return self.give_up_inbound(node, id, Failure::Protocol) };
                inbound.set(id, InboundRequestState::Waiting, &mut self.places);
                // It ends by our own deadline, or without us a little later.
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
                    // It has just been written to.
                    let _ = node.finish(stream);
                }
                // Once the stream has ended, its end says whether all was sent.
                if *is_written && node.flush(stream).is_ok() {
                    self.streams.remove(stream);
                    // It may have ended already.
                    let _ = node.close_stream(stream);
                    self.inbound_is_over(id, None);
                }
            }
        }
    }

    /// The stream of a peer's request has ended.
    pub(super) fn answered_is_over(&mut self, id: InboundRequestId, reason: StreamEnd) {
        let is_answered = self
            .inbound
            .get(&id)
            .is_some_and(|inbound| matches!(inbound.state, InboundRequestState::Answering { is_written: true, .. }));
        let is_sent = is_answered && reason == StreamEnd::Finished;
        self.inbound_is_over(id, (!is_sent).then(|| reason.into()));
    }

    /// The time for a peer's request is over.
    pub(super) fn answered_is_late(&mut self, node: &mut dyn Node, id: InboundRequestId) {
        if let Some(inbound) = self.inbound.get_mut(&id) {
            inbound.deadline = None;
            self.give_up_inbound(node, id, Failure::Timeout);
        }
    }

    /// Resets the stream of a peer's request.
    fn give_up_inbound(&mut self, node: &mut dyn Node, id: InboundRequestId, reason: Failure) {
        let Some(inbound) = self.inbound.get(&id) else { return };
        self.streams.remove(inbound.stream);
        // It may have ended already.
        let _ = node.reset(inbound.stream);
        self.inbound_is_over(id, Some(reason));
    }

    /// The end of a peer's request: for a reason, or because all of the response is sent.
    fn inbound_is_over(&mut self, id: InboundRequestId, reason: Option<Failure>) {
        let Some(mut inbound) = self.inbound.remove(&id) else { return };
        self.deadlines.set(Exchange::Answer(id), &mut inbound.deadline, None);
        self.inbound_bytes.forget(id);
        let InboundRequest { connection, peer, .. } = inbound;
        self.places.goes_on(&peer, id, inbound.spared(), None);
        if inbound.is_untold() {
            self.refused.raise(1);
            return self.places.free(&peer);
        }
        #[cfg(all(feature = "host", unix))]
        if let Some(handled) = &mut self.handled {
            // Nobody has begun to answer it, and nobody needs to.
            handled.retain(|handled| handled.id != id);
            return self.places.free(&peer);
        }
        self.events.push_back(match reason {
            None => Event::ResponseSent { connection, peer, id },
            Some(reason) => Event::InboundFailure { connection, peer, id, reason },
        });
    }

    /// A message as it stands on its stream; `None` if it is longer than `max`.
    pub(super) fn framed(&self, bytes: Vec<u8>, max: usize) -> Option<Writer> {
        (bytes.len() <= max).then(|| Writer::new(self.config.framing.frame(bytes)))
    }
}
