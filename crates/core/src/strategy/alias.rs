//! Drawing by weight in constant time: Vose's alias method.

use crate::pool::{Eligible, MemberIdx};
use crate::rng::Rng;
use crate::units::Weight;

/// One column per member: its own part below the threshold, the alias's above (Vose, "A linear algorithm for
/// generating random numbers with a given distribution", 1991).
#[derive(Debug)]
pub(super) struct Alias {
    columns: Box<[Column]>,
}

#[derive(Clone, Copy, Debug)]
struct Column {
    /// The member's own part of its column, of 2^32.
    threshold: u64,
    alias: u32,
}

impl Alias {
    /// Integer arithmetic throughout, so that the shares are off by no more than the 2^-32 of the thresholds.
    pub(super) fn new(weights: &[Weight]) -> Self {
        let height: u64 = weights.iter().map(|weight| u64::from(weight.get())).sum();
        let count = weights.len() as u64;
        let mut rest: Vec<u64> = weights.iter().map(|weight| u64::from(weight.get()) * count).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..weights.len()).partition(|i| rest[*i] < height);
        let mut columns: Box<[Column]> =
            (0..weights.len()).map(|i| Column { threshold: 1 << 32, alias: i as u32 }).collect();
        while let (Some(low), Some(&high)) = (small.pop(), large.last()) {
            let threshold = ((u128::from(rest[low]) << 32) / u128::from(height)) as u64;
            columns[low] = Column { threshold, alias: high as u32 };
            rest[high] -= height - rest[low];
            if rest[high] < height {
                large.pop();
                small.push(high);
            }
        }
        Self { columns }
    }

    /// Anybody. One number decides both: the upper half the column, the lower half the part of it.
    #[inline]
    pub(super) fn draw(&self, rng: &mut Rng) -> MemberIdx {
        let bits = rng.next_u64();
        let position = ((bits >> 32) * self.columns.len() as u64) >> 32;
        let column = self.columns[position as usize];
        MemberIdx::new(if bits & 0xffff_ffff < column.threshold { position as u32 } else { column.alias })
    }

    /// One that is not excluded.
    #[inline]
    pub(super) fn draw_open(&self, from: &Eligible<'_>, rng: &mut Rng) -> MemberIdx {
        if from.is_whole() {
            return self.draw(rng);
        }
        for _ in 0..REDRAWS {
            let idx = self.draw(rng);
            if !from.excluded(idx) {
                return idx;
            }
        }
        draw_by_scan(from, rng)
    }
}

/// Exact, over those not excluded: for when nearly all the weight is.
fn draw_by_scan(from: &Eligible<'_>, rng: &mut Rng) -> MemberIdx {
    let open =
        || from.indices().filter(|idx| !from.excluded(*idx)).map(|idx| (idx, u64::from(from.weight(idx))));
    let total: u64 = open().map(|(_, weight)| weight).sum();
    let mut left = (rng.unit() * total as f64) as u64;
    let mut last = MemberIdx::new(0);
    for (idx, weight) in open() {
        if left < weight {
            return idx;
        }
        left -= weight;
        last = idx;
    }
    // Rounding can leave `left` at the total.
    last
}

/// Enough draws that a retry among several rarely needs the scan, few enough to stay cheap when it does.
const REDRAWS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_hold_exactly_the_weights() {
        let weights = [5, 1, 1, 65_535, 7, 7, 300].map(|w| Weight::new(w).unwrap());
        let total: f64 = weights.iter().map(|w| f64::from(w.get())).sum();
        let alias = Alias::new(&weights);
        let mut shares = [0.0; 7];
        for (own, column) in alias.columns.iter().enumerate() {
            let part = column.threshold as f64 / (1_u64 << 32) as f64;
            shares[own] += part / 7.0;
            shares[column.alias as usize] += (1.0 - part) / 7.0;
        }
        for (share, weight) in shares.iter().zip(weights) {
            assert!((share - f64::from(weight.get()) / total).abs() < 1e-9, "{shares:?}");
        }
    }
}
