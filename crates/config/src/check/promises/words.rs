//! Requests a second and backends, as a diagnostic says them.

use crate::model::Pool;

/// `web1`, `web2` and `web3`; of more than four the first three and how many more.
pub(super) fn names(pool: &Pool, backends: &[usize]) -> String {
    let name = |backend: &usize| format!("`{}`", pool.backends[*backend].id);
    match backends {
        [] => String::new(),
        [only] => name(only),
        [most @ .., last] if backends.len() <= 4 => {
            let most: Vec<_> = most.iter().map(name).collect();
            format!("{} and {}", most.join(", "), name(last))
        }
        many => {
            let first: Vec<_> = many[..3].iter().map(name).collect();
            format!("{} and {} more", first.join(", "), many.len() - 3)
        }
    }
}

/// Requests a second, whole where that says enough.
pub(super) fn rate(rate: f64) -> String {
    let tenths = (rate * 10.0).round() / 10.0;
    if rate >= 100.0 || tenths.fract() == 0.0 { format!("{rate:.0}") } else { format!("{tenths:.1}") }
}

/// `is` or `are`.
pub(super) fn are(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_short() {
        assert_eq!([666.666, 500.0, 12.34, 3.0, 0.25].map(rate), ["667", "500", "12.3", "3", "0.3"]);
    }
}
