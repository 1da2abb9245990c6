//! [`SeenPlay`]: messages that come, and come again, at a node whose cache of messages is small. A model that looks at every
//! entry for every message says what is told, known or refused.
use super::fake_node::Fake;
use super::pubsub_keys::{author as key, peer};
use arbitrary::{Arbitrary, Unstructured};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use swarm_notify::connection::Rate;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::floodsub::{FloodSub, PROTOCOL};
use swarm_notify::protocols::pubsub::wire::Rpc;
use swarm_notify::protocols::pubsub::{Config, Counters, Event, PublishError, SeqnoValidator, Signing};
use swarm_notify::swarm::Refusal;

/// A cache, and what happens.
#[derive(Debug)]
pub(crate) struct SeenPlay {
    places: u8,
    shares: [u8; 3],
    is_signed: bool,
    /// The authors whose numbers are remembered, if they are looked at.
    numbered: Option<u8>,
    steps: Vec<Step>,
}

/// The most steps of a play.
const MOST_STEPS: usize = 400;

impl<'a> Arbitrary<'a> for SeenPlay {
    /// As many steps as there are bytes for.
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let (places, shares, is_signed, numbered): (u8, _, _, _) = u.arbitrary()?;
        // Of the small ones there are most, as they are full soon.
        let places = if places < 200 { places % 40 } else { places };
        let mut steps = Vec::new();
        while !u.is_empty() && steps.len() < MOST_STEPS {
            steps.push(u.arbitrary()?);
        }
        Ok(Self { places, shares, is_signed, numbered, steps })
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    /// A peer sends a message of an author, which may be ourselves.
    Say { sender: u8, author: u8, number: u8 },
    /// We publish something.
    Publish { content: u8 },
    /// So many tenths of a second pass.
    Pass(u8),
    /// A new validator of numbers knows what the one before has known.
    Restart,
}

const TTL: Duration = Duration::from_secs(5);

/// The time for which the number of an author is kept.
const KEPT: Duration = Duration::from_secs(12);

/// Where the peers are: two at one address, one at another, and one where anybody may be.
const ADDRESSES: [&str; 4] =
    ["/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.1/tcp/2", "/ip4/192.0.2.2/tcp/1", "/ip4/127.0.0.1/tcp/1"];

/// The same of each peer, by a number.
const GROUPS: [Option<usize>; 4] = [Some(0), Some(0), Some(1), None];

/// The group of our messages that have no author.
const OURS: usize = 2;

/// We are the first of the authors.
const AUTHORS: usize = 6;

/// What tells messages apart: the author and its number, or the content.
type Name = (Option<usize>, u64);

/// An entry of the model.
struct Entry {
    name: Name,
    author: Option<usize>,
    sender: Option<usize>,
    group: Option<usize>,
    until: Option<Duration>,
    /// The peers that have sent it.
    sent_by: BTreeSet<usize>,
}

/// The model of the authors' numbers.
struct Numbers {
    max: usize,
    /// In the order in which they were heard.
    authors: Vec<Numbered>,
}

/// An author whose number is known.
#[derive(Clone, Copy)]
struct Numbered {
    author: usize,
    highest: u64,
    heard: Duration,
    /// The address or the peer that has brought it.
    by: Option<(Option<usize>, usize)>,
}

impl Numbers {
    fn known(&self, author: usize) -> Option<Numbered> {
        self.authors.iter().find(|known| known.author == author).copied()
    }

    fn has_room(&self, author: usize, sender: usize, now: Duration) -> bool {
        let kept = || self.authors.iter().filter(|known| known.heard + KEPT > now);
        let brought = kept().filter(|known| known.by == Some(bringer(sender))).count();
        kept().any(|known| known.author == author) || brought < self.max - kept().count()
    }

    fn heard(&mut self, author: usize, number: u64, sender: usize, now: Duration) {
        let before = self.known(author);
        self.authors.retain(|known| known.author != author);
        if self.authors.len() == self.max {
            self.authors.remove(0);
        }
        let by = before.filter(|before| before.heard + KEPT > now).map_or(Some(bringer(sender)), |before| before.by);
        let highest = before.map_or(number, |before| before.highest.max(number));
        self.authors.push(Numbered { author, highest, heard: now, by });
    }
}

/// What a message of a peer counts for: its address, unless anybody may be there.
fn bringer(sender: usize) -> (Option<usize>, usize) {
    GROUPS[sender].map_or((None, sender), |group| (Some(group), 0))
}

/// The model of the cache.
struct Model {
    entries: Vec<Entry>,
    places: usize,
    shares: [usize; 3],
    is_signed: bool,
    numbers: Option<Numbers>,
    next_of_ours: u64,
    counters: Counters,
}

