//! [`Session`]: one end of a connection, with the methods for its caller. The handling of input is in `receive`, and the
//! making of frames is in `flow`.

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

/// The number of bytes of memory for output that a session without streams keeps for its next stream.
const KEPT_OUTPUT: usize = 512;

/// The number of bytes of memory for output that a session keeps when [`Session::give_output`] gives the rest to other
/// sessions.
const KEPT_FROM_OTHERS: usize = 4 * 1024;

/// One end of a connection. See the [module](super) for how to drive it.
///
/// A [`Stream`] that is passed to a method must have been made by this session. If the stream is over, the method sends
/// nothing for the stream. No state of a stream makes a method fail or panic.
#[derive(Debug)]
pub struct Session<K> {
    pub(super) config: Config,
    pub(super) role: Role,
    /// The wire id of the next stream that we open, or `None` once all ids are used up.
    next_id: Option<u32>,
    pub(super) wire_ids: WireIds<K>,
    /// The number of our streams that the peer has not acknowledged. A stream counts from [`open`](Self::open) on.
    unacknowledged: u32,
    pub(super) output: FrameQueue,
    /// The streams whose FIN has not been written to the byte pipe yet, oldest first. The FINs of the first `fins_taken`
    /// streams are in the output that the caller has taken and is writing; the other FINs are still in `output`.
    fins: VecDeque<(u32, K)>,
    fins_taken: usize,
    /// The streams that wait for room in the output, in the order in which they began to wait.
    pub(super) write_queue: PrunedQueue<VecDeque<(u32, K)>, 0>,
    /// The streams on which window is withheld, in the order in which it was first withheld. The window is granted once the
    /// session grants window again.
    pub(super) withheld: PrunedQueue<Vec<(u32, K)>, 0>,
    /// The memory in bytes of the receive buffers of all streams of this session, except for memory that was
    /// [uncounted](Self::uncount).
    pub(super) unread: usize,
    pub(super) pressure: Pressure,
    pub(super) incoming: Incoming<K>,
    pub(super) growth: Growth,
    pub(super) costs: Costs,
    /// The limit on new streams until the peer's first frame; `None` once that frame has arrived.
    unheard: Option<Unheard>,
    /// `true` if the peer has sent go-away.
    pub(super) peer_left: bool,
    /// The number of further frames that [`receive`](Self::receive) may handle.
    pub(super) frames_left: u32,
}

/// The state of a session whose peer has not sent a frame.
#[derive(Clone, Copy, Debug)]
struct Unheard {
    /// The number of streams that may still be opened before the peer's first frame.
    left: u32,
    /// `true` if we have sent a ping, so that the peer has a frame to answer.
    is_asked: bool,
}

impl<K: Copy> Session<K> {
    /// Makes a session in its initial state: no frame has been sent or received. The call allocates nothing.
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

    /// Sets the maximum number of frames that are handled from now on to `frames`. After these frames
    /// [`receive`](Self::receive) consumes nothing until the next call of this method. A new session has no limit. A caller
    /// with many sessions uses the limit to share its time among them.
    pub fn limit_frames(&mut self, frames: u32) {
        self.frames_left = frames;
    }

    /// Sets how scarce memory is from now on. When window is no longer withheld, the peer is granted window on the streams
    /// on which it was withheld, for the data that the owner has read meanwhile; the window updates are then in the
    /// [output](Self::output).
    pub fn set_pressure(&mut self, streams: &mut impl Streams<K>, pressure: Pressure) {
        self.pressure = pressure;
        if pressure != Pressure::All && !self.withheld.is_empty() {
            self.grant_withheld(streams);
        }
    }

    /// Returns the pressure that [`set_pressure`](Self::set_pressure) set last.
    #[must_use]
    pub const fn pressure(&self) -> Pressure {
        self.pressure
    }

    /// Returns whether the session withholds window for data that was read, because the pressure is [`Pressure::All`].
    #[must_use]
    pub fn withholds(&self) -> bool {
        !self.withheld.is_empty()
    }

