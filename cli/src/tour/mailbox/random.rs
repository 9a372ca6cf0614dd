//! Numbers that look random and are the same on every machine, integers throughout: the rounding
//! of `exp` and `ln` is the libraries' own.

/// SplitMix64 (Steele, Lea, Flood 2014): any seed is a good one, and a stream costs nothing to
/// start, so that each message can have its own.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// The stream of one purpose: `seed` and `stream` together decide everything.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut first = Self(seed ^ 0x6d61_696c_7663_0001);
        let base = first.next();
        Self(base.wrapping_add(stream.wrapping_mul(0xd134_2543_de82_ef95)))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product: the bias is below bound / 2^64.
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// True in `percent` of a hundred cases.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Any of `choices`, which are not empty.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// A rank below `2^bits - 1` with the frequencies of Zipf's law, the k-th about 1/k: the
    /// powers of two between them are equally likely, and so are the ranks within one.
    pub(super) fn zipf(&mut self, bits: u64) -> usize {
        let octave = 1 << self.below(bits);
        (octave + self.below(octave) - 1) as usize
    }

    /// A length around `mean`: half of them below 40 % of it, few above the quintuple.
    pub(super) fn length(&mut self, mean: u64) -> u64 {
        const PERCENT: [u64; 17] = [
            4, 8, 12, 16, 20, 24, 29, 34, 40, 48, 58, 72, 92, 125, 190, 330, 900,
        ];
        let at = self.below(16) as usize;
        let within = PERCENT[at] + self.below(PERCENT[at + 1] - PERCENT[at] + 1);
        mean.saturating_mul(within) / 100
    }
}
