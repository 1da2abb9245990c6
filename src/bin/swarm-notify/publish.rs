//! [`Publisher`]: publishes the lines of standard input on a topic, as fast as the subscribed peers accept them.

// The paths are given, since `tests/attacks/attacked.rs` includes this file from another folder.
#[path = "publish/delivery.rs"]
mod delivery;
#[path = "publish/subscribers.rs"]
mod subscribers;
#[path = "publish/watch.rs"]
mod watch;

use crate::node::LoggedSwarm;
use crate::output::{say, warn};
use crate::stdin::{StdinLine, StdinLines};
use crate::tally::number;
use crate::topic_router::{JoinedTopic, TopicService};
use delivery::{Delivery, DeliveryQueue};
use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;
use subscribers::Subscribers;
use swarm_notify::identity::PeerId;
use swarm_notify::notifee::{NotifeeId, Notifees};
use swarm_notify::protocols::pubsub::{self, PublishError};
use watch::StreamWatch;

/// The maximum number of lines that are published in one turn of the loop. Signals and peers are served between turns.
const PER_TURN: usize = 64;

/// The subcommand for which lines are published: `listen` or `dial`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The lines are published for `listen`, to many peers. A peer that is too slow misses lines, and delays the other peers
    /// for a limited time.
    Listen,
    /// The lines are published for `dial`, to one peer. The peer gets all lines, unless it has been too slow for `timeout`:
    /// then `dial` stops publishing.
    Dial { timeout: Duration },
}

impl Whose {
    pub(crate) const fn timeout(self) -> Option<Duration> {
        match self {
            Self::Listen => None,
            Self::Dial { timeout } => Some(timeout),
        }
    }
}

/// A reader of standard input that publishes each line on a topic.
pub(crate) struct Publisher {
    audience: Recipients,
    service: NotifeeId<TopicService>,
    watch: NotifeeId<StreamWatch>,
    topic: String,
    /// The protocol of the topic, in words.
    protocol: &'static str,
    /// Standard input, or `None` once it has ended.
    lines: Option<StdinLines>,
    /// The next line to publish, while the line waits for a subscriber or for earlier lines.
    line: Option<StdinLine>,
    /// The number of lost lines. A line is lost if it could not be published, and in `dial` also if it was published but not
    /// written to the peer.
    lost: u64,
    /// `true` if standard input had not ended when `dial` ended.
    was_open: bool,
    /// `false` if the publisher gave up standard input before reading all of it, so that the number of lost lines is only a
    /// minimum.
    is_whole: bool,
    /// `true` if no peer subscribes to the topic. Once the command was told to end, the value stays as it was at that time.
    is_alone: bool,
    /// `true` once an error other than lost lines was printed on standard error.
    is_wrong: bool,
    /// The number of messages of other peers that have arrived.
    pub(crate) messages: u64,
    /// `true` once `dial` has stopped publishing because its peer is too slow or refuses the protocol, and has printed the
    /// reason.
    is_given_up: bool,
}

/// The peers to which the lines are published: many for `listen`, and one for `dial`.
enum Recipients {
    Many(Subscribers),
    One { delivery: Delivery, timeout: Duration },
}

