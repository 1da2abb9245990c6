//! [`ListenerSelect`]: the side of a negotiation that answers proposals.

use super::line::{self, LIST, MAX_LIST, NOT_AVAILABLE};
use super::{Error, Protocol};
use alloc::vec::Vec;
use core::num::NonZeroU32;

/// The number of proposals that a listener considers before it gives up: 16. A request for a list counts as a proposal.
/// [`ListenerSelect::with_rounds`] sets another number.
pub const MAX_ROUNDS: u16 = 16;

/// Returns whether `bytes` begin with a dialer's header, followed by a whole line that proposes a protocol. The check is
/// fastest for a protocol in `supported`.
pub(in crate::connection) fn is_proposal(bytes: &[u8], supported: &[Protocol]) -> bool {
    let Ok(Some(proposal)) = line::read_header(bytes) else { return false };
    line::find(proposal, supported).is_some() || matches!(line::read(proposal), Ok(Some((text, _))) if text != LIST)
}

/// The side of a negotiation that answers proposals.
///
/// The listener never confirms a protocol by itself: [`receive`](Self::receive) returns the supported proposal, and the
/// caller calls [`confirm`](Self::confirm) once it is ready for the data that follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenerSelect {
    progress: SelectProgress,
    /// The number of further proposals that the listener will consider.
    rounds: u16,
    /// The total length of the lists of protocols that have been sent, in KiB. The length of each list is rounded up to
    /// whole KiB.
    listed: u8,
    /// The index of the agreed protocol, plus 1. No node supports so many protocols that a `u32` is too small.
    agreed: Option<NonZeroU32>,
}

const _: () = assert!(size_of::<Option<ListenerSelect>>() <= 8);

/// The progress of the negotiation. Each step implies the steps before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum SelectProgress {
    Begun,
    /// The dialer's header has arrived.
    Greeted,
    /// Our header has been sent to the dialer.
    Answered,
    /// We have answered a proposal with `na`.
    Refused,
    /// We have answered a proposal with `na` although we support the protocol.
    Denied,
}

/// The point at which a listener stops reading lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stop {
    /// The listener stops before the first proposal.
    BeforeProposal,
    /// The listener stops after the first proposal of a supported protocol.
    AtAgreement,
}

