//! Combinations of things of which some are alike.

/// How many backends may be looked at over all trials of a pool: each trial looks at every one of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget(usize);

/// For a whole file; a look takes some hundred nanoseconds.
const LOOKS: usize = 1_000_000;
/// A pool tries at least so many combinations of a size, so that one of few kinds of backends is tried in full.
const TRIALS_MIN: usize = 8;

impl Budget {
    /// For one pool while it runs: some milliseconds, each time that another backend is down.
    pub(super) const WHILE_RUNNING: Self = Self(20_000);

    /// For each of so many pools.
    pub(super) fn of(pools: usize) -> Self {
        Self(LOOKS / pools.max(1))
    }

    /// Combinations of each size up to `sizes`, in a pool of so many backends.
    pub(super) fn trials(self, backends: usize, sizes: u32) -> usize {
        (self.0 / backends.max(1) / sizes.max(1) as usize).max(TRIALS_MIN)
    }
}

/// Calls `visit` with every combination of 1 to `most` things, at most `trials` of each size: those with as many as there
/// can be of the kinds that come first. Things of one kind are alike, so of each kind those that come first are taken.
/// Whether that was all of them.
pub(super) fn combinations(
    kinds: &[Vec<usize>],
    most: u32,
    trials: usize,
    mut visit: impl FnMut(&[usize]),
) -> bool {
    let things: usize = kinds.iter().map(Vec::len).sum();
    let mut all = true;
    for size in 1..=things.min(most as usize) {
        let mut walk = Walk { kinds, taken: Vec::with_capacity(size), left: trials, visit: &mut visit };
        all &= walk.from(0, 0, size);
    }
    all
}

struct Walk<'a> {
    kinds: &'a [Vec<usize>],
    taken: Vec<usize>,
    left: usize,
    visit: &'a mut dyn FnMut(&[usize]),
}

impl Walk<'_> {
    /// Takes `more` things from the kinds from `kind` on, of which so many are taken. Whether it came to the end.
    fn from(&mut self, kind: usize, used: usize, more: usize) -> bool {
        if more == 0 {
            if self.left == 0 {
                return false;
            }
            self.left -= 1;
            (self.visit)(&self.taken);
            return true;
        }
        for next in kind..self.kinds.len() {
            let used = if next == kind { used } else { 0 };
            let Some(thing) = self.kinds[next].get(used) else { continue };
            self.taken.push(*thing);
            let whole = self.from(next, used + 1, more - 1);
            self.taken.pop();
            if !whole {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visited(kinds: &[Vec<usize>], most: u32, trials: usize) -> (Vec<Vec<usize>>, bool) {
        let mut visited = Vec::new();
        let all = combinations(kinds, most, trials, |taken| visited.push(taken.to_vec()));
        (visited, all)
    }

    #[test]
    fn things_that_are_alike_are_taken_once() {
        let kinds = [vec![7], vec![1, 2, 3], vec![5, 6]];
        let (visited, all) = visited(&kinds, 2, 100);
        let expected: [&[usize]; 8] = [&[7], &[1], &[5], &[7, 1], &[7, 5], &[1, 2], &[1, 5], &[5, 6]];
        assert_eq!(visited, expected);
        assert!(all);
    }

    #[test]
    fn different_things_make_every_combination() {
        let kinds: Vec<_> = (0..10).map(|thing| vec![thing]).collect();
        let (visited, all) = visited(&kinds, 3, 1000);
        assert_eq!(visited.len(), 10 + 45 + 120);
        assert!(all);
    }

    #[test]
    fn what_is_too_many_is_cut_after_the_first_kinds() {
        let kinds: Vec<_> = (0..10).map(|thing| vec![thing]).collect();
        let (visited, all) = visited(&kinds, 2, 12);
        assert_eq!(visited.len(), 10 + 12);
        assert_eq!(&visited[10..12], [[0, 1], [0, 2]]);
        assert!(!all);
    }

    #[test]
    fn more_than_there_are_is_all_of_them() {
        let (visited, all) = visited(&[vec![0, 1]], 5, 10);
        assert_eq!(visited, [vec![0], vec![0, 1]]);
        assert!(all);
    }
}
