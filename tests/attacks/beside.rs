//! Beside each attack on a node that listens, every honest probe comes through, a new connection at the first dial, from the
//! attackers' own address, too. The node does not panic, its descriptors are back once the attackers have left, and under the
//! same attack again it ends when it is asked to. Nobody makes it tell more than a few thousand lines for a connection, nor a
//! long one.
//!
//! `SWARM_NOTIFY_BIN` names another command to attack: of commit 285d616 most of these tests fail.

use crate::attackers::catalogue::{ATTACKS, Attack};
use crate::attackers::pubsub::TOPIC;
use crate::attackers::scene::Scene;
use crate::node::{Node, wait_for};
use crate::probe::{Honest, Origin, Outcome};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Probes of each kind during and after, and fewer of those that publish: beside forgeries a debug build needs seconds for
/// each.
const PROBES: usize = 6;
const PUBLISHED: usize = 2;

/// The most lines that the node tells for each connection of an attacker: it paces no more than its budget of resets (1 000 and 100 a
/// second, 2 lines each) and its 1 000 streams (2 lines each).
const LINES: u64 = 4_000;

/// The streams that `listen` takes of one connection at once, and those that it takes a second, 2 lines each: the bound of whoever
/// ends them politely.
const OPENINGS: (u64, u64) = (4_000, 1_000);

/// More than are told of all honest peers.
const HONEST_LINES: u64 = 1_000;

/// The most bytes of a line: what peers say of themselves is cut.
const LONGEST: usize = 10_000;

/// Attacks whose connections stay open in silence. A polite close of such a connection takes 5 s: under these the node is
/// not asked to end, but for the first, since one is enough to see it.
const HELD_IN_SILENCE: [&str; 7] =
    ["crowd", "descriptors", "unread_1", "unread_12", "unread_64", "places_1030", "idle_66"];

/// Nothing takes as long; it is what a hang costs.
const LIMIT: Duration = Duration::from_secs(60);

