//! Where among the members a serial is.

use crate::pool::MemberIdx;

/// A table of open addresses, half empty: a lookup reads a line or two, at any size.
#[derive(Debug)]
pub(super) struct Positions {
    /// Serial and position. Serials begin at 1: 0 is a free place.
    places: Box<[(u64, u32)]>,
}

impl Positions {
    pub(super) fn new(serials: &[u64]) -> Self {
        let mut places = vec![(0, 0); (2 * serials.len()).next_power_of_two()].into_boxed_slice();
        for (position, serial) in serials.iter().enumerate() {
            let free = search(places.len(), *serial).find(|place| places[*place].0 == 0);
            places[free.expect("half of the places are free")] = (*serial, position as u32);
        }
        Self { places }
    }

    /// `None` for a serial that is not among the members.
    #[inline]
    pub(super) fn of(&self, serial: u64) -> Option<MemberIdx> {
        let reached = |place: &usize| self.places[*place].0 == serial || self.places[*place].0 == 0;
        let (found, position) = self.places[search(self.places.len(), serial).find(reached)?];
        (found == serial && serial != 0).then(|| MemberIdx::new(position))
    }
}

/// Every place, the likeliest first. `places` is a power of two.
#[inline]
fn search(places: usize, serial: u64) -> impl Iterator<Item = usize> {
    // Fibonacci hashing (Knuth, TAOCP 3, 6.4): serials that follow each other are spread evenly.
    let start = (serial.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize;
    (start..start + places).map(move |place| place & (places - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn every_serial_is_found_and_nobody_else() {
        let mut rng = Rng::from_seed(4);
        let scattered: Vec<u64> = (0..1_000).map(|i| (rng.next_u64() >> 12) * 4_096 + i).collect();
        for serials in [vec![1], (7..1_007).collect(), scattered] {
            let positions = Positions::new(&serials);
            for (position, serial) in serials.iter().enumerate() {
                assert_eq!(positions.of(*serial), Some(MemberIdx::new(position as u32)));
            }
            for unknown in [0, 5, u64::MAX] {
                assert_eq!(positions.of(unknown), None);
            }
        }
    }
}
