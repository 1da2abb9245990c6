use super::*;
use alloc::vec::Vec;
use proptest::prelude::*;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn config(most: u32, most_of_address: u32, most_of_site: u32) -> Config {
    Config {
        inbound_handshakes: most,
        handshakes_per_address: most_of_address,
        handshakes_per_site: most_of_site,
        ..Config::default()
    }
}

fn places(most: u32, most_of_address: u32, most_of_site: u32) -> VisitorTable<()> {
    VisitorTable::new(&config(most, most_of_address, most_of_site))
}

const fn v4(address: u32) -> VisitorOrigin {
    VisitorOrigin { address: AddressGroup::V4(address), site: None }
}

/// Returns the origin of an IPv6 address: the /64 number `number` in the /48 number `site`.
const fn v6(site: u64, number: u64) -> VisitorOrigin {
    VisitorOrigin { address: AddressGroup::Net64(site << 16 | number), site: Some(AddressGroup::Net48(site)) }
}

const A: VisitorOrigin = v4(1);
const B: VisitorOrigin = v4(2);
const C: VisitorOrigin = v4(3);

/// Inserts one more visitor, after the visitor that has to be closed for it was removed. Returns the numbers of both.
fn comes(places: &mut VisitorTable<()>, origin: VisitorOrigin) -> (u64, Option<u64>) {
    let victim = places.victim(origin);
    victim.map(|victim| places.remove(victim));
    (places.insert(origin, secs(0), ()), victim)
}

#[test]
fn a_full_address_gives_up_its_own() {
    let mut places = places(10, 2, 10);
    let [first, second, other] = [A, A, B].map(|origin| places.insert(origin, secs(0), ()));
    assert_eq!(places.victim(A), Some(first), "the second has only just come");
    let (third, _) = comes(&mut places, A);
    places.advance(second, HandshakeProgress::Answered);
    assert_eq!(places.victim(A), Some(second), "the third has only just come");
    assert_eq!((places.victim(B), places.victim(C)), (None, None));
    places.remove(other);
    assert_eq!(places.victim(A), Some(second), "the number of others does not matter");
    places.remove(second);
    assert_eq!(places.victim(A), None);
    assert!(places.remove(third).is_some());
}

#[test]
fn a_full_site_gives_up_its_own() {
    let mut places = places(100, 10, 4);
    let numbers: Vec<_> = (0..4).map(|n| places.insert(v6(1, n), secs(0), ())).collect();
    places.advance(numbers[0], HandshakeProgress::Heard);
    assert_eq!(places.victim(v6(1, 9)), Some(numbers[1]), "the least advanced one of the settled half");
    assert_eq!((places.victim(v6(2, 0)), places.victim(A)), (None, None));
}

/// Each visitor comes from another address, so that no address has more visitors than that of the newest.
#[test]
fn who_comes_stays_until_half_as_many_as_the_places_have_come() {
    let mut places = places(64, 64, 64);
    let settled: Vec<_> = (0..64).map(|n| places.insert(v4(n), secs(0), ())).collect();
    settled.iter().for_each(|number| places.advance(*number, HandshakeProgress::Answered));
    let (newcomer, _) = comes(&mut places, v4(100));
    for n in 0..32 {
        let (number, victim) = comes(&mut places, v4(101 + n));
        assert_ne!(victim, Some(newcomer), "{n} have come since");
        places.advance(number, HandshakeProgress::Answered);
    }
    assert_eq!(places.victim(v4(200)), Some(newcomer), "it has had its moment");
    places.advance(newcomer, HandshakeProgress::Answered);
    for n in 32..63 {
        let (number, victim) = comes(&mut places, v4(101 + n));
        assert_ne!(victim, Some(newcomer), "{n} have come since");
        places.advance(number, HandshakeProgress::Answered);
    }
    assert_eq!(comes(&mut places, v4(200)).1, Some(newcomer), "as many as there are places");
}

#[test]
fn the_newest_half_of_an_address_is_passed_over() {
    let mut places = places(100, 16, 100);
    let numbers: Vec<_> = (0..16).map(|_| places.insert(A, secs(0), ())).collect();
    numbers[..8].iter().for_each(|number| places.advance(*number, HandshakeProgress::Heard));
    assert_eq!(places.victim(A), Some(numbers[0]), "though the eight newest have said nothing");
    assert_eq!(places.greediest(), Some(numbers[0]));
    places.remove(numbers[0]);
    places.insert(A, secs(0), ());
    assert_eq!(places.victim(A), Some(numbers[8]), "it has had its moment");
}

#[test]
fn the_greediest_address_pays_when_all_places_are_taken() {
    let mut places = places(10, 8, 10);
    let numbers = [A, A, A, A, B, B, B, C, B, A].map(|origin| places.insert(origin, secs(0), ()));
    assert_eq!(places.victim(v4(9)), Some(numbers[0]));
    numbers[..3].iter().for_each(|number| places.advance(*number, HandshakeProgress::Answered));
    assert_eq!(places.victim(v4(9)), Some(numbers[3]), "the least advanced of A");
    places.advance(numbers[3], HandshakeProgress::Proved);
    assert_eq!(places.victim(v4(9)), Some(numbers[0]), "though others are less advanced, and one of A is newer");
    assert_eq!(places.victim(A), Some(numbers[0]));
    assert_eq!(places.victim(B), Some(numbers[4]), "B would have as many: the least advanced, then the oldest");
}

