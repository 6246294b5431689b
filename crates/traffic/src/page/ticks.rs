//! Round numbers along an axis.

/// Numbers from `low` to `high` that are easy to read: about so many, at equal distances of 1, 2 or 5 times a power of ten.
pub(super) fn linear(low: f64, high: f64, about: usize) -> Vec<f64> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 {
        return vec![low];
    }
    let rough = span / about.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step).ceil();
    (0..=2 * about)
        .map(|index| (first + index as f64) * step)
        .take_while(|tick| *tick <= high + step * 1e-9)
        .collect()
}

/// Powers of ten from `low` to `high`, with 2 and 5 times those where they are few.
pub(super) fn logarithmic(low: f64, high: f64) -> Vec<f64> {
    let (low, high) = (low.max(1e-12), high.max(1e-12));
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let factors: &[f64] = if (high / low).log10() < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let ticks = powers.flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)));
    ticks.filter(|tick| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(tick)).collect()
}

/// Without digits that say nothing.
pub(super) fn figure(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(linear(0.0, 10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(linear(3.0, 3.0, 5), [3.0]);
        assert_eq!(logarithmic(0.5, 20.0), [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]);
        assert_eq!(logarithmic(1.0, 10_000.0).len(), 5);
        assert!(linear(0.0, f64::INFINITY, 5).len() == 1);
    }

    #[test]
    fn figures_have_three_digits() {
        let written = [0.0, 0.05, 1.0, 1.234, 20.0, 99.96, 12_345.0].map(figure);
        assert_eq!(written, ["0", "0.05", "1", "1.23", "20", "100", "12345"]);
    }
}
