//! Tests of the cache: its shares, its times, and its tables, which are compared with a model.
//! `tests/support/pubsub_seen.rs` has a model of the whole cache from the point of view of a peer.

use super::*;
use crate::identity::Keypair;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;
use std::sync::OnceLock;

const TTL: Duration = Duration::from_secs(10);

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn seen(places: usize) -> Seen {
    let mut config = Config::default();
    (config.seen, config.seen_ttl) = (places, TTL);
    Seen::new(&config)
}

fn digest(number: u64) -> Digest {
    Digest::of(&number.to_be_bytes().to_vec().into())
}

fn peer(number: u8) -> PeerId {
    static PEERS: OnceLock<Vec<PeerId>> = OnceLock::new();
    let make = |number| Keypair::ed25519_from_bytes([number; 32]).unwrap().public().to_peer_id();
    PEERS.get_or_init(|| (0..=255).map(make).collect())[usize::from(number)]
}

fn of(author: u8, sender: u8) -> MessageOrigin {
    MessageOrigin { author: Some(peer(author)), sender: Some(peer(sender)), ..MessageOrigin::default() }
}

fn address(number: u8) -> Option<AddressGroup> {
    Some(AddressGroup::of(&format!("/ip4/192.0.2.{number}/tcp/1").parse().unwrap()))
}

impl Seen {
    fn add(&mut self, number: u64, origin: &MessageOrigin, now: Option<Duration>) -> Result<u64, ExceededShare> {
        assert_eq!(self.number(&digest(number)), None);
        Ok(self.insert(digest(number), self.room(origin)?, now))
    }

    fn knows(&self, number: u64) -> bool {
        self.number(&digest(number)).is_some()
    }
}

#[test]
fn a_message_is_known_until_its_time_is_over() {
    let mut seen = seen(8);
    seen.advance(secs(5));
    assert_eq!(seen.add(1, &of(1, 1), Some(secs(5))), Ok(0));
    assert_eq!(seen.next_turn(), Some(secs(15)));
    seen.advance(secs(15) - Duration::from_nanos(1));
    assert!(seen.knows(1));
    seen.advance(secs(15));
    assert!(!seen.knows(1));
    assert_eq!(seen.next_turn(), None);
    assert_eq!(seen.add(1, &of(1, 1), None), Ok(1), "it may come again");
}

#[test]
fn a_message_added_between_turns_counts_from_the_next() {
    let mut seen = seen(8);
    seen.advance(secs(1));
    seen.add(1, &of(1, 1), None).unwrap();
    assert_eq!(seen.next_turn(), Some(Duration::ZERO));
    seen.advance(secs(1_000));
    assert_eq!(seen.next_turn(), Some(secs(1_010)));
    seen.advance(secs(1_009));
    assert!(seen.knows(1));
    seen.advance(secs(1_010));
    assert!(!seen.knows(1));
}

#[test]
fn a_time_beyond_all_clocks_is_kept() {
    let mut seen = seen(8);
    seen.add(1, &of(1, 1), Some(Duration::MAX)).unwrap();
    seen.add(2, &of(2, 1), None).unwrap();
    seen.advance(Duration::MAX - secs(1));
    assert_eq!((seen.untimed, seen.next_turn()), (0, None), "and nothing is due for ever");
    assert!(seen.knows(1) && seen.knows(2));
}

