//! [`Error`]: an error that ends a command, with its text and its exit code.

use crate::failed::Failed;
use crate::key;
use crate::signals::{code_of, name_of};
use async_signal::Signal;
use std::fmt;
use std::io;
use std::time::Duration;
use swarm_notify::swarm::{DialError, ListenError, Multiaddr};

/// The time after which the demo ends even if events are missing. Usually the demo takes milliseconds.
pub(crate) const DEMO_LIMIT: Duration = Duration::from_secs(30);

/// The exit code of a command that has failed because of the peer, the network, a wrong echo, its input or its output.
pub(crate) const WRONG: u8 = 1;
/// The exit code of a command whose command line is wrong. The crate clap uses the same code.
const USAGE: u8 = 2;

/// An error that ends a command.
#[derive(Debug)]
pub(crate) enum Error {
    Key(key::Error),
    Randomness(String),
    Identity(String),
    Signals(io::Error),
    Reactor(io::Error),
    Listen(Multiaddr, ListenError),
    /// Listening has failed on each of the addresses.
    NothingListens(Vec<Failed>),
    Dial(Multiaddr, DialError),
    NotConnected(Failed),
    /// The option of the topic, and the reason.
    Topic(&'static str, String),
    Demo(DemoFault),
    /// The peer or the network was at fault. The text says how.
    Wrong(String),
    /// A signal arrived before everything was done. The text says what was done and what was not.
    Interrupted(Signal, String),
    /// The reader of standard output left before everything was done. The text says what was done and what was not.
    Unread(String),
    /// Standard output could not be written any more before everything was done. The text says what was done and what was
    /// not, and [`finish`](crate::output::finish) prints the text after the reason.
    Unwritten(String),
}

impl Error {
    /// Returns the exit code of a command that ends with this error.
    pub(crate) fn code(&self) -> u8 {
        match self {
            // The user can correct the command line with another key file or topic, and nothing was started.
            Self::Key(_) | Self::Topic(..) => USAGE,
            Self::Interrupted(signal, _) => code_of(*signal),
            Self::Randomness(_)
            | Self::Identity(_)
            | Self::Signals(_)
            | Self::Reactor(_)
            | Self::Listen(..)
            | Self::NothingListens(_)
            | Self::Dial(..)
            | Self::NotConnected(_)
            | Self::Demo(_)
            | Self::Wrong(_)
            | Self::Unread(_)
            | Self::Unwritten(_) => WRONG,
        }
    }

    /// Returns whether a signal has ended the command. In that case, the error is printed after the label `interrupted`.
    pub(crate) const fn is_interrupt(&self) -> bool {
        matches!(self, Self::Interrupted(..))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
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
            Self::Signals(why) | Self::Reactor(why) => write!(
                f,
                "the system does not let us wait for {}: {why}; if too many files are open, close some or raise \
                 `ulimit -n`",
                if matches!(self, Self::Signals(_)) { "signals" } else { "sockets" }
            ),
            Self::Listen(address, why) => write!(f, "cannot listen on {address}: {why}; give fewer addresses"),
            Self::NothingListens(failed) => {
                f.write_str(match failed.is_empty() {
                    true => "no listener is left; the log says how each has ended",
                    false => "none of the addresses can be listened on",
                })?;
                failed.iter().try_for_each(|one| write!(f, "\n  {one}"))
            }
            Self::Topic(option, why) => {
                write!(f, "the topic of `{option}` cannot be subscribed to: {why}; give a shorter one")
            }
            Self::Dial(address, why) => write!(f, "cannot dial {address}: {why}"),
            Self::Demo(fault) => fault.fmt(f),
            Self::NotConnected(failed) => write!(f, "there is no connection to {failed}"),
            Self::Wrong(what) | Self::Unwritten(what) => f.write_str(what),
            Self::Unread(what) => write!(f, "the reader of stdout has left before all was done: {what}"),
            Self::Interrupted(signal, what) => write!(f, "interrupted by {}: {what}", name_of(*signal)),
        }
    }
}

/// The reason why the demo has failed.
#[derive(Debug)]
pub(crate) enum DemoFault {
    /// On the side named `side`, the event `told` was told instead of the expected event `due`. If `due` is `None`, no
    /// further event was expected.
    Differs { side: char, told: String, due: Option<&'static str> },
    /// The demo has ended, or its time has run out, before the expected event `due` was told on the side named `side`.
    Late { side: char, due: &'static str },
    /// The bytes that came back differ from the bytes that were sent.
    Echo,
}

impl fmt::Display for DemoFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { side, told, due } => {
                let due = due.unwrap_or("nothing");
                write!(f, "the demo has failed: side {side} told `{told}`, but `{due}` was expected; ")?;
            }
            Self::Late { side, due } => {
                write!(f, "the demo has failed: side {side} did not tell `{due}` within {} s; ", DEMO_LIMIT.as_secs())?;
            }
            Self::Echo => return f.write_str("the demo has failed: the echo is not what was sent; please report it"),
        }
        f.write_str("it needs TCP on 127.0.0.1, so see that the loopback interface is up and that nothing filters it")
    }
}