impl Model {
    /// The part of the counters that it has a say in.
    fn counters(&self) -> [u64; 7] {
        counted(&self.counters)
    }

    fn turn(&mut self, now: Duration) {
        for entry in &mut self.entries {
            entry.until.get_or_insert(now + TTL);
        }
        self.entries.retain(|entry| entry.until.is_some_and(|until| until > now));
    }

    fn has_room(&self, held: impl Fn(&Entry) -> bool, share: usize) -> bool {
        let free = self.places - self.entries.len();
        self.entries.iter().filter(|entry| held(entry)).count() < free * share
    }

    fn add(&mut self, entry: Entry) -> bool {
        let [author, sender, group] = self.shares;
        if entry.author.is_some() && !self.has_room(|other| other.author == entry.author, author) {
            self.counters.author_over_share += 1;
            return false;
        }
        if self.entries.len() == self.places
            || entry.sender.is_some() && !self.has_room(|other| other.sender == entry.sender, sender)
            || entry.group.is_some() && !self.has_room(|other| other.group == entry.group, group)
        {
            self.counters.sender_over_share += 1;
            return false;
        }
        self.entries.push(entry);
        true
    }

    /// A peer sends a message. Returns whether it is told.
    fn say(&mut self, name: Name, sender: usize, now: Duration) -> bool {
        let known = self.entries.iter_mut().find(|entry| entry.name == name);
        if let Some(entry) = known {
            self.counters.duplicates += 1;
            self.counters.repeated += u64::from(!entry.sent_by.insert(sender));
            return false;
        }
        let (author, number) = name;
        if author == Some(0) {
            self.counters.duplicates += 1;
            return false;
        }
        if let (Some(numbers), Some(author)) = (&self.numbers, author) {
            if numbers.known(author).is_some_and(|known| number <= known.highest) {
                self.counters.outdated += 1;
                return false;
            }
            if !numbers.has_room(author, sender, now) {
                self.counters.new_authors_refused += 1;
                return false;
            }
        }
        let sent_by = BTreeSet::from([sender]);
        let until = Some(now + TTL);
        let is_told = self.add(Entry { name, author, sender: Some(sender), group: GROUPS[sender], until, sent_by });
        if let (true, Some(numbers), Some(author)) = (is_told, &mut self.numbers, author) {
            numbers.heard(author, number, sender, now);
        }
        is_told
    }

    /// We publish something, between two turns.
    fn publish(&mut self, content: u8) -> Result<(), PublishError> {
        let name = if self.is_signed { (Some(0), self.next_of_ours) } else { (None, content.into()) };
        if let Some(entry) = self.entries.iter().find(|entry| entry.name == name) {
            // Nobody subscribes here, so that one of ours has reached nobody and may be tried again.
            return if entry.group == Some(OURS) { Ok(()) } else { Err(PublishError::Duplicate) };
        }
        let (author, group) = if self.is_signed { (Some(0), None) } else { (None, Some(OURS)) };
        let refused = self.counters;
        let is_kept = self.add(Entry { name, author, sender: None, group, until: None, sent_by: BTreeSet::new() });
        // Of ours nothing is counted as refused.
        self.counters = refused;
        if !is_kept && !self.is_signed {
            return Err(PublishError::Full);
        }
        self.next_of_ours += 1;
        Ok(())
    }
}

fn counted(counters: &Counters) -> [u64; 7] {
    let Counters { received, duplicates, repeated, author_over_share, sender_over_share, outdated, .. } = *counters;
    [received, duplicates, repeated, author_over_share, sender_over_share, outdated, counters.new_authors_refused]
}

/// The number of our first message, so that peers can foretell it.
const FIRST: u64 = 3;

struct Run {
    node: Fake,
    notifees: Notifees<Fake>,
    floodsub: NotifeeId<FloodSub>,
    streams: Vec<StreamId>,
    now: Duration,
}

impl Run {
    fn new(config: Config, is_signed: bool, numbered: Option<usize>) -> Self {
        let signing = if is_signed { Signing::strict_sign(key(0).clone(), FIRST) } else { Signing::strict_no_sign() };
        let mut service = FloodSub::new(signing, config);
        if let Some(authors) = numbered {
            service.set_seqno_validator(SeqnoValidator::new(authors, KEPT));
        }
        let mut node = Fake::new(key(0).public().to_peer_id());
        service.subscribe(&mut node, "t").expect("there is place");
        let mut notifees = Notifees::new();
        let floodsub = notifees.install(&mut node, service);
        let mut run = Self { node, notifees, floodsub, streams: Vec::new(), now: Duration::from_secs(1) };
        for (number, address) in ADDRESSES.iter().enumerate() {
            let connection = run.node.connect_from(peer(number), address).expect("there is room");
            run.turns();
            run.streams.push(run.node.accept(connection, PROTOCOL).expect("there is room"));
            run.turns();
        }
        run
    }

