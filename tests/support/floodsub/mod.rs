//! [`Node`]: a swarm with floodsub, and everything that its owner is told, a line each.
pub(crate) mod drive;

use libp2p_core::Transport;
use libp2p_identity::{Keypair, PeerId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::OnceLock;
use std::task::Context;
use std::time::{Duration, Instant};
use swarm_notify::connection::Protocol;
use swarm_notify::notifee::{HasNode, Interest, Notifee, NotifeeContext, NotifeeId, Notifees};
use swarm_notify::protocols::floodsub::FloodSub;
use swarm_notify::protocols::pubsub::{Config, Event, Message, MessageId, PublishError, Signing};
use swarm_notify::swarm::{Config as SwarmConfig, Reactor, Refusal, RefusedAt, Swarm};

pub(crate) use swarm_notify::protocols::floodsub::PROTOCOL as FLOODSUB;

/// A protocol that everybody here speaks, beside floodsub.
pub(crate) const OTHER: Protocol = Protocol::from_static("/other/1.0.0");

pub(crate) fn keypair(number: u8) -> Keypair {
    Keypair::ed25519_from_bytes([number; 32]).expect("any 32 bytes are a secret key")
}

pub(crate) fn peer(number: u8) -> PeerId {
    keypair(number).public().to_peer_id()
}

/// Which number a peer of these tests has.
pub(crate) fn number(id: PeerId) -> u8 {
    static NUMBERS: OnceLock<BTreeMap<PeerId, u8>> = OnceLock::new();
    NUMBERS.get_or_init(|| (0..=255).map(|number| (peer(number), number)).collect())[&id]
}

/// What can be a swarm's transport in these tests.
pub(crate) trait Pipes:
    Transport<Output: futures::AsyncRead + futures::AsyncWrite + Unpin, Error: 'static>
{
}
impl<T: Transport<Output: futures::AsyncRead + futures::AsyncWrite + Unpin, Error: 'static>> Pipes for T {}

/// A swarm with floodsub.
pub(crate) struct Node<T: Pipes + Unpin + 'static, R: 'static = ()> {
    pub(crate) number: u8,
    pub(crate) swarm: Swarm<T, 256, R>,
    pub(crate) notifees: Notifees<Swarm<T, 256, R>>,
    pub(crate) floodsub: NotifeeId<FloodSub>,
    /// What the owner was told, a line each.
    pub(crate) log: Vec<String>,
    /// The messages that it was told, and from whom.
    pub(crate) messages: Vec<(Message, PeerId)>,
    /// The ids of the messages whose verdict was put off.
    pub(crate) undecided: Vec<MessageId>,
    /// From whom messages were told, turn by turn of those in which some were.
    pub(crate) per_turn: Vec<Vec<u8>>,
    /// How many events were told, turn by turn of those in which some were.
    pub(crate) told_per_turn: Vec<usize>,
    /// How many turns it has taken.
    pub(crate) turns: usize,
    /// Events are left in floodsub's queue.
    pub(crate) is_paused: bool,
    /// The work of signatures in each turn with some.
    pub(crate) work_per_turn: Vec<u64>,
    refusals: Refusals,
    start: Instant,
}

/// What was told of refusals since that was last taken, by kind and peer.
#[derive(Clone, Default)]
struct Refusals(Rc<RefCell<BTreeMap<(Refusal, u8), u64>>>);

impl<N: HasNode> Notifee<N> for Refusals {
    fn interest(&self) -> Interest {
        Interest::REFUSED
    }

    fn refused(&mut self, cx: &mut NotifeeContext<'_, N>, at: RefusedAt, refusal: Refusal, count: u64) {
        let RefusedAt::Connection(connection) = at else { return };
        let peer = cx.network().node().connection(connection).and_then(|view| view.peer).expect("it is open");
        *self.0.borrow_mut().entry((refusal, number(peer))).or_default() += count;
    }
}

impl Refusals {
    /// A line for each, as `invalid 3 1`.
    fn take(&self) -> impl Iterator<Item = String> + use<> {
        self.0.take().into_iter().map(|((refusal, peer), count)| {
            let refusal = refusal.to_string();
            format!("{} {peer} {count}", refusal.strip_prefix("message_").unwrap_or(&refusal))
        })
    }
}

impl<T: Pipes + Unpin + 'static> Node<T> {
    /// A node with an identity of its number, over a transport that wakes by itself.
    pub(crate) fn with(number: u8, transport: T, config: Config, swarm: SwarmConfig, signing: Signing) -> Self {
        let swarm = Swarm::new(transport, &keypair(number), [number; 32], swarm).expect("an Ed25519 key signs");
        Self::of(number, swarm, config, signing)
    }

    /// One turn of the owner's loop. `true`: there was something to do.
    pub(crate) fn turn(&mut self, cx: &mut Context<'_>, now: Duration) -> bool {
        let is_busy = self.swarm.poll(cx, now).is_ready();
        self.drive(now);
        is_busy
    }
}

impl<T: Pipes + Unpin + 'static, R: Reactor + 'static> Node<T, R> {
    /// A node of a swarm whose identity is that of its number.
    pub(crate) fn of(number: u8, mut swarm: Swarm<T, 256, R>, config: Config, signing: Signing) -> Self {
        swarm.register_protocol(OTHER);
        let mut notifees = Notifees::new();
        let floodsub = notifees.install(&mut swarm, FloodSub::new(signing, config));
        let refusals = Refusals::default();
        notifees.register(refusals.clone());
        Self {
            number,
            swarm,
            notifees,
            floodsub,
            log: Vec::new(),
            messages: Vec::new(),
            undecided: Vec::new(),
            per_turn: Vec::new(),
            told_per_turn: Vec::new(),
            turns: 0,
            work_per_turn: Vec::new(),
            is_paused: false,
            refusals,
            start: Instant::now(),
        }
    }

