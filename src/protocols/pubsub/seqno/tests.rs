//! Tests of the validator: the author that is forgotten at the bound, new authors that are refused, and numbers over
//! restarts. A model that scans all authors for each message has to agree with the validator.

use super::*;
use crate::identity::Keypair;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;
use std::sync::OnceLock;

const KEPT: Duration = Duration::from_secs(100);

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn peer(number: u8) -> PeerId {
    static PEERS: OnceLock<Vec<PeerId>> = OnceLock::new();
    let make = |number| Keypair::ed25519_from_bytes([number; 32]).unwrap().public().to_peer_id();
    PEERS.get_or_init(|| (0..=255).map(make).collect())[usize::from(number)]
}

fn address(number: u8) -> Bringer {
    Bringer::Address(AddressGroup::of(&format!("/ip4/192.0.2.{number}/tcp/1").parse().unwrap()))
}

fn validator(authors: usize) -> SeqnoValidator {
    let mut validator = SeqnoValidator::new(authors, KEPT);
    validator.advance(secs(5));
    validator
}

impl SeqnoValidator {
    /// Receives a message, which is delivered if there is room for its author. Returns whether it was delivered.
    fn says(&mut self, author: u8, seqno: u64, by: Bringer) -> bool {
        let has_room = self.has_room(&peer(author), by);
        if has_room {
            self.heard(peer(author), seqno, by);
        }
        has_room
    }

    fn known(&self) -> BTreeSet<u8> {
        (0..=255).filter(|author| self.is_outdated(&peer(*author), 0)).collect()
    }
}

fn known_author(author: u8, seqno: u64, silent_for: u64) -> KnownAuthor {
    KnownAuthor { id: peer(author), seqno, silent_for: secs(silent_for) }
}

#[test]
fn numbers_up_to_the_highest_are_refused_each_author_by_itself() {
    let mut validator = validator(8);
    assert!(!validator.is_outdated(&peer(1), 0), "nothing is known of it");
    assert!(validator.says(1, 5, address(1)) && validator.says(1, 3, address(1)));
    validator.remember(known_author(2, u64::MAX, 7));
    assert_eq!([4, 5, 6].map(|seqno| validator.is_outdated(&peer(1), seqno)), [true, true, false]);
    assert!(validator.is_outdated(&peer(2), u64::MAX) && !validator.is_outdated(&peer(3), 0));
    let authors: Vec<_> = validator.authors().collect();
    assert_eq!(authors, [known_author(2, u64::MAX, 7), known_author(1, 5, 0)]);
}

#[test]
fn who_makes_up_authors_pushes_out_none_that_was_heard_lately() {
    let mut validator = validator(8);
    assert!(validator.says(1, 1, address(1)));
    // An author whose message the attacker itself was the first to send is not pushed out either.
    assert!(validator.says(2, 1, address(2)));
    for author in 100..200 {
        validator.advance(secs(5) + Duration::from_millis(900 * u64::from(author - 99)));
        validator.says(author, 1, address(2));
    }
    // Five authors are known, and three places are free. The attacker has brought four authors, one of them honest.
    assert_eq!(validator.known(), BTreeSet::from([1, 2, 100, 101, 102]));
    assert_eq!((validator.forgotten(), validator.says(1, 2, address(2))), (0, true), "who is known is not refused");
    assert!(validator.says(3, 1, address(3)) && validator.says(4, 1, address(3)), "others have room");
}

#[test]
fn the_author_silent_longest_goes_once_beyond_kept_for() {
    let mut validator = validator(3);
    (1..=3).for_each(|author| assert!(validator.says(author, 1, address(author))));
    validator.advance(secs(50));
    // The author is heard again, by another bringer.
    assert!(validator.says(1, 2, address(9)));
    validator.advance(secs(105) - Duration::from_nanos(1));
    assert!(!validator.says(4, 1, address(4)));
    validator.advance(secs(105));
    assert!(validator.says(4, 1, address(4)));
    assert_eq!((validator.known(), validator.forgotten()), (BTreeSet::from([1, 3, 4]), 1));
}

#[test]
fn restored_authors_give_way_as_those_of_this_life() {
    let mut first = validator(8);
    for (second, author) in [(10, 1), (60, 2), (100, 3), (108, 4)] {
        first.advance(secs(second));
        assert!(first.says(author, 7, address(1)));
    }
    first.advance(secs(112));
    let kept: Vec<_> = first.authors().collect();
    assert_eq!(kept.iter().map(|author| author.silent_for.as_secs()).collect::<Vec<_>>(), [102, 52, 12, 4]);
    // The next run has another clock. The authors are restored before its first turn or after it.
    for is_early in [true, false] {
        let mut second = SeqnoValidator::new(8, KEPT);
        if !is_early {
            second.advance(secs(9_000));
        }
        kept.iter().for_each(|author| second.remember(*author));
        second.advance(secs(9_000));
        // Three authors were heard lately, so the attacker gets three of the five places that are left.
        (100..200).for_each(|author| _ = second.says(author, 1, address(2)));
        assert_eq!(second.known(), BTreeSet::from([1, 2, 3, 4, 100, 101, 102]));
        assert!(second.says(5, 1, address(3)), "the last place");
        assert!(second.says(6, 1, address(4)), "in the place of the one that is silent for more than 100 s");
        assert!(!second.says(7, 1, address(5)));
        assert_eq!(second.known(), BTreeSet::from([2, 3, 4, 5, 6, 100, 101, 102]));
        // 60 s later the next author of the earlier run has been silent for 112 s, and those of this run for 60 s.
        second.advance(secs(9_060));
        assert!(second.says(7, 1, address(5)) && !second.says(8, 1, address(6)));
        assert!(!second.known().contains(&2) && second.known().contains(&5));
        assert!(second.is_outdated(&peer(3), 7) && second.is_outdated(&peer(4), 7));
    }
}

