//! [`LinePlay`]: messages of several authors by several peers for one that is slow to take them. A model that looks at all that
//! waits for every message says what is dropped, and which bytes are written in which order.
use super::fake_node::Fake;
use super::pubsub_keys::{author as key, peer};
use arbitrary::{Arbitrary, Unstructured};
use std::cmp::Reverse;
use std::time::Duration;
use swarm_notify::lifecycle::StreamId;
use swarm_notify::notifee::{Node as _, NotifeeId, Notifees};
use swarm_notify::protocols::floodsub::{FloodSub, PROTOCOL};
use swarm_notify::protocols::pubsub::wire::{Rpc, SubOpts};
use swarm_notify::protocols::pubsub::{Config, Event, Signing};
use swarm_notify::swarm::Refusal;

/// The bytes that may wait, and what happens.
#[derive(Debug)]
pub(crate) struct LinePlay {
    most: u16,
    steps: Vec<Step>,
}

/// The most steps of a play.
const MOST_STEPS: usize = 400;

impl<'a> Arbitrary<'a> for LinePlay {
    /// As many steps as there are bytes for.
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let most = u.arbitrary()?;
        let mut steps = Vec::new();
        while !u.is_empty() && steps.len() < MOST_STEPS {
            steps.push(u.arbitrary()?);
        }
        Ok(Self { most, steps })
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    /// A peer sends a new message of an author, with so many bytes of data.
    Say { sender: u8, author: u8, len: u8 },
    /// We publish one.
    Publish { len: u8 },
    /// The slow one takes so many bytes.
    Take(u8),
}

/// Where the peers are: two at one address, one at another, and one where anybody may be. Then the slow one.
const ADDRESSES: [&str; 5] = [
    "/ip4/192.0.2.1/tcp/1",
    "/ip4/192.0.2.1/tcp/2",
    "/ip4/192.0.2.2/tcp/1",
    "/ip4/127.0.0.1/tcp/1",
    "/ip4/192.0.2.3/tcp/1",
];

/// Who each peer counts as: the first of its address.
const SENDERS: [usize; 4] = [0, 0, 2, 3];

/// Who we count as.
const OURS: usize = 9;

const SLOW: usize = 4;

/// We are the first of the authors.
const AUTHORS: usize = 4;

/// A message that waits.
struct Waiting {
    number: u64,
    sender: usize,
    author: usize,
    frame: Vec<u8>,
}

/// The model of what waits for the slow one.
#[derive(Default)]
struct Model {
    most: usize,
    line: Vec<Waiting>,
    /// The one that was begun, and the bytes of it that are written.
    begun: Option<(Waiting, usize)>,
    /// The bytes that the slow one takes yet.
    place: usize,
    written: Vec<u8>,
    numbers: u64,
    dropped: u64,
}

impl Model {
    fn begun(&self) -> usize {
        self.begun.as_ref().map_or(0, |(begun, _)| begun.frame.len())
    }

    fn bytes(&self, is: impl Fn(&Waiting) -> bool) -> usize {
        self.line.iter().filter(|waiting| is(waiting)).map(|waiting| waiting.frame.len()).sum()
    }

    /// A message comes, which is to go to the slow one.
    fn add(&mut self, sender: usize, author: usize, frame: Vec<u8>) {
        if self.begun() + frame.len() > self.most {
            self.dropped += 1;
            return;
        }
        self.numbers += 1;
        self.line.push(Waiting { number: self.numbers, sender, author, frame });
        while self.begun() + self.bytes(|_| true) > self.most {
            let rank = |one: &Waiting| {
                let of_sender = self.bytes(|other| other.sender == one.sender);
                let of_author = self.bytes(|other| (other.sender, other.author) == (one.sender, one.author));
                (of_sender, of_author, Reverse(one.number))
            };
            let place = (0..self.line.len()).max_by_key(|place| rank(&self.line[*place])).expect("there is one");
            self.line.remove(place);
            self.dropped += 1;
        }
        self.write();
    }

    fn write(&mut self) {
        loop {
            if self.begun.is_none() && !self.line.is_empty() {
                self.begun = Some((self.line.remove(0), 0));
            }
            let Some((begun, written)) = &mut self.begun else { return };
            let n = self.place.min(begun.frame.len() - *written);
            self.written.extend(&begun.frame[*written..*written + n]);
            (self.place, *written) = (self.place - n, *written + n);
            if *written < begun.frame.len() {
                return;
            }
            self.begun = None;
        }
    }
}

