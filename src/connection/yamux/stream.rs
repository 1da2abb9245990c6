//! [`Stream`]: one end of one stream.
//!
//! ```text
//! opening     ours:        SynDue ──first frame──▶ SynSent ──peer's ACK──▶ Open
//!             the peer's:  Withheld ──acknowledge──▶ AckDue ──next frame──▶ Open
//!
//! sending     Open ──our FIN──▶ Finished
//! receiving   Open ──peer's FIN──▶ Finished
//! both        Open or Finished ──RST of either side──▶ Reset
//! ```
//!
//! The three state machines in the diagram are independent, except that RST ends both directions. A stream is over when both
//! directions have ended: then its wire id is removed from the session's map, and frames that still arrive for the stream
//! are discarded.

use super::INITIAL_WINDOW;
use super::buffer_pool::{BufferPool, ReceiveBuffer};
use super::window::ReceiveWindow;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// One end of a stream, kept by the caller. [`Session::open`](super::Session::open) or
/// [`Session::accept`](super::Session::accept) makes a stream, which belongs to that session. Without unread data it takes
/// at most 32 bytes and owns no memory.
#[derive(Debug)]
pub struct Stream {
    pub(super) id: u32,
    pub(super) send_window: u32,
    pub(super) window: ReceiveWindow,
    buffer: Option<Box<ReceiveBuffer>>,
    pub(super) opening: SynState,
    pub(super) sending: Half,
    pub(super) receiving: Half,
    pub(super) write_waits_for: WaitsFor,
    pub(super) discarding: bool,
    /// `true` if the session withholds window for data that was read from the stream. The stream is then in the session's
    /// list of such streams.
    pub(super) is_withheld: bool,
    /// The number of the session's round trip in which the peer was last granted window on this stream: see
    /// [`Growth`](super::window::Growth).
    pub(super) round: u16,
}

// Each stream of each connection has one, idle or not.
const _: () = assert!(size_of::<Stream>() <= 32);

/// The progress of a stream's SYN and ACK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SynState {
    /// We open the stream: its first frame will carry SYN. The peer does not know the stream yet.
    SynDue,
    /// We have opened the stream: SYN is sent, and the peer has not acknowledged the stream.
    SynSent,
    /// The peer has opened the stream: our ACK waits for [`Session::acknowledge`](super::Session::acknowledge).
    Withheld,
    /// The peer has opened the stream: our next frame will carry ACK.
    AckDue,
    /// Neither a SYN nor an ACK of the stream is still to be sent or awaited.
    Open,
}

/// The state of one direction of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Half {
    Open,
    Finished,
    Reset,
}

/// The resource that a write waits for after it accepted only a part of its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WaitsFor {
    Nothing,
    /// A window update of the peer.
    Window,
    /// Room in the output; the stream is in the session's queue for room.
    Output,
}

/// The result of [`Session::read`](super::Session::read).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a read has these outcomes, and a reader has to answer each")]
pub enum ReadOutcome {
    /// The number of bytes read. It is 0 only if the buffer of the reader is empty.
    Bytes(usize),
    /// No byte is unread now; [`Fact::Readable`](super::Fact::Readable) follows when data arrives.
    Blocked,
    /// The peer has finished, and all data has been read.
    End,
    /// The stream was reset by either side, and all data that arrived before the reset has been read.
    Reset,
}

impl Stream {
    pub(super) const fn new(id: u32, opening: SynState, receive_window: u32, round: u16) -> Self {
        Self {
            id,
            send_window: INITIAL_WINDOW,
            window: ReceiveWindow::new(receive_window),
            buffer: None,
            opening,
            sending: Half::Open,
            receiving: Half::Open,
            write_waits_for: WaitsFor::Nothing,
            discarding: false,
            is_withheld: false,
            round,
        }
    }

    /// Returns the stream's id on the wire, for logs.
    #[must_use]
    pub const fn wire_id(&self) -> u32 {
        self.id
    }

