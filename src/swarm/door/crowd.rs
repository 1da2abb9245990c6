//! [`Crowd`]: a set of visitors to which one bound applies, in the order in which they are closed when the bound is reached.
//! A visitor is an accepted connection whose peer is not authenticated yet.

use alloc::collections::BTreeMap;

/// The steps of a handshake, from first to last. Each step costs the peer more than the step before. Part of a message is no
/// step, so that a peer gains nothing by sending its messages byte by byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum HandshakeProgress {
    /// The peer has sent no byte.
    Silent,
    Heard,
    /// Both sides have agreed to speak Noise.
    Agreed,
    /// Noise's first message has arrived and was answered.
    Answered,
    /// The peer is authenticated, and both sides have not agreed on a muxer yet.
    Proved,
}

impl HandshakeProgress {
    pub(super) const ALL: [Self; 5] = [Self::Silent, Self::Heard, Self::Agreed, Self::Answered, Self::Proved];
}

/// The position of a visitor in the order in which visitors are closed: the least advanced first; of equally advanced ones,
/// the oldest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Standing {
    pub(super) progress: HandshakeProgress,
    pub(super) number: u64,
}

/// The visitors of one address, the visitors of one site (an IPv6 /48), or all visitors.
///
/// A visitor is *settled* once the number of visitors that have joined the crowd after it is at least half the number of the
/// crowd's present members. Only settled visitors are closed, so that a new visitor has some time to send its messages. At
/// least one member is always settled: the last `len / 2` visitors that joined are never the whole crowd.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// The number of visitors that have ever joined the crowd. This number is also the sequence number, called turn, that
    /// the next visitor gets.
    came: u64,
    /// The members' numbers in the [visitor table](super::visitor_table). The key is a member's progress and its turn (its
    /// sequence number in this crowd).
    members: BTreeMap<(HandshakeProgress, u64), u64>,
}

impl Crowd {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns the turn (the sequence number in this crowd) that the next visitor gets, which is the number of visitors that
    /// have joined before.
    pub(super) const fn came(&self) -> u64 {
        self.came
    }

    /// Adds a visitor, with the progress [silent](HandshakeProgress::Silent), and returns its turn, which is its sequence
    /// number in this crowd.
    pub(super) fn enter(&mut self, number: u64) -> u64 {
        let turn = self.came;
        self.came += 1;
        self.members.insert((HandshakeProgress::Silent, turn), number);
        turn
    }

    /// Removes the member with the sequence number `turn`, whose progress is `progress`.
    pub(super) fn leave(&mut self, progress: HandshakeProgress, turn: u64) {
        self.members.remove(&(progress, turn));
    }

    /// Changes the progress of the member with the sequence number `turn` from `from` to `to`.
    pub(super) fn advance(&mut self, turn: u64, from: HandshakeProgress, to: HandshakeProgress) {
        if let Some(number) = self.members.remove(&(from, turn)) {
            self.members.insert((to, turn), number);
        }
    }

    /// Returns the lowest turn (sequence number) at which a member is not settled. All members with a lower turn are
    /// settled: so many visitors have joined after them that they may be closed. The result never decreases.
    pub(super) fn settled(&self) -> u64 {
        self.came.saturating_sub(self.len() as u64 / 2)
    }

    /// Returns the settled visitor that is to be closed first. A visitor is settled once enough others have joined the crowd
    /// after it. Returns `None` if the crowd is empty.
    pub(super) fn first(&self) -> Option<Standing> {
        let settled = self.settled();
        HandshakeProgress::ALL.into_iter().find_map(|progress| {
            let (_, number) = self.members.range((progress, 0)..(progress, settled)).next()?;
            Some(Standing { progress, number: *number })
        })
    }

    /// Returns all members in the order in which they are to be closed: the least advanced handshake first; of equally
    /// advanced ones, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Standing> {
        self.members.iter().map(|((progress, _), number)| Standing { progress: *progress, number: *number })
    }

    /// Returns the number of the oldest member that has sent no byte, if there is one.
    pub(super) fn oldest_silent(&self) -> Option<u64> {
        self.iter().next().filter(|first| first.progress == HandshakeProgress::Silent).map(|first| first.number)
    }
}
