//! `"16KiB"`, `"10MB"`.

use super::{Refusal, refuse};

const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
    ("B", 1),
];

/// Reads a size in bytes: a whole number and a unit. `KB` is taken for `kB`.
pub(crate) fn size(text: &str) -> Result<u64, Refusal> {
    let help = "write a whole number and B, kB, MB, GB, KiB, MiB or GiB, such as \"16KiB\"";
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = if unit == "KB" { "kB" } else { unit };
    if number.is_empty() {
        return refuse("is not a size", help);
    }
    if unit.is_empty() {
        return refuse("has no unit", help);
    }
    let Some((_, bytes)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return refuse(format!("has the unknown unit \"{unit}\""), help);
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(*bytes)) {
        Some(size) => Ok(size),
        None => refuse("is too large", help),
    }
}

/// Writes a size as [`size`] reads it, in the largest binary unit that divides it.
pub(crate) fn show_size(bytes: u64) -> String {
    let divides = |unit: &&(&str, u64)| unit.0.contains('i') && bytes > 0 && bytes.is_multiple_of(unit.1);
    match UNITS.iter().find(divides) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in
            [("16KiB", 16_384), ("1MiB", 1 << 20), ("10MB", 10_000_000), ("7B", 7), ("2KB", 2000)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
            assert_eq!(size(&show_size(bytes)), Ok(bytes), "{text}");
        }
        assert_eq!(show_size(16_384), "16KiB");
        assert_eq!(show_size(0), "0B");
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        for text in ["", "16", "16k", "16kib", "KiB", "-1B", "1.5MiB", "16 KiB", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
