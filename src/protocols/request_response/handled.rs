//! Requests whose outcome a task of a host awaits, and requests of peers that its handler answers. Neither is told as an
//! event, so that nobody takes from another what it waits for.

use super::{Codec, InboundRequestId, OutboundRequestId, RequestResponse};
use crate::arithmetic::Count;
use crate::identity::PeerId;
use crate::lifecycle::Failure;
use alloc::collections::VecDeque;

/// A request of a peer's, for the handler.
pub(crate) struct Handled<Request> {
    pub(crate) id: InboundRequestId,
    pub(crate) peer: PeerId,
    pub(crate) request: Request,
}

impl<C: Codec> RequestResponse<C> {
    /// The outcome of a request is for whoever asks for it by its id, and not told as an event.
    pub(crate) fn await_outcome(&mut self, id: OutboundRequestId) {
        if let Some(outbound) = self.outbound.get_mut(&id) {
            outbound.is_awaited = true;
        }
    }

    /// Takes the outcome of a request that is awaited, once it is there.
    pub(crate) fn take_awaited(&mut self, id: OutboundRequestId) -> Option<Result<C::Response, Failure>> {
        let outcome = self.awaited.remove(&id)?;
        self.outbound_held.lower(1);
        self.outbound_bytes.forget(id);
        Some(outcome)
    }

    /// From now on requests of peers are for a handler, and not told as events. Returns the most that there are at a time;
    /// `None` if they are for a handler already.
    pub(crate) fn have_handled(&mut self) -> Option<usize> {
        let is_new = self.handled.is_none();
        self.handled.get_or_insert_default();
        is_new.then_some(self.config.inbound_requests)
    }

    /// The next request for the handler.
    pub(crate) fn next_handled(&mut self) -> Option<Handled<C::Request>> {
        let handled = self.handled.as_mut().and_then(VecDeque::pop_front)?;
        self.inbound_bytes.forget(handled.id);
        Some(handled)
    }
}
