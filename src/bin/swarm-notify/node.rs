//! [`Node`]: a swarm on TCP, its notifees, a clock, and how one turn of their owner's loop goes.

use crate::failed::Failed;
use crate::output::STDOUT;
use crate::report::Reporter;
use async_io::{Async, Timer};
use async_signal::{Signal, Signals};
use futures_lite::Stream as _;
use futures_lite::future::poll_fn;
use libp2p_identity::Keypair;
use std::fmt;
use std::future::Future as _;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use swarm_notify::lifecycle::Event;
use swarm_notify::notifee::{Context as Telling, HasNode, Interest, Network, Node as AnyNode, Notifee, Notifees};
use swarm_notify::swarm::{Config, DialError, ListenError, Multiaddr, Refusal, RefusedAt, Swarm};
use swarm_notify::tcp;

/// How often one turn goes round before whoever has called it has theirs.
const ROUNDS: usize = 16;

/// What stops a command before it has begun, or makes it pointless.
#[derive(Debug)]
pub(crate) enum Error {
    Key(PathBuf, String),
    Randomness(String),
    Identity(String),
    Signals(io::Error),
    Reactor(io::Error),
    Listen(Multiaddr, ListenError),
    /// Of the addresses each has failed.
    NothingListens(Vec<Failed>),
    Dial(Multiaddr, DialError),
    NotConnected(Failed),
    Topic(String),
}

impl Error {
    /// Whether the command line has to be changed.
    pub(crate) const fn is_usage(&self) -> bool {
        match self {
            Self::Key(..) | Self::Topic(..) => true,
            Self::Randomness(_)
            | Self::Identity(_)
            | Self::Signals(_)
            | Self::Reactor(_)
            | Self::Listen(..)
            | Self::NothingListens(_)
            | Self::Dial(..)
            | Self::NotConnected(_) => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(path, why) => {
                write!(f, "the key in {}: {why}; give a file that is a key, or one that is not there", path.display())
            }
            Self::Randomness(why) => write!(
                f,
                "the system gives no random bytes, and without them no key and no handshake is safe: {why}; nothing was \
                 started"
            ),
            Self::Identity(why) => write!(
                f,
                "the identity key cannot be used: {why}; give `--key` a file with an Ed25519 key, or one that does not \
                 exist yet"
            ),
            Self::Signals(why) => {
                write!(f, "the system does not let us wait for SIGINT and SIGTERM: {why}; nothing was started")
            }
            Self::Reactor(why) => write!(
                f,
                "the system does not let us wait for sockets: {why}; if too many files are open, close some or raise \
                 `ulimit -n`"
            ),
            Self::Listen(address, why) => write!(f, "{address} is not listened on: {why}; give fewer addresses"),
            Self::NothingListens(failed) => {
                f.write_str(match failed.is_empty() {
                    true => "no listener is left; the log says how each has ended",
                    false => "none of the addresses can be listened on",
                })?;
                failed.iter().try_for_each(|one| write!(f, "\n  {one}"))
            }
            Self::Topic(why) => {
                write!(f, "the topic of `--floodsub` cannot be subscribed to: {why}; give a shorter one")
            }
            Self::Dial(address, why) => write!(f, "{address} is not dialed: {why}"),
            Self::NotConnected(failed) => write!(f, "there is no connection to {failed}"),
        }
    }
}

/// The way in which a run has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// A notifee had nothing left to do.
    Done,
    /// SIGINT or SIGTERM came before that.
    Interrupted,
    /// Standard output could not be written any more before that.
    Unread,
}

/// What the notifees observe: a swarm, each of whose events is printed before anybody is told of it.
pub(crate) struct World {
    pub(crate) swarm: tcp::Swarm,
    pub(crate) reporter: Reporter,
    /// All events so far, if they are to be kept.
    pub(crate) told: Option<Vec<Event>>,
}

impl World {
    /// Says in the log how many lines it lacks, and what is open, if its reader was too slow and there is room again, or
    /// at the `end` in any case.
    pub(crate) fn catch_up(&self, end: bool) {
        if let Some(missed) = STDOUT.take_missed(end) {
            self.reporter.lagged(&self.swarm, missed);
        }
    }
}

impl Network for World {
    fn next_event(&mut self) -> Option<Event> {
        let event = self.swarm.next_event()?;
        self.reporter.event(&self.swarm, event);
        if let Some(told) = &mut self.told {
            told.push(event);
        }
        Some(event)
    }

    fn hold(&mut self, is_held: bool) {
        Network::hold(&mut self.swarm, is_held);
    }

    fn openings(&self) -> Vec<Event> {
        self.swarm.openings()
    }

    fn events_until_room(&self) -> usize {
        self.swarm.events_until_room()
    }
}

impl HasNode for World {
    fn node(&self) -> &dyn AnyNode {
        &self.swarm
    }

    fn node_mut(&mut self) -> &mut dyn AnyNode {
        &mut self.swarm
    }
}

/// Prints what peers were refused without an id, at most once a second each.
struct Refusals;

impl Notifee<World> for Refusals {
    fn interest(&self) -> Interest {
        Interest::REFUSED
    }

