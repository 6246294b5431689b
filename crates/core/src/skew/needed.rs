//! How much evidence it takes, and how many requests that takes.

use super::Tolerance;

/// A false alarm at most once in so many ticks, for each test of a pool, on average: three years of seconds.
const TICKS_BETWEEN_FALSE_ALARMS: f64 = 1e8;
/// Alternatives that each backend's evidence weighs: six above, four below.
const ALTERNATIVES: f64 = 10.0;

/// Evidence, in nats, at which a test of `backends` fires: ln(10·K·A). Weighing 10·K alternatives at once is paid for by
/// the union bound, A is the mean number of ticks between false alarms (Shin, Ramdas, Rinaldo: E-detectors, 2023).
pub fn threshold(backends: usize) -> f64 {
    (ALTERNATIVES * backends.max(1) as f64 * TICKS_BETWEEN_FALSE_ALARMS).ln()
}

/// Requests after which a backend that should have `expected` of them and has `actual` is found, about: ln(10·K·A) over
/// the Kullback-Leibler divergence between its share and the end of the band. `None` if that is inside the band: never.
///
/// Right within a fifth above 20 requests; below that, evidence comes in whole requests.
pub fn needed(expected: f64, actual: f64, tolerance: Tolerance, backends: usize) -> Option<u64> {
    let (lower, upper) = tolerance.band(expected);
    let edge = match upper {
        Some(upper) if actual > upper => upper,
        _ if actual < lower => lower,
        _ => return None,
    };
    Some((threshold(backends) / divergence(actual, edge)).ceil() as u64)
}

/// Kullback-Leibler divergence of two coins, in nats.
fn divergence(actual: f64, expected: f64) -> f64 {
    let term = |a: f64, e: f64| if a > 0.0 { a * (a / e).ln() } else { 0.0 };
    term(actual, expected) + term(1.0 - actual, 1.0 - expected)
}

/// How many requests count as one where they come in clusters that are decided together, such as those of a connection or
/// a key: Σm²/Σm for clusters of m (Kish 1965). 1.0 when there are none.
pub fn design_effect(clusters: impl IntoIterator<Item = u64>) -> f64 {
    let (sum, squares) = clusters.into_iter().fold((0.0, 0.0), |(sum, squares), cluster| {
        let size = cluster as f64;
        (sum + size, squares + size * size)
    });
    if sum > 0.0 { squares / sum } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_ln_of_alternatives_and_ticks() {
        assert!((threshold(10) - 23.03).abs() < 0.01);
    }

    #[test]
    fn what_is_needed_follows_from_the_distance_to_the_band() {
        let third = 1.0 / 3.0;
        let exact = Tolerance(0.0);
        // Published for A = 1e6, where the threshold is 17.0 nats instead of 21.8.
        let published = |actual| needed(third, actual, exact, 3).unwrap() as f64 * 17.0 / 21.8;
        assert!((published(5.0 / 7.0) / 56.0 - 1.0).abs() < 0.05, "{}", published(5.0 / 7.0));
        assert!((published(0.0) / 42.0 - 1.0).abs() < 0.05, "{}", published(0.0));
        assert!((published(1.0) / 15.0 - 1.0).abs() < 0.1, "{}", published(1.0));
        assert_eq!(needed(third, 0.35, Tolerance::PLAN, 3), None, "inside the band");
        assert_eq!(needed(0.9, 1.0, Tolerance::INTENT, 2), None, "the band reaches to everything");
        assert!(needed(third, 0.36, Tolerance::PLAN, 3) > needed(third, 0.4, Tolerance::PLAN, 3));
    }

    #[test]
    fn single_requests_count_one_each_and_clusters_their_size() {
        assert_eq!(design_effect([1; 100]), 1.0);
        assert_eq!(design_effect([7; 100]), 7.0);
        assert_eq!(design_effect([]), 1.0);
        assert!(design_effect([1000, 1, 1]) > 990.0);
    }
}
