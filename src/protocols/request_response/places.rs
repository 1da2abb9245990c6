//! [`RequestPlaces`]: the number of requests of each peer that this service holds, and the choice of the request that is
//! ended for a new one when the maximum number is reached.
//!
//! Each change and each choice costs O(log n). A peer that sends requests while the maximum number is reached therefore does
//! not cause a scan of all requests.

use super::InboundRequestId;
use crate::arithmetic::Count;
use crate::identity::PeerId;
use alloc::collections::{BTreeMap, BTreeSet};

/// The amount of work that is no longer necessary if a request gives way. Of the requests of one peer, the request with the
/// greatest such amount gives way first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Spared {
    /// No work becomes unnecessary: the request waits for the owner, and the owner's work on the request would be lost.
    Nothing,
    /// The rest of the response need not be written. Such a request gives way before the requests that wait for the owner,
    /// since its peer may be one that never reads responses.
    Writing,
    /// No further work on the request is necessary: the request has not arrived whole, or the owner has refused it, so no
    /// work of the owner is lost.
    All,
}

/// A request that can give way, with the amount of work that is no longer necessary if it does. Of two requests with the
/// same amount, the younger request gives way first.
type Candidate = (Spared, InboundRequestId);

/// The number of places that the requests of a peer take, and the request of that peer that gives way first.
type Rank = (usize, Candidate);

/// The requests of one peer that take places: their number, and the set of the requests that can give way.
#[derive(Debug, Default)]
struct PlacesOfPeer {
    /// The number of requests that take a place, including requests that have ended and whose outcome the owner has not
    /// taken.
    count: usize,
    live: BTreeSet<Candidate>,
}

impl PlacesOfPeer {
    fn rank(&self) -> Option<Rank> {
        self.live.last().map(|candidate| (self.count, *candidate))
    }
}

/// The maximum number of bytes of heap that one place takes: the state of the peer, the set of the peer's requests, which
/// may be half empty, and the entries in the sets for all peers.
pub(super) const PLACE: usize = 12 * size_of::<Candidate>()
    + 3 * (size_of::<(PeerId, PlacesOfPeer)>() + size_of::<Rank>() + size_of::<InboundRequestId>());

/// The places that the requests of peers take. All peers together have at most
/// [`inbound_requests`](super::Config::inbound_requests) places.
#[derive(Debug, Default)]
pub(super) struct RequestPlaces {
    in_all: usize,
    peers: BTreeMap<PeerId, PlacesOfPeer>,
    /// The peers that have a request which can give way: the number of places of each peer, and its request that gives way
    /// first. The peer with the most places is last.
    ranking: BTreeSet<Rank>,
    /// The requests that the owner is not working on, so that no work of the owner is lost when one of them ends.
    spare: BTreeSet<InboundRequestId>,
}

impl RequestPlaces {
    /// Returns the number of places that the requests of all peers take together.
    pub(super) const fn in_all(&self) -> usize {
        self.in_all
    }

    /// Returns the number of places that the requests of a peer take.
    pub(super) fn of(&self, peer: &PeerId) -> usize {
        self.peers.get(peer).map_or(0, |held| held.count)
    }

    /// Takes a place for a request of a peer that begins to arrive.
    pub(super) fn take(&mut self, peer: PeerId, id: InboundRequestId) {
        self.in_all.raise(1);
        self.spare.insert(id);
        let held = self.peers.entry(peer).or_default();
        let before = held.rank();
        held.count.raise(1);
        held.live.insert((Spared::All, id));
        let now = held.rank();
        self.rank(before, now);
    }

    /// Records that the state of a request has changed from `from` to `to`; if `to` is `None`, the request has ended. A
    /// request that has ended keeps its place until [`free`](Self::free) is called.
    pub(super) fn goes_on(&mut self, peer: &PeerId, id: InboundRequestId, from: Spared, to: Option<Spared>) {
        match to {
            Some(Spared::Writing | Spared::All) => _ = self.spare.insert(id),
            Some(Spared::Nothing) | None => _ = self.spare.remove(&id),
        }
        let Some(held) = self.peers.get_mut(peer) else { return };
        let before = held.rank();
        held.live.remove(&(from, id));
        held.live.extend(to.map(|to| (to, id)));
        let now = held.rank();
        self.rank(before, now);
    }