    /// Returns the memory in bytes of the receive buffers of all of this session's streams, including streams that are over.
    /// The memory is the capacity of the buffers, which is what the system has allocated for them.
    #[must_use]
    pub const fn unread_held(&self) -> usize {
        self.unread
    }

    /// Returns the number of bytes of memory that pending data takes: [`unread_held`](Self::unread_held), and the memory of
    /// the output.
    #[must_use]
    pub fn held(&self) -> usize {
        memory_in_all([self.unread, self.output.capacity()])
    }

    /// Subtracts `held` bytes of memory from the session's count of receive buffers. The caller calls this method when it
    /// has [taken](Stream::take_unread) the unread bytes of a stream that [held](Stream::held) `held` bytes of memory, or
    /// when it drops such a stream. Without this call the session's count is too large from then on; nothing else goes
    /// wrong.
    pub fn uncount(&mut self, held: usize) {
        self.unread = self.unread.saturating_sub(held);
    }

    /// Records that the memory of a stream's receive buffer has changed from `before` to `after` bytes.
    pub(super) fn recount(&mut self, before: usize, after: usize) {
        self.unread = self.unread.saturating_add(after).saturating_sub(before);
    }

    /// Returns the number of further frames that [`receive`](Self::receive) may handle.
    #[must_use]
    pub const fn frames_left(&self) -> u32 {
        self.frames_left
    }

    /// Returns the number of the peer's resets and pings since the last call of this method. These frames do not break the
    /// protocol but cost us work, so a caller with a clock limits their rate. Frames without payload are limited by the
    /// session itself ([`Config::max_empty_frames`]).
    #[inline]
    pub fn take_tally(&mut self) -> Tally {
        let tally = self.costs.tally;
        if !tally.is_empty() {
            self.costs.tally = Tally::default();
        }
        tally
    }

    /// Writes data: makes frames in the output at once, as far as the peer's window and [`Config::max_output`] allow, and
    /// returns the number of bytes of `data` in these frames. Consecutive writes to one stream share a frame up to
    /// [`Config::max_frame`].
    ///
    /// If not all of `data` was written, [`Fact::Writable`] is reported when the write can continue. On a stream that is
    /// finished or reset, and after our go-away, the call returns 0 and no fact follows.
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

    /// Writes all of `data` or nothing, and returns whether it was written. The method ignores [`Config::max_output`]: it is
    /// for the few bytes of a negotiation, which cannot wait for room. These bytes count as answers for
    /// [`is_clogged`](Self::is_clogged).
    pub fn write_whole(&mut self, stream: &mut Stream, data: &[u8]) -> bool {
        if !stream.sending.is_open() || self.output.is_closed() || data.len() > stream.send_window as usize {
            return false;
        }
        let before = self.output.data();
        self.push_data(stream, data);
        self.output.count_answers(self.output.data().saturating_sub(before));
        true
    }

    /// Sends a pending SYN or ACK that no frame has carried yet: on the last frame in the output if that frame belongs to
    /// the stream, otherwise in a window update of its own.
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

