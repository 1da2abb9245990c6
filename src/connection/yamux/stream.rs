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
//! The three are independent, apart from RST, which ends both directions. A stream is over when both directions have ended:
//! then its wire id leaves the session's map, and frames that still come for it are discarded.

use super::INITIAL_WINDOW;
use super::buffer_pool::{BufferPool, ReceiveBuffer};
use super::window::ReceiveWindow;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// One end of a stream, kept by the caller. [`Session::open`](super::Session::open) or
/// [`Session::accept`](super::Session::accept) makes it, and it belongs to that session. Without unread data it takes at
/// most 32 bytes and owns no memory.
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
    /// The session withholds window for data that was read from the stream. The stream is in the session's list of such
    /// streams.
    pub(super) is_withheld: bool,
    /// The number of the session's round trip in which the stream was last granted window: see
    /// [`Growth`](super::window::Growth).
    pub(super) round: u16,
}

const _: () = assert!(size_of::<Stream>() <= 32);

/// The progress of SYN and ACK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SynState {
    /// Our stream: its first frame will carry SYN. The peer does not know it yet.
    SynDue,
    /// Our stream: the peer has not acknowledged it.
    SynSent,
    /// The peer's stream: its ACK waits for [`Session::acknowledge`](super::Session::acknowledge).
    Withheld,
    /// The peer's stream: the next frame will carry ACK.
    AckDue,
    /// Neither SYN nor ACK is pending any more.
    Open,
}

/// One direction of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Half {
    Open,
    Finished,
    Reset,
}

/// The thing that a short write waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WaitsFor {
    Nothing,
    /// The peer's window update.
    Window,
    /// Room in the output; the stream is in the session's queue for it.
    Output,
}

/// The result of [`Session::read`](super::Session::read).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReadOutcome {
    /// The number of bytes read; 0 only into an empty buffer.
    Bytes(usize),
    /// Nothing is unread now; [`Fact::Readable`](super::Fact::Readable) follows when data comes.
    Blocked,
    /// The peer has finished, and all data has been read.
    End,
    /// The stream was reset, by either side, and all data that came before has been read.
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

    /// Returns the bytes that have arrived and have not been read, as one run.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.buffer.as_ref().map(|buffer| buffer.unread()).unwrap_or_default()
    }

    /// Returns the memory of the stream's receive buffer in bytes: its capacity, not the number of unread bytes.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buffer.as_ref().map_or(0, |buffer| buffer.capacity())
    }

    /// Takes out all unread bytes at once. No window is granted for them: this is for a stream that has ended. The
    /// [`held`](Self::held) bytes of memory belong to the caller from then on, which reports them to the session with
    /// [`uncount`](super::Session::uncount).
    #[must_use]
    pub fn take_unread(&mut self) -> Vec<u8> {
        self.buffer.take().map(|buffer| buffer.into_unread()).unwrap_or_default()
    }

    /// Returns the number of bytes that the peer's window allows to be written now.
    #[must_use]
    pub const fn send_window(&self) -> u32 {
        self.send_window
    }

    /// Returns the maximum number of bytes that the peer may have sent and the owner has not read:
    /// [`Config::receive_window`](super::Config), or more once it has [grown](super::Config::max_receive_window). A window
    /// below [`INITIAL_WINDOW`] does not hold until the difference has been read: see
    /// [`receive_window`](super::Config::receive_window).
    #[must_use]
    pub const fn receive_window(&self) -> u32 {
        self.window.limit()
    }

    /// Returns the maximum number of bytes that can be unread from now on: [`receive_window`](Self::receive_window), or
    /// [`INITIAL_WINDOW`] while the stream is ahead of a smaller window.
    pub(in crate::connection) fn most_unread(&self) -> usize {
        self.window.most_unread(self.unread().len())
    }

    /// Returns whether a write was short and can only go on when the peer grants window.
    #[must_use]
    pub fn wants_window(&self) -> bool {
        self.write_waits_for != WaitsFor::Nothing && self.send_window == 0
    }

    /// Returns whether the peer may send more data before anything is read.
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

    /// Returns whether the peer's FIN has come. Earlier data may still be unread.
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

    /// Appends bytes that have arrived within the window.
    pub(super) fn push(&mut self, bytes: &[u8], buffers: &mut BufferPool) {
        let most = self.window.most_unread(self.unread().len().saturating_add(bytes.len()));
        self.buffer.get_or_insert_with(|| buffers.take(bytes.len())).push(bytes, most);
    }

    /// Removes up to `n` unread bytes. An emptied buffer is given to `buffers`.
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
    /// Returns whether SYN or ACK has left, and with it the window with which the stream begins.
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
