//! Connections that carry most.

/// Connections that are remembered.
const REMEMBERED: usize = 16;

/// What connections carried: how uneven that is, and the largest.
#[derive(Debug, Default)]
pub(crate) struct Heavy {
    sum: f64,
    squares: f64,
    count: u64,
    /// Bytes and the index of the backend, largest first.
    largest: Vec<(u64, usize)>,
}

impl Heavy {
    /// Counts a connection and what it carried.
    pub(crate) fn add(&mut self, bytes: u64, backend: usize) {
        let size = bytes as f64;
        self.sum += size;
        self.squares += size * size;
        self.count += 1;
        if self.largest.len() < REMEMBERED || self.largest.last().is_some_and(|last| bytes > last.0) {
            let at = self.largest.partition_point(|known| known.0 >= bytes);
            self.largest.insert(at, (bytes, backend));
            self.largest.truncate(REMEMBERED);
        }
    }

    /// Bytes of all.
    pub(crate) fn bytes(&self) -> f64 {
        self.sum
    }

    /// How many bytes are decided at once, as it were: Σb²/Σb (Kish 1965). 1.0 where nothing was carried.
    pub(crate) fn design_effect(&self) -> f64 {
        if self.sum > 0.0 { (self.squares / self.sum).max(1.0) } else { 1.0 }
    }

    /// As how many connections of one size these spread: (Σb)²/Σb².
    pub(crate) fn effective(&self) -> f64 {
        if self.squares > 0.0 { self.sum * self.sum / self.squares } else { self.count as f64 }
    }

    /// How many of the largest of one backend it takes until they carry half of what it carried, and their part of all
    /// bytes; `None` if it takes more than are remembered.
    pub(crate) fn half_of(&self, backend: usize, its_bytes: u64) -> Option<(usize, f64)> {
        let mut carried = 0.0;
        for (number, (bytes, _)) in self.largest.iter().filter(|(_, at)| *at == backend).enumerate() {
            carried += *bytes as f64;
            if carried * 2.0 >= its_bytes as f64 {
                return Some((number + 1, carried / self.sum.max(1.0)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_that_carry_most_count_as_few() {
        let mut heavy = Heavy::default();
        (0..1000).for_each(|number| heavy.add(1, number % 3));
        assert!((heavy.effective() - 1000.0).abs() < 1e-6);
        assert_eq!(heavy.design_effect(), 1.0);
        heavy.add(10_000, 1);
        heavy.add(5_000, 1);
        heavy.add(4_000, 2);
        assert!(heavy.effective() < 4.0, "{}", heavy.effective());
        assert!(heavy.design_effect() > 5_000.0);
        assert_eq!(heavy.half_of(1, 15_333), Some((1, 10_000.0 / 20_000.0)));
        assert_eq!(heavy.half_of(0, 334), None, "many small ones");
        assert_eq!(heavy.largest.len(), REMEMBERED);
    }
}