#[test]
fn an_author_has_half_a_sender_four_fifths_an_address_more() {
    let fill = |places: u64, origin: &dyn Fn(u64) -> MessageOrigin| {
        let mut seen = seen(usize::try_from(places).unwrap());
        let room = (0..2 * places).filter(|number| seen.add(*number, &origin(*number), None).is_ok()).count();
        (room, seen)
    };
    let byte = |number: u64| u8::try_from(number % 251).unwrap();
    let (room, mut seen) = fill(100, &|_| of(1, 1));
    assert_eq!(room, 50);
    assert_eq!(seen.room(&of(1, 2)).unwrap_err(), ExceededShare::Author, "whoever sends it");
    // Another author has its share of the rest, even by the same sender.
    let of_another = (200..400).filter(|number| seen.add(*number, &of(2, 1), None).is_ok()).count();
    assert_eq!(of_another, 25);
    let (room, mut seen) = fill(100, &|number| of(byte(number), 1));
    assert_eq!(room, 80);
    assert_eq!(seen.room(&of(252, 1)).unwrap_err(), ExceededShare::Sender);
    let of_another = (200..400).filter(|number| seen.add(*number, &of(252, 2), None).is_ok()).count();
    assert_eq!(of_another, 10, "half of what is left");
    let at = |number| MessageOrigin { address: address(1), ..of(byte(number), byte(number)) };
    let (room, seen) = fill(170, &at);
    assert_eq!(room, 160);
    assert_eq!(seen.room(&at(1)).unwrap_err(), ExceededShare::Sender);
    assert!(seen.room(&MessageOrigin { address: address(2), ..of(1, 1) }).is_ok(), "the author has little");
    // Without an address there is no bound but the size of the cache.
    let (room, seen) = fill(170, &|number| of(byte(number), byte(number)));
    assert_eq!(room, 170);
    assert_eq!(seen.room(&of(252, 252)).unwrap_err(), ExceededShare::Author, "there is no room at all");
    assert_eq!(seen.room(&MessageOrigin::default()).unwrap_err(), ExceededShare::Sender);
}

#[test]
fn a_forgotten_message_frees_the_room_of_its_accounts() {
    let mut seen = seen(10);
    let origin = MessageOrigin { address: address(1), ..of(1, 1) };
    for round in 0..50 {
        let now = secs(10 * round);
        seen.advance(now);
        let room = (0..10).filter(|number| seen.add(1_000 * round + number, &origin, Some(now)).is_ok()).count();
        assert_eq!(room, 5);
    }
    seen.advance(secs(500));
    assert_eq!(seen.accounts.places(), 3, "their places are used again");
    assert!(seen.entries.queue.is_empty());
}

#[test]
fn a_burst_is_forgotten_a_part_at_a_time() {
    let mut seen = seen(4_096);
    (0..2_000).for_each(|number| assert!(seen.add(number, &of(1, 1), Some(secs(1))).is_ok()));
    seen.advance(secs(11));
    assert_eq!(seen.entries.queue.len(), 2_000 - FORGOTTEN_AT_ONCE);
    assert_eq!(seen.next_turn(), Some(secs(11)), "the rest has its turn at once");
    (0..3).for_each(|_| seen.advance(secs(11)));
    assert!(seen.entries.queue.is_empty());
}

#[test]
fn memory_of_a_rush_is_given_back() {
    let mut seen = seen(8_192);
    (0..4_000).for_each(|number| assert!(seen.add(number, &of(1, 1), Some(secs(1))).is_ok()));
    (4_000..4_010).for_each(|number| assert!(seen.add(number, &of(2, 2), Some(secs(5))).is_ok()));
    let most = seen.entries.queue.capacity();
    (0..8).for_each(|_| seen.advance(secs(11)));
    assert_eq!(seen.entries.queue.len(), 10);
    assert!(most >= 4_010 && seen.entries.queue.capacity() <= KEPT, "{most}");
    assert!((4_000..4_010).all(|number| seen.knows(number)));
    seen.advance(secs(15));
    assert_eq!((seen.entries.queue.capacity(), seen.accounts.places(), seen.chains.count()), (0, 0, 0));
    // A little memory is kept, so that few messages cost no allocation.
    (0..100).for_each(|number| assert!(seen.add(number, &of(1, 1), Some(secs(15))).is_ok()));
    let taken = seen.entries.queue.capacity();
    seen.advance(secs(25));
    assert_eq!((seen.entries.queue.len(), seen.next_turn()), (0, None));
    assert_eq!((seen.entries.queue.capacity(), seen.accounts.places()), (taken, 2));
    seen.add(1, &of(1, 1), Some(secs(25))).unwrap();
    assert!(seen.knows(1));
}

