//! [`Seeds`]: the generator of the seeds from which ephemeral keys are made.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use zeroize::Zeroizing;

/// A seed of 32 bytes, which is wiped when it is dropped.
pub(super) type Seed = Zeroizing<[u8; 32]>;

/// A generator that returns one seed for each ephemeral key. The first seed determines all later ones.
///
/// No earlier seed can be computed from the generator's state (fast key erasure). So a thief who reads the memory of a node
/// cannot decrypt recordings of earlier connections.
#[derive(Debug)]
pub(super) struct Seeds(ChaCha20Rng);

impl Seeds {
    pub(super) fn new(first: &Seed) -> Self {
        Self(ChaCha20Rng::from_seed(**first))
    }

    pub(super) fn next(&mut self) -> Seed {
        let (mut given, mut kept) = (Seed::default(), Seed::default());
        self.0.fill_bytes(&mut *given);
        self.0.fill_bytes(&mut *kept);
        // The generator is replaced by one with a new key: the old key would give all earlier output.
        *self = Self::new(&kept);
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    /// A generator's state is a key and a position in the output of that key. The test searches the first MiB of the last
    /// key's output for the seeds that were returned before.
    #[test]
    fn the_state_leads_back_to_no_earlier_seed() {
        let mut seeds = Seeds::new(&Zeroizing::new([7; 32]));
        let given: Vec<Seed> = core::iter::repeat_with(|| seeds.next()).take(100).collect();
        let Seeds(mut state) = seeds;
        state.set_word_pos(0);
        let mut output = vec![0; 1 << 20];
        state.fill_bytes(&mut output);
        assert!(given.iter().all(|seed| output.windows(32).all(|bytes| bytes != seed.as_slice())));
    }

    #[test]
    fn seeds_are_those_of_the_first_and_differ() {
        let given = |first| {
            let mut seeds = Seeds::new(&Zeroizing::new([first; 32]));
            (0..100).map(move |_| *seeds.next())
        };
        assert!(given(1).eq(given(1)));
        let mut all: Vec<_> = given(1).chain(given(2)).collect();
        all.sort_unstable();
        assert!(all.windows(2).all(|two| two[0] != two[1]));
    }
}