    /// Finishes our direction of the stream: FIN follows all written data, in a frame without payload and without another
    /// flag. A pending SYN or ACK is sent before FIN. [`Fact::FinSent`] is reported when FIN has been written. The peer may
    /// continue to send.
    pub fn finish(&mut self, stream: &mut Stream) {
        if !stream.sending.is_open() {
            return;
        }
        self.flush(stream);
        // py-libp2p does not see a FIN beside SYN or ACK, so these were sent by `flush` in a frame of their own or in an
        // earlier one.
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

    /// Gives up the stream in both directions by RST. Unread bytes stay in memory until the caller drops the stream; frames
    /// that still arrive for the stream are discarded. A stream that the peer does not know yet ends without a frame.
    pub fn reset(&mut self, stream: &mut Stream) {
        if stream.is_over() {
            return;
        }
        // RST is sent on a window update of 0 bytes, as go-yamux does.
        if stream.opening != SynState::SynDue {
            self.output.answer(Header::new(FrameType::WindowUpdate, RST, stream.id, 0));
        }
        self.set_reset(stream);
    }

    /// Resets a stream because of something that the peer has done on the stream, or has failed to do on the stream. If the
    /// peer opened the stream, the reset counts in [`Tally::resets`]. A peer that makes us reset its streams costs as much
    /// as a peer that resets its streams itself (CVE-2025-8671).
    pub fn reset_for_peer(&mut self, stream: &mut Stream) {
        if !stream.is_over() {
            self.peer_resets(stream);
        }
        self.reset(stream);
    }

    /// Counts a reset that the peer sends or causes, if the peer opened the stream.
    pub(super) fn peer_resets(&mut self, stream: &Stream) {
        if !self.is_ours(stream.id) {
            self.costs.reset();
        }
    }

    /// Reads unread bytes of the stream into `buf`. Grants the peer window for data that has been read, once this data is
    /// half of the receive window.
    pub fn read(&mut self, stream: &mut Stream, buf: &mut [u8]) -> ReadOutcome {
        self.read_with(stream, buf, &mut BufferPool::shut())
    }

    /// Reads like [`read`](Self::read). If the read empties the stream's receive buffer, the buffer is moved into `buffers`.
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

    /// Marks the first `n` bytes of [`Stream::unread`] as read, or all bytes if there are fewer.
    pub fn consume(&mut self, stream: &mut Stream, n: usize) {
        self.consume_with(stream, n, &mut BufferPool::shut());
    }

    /// Marks bytes as read like [`consume`](Self::consume). If no unread byte is left, the stream's receive buffer is moved
    /// into `buffers`.
    pub fn consume_with(&mut self, stream: &mut Stream, n: usize, buffers: &mut BufferPool) {
        let before = stream.held();
        stream.drop_unread(n, buffers);
        self.recount(before, stream.held());
        self.grant(stream);
    }

    /// Drops the unread bytes of a stream, and all bytes that arrive on the stream from now on. The peer is granted window
    /// for the dropped bytes, so that the peer can finish in its own time. [`Fact::Readable`] is reported when the peer's
    /// FIN arrives.
    pub fn discard(&mut self, stream: &mut Stream) {
        stream.discarding = true;
        self.consume(stream, usize::MAX);
    }

    /// Sends a ping with the value `opaque`. The peer's answer is reported as [`Fact::Pong`] with the same value. The
    /// session's own pings carry `u32::MAX` ([`Config::max_receive_window`]), and their answers are not reported.
    pub fn ping(&mut self, opaque: u32) {
        self.costs.pinged();
        self.output.push(Header::new(FrameType::Ping, SYN, 0, opaque));
    }

    /// Sends go-away with a code ([`NORMAL`](super::NORMAL), for example) as our last frame: peers end the session when they
    /// receive it, so later frames would be lost. Data of the peer is still accepted; writes return 0. A second call changes
    /// nothing.
    pub fn go_away(&mut self, code: u32) {
        // rust-yamux fails all its streams as soon as it has read this frame, and js-libp2p ends all of them: whatever we
        // sent afterwards would reach nobody.
        self.output.close(code);
        // After our go-away, no write can continue, so no stream waits for room in the output any more.
        self.write_queue.clear();
    }

    /// Returns the number of streams that are not over.
    #[must_use]
    pub fn live(&self) -> usize {
        self.wire_ids.len()
    }

    /// Returns whether the peer has sent go-away.
    #[must_use]
    pub const fn has_peer_gone_away(&self) -> bool {
        self.peer_left
    }

    /// Returns whether our go-away has been sent or waits to be sent.
    #[must_use]
    pub const fn has_gone_away(&self) -> bool {
        self.output.is_closed()
    }

    /// Ends both directions of a stream, after either side has sent RST.
    pub(super) fn set_reset(&mut self, stream: &mut Stream) {
        stream.write_waits_for = WaitsFor::Nothing;
        stream.set_reset();
        self.end_if_over(stream);
    }

    /// Removes the wire id of a stream that is over, and subtracts the stream from the session's counts.
    pub(super) fn end_if_over(&mut self, stream: &mut Stream) {
        if !stream.is_over() {
            return;
        }
        // Before the peer's first frame, a stream that the peer knows counts even if it is over. Only a stream whose SYN has
        // not been sent gives its place back.
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
