//! One attack for the table, from a fresh node to its end.

use crate::Settings;
use crate::attackers::catalogue::Attack;
use crate::attackers::listeners::{Form, Hostile};
use crate::attackers::pubsub::TOPIC;
use crate::attackers::scene::Scene;
use crate::node::{Node, Start};
use crate::probe::{Honest, Outcome};
use crate::report::{Held, Probes, Row, Times};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The probes of each kind before and after an attack.
const PROBES: usize = 20;

/// The time between two probes of a kind during an attack.
const PAUSE: Duration = Duration::from_millis(50);

/// The longest that an attack takes to begin, and the longest that a node takes to end.
const LIMIT: Duration = Duration::from_secs(60);

/// The time between two looks at a node.
const LOOK: Duration = Duration::from_millis(20);

/// The time that a node has to give back what it held.
const GIVE_BACK: Duration = Duration::from_secs(5);

fn held(node: &mut Node) -> Held {
    Held { live: node.live(), resident: node.resident(), descriptors: node.descriptors() }
}

/// Looks at a node until the time is over, or it has grown too far. Its descriptors are counted now and then only: thousands
/// take time.
fn watch(node: &Mutex<Node>, scene: &Scene, until: Instant, most_resident: u64, peak: &mut Held) -> bool {
    for look in 0_u64.. {
        if !scene.goes_on() || Instant::now() >= until {
            break;
        }
        let mut node = node.lock().expect("no probe panics");
        peak.live = peak.live.max(node.live());
        if look % 10 == 0 {
            peak.descriptors = peak.descriptors.max(node.descriptors());
        }
        if node.resident() > most_resident {
            return false;
        }
        drop(node);
        std::thread::sleep(LOOK);
    }
    true
}

/// Attacks a node that listens, and asks honestly before, meanwhile and after.
pub(crate) fn attack(attack: &Attack, settings: &Settings) -> Row {
    let topic = attack.publishes.then_some(TOPIC);
    let node = Node::listen(&settings.command, attack.is_ipv6, attack.descriptors, topic);
    let target = node.address();
    let mut asked = Asked::new(target, settings, attack.publishes);
    let node = Mutex::new(node);
    let mut row = Row { name: attack.name, are_many: attack.are_many, ..Row::default() };
    asked.each(|times| &mut times.before, &node);
    asked.established.leave();
    std::thread::sleep(Duration::from_millis(300));
    row.held[0] = held(&mut node.lock().expect("no probe panics"));
    let _ = asked.established.establish();

    let scene = Scene::new(target, false);
    let (node_cpu, peak) = (node.lock().expect("no probe panics").cpu(), &mut row.held[1]);
    std::thread::scope(|scope| {
        let attackers = scope.spawn(|| {
            (attack.run)(&scene);
            scene.end();
        });
        let start = Instant::now();
        let mut see = |until| watch(&node, &scene, until, settings.most_resident, peak);
        while !scene.is_under_way() {
            if !see(Instant::now() + PAUSE) || start.elapsed() > LIMIT || !scene.goes_on() {
                row.remarks.push("the attack was not set up in time".to_owned());
                break;
            }
        }
        let end = Instant::now() + settings.time;
        let (asked, shared_scene, shared_node) = (&mut asked, &scene, &node);
        let probes = scope.spawn(move || asked.until(end, shared_scene, shared_node));
        if !see(end) {
            row.remarks.push(format!("ended early at {} MB", settings.most_resident / 1_000_000));
            scene.end();
        }
        // The last probes are served, or starve, while the attack goes on.
        while !probes.is_finished() && see(Instant::now() + PAUSE) {}
        scene.end();
        probes.join().expect("no probe panics");
        attackers.join().expect("no attacker panics");
    });
    let mut node = node.into_inner().expect("no probe panics");
    row.node_cpu = node.cpu().saturating_sub(node_cpu);
    (row.attacker_cpu, row.cuts) = (scene.cpu(), scene.cuts());
    row.held[1].resident = node.most_resident();
    asked.established.leave();
    std::thread::sleep(GIVE_BACK);
    row.held[2] = held(&mut node);
    let node = Mutex::new(node);
    let _ = asked.established.establish();
    asked.each(|times| &mut times.after, &node);
    let mut node = node.into_inner().expect("no probe panics");
    (row.new, row.established, row.published) = asked.times();
    finish(&mut node, &mut row);
    row
}

