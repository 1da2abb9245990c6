//! [`Delivery`]: counts the lines that `dial` has published, until they are written to its peer or lost.

use super::watch::StreamWatch;
use crate::node::LoggedSwarm;
use crate::output::STDOUT;
use crate::topic_router::TopicService;
use std::time::Duration;
use swarm_notify::connection::WriteError;

/// The number of bytes of lines, published and not written to the peer yet, at which further lines have to wait.
const MAX_UNWRITTEN: usize = 256 * 1024;
/// The number of bytes that the peer has to accept within `--timeout` while lines wait for the peer.
const LEAST: u64 = 64 * 1024;
/// The number of checks, within the time of `--timeout`, of how much the peer has accepted. If the time between two checks
/// is longer than `--timeout` divided by this number, this process was stopped meanwhile, and the excess does not count as a
/// wait for the peer.
const LOOKS: u32 = 8;

/// The counts of published lines, and the time for which they have waited for the peer.
#[derive(Default)]
pub(super) struct Delivery {
    /// The number of lines that were published so far and were not lost.
    published: u64,
    /// The number of published lines that may not have been handed to the system yet.
    unwritten: u64,
    /// The number of bytes of the lines that were published since the last check at which all output of our streams had been
    /// handed to the system.
    unwritten_bytes: usize,
    /// The number of lines that the floodsub service had dropped at the last check.
    dropped: u64,
    /// `true` once one of our floodsub streams has sent bytes.
    has_sent: bool,
    /// `true` if lines were lost that a stream may have sent before it ended. The peer may have read some of these lines.
    pub(super) may_have_come: bool,
    clock: WaitClock,
}

/// A clock that measures for how long lines have waited for the peer. The clock starts again from 0 when the peer has
/// accepted [`LEAST`] bytes. The clock stops while the command waits for the reader of standard output, since nothing is
/// written to the peer meanwhile.
#[derive(Default)]
struct WaitClock {
    waited: Duration,
    looked_at: Duration,
    was_full: bool,
    /// The number of bytes that our streams had sent when the clock was last at 0.
    sent: u64,
}

/// The state of the floodsub service for the one peer of a `dial`. Each message that waits in the service is a published
/// line.
pub(super) struct DeliveryQueue {
    /// The number of lines that wait in the service and that no stream has accepted yet.
    waiting: u64,
    /// The number of lines that the floodsub service has dropped so far.
    dropped: u64,
    has_joined: bool,
}

impl DeliveryQueue {
    pub(super) fn of(service: &TopicService, world: &LoggedSwarm, topic: &str) -> Self {
        let peer = world.dialed.and_then(|connection| world.swarm.connection(connection)?.peer);
        Self {
            waiting: peer.map_or(0, |peer| service.waiting_for(peer).messages as u64),
            dropped: service.counters().dropped,
            has_joined: service.peers_of(topic).next().is_some(),
        }
    }
}

impl Delivery {
    /// Counts a published line with a length of `bytes`.
    pub(super) const fn published(&mut self, bytes: usize) {
        self.published += 1;
        self.unwritten += 1;
        self.unwritten_bytes += bytes;
    }

    /// Returns whether the next line has to wait until earlier lines are written.
    pub(super) fn must_wait(&self, service: &TopicService) -> bool {
        service.held().outbox_bytes > 0 || self.unwritten_bytes >= MAX_UNWRITTEN
    }

    pub(super) const fn is_written(&self) -> bool {
        self.unwritten == 0
    }

    /// Returns the number of lines that were published and not lost so far.
    pub(super) const fn lines(&self) -> u64 {
        self.published
    }

    /// Counts the lines that are not written yet as lost, and returns their number.
    pub(super) const fn end(&mut self) -> u64 {
        self.may_have_come |= self.unwritten > 0 && self.has_sent;
        let unwritten = core::mem::replace(&mut self.unwritten, 0);
        self.published -= unwritten;
        unwritten
    }