/// Visitors from many addresses of one site count together, so that this site has to give up a place.
#[test]
fn a_site_is_as_greedy_as_all_of_its_addresses() {
    let mut places = places(16, 16, 16);
    for origin in [A, A, A, B, B, C] {
        places.insert(origin, secs(0), ());
    }
    let site: Vec<_> = (0..10).map(|n| places.insert(v6(1, n), secs(0), ())).collect();
    assert_eq!(places.victim(C), Some(site[0]));
    assert_eq!(places.victim(v6(2, 0)), Some(site[0]));
    places.advance(site[0], HandshakeProgress::Proved);
    assert_eq!(places.victim(C), Some(site[1]));
}

/// Two visitors that have connected from one address a moment ago are not closed; of eight, one is closed.
#[test]
fn a_few_of_one_address_have_the_time_that_all_have() {
    let mut places = places(64, 64, 64);
    let others: Vec<_> = (0..62).map(|n| places.insert(v4(10 + n), secs(0), ())).collect();
    others.iter().for_each(|number| places.advance(*number, HandshakeProgress::Answered));
    let two: Vec<_> = (0..2).map(|_| places.insert(A, secs(0), ())).collect();
    assert_eq!(places.victim(B), Some(others[0]));
    (0..30).for_each(|n| assert_eq!(comes(&mut places, v4(100 + n)).1, Some(others[n as usize])));
    assert_eq!(comes(&mut places, v4(200)).1, Some(others[30]), "31 have come since the elder one");
    assert_eq!(comes(&mut places, v4(201)).1, Some(two[0]));
    let eight: Vec<_> = (0..8).map(|_| comes(&mut places, A).0).collect();
    assert_eq!(places.victim(B), Some(eight[0]), "though all of them are new");
}

#[test]
fn a_first_byte_is_waited_for_less_long_while_half_is_taken() {
    let config = config(8, 4, 6);
    let (byte, whole) = (config.first_byte_timeout, config.connection.handshake_timeout);
    let mut places = VisitorTable::new(&config);
    let first = places.insert(A, secs(100), ());
    assert_eq!(places.first_due(), Some((secs(100) + whole, first)));
    let second = places.insert(A, secs(101), ());
    assert_eq!(places.first_due(), Some((secs(100) + byte, first)), "half of its address's");
    places.advance(first, HandshakeProgress::Heard);
    assert_eq!(places.first_due(), Some((secs(101) + byte, second)));
    assert_eq!(places.deadline(first), Some(secs(100) + whole));
    places.remove(second);
    assert_eq!(places.first_due(), Some((secs(100) + whole, first)));
    let third = places.insert(B, secs(102), ());
    assert_eq!(places.first_due(), Some((secs(100) + whole, first)));
    let [fourth, fifth] = [103, 104].map(|at| places.insert(C, secs(at), ()));
    assert_eq!(places.deadline(fourth), Some(secs(103) + byte), "half of its address's");
    assert_eq!(places.first_due(), Some((secs(102) + byte, third)), "half of all");
    for number in [first, third, fourth, fifth] {
        places.remove(number);
    }
    let of_site: Vec<_> = (1..=3).map(|n| places.insert(v6(1, n), secs(105), ())).collect();
    assert_eq!(places.first_due(), Some((secs(105) + byte, of_site[0])), "half of its site's");
    places.remove(of_site[2]);
    assert_eq!(places.first_due(), Some((secs(105) + whole, of_site[0])));
}

#[test]
fn what_has_left_leaves_nothing_behind() {
    let mut places = places(1_000, 64, 1_000);
    let origin = |n: u32| if n & 1 == 0 { v4(n % 20) } else { v6(u64::from(n % 3), u64::from(n % 7)) };
    let numbers: Vec<_> = (0..500).map(|n| places.insert(origin(n), secs(0), ())).collect();
    for number in numbers {
        places.advance(number, HandshakeProgress::Heard);
        places.remove(number);
    }
    assert_eq!((places.places.len(), places.all.len(), places.locals.len()), (0, 0, 0));
    assert_eq!((places.payers.len(), places.hurried.len(), places.first_due()), (0, 0, None));
}

/// A visitor that is in the table.
#[derive(Clone, Copy)]
struct Known {
    number: u64,
    origin: VisitorOrigin,
    progress: HandshakeProgress,
    began: Duration,
}

/// A slow model of the table: the present visitors, the origins of all visitors that have ever connected, and answers that
/// are found by visiting each.
#[derive(Default)]
struct Model {
    visitors: Vec<Known>,
    came: Vec<VisitorOrigin>,
}

impl Model {
    fn count(&self, key: AddressGroup) -> usize {
        self.visitors.iter().filter(|visitor| is_of(visitor.origin, key)).count()
    }

