//! [`Session`]: one connection's end, and what its caller can do with it. What arrives is in `receive`, how frames come
//! about in `flow`.

mod opening;
mod pending_output;

use super::buffer_pool::BufferPool;
#[cfg(doc)]
use super::fact::Fact;
use super::flood::{Costs, Tally};
use super::frame::{FrameType, Header, RST, SYN};
use super::incoming::Incoming;
use super::output::FrameQueue;
use super::pressure::Pressure;
use super::stream::{Half, ReadOutcome, Stream, SynState, WaitsFor};
use super::window::{Growth, ReceiveWindow};
use super::wire_ids::WireIds;
use super::{Config, Role, Streams};
use crate::arithmetic::{Count, copy_front, memory_in_all};
use crate::pruned_queue::PrunedQueue;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// How much of the output's memory a session keeps for its next stream when it has none.
const KEPT_OUTPUT: usize = 512;

/// How much of it a session keeps that gives the rest to others by [`Session::give_output`].
const KEPT_FROM_OTHERS: usize = 4 * 1024;

/// One connection's end. See the [module](super) for how it is driven.
///
/// The methods that take a [`Stream`] take one that this session has made. On a stream that is over they change
/// nothing on the wire; none of them fails or panics for a stream's state.
#[derive(Debug)]
pub struct Session<K> {
    pub(super) config: Config,
    pub(super) role: Role,
    /// The next id of ours, or none when they are used up.
    next_id: Option<u32>,
    pub(super) wire_ids: WireIds<K>,
    /// How many of ours the peer has not acknowledged, from `open` on.
    unacknowledged: u32,
    pub(super) output: FrameQueue,
    /// FINs in the output, then those in a batch: the first `fins_taken` are in a batch.
    fins: VecDeque<(u32, K)>,
    fins_taken: usize,
    /// Streams whose wish is room in the output, in the order in which they came.
    pub(super) write_queue: PrunedQueue<VecDeque<(u32, K)>, 0>,
    /// Streams to which window is granted once the session grants again, in the order in which they came.
    pub(super) withheld: PrunedQueue<Vec<(u32, K)>, 0>,
    /// The memory of the receive buffers of all streams that were not [uncounted](Self::uncount).
    pub(super) unread: usize,
    pub(super) pressure: Pressure,
    pub(super) incoming: Incoming<K>,
    pub(super) growth: Growth,
    pub(super) costs: Costs,
    /// The bound on new streams until the peer's first frame; `None` afterwards.
    unheard: Option<Unheard>,
    /// The peer has sent go-away.
    pub(super) peer_left: bool,
    /// The number of frames that [`receive`](Self::receive) still handles.
    pub(super) frames_left: u32,
}

/// A session whose peer has not sent a frame.
#[derive(Clone, Copy, Debug)]
struct Unheard {
    /// The number of streams that may still be opened.
    left: u32,
    /// A ping has been sent that the peer has to answer.
    is_asked: bool,
}

impl<K: Copy> Session<K> {
    /// A session at its start: nothing has been sent or received. Allocates nothing.
    #[must_use]
    pub fn new(role: Role, config: &Config) -> Self {
        let first = match role {
            Role::Dialer => 1,
            Role::Listener => 2,
        };
        Self {
            config: *config,
            role,
            next_id: Some(first),
            wire_ids: WireIds::new(),
            unacknowledged: 0,
            output: FrameQueue::new(config),
            fins: VecDeque::new(),
            fins_taken: 0,
            write_queue: PrunedQueue::new(VecDeque::new()),
            withheld: PrunedQueue::new(Vec::new()),
            unread: 0,
            pressure: Pressure::None,
            incoming: Incoming::start(),
            growth: Growth::default(),
            costs: Costs::new(),
            unheard: Some(Unheard { left: config.early_streams, is_asked: false }),
            peer_left: false,
            frames_left: u32::MAX,
        }
    }

    /// Limits the frames that are handled from now on to `frames`. Afterwards [`receive`](Self::receive) consumes
    /// nothing until the next call of this method. A new session has no limit. A caller with many sessions uses it to
    /// share its time among them.
    pub fn limit_frames(&mut self, frames: u32) {
        self.frames_left = frames;
    }

    /// Says how scarce memory is from now on. When window is no longer withheld, the streams that wait for it are granted
    /// what their owner has read since: window updates then are in the [output](Self::output).
    pub fn set_pressure(&mut self, streams: &mut impl Streams<K>, pressure: Pressure) {
        self.pressure = pressure;
        if pressure != Pressure::All && !self.withheld.is_empty() {
            self.grant_withheld(streams);
        }
    }

    /// Returns how scarce memory is, as [`set_pressure`](Self::set_pressure) said.
    #[must_use]
    pub const fn pressure(&self) -> Pressure {
        self.pressure
    }