    /// Checks which lines were written, dropped and lost since the last check. Returns the number of lines that were lost
    /// since then, and, if `dial` has to stop publishing, the reason in words. The peer has the time `timeout` to accept
    /// lines. If `waits` is `true`, a line waits for the peer to join the `topic`, and the peer has the same time to join.
    /// `protocol` is what the peer should speak, in words.
    pub(super) fn look(
        &mut self,
        queue: &DeliveryQueue,
        watch: &mut StreamWatch,
        world: &mut LoggedSwarm,
        (waits, timeout, topic): (bool, Duration, &str),
        protocol: &str,
    ) -> (u64, Option<String>) {
        let dropped = queue.dropped - core::mem::replace(&mut self.dropped, queue.dropped);
        let mut lost = dropped.min(self.unwritten);
        let mut given_up = (lost > 0).then(|| format!("the peer takes no stream of {protocol}; dial one that does"));
        if core::mem::take(&mut watch.is_unsupported) {
            given_up = Some(format!(
                "the peer does not speak {protocol}, so nothing can be published to it; dial one that does"
            ));
        }
        self.unwritten -= lost;
        let sent = watch.streams.iter().filter_map(|stream| world.swarm.stream(*stream)).map(|view| view.sent);
        let sent = watch.sent + sent.sum::<u64>();
        self.has_sent |= sent > 0;
        if core::mem::take(&mut watch.is_lost) || watch.streams.is_empty() {
            // The lines that the ended stream had accepted are lost. If the peer has gone, the lines that waited for the
            // peer are lost, too. Lines that still wait are written on the next stream.
            let gone = self.unwritten.saturating_sub(queue.waiting);
            (self.unwritten, self.unwritten_bytes) = (self.unwritten - gone, 0);
            lost += gone;
            self.may_have_come |= gone > 0 && self.has_sent;
        }
        self.published -= lost;
        if self.unwritten > 0 {
            // Every stream is flushed, even after a blocked one, so that an event tells when the output of each stream is
            // written.
            let swarm = &mut world.swarm;
            let blocked =
                watch.streams.iter().filter(|stream| swarm.flush(**stream) == Err(WriteError::Blocked)).count();
            if blocked == 0 {
                (self.unwritten, self.unwritten_bytes) = (self.unwritten.min(queue.waiting), 0);
            }
        }
        let waits = (waits || self.unwritten > 0) && watch.is_connected;
        if self.clock.has_run_out(waits, sent, timeout, world.reporter.elapsed()) {
            let seconds = timeout.as_secs_f64();
            given_up.get_or_insert_with(|| match queue.has_joined || self.unwritten > 0 {
                true => format!(
                    "the peer has not taken {} KiB of what was published within {seconds} s; raise --timeout if it is slow",
                    LEAST / 1024
                ),
                false => format!(
                    "nobody has joined `{}` within {seconds} s; check the topic's name, or raise --timeout",
                    topic.escape_debug()
                ),
            });
        }
        let next = world.reporter.elapsed() + timeout / LOOKS;
        watch.look_at = waits.then(|| watch.look_at.map_or(next, |at| at.min(next)));
        (lost, given_up)
    }
}

impl WaitClock {
    /// Advances the clock to the time `now`, at which our streams have sent `sent` bytes. `waits` is `true` if lines wait
    /// for the peer. Returns whether lines have waited for the time `timeout`.
    fn has_run_out(&mut self, waits: bool, sent: u64, timeout: Duration, now: Duration) -> bool {
        let step = now.saturating_sub(core::mem::replace(&mut self.looked_at, now)).min(timeout / LOOKS);
        let is_full = STDOUT.is_full();
        let was_full = core::mem::replace(&mut self.was_full, is_full);
        if !waits || sent >= self.sent + LEAST {
            (self.waited, self.sent) = (Duration::ZERO, sent);
        } else if !is_full && !was_full {
            self.waited += step;
        }
        waits && self.waited >= timeout
    }
}
