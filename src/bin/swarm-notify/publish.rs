//! [`Publisher`]: publishes the lines of standard input on a topic, as fast as they can be written to peers.

use crate::dial::number;
use crate::lines::{Line, Lines};
use crate::node::World;
use crate::output::say;
use std::collections::BTreeSet;
use std::task::{Context, Poll};
use std::time::Duration;
use swarm_notify::connection::Config;
use swarm_notify::connection::WriteError;
use swarm_notify::lifecycle::{ConnectionEnd, ConnectionId, Direction, Failure, StreamEnd, StreamId};
use swarm_notify::notifee::{Context as Telling, Interest, Notifee, NotifeeId, Notifees};
use swarm_notify::protocols::floodsub::{FloodSub, PROTOCOL};
use swarm_notify::protocols::pubsub::{self, PublishError};

/// The lines that are published in one turn, so that signals and peers are heard in between.
const PER_TURN: usize = 64;
/// `dial`: the bytes of published lines that may wait to be written. More are not published yet.
const MAX_UNWRITTEN: usize = 256 * 1024;
/// `listen`: the bytes of published lines that may wait for all peers together. More are not published yet, as long as a
/// peer takes some.
const MAX_WAITING: usize = 1 << 20;
/// `dial`: the time that lines may take at the end without any progress.
const LAST_LINES: Duration = Duration::from_secs(10);

/// The command that publishes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// It has many peers. One that takes nothing holds up the others for a while at most.
    Listen,
    /// It has one peer, which gets all lines.
    Dial,
}

/// A topic, and standard input.
pub(crate) struct Publisher {
    whose: Whose,
    floodsub: NotifeeId<FloodSub>,
    watch: NotifeeId<Watch>,
    topic: String,
    /// Standard input, until its end.
    lines: Option<Lines>,
    /// A line that waits for somebody to subscribe.
    line: Option<Line>,
    /// The lines that were published and may not have been handed to the system, and their bytes.
    unwritten: u64,
    unwritten_bytes: usize,
    /// The lines that were not published, or not written.
    lost: u64,
    /// Standard input had not ended at the end of `dial`.
    was_open: bool,
    /// It was read to its end nevertheless.
    is_whole: bool,
    /// Something else was wrong than lines that are lost, and was said.
    is_wrong: bool,
    /// The time that somebody has to join while a line waits for that.
    patience: Duration,
    /// The messages of others that came.
    pub(crate) messages: u64,
    /// What has moved at last, which nothing but progress changes.
    progress: (u64, usize, u64),
    published: u64,
    /// Nothing has moved for too long.
    is_stuck: bool,
}

impl Publisher {
    /// Reads standard input from now on.
    pub(crate) fn new(
        (whose, patience): (Whose, Duration),
        topic: &str,
        floodsub: NotifeeId<FloodSub>,
        notifees: &mut Notifees<World>,
    ) -> Self {
        Self {
            whose,
            floodsub,
            watch: notifees.register(Watch::default()),
            topic: topic.to_owned(),
            lines: Some(Lines::new()),
            line: None,
            unwritten: 0,
            unwritten_bytes: 0,
            lost: 0,
            was_open: false,
            is_whole: true,
            is_wrong: false,
            patience,
            messages: 0,
            progress: (0, 0, 0),
            published: 0,
            is_stuck: false,
        }
    }

    pub(crate) const fn floodsub(&self) -> NotifeeId<FloodSub> {
        self.floodsub
    }

    /// Whether the end of input has come and nothing is left to be written, or can be.
    pub(crate) fn is_done(&self) -> bool {
        self.is_stuck || (self.lines.is_none() && self.line.is_none() && self.unwritten == 0)
    }

    /// Whether all lines so far were published and, by `dial`, written, and nothing else was wrong.
    pub(crate) const fn is_right(&self) -> bool {
        self.lost == 0 && !self.is_wrong
    }

    /// Has `dial`, which has ended, count the lines that were lost, and say how many, if any were. `listen` has said so of
    /// each, and what waits for somebody to subscribe has nobody who misses it.
    pub(crate) fn end(&mut self) {
        if self.whose == Whose::Listen {
            return;
        }
        self.lost += self.unwritten + u64::from(self.line.take().is_some());
        self.published -= core::mem::take(&mut self.unwritten);
        if let Some(lines) = self.lines.take() {
            let rest = lines.give_up(|error| {
                self.is_wrong = true;
                say_failed(&error);
            });
            self.lost += rest.lines;
            (self.was_open, self.is_whole) = (true, rest.is_whole);
        }
        if self.lost > 0 {
            let (are, they_were) = if self.lost == 1 { ("is", "it was") } else { ("are", "they were") };
            say(format_args!("{} of stdin {are} lost: {they_were} not written to the peer", self.lost_lines()));
        }
    }

