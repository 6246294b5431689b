//! Names that the operator chooses.

use super::{Refusal, refuse};

/// Longest name: it is repeated in every series of the metrics.
const LONGEST: usize = 128;

/// A name is safe in a metric label, a log field and a URL. Those of backends may look like addresses.
pub(crate) fn name(text: &str) -> Result<String, Refusal> {
    let help = "names are letters, digits and any of - _ . : [ ], at most 128";
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
    if text.is_empty() {
        return refuse("is empty", help);
    }
    if text.len() > LONGEST {
        return refuse(format!("is {} bytes long", text.len()), help);
    }
    match text.chars().find(|c| !fits(*c)) {
        Some(other) => refuse(format!("contains {other:?}"), help),
        None => Ok(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_to_repeat() {
        assert!(name("web-1.eu:80").is_ok());
        for text in ["", "a b", "a/b", "a\"b", "ä", "a\n", &"x".repeat(129)] {
            assert!(name(text).is_err(), "{text}");
        }
    }
}
