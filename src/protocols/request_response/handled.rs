//! The requests of peers that the handler of a host answers, and the requests whose outcome a task of a host awaits.
//! Neither is told as an event, so that nobody takes an event that another waits for.

use super::{Codec, InboundRequestId, OutboundRequestId, RequestResponse};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::lifecycle::Failure;
use alloc::collections::VecDeque;

/// A request of a peer for the handler.
pub(crate) struct Handled<Request> {
    pub(crate) id: InboundRequestId,
    pub(crate) peer: PeerId,
    pub(crate) request: Request,
}

impl<C: Codec> RequestResponse<C> {
    /// Keeps the outcome of a request for the task that will ask for it by its id, in place of an event.
    pub(crate) fn await_outcome(&mut self, id: OutboundRequestId) {
        if let Some(outbound) = self.outbound.get_mut(&id) {
            outbound.is_awaited = true;
        }
    }

    /// Takes the outcome of an awaited request, if it is there.
    pub(crate) fn take_awaited(&mut self, id: OutboundRequestId) -> Option<Result<C::Response, Failure>> {
        let outcome = self.awaited.remove(&id)?;
        self.outbound_held.lower(1);
        self.outbound_bytes.forget(id);
        Some(outcome)
    }

    /// Hands all further requests of peers to a handler, in place of events. Returns the maximum number of them at a
    /// time, or `None` if there is a handler already.
    pub(crate) fn have_handled(&mut self) -> Option<usize> {
        let is_new = self.handled.is_none();
        self.handled.get_or_insert_default();
        is_new.then_some(self.config.inbound_requests)
    }

    /// Takes the oldest request for the handler, if there is one.
    pub(crate) fn next_handled(&mut self) -> Option<Handled<C::Request>> {
        let handled = self.handled.as_mut().and_then(VecDeque::pop_front)?;
        self.inbound_bytes.forget(handled.id);
        Some(handled)
    }
}