/// Makes a test of each attack that is named.
macro_rules! attacks {
    ($($(#[$attribute:meta])* $name:ident,)*) => {
        mod honest_peers_are_served_beside {
            $($(#[$attribute])* #[test] fn $name() { super::beside(stringify!($name)); })*
        }

        #[test]
        fn each_attack_has_a_test() {
            let names: Vec<_> = ATTACKS.iter().map(|attack| attack.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

attacks! {
    resets,
    resets_unsupported,
    resets_supported,
    polite,
    resets_64,
    silent,
    silent_4000,
    silent_slow,
    silent_noise,
    silent_1100,
    silent_ipv6,
    unread_1,
    unread_12,
    unread_64,
    idle_66,
    pushes,
    questions,
    forgeries,
    forgeries_rsa,
    duplicates,
    unwanted,
    flapping,
    seen,
    seen_authors,
    places_1030,
    syn,
    syn_64,
    empty,
    unknown,
    pongs,
    pings,
    bytes_sink,
    bytes_echo,
    bytes_400,
    tiny_noise,
    ping_service,
    ping_unread,
    ping_64,
    connect_close,
    handshakes,
    handshakes_64,
    handshakes_rsa,
    crowd,
    descriptors,
}

/// The command, or another one that `SWARM_NOTIFY_BIN` names.
pub(crate) fn command() -> PathBuf {
    std::env::var_os("SWARM_NOTIFY_BIN").unwrap_or(env!("CARGO_BIN_EXE_swarm-notify").into()).into()
}

/// Ends an attack, whatever becomes of the test.
struct EndAtDrop<'a>(&'a Scene);

impl Drop for EndAtDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What has come of the probes of one kind.
#[derive(Default)]
struct Outcomes(Vec<(&'static str, Outcome)>);

impl Outcomes {
    /// Asks a number of times. One that starves is enough.
    fn ask(&mut self, kind: &'static str, times: usize, mut probe: impl FnMut() -> Outcome) {
        for _ in 0..times {
            let outcome = probe();
            let is_starved = matches!(outcome, Outcome::Starved);
            self.0.push((kind, outcome));
            if is_starved {
                break;
            }
        }
    }

    #[track_caller]
    fn are_all_served(self, when: &str) {
        let count = self.0.len();
        let lost: Vec<_> = self.0.iter().filter(|(_, outcome)| !matches!(outcome, Outcome::Served(_))).collect();
        assert!(lost.is_empty(), "{when}: {} of {count} were not served: {lost:?}", lost.len());
    }
}

fn beside(name: &str) {
    let attack = ATTACKS.iter().find(|attack| attack.name == name).expect("it is in the catalogue");
    if attack.is_ipv6 && std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: there is no ::1 here");
        return;
    }
    let topic = attack.publishes.then_some(TOPIC);
    let begun = Instant::now();
    let mut node = Node::listen(&command(), attack.is_ipv6, attack.descriptors, topic);
    let target = node.address();
    let rest = node.descriptors();
    let honest = || Honest::new(1, target, Origin::Both);
    let (mut new, mut established, mut publisher) = (honest(), honest(), Honest::new(2, target, Origin::Both));
    established.establish().expect("nothing is in its way");

    let during = under(attack, target, || {
        std::thread::scope(|scope| {
            let asked = [
                scope.spawn(|| {
                    let mut outcomes = Outcomes::default();
                    outcomes.ask("new", PROBES, || new.new_connection());
                    outcomes
                }),
                scope.spawn(|| {
                    let mut outcomes = Outcomes::default();
                    outcomes.ask("established", PROBES, || established.new_stream());
                    outcomes
                }),
                scope.spawn(|| {
                    let mut outcomes = Outcomes::default();
                    if attack.publishes {
                        outcomes.ask("published", PUBLISHED, || {
                            publisher.publish(|number, limit| node.has_heard(number, limit))
                        });
                    }
                    outcomes
                }),
            ];
            Outcomes(asked.into_iter().flat_map(|asked| asked.join().expect("no probe panics").0).collect())
        })
    });
    during.are_all_served("during the attack");

    established.leave();
    let back = wait_for(LIMIT, || (node.descriptors() <= rest).then_some(()));
    assert!(back.is_some(), "after the attack: {} descriptors, and {rest} at rest", node.descriptors());
    let mut after = Outcomes::default();
    after.ask("new", PROBES, || new.new_connection());
    after.are_all_served("after the attack");

    let mut end = || {
        node.terminate();
        node.ended(LIMIT)
    };
    let ended = if HELD_IN_SILENCE[1..].contains(&name) { end() } else { under(attack, target, end) };
    let ended = ended.unwrap_or_else(|| panic!("it goes on {LIMIT:?} after SIGTERM"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!node.has_panicked(), "{}", ended.stderr);
    let told = node.told();
    let honest = new.dials() + established.dials() + publisher.dials();
    let attackers = told.count("connected").saturating_sub(honest);
    let most = HONEST_LINES
        + match name {
            // One connection after the other.
            "polite" => 2 * (OPENINGS.0 * attackers + OPENINGS.1 * (begun.elapsed().as_secs() + 1)),
            _ => LINES * attackers,
        };
    assert!(told.lines <= most, "{} lines, and no more than {most} expected: {:?}", told.lines, told.events);
    assert_eq!(told.replayed, u64::from(name.starts_with("seen")), "how often an old message is told that comes again");
    assert!(told.longest <= LONGEST, "a line has {} bytes", told.longest);
    for (opened, closed) in [("connected", "disconnected"), ("opened_stream", "closed_stream")] {
        if told.count("lagged") == 0 {
            assert_eq!(told.count(opened), told.count(closed), "{opened}, {closed}");
        }
    }
}

/// Does something while an attack is under way.
fn under<R>(attack: &Attack, target: std::net::SocketAddr, act: impl FnOnce() -> R) -> R {
    let scene = Scene::new(target, true);
    std::thread::scope(|scope| {
        let _end = EndAtDrop(&scene);
        scope.spawn(|| {
            (attack.run)(&scene);
            scene.end();
        });
        let begun = wait_for(LIMIT, || scene.is_under_way().then_some(()));
        assert!(begun.is_some(), "the attack does not begin");
        act()
    })
}
