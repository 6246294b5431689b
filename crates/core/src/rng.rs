//! A small seeded random number generator, so that every decision can be repeated.

/// xoshiro256++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021): period 2^256 −
/// 1, about a nanosecond a number. Not for secrets.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The same seed gives the same numbers. Any seed will do, neighbours included: it is spread by
    /// splitmix64.
    pub fn from_seed(seed: u64) -> Self {
        let mut x = seed;
        let state = std::array::from_fn(|_| {
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(x)
        });
        Self { state }
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c2, d2) = (c ^ a, d ^ b);
        self.state = [a ^ d2, b ^ c2, c2 ^ (b << 17), d2.rotate_left(45)];
        result
    }

    /// A number in 0..n; 0 for `n` = 0.
    ///
    /// Multiply and shift (Lemire, "Fast random integer generation in an interval", 2019) on 64 bits without
    /// the rejection step: no value's chance is off by more than n / 2^64.
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u32
    }

    /// A number in 0.0..1.0, in steps of 2^-53.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The output function of splitmix64 (Steele, Lea and Flood, 2014).
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First outputs for state {1, 2, 3, 4}, computed by hand from the published recurrence.
    #[test]
    fn follows_the_published_recurrence() {
        let mut rng = Rng { state: [1, 2, 3, 4] };
        assert_eq!(
            [rng.next_u64(), rng.next_u64(), rng.next_u64()],
            [41_943_041, 58_720_359, 3_588_806_011_781_223]
        );
    }

    #[test]
    fn below_and_unit_are_even_over_their_range() {
        let mut rng = Rng::from_seed(1);
        let mut counts = [0_u32; 7];
        let mut sum = 0.0;
        for _ in 0..70_000 {
            counts[rng.below(7) as usize] += 1;
            sum += rng.unit();
        }
        // Standard deviations: 93 a bin, 0.0011 for the mean.
        assert!(counts.iter().all(|c| c.abs_diff(10_000) < 500), "{counts:?}");
        assert!((sum / 70_000.0 - 0.5).abs() < 0.006, "{sum}");
        assert_eq!(rng.below(1), 0);
    }
}