impl Publisher {
    /// Makes a publisher and begins to read standard input. `us` is the peer id of this node, the author of the messages.
    pub(crate) fn new(
        whose: Whose,
        topic: JoinedTopic<'_>,
        service: NotifeeId<TopicService>,
        us: PeerId,
        notifees: &mut Notifees<LoggedSwarm>,
    ) -> Self {
        let most = most_of_a_line(topic.name, us);
        Self {
            audience: match whose {
                Whose::Listen => Recipients::Many(Subscribers::default()),
                Whose::Dial { timeout } => Recipients::One { delivery: Delivery::default(), timeout },
            },
            service,
            watch: notifees.register(StreamWatch::default()),
            topic: topic.name.to_owned(),
            protocol: if topic.has_mesh { "gossipsub" } else { "/floodsub/1.0.0" },
            lines: Some(StdinLines::new(most, move || say(too_large(format_args!("more than {most}"))))),
            line: None,
            lost: 0,
            was_open: false,
            is_whole: true,
            is_alone: true,
            is_wrong: false,
            messages: 0,
            is_given_up: false,
        }
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    pub(crate) const fn service(&self) -> NotifeeId<TopicService> {
        self.service
    }

    /// Returns whether publishing is over: standard input has ended and all of its lines are written, or `dial` has stopped
    /// publishing because its peer is too slow or refuses the protocol.
    pub(crate) fn is_done(&self) -> bool {
        let is_written = match &self.audience {
            Recipients::Many(_) => true,
            Recipients::One { delivery, .. } => delivery.is_written(),
        };
        self.is_given_up || (self.lines.is_none() && self.line.is_none() && is_written)
    }

    /// Returns whether no line was lost and no other error was reported. Messages that `listen` drops for a slow subscriber
    /// are no fault.
    pub(crate) const fn is_right(&self) -> bool {
        self.lost == 0 && !self.is_wrong
    }

    /// Ends publishing, at the end of the command, and reports on standard error what was not delivered. For `dial`, the
    /// report is the number of lost lines. For `listen`, the report is the number of messages that subscribers did not get,
    /// where a message counts once for each such subscriber, and the number of lines that still wait for a first subscriber.
    /// Lines that wait do not count as lost, since no peer has subscribed to the topic. Each line that could not be
    /// published was reported at the time of its error.
    pub(crate) fn end(&mut self, notifees: &Notifees<LoggedSwarm>) {
        self.say_refused(notifees);
        let delivery = match &mut self.audience {
            Recipients::One { delivery, .. } => delivery,
            Recipients::Many(subscribers) => {
                let dropped = notifees.get(self.service).map_or(0, |service| service.counters().dropped);
                for (count, how) in [
                    (dropped, "dropped for subscribers that took them too slowly"),
                    (subscribers.rest(), "not written at the end to subscribers that were behind"),
                ] {
                    if count > 0 {
                        let were = if count == 1 { "was" } else { "were" };
                        warn(format_args!("{} {were} {how}", number(count, "message")));
                    }
                }
                self.lost += self.lines.as_ref().map_or(0, StdinLines::take_too_long);
                let rest = self.lines.take().map(|lines| lines.give_up_at_once(|_| {}));
                let (ahead, is_whole) = rest.map_or((0, true), |rest| (rest.lines, rest.is_whole));
                let waiting = ahead + u64::from(self.line.take().is_some());
                if waiting > 0 && self.is_alone {
                    let least = if is_whole { "" } else { "at least " };
                    let (were, they) = if waiting == 1 { ("was", "it") } else { ("were", "they") };
                    warn(format_args!(
                        "{least}{} of stdin {were} not published: {they} waited for somebody to join `{}`",
                        number(waiting, "line"),
                        self.topic.escape_debug()
                    ));
                }
                return;
            }
        };
        self.lost += delivery.end() + u64::from(self.line.take().is_some());
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
            let (lines, or) = (self.lost_lines(), self.or_under_way());
            say(format_args!("{lines} of stdin {are} lost: {they_were} not written to the peer{or}"));
        }
    }

    /// Reports on standard error how many messages of other peers were refused, unless none was.
    fn say_refused(&self, notifees: &Notifees<LoggedSwarm>) {
        let counters = notifees.get(self.service).map(TopicService::counters).unwrap_or_default();
        let refused = counters.author_over_share.saturating_add(counters.sender_over_share);
        if refused > 0 {
            let were = if refused == 1 { "was" } else { "were" };
            let messages = number(refused, "message");
            warn(format_args!("{messages} {were} refused: an author, or the peer that sent them, had said too much"));
        }
    }

    /// Reports on standard error that standard input was not read to its end. Does nothing if lines were lost: then
    /// [`end`](Self::end) has said so, by "at least" before their number.
    pub(crate) fn say_unread(&self) {
        if !self.is_whole && self.lost == 0 {
            say("stdin was not read to its end, and no more of it is published");
        }
    }

    /// Returns the number of lost lines, in words, with "at least" if standard input was not read to its end.
    fn lost_lines(&self) -> String {
        let least = if self.is_whole { "" } else { "at least " };
        format!("{least}{}", number(self.lost, "line"))
    }

