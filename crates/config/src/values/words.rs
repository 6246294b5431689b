//! Lists, shares and near misses, in words.

/// `a`, `a or b`, `a, b or c`.
pub(crate) fn one_of(parts: &[impl AsRef<str>]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.as_ref().into(),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", first.join(", "), last.as_ref())
        }
    }
}

/// `` `a`, `b`, `c` ``.
pub(crate) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A share as a percentage, with one decimal where it is needed: `50 %`, `71.4 %`.
pub fn percent(share: f64) -> String {
    let tenths = (share * 1000.0).round() / 10.0;
    if tenths.fract() == 0.0 { format!("{tenths:.0} %") } else { format!("{tenths:.1} %") }
}

/// The candidate that `written` is probably meant to be: one slip for each three letters.
pub(crate) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase().replace('-', "_");
    let distance =
        |candidate: &str| strsim::damerau_levenshtein(&written, &candidate.to_lowercase().replace('-', "_"));
    let slips = (written.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, candidate)| *distance <= slips && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(one_of(&["a"]), "a");
        assert_eq!(one_of(&["a", "b", "c"]), "a, b or c");
        assert_eq!(quoted_list(["a", "b"]), "`a`, `b`");
    }

    #[test]
    fn shares_have_a_decimal_where_it_says_something() {
        assert_eq!(percent(0.5), "50 %");
        assert_eq!(percent(5.0 / 7.0), "71.4 %");
        assert_eq!(percent(1.0 / 3.0), "33.3 %");
        assert_eq!(percent(0.9999), "100 %");
    }

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        let words = ["interval", "timeout", "rise", "fall"];
        assert_eq!(nearest("intervall", words), Some("interval"));
        assert_eq!(nearest("Time-Out", ["time_out"]), Some("time_out"));
        assert_eq!(nearest("rsie", words), Some("rise"));
        assert_eq!(nearest("weight", words), None);
        assert_eq!(nearest("x", ["y"]), None, "one letter is not a slip of another");
    }
}