    /// Returns whether window has been read and not been granted because of [`Pressure::All`].
    #[must_use]
    pub fn withholds(&self) -> bool {
        !self.withheld.is_empty()
    }

    /// Returns the bytes of memory of all receive buffers of this session's streams, over or not. It is what the buffers
    /// could hold: that is what the system has given for them.
    #[must_use]
    pub const fn unread_held(&self) -> usize {
        self.unread
    }

    /// Returns the bytes of memory that wait for somebody: [`unread_held`](Self::unread_held), and the output's.
    #[must_use]
    pub fn held(&self) -> usize {
        memory_in_all([self.unread, self.output.capacity()])
    }

    /// Takes note that the caller has [taken](Stream::take_unread), or drops, a stream that [held](Stream::held) so much.
    /// A session whose caller does not say so counts too much from then on, and nothing else goes wrong.
    pub fn uncount(&mut self, held: usize) {
        self.unread = self.unread.saturating_sub(held);
    }

    /// The memory of a stream's receive buffer has changed.
    pub(super) fn recount(&mut self, before: usize, after: usize) {
        self.unread = self.unread.saturating_add(after).saturating_sub(before);
    }

    /// Returns the number of frames that [`receive`](Self::receive) still handles.
    #[must_use]
    pub const fn frames_left(&self) -> u32 {
        self.frames_left
    }

    /// Returns what the peer has done since the last call that is within the protocol and costs us work: for a caller that
    /// limits it by time. Frames without payload are limited by the session itself
    /// ([`Config::max_empty_frames`]).
    #[inline]
    pub fn take_tally(&mut self) -> Tally {
        let tally = self.costs.tally;
        if !tally.is_empty() {
            self.costs.tally = Tally::default();
        }
        tally
    }

    /// Writes data: makes frames in the output at once, as far as the peer's window and
    /// [`Config::max_output`] allow, and returns how many bytes of `data` are in them. Consecutive writes to one stream
    /// share a frame up to [`Config::max_frame`].
    ///
    /// After a short write [`Fact::Writable`] comes when it can go on. On a stream that is finished or reset, and after
    /// our go-away, it is 0 and nothing comes.
    pub fn write(&mut self, stream: &mut Stream, data: &[u8]) -> usize {
        if !stream.sending.is_open() || self.output.is_closed() {
            return 0;
        }
        let n = data.len().min(stream.send_window as usize).min(self.room());
        self.push_data(stream, data.get(..n).unwrap_or_default());
        if n < data.len() {
            self.wait_to_write(stream);
        }
        n
    }

    /// Writes all or nothing, and says which, without regard to [`Config::max_output`]: for the few bytes of a
    /// negotiation, which cannot wait for room. They count as answers for [`is_clogged`](Self::is_clogged).
    pub fn write_whole(&mut self, stream: &mut Stream, data: &[u8]) -> bool {
        if !stream.sending.is_open() || self.output.is_closed() || data.len() > stream.send_window as usize {
            return false;
        }
        let before = self.output.data();
        self.push_data(stream, data);
        self.output.count_answers(self.output.data().saturating_sub(before));
        true
    }

    /// Sends a SYN or ACK that is due and that no frame has carried: on the stream's last frame if that still waits
    /// last in the output, else in a window update of its own.
    pub fn flush(&mut self, stream: &mut Stream) {
        if stream.is_over() {
            return;
        }
        self.widen(stream);
        self.ride(stream);
        let flags = self.take_flags(stream);
        if flags != 0 {
            self.output.answer(Header::new(FrameType::WindowUpdate, flags, stream.id, 0));
        }
    }

    /// Half-closes: FIN after everything that was written, in a frame without payload and without another flag. A SYN or
    /// ACK that is due leaves before it. [`Fact::FinSent`] comes when it has been written. The peer may go on sending.
    pub fn finish(&mut self, stream: &mut Stream) {
        if !stream.sending.is_open() {
            return;
        }
        self.flush(stream);
        self.output.finish(stream.id);
        stream.write_waits_for = WaitsFor::Nothing;
        stream.sending = Half::Finished;
        if let Some(key) = self.wire_ids.get(stream.id)
            && !self.output.is_closed()
        {
            self.fins.push_back((stream.id, key));
        }
        self.end_if_over(stream);
    }

    /// Gives the stream up in both directions by RST. What is unread stays until the caller drops the stream; frames
    /// that still come for it are discarded. A stream of which the peer knows nothing yet ends without a frame.
    pub fn reset(&mut self, stream: &mut Stream) {
        if stream.is_over() {
            return;
        }
        if stream.opening != SynState::SynDue {
            self.output.answer(Header::new(FrameType::WindowUpdate, RST, stream.id, 0));
        }
        self.set_reset(stream);
    }

