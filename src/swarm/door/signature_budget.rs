//! [`SignatureBudget`]: the limit on the work that verifying the signatures of visitors causes in one turn. A visitor is an
//! accepted connection whose peer is not authenticated yet.
//!
//! A stranger can send a signature at no cost, and some kinds cost us 13 times as much to verify as the usual one. So a turn
//! does a limited amount of work on signatures of visitors. Visitors from one address get a quarter of that amount while any
//! other slot waits for work. A visitor whose signature would exceed the quarter waits until no other slot waits, and for
//! the next turn if this turn has no amount left by then. If only one address has visitors, it gets the whole amount: nobody
//! would gain if its visitors waited, and a waiting visitor can be closed to make room for a new one.

use crate::swarm::address_group::AddressGroup;
use alloc::collections::BTreeMap;

/// The work on signatures that this turn has done, in all and for each address, and the limit. The unit is the verification
/// of one Ed25519 signature.
#[derive(Debug)]
pub(super) struct SignatureBudget {
    most: u32,
    turn: u32,
    all: u32,
    of_address: BTreeMap<AddressGroup, u32>,
}

impl SignatureBudget {
    /// Makes a budget of `most` units for each turn; 0 counts as 1.
    pub(super) const fn new(most: u32) -> Self {
        Self { most: if most == 0 { 1 } else { most }, turn: 0, all: 0, of_address: BTreeMap::new() }
    }

    /// Returns whether one more signature may be verified in this turn, from any address.
    pub(super) fn has_left(&mut self, turn: u32) -> bool {
        if self.turn != turn {
            (self.turn, self.all) = (turn, 0);
            self.of_address.clear();
        }
        self.all < self.most
    }

    /// Returns whether one more signature from `address` may be verified in this turn while another slot waits for work.
    pub(super) fn allows(&mut self, turn: u32, address: AddressGroup) -> bool {
        // The quarter is rounded up: of a limit below 4, an address would otherwise get nothing while another slot waits.
        self.has_left(turn) && self.of_address.get(&address).is_none_or(|work| *work < self.most.div_ceil(4))
    }

    /// Adds the work that verifying a signature from `address` has caused.
    pub(super) fn add(&mut self, address: AddressGroup, work: u32) {
        if work > 0 {
            self.all = self.all.saturating_add(work);
            let of_address = self.of_address.entry(address).or_default();
            *of_address = of_address.saturating_add(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> AddressGroup {
        AddressGroup::of(&alloc::format!("/ip4/192.0.2.{last}/tcp/1").parse().unwrap())
    }

    #[test]
    fn a_turn_has_its_bound_and_an_address_a_quarter_of_it() {
        let mut work = SignatureBudget::new(64);
        assert!(work.allows(1, address(1)));
        work.add(address(1), 13);
        assert!(work.allows(1, address(1)));
        work.add(address(1), 13);
        assert!(!work.allows(1, address(1)), "26 of its 16");
        assert!(work.has_left(1), "26 of 64");
        for other in 2..5 {
            assert!(work.allows(1, address(other)));
            work.add(address(other), 13);
        }
        assert!(!work.allows(1, address(9)) && !work.has_left(1), "65 of 64");
        assert!(work.allows(2, address(1)) && work.allows(2, address(9)), "the next turn begins anew");
    }

    #[test]
    fn a_bound_of_0_counts_as_1() {
        let mut work = SignatureBudget::new(0);
        assert!(work.allows(1, address(1)));
        work.add(address(1), 1);
        assert!(!work.allows(1, address(2)));
    }
}
