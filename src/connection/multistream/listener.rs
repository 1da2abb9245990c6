//! The side that answers: [`Listener`].

use super::line::{self, HEADER, NOT_AVAILABLE};
use super::{Error, Protocol};
use alloc::vec::Vec;
use core::num::NonZeroU32;

/// How many proposals a listener looks at before it gives up: 16. [`Listener::with_rounds`] takes another number.
pub const MAX_ROUNDS: u16 = 16;

/// The side that answers.
///
/// It never confirms by itself: [`receive`](Self::receive) gives the proposal that is supported, and
/// [`confirm`](Self::confirm) says so to the dialer, when the caller is ready for what follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listener {
    progress: Progress,
    /// How many more proposals will be looked at.
    rounds: u16,
    /// The place of what is agreed, from 1 on. Nobody has as many protocols as can be told apart here.
    agreed: Option<NonZeroU32>,
}

const _: () = assert!(size_of::<Option<Listener>>() <= 8);

/// How far it has come. Each step implies those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Progress {
    Begun,
    /// The dialer's header has come.
    Greeted,
    /// Our header has been sent.
    Answered,
    /// A proposal was answered with `na`.
    Refused,
}

impl Listener {
    /// A listener that looks at [`MAX_ROUNDS`] proposals.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_rounds(MAX_ROUNDS)
    }

    /// A listener that looks at `rounds` proposals; the next one is an error.
    #[must_use]
    pub const fn with_rounds(rounds: u16) -> Self {
        Self { progress: Progress::Begun, rounds, agreed: None }
    }

    /// Whether a proposal was refused: a dialer that leaves now had asked for what we do not speak.
    #[must_use]
    pub const fn has_refused(&self) -> bool {
        matches!(self.progress, Progress::Refused)
    }

    /// Reads the dialer's proposals from the front of `bytes`, its unread bytes, and appends the answers to `out`: the
    /// header, and `na` to what `supported` gives `None` for.
    ///
    /// Gives how many bytes were consumed, whole lines only, and what `supported` gave for the first proposal that it
    /// knew: what lies behind that line is the protocol's, and later calls consume nothing and give it again. If that
    /// proposal came together with the dialer's header, our header waits for the confirmation and leaves with it;
    /// otherwise it leaves at once, since some dialers wait for it before they propose anything.
    ///
    /// # Errors
    /// Whatever is wrong with a line, as early as it can be known; [`Error::TooManyRounds`].
    pub fn receive(
        &mut self,
        bytes: &[u8],
        mut supported: impl FnMut(&str) -> Option<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<usize>), Error> {
        let mut consumed = 0;
        while self.agreed.is_none() {
            // `consumed` is a sum of lengths of lines that were found in `bytes`.
            let rest = &bytes[consumed..];
            if self.progress < Progress::Greeted {
                let Some(length) = line::read_header(rest)? else { break };
                self.progress = Progress::Greeted;
                consumed += length;
                continue;
            }
            let Some((text, length)) = line::read(rest)? else { break };
            self.rounds = self.rounds.checked_sub(1).ok_or(Error::TooManyRounds)?;
            self.agreed = match text {
                HEADER => None,
                _ => supported(text).and_then(|index| NonZeroU32::new(u32::try_from(index).ok()?.checked_add(1)?)),
            };
            if self.agreed.is_none() {
                self.answer(out);
                line::write(NOT_AVAILABLE, out);
                self.progress = Progress::Refused;
            }
            consumed += length;
        }
        if self.progress >= Progress::Greeted && self.agreed.is_none() {
            self.answer(out);
        }
        Ok((consumed, self.agreed.map(|place| place.get() as usize - 1)))
    }

    /// Appends the confirmation, for the protocol that [`receive`](Self::receive) gave, and the header if it has not
    /// left yet.
    pub fn confirm(mut self, protocol: &Protocol, out: &mut Vec<u8>) {
        self.answer(out);
        line::write(protocol.as_str(), out);
    }

    /// Appends our header, once.
    fn answer(&mut self, out: &mut Vec<u8>) {
        if self.progress < Progress::Answered {
            self.progress = Progress::Answered;
            line::write(HEADER, out);
        }
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self::new()
    }
}
