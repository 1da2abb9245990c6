//! How streams of a session begin: ours, and those that the peer offers.

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
    /// Leaves out the ids below `id`, for this crate's own tests of what happens at their end. Ids never
    /// go back. It may change in any version.
    #[doc(hidden)]
    #[must_use]
    pub fn skip_ids(mut self, id: u32) -> Self {
        if let Some(next) = self.next_id.filter(|next| *next < id) {
            self.next_id = id.checked_add((id ^ next) & 1);
        }
        self
    }

    /// Whether [`open`](Self::open) succeeds now.
    ///
    /// # Errors
    /// What `open` would say.
    pub fn can_open(&self) -> Result<(), OpenError> {
        self.next_id().map(drop)
    }

    /// Opens a stream under `key`: it gets its wire id now, and SYN rides on its first frame, whatever that is. The
    /// caller puts the stream into its table.
    ///
    /// # Errors
    /// See [`OpenError`]. Nothing has changed then.
    pub fn open(&mut self, key: K) -> Result<Stream, OpenError> {
        let id = self.next_id()?;
        self.next_id = id.checked_add(2);
        self.wire_ids.insert(id, key);
        self.unacknowledged.raise(1);
        self.costs.stream();
        if let Some(unheard) = &mut self.unheard {
            unheard.left.lower(1);
        }
        Ok(Stream::new(id, SynState::SynDue, self.config.receive_window, self.growth.long_ago()))
    }

    /// Answers [`Fact::Inbound`]: the stream is `key` from now on. The caller puts it into its table before it calls
    /// [`receive`](Self::receive) again, which then delivers what came in the SYN's frame. ACK is withheld until
    /// [`acknowledge`](Self::acknowledge). `None`, and nothing has changed, if there is nothing to accept.
    #[must_use]
    pub fn accept(&mut self, key: K) -> Option<Stream> {
        let id = self.incoming.decide()?;
        self.wire_ids.insert(id, key);
        self.costs.stream();
        Some(Stream::new(id, SynState::Withheld, self.config.receive_window, self.growth.long_ago()))
    }

    /// Returns the beginning of what came in the SYN's frame, at [`Fact::Inbound`], if that is data: as much of it as
    /// is in `rest`, which is what the last [`receive`](Self::receive) was given and has not consumed.
    #[must_use]
    pub fn offered_payload<'a>(&self, rest: &'a [u8]) -> &'a [u8] {
        match &self.incoming {
            // One byte of the header comes first.
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

    /// Gives an accepted stream another key, under which the caller keeps it from now on. Nothing may have been
    /// [written](Self::write) on it or finished, but with [`write_whole`](Self::write_whole).
    pub fn rename(&mut self, stream: &Stream, key: K) {
        self.wire_ids.rename(stream.id, key);
        self.incoming.rename(stream.id, key);
    }

    /// Answers [`Fact::Inbound`] by RST; what came in the SYN's frame, and what comes after it, is discarded. It counts
    /// in [`Tally::resets`] if the peer has sent go-away, since it has no stream to begin then.
    pub fn refuse(&mut self) {
        if let Some(id) = self.incoming.decide() {
            if self.peer_left {
                self.costs.reset();
            }
            self.output.answer(Header::new(FrameType::WindowUpdate, RST, id, 0));
        }
    }

    /// Permits the ACK of a stream that the peer opened; it rides on the stream's next frame. No effect otherwise.
    pub fn acknowledge(&mut self, stream: &mut Stream) {
        if stream.opening == SynState::Withheld {
            stream.opening = SynState::AckDue;
        }
    }

    /// Sends one ping to a peer that has not sent a frame: for a caller whose streams wait for the first one
    /// ([`OpenError::Unheard`]), since every peer answers a ping, and some answer a stream late or never. The second call
    /// changes nothing, nor does one after the first frame.
    pub fn ask_for_first_frame(&mut self) {
        if let Some(unheard) = &mut self.unheard
            && !core::mem::replace(&mut unheard.is_asked, true)
        {
            self.ping(0);
        }
    }

    /// How many of our streams the peer has yet to acknowledge.
    #[must_use]
    pub const fn unacknowledged(&self) -> u32 {
        self.unacknowledged
    }

    pub(super) fn next_id(&self) -> Result<u32, OpenError> {
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

    /// Whether a stream of this id would be ours.
    pub(in crate::connection::yamux) const fn is_ours(&self, id: u32) -> bool {
        match self.role {
            Role::Dialer => !id.is_multiple_of(2),
            Role::Listener => id.is_multiple_of(2),
        }
    }

    /// A frame of the peer has come. Returns whether it is the first one, and streams may have waited for it.
    pub(in crate::connection::yamux) fn hear(&mut self) -> bool {
        self.unheard.take().is_some_and(|unheard| unheard.left == 0)
    }

    /// The peer has acknowledged the stream, or will never: it counts no more.
    pub(in crate::connection::yamux) fn acknowledged(&mut self, stream: &mut Stream) {
        stream.opening = SynState::Open;
        self.unacknowledged = self.unacknowledged.saturating_sub(1);
    }
}