    fn refused(&mut self, cx: &mut Telling<'_, World>, at: RefusedAt, refusal: Refusal, count: u64) {
        let world = cx.network();
        world.reporter.refused(&world.swarm, at, refusal, count);
    }
}

/// A world, those who act in it, and what it needs to run.
pub(crate) struct Node {
    /// A duplicate of the swarm's descriptor, to sleep on. It is the first field, so it is dropped before the swarm.
    descriptor: Async<OwnedFd>,
    pub(crate) world: World,
    pub(crate) notifees: Notifees<World>,
    timer: Timer,
}

impl Node {
    pub(crate) fn new(identity: &Keypair, config: Config, reporter: Reporter) -> Result<Self, Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| Error::Randomness(error.to_string()))?;
        let reactor = tcp::Reactor::new().map_err(Error::Reactor)?;
        let transport = tcp::Transport::new(reactor.handle(), tcp::Config::default());
        let swarm = Swarm::with_reactor(reactor, transport, identity, seed, config)
            .map_err(|error| Error::Identity(error.to_string()))?;
        let world = World { swarm, reporter, told: None };
        let descriptor = world.swarm.as_fd().try_clone_to_owned().and_then(Async::new_nonblocking);
        let descriptor = descriptor.map_err(Error::Reactor)?;
        let mut notifees = Notifees::new();
        notifees.register(Refusals);
        Ok(Self { descriptor, world, notifees, timer: Timer::never() })
    }

    /// Prints the first line.
    pub(crate) fn start(&self, command: &str) {
        self.world.reporter.start(command, self.world.swarm.local_peer());
    }

    /// Runs until the swarm is shut down: by a notifee, by SIGINT or SIGTERM, or since nobody reads the output. After each
    /// turn `then` acts, and says whether anything has come of it.
    pub(crate) fn run(
        &mut self,
        mut then: impl FnMut(&mut Context<'_>, &mut World, &mut Notifees<World>) -> bool,
    ) -> Result<End, Error> {
        let mut signals = Signals::new([Signal::Int, Signal::Term]).map_err(Error::Signals)?;
        let mut end = End::Done;
        async_io::block_on(poll_fn(|cx| {
            // A signal asks for an end in good order; a second one changes nothing.
            while let Poll::Ready(Some(_)) = Pin::new(&mut signals).poll_next(cx) {
                end = End::Interrupted;
                STDOUT.stop_waiting();
                self.world.swarm.shutdown();
            }
            if STDOUT.poll_end(cx) && end == End::Done {
                end = End::Unread;
                self.world.swarm.shutdown();
            }
            self.world.catch_up(false);
            let happened = self.turn(cx) | then(cx, &mut self.world, &mut self.notifees);
            if self.world.swarm.is_shut_down() {
                return Poll::Ready(());
            }
            if happened {
                // What is left, or has come of it, is for the next turn: signals and what `then` does come in between.
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        }));
        Ok(end)
    }

    /// Ticks and lets the notifees act, until there is nothing to do before something wakes `cx`, or for [`ROUNDS`] rounds.
    /// Returns `false` if nothing has happened.
    pub(crate) fn turn(&mut self, cx: &mut Context<'_>) -> bool {
        let mut happened = false;
        for _ in 0..ROUNDS {
            let now = self.world.reporter.elapsed();
            self.world.swarm.tick(now);
            let mut busy = false;
            let next = if STDOUT.is_full() {
                // Events wait in the swarm, which delays openings. Peers are answered, and stay.
                self.world.swarm.next_deadline()
            } else {
                busy |= self.world.swarm.has_pending();
                self.notifees.drive_while(&mut self.world, now, &mut || !STDOUT.is_full());
                // After commands, `poll_at` is now.
                [self.world.swarm.poll_at(), self.notifees.poll_at()].into_iter().flatten().min()
            };
            busy |= next.is_some_and(|next| self.has_come(cx, next));
            // Asked last, so that a wake from here on is for something that no turn has heard.
            if !busy && self.descriptor.poll_readable(cx).is_pending() {
                return happened;
            }
            happened = true;
        }
        happened
    }

    /// Whether `next` has come; if not, the timer will wake `cx`.
    fn has_come(&mut self, cx: &mut Context<'_>, next: Duration) -> bool {
        let left = next.saturating_sub(self.world.reporter.elapsed());
        if left.is_zero() {
            return true;
        }
        self.timer.set_after(left);
        Pin::new(&mut self.timer).poll(cx).is_ready()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_turn_ends_though_there_is_always_more_to_do() {
        struct Restless(u32);
        impl Notifee<World> for Restless {
            fn interest(&self) -> Interest {
                Interest::TIME
            }

            fn poll_at(&self) -> Option<Duration> {
                Some(Duration::ZERO)
            }

            fn tick(&mut self, _cx: &mut Telling<'_, World>) {
                self.0 += 1;
                assert!(self.0 < 10_000, "the turn does not end");
            }
        }
        let mut node = Node::new(&Keypair::generate_ed25519(), Config::default(), Reporter::new(true)).unwrap();
        let restless = node.notifees.register(Restless(0));
        assert!(node.turn(&mut Context::from_waker(Waker::noop())));
        assert_eq!(node.notifees.get::<Restless>(restless).unwrap().0 as usize, ROUNDS);
    }
}
