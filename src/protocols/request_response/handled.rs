//! The requests of peers that the handler of a host answers, and our requests for whose outcome a task of a host waits. The
//! service queues no events for these requests and outcomes, so that nobody else can take them from the event queue.

use super::{Codec, InboundRequestId, OutboundRequestId, RequestResponse};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::lifecycle::Failure;
use alloc::collections::VecDeque;

/// A request of a peer that the handler of a host answers.
pub(crate) struct Handled<Request> {
    pub(crate) id: InboundRequestId,
    pub(crate) peer: PeerId,
    pub(crate) request: Request,
}

impl<C: Codec> RequestResponse<C> {
    /// Marks a request of ours as awaited: its outcome is kept for the task that asks for it by id, and no event is queued
    /// for it.
    pub(crate) fn await_outcome(&mut self, id: OutboundRequestId) {
        if let Some(outbound) = self.outbound.get_mut(&id) {
            outbound.is_awaited = true;
        }
    }

    /// Removes the outcome of an awaited request and returns it, or returns `None` if there is no outcome yet.
    pub(crate) fn take_awaited(&mut self, id: OutboundRequestId) -> Option<Result<C::Response, Failure>> {
        let outcome = self.awaited.remove(&id)?;
        self.outbound_held.lower(1);
        self.outbound_bytes.forget(id);
        Some(outcome)
    }

    /// Makes the service keep all further requests of peers for a handler, without queueing events for them. Returns the
    /// maximum number of requests of peers at a time, or `None` if there is a handler already.
    pub(crate) fn have_handled(&mut self) -> Option<usize> {
        let is_new = self.handled.is_none();
        self.handled.get_or_insert_default();
        is_new.then_some(self.config.inbound_requests)
    }

    /// Removes the oldest request that waits for the handler and returns it, if there is one.
    pub(crate) fn next_handled(&mut self) -> Option<Handled<C::Request>> {
        let handled = self.handled.as_mut().and_then(VecDeque::pop_front)?;
        self.inbound_bytes.forget(handled.id);
        Some(handled)
    }
}