    /// Returns the bytes that have arrived and have not been read, as one slice.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.buffer.as_ref().map(|buffer| buffer.unread()).unwrap_or_default()
    }

    /// Returns the memory of the stream's receive buffer in bytes: the buffer's capacity, not the number of unread bytes.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buffer.as_ref().map_or(0, |buffer| buffer.capacity())
    }

    /// Removes all unread bytes from the stream and returns them. No window is granted for these bytes: the method is for a
    /// stream that has ended. The [`held`](Self::held) bytes of memory belong to the caller from then on, which reports them
    /// to the session with [`uncount`](super::Session::uncount).
    #[must_use]
    pub fn take_unread(&mut self) -> Vec<u8> {
        self.buffer.take().map(|buffer| buffer.into_unread()).unwrap_or_default()
    }

    /// Returns the number of bytes that we may send now within the window that the peer has granted.
    #[must_use]
    pub const fn send_window(&self) -> u32 {
        self.send_window
    }

    /// Returns the maximum number of bytes that the peer may have sent and the owner has not read:
    /// [`Config::receive_window`](super::Config), or more once the window has [grown](super::Config::max_receive_window). A
    /// window below [`INITIAL_WINDOW`] does not hold until the owner has read the difference: see
    /// [`receive_window`](super::Config::receive_window).
    #[must_use]
    pub const fn receive_window(&self) -> u32 {
        self.window.limit()
    }

    /// Returns the maximum number of bytes that can be unread from now on: [`receive_window`](Self::receive_window), or
    /// [`INITIAL_WINDOW`] while the peer may still send more than a smaller window allows.
    pub(in crate::connection) fn most_unread(&self) -> usize {
        self.window.most_unread(self.unread().len())
    }

    /// Returns whether a write accepted only a part of its data and can continue only when the peer grants window.
    #[must_use]
    pub fn wants_window(&self) -> bool {
        self.write_waits_for != WaitsFor::Nothing && self.send_window == 0
    }

    /// Returns whether the peer may send more data before the owner reads anything.
    #[must_use]
    pub const fn grants_window(&self) -> bool {
        self.window.is_open()
    }

    /// Returns whether the stream is acknowledged, by the peer or by us.
    #[must_use]
    pub const fn is_acknowledged(&self) -> bool {
        match self.opening {
            SynState::Open => true,
            SynState::SynDue | SynState::SynSent | SynState::Withheld | SynState::AckDue => false,
        }
    }

    /// Returns whether the stream itself can still be written to: we have not finished it, and it was not reset.
    #[must_use]
    pub const fn may_write(&self) -> bool {
        self.sending.is_open()
    }

    /// Returns whether the peer's FIN has arrived. Earlier data may still be unread.
    #[must_use]
    pub const fn is_remote_finished(&self) -> bool {
        matches!(self.receiving, Half::Finished)
    }

    /// Returns whether the stream was reset, by either side.
    #[must_use]
    pub const fn is_reset(&self) -> bool {
        matches!(self.sending, Half::Reset)
    }

    /// Returns whether both directions have ended, by FIN or by RST. Data may still be unread.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        !self.sending.is_open() && !self.receiving.is_open()
    }

    /// Ends both directions at once.
    pub(super) fn set_reset(&mut self) {
        self.sending = Half::Reset;
        self.receiving = Half::Reset;
    }

    /// Appends bytes that have arrived, which are within the window.
    pub(super) fn push(&mut self, bytes: &[u8], buffers: &mut BufferPool) {
        let most = self.window.most_unread(self.unread().len().saturating_add(bytes.len()));
        self.buffer.get_or_insert_with(|| buffers.take(bytes.len())).push(bytes, most);
    }

    /// Removes the first `n` unread bytes, or all of them if there are fewer. A buffer that becomes empty is given to
    /// `buffers`.
    pub(super) fn drop_unread(&mut self, n: usize, buffers: &mut BufferPool) {
        if let Some(mut buffer) = self.buffer.take() {
            buffer.consume(n);
            match buffer.unread() {
                [] => buffers.give(buffer),
                [..] => self.buffer = Some(buffer),
            }
        }
    }
}

impl SynState {
    /// Returns whether SYN or ACK has been sent, and with it the window with which the stream begins.
    pub(super) const fn is_told(self) -> bool {
        match self {
            Self::SynSent | Self::Open => true,
            Self::SynDue | Self::Withheld | Self::AckDue => false,
        }
    }
}

impl Half {
    pub(super) const fn is_open(self) -> bool {
        match self {
            Self::Open => true,
            Self::Finished | Self::Reset => false,
        }
    }
}
