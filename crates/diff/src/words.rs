//! Numbers and names as people read them.

/// `71 %`, `2.4 %`, `0 %`: whole from ten per cent on.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        whole if whole >= 9.95 => format!("{whole:.0} %"),
        part if part < 0.05 => "0 %".to_owned(),
        part => format!("{part:.1} %"),
    }
}

/// `33 % -> 71 %`, with as many decimals as it takes to see a difference.
pub fn change(before: f64, after: f64) -> String {
    let (short, shorter) = (percent(before), percent(after));
    if short != shorter {
        return format!("{short} -> {shorter}");
    }
    let places = (1..4).find(|&places| fixed(before, places) != fixed(after, places)).unwrap_or(1);
    format!("{} % -> {} %", fixed(before, places), fixed(after, places))
}

/// `a, b, c and 4 more`.
pub fn list<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `1 backend`, `2 backends`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn fixed(share: f64, places: usize) -> String {
    format!("{:.places$}", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_at_a_glance() {
        assert_eq!(change(1.0 / 3.0, 5.0 / 7.0), "33 % -> 71 %");
        assert_eq!(change(0.25, 0.024), "25 % -> 2.4 %");
        assert_eq!(change(0.0, 0.5), "0 % -> 50 %");
        assert_eq!(change(0.332, 0.334), "33.2 % -> 33.4 %");
        assert_eq!(change(0.33333, 0.33334), "33.333 % -> 33.334 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.0996), "10 %");
    }

    #[test]
    fn long_lists_are_counted() {
        assert_eq!(list(&["a", "b"], 2), "a, b");
        assert_eq!(list(&["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!((count(1, "key"), count(0, "key")), ("1 key".to_owned(), "0 keys".to_owned()));
    }
}
