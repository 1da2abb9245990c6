//! The side that answers: [`ListenerSelect`].

use super::line::{self, LIST, MAX_LIST, NOT_AVAILABLE};
use super::{Error, Protocol};
use alloc::vec::Vec;
use core::num::NonZeroU32;

/// The number of proposals that a listener looks at before it gives up: 16. A request for a list counts as one.
/// [`ListenerSelect::with_rounds`] takes another number.
pub const MAX_ROUNDS: u16 = 16;

/// Returns whether `bytes` begin with a dialer's header and a whole line behind it that proposes a protocol. One of
/// `supported` needs the least work.
pub(in crate::connection) fn is_proposal(bytes: &[u8], supported: &[Protocol]) -> bool {
    let Ok(Some(proposal)) = line::read_header(bytes) else { return false };
    line::find(proposal, supported).is_some() || matches!(line::read(proposal), Ok(Some((text, _))) if text != LIST)
}

/// The side that answers.
///
/// It never confirms by itself: [`receive`](Self::receive) gives the proposal that is supported, and
/// [`confirm`](Self::confirm) says so to the dialer, when the caller is ready for what follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenerSelect {
    progress: SelectProgress,
    /// How many more proposals will be looked at.
    rounds: u16,
    /// The KiB of all lists that have been sent, with each list rounded up.
    listed: u8,
    /// The place of what is agreed, from 1 on. Nobody has as many protocols as can be told apart here.
    agreed: Option<NonZeroU32>,
}

const _: () = assert!(size_of::<Option<ListenerSelect>>() <= 8);

/// How far it has come. Each step implies those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum SelectProgress {
    Begun,
    /// The dialer's header has come.
    Greeted,
    /// Our header has been sent.
    Answered,
    /// A proposal was answered with `na`.
    Refused,
    /// One that is supported was.
    Denied,
}

/// How far a listener reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stop {
    /// Up to the first proposal, without it.
    BeforeProposal,
    /// Up to the first one that is supported, with it.
    AtAgreement,
}

impl ListenerSelect {
    /// A listener that looks at [`MAX_ROUNDS`] proposals.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_rounds(MAX_ROUNDS)
    }

    /// A listener that looks at `rounds` proposals. It answers the next one with `na`, and gives up with an error.
    #[must_use]
    pub const fn with_rounds(rounds: u16) -> Self {
        Self { progress: SelectProgress::Begun, rounds, listed: 0, agreed: None }
    }

    /// Whether a proposal was refused: a dialer that leaves now had asked for what we do not speak.
    #[must_use]
    pub const fn has_refused(&self) -> bool {
        matches!(self.progress, SelectProgress::Refused | SelectProgress::Denied)
    }

    /// Returns whether a proposal that is supported was [refused](Self::refuse).
    #[must_use]
    pub const fn has_denied(&self) -> bool {
        matches!(self.progress, SelectProgress::Denied)
    }

    /// Reads the dialer's proposals from the front of `bytes`, its unread bytes, and appends the answers to `out`: the
    /// header, `na` to a proposal that is not in `supported`, and the list of `supported` to `ls`. `supported` is the
    /// same in every call.
    ///
    /// Gives how many bytes were consumed, whole lines only, and the place in `supported` of the first proposal that is
    /// in it: what lies behind that line is the protocol's, and later calls consume nothing and give it again. If that
    /// proposal came together with the dialer's header, our header waits for the confirmation and leaves with it;
    /// otherwise it leaves at once, since some dialers wait for it before they propose anything.
    ///
    /// A list is at most [`MAX_LIST`] bytes long: what does not fit is left out of it. All lists of one negotiation
    /// together are at most as long, with each rounded up to whole KiB; one more is answered with `na`.
    ///
    /// # Errors
    /// A fault of a line, as early as it can be known; [`Error::TooManyRounds`]. What has been appended to
    /// `out` by then is still meant for the dialer.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        supported: &[Protocol],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<usize>), Error> {
        let (consumed, _) = self.read(bytes, supported, out, Stop::AtAgreement)?;
        if self.progress >= SelectProgress::Greeted && self.agreed.is_none() {
            self.answer(out);
        }
        Ok((consumed, self.agreed.map(|place| place.get().saturating_sub(1) as usize)))
    }

    /// Does what [`receive`](Self::receive) does, up to the first line that proposes a protocol, supported or not, which it
    /// leaves to a call of `receive`. Gives how many bytes were consumed, and whether that whole line is there.
    ///
    /// # Errors
    /// As there.
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

    /// Reads lines. Gives how many bytes they were, and whether it stopped before a proposal.
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

    /// Appends the confirmation, for the protocol that [`receive`](Self::receive) gave, and the header if it has not
    /// left yet.
    pub fn confirm(mut self, protocol: &Protocol, out: &mut Vec<u8>) {
        self.answer(out);
        line::write(protocol.as_str(), out);
    }

    /// Refuses the protocol that [`receive`](Self::receive) gave, as if it were not supported: appends `na`, and the header if
    /// it has not left yet. The next call of `receive` goes on with what the dialer proposes then.
    pub fn refuse(&mut self, out: &mut Vec<u8>) {
        self.answer(out);
        line::write(NOT_AVAILABLE, out);
        self.progress = SelectProgress::Denied;
        self.agreed = None;
    }

    /// Appends a list of protocols and returns `true`, unless too much has been listed.
    fn list(&mut self, supported: &[Protocol], out: &mut Vec<u8>) -> bool {
        const MOST: u8 = (MAX_LIST / 1024) as u8;
        let listed = line::list_length(supported).div_ceil(1024).saturating_add(self.listed.into());
        let Some(listed) = u8::try_from(listed).ok().filter(|listed| *listed <= MOST) else { return false };
        self.listed = listed;
        line::write_list(supported, out);
        true
    }

    /// Appends our header, once.
    fn answer(&mut self, out: &mut Vec<u8>) {
        if self.progress < SelectProgress::Answered {
            self.progress = SelectProgress::Answered;
            line::write_header(out);
        }
    }
}

/// The place of a protocol in a list, from 1 on.
fn place_of(text: &str, supported: &[Protocol]) -> Option<NonZeroU32> {
    supported.iter().position(|protocol| protocol.as_str() == text).and_then(place)
}

/// An index, counted from 1 on.
fn place(index: usize) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(index).ok()?.checked_add(1)?)
}

impl Default for ListenerSelect {
    fn default() -> Self {
        Self::new()
    }
}
