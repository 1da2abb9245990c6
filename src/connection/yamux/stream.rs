//! [`Stream`]: what one stream is, at one end.
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
//! The three are independent, apart from RST, which ends both directions. A stream is over when both have ended:
//! then its wire id leaves the session's map, and what still comes for it is discarded.

use super::INITIAL_WINDOW;
use super::buffer_pool::{BufferPool, ReceiveBuffer};
use super::window::ReceiveWindow;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// One end of a stream, kept by the caller. It is made by [`Session::open`](super::Session::open) or
/// [`Session::accept`](super::Session::accept) and belongs to that session. Without unread data it is at most 32 bytes
/// and owns no memory.
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
    /// Window that has been read is not granted until the session grants again; it stands in the session's line for that.
    pub(super) is_withheld: bool,
    /// In which of the session's rounds it was last granted something: see [`Growth`](super::window::Growth).
    pub(super) round: u16,
}

const _: () = assert!(size_of::<Stream>() <= 32);

/// How far a stream has come to be known to both sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SynState {
    /// Ours; its first frame will carry SYN. The peer knows nothing of it.
    SynDue,
    /// Ours; the peer has not acknowledged it.
    SynSent,
    /// The peer's; its owner has not been told.
    Withheld,
    /// The peer's; the next frame will carry ACK.
    AckDue,
    /// SYN and ACK are done with.
    Open,
}

/// One direction of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Half {
    Open,
    Finished,
    Reset,
}

/// What a short write waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WaitsFor {
    Nothing,
    /// The peer's window update.
    Window,
    /// Room in the output; the stream stands in the session's line for it.
    Output,
}

/// What [`Session::read`](super::Session::read) found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a read has these outcomes, and a reader has to answer each")]
pub enum ReadOutcome {
    /// So many bytes; 0 only into an empty buffer.
    Bytes(usize),
    /// Nothing now; [`Fact::Readable`](super::Fact::Readable) tells of more.
    Blocked,
    /// The peer has finished and everything has been read.
    End,
    /// The stream was reset, by either side, and everything that came before has been read.
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

    /// The stream's id on the wire, for logs.
    #[must_use]
    pub const fn wire_id(&self) -> u32 {
        self.id
    }

    /// What has arrived and has not been read, as one run.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.buffer.as_ref().map(|buffer| buffer.unread()).unwrap_or_default()
    }

    /// Returns the memory of its receive buffer in bytes: what the buffer could hold, not what is unread in it.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buffer.as_ref().map_or(0, |buffer| buffer.capacity())
    }

    /// Takes everything that is unread out at once. No window is granted for it: this is for a stream that has ended. Its
    /// [`held`](Self::held) bytes are the caller's from then on: tell the session with
    /// [`uncount`](super::Session::uncount).
    #[must_use]
    pub fn take_unread(&mut self) -> Vec<u8> {
        self.buffer.take().map(|buffer| buffer.into_unread()).unwrap_or_default()
    }

    /// How many bytes the peer's window allows to be written now.
    #[must_use]
    pub const fn send_window(&self) -> u32 {
        self.send_window
    }

    /// Returns the most bytes that the peer may have sent and the owner has not read:
    /// [`Config::receive_window`](super::Config), or more once it has [grown](super::Config::max_receive_window). A window
    /// below [`INITIAL_WINDOW`] does not hold until the difference has been read, as the page of
    /// [`receive_window`](super::Config::receive_window) says.
    #[must_use]
    pub const fn receive_window(&self) -> u32 {
        self.window.limit()
    }

    /// Returns the most bytes that can be unread from now on: [`receive_window`](Self::receive_window), or [`INITIAL_WINDOW`]
    /// while the peer may still send that much.
    pub(in crate::connection) fn most_unread(&self) -> usize {
        self.window.most_unread(self.unread().len())
    }

    /// Whether a write was short and can only go on when the peer grants window.
    #[must_use]
    pub fn wants_window(&self) -> bool {
        self.write_waits_for != WaitsFor::Nothing && self.send_window == 0
    }

    /// Whether the peer may send more data before anything is read.
    #[must_use]
    pub const fn grants_window(&self) -> bool {
        self.window.is_open()
    }

    /// Whether the peer has acknowledged it, or we have.
    #[must_use]
    pub const fn is_acknowledged(&self) -> bool {
        match self.opening {
            SynState::Open => true,
            SynState::SynDue | SynState::SynSent | SynState::Withheld | SynState::AckDue => false,
        }
    }

    /// Whether data may still be written, as far as the stream itself goes: it is neither finished by us nor reset.
    #[must_use]
    pub const fn may_write(&self) -> bool {
        self.sending.is_open()
    }

    /// Whether the peer's FIN has come. What came before it may still be unread.
    #[must_use]
    pub const fn is_remote_finished(&self) -> bool {
        matches!(self.receiving, Half::Finished)
    }

    /// Whether it was reset, by either side.
    #[must_use]
    pub const fn is_reset(&self) -> bool {
        matches!(self.sending, Half::Reset)
    }

    /// Whether both directions have ended, by FIN or by RST. Unread data may be left.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        !self.sending.is_open() && !self.receiving.is_open()
    }

    /// Both directions end at once.
    pub(super) fn set_reset(&mut self) {
        self.sending = Half::Reset;
        self.receiving = Half::Reset;
    }

    /// Adds what has arrived, which the window has allowed.
    pub(super) fn push(&mut self, bytes: &[u8], buffers: &mut BufferPool) {
        let most = self.window.most_unread(self.unread().len().saturating_add(bytes.len()));
        self.buffer.get_or_insert_with(|| buffers.take(bytes.len())).push(bytes, most);
    }

    /// Takes up to `n` unread bytes away; an empty buffer gives its memory back.
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
    /// Whether SYN or ACK has left, and with it the window that the stream begins with.
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