#[test]
fn a_message_is_held_back_until_it_goes_or_is_forgotten() {
    let mut seen = seen(8);
    seen.hold_back(&digest(1));
    assert!(!seen.is_held_back(&digest(1)), "it is not even there");
    (1..=2).for_each(|number| assert!(seen.add(number, &of(1, 1), Some(secs(1))).is_ok()));
    (1..=2).for_each(|number| seen.hold_back(&digest(number)));
    seen.let_go(&digest(2));
    assert_eq!([1, 2].map(|number| seen.is_held_back(&digest(number))), [true, false]);
    seen.advance(secs(11));
    seen.add(1, &of(1, 1), Some(secs(11))).unwrap();
    assert!(!seen.is_held_back(&digest(1)));
}

#[test]
fn no_place_at_all_counts_as_one() {
    let mut seen = seen(0);
    assert_eq!(seen.add(1, &of(1, 1), None), Ok(0));
    assert_eq!(seen.add(2, &of(2, 2), None), Err(ExceededShare::Author));
}

#[test]
fn messages_are_found_where_places_begin_anew() {
    let mut seen = seen(8);
    // This is the state after two thousand million messages.
    seen.entries.first = u64::from(LOWER) - 3;
    for round in 0..20 {
        let now = secs(10 * round);
        seen.advance(now);
        let numbers: Vec<_> = (0..3).map(|n| seen.add(10 * round + n, &of(1, 1), Some(now))).collect();
        let first = u64::from(LOWER) - 3 + 3 * round;
        assert_eq!(numbers, [Ok(first), Ok(first + 1), Ok(first + 2)]);
        assert_eq!([0, 1, 2].map(|n| seen.number(&digest(10 * round + n))), [0, 1, 2].map(|n| Some(first + n)));
    }
}

#[test]
fn the_accounts_agree_with_a_count_of_the_entries() {
    use proptest::prelude::*;
    let step = (0..40_u64, 0..6_u8, 0..4_u8, 0..3_u8, 0..4_u64);
    proptest!(|(places in 1..24_usize, steps in proptest::collection::vec(step, 1..200))| {
        let (mut seen, mut now) = (seen(places), Duration::ZERO);
        let mut model: Vec<(u64, Duration, MessageOrigin)> = Vec::new();
        for (number, author, sender, at, pause) in steps {
            now += secs(pause);
            seen.advance(now);
            model.retain(|(_, since, _)| *since + TTL > now);
            let origin = MessageOrigin { address: (at > 0).then(|| address(at).unwrap()), ..of(author, sender) };
            prop_assert_eq!(seen.knows(number), model.iter().any(|(other, ..)| *other == number));
            if !seen.knows(number) && seen.add(number, &origin, Some(now)).is_ok() {
                model.push((number, now, origin));
            }
            let count = |is: &dyn Fn(&MessageOrigin) -> bool| model.iter().filter(|(_, _, origin)| is(origin)).count();
            for owner in 0..6 {
                let held = |digest| seen.accounts.held(&digest);
                let (id, group) = (peer(owner), address(owner).unwrap());
                prop_assert_eq!(held(Digest::of_author(id)), count(&|origin| origin.author == Some(id)));
                prop_assert_eq!(held(Digest::of_sender(id)), count(&|origin| origin.sender == Some(id)));
                prop_assert_eq!(held(Digest::of_address(group)), count(&|origin| origin.address == Some(group)));
            }
        }
        let numbers: BTreeMap<_, _> = model.iter().map(|(number, ..)| (number, seen.number(&digest(*number)))).collect();
        let different: BTreeSet<_> = numbers.values().flatten().collect();
        prop_assert_eq!(different.len(), model.len(), "each has a number of its own");
    });
}