/// Ends a node, and says so if that goes wrong.
fn finish(node: &mut Node, row: &mut Row) {
    if node.runs() {
        node.terminate();
    } else {
        row.remarks.push("it has ended by itself".to_owned());
    }
    match node.ended(LIMIT) {
        Some(ended) if ended.code == Some(0) => {}
        Some(ended) => {
            let why = ended.stderr.lines().next().unwrap_or_default();
            row.remarks.push(format!("it ended with {:?}: {why}", ended.code));
        }
        None => row.remarks.push("it goes on after SIGTERM".to_owned()),
    }
    if node.has_panicked() {
        row.remarks.push("it panicked".to_owned());
    }
    let told = node.told();
    (row.lines, row.bytes) = (told.lines, told.bytes);
    match told.replayed {
        0 => {}
        1 => row.remarks.push("the old message was told once".to_owned()),
        times => row.remarks.push(format!("the old message was told {times} times")),
    }
}

/// Honest peers, and what has come of what they asked for.
struct Asked {
    new: Honest,
    established: Honest,
    publisher: Honest,
    /// Of new connections, established ones, and publishers.
    times: [Times; 3],
    publishes: bool,
}

impl Asked {
    fn new(target: std::net::SocketAddr, settings: &Settings, publishes: bool) -> Self {
        let honest = |identity| Honest::new(identity, target, settings.origin);
        let mut established = honest(1);
        let _ = established.establish();
        Self { new: honest(1), established, publisher: honest(2), times: Default::default(), publishes }
    }

    /// Asks a number of times, one after the other.
    fn each(&mut self, at: fn(&mut Times) -> &mut Probes, node: &Mutex<Node>) {
        for _ in 0..PROBES {
            at(&mut self.times[0]).add(&self.new.new_connection());
            at(&mut self.times[1]).add(&self.established.new_stream());
            if self.publishes {
                at(&mut self.times[2]).add(&publish(&mut self.publisher, node));
            }
        }
    }

    /// Asks until `end`, each kind on a thread of its own.
    fn until(&mut self, end: Instant, scene: &Scene, node: &Mutex<Node>) {
        let Self { new, established, publisher, times: [new_times, established_times, published_times], publishes } =
            self;
        std::thread::scope(|scope| {
            scope.spawn(|| repeat(end, scene, &mut new_times.during, || new.new_connection()));
            scope.spawn(|| repeat(end, scene, &mut established_times.during, || established.new_stream()));
            if *publishes {
                scope.spawn(|| repeat(end, scene, &mut published_times.during, || publish(publisher, node)));
            }
        });
    }

    fn times(self) -> (Times, Times, Option<Times>) {
        let [new, established, published] = self.times;
        (new, established, self.publishes.then_some(published))
    }
}

fn repeat(end: Instant, scene: &Scene, probes: &mut Probes, mut ask: impl FnMut() -> Outcome) {
    while Instant::now() < end && scene.goes_on() {
        probes.add(&ask());
        std::thread::sleep(PAUSE);
    }
}

/// The others may look at the node meanwhile.
fn publish(publisher: &mut Honest, node: &Mutex<Node>) -> Outcome {
    publisher.publish(|number, limit| node.lock().expect("no probe panics").has_heard(number, limit))
}

/// Dials a hostile listener, and waits for what comes of it.
pub(crate) fn dialing(name: &'static str, form: Form, settings: &Settings) -> Row {
    let mut row = Row { name, ..Row::default() };
    let hostile = Hostile::bind(form).expect("a port of loopback");
    let address = hostile.address().expect("it is bound");
    let scene = Scene::new(address, false);
    let address = format!("/ip4/127.0.0.1/tcp/{}", address.port());
    let hold = settings.time.as_secs().to_string();
    let args = ["dial", &address, "--streams", "1000", "--concurrency", "100", "--hold", &hold];
    let mut node = Node::start(&Start { command: &settings.command, args: &args, descriptors: None });
    std::thread::scope(|scope| {
        scope.spawn(|| hostile.serve(&scene));
        let start = Instant::now();
        row.held[0] = held(&mut node);
        while node.runs() && start.elapsed() < LIMIT {
            let now = held(&mut node);
            row.held[1].live = row.held[1].live.max(now.live);
            row.held[1].resident = row.held[1].resident.max(node.most_resident());
            row.held[1].descriptors = row.held[1].descriptors.max(now.descriptors);
            row.node_cpu = row.node_cpu.max(node.cpu());
            std::thread::sleep(Duration::from_millis(20));
        }
        let after = start.elapsed().as_secs_f64();
        match node.ended(Duration::ZERO) {
            Some(ended) => row.remarks.push(format!("it ended with {:?} after {after:.1} s", ended.code)),
            None => row.remarks.push(format!("it was killed after {after:.1} s")),
        }
        scene.end();
    });
    if node.has_panicked() {
        row.remarks.push("it panicked".to_owned());
    }
    row.attacker_cpu = scene.cpu();
    let told = node.told();
    (row.lines, row.bytes) = (told.lines, told.bytes);
    drop(told);
    row
}
