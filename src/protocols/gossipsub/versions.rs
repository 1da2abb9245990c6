//! The protocols of gossipsub, and the version that each of them stands for.

use super::tables::Version;
use crate::connection::Protocol;
use crate::protocols::floodsub;
use alloc::vec::Vec;

/// The name of gossipsub 1.0.
pub const PROTOCOL_1_0: Protocol = Protocol::from_static("/meshsub/1.0.0");

/// The name of gossipsub 1.1, which has scores, backoffs and peer exchange.
pub const PROTOCOL_1_1: Protocol = Protocol::from_static("/meshsub/1.1.0");

/// The name of gossipsub 1.2, which has IDONTWANT.
pub const PROTOCOL_1_2: Protocol = Protocol::from_static("/meshsub/1.2.0");

/// The name of gossipsub 1.3, which has the extensions message. It is offered only if
/// [`Config::test_extension`](super::Config::test_extension) is set.
pub const PROTOCOL_1_3: Protocol = Protocol::from_static("/meshsub/1.3.0");

/// Returns the protocols that we offer, in descending order of preference.
pub(super) fn offered(has_extensions: bool) -> Vec<Protocol> {
    let all = [PROTOCOL_1_3, PROTOCOL_1_2, PROTOCOL_1_1, PROTOCOL_1_0, floodsub::PROTOCOL];
    all.into_iter().skip(usize::from(!has_extensions)).collect()
}

/// Returns the version that a protocol stands for. Any other protocol counts as floodsub, which knows no control messages.
pub(super) fn of(protocol: &Protocol) -> Version {
    let all = [
        (PROTOCOL_1_3, Version::V1_3),
        (PROTOCOL_1_2, Version::V1_2),
        (PROTOCOL_1_1, Version::V1_1),
        (PROTOCOL_1_0, Version::V1_0),
    ];
    all.into_iter().find(|(name, _)| name == protocol).map_or(Version::Floodsub, |(_, version)| version)
}
