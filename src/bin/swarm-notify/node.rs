//! [`Node`]: a swarm on TCP, a clock, and how one turn of its owner's loop goes.

use crate::report::Reporter;
use async_io::Timer;
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
    Dial(String),
}

impl Error {
    /// Whether the command line has to be changed.
    pub(crate) const fn is_usage(&self) -> bool {
        match self {
            Self::Key(..) => true,
            Self::Randomness(_) | Self::Identity(_) | Self::Signals(_) | Self::Listen(_) | Self::Dial(_) => false,
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
    fn event(&mut self, node: &mut Node, event: Event);
    fn ready(&mut self, node: &mut Node, ready: Ready);
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

    /// One turn: polls, drains, and lets `app` act, until there is nothing more to do before something wakes `cx` or
    /// `deadline` comes. `false`: nothing has happened.
    pub(crate) fn turn(&mut self, cx: &mut Context<'_>, app: &mut impl App, deadline: Option<Duration>) -> bool {
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
            // Commands ask to be polled for at once.
            let next = [self.swarm.poll_at(), deadline].into_iter().flatten().min();
            busy |= self.is_due(cx, next);
            if !busy {
                return happened;
            }
            happened = true;
            if deadline.is_some_and(|deadline| deadline <= now) {
                return happened;
            }
        }
    }

    /// Whether `next` has come; if not, the timer will wake `cx`.
    fn is_due(&mut self, cx: &mut Context<'_>, next: Option<Duration>) -> bool {
        let Some(next) = next else { return false };
        let left = next.saturating_sub(self.reporter.elapsed());
        if left.is_zero() {
            return true;
        }
        self.timer.set_after(left);
        match Pin::new(&mut self.timer).poll(cx) {
            Poll::Ready(_) => true,
            Poll::Pending => false,
        }
    }
}