    /// Returns a phrase which says that the peer may have received some of the lost lines, or an empty text if the peer
    /// cannot have received any of them.
    const fn or_under_way(&self) -> &'static str {
        match &self.audience {
            Recipients::One { delivery, .. } if delivery.may_have_come => {
                ", or under way as the stream ended, and may have come"
            }
            Recipients::One { .. } | Recipients::Many(_) => "",
        }
    }

    /// Returns, as phrases, the parts of publishing that a signal has interrupted. The caller has to call [`end`](Self::end)
    /// first.
    pub(crate) fn interrupted(&self) -> Vec<String> {
        let mut parts = Vec::new();
        if self.lost > 0 {
            parts.push(format!("{} of stdin not written to the peer{}", self.lost_lines(), self.or_under_way()));
        }
        if !self.is_whole || (self.was_open && self.lost == 0) {
            parts.push("stdin had not ended".to_owned());
        }
        parts
    }

    /// Returns two numbers: the lines that `dial` has published and not lost (0 for `listen`), and the lost lines.
    pub(crate) const fn lines(&self) -> (u64, u64) {
        match &self.audience {
            Recipients::Many(_) => (0, self.lost),
            Recipients::One { delivery, .. } => (delivery.lines(), self.lost),
        }
    }

    /// Publishes at most [`PER_TURN`] lines, as long as any peer subscribes to the topic. Returns whether it has done
    /// anything.
    pub(crate) fn publish_lines(
        &mut self,
        cx: &mut Context<'_>,
        world: &mut LoggedSwarm,
        notifees: &mut Notifees<LoggedSwarm>,
    ) -> bool {
        let mut happened = self.look(world, notifees);
        for _ in 0..PER_TURN {
            let Some(service) = notifees.get_mut(self.service) else { return happened };
            if self.is_given_up {
                break;
            }
            let is_alone = service.peers_of(&self.topic).next().is_none();
            // While the command ends, all subscribers leave, so the value from before the end is kept.
            self.is_alone = if world.is_ending { self.is_alone } else { is_alone };
            if self.line.is_some() {
                if is_alone || self.must_wait(service, world) {
                    break;
                }
                if let Some(line) = self.line.take() {
                    self.publish(service, world, &line);
                }
            }
            // After a signal, no further line is read: the same signal may have ended the program that writes the input, and
            // the end of the input then does not count.
            let Some(lines) = self.lines.as_mut().filter(|_| !world.is_ending) else { break };
            match lines.poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => {
                    self.lost += lines.take_too_long();
                    self.lines = None;
                }
                Poll::Ready(Some(StdinLine::Failed(error))) => {
                    say_failed(&error);
                    self.is_wrong = true;
                }
                Poll::Ready(line) => self.line = line,
            }
            happened = true;
        }
        happened | self.look(world, notifees)
    }

    fn publish(&mut self, service: &mut TopicService, world: &mut LoggedSwarm, line: &StdinLine) {
        let error = match line {
            StdinLine::Whole(bytes) => match service.publish(&mut world.swarm, &self.topic, bytes) {
                Ok(_) => {
                    match &mut self.audience {
                        Recipients::Many(subscribers) => subscribers.published(bytes.len()),
                        Recipients::One { delivery, .. } => delivery.published(bytes.len()),
                    }
                    return;
                }
                Err(PublishError::TooLarge) => too_large(bytes.len()),
                Err(error) => format!("a line of {} bytes is not published: {error}", bytes.len()),
            },
            StdinLine::Failed(error) => error.clone(),
        };
        self.lost += 1;
        say(error);
    }

    fn must_wait(&mut self, service: &TopicService, world: &LoggedSwarm) -> bool {
        match &mut self.audience {
            Recipients::Many(subscribers) => subscribers.hold(service, &self.topic, world.reporter.elapsed()),
            Recipients::One { delivery, .. } => delivery.must_wait(service),
        }
    }

    /// Checks which of the published lines were written or lost, and sets the time at which the loop wakes for the next
    /// check. Returns whether this check has found that publishing is over.
    fn look(&mut self, world: &mut LoggedSwarm, notifees: &mut Notifees<LoggedSwarm>) -> bool {
        let was_done = self.is_done();
        let Some(service) = notifees.get(self.service) else { return false };
        if let Recipients::Many(subscribers) = &mut self.audience
            && world.is_ending
        {
            subscribers.note_rest(service);
        }
        let queue = DeliveryQueue::of(service, world, &self.topic);
        let Some(watch) = notifees.get_mut(self.watch) else { return false };
        match &mut self.audience {
            Recipients::Many(subscribers) => watch.look_at = subscribers.deadline(),
            Recipients::One { delivery, timeout } => {
                let waits = self.line.is_some() && !self.is_given_up;
                let (lost, given_up) =
                    delivery.look(&queue, watch, world, (waits, *timeout, &self.topic), self.protocol);
                self.lost += lost;
                if let Some(why) = given_up.filter(|_| !self.is_given_up) {
                    say(why);
                    (self.is_given_up, self.is_wrong) = (true, true);
                }
            }
        }
        was_done != self.is_done()
    }
}

fn say_failed(error: &str) {
    say(format_args!("stdin cannot be read: {error}"));
}

/// Returns the maximum length, in bytes, of a line that fits into a message on a topic, if the author has an Ed25519 key.
/// Other types of keys have longer signatures, which leave less room.
fn most_of_a_line(topic: &str, author: PeerId) -> usize {
    const SIGNATURE: usize = 64;
    const SEQNO: usize = 8;
    // Each field begins with one byte for its number, followed by its length. The lengths of the message and of the data
    // take 3 bytes each.
    let short = |len: usize| if len < 128 { 2 } else { 3 } + len;
    let others = short(topic.len()) + short(author.to_bytes().len()) + short(SEQNO) + short(SIGNATURE);
    pubsub::Config::default().rpc_bytes.saturating_sub(4 + 4 + others)
}

/// Returns the text of the error for a line that is too long, with the limit. `bytes` describes the length of the line.
fn too_large(bytes: impl fmt::Display) -> String {
    let most = pubsub::Config::default().rpc_bytes;
    format!(
        "a line of {bytes} bytes is not published: the message is too large: with its topic, its author and their \
         signature it has at most {most} bytes; give shorter lines"
    )
}
