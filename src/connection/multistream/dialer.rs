//! [`DialerSelect`]: the side of a negotiation that proposes protocols.

use super::line::{self, NOT_AVAILABLE};
use super::{Error, Protocol};
use alloc::vec::Vec;
use core::slice;

/// The side of a negotiation that proposes protocols. The value contains the position in a list of protocols; the caller
/// keeps the list, and passes it to every call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DialerSelect {
    /// `true` if the listener's header has arrived.
    greeted: bool,
    /// The index of the protocol that was proposed last.
    proposed: u32,
    end: Option<LastProposal>,
}

// Each stream has room for one, or for a listener's side, for as long as it lives.
const _: () = assert!(size_of::<DialerSelect>() <= 8);

/// The listener's answer to the last proposal, once the negotiation is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LastProposal {
    Agreed,
    Rejected,
}

/// The result of a negotiation for the dialer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the listener agrees or it does not")]
pub enum Selection {
    /// Both sides speak the protocol with this index in the dialer's list from now on.
    Agreed(usize),
    /// The listener speaks none of the proposed protocols.
    Rejected,
}

impl DialerSelect {
    /// Makes a dialer that has proposed nothing yet.
    pub(in crate::connection) const fn new() -> Self {
        Self { greeted: false, proposed: 0, end: None }
    }

    /// Appends the header and the first proposal to `out`, together.
    ///
    /// `protocols` is in order of preference, and must be the same in every later call. If `protocols` contains a single
    /// protocol, the dialer is lazy: there is no choice left, so the caller may send the protocol's first data without
    /// waiting for an answer.
    #[must_use]
    pub fn start(protocols: &[Protocol], out: &mut Vec<u8>) -> Self {
        line::write_header(out);
        if let Some(first) = protocols.first() {
            line::write(first.as_str(), out);
        }
        Self::new()
    }

    /// Reads the listener's answers from the front of `bytes`, the unread bytes of the stream, and appends the next proposal
    /// to `out` after each `na`.
    ///
    /// Returns the number of bytes consumed, which are whole lines, and the result once there is one. The bytes after the
    /// consumed ones belong to the protocol; later calls consume nothing and return the same result. If `protocols` is
    /// empty, the listener's header ends the negotiation as rejected.
    ///
    /// # Errors
    /// The error in a line of the listener. It is returned as soon as it is certain, even if the line is incomplete.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        protocols: &[Protocol],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<Selection>), Error> {
        let mut rest = bytes;
        while self.end.is_none() {
            let proposal = protocols.get(self.proposed as usize);
            if !self.greeted {
                let Some(behind) = line::read_header(rest)? else { break };
                self.greeted = true;
                if proposal.is_none() {
                    self.end = Some(LastProposal::Rejected);
                }
                rest = behind;
                continue;
            }
            // The usual answer is the proposal itself, which one comparison finds without parsing the line.
            if let Some((_, behind)) = proposal.and_then(|proposal| line::find(rest, slice::from_ref(proposal))) {
                self.end = Some(LastProposal::Agreed);
                rest = behind;
                continue;
            }
            let Some((text, behind)) = line::read(rest)? else { break };
            if text == NOT_AVAILABLE {
                self.proposed = self.proposed.saturating_add(1);
                match protocols.get(self.proposed as usize) {
                    Some(next) => line::write(next.as_str(), out),
                    None => self.end = Some(LastProposal::Rejected),
                }
            } else if proposal.is_some_and(|proposal| proposal.as_str() == text) {
                // The agreed name has 127 bytes or more, since `line::find` finds every shorter name.
                self.end = Some(LastProposal::Agreed);
            } else {
                return Err(Error::BadAnswer);
            }
            rest = behind;
        }
        Ok((bytes.len().saturating_sub(rest.len()), self.outcome()))
    }

    fn outcome(&self) -> Option<Selection> {
        self.end.map(|end| match end {
            LastProposal::Agreed => Selection::Agreed(self.proposed as usize),
            LastProposal::Rejected => Selection::Rejected,
        })
    }
}
