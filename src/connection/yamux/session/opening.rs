//! The beginning of a session's streams: the streams that we open, and the streams that the peer opens.

use super::Session;
use crate::arithmetic::Count;
use crate::connection::yamux::Role;
#[cfg(doc)]
use crate::connection::yamux::fact::Fact;
use crate::connection::yamux::fact::OpenError;
#[cfg(doc)]
use crate::connection::yamux::flood::Tally;
use crate::connection::yamux::frame::{FrameType, Header, RST};
use crate::connection::yamux::incoming::Incoming;
use crate::connection::yamux::stream::{Stream, SynState};

impl<K: Copy> Session<K> {
    /// Skips the ids below `id`, for this crate's own tests of the highest ids. The next id never becomes lower. This method
    /// may change in any version.
    #[doc(hidden)]
    #[must_use]
    pub fn skip_ids(mut self, id: u32) -> Self {
        if let Some(next) = self.next_id.filter(|next| *next < id) {
            self.next_id = id.checked_add((id ^ next) & 1);
        }
        self
    }

    /// Returns `Ok` if [`open`](Self::open) would succeed now.
    ///
    /// # Errors
    /// The error that `open` would return.
    pub fn can_open(&self) -> Result<(), OpenError> {
        self.next_id().map(drop)
    }

    /// Opens a stream under `key`: the stream gets its wire id now. SYN is sent with the stream's first frame, whatever the
    /// type of that frame. The caller puts the stream into its table.
    ///
    /// # Errors
    /// The reason why no stream can be opened, as an [`OpenError`]; nothing has changed.
    pub fn open(&mut self, key: K) -> Result<Stream, OpenError> {
        let id = self.next_id()?;
        self.next_id = id.checked_add(2);
        self.wire_ids.insert(id, key);
        self.unacknowledged.raise(1);
        self.costs.stream();
        if let Some(unheard) = &mut self.unheard {
            unheard.left.lower(1);
        }
        // No frame is sent yet. go-yamux and py-libp2p send SYN in a window update of its own; with the proposal in the same
        // frame, a stream costs one frame less, and the listener learns of the stream and of its proposal together.
        Ok(Stream::new(id, SynState::SynDue, self.config.receive_window, self.growth.long_ago()))
    }

    /// Accepts the stream of [`Fact::Inbound`] under `key`. The caller puts the stream into its table before it calls
    /// [`receive`](Self::receive) again, which then delivers the payload of the frame that contained SYN. ACK is withheld
    /// until [`acknowledge`](Self::acknowledge). If there is no stream to accept, the call returns `None` and changes
    /// nothing.
    #[must_use]
    pub fn accept(&mut self, key: K) -> Option<Stream> {
        let id = self.incoming.decide()?;
        self.wire_ids.insert(id, key);
        self.costs.stream();
        // ACK is withheld until the caller is ready for the stream, because the limit of 256 unacknowledged streams
        // (specification, "ACK backlog") is the only thing in yamux that slows an opener down: an honest peer that is faster
        // than our owner waits, and loses no stream.
        Some(Stream::new(id, SynState::Withheld, self.config.receive_window, self.growth.long_ago()))
    }

    /// Returns the beginning of the payload of the frame that contains SYN, at [`Fact::Inbound`], if that frame is a data
    /// frame. The result is the part of the payload that is in `rest`, which must be the bytes that were passed to the last
    /// [`receive`](Self::receive) and not consumed.
    #[must_use]
    pub fn offered_payload<'a>(&self, rest: &'a [u8]) -> &'a [u8] {
        match &self.incoming {
            // The first byte of `rest` is the last byte of the header.
            Incoming::Undecided(header) if header.kind == FrameType::Data && !header.has(RST) => {
                let payload = rest.get(1..).unwrap_or_default();
                payload.get(..header.length as usize).unwrap_or(payload)
            }
            Incoming::Undecided(_)
            | Incoming::Header { .. }
            | Incoming::Frame(_)
            | Incoming::Payload { .. }
            | Incoming::Broken(_) => &[],
        }
    }

    /// Changes the key of an accepted stream to `key`, under which the caller keeps the stream from now on. Before this
    /// call, the stream must not have been finished, and must not have been [written](Self::write) to, except with
    /// [`write_whole`](Self::write_whole).
    pub fn rename(&mut self, stream: &Stream, key: K) {
        self.wire_ids.rename(stream.id, key);
        self.incoming.rename(stream.id, key);
    }

    /// Refuses the stream of [`Fact::Inbound`] by RST. The payload of the frame that contained SYN, and all later frames of
    /// the stream, are discarded. If the peer has sent go-away, the stream counts in [`Tally::resets`], since a peer may not
    /// open streams after its go-away.
    pub fn refuse(&mut self) {
        if let Some(id) = self.incoming.decide() {
            if self.peer_left {
                self.costs.reset();
            }
            self.output.answer(Header::new(FrameType::WindowUpdate, RST, id, 0));
        }
    }

    /// Permits the ACK of a stream that the peer opened. ACK is sent with the stream's next frame. For a stream that we
    /// opened, the call changes nothing.
    pub fn acknowledge(&mut self, stream: &mut Stream) {
        if stream.opening == SynState::Withheld {
            stream.opening = SynState::AckDue;
        }
    }

    /// Sends one ping to a peer that has not sent a frame, for a caller whose streams wait for the peer's first frame
    /// ([`OpenError::Unheard`]). Every peer answers a ping, while some peers answer a stream late or never. A second call
    /// changes nothing, and a call after the peer's first frame changes nothing either.
    pub fn ask_for_first_frame(&mut self) {
        if let Some(unheard) = &mut self.unheard
            && !core::mem::replace(&mut unheard.is_asked, true)
        {
            self.ping(0);
        }
    }

    /// Returns the number of our streams that the peer has not acknowledged.
    #[must_use]
    pub const fn unacknowledged(&self) -> u32 {
        self.unacknowledged
    }

    pub(super) fn next_id(&self) -> Result<u32, OpenError> {
        // The errors that are final come first: a caller fails the stream for these, and lets it wait for the others.
        if self.peer_left || self.output.is_closed() {
            return Err(OpenError::GoneAway);
        }
        let id = self.next_id.ok_or(OpenError::IdsExhausted)?;
        if self.unheard.is_some_and(|unheard| unheard.left == 0) {
            return Err(OpenError::Unheard);
        }
        if self.unacknowledged >= self.config.ack_backlog {
            return Err(OpenError::AckBacklog);
        }
        Ok(id)
    }

    /// Returns whether only our side may open a stream with this id.
    pub(in crate::connection::yamux) const fn is_ours(&self, id: u32) -> bool {
        match self.role {
            Role::Dialer => !id.is_multiple_of(2),
            Role::Listener => id.is_multiple_of(2),
        }
    }

    /// Records that a frame of the peer has arrived. Returns `true` if that frame is the peer's first one, and if the limit
    /// on the streams that may be opened before that frame was reached.
    pub(in crate::connection::yamux) fn hear(&mut self) -> bool {
        self.unheard.take().is_some_and(|unheard| unheard.left == 0)
    }

    /// Records that the peer has acknowledged the stream, or will never acknowledge it: the stream no longer counts as
    /// unacknowledged.
    pub(in crate::connection::yamux) fn acknowledged(&mut self, stream: &mut Stream) {
        stream.opening = SynState::Open;
        self.unacknowledged = self.unacknowledged.saturating_sub(1);
    }
}
