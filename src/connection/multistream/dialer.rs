//! The side that proposes: [`DialerSelect`].

use super::line::{self, NOT_AVAILABLE};
use super::{Error, Protocol};
use alloc::vec::Vec;
use core::slice;

/// The side that proposes: its place in a list of protocols, which the caller keeps and hands in with every call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DialerSelect {
    /// The listener's header has come.
    greeted: bool,
    /// Which protocol of the list has been proposed.
    proposed: u32,
    end: Option<LastProposal>,
}

const _: () = assert!(size_of::<DialerSelect>() <= 8);

/// Whether the last that was proposed is agreed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LastProposal {
    Agreed,
    Rejected,
}

/// How a negotiation came out for the dialer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the listener agrees or it does not")]
pub enum Selection {
    /// Both sides speak this one from now on, by its place in the list.
    Agreed(usize),
    /// The listener speaks none of them.
    Rejected,
}

impl DialerSelect {
    /// One that has proposed nothing yet.
    pub(in crate::connection) const fn new() -> Self {
        Self { greeted: false, proposed: 0, end: None }
    }

    /// Appends the header and the first proposal to `out`, in one go.
    ///
    /// `protocols` is in order of preference, and the same for every call that follows. With one protocol in it this is
    /// the lazy dialer: there is nothing left to choose, and the protocol's first data may follow at once.
    #[must_use]
    pub fn start(protocols: &[Protocol], out: &mut Vec<u8>) -> Self {
        line::write_header(out);
        if let Some(first) = protocols.first() {
            line::write(first.as_str(), out);
        }
        Self::new()
    }

    /// Reads the listener's answers from the front of `bytes`, its unread bytes, and appends the next proposal to `out`
    /// after each `na`.
    ///
    /// Gives how many bytes were consumed, whole lines only, and the outcome once there is one: what lies behind it is
    /// the protocol's, and later calls consume nothing and give it again. An empty list is rejected with the header.
    ///
    /// # Errors
    /// Whatever is wrong with a line, as early as it can be known.
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
                // Its name is too long to be found.
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
