//! [`Config::memory_bound`]: the maximum heap memory of requests and responses.

use super::Exchange;
#[cfg(doc)]
use super::RequestResponse;
use super::codec::Codec;
use super::config::Config;
use super::event::{Event, InboundRequestId, OutboundRequestId};
use super::inbound::InboundRequest;
use super::outbound::OutboundRequest;
use super::places::PLACE;
use crate::identity::PeerId;
use crate::lifecycle::{ConnectionId, Limits};
use crate::protocols::held_memory::HeldMemory;

impl Config {
    /// Returns the maximum number of bytes of heap that a [`RequestResponse`] with these bounds takes in a swarm with these
    /// limits: all messages, one message that has not been counted yet, and the state of connections, streams and requests.
    /// A decoded message counts as its encoded bytes; if the codec makes it larger, add the difference.
    #[must_use]
    pub fn memory_bound<C: Codec>(&self, limits: &Limits) -> usize {
        let event = size_of::<Event<C::Request, C::Response>>();
        let message = self.request_bytes.max(self.response_bytes);
        let connection = const { 4 * size_of::<Option<PeerId>>() + 3 * size_of::<ConnectionId>() + 64 };
        let outbound = event.saturating_mul(2).saturating_add(const { 4 * size_of::<OutboundRequest>() });
        // Three outcomes beside the request itself, two of them of requests that have given way.
        let inbound = event.saturating_mul(8).saturating_add(const { 4 * size_of::<InboundRequest>() + PLACE + 64 });
        let parts = [
            (limits.connections as usize, connection),
            (limits.streams as usize, const { 4 * size_of::<Option<Exchange>>() }),
            (1, self.outbound_bytes.saturating_add(self.inbound_bytes)),
            (4, message),
            (self.outbound_requests, outbound.saturating_add(HeldMemory::<PeerId, OutboundRequestId>::HOLDER)),
            (self.inbound_requests, inbound.saturating_add(HeldMemory::<PeerId, InboundRequestId>::HOLDER)),
        ];
        parts.iter().map(|(count, each)| count.saturating_mul(*each)).fold(16 * 1024, usize::saturating_add)
    }
}