    /// The number of lines that were lost, in words.
    fn lost_lines(&self) -> String {
        let least = if self.is_whole { "" } else { "at least " };
        format!("{least}{}", number(self.lost, "line"))
    }

    /// What of it a signal has cut off, in words. It has [ended](Self::end).
    pub(crate) fn interrupted(&self) -> Vec<String> {
        let mut parts = Vec::new();
        if self.lost > 0 {
            parts.push(format!("{} of stdin not written to the peer", self.lost_lines()));
        }
        if !self.is_whole || (self.was_open && self.lost == 0) {
            parts.push("stdin had not ended".to_owned());
        }
        parts
    }

    /// The lines that were published and, by `dial`, written, and those that were lost.
    pub(crate) const fn lines(&self) -> (u64, u64) {
        (self.published, self.lost)
    }

    /// Publishes lines while somebody subscribes. `true`: something has happened.
    pub(crate) fn go_on(&mut self, cx: &mut Context<'_>, world: &mut World, notifees: &mut Notifees<World>) -> bool {
        let mut happened = self.look(world, notifees);
        for _ in 0..PER_TURN {
            let Some(floodsub) = notifees.get_mut::<FloodSub>(self.floodsub) else { return happened };
            if self.line.is_some() {
                if self.must_wait(floodsub) || floodsub.peers_of(&self.topic).next().is_none() {
                    break;
                }
                if let Some(line) = self.line.take() {
                    self.publish(floodsub, world, &line);
                }
            }
            // What a signal leaves unread has not ended, though its writer ends by the same signal.
            let Some(lines) = self.lines.as_mut().filter(|_| !self.is_stuck && !world.is_ending) else { break };
            match lines.poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => self.lines = None,
                Poll::Ready(Some(Line::Failed(error))) => {
                    say_failed(&error);
                    self.is_wrong = true;
                }
                Poll::Ready(line) => self.line = line,
            }
            happened = true;
        }
        happened | self.look(world, notifees)
    }

    fn publish(&mut self, floodsub: &mut FloodSub, world: &mut World, line: &Line) {
        let error = match line {
            Line::Whole(bytes) => match floodsub.publish(&mut world.swarm, &self.topic, bytes) {
                Ok(_) => {
                    self.published += 1;
                    self.unwritten += 1;
                    self.unwritten_bytes += bytes.len();
                    return;
                }
                Err(PublishError::TooLarge) => too_large(bytes.len() as u64),
                Err(error) => format!("a line of {} bytes is not published: {error}", bytes.len()),
            },
            Line::TooLong(len) => too_large(*len),
            Line::Failed(error) => error.clone(),
        };
        self.lost += 1;
        say(error);
    }

    fn must_wait(&self, floodsub: &FloodSub) -> bool {
        let held = floodsub.held().outbox_bytes;
        match self.whose {
            Whose::Listen => held >= MAX_WAITING && !self.is_stuck,
            Whose::Dial => held > 0 || self.unwritten_bytes >= MAX_UNWRITTEN,
        }
    }

    /// Looks what has been written since, and for how long nothing has. `true`: it is done now, and was not before.
    fn look(&mut self, world: &mut World, notifees: &mut Notifees<World>) -> bool {
        let was_done = self.is_done();
        let Some(floodsub) = notifees.get::<FloodSub>(self.floodsub) else { return false };
        let (held, has_joined) = (floodsub.held().outbox_bytes, floodsub.peers_of(&self.topic).next().is_some());
        let Some(watch) = notifees.get_mut::<Watch>(self.watch) else { return false };
        let swarm = &mut world.swarm;
        if self.whose == Whose::Dial && core::mem::take(&mut watch.is_lost) {
            // What the stream had taken went with it.
            self.lost += self.unwritten;
            self.published -= core::mem::take(&mut self.unwritten);
            self.unwritten_bytes = 0;
        }
        if held == 0 && self.unwritten > 0 {
            // Each is asked, so that each tells.
            let blocked =
                watch.streams.iter().filter(|stream| swarm.flush(**stream) == Err(WriteError::Blocked)).count();
            if blocked == 0 {
                (self.unwritten, self.unwritten_bytes) = (0, 0);
            }
        }
        if core::mem::take(&mut watch.is_unsupported) && self.whose == Whose::Dial {
            say(format_args!(
                "the peer does not speak {PROTOCOL}, so nothing can be published to it; dial one that does"
            ));
            self.is_stuck = true;
            self.is_wrong = true;
        }
        let waits = self.whose == Whose::Dial && self.line.is_some() && !self.is_stuck && watch.is_connected;
        if !waits || has_joined {
            (watch.joined_by, watch.nobody_joined) = (None, false);
        } else if core::mem::take(&mut watch.nobody_joined) {
            say(format_args!(
                "nobody has joined `{}` within {} s; check the topic's name, or raise --timeout",
                self.topic.escape_debug(),
                self.patience.as_secs_f64()
            ));
            self.is_stuck = true;
            self.is_wrong = true;
        } else {
            watch.joined_by.get_or_insert(world.reporter.elapsed() + self.patience);
        }
        let sent = watch.streams.iter().filter_map(|stream| swarm.stream(*stream)).map(|view| view.sent).sum();
        let progress = (self.published, held, sent);
        let waits = match self.whose {
            Whose::Listen => held >= MAX_WAITING,
            Whose::Dial => self.lines.is_none() && self.unwritten > 0,
        };
        let patience = match self.whose {
            Whose::Listen => Config::default().close_timeout,
            Whose::Dial => LAST_LINES,
        };
        if !waits {
            watch.deadline = None;
            self.is_stuck &= self.whose == Whose::Dial;
        } else if watch.deadline.is_none() && !watch.has_passed || progress != self.progress {
            watch.deadline = Some(world.reporter.elapsed() + patience);
            watch.has_passed = false;
        }
        self.is_stuck |= core::mem::take(&mut watch.has_passed) && waits;
        self.progress = progress;
        self.is_done() && !was_done
    }
}