struct Run {
    node: Fake,
    notifees: Notifees<Fake>,
    floodsub: NotifeeId<FloodSub>,
    streams: Vec<StreamId>,
}

impl Run {
    fn new(most: usize) -> Self {
        let mut config = Config::default();
        (config.outbox_bytes, config.seen) = (most, 100_000);
        let mut service = FloodSub::new(Signing::strict_sign(key(0).clone(), 0), config);
        let mut node = Fake::new(key(0).public().to_peer_id());
        service.subscribe(&mut node, "t").expect("there is place");
        let mut notifees = Notifees::new();
        let floodsub = notifees.install(&mut node, service);
        let mut run = Self { node, notifees, floodsub, streams: Vec::new() };
        run.node.place.insert(peer(SLOW), 1_000);
        for (number, address) in ADDRESSES.iter().enumerate() {
            let connection = run.node.connect_from(peer(number), address).expect("there is room");
            run.turns();
            run.streams.push(run.node.accept(connection, PROTOCOL).expect("there is room"));
            run.turns();
        }
        let topic = SubOpts::new(true, "t");
        let subscribe = Rpc::new(vec![topic], Vec::new());
        run.node.send(run.streams[SLOW], &subscribe.to_frame(), 0);
        run.turns();
        // It has heard what we subscribe to, and takes nothing more.
        run.node.place.insert(peer(SLOW), 0);
        run.node.written.insert(peer(SLOW), Vec::new());
        run
    }

    fn turns(&mut self) {
        for _ in 0..3 {
            self.node.poll();
            self.notifees.drive(&mut self.node, Duration::from_secs(1));
            while let Some(event) = self.floodsub().next_event() {
                assert!(!matches!(event, Event::Lagged { .. }));
            }
        }
    }

    fn floodsub(&mut self) -> &mut FloodSub {
        self.notifees.get_mut(self.floodsub).expect("it is registered")
    }
}

impl LinePlay {
    /// Plays it.
    pub(crate) fn run(self) {
        let most = usize::from(self.most) % 4_000;
        let (mut run, mut model) = (Run::new(most), Model { most, ..Model::default() });
        let mut seqno = 0;
        let frame = |author: usize, seqno: u64, len: u8| {
            let sealed = Signing::strict_sign(key(author).clone(), seqno).seal("t", &vec![7; len.into()]);
            Rpc::new(Vec::new(), vec![sealed.expect("an Ed25519 key signs").0]).to_frame()
        };
        let mut ours = 0;
        for step in self.steps {
            match step {
                Step::Say { sender, author, len } => {
                    let (sender, author) = (usize::from(sender) % SLOW, 1 + usize::from(author) % (AUTHORS - 1));
                    seqno += 1;
                    let frame = frame(author, seqno, len);
                    run.node.send(run.streams[sender], &frame, 0);
                    model.add(SENDERS[sender], author, frame);
                }
                Step::Publish { len } => {
                    let floodsub: &mut FloodSub = run.notifees.get_mut(run.floodsub).expect("it is registered");
                    floodsub.publish(&mut run.node, "t", &vec![7; len.into()]).expect("it is small");
                    model.add(OURS, 0, frame(0, ours, len));
                    ours += 1;
                }
                Step::Take(bytes) => {
                    run.node.takes(peer(SLOW), bytes.into());
                    model.place += usize::from(bytes);
                    model.write();
                }
            }
            run.turns();
            let waiting = run.floodsub().waiting_for(peer(SLOW));
            let expected = model.line.len() + usize::from(model.begun.is_some());
            assert_eq!(
                (waiting.messages, waiting.bytes),
                (expected, model.begun() + model.bytes(|_| true)),
                "{step:?}"
            );
            assert!(waiting.bytes <= most);
            assert_eq!(run.node.written[&peer(SLOW)], model.written, "{step:?}");
            assert_eq!(run.floodsub().counters().dropped, model.dropped, "{step:?}");
            assert_eq!(run.node.refused(Refusal::MessageDropped), model.dropped, "each is told");
        }
        run.node.takes(peer(SLOW), 1_000_000);
        run.turns();
        model.place += 1_000_000;
        model.write();
        assert_eq!(run.node.written[&peer(SLOW)], model.written);
        assert_eq!(run.floodsub().held().outbox_bytes, 0, "nothing is left");
    }
}
