//! What each backend should have.

/// What each backend should have of all answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Expectation {
    /// These shares, which sum to 1; nobody else should get anything.
    Shares(Vec<(String, f64)>),
    /// Equal shares for so many backends, whatever they are called.
    Equal(usize),
    /// Equal shares for all that answer: what gets nothing at all is not missed.
    EqualSeen,
}

impl Expectation {
    /// From parts in any unit, 0 and up: `[("a", 2.0), ("b", 1.0)]`.
    ///
    /// # Errors
    /// A sentence that says what is wrong, when a backend is named twice or nobody has a part.
    pub fn of_parts(parts: &[(String, f64)]) -> Result<Self, String> {
        let sum: f64 = parts.iter().map(|(_, part)| part).sum();
        if !(sum > 0.0 && sum.is_finite()) {
            return Err(
                "nobody is expected to get anything; give at least one backend more than 0".to_owned()
            );
        }
        for (index, (name, _)) in parts.iter().enumerate() {
            if parts[..index].iter().any(|(other, _)| other == name) {
                return Err(format!("{name} is expected twice; give each backend one part"));
            }
        }
        Ok(Self::Shares(parts.iter().map(|(name, part)| (name.clone(), part / sum)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_become_shares() {
        let parts = |parts: &[(&str, f64)]| {
            let owned: Vec<_> = parts.iter().map(|(name, part)| ((*name).to_owned(), *part)).collect();
            Expectation::of_parts(&owned)
        };
        let shares = parts(&[("a", 2.0), ("b", 1.0), ("c", 1.0), ("d", 0.0)]).unwrap();
        let expected = [("a", 0.5), ("b", 0.25), ("c", 0.25), ("d", 0.0)];
        assert_eq!(
            shares,
            Expectation::Shares(expected.map(|(name, part)| (name.to_owned(), part)).to_vec())
        );
        assert!(parts(&[("a", 0.0)]).is_err() && parts(&[]).is_err());
        assert!(parts(&[("a", 1.0), ("a", 2.0)]).unwrap_err().contains("a is expected twice"));
    }
}