    /// Does the same because of what the peer has done, or left undone, on the stream. If it is the peer's stream, it counts
    /// in [`Tally::resets`]. A peer that has us reset its streams costs as much as one that resets them itself
    /// (CVE-2025-8671).
    pub fn reset_for_peer(&mut self, stream: &mut Stream) {
        if !stream.is_over() {
            self.peer_resets(stream);
        }
        self.reset(stream);
    }

    /// The peer resets a stream, or is the reason why we do.
    pub(super) fn peer_resets(&mut self, stream: &Stream) {
        if !self.is_ours(stream.id) {
            self.costs.reset();
        }
    }

    /// Reads into `buf`, and grants the peer what has been read when that is half of the window.
    pub fn read(&mut self, stream: &mut Stream, buf: &mut [u8]) -> ReadOutcome {
        self.read_with(stream, buf, &mut BufferPool::shut())
    }

    /// [`read`](Self::read), which gives `buffers` the buffer that it leaves empty.
    pub fn read_with(&mut self, stream: &mut Stream, buf: &mut [u8], buffers: &mut BufferPool) -> ReadOutcome {
        let unread = stream.unread();
        if unread.is_empty() {
            return match stream.receiving {
                Half::Open => ReadOutcome::Blocked,
                Half::Finished => ReadOutcome::End,
                Half::Reset => ReadOutcome::Reset,
            };
        }
        let n = copy_front(unread, buf);
        self.consume_with(stream, n, buffers);
        ReadOutcome::Bytes(n)
    }

    /// Takes `n` bytes of [`Stream::unread`] as read, or all if there are less.
    pub fn consume(&mut self, stream: &mut Stream, n: usize) {
        self.consume_with(stream, n, &mut BufferPool::shut());
    }

    /// [`consume`](Self::consume), which gives `buffers` the buffer that it leaves empty.
    pub fn consume_with(&mut self, stream: &mut Stream, n: usize, buffers: &mut BufferPool) {
        let before = stream.held();
        stream.drop_unread(n, buffers);
        self.recount(before, stream.held());
        self.grant(stream);
    }

    /// Drops what is unread and what still comes, while window keeps being granted: the peer can finish in its own
    /// time. [`Fact::Readable`] comes with its FIN.
    pub fn discard(&mut self, stream: &mut Stream) {
        stream.discarding = true;
        self.consume(stream, usize::MAX);
    }

    /// Sends a ping; [`Fact::Pong`] with the same value is its answer. `u32::MAX` is what the session's own pings carry
    /// ([`Config::max_receive_window`]), of whose answers nothing is told.
    pub fn ping(&mut self, opaque: u32) {
        self.costs.pinged();
        self.output.push(Header::new(FrameType::Ping, SYN, 0, opaque));
    }

    /// Sends go-away with a code ([`NORMAL`](super::NORMAL) and its like) as our last frame: peers end the
    /// session when they see it, so whatever comes after it would be lost. Data still arrives; writes are 0. The second
    /// one changes nothing.
    pub fn go_away(&mut self, code: u32) {
        self.output.close(code);
        self.write_queue.clear();
    }

    /// How many streams are not over.
    #[must_use]
    pub fn live(&self) -> usize {
        self.wire_ids.len()
    }

    /// Returns whether the peer has sent go-away.
    #[must_use]
    pub const fn has_peer_gone_away(&self) -> bool {
        self.peer_left
    }

    /// Whether our go-away has been sent or waits to be.
    #[must_use]
    pub const fn has_gone_away(&self) -> bool {
        self.output.is_closed()
    }

    /// Either side has sent RST.
    pub(super) fn set_reset(&mut self, stream: &mut Stream) {
        stream.write_waits_for = WaitsFor::Nothing;
        stream.set_reset();
        self.end_if_over(stream);
    }

    /// The wire id of a stream that is over leaves the map.
    pub(super) fn end_if_over(&mut self, stream: &mut Stream) {
        if !stream.is_over() {
            return;
        }
        // A stream of which the peer knows counts until the first frame, even if it is over.
        if let (SynState::SynDue, Some(unheard)) = (stream.opening, &mut self.unheard) {
            unheard.left.raise(1);
        }
        match stream.opening {
            SynState::SynDue | SynState::SynSent => self.acknowledged(stream),
            SynState::Withheld | SynState::AckDue | SynState::Open => {}
        }
        if self.wire_ids.remove(stream.id).is_some() {
            let initial = ReceiveWindow::new(self.config.receive_window).limit();
            self.growth.give_back(stream.receive_window().saturating_sub(initial));
        }
    }
}