    /// Returns whether the number of visitors for which `is_in` is true and that have connected since `visitor` is at least
    /// half the number of those that are present.
    fn is_settled(&self, visitor: &Known, is_in: impl Fn(VisitorOrigin) -> bool) -> bool {
        let since = self.came[visitor.number as usize + 1..].iter().filter(|origin| is_in(**origin)).count();
        since >= self.visitors.iter().filter(|visitor| is_in(visitor.origin)).count() / 2
    }

    fn victim(&self, newcomer: VisitorOrigin, config: &Config) -> Option<u64> {
        for (key, most) in
            [(Some(newcomer.address), config.handshakes_per_address), (newcomer.site, config.handshakes_per_site)]
        {
            let Some(key) = key else { continue };
            if self.count(key) >= most as usize {
                let of_key = self.visitors.iter().filter(|visitor| is_of(visitor.origin, key));
                let settled = of_key.filter(|visitor| self.is_settled(visitor, |origin| is_of(origin, key)));
                return settled.min_by_key(|visitor| (visitor.progress, visitor.number)).map(|first| first.number);
            }
        }
        if self.visitors.len() < config.inbound_handshakes as usize { None } else { self.greediest(Some(newcomer)) }
    }

    fn greediest(&self, newcomer: Option<VisitorOrigin>) -> Option<u64> {
        let pay = self.visitors.iter().filter(|visitor| {
            let key = visitor.origin.widest();
            let is_small = self.count(key) < GREEDY;
            self.is_settled(visitor, |origin| is_small || is_of(origin, key))
        });
        let order = |visitor: &&Known| {
            let key = visitor.origin.widest();
            let count = self.count(key) + usize::from(newcomer.is_some_and(|newcomer| is_of(newcomer, key)));
            (Reverse(count), visitor.progress, visitor.number)
        };
        pay.min_by_key(order).map(|first| first.number)
    }

    fn first_due(&self, config: &Config) -> Option<Duration> {
        let due = self.visitors.iter().map(|visitor| {
            let is_crowded = 2 * self.visitors.len() >= config.inbound_handshakes as usize
                || 2 * self.count(visitor.origin.address) >= config.handshakes_per_address as usize
                || visitor.origin.site.is_some_and(|site| 2 * self.count(site) >= config.handshakes_per_site as usize);
            let hurried =
                (is_crowded && visitor.progress == HandshakeProgress::Silent).then_some(config.first_byte_timeout);
            visitor.began + hurried.unwrap_or(Duration::MAX).min(config.connection.handshake_timeout)
        });
        due.min()
    }
}

fn is_of(origin: VisitorOrigin, key: AddressGroup) -> bool {
    origin.crowds().any(|of| of == key)
}

proptest! {
    #[test]
    fn it_answers_as_a_look_at_each_would(
        most in prop_oneof![1..8_u32, 8..60_u32],
        most_of_address in prop_oneof![1..5_u32, 5..30_u32],
        most_of_site in prop_oneof![1..5_u32, 5..40_u32],
        spread in prop_oneof![Just(4_u64), Just(200)],
        ops in proptest::collection::vec((any::<u64>(), any::<prop::sample::Index>(), 0..5_usize, 0..6_u8), 0..200),
    ) {
        let config = config(most, most_of_address, most_of_site);
        let (mut places, mut model, mut now) = (VisitorTable::new(&config), Model::default(), Duration::ZERO);
        for (origin, pick, progress, op) in ops {
            now += Duration::from_millis(700);
            let picked = (!model.visitors.is_empty()).then(|| pick.index(model.visitors.len()));
            match (op, picked) {
                (0, Some(index)) => {
                    prop_assert!(places.remove(model.visitors.remove(index).number).is_some());
                }
                (1, Some(index)) => {
                    let visitor = &mut model.visitors[index];
                    visitor.progress = visitor.progress.max(HandshakeProgress::ALL[progress]);
                    places.advance(visitor.number, visitor.progress);
                }
                _ => {
                    let number = origin >> 1 & 0xffff;
                    let origin = if origin & 1 == 0 {
                        v4((number % spread) as u32)
                    } else {
                        v6(number % 3, number / 3 % spread)
                    };
                    let victim = places.victim(origin);
                    prop_assert_eq!(victim, model.victim(origin, &config));
                    if let Some(victim) = victim {
                        places.remove(victim);
                        model.visitors.retain(|visitor| visitor.number != victim);
                    }
                    let number = places.insert(origin, now, ());
                    prop_assert_eq!(number, model.came.len() as u64);
                    model.came.push(origin);
                    model.visitors.push(Known { number, origin, progress: HandshakeProgress::Silent, began: now });
                    prop_assert!(places.len() <= most as usize);
                    prop_assert!(model.count(origin.address) <= most_of_address as usize);
                    prop_assert!(origin.site.is_none_or(|site| model.count(site) <= most_of_site as usize));
                }
            }
            prop_assert_eq!(places.greediest(), model.greediest(None));
            let first = places.first_due();
            prop_assert_eq!(first.map(|(due, _)| due), model.first_due(&config));
            prop_assert!(first.is_none_or(|(due, number)| places.deadline(number) == Some(due)));
            prop_assert_eq!(places.len(), model.visitors.len());
        }
    }
}