    /// Frees one of the places that the requests of a peer take.
    pub(super) fn free(&mut self, peer: &PeerId) {
        let Some(held) = self.peers.get_mut(peer) else { return };
        let before = held.rank();
        held.count.lower(1);
        self.in_all.lower(1);
        let (now, is_last) = (held.rank(), held.count == 0);
        if is_last {
            self.peers.remove(peer);
        }
        self.rank(before, now);
    }

    fn rank(&mut self, before: Option<Rank>, now: Option<Rank>) {
        if before == now {
            return;
        }
        if let Some(before) = before {
            self.ranking.remove(&before);
        }
        self.ranking.extend(now);
    }

    /// Chooses the peer whose requests take the most places. If these are more than `than` places, returns the request with
    /// which that peer gives way first, and otherwise `None`. Among peers with equally many places, the peer is chosen whose
    /// request has the greatest [`Spared`].
    pub(super) fn of_greediest(&self, than: usize) -> Option<InboundRequestId> {
        self.ranking.last().filter(|(count, _)| *count > than).map(|(_, (_, id))| *id)
    }

    /// Returns the oldest request that the owner is not working on.
    pub(super) fn oldest_spare(&self) -> Option<InboundRequestId> {
        self.spare.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Keypair;
    use alloc::vec::Vec;

    const PEERS: usize = 6;

    /// A request in the reference model. `spared` is `None` if the request has ended.
    struct Entry {
        peer: usize,
        id: InboundRequestId,
        spared: Option<Spared>,
    }

    /// The reference model of the places: a plain list of requests, which is scanned for each answer.
    #[derive(Default)]
    struct Model(Vec<Entry>);

    impl Model {
        fn of(&self, peer: usize) -> usize {
            self.0.iter().filter(|entry| entry.peer == peer).count()
        }

        fn of_greediest(&self, than: usize) -> Option<InboundRequestId> {
            let places: Vec<_> = (0..PEERS).map(|peer| self.of(peer)).collect();
            let by_share = self.0.iter().filter_map(|entry| Some((places[entry.peer], entry.spared?, entry.id)));
            by_share.max().filter(|(most, ..)| *most > than).map(|(.., id)| id)
        }

        fn oldest_spare(&self) -> Option<InboundRequestId> {
            let spare = |entry: &&Entry| entry.spared.is_some_and(|spared| spared != Spared::Nothing);
            self.0.iter().filter(spare).map(|entry| entry.id).min()
        }
    }

    #[test]
    fn places_agree_with_a_scan_of_all_requests() {
        let peers: Vec<_> =
            (0..PEERS as u8).map(|n| Keypair::ed25519_from_bytes([n; 32]).unwrap().public().to_peer_id()).collect();
        let mut random = 1_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % below
        };
        let (mut places, mut model, mut numbers) = (RequestPlaces::default(), Model::default(), 0..);
        for step in 0..4_000 {
            // The number of requests rises and falls.
            let begins = if step / 500 % 2 == 0 { 6 } else { 1 };
            if next(10) < begins {
                let greed = next(PEERS);
                let (peer, id) = (next(greed + 1), InboundRequestId(numbers.next().unwrap()));
                places.take(peers[peer], id);
                model.0.push(Entry { peer, id, spared: Some(Spared::All) });
            } else if !model.0.is_empty() {
                let at = next(model.0.len());
                let Entry { peer, id, spared } = &mut model.0[at];
                if let Some(from) = *spared {
                    *spared = [Some(Spared::Nothing), Some(Spared::Writing), Some(Spared::All), None][next(4)];
                    places.goes_on(&peers[*peer], *id, from, *spared);
                } else {
                    places.free(&peers[*peer]);
                    model.0.swap_remove(at);
                }
            }
            assert_eq!(places.in_all(), model.0.len());
            for (n, peer) in peers.iter().enumerate() {
                assert_eq!(places.of(peer), model.of(n));
            }
            for than in [0, 1, next(20)] {
                assert_eq!(places.of_greediest(than), model.of_greediest(than), "{step}");
            }
            assert_eq!(places.oldest_spare(), model.oldest_spare(), "{step}");
        }
        for Entry { peer, id, spared } in model.0 {
            if let Some(spared) = spared {
                places.goes_on(&peers[peer], id, spared, None);
            }
            places.free(&peers[peer]);
        }
        let RequestPlaces { in_all, peers, ranking, spare } = places;
        assert_eq!((in_all, peers.len(), ranking.len(), spare.len()), (0, 0, 0, 0), "nothing is kept of absent peers");
    }
}
