//! How large a deviation would have been found.

use evenkeel_core::skew::{Tolerance, needed};

/// [`needed`] is the median: this many times as many answers find 9 of 10, whatever the balancer draws.
pub const MARGIN: f64 = 1.5;

/// How far off shares may be without having been found by now, as factors. `None`: nothing is excluded yet on that side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Excluded {
    /// No backend has more than this many times its share; above 1.
    pub above: Option<f64>,
    /// No backend has less than this part of its share; below 1.
    pub below: Option<f64>,
}

/// Factors are given to this many steps of bisection: to 1 in 10,000.
const STEPS: usize = 14;

/// Answers that exclude, for every one of these shares, that it is `factor` times as large or as small as it should be.
/// `None` where no number does.
pub(super) fn answers_to_exclude(
    shares: &[f64],
    factor: f64,
    tolerance: Tolerance,
    backends: usize,
) -> Option<u64> {
    let each = distinct(shares).into_iter().flat_map(|share| {
        let above = needed(share, (share * factor).min(1.0), tolerance, backends);
        let below = needed(share, share / factor, tolerance, backends);
        // A share of nearly all cannot be found to be too large: then another's is too small.
        [above.or(Some(0)), below]
    });
    let most: Option<u64> =
        each.collect::<Option<Vec<u64>>>().map(|each| each.into_iter().max().unwrap_or(0));
    most.filter(|most| *most > 0).map(|most| (most as f64 * MARGIN).ceil() as u64)
}

/// What so many answers exclude for every one of these shares.
pub(super) fn excluded(shares: &[f64], answers: u64, tolerance: Tolerance, backends: usize) -> Excluded {
    let found = |share: f64, factor: f64| {
        needed(share, share * factor, tolerance, backends)
            .is_some_and(|needed| needed as f64 * MARGIN <= answers as f64)
    };
    let shares = distinct(shares);
    let above = shares
        .iter()
        .filter(|share| **share * (1.0 + tolerance.get()) < 1.0)
        .map(|share| bisect(1.0 + tolerance.get(), 1.0 / share, |factor| found(*share, factor)));
    let below = shares.iter().map(|share| bisect(1.0 - tolerance.get(), 0.0, |factor| found(*share, factor)));
    let above: Option<Vec<f64>> = above.collect();
    let below: Option<Vec<f64>> = below.collect();
    Excluded {
        above: above.and_then(|all| all.into_iter().max_by(f64::total_cmp)),
        below: below.and_then(|all| all.into_iter().min_by(f64::total_cmp)),
    }
}

/// The factor nearest to `near` for which `found` holds; it holds at `far` if anywhere.
fn bisect(near: f64, far: f64, found: impl Fn(f64) -> bool) -> Option<f64> {
    if !found(far) {
        return None;
    }
    let (mut near, mut far) = (near, far);
    for _ in 0..STEPS {
        let middle = f64::midpoint(near, far);
        if found(middle) {
            far = middle;
        } else {
            near = middle;
        }
    }
    Some(far)
}

fn distinct(shares: &[f64]) -> Vec<f64> {
    let mut shares: Vec<f64> = shares.iter().copied().filter(|share| *share > 0.0).collect();
    shares.sort_by(f64::total_cmp);
    shares.dedup_by(|one, other| (*one - *other).abs() < 1e-9);
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    const THIRDS: [f64; 3] = [1.0 / 3.0; 3];

    #[test]
    fn what_is_excluded_shrinks_with_answers() {
        let at = |answers| excluded(&THIRDS, answers, Tolerance::PLAN, 3);
        assert_eq!(at(10), Excluded::default());
        let (few, many) = (at(700), at(7_000));
        assert!(many.above < few.above && many.below > few.below, "{few:?} {many:?}");
        assert!(few.below > Some(0.5) && few.above < Some(2.0), "{few:?}");
    }

    #[test]
    fn the_goal_and_what_is_excluded_agree() {
        let goal = answers_to_exclude(&THIRDS, 2.0, Tolerance::PLAN, 3).unwrap();
        let close = |answers| {
            let Excluded { above, below } = excluded(&THIRDS, answers, Tolerance::PLAN, 3);
            above.is_some_and(|above| above <= 2.0) && below.is_some_and(|below| below >= 0.4999)
        };
        assert!(close(goal) && !close(goal - goal / 10), "{goal}");
    }

    #[test]
    fn a_share_of_nearly_all_is_judged_by_the_others() {
        assert!(answers_to_exclude(&[0.97, 0.03], 2.0, Tolerance::PLAN, 2).is_some());
    }
}
