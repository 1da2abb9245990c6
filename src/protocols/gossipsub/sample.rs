//! [`Sampler`]: a random choice of peers, from a seed that the owner supplies.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};

/// A source of random choices. Peers must not be able to foresee which of them are chosen, so it is a stream cipher: an
/// attacker that could predict a weaker generator would know which node gossips to whom.
#[derive(Debug)]
pub(super) struct Sampler(ChaCha20Rng);

impl Sampler {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// Returns a number below `end`, or 0 if `end` is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        // The upper half of the product is evenly distributed, but for a bias of `end` in 2^32.
        let product = u64::from(self.0.next_u32()).saturating_mul(end as u64);
        usize::try_from(product >> u32::BITS).unwrap_or(0)
    }

    /// Moves `most` random elements to the front, in random order. Takes O(`most`).
    pub(super) fn choose<T>(&mut self, among: &mut [T], most: usize) {
        for at in 0..most.min(among.len()) {
            let other = at.saturating_add(self.below(among.len().saturating_sub(at)));
            among.swap(at, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn each_element_is_chosen_as_often_as_the_others() {
        let mut sampler = Sampler::new([1; 32]);
        let mut chosen = [0_u32; 10];
        for _ in 0..10_000 {
            let mut all: Vec<usize> = (0..10).collect();
            sampler.choose(&mut all, 3);
            all[..3].iter().for_each(|at| chosen[*at] += 1);
        }
        assert!(chosen.iter().all(|count| (2_800..3_200).contains(count)), "{chosen:?}");
    }

    #[test]
    fn the_same_seed_makes_the_same_choices() {
        let choices = |seed| {
            let mut sampler = Sampler::new([seed; 32]);
            (0..50).map(move |_| sampler.below(1_000)).collect::<Vec<_>>()
        };
        assert!(choices(1) == choices(1) && choices(1) != choices(2));
        assert_eq!((Sampler::new([1; 32]).below(0), Sampler::new([1; 32]).below(1)), (0, 0));
    }
}
