//! [`NetworkRules`]: the rules of networks. Of the networks that contain an address, the one with the longest prefix
//! decides.

use super::ListRule;
use super::network::{Family, Network};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The rules of networks. A lookup of an address costs O(log n) for each prefix length that is in use.
///
/// Each accepted socket causes one lookup for each prefix length, which is some eight for a typical list. So IPv4 networks
/// have a table of their own, with integers as keys: with [`Network`]s as keys, refusing a denied socket would take 770
/// instructions more (`benches/instructions.sh`, `refused-accept`).
#[derive(Debug, Default)]
pub(super) struct NetworkRules {
    v4: BTreeMap<KeyV4, ListRule>,
    v6: BTreeMap<Network, ListRule>,
    /// The prefix lengths in use, longest first, each with the number of rules that have this length. The first list is for
    /// IPv4 networks, the second for IPv6 networks.
    lengths: [Vec<(u8, u32)>; 2],
}

/// An IPv4 network as an integer: the length of its prefix in the upper 32 bits, and the network's first address in the
/// lower 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct KeyV4(u64);

impl KeyV4 {
    const fn of(network: Network) -> Self {
        Self((network.prefix() as u64) << 32 | network.bits_of_v4() as u64)
    }

    const fn network(self) -> Network {
        Network::of_v4(self.0 as u32, (self.0 >> 32) as u8)
    }
}

const fn index(family: Family) -> usize {
    match family {
        Family::V4 => 0,
        Family::V6 => 1,
    }
}

impl NetworkRules {
    pub(super) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    pub(super) fn get(&self, network: Network) -> Option<ListRule> {
        match network.family() {
            Family::V4 => self.v4.get(&KeyV4::of(network)).copied(),
            Family::V6 => self.v6.get(&network).copied(),
        }
    }

    pub(super) fn insert(&mut self, network: Network, rule: ListRule) {
        let before = match network.family() {
            Family::V4 => self.v4.insert(KeyV4::of(network), rule),
            Family::V6 => self.v6.insert(network, rule),
        };
        if before.is_some() {
            return;
        }
        let lengths = &mut self.lengths[index(network.family())];
        match lengths.binary_search_by(|(length, _)| network.prefix().cmp(length)) {
            Ok(place) => lengths[place].1 += 1,
            Err(place) => lengths.insert(place, (network.prefix(), 1)),
        }
    }

    pub(super) fn remove(&mut self, network: Network) -> Option<ListRule> {
        let rule = match network.family() {
            Family::V4 => self.v4.remove(&KeyV4::of(network)),
            Family::V6 => self.v6.remove(&network),
        }?;
        let lengths = &mut self.lengths[index(network.family())];
        if let Ok(place) = lengths.binary_search_by(|(length, _)| network.prefix().cmp(length)) {
            lengths[place].1 -= 1;
            if lengths[place].1 == 0 {
                lengths.remove(place);
            }
        }
        Some(rule)
    }

    /// Returns the rule of the smallest network that contains `address` and has a rule.
    pub(super) fn of(&self, address: Network) -> Option<ListRule> {
        let lengths = self.lengths[index(address.family())].iter();
        lengths
            .filter(|(length, _)| *length <= address.prefix())
            .find_map(|(length, _)| self.get(address.widened(*length)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Network, ListRule)> {
        let v4 = self.v4.iter().map(|(key, rule)| (key.network(), *rule));
        v4.chain(self.v6.iter().map(|(network, rule)| (*network, *rule)))
    }
}
