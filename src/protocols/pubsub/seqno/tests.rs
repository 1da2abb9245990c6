//! Whose number is forgotten at the bound, and what is refused.

use super::*;
use crate::identity::Keypair;
use alloc::format;
use alloc::vec::Vec;
use std::sync::OnceLock;

fn peer(number: u8) -> PeerId {
    static PEERS: OnceLock<Vec<PeerId>> = OnceLock::new();
    let make = |number| Keypair::ed25519_from_bytes([number; 32]).unwrap().public().to_peer_id();
    PEERS.get_or_init(|| (0..=255).map(make).collect())[usize::from(number)]
}

fn address(number: u8) -> Bringer {
    Bringer::Address(AddressGroup::of(&format!("/ip4/192.0.2.{number}/tcp/1").parse().unwrap()))
}

fn is_known(validator: &SeqnoValidator, authors: &[u8]) -> Vec<bool> {
    authors.iter().map(|author| validator.is_outdated(&peer(*author), 0)).collect()
}

#[test]
fn numbers_up_to_the_highest_are_refused_each_author_by_itself() {
    let mut validator = SeqnoValidator::new(4);
    assert!(!validator.is_outdated(&peer(1), 0), "nothing is known of it");
    validator.heard(peer(1), 5, address(1));
    validator.heard(peer(1), 3, address(1));
    validator.remember(peer(2), u64::MAX);
    assert_eq!([4, 5, 6].map(|seqno| validator.is_outdated(&peer(1), seqno)), [true, true, false]);
    assert!(validator.is_outdated(&peer(2), u64::MAX) && !validator.is_outdated(&peer(3), 0));
    let numbers: BTreeMap<_, _> = validator.numbers().collect();
    assert_eq!(numbers, BTreeMap::from([(peer(1), 5), (peer(2), u64::MAX)]));
}

#[test]
fn who_makes_up_authors_pushes_out_its_own() {
    let mut validator = SeqnoValidator::new(4);
    validator.heard(peer(1), 1, address(1));
    validator.remember(peer(2), 1);
    for author in 100..200 {
        validator.heard(peer(author), 1, address(2));
        // Others may send what they have made up, too.
        validator.heard(peer(author), 1, address(1));
    }
    assert_eq!(is_known(&validator, &[1, 2, 100, 197, 198, 199]), [true, true, false, false, true, true]);
    assert_eq!((validator.numbers().count(), validator.forgotten()), (4, 98));
}

#[test]
fn of_those_it_has_brought_the_one_that_was_silent_for_longest_goes() {
    let mut validator = SeqnoValidator::new(3);
    (1..=3).for_each(|author| validator.heard(peer(author), 1, address(1)));
    // Heard again, by whomever.
    validator.heard(peer(1), 2, address(2));
    validator.heard(peer(4), 1, address(2));
    assert_eq!(is_known(&validator, &[1, 2, 3, 4]), [true, false, true, true]);
}

#[test]
fn no_place_at_all_counts_as_one() {
    let mut validator = SeqnoValidator::new(0);
    validator.heard(peer(1), 1, Bringer::Peer(peer(9)));
    validator.heard(peer(2), 1, Bringer::Owner);
    assert_eq!(is_known(&validator, &[1, 2]), [false, true]);
    assert_eq!((validator.sizes.len(), validator.brought.len()), (1, 1));
}

#[test]
fn its_books_agree_whatever_happens() {
    use proptest::prelude::*;
    proptest!(|(max in 1..9_usize, steps in proptest::collection::vec((0..20_u8, 0..4_u8, 0..9_u64), 1..200))| {
        let mut validator = SeqnoValidator::new(max);
        // The highest number of each since it was heard of first: it may be forgotten, and is never higher.
        let mut highest = BTreeMap::new();
        for (author, by, seqno) in steps {
            validator.heard(peer(author), seqno, address(by));
            let highest: &mut u64 = highest.entry(peer(author)).or_default();
            *highest = seqno.max(*highest);
            prop_assert!(validator.is_outdated(&peer(author), seqno));
        }
        prop_assert!(validator.authors.len() <= max);
        prop_assert!(validator.numbers().all(|(id, seqno)| seqno <= highest[&id]));
        prop_assert_eq!(validator.brought.values().map(BTreeSet::len).sum::<usize>(), validator.authors.len());
        for (id, author) in &validator.authors {
            prop_assert!(validator.brought[&author.by].contains(&(author.heard, *id)));
        }
        let sizes: BTreeSet<_> = validator.brought.iter().map(|(by, brought)| (brought.len(), *by)).collect();
        prop_assert_eq!(&sizes, &validator.sizes);
    });
}
