//! The keeper's side of taking turns: which schedule comes next, and where in it to begin.

use std::collections::HashMap;
use std::sync::Arc;

use super::rotation::{Cursor, Rotation};
use crate::rng::Rng;
use crate::units::Weight;

/// Carries fairness from one schedule to the next.
///
/// A schedule is exact over its own cycle, but a pool that changes often never completes one. Were every new schedule
/// entered at its start, its first turns would get all the traffic of such a pool; entered wherever the shared cursor
/// happens to be, changes in step with the traffic would skip the same members every time. So this keeps, per member,
/// how many turns it is ahead of its share, and enters a new schedule at the position that comes closest to that.
#[derive(Debug)]
pub(crate) struct Sequencer {
    cursor: Arc<Cursor>,
    rng: Rng,
    current: Option<Current>,
    /// Turns ahead of the exact share, by serial, up to where `current` began.
    ahead: HashMap<u64, f64>,
}

#[derive(Debug)]
struct Current {
    rotation: Arc<Rotation>,
    members: Vec<(u64, Weight)>,
    /// The cursor when it began.
    began: u64,
}

impl Sequencer {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            cursor: Cursor::new(),
            rng: Rng::from_seed(seed),
            current: None,
            ahead: HashMap::new(),
        }
    }

    /// The rotation over these members (serial and weight): the one that is running if they are the same.
    pub(crate) fn rotation(&mut self, members: Vec<(u64, Weight)>) -> Arc<Rotation> {
        if let Some(current) = self.current.as_ref().filter(|current| current.members == members) {
            return Arc::clone(&current.rotation);
        }
        let began = self.cursor.now();
        let first = self.current.is_none();
        self.settle(began);
        let weights: Vec<Weight> = members.iter().map(|(_, weight)| *weight).collect();
        let mut rotation = Rotation::new(Arc::clone(&self.cursor), &weights);
        let start = if first {
            self.random_start(&rotation, &members)
        } else {
            self.fair_start(&rotation, &members)
        };
        rotation.start_at(start, began);
        let rotation = Arc::new(rotation);
        self.current = Some(Current {
            rotation: Arc::clone(&rotation),
            members,
            began,
        });
        rotation
    }

    /// Forgets members that are not configured any more.
    pub(crate) fn retain(&mut self, is_configured: impl Fn(u64) -> bool) {
        self.ahead.retain(|serial, _| is_configured(*serial));
    }

    /// Adds what the running schedule has given so far to the account.
    fn settle(&mut self, now: u64) {
        let Some(current) = &self.current else { return };
        let table = current.rotation.table();
        let shares = shares(table, current.members.len());
        // Whole cycles are exact: only what was begun counts.
        let begun = (now - current.began) as usize % table.len();
        let start = current.rotation.position(current.began);
        let mut ahead: Vec<f64> = shares.iter().map(|share| -share * begun as f64).collect();
        for turn in table.iter().cycle().skip(start).take(begun) {
            ahead[*turn as usize] += 1.0;
        }
        for ((serial, _), ahead) in current.members.iter().zip(ahead) {
            *self.ahead.entry(*serial).or_default() += ahead;
        }
    }

    /// Anywhere in the cycle, so that the first turns of many young pools follow the weights together; and the account
    /// is opened with what that position means.
    fn random_start(&mut self, rotation: &Rotation, members: &[(u64, Weight)]) -> usize {
        let table = rotation.table();
        let start = self.rng.below(table.len() as u32) as usize;
        let mut ahead: Vec<f64> = shares(table, members.len())
            .iter()
            .map(|share| -share * start as f64)
            .collect();
        for turn in &table[..start] {
            ahead[*turn as usize] += 1.0;
        }
        self.ahead
            .extend(members.iter().map(|(serial, _)| *serial).zip(ahead));
        start
    }

    /// The position whose own deviations are nearest (least squares) to how far the members are ahead. One pass: a turn
    /// changes the sum of squares by terms that are known.
    fn fair_start(&self, rotation: &Rotation, members: &[(u64, Weight)]) -> usize {
        let table = rotation.table();
        let shares = shares(table, members.len());
        let ahead = self.balanced(members, &shares);
        // Distance of member i at position n: ahead[i] + n·share[i] − turns of i before n.
        let mut before = vec![0_u32; members.len()];
        let mut squares = 0.0;
        let mut toward: f64 = ahead.iter().zip(&shares).map(|(a, s)| a * s).sum();
        let shares_squared: f64 = shares.iter().map(|s| s * s).sum();
        let mut best = (f64::INFINITY, 0);
        for (position, turn) in table.iter().enumerate() {
            if squares < best.0 - ROUNDING {
                best = (squares, position);
            }
            let i = *turn as usize;
            squares += 2.0 * toward + shares_squared;
            toward += shares_squared;
            let distance = ahead[i] + (position + 1) as f64 * shares[i] - f64::from(before[i]);
            squares += 1.0 - 2.0 * distance;
            toward -= shares[i];
            before[i] += 1;
        }
        best.1
    }

    /// How far each of these members is ahead, made to sum to zero: what those who left owed or were owed is shared out.
    fn balanced(&self, members: &[(u64, Weight)], shares: &[f64]) -> Vec<f64> {
        let ahead: Vec<f64> = members
            .iter()
            .map(|(serial, _)| self.ahead.get(serial).copied().unwrap_or(0.0))
            .collect();
        let sum: f64 = ahead.iter().sum();
        ahead
            .iter()
            .zip(shares)
            .map(|(ahead, share)| ahead - sum * share)
            .collect()
    }
}

/// Each member's part of the table.
fn shares(table: &[u32], members: usize) -> Vec<f64> {
    let mut shares = vec![0.0; members];
    table.iter().for_each(|turn| shares[*turn as usize] += 1.0);
    shares.iter_mut().for_each(|share| *share /= table.len() as f64);
    shares
}

/// Positions as good as each other but for rounding are not told apart: the first wins.
const ROUNDING: f64 = 1e-9;