#[test]
fn of_too_many_restored_authors_the_longest_silent_go() {
    let mut validator = validator(2);
    for (author, silent) in [(1, 30), (2, 500), (3, 10), (4, 20)] {
        validator.remember(known_author(author, 1, silent));
    }
    assert_eq!(validator.known(), BTreeSet::from([3, 4]));
    // An author that is restored twice has one place: the higher number and the later time count.
    validator.remember(known_author(3, 9, 60));
    assert_eq!(validator.authors().collect::<Vec<_>>(), [known_author(4, 1, 20), known_author(3, 9, 10)]);
}

#[test]
fn no_place_at_all_counts_as_one() {
    let mut validator = SeqnoValidator::new(0, Duration::ZERO);
    assert!(validator.says(1, 1, Bringer::Peer(peer(9))) && validator.says(2, 1, address(1)));
    assert_eq!(validator.known(), BTreeSet::from([2]), "none is kept for any time");
}

#[test]
fn no_time_is_too_long_and_a_clock_set_back_stands_still() {
    let mut validator = SeqnoValidator::new(2, Duration::MAX);
    validator.advance(Duration::MAX);
    validator.remember(KnownAuthor { id: peer(1), seqno: 1, silent_for: Duration::MAX });
    assert!(validator.says(2, 1, address(1)));
    validator.advance(secs(5));
    validator.advance(secs(6));
    assert_eq!(validator.authors().last().unwrap().silent_for, secs(1));
    assert!(!validator.says(3, 1, address(2)));
}

/// A simple model of the validator: each author with its number, the time at which it was heard, and its bringer.
#[derive(Default)]
struct Model(Vec<(u8, u64, Duration, Option<u8>)>);

impl Model {
    fn says(&mut self, max: usize, (author, seqno, by): (u8, u64, u8), now: Duration) -> bool {
        let is_kept = |heard: &Duration| *heard + KEPT > now;
        let before = self.0.iter().position(|(other, ..)| *other == author);
        let kept = before.filter(|place| is_kept(&self.0[*place].2));
        let free = max - self.0.iter().filter(|(_, _, heard, _)| is_kept(heard)).count();
        let brought = self.0.iter().filter(|(_, _, heard, other)| is_kept(heard) && *other == Some(by)).count();
        if kept.is_none() && brought >= free {
            return false;
        }
        let (highest, by) = match before {
            Some(place) => {
                let (_, highest, _, before) = self.0.remove(place);
                (highest, if kept.is_some() { before } else { Some(by) })
            }
            None => (0, Some(by)),
        };
        // The list is in the order in which authors were heard, so the first has been silent for longest.
        if self.0.len() == max {
            self.0.remove(0);
        }
        self.0.push((author, highest.max(seqno), now, by));
        true
    }
}

#[test]
fn it_does_what_its_slow_model_does() {
    use proptest::prelude::*;
    let step = (0..24_u8, 0..5_u8, 0..9_u64, 0..60_u64);
    proptest!(|(max in 1..12_usize, restarts in 0..150_usize, steps in proptest::collection::vec(step, 1..200))| {
        let (mut validator, mut model, mut now) = (SeqnoValidator::new(max, KEPT), Model::default(), secs(1_000));
        let mut offset = secs(0);
        for (at, (author, by, seqno, pause)) in steps.into_iter().enumerate() {
            // Most pauses are 0, so that places fill up.
            now += secs(pause.saturating_sub(40));
            if at == restarts {
                validator.advance(now);
                let kept: Vec<_> = validator.authors().collect();
                validator = SeqnoValidator::new(max, KEPT);
                kept.into_iter().for_each(|author| validator.remember(author));
                // The bringers of authors of an earlier run are unknown.
                model.0.iter_mut().for_each(|(.., by)| *by = None);
                offset = secs(77);
            }
            validator.advance(now + offset);
            prop_assert_eq!(validator.says(author, seqno, address(by)), model.says(max, (author, seqno, by), now));
            let authors: Vec<_> = validator.authors().map(|known| (known.id, known.seqno, known.silent_for)).collect();
            let expected: Vec<_> =
                model.0.iter().map(|(author, seqno, heard, _)| (peer(*author), *seqno, now - *heard)).collect();
            prop_assert_eq!(authors, expected);
        }
        prop_assert_eq!(validator.kept.len() + validator.spare.len(), validator.authors.len());
        let brought: usize = validator.brought.values().sum();
        prop_assert_eq!(brought, validator.kept.values().filter(|id| validator.authors[id].by.is_some()).count());
    });
}
