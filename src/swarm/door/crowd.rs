//! [`Crowd`]: the visitors who share a bound, in the order in which they are closed when it is reached.

use alloc::collections::BTreeMap;

/// The steps of a handshake, in their order. Each step costs the peer more than the one before. Single bytes are no step, so
/// that a peer gains nothing by sending its messages byte by byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum HandshakeProgress {
    /// No byte has come.
    Silent,
    Heard,
    /// Both sides have agreed to speak Noise.
    Agreed,
    /// Noise's first message has come and was answered.
    Answered,
    /// The peer is authenticated, and the muxer is not agreed yet.
    Proved,
}

impl HandshakeProgress {
    pub(super) const ALL: [Self; 5] = [Self::Silent, Self::Heard, Self::Agreed, Self::Answered, Self::Proved];
}

/// The order in which visitors go: the least advanced first, then the oldest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Standing {
    pub(super) progress: HandshakeProgress,
    pub(super) number: u64,
}

/// The visitors of one address, of one site, or all of them.
///
/// A visitor is *settled* once half as many have come after it as the crowd has members. Only settled visitors are closed,
/// so that a newcomer has a moment to be heard. There is always a settled one: the last `len / 2` that came are never the
/// whole crowd.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// The number of visitors that have ever come, which is the turn of the next one.
    came: u64,
    /// The numbers of the members, by their progress and turn.
    members: BTreeMap<(HandshakeProgress, u64), u64>,
}

impl Crowd {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns the turn of the next visitor: the number of visitors that have come before it.
    pub(super) const fn came(&self) -> u64 {
        self.came
    }

    /// Takes a visitor in, as [silent](HandshakeProgress::Silent), and returns its turn.
    pub(super) fn enter(&mut self, number: u64) -> u64 {
        let turn = self.came;
        self.came += 1;
        self.members.insert((HandshakeProgress::Silent, turn), number);
        turn
    }

    /// Removes the visitor with this progress and turn.
    pub(super) fn leave(&mut self, progress: HandshakeProgress, turn: u64) {
        self.members.remove(&(progress, turn));
    }

    /// Notes a member's new progress.
    pub(super) fn advance(&mut self, turn: u64, from: HandshakeProgress, to: HandshakeProgress) {
        if let Some(number) = self.members.remove(&(from, turn)) {
            self.members.insert((to, turn), number);
        }
    }

    /// Returns the first turn that is not settled. It never decreases.
    pub(super) fn settled(&self) -> u64 {
        self.came.saturating_sub(self.len() as u64 / 2)
    }

    /// Returns the settled visitor that goes first; `None` if the crowd is empty.
    pub(super) fn first(&self) -> Option<Standing> {
        let settled = self.settled();
        HandshakeProgress::ALL.into_iter().find_map(|progress| {
            let (_, number) = self.members.range((progress, 0)..(progress, settled)).next()?;
            Some(Standing { progress, number: *number })
        })
    }

    /// Returns all members in the order in which they go, settled or not.
    pub(super) fn iter(&self) -> impl Iterator<Item = Standing> {
        self.members.iter().map(|((progress, _), number)| Standing { progress: *progress, number: *number })
    }

    /// Returns the number of the oldest visitor that has sent no byte.
    pub(super) fn oldest_silent(&self) -> Option<u64> {
        self.iter().next().filter(|first| first.progress == HandshakeProgress::Silent).map(|first| first.number)
    }
}