/// An author that publishes `rate` messages a second, at equal intervals.
struct Speaker {
    rate: u64,
    origin: MessageOrigin,
}

/// Lets all `speakers` publish for twice the time for which a message is remembered. Returns the number of refused messages
/// of each speaker. The size of the cache and the time are an eighth of the defaults, so that the accepted rates are the
/// same as with the defaults.
fn refused_at(speakers: &[Speaker]) -> Vec<u64> {
    let mut config = Config::default();
    (config.seen, config.seen_ttl) = (config.seen / 8, config.seen_ttl / 8);
    let (mut seen, until) = (Seen::new(&config), 2 * config.seen_ttl);
    let mut said: Vec<u64> = speakers.iter().map(|_| 0).collect();
    let mut refused = said.clone();
    let mut number = 0;
    let at = |speaker: &Speaker, said: u64| Duration::from_nanos(said * 1_000_000_000 / speaker.rate);
    loop {
        // The speaker whose next message is first.
        let next = (0..speakers.len()).min_by_key(|n| at(&speakers[*n], said[*n])).unwrap();
        let now = at(&speakers[next], said[next]);
        if now >= until {
            return refused;
        }
        (said[next], number) = (said[next] + 1, number + 1);
        seen.advance(now);
        refused[next] += u64::from(seen.add(number, &speakers[next].origin, Some(now)).is_err());
    }
}

/// Compares the table and the formula on the page of `Config::seen` with the behaviour of the cache.
#[test]
fn the_rates_of_the_page_are_those_that_are_told() {
    let (page, config) = (include_str!("../config.rs"), Config::default());
    let spaced = |number: u64| match number / 1_000 {
        0 => format!("{number}"),
        thousands => format!("{thousands} {:03}", number % 1_000),
    };
    let byte = |number: u64| u8::try_from(number % 200).unwrap();
    // The number of messages accepted of each if all is said at once, until nothing more is accepted.
    let told = |origins: &dyn Fn(u64) -> MessageOrigin, each: u64| {
        let (mut seen, mut refused) = (Seen::new(&config), 0);
        let mut is_over = |is_taken: bool| {
            refused = if is_taken { 0 } else { refused + 1 };
            refused == 400
        };
        let taken = (0..).map(|n| seen.add(n, &origins(n), Some(Duration::ZERO)).is_ok());
        taken.take_while(|is_taken| !is_over(*is_taken)).filter(|is_taken| *is_taken).count() as u64 / each
    };
    let rows = [
        ("one author", told(&|_| of(1, 1), 1), ""),
        ("two authors", told(&|n| of(byte(n % 2), 1), 2), " each"),
        ("one sender, with authors without end", told(&|n| of(byte(n), 1), 1), ""),
        (
            "one address, with senders without end",
            told(&|n| MessageOrigin { address: address(1), ..of(byte(n), byte(n)) }, 1),
            "",
        ),
        ("all together", told(&|_| MessageOrigin::default(), 1), ""),
    ];
    for (who, told, each) in rows {
        let line = format!("| {who} | {}{each} | {}{each} |", spaced(told), spaced(told / config.seen_ttl.as_secs()));
        assert!(page.contains(&line), "{line}");
    }
    // At a steady rate below the stated one nothing is refused; above it only the author's own messages are.
    let speaker = |rate, author, sender| Speaker { rate, origin: of(author, sender) };
    let others = || (10..13).map(|author| speaker(100, author, 9));
    let beside = |rate| refused_at(&core::iter::once(speaker(rate, 1, 1)).chain(others()).collect::<Vec<_>>());
    assert!(page.contains("| one author beside others who say 300 a second in all | 47 536 | 396 |"));
    assert_eq!(beside(396), [0; 4]);
    let above = beside(398);
    assert!(above[0] > 0 && above[1..] == [0; 3], "{above:?}");
    assert_eq!(refused_at(&[speaker(546, 1, 1)]), [0]);
    assert!(refused_at(&[speaker(547, 1, 1)])[0] > 0);
}
