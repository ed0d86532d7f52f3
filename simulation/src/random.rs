//! The generator that every decision is drawn from: SplitMix64 (Steele, Lea and Flood 2014). It is
//! our own so that a seed keeps its meaning when a dependency changes.

/// Draws of one life, in order.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts the sequence of a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.bits().checked_rem(end).unwrap_or(0)
    }

    /// A number of `first..=last`.
    pub fn between(&mut self, first: i64, last: i64) -> i64 {
        let numbers = last.abs_diff(first).saturating_add(1);
        first.saturating_add_unsigned(self.below(numbers))
    }

    /// An index of something with `length` elements; 0 when it has none.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// True in so many of a hundred draws.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub fn pick<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        const { assert!(N > 0) };
        choices[self.index(N)]
    }

    /// One of these, each as often as its weight says.
    pub fn weighted<T: Copy, const N: usize>(&mut self, choices: [(u64, T); N]) -> T {
        const { assert!(N > 0) };
        let mut left = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            if left < weight {
                return choice;
            }
            left -= weight;
        }
        choices[0].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_of_a_seed_never_changes() {
        let mut random = Random::new(0);
        let first: [u64; 3] = std::array::from_fn(|_| random.bits());
        assert_eq!(first, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn draws_stay_in_their_ranges() {
        let mut random = Random::new(7);
        for _ in 0..1_000 {
            assert!((-3..=4).contains(&random.between(-3, 4)));
            assert!(random.below(5) < 5 && random.below(0) == 0);
            assert_eq!(random.weighted([(0, 'a'), (3, 'b'), (0, 'c')]), 'b');
        }
        assert_eq!(random.between(i64::MAX, i64::MAX), i64::MAX);
    }
}
