//! Claims and what was measured.

use std::fmt;

/// One claim.
#[derive(Debug)]
pub(crate) struct Row {
    claim: String,
    got: String,
    passed: bool,
}

impl Row {
    pub(crate) fn new(claim: impl Into<String>, got: impl Into<String>, passed: bool) -> Self {
        Self { claim: claim.into(), got: got.into(), passed }
    }

    pub(crate) fn failed(claim: &str, why: impl Into<String>) -> Self {
        Self::new(claim, why, false)
    }

    /// `got` is at most `most`.
    pub(crate) fn at_most(claim: &str, got: f64, most: f64, unit: &str) -> Self {
        let digits = usize::from(got.fract() != 0.0) * 2;
        Self::new(claim, format!("{got:.digits$}{unit}"), got <= most)
    }

    pub(crate) fn passed(&self) -> bool {
        self.passed
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed { "pass" } else { "FAIL" };
        write!(formatter, "{verdict}  {:<62}  {}", self.claim, self.got)
    }
}

/// All of them, a line each.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut table = format!("{:<4}  {:<62}  {}\n", "", "claim", "got");
    for row in rows {
        table.push_str(&format!("{row}\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_bound() {
        assert!(Row::at_most("x", 2.0, 2.0, "").passed());
        assert!(!Row::at_most("x", 2.01, 2.0, "").passed());
        assert_eq!(Row::at_most("x", 2.5, 2.0, " s").to_string(), format!("FAIL  {:<62}  2.50 s", "x"));
    }
}