/// Our streams to peers, and a deadline.
#[derive(Default)]
struct Watch {
    /// Our streams that are open.
    streams: BTreeSet<StreamId>,
    /// One has ended.
    is_lost: bool,
    /// A peer has refused the protocol.
    is_unsupported: bool,
    deadline: Option<Duration>,
    has_passed: bool,
    is_connected: bool,
    /// Somebody should have joined the topic by then.
    joined_by: Option<Duration>,
    nobody_joined: bool,
}

impl Notifee<World> for Watch {
    fn interest(&self) -> Interest {
        let streams = Interest::OPENED_STREAM | Interest::STREAM_FAILED | Interest::CLOSED_STREAM;
        streams | Interest::CONNECTED | Interest::DISCONNECTED | Interest::TIME
    }

    fn connected(&mut self, _: &mut Telling<'_, World>, _: ConnectionId) {
        self.is_connected = true;
    }

    fn disconnected(&mut self, _: &mut Telling<'_, World>, _: ConnectionId, _: ConnectionEnd) {
        self.is_connected = false;
    }

    fn opened_stream(&mut self, cx: &mut Telling<'_, World>, _connection: ConnectionId, stream: StreamId) {
        let view = cx.network().swarm.stream(stream);
        if view.is_some_and(|view| view.direction == Direction::Outbound && view.protocol == Some(&PROTOCOL)) {
            self.streams.insert(stream);
        }
    }

    fn stream_failed(&mut self, cx: &mut Telling<'_, World>, _: ConnectionId, stream: StreamId, reason: Failure) {
        let view = cx.network().swarm.stream(stream);
        let is_ours =
            view.is_some_and(|view| view.direction == Direction::Outbound && view.protocol == Some(&PROTOCOL));
        self.is_unsupported |= is_ours && reason == Failure::Unsupported;
    }

    fn closed_stream(&mut self, _: &mut Telling<'_, World>, _: ConnectionId, stream: StreamId, _: StreamEnd) {
        self.is_lost |= self.streams.remove(&stream);
    }

    fn poll_at(&self) -> Option<Duration> {
        self.deadline.into_iter().chain(self.joined_by).min()
    }

    fn tick(&mut self, cx: &mut Telling<'_, World>) {
        let now = cx.now();
        self.has_passed |= self.deadline.take_if(|at| *at <= now).is_some();
        self.nobody_joined |= self.joined_by.take_if(|at| *at <= now).is_some();
    }
}

fn say_failed(error: &str) {
    say(format_args!("stdin cannot be read: {error}"));
}

/// What is said of a line whose message is too large.
fn too_large(bytes: u64) -> String {
    let most = pubsub::Config::default().rpc_bytes;
    format!(
        "a line of {bytes} bytes is not published: the message is too large: with its topic, its author and their \
         signature it has at most {most} bytes; give shorter lines"
    )
}
