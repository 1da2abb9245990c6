//! [`NetworkRules`]: what is said of networks, the one with the longest prefix first.

use super::ListRule;
use super::network::{Family, Network};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The rules of networks. A look-up costs O(log n) for each length of prefix that is in use, and nothing without rules.
#[derive(Debug, Default)]
pub(super) struct NetworkRules {
    rules: BTreeMap<Network, ListRule>,
    /// The lengths of prefixes in use, longest first, with the number of rules that have each.
    lengths: [Vec<(u8, u32)>; 2],
}

const fn index(family: Family) -> usize {
    match family {
        Family::V4 => 0,
        Family::V6 => 1,
    }
}

impl NetworkRules {
    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(super) fn get(&self, network: Network) -> Option<ListRule> {
        self.rules.get(&network).copied()
    }

    pub(super) fn insert(&mut self, network: Network, rule: ListRule) {
        if self.rules.insert(network, rule).is_some() {
            return;
        }
        let lengths = &mut self.lengths[index(network.family())];
        match lengths.binary_search_by(|(length, _)| network.prefix().cmp(length)) {
            Ok(place) => lengths[place].1 += 1,
            Err(place) => lengths.insert(place, (network.prefix(), 1)),
        }
    }

    pub(super) fn remove(&mut self, network: Network) -> Option<ListRule> {
        let rule = self.rules.remove(&network)?;
        let lengths = &mut self.lengths[index(network.family())];
        if let Ok(place) = lengths.binary_search_by(|(length, _)| network.prefix().cmp(length)) {
            lengths[place].1 -= 1;
            if lengths[place].1 == 0 {
                lengths.remove(place);
            }
        }
        Some(rule)
    }

    /// Returns the rule of the smallest network that has an address in it.
    pub(super) fn of(&self, address: Network) -> Option<ListRule> {
        let lengths = self.lengths[index(address.family())].iter();
        lengths
            .filter(|(length, _)| *length <= address.prefix())
            .find_map(|(length, _)| self.get(address.widened(*length)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Network, ListRule)> {
        self.rules.iter().map(|(network, rule)| (*network, *rule))
    }
}