    /// How long it lives, for nodes in real time.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn floodsub(&mut self) -> &mut FloodSub {
        self.notifees.get_mut(self.floodsub).expect("it is registered")
    }

    /// What `look` gives, or `other` once floodsub is not installed any more.
    fn floodsub_or<A>(&self, other: A, look: impl FnOnce(&FloodSub) -> A) -> A {
        self.notifees.get(self.floodsub).map_or(other, look)
    }

    /// Gives floodsub a command.
    pub(crate) fn on<A>(&mut self, command: impl FnOnce(&mut FloodSub, &mut Swarm<T, 256, R>) -> A) -> A {
        command(self.notifees.get_mut(self.floodsub).expect("it is registered"), &mut self.swarm)
    }

    #[track_caller]
    pub(crate) fn subscribe(&mut self, topic: &str) {
        assert_eq!(self.on(|floodsub, swarm| floodsub.subscribe(swarm, topic)), Ok(true));
    }

    #[track_caller]
    pub(crate) fn unsubscribe(&mut self, topic: &str) {
        assert!(self.on(|floodsub, swarm| floodsub.unsubscribe(swarm, topic)));
    }

    #[track_caller]
    pub(crate) fn publish(&mut self, topic: &str, data: &str) -> MessageId {
        self.try_publish(topic, data.as_bytes()).expect("it can be published")
    }

    pub(crate) fn try_publish(&mut self, topic: &str, data: &[u8]) -> Result<MessageId, PublishError> {
        self.on(|floodsub, swarm| floodsub.publish(swarm, topic, data))
    }

    /// The numbers of its pub/sub peers.
    pub(crate) fn peers(&mut self) -> Vec<u8> {
        sorted(self.floodsub().peers().map(number))
    }

    pub(crate) fn peers_of(&mut self, topic: &str) -> Vec<u8> {
        sorted(self.floodsub().peers_of(topic).map(number))
    }

    /// How many floodsub streams it has, inbound and outbound.
    pub(crate) fn streams(&self) -> (usize, usize) {
        let connections: Vec<_> = self.swarm.connections().collect();
        let streams = connections.into_iter().flat_map(|connection| self.swarm.streams_of(connection));
        let directions: Vec<_> = streams
            .filter_map(|stream| self.swarm.stream(stream))
            .filter(|view| view.protocol == Some(&FLOODSUB))
            .map(|view| view.direction)
            .collect();
        let inbound =
            directions.iter().filter(|direction| **direction == swarm_notify::lifecycle::Direction::Inbound).count();
        (inbound, directions.len() - inbound)
    }

    /// What an owner does after a turn of the swarm.
    pub(crate) fn drive(&mut self, now: Duration) {
        let before = self.floodsub_or(0, |floodsub| floodsub.counters().work);
        self.notifees.drive(&mut self.swarm, now);
        self.turns += 1;
        let work = self.floodsub_or(before, |floodsub| floodsub.counters().work) - before;
        self.work_per_turn.extend((work > 0).then_some(work));
        if !self.is_paused {
            let (messages, told) = (self.messages.len(), self.log.len());
            self.drain();
            let via = self.messages[messages..].iter().map(|(_, via)| number(*via)).collect::<Vec<_>>();
            self.per_turn.extend((!via.is_empty()).then_some(via));
            let told = self.log.len() - told;
            self.told_per_turn.extend((told > 0).then_some(told));
        }
    }

    /// Takes what floodsub tells.
    pub(crate) fn drain(&mut self) {
        while let Some(event) = self.notifees.get_mut(self.floodsub).and_then(FloodSub::next_event) {
            self.log.push(line(&event));
            if let Event::Undecided { id, .. } = &event {
                self.undecided.push(id.clone());
            } else if let Event::Message { message, via } = event {
                self.messages.push((message, via));
            }
        }
        self.log.extend(self.refusals.take());
    }

    /// Takes the log since the last call.
    pub(crate) fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// What was told since the last call is this and nothing else.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &[&str]) {
        assert_eq!(self.take_log(), expected, "told by {}", self.number);
    }
}

fn sorted(numbers: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// An event, with numbers for peers.
fn line(event: &Event) -> String {
    match event {
        Event::Message { message: Message { topic, source, seqno, data, .. }, via } => {
            let from = source.map_or_else(|| "nobody".into(), |source| number(source).to_string());
            let seqno = seqno.map_or_else(String::new, |seqno| format!("#{seqno}"));
            let data = if data.len() > 20 { format!("{} bytes", data.len()) } else { data.escape_ascii().to_string() };
            format!("message {topic} {from}{seqno} {data} via {}", number(*via))
        }
        Event::PeerAdded { peer } => format!("added {}", number(*peer)),
        Event::PeerGone { peer } => format!("gone {}", number(*peer)),
        Event::Subscribed { peer, topic } => format!("subscribed {} {topic}", number(*peer)),
        Event::Unsubscribed { peer, topic } => format!("unsubscribed {} {topic}", number(*peer)),
        Event::Lagged { events } => format!("lagged {events}"),
        Event::Undecided { message: Message { topic, source, seqno, data, .. }, via, .. } => {
            let from = source.map_or(0, number);
            format!("undecided {topic} {from}#{} {} via {}", seqno.unwrap_or(0), data.escape_ascii(), number(*via))
        }
        other @ (Event::Grafted { .. } | Event::Pruned { .. } | _) => panic!("{other:?}"),
    }
}