impl ListenerSelect {
    /// Makes a listener that considers [`MAX_ROUNDS`] proposals.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_rounds(MAX_ROUNDS)
    }

    /// Makes a listener that considers `rounds` proposals, answers the next proposal with `na`, and then gives up with an
    /// error.
    #[must_use]
    pub const fn with_rounds(rounds: u16) -> Self {
        Self { progress: SelectProgress::Begun, rounds, listed: 0, agreed: None }
    }

    /// Returns whether a proposal was refused. A dialer that leaves after a refusal has asked for a protocol that we do not
    /// speak.
    #[must_use]
    pub const fn has_refused(&self) -> bool {
        matches!(self.progress, SelectProgress::Refused | SelectProgress::Denied)
    }

    /// Returns whether a proposal of a supported protocol was [refused](Self::refuse).
    #[must_use]
    pub const fn has_denied(&self) -> bool {
        matches!(self.progress, SelectProgress::Denied)
    }

    /// Reads the dialer's proposals from the front of `bytes`, the unread bytes of the stream, and appends the answers to
    /// `out`: the header, `na` for a proposal that is not in `supported`, and the list of `supported` for `ls`. `supported`
    /// must be the same in every call.
    ///
    /// Returns the number of bytes consumed, which are whole lines, and the index in `supported` of the first proposal that
    /// is in `supported`. The bytes after that proposal's line belong to the protocol; later calls consume nothing and
    /// return the same index. If that proposal arrived together with the dialer's header, our header is not sent until the
    /// confirmation. Otherwise our header is sent at once, since some dialers wait for it before they propose anything.
    ///
    /// A list is at most [`MAX_LIST`] bytes long: protocols that do not fit are left out. All lists of one negotiation
    /// together are also at most [`MAX_LIST`] bytes long, with each list rounded up to whole KiB; a further request for a
    /// list is answered with `na`.
    ///
    /// # Errors
    /// The error in a line of the dialer, which is returned as soon as it is certain, even if the line is incomplete;
    /// [`Error::TooManyRounds`] if the dialer proposes more protocols than [`with_rounds`](Self::with_rounds) allows. The
    /// bytes that were appended to `out` before the error should still be sent to the dialer.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        supported: &[Protocol],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<usize>), Error> {
        let (consumed, _) = self.read(bytes, supported, out, Stop::AtAgreement)?;
        // The header waits for the confirmation if the protocol is agreed: both are sent in one frame, once the owner
        // permits it.
        if self.progress >= SelectProgress::Greeted && self.agreed.is_none() {
            self.answer(out);
        }
        Ok((consumed, self.agreed.map(|place| place.get().saturating_sub(1) as usize)))
    }

    /// Reads and answers lines like [`receive`](Self::receive), but stops before the first line that proposes a protocol,
    /// supported or not. A later call of `receive` reads that line. Returns the number of bytes consumed, and whether a line
    /// with a proposal has arrived as a whole.
    ///
    /// # Errors
    /// The errors of [`receive`](Self::receive).
    pub fn receive_until_proposal(
        &mut self,
        bytes: &[u8],
        supported: &[Protocol],
        out: &mut Vec<u8>,
    ) -> Result<(usize, bool), Error> {
        let (consumed, is_proposed) = self.read(bytes, supported, out, Stop::BeforeProposal)?;
        if self.progress >= SelectProgress::Greeted && !is_proposed {
            self.answer(out);
        }
        Ok((consumed, is_proposed))
    }

    /// Reads and answers lines until the point `stop` is reached. Returns the number of bytes consumed, and whether reading
    /// stopped before a proposal.
    fn read(
        &mut self,
        bytes: &[u8],
        supported: &[Protocol],
        out: &mut Vec<u8>,
        stop: Stop,
    ) -> Result<(usize, bool), Error> {
        let (mut rest, mut is_proposed) = (bytes, false);
        while self.agreed.is_none() {
            if self.progress < SelectProgress::Greeted {
                let Some(behind) = line::read_header(rest)? else { break };
                self.progress = SelectProgress::Greeted;
                rest = behind;
                continue;
            }
            let (agreed, is_list, behind) = match line::find(rest, supported) {
                Some((index, behind)) => (place(index), false, behind),
                None => match line::read(rest)? {
                    Some((text, behind)) => (place_of(text, supported), text == LIST, behind),
                    None => break,
                },
            };
            if matches!(stop, Stop::BeforeProposal) && !is_list {
                is_proposed = true;
                break;
            }
            let Some(rounds) = self.rounds.checked_sub(1) else {
                self.answer(out);
                // The dialer learns that this proposal is refused as well, before the negotiation ends.
                line::write(NOT_AVAILABLE, out);
                return Err(Error::TooManyRounds);
            };
            self.rounds = rounds;
            self.agreed = agreed;
            if self.agreed.is_none() {
                self.answer(out);
                if !is_list || !self.list(supported, out) {
                    line::write(NOT_AVAILABLE, out);
                    self.progress = self.progress.max(SelectProgress::Refused);
                }
            }
            rest = behind;
        }
        Ok((bytes.len().saturating_sub(rest.len()), is_proposed))
    }

    /// Appends the confirmation of the protocol that [`receive`](Self::receive) returned to `out`. If our header has not
    /// been sent yet, it is appended before the confirmation.
    pub fn confirm(mut self, protocol: &Protocol, out: &mut Vec<u8>) {
        self.answer(out);
        line::write(protocol.as_str(), out);
    }

    /// Refuses the protocol that [`receive`](Self::receive) returned, as if we did not support the protocol: appends `na` to
    /// `out`. If our header has not been sent yet, it is appended before the `na`. The next call of `receive` continues with
    /// the dialer's next proposal.
    pub fn refuse(&mut self, out: &mut Vec<u8>) {
        self.answer(out);
        line::write(NOT_AVAILABLE, out);
        self.progress = SelectProgress::Denied;
        self.agreed = None;
    }

    /// Appends a list of the supported protocols to `out` and returns `true`. If the list would exceed the limit on all
    /// lists of the negotiation, appends nothing and returns `false`.
    fn list(&mut self, supported: &[Protocol], out: &mut Vec<u8>) -> bool {
        const MOST: u8 = (MAX_LIST / 1024) as u8;
        // Whole KiB fit the sum into a byte, and a listener into 8 bytes: there is one for each inbound stream that
        // negotiates.
        let listed = line::list_length(supported).div_ceil(1024).saturating_add(self.listed.into());
        let Some(listed) = u8::try_from(listed).ok().filter(|listed| *listed <= MOST) else { return false };
        self.listed = listed;
        line::write_list(supported, out);
        true
    }

    /// Appends our header to `out`, if it has not been sent yet.
    fn answer(&mut self, out: &mut Vec<u8>) {
        if self.progress < SelectProgress::Answered {
            self.progress = SelectProgress::Answered;
            line::write_header(out);
        }
    }
}

/// Returns the index of a protocol in `supported`, plus 1, or `None` if the protocol is not in `supported`.
fn place_of(text: &str, supported: &[Protocol]) -> Option<NonZeroU32> {
    supported.iter().position(|protocol| protocol.as_str() == text).and_then(place)
}

/// Returns `index` plus 1, or `None` if the sum is too large.
fn place(index: usize) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(index).ok()?.checked_add(1)?)
}

impl Default for ListenerSelect {
    fn default() -> Self {
        Self::new()
    }
}