    /// Turns until all that was said has been heard. Returns the messages that were told.
    fn turns(&mut self) -> Vec<Name> {
        let mut told = Vec::new();
        for _ in 0..3 {
            self.node.poll();
            self.notifees.drive(&mut self.node, self.now);
            while let Some(event) = self.floodsub().next_event() {
                if let Event::Message { message, .. } = event {
                    let author = message.source.map(|source| {
                        (0..AUTHORS).find(|n| key(*n).public().to_peer_id() == source).expect("there are no others")
                    });
                    let content = u64::from(message.data[0]);
                    told.push((author, message.seqno.unwrap_or(content)));
                }
            }
        }
        told
    }

    fn floodsub(&mut self) -> &mut FloodSub {
        self.notifees.get_mut(self.floodsub).expect("it is registered")
    }
}

impl SeenPlay {
    /// Plays it.
    pub(crate) fn run(self) {
        let mut config = Config::default();
        let shares = self.shares.map(|share| usize::from(share % 20));
        (config.seen, config.seen_ttl) = (self.places.into(), TTL);
        [config.seen_author_share, config.seen_sender_share, config.seen_address_share] = shares;
        config.repeats = Rate::new(u32::MAX, u32::MAX);
        let numbered = self.numbered.map(|authors| usize::from(authors) % (2 * AUTHORS));
        let mut run = Run::new(config, self.is_signed, numbered);
        let mut model = Model {
            entries: Vec::new(),
            places: usize::from(self.places).max(1),
            shares: shares.map(|share| share.max(1)),
            is_signed: self.is_signed,
            numbers: numbered.map(|authors| Numbers { max: authors.max(1), authors: Vec::new() }),
            next_of_ours: FIRST,
            counters: Counters::default(),
        };
        // Beside the model, what matters most.
        let mut told_at = BTreeMap::new();
        for step in self.steps {
            match step {
                Step::Pass(tenths) => run.now += Duration::from_millis(100) * u32::from(tenths % 64),
                Step::Restart => {
                    // Something happens before and after it, so that both know the time.
                    run.node.send(run.streams[0], &[0], 0);
                    run.turns();
                    model.turn(run.now);
                    let floodsub = run.floodsub();
                    if let (Some(before), Some(numbers)) = (floodsub.seqno_validator(), &mut model.numbers) {
                        let mut after = SeqnoValidator::new(numbers.max, KEPT);
                        before.authors().for_each(|author| after.remember(author));
                        floodsub.set_seqno_validator(after);
                        numbers.authors.iter_mut().for_each(|known| known.by = None);
                    }
                    run.node.send(run.streams[0], &[0], 0);
                }
                Step::Publish { content } => {
                    let (floodsub, node) =
                        (run.notifees.get_mut(run.floodsub).expect("it is registered"), &mut run.node);
                    let published = floodsub.publish(node, "t", &[content]).map(drop);
                    assert_eq!(published, model.publish(content), "{content} of ours");
                    continue;
                }
                Step::Say { sender, author, number } => {
                    let (sender, author) = (usize::from(sender) % ADDRESSES.len(), usize::from(author) % AUTHORS);
                    let (name, signing) = if self.is_signed {
                        let signing = Signing::strict_sign(key(author).clone(), number.into());
                        ((Some(author), number.into()), signing)
                    } else {
                        ((None, number.into()), Signing::strict_no_sign())
                    };
                    let (message, _) = signing.seal("t", &[number]).expect("an Ed25519 key signs");
                    let rpc = Rpc::new(Vec::new(), vec![message]);
                    model.turn(run.now);
                    let is_told = model.say(name, sender, run.now);
                    model.counters.received += u64::from(is_told);
                    run.node.send(run.streams[sender], &rpc.to_frame(), 0);
                    let told = run.turns();
                    assert_eq!(told, if is_told { vec![name] } else { vec![] }, "{step:?} at {:?}", run.now);
                    for name in told {
                        let before = told_at.insert(name, run.now);
                        assert!(before.is_none_or(|at| run.now >= at + TTL), "{name:?} was told twice within its time");
                    }
                }
            }
            run.turns();
            model.turn(run.now);
            let counters = run.floodsub().counters();
            assert_eq!(counted(&counters), model.counters(), "{step:?}");
            let refused = counters.author_over_share
                + counters.sender_over_share
                + counters.outdated
                + counters.new_authors_refused;
            use swarm_notify::notifee::Node as _;
            assert_eq!(run.node.refused(Refusal::MessageRefused), refused, "each is told where it came from");
            assert_eq!((counters.invalid, counters.peers_cut), (0, 0), "and nobody is blamed");
        }
    }
}
