//! [`Node`]: a swarm on TCP, a clock, and how one turn of its owner's loop goes.

use crate::report::Reporter;
use async_io::Timer;
use async_signal::{Signal, Signals};
use futures_lite::future::poll_fn;
use futures_lite::stream::Stream as _;
use libp2p_identity::Keypair;
use std::fmt;
use std::future::Future as _;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use swarm_notify::lifecycle::Event;
use swarm_notify::swarm::{Config, Ready, Swarm};
use swarm_notify::tcp;

/// What stops a command before it has begun, or makes it pointless.
#[derive(Debug)]
pub(crate) enum Error {
    Key(PathBuf, String),
    Randomness(String),
    Identity(String),
    Signals(io::Error),
    Listen(String),
    NothingListens,
    Dial(String),
}

impl Error {
    /// Whether the command line has to be changed.
    pub(crate) const fn is_usage(&self) -> bool {
        match self {
            Self::Key(..) => true,
            Self::Randomness(_)
            | Self::Identity(_)
            | Self::Signals(_)
            | Self::Listen(_)
            | Self::NothingListens
            | Self::Dial(_) => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(path, why) => {
                write!(f, "the key in {}: {why}; give a file that is a key, or one that is not there", path.display())
            }
            Self::Randomness(why) => write!(f, "the system gives no randomness: {why}"),
            Self::Identity(why) => write!(f, "this identity cannot be used: {why}; make an Ed25519 one"),
            Self::Signals(why) => write!(f, "signals cannot be waited for: {why}"),
            Self::Listen(why) => write!(f, "nothing to listen with: {why}; give fewer addresses"),
            Self::NothingListens => {
                f.write_str("none of the addresses can be listened on; the reasons stand above: give other addresses")
            }
            Self::Dial(why) => write!(f, "nothing to dial with: {why}"),
        }
    }
}

/// A swarm and what it needs to run.
pub(crate) struct Node {
    pub(crate) swarm: Swarm<tcp::Transport>,
    pub(crate) reporter: Reporter,
    timer: Timer,
}

/// What a node does with what it is told.
pub(crate) trait App {
    /// Handles an event, which has been reported.
    fn event(&mut self, node: &mut Node, event: Event);

    /// Handles what can be read or written.
    fn ready(&mut self, node: &mut Node, ready: Ready);

    /// When [`due`](Self::due) is to be called, by the reporter's clock.
    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// Its deadline has come; it has to take it back, or move it.
    fn due(&mut self, _node: &mut Node) {}
}

impl Node {
    pub(crate) fn new(identity: &Keypair, config: Config, reporter: Reporter) -> Result<Self, Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| Error::Randomness(error.to_string()))?;
        let transport = tcp::Transport::new(tcp::Config::default());
        let swarm =
            Swarm::new(transport, identity, seed, config).map_err(|error| Error::Identity(error.to_string()))?;
        Ok(Self { swarm, reporter, timer: Timer::never() })
    }

    /// Runs until the swarm is shut down, by `app` or by SIGINT or SIGTERM. `true`: it was a signal.
    pub(crate) fn run(&mut self, app: &mut impl App) -> Result<bool, Error> {
        let mut signals = Signals::new([Signal::Int, Signal::Term]).map_err(Error::Signals)?;
        let mut is_interrupted = false;
        async_io::block_on(poll_fn(|cx| {
            // A signal asks for an end in good order; a second one changes nothing.
            while let Poll::Ready(Some(_)) = Pin::new(&mut signals).poll_next(cx) {
                is_interrupted = true;
                self.swarm.shutdown();
            }
            self.turn(cx, app);
            if self.swarm.is_shut_down() { Poll::Ready(()) } else { Poll::Pending }
        }));
        Ok(is_interrupted)
    }

    /// Polls, drains, and lets `app` act, until there is nothing more to do before something wakes `cx`. `false`:
    /// nothing has happened.
    pub(crate) fn turn(&mut self, cx: &mut Context<'_>, app: &mut impl App) -> bool {
        let mut happened = false;
        loop {
            let now = self.reporter.elapsed();
            let mut busy = self.swarm.poll(cx, now).is_ready();
            while let Some(event) = self.swarm.next_event() {
                self.reporter.event(&self.swarm, event);
                app.event(self, event);
            }
            while let Some(ready) = self.swarm.next_ready() {
                app.ready(self, ready);
            }
            if app.deadline().is_some_and(|deadline| deadline <= now) {
                app.due(self);
                busy = true;
            }
            // After commands, the swarm asks to be polled at once.
            let next = [self.swarm.poll_at(), app.deadline()].into_iter().flatten().min();
            busy |= next.is_some_and(|next| self.has_come(cx, next));
            if !busy {
                return happened;
            }
            happened = true;
        }
    }

    /// Whether `next` has come; if not, the timer will wake `cx`.
    fn has_come(&mut self, cx: &mut Context<'_>, next: Duration) -> bool {
        let left = next.saturating_sub(self.reporter.elapsed());
        if left.is_zero() {
            return true;
        }
        self.timer.set_after(left);
        Pin::new(&mut self.timer).poll(cx).is_ready()
    }
}
