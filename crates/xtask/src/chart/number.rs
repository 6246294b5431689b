//! Numbers as people read them.

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// 1,000
    Count,
    /// 16 KiB
    Bytes,
}

const KIB: f64 = 1024.0;

impl Unit {
    /// With the unit's own prefix.
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::Count => rounded(value),
            Self::Bytes if value >= KIB * KIB => format!("{} MiB", rounded(value / KIB / KIB)),
            Self::Bytes if value >= KIB => format!("{} KiB", rounded(value / KIB)),
            Self::Bytes => rounded(value),
        }
    }
}

/// Three digits that count, thousands apart, no zeros after the point that say nothing: `1,234`, `12.5`, `0.125`.
pub(crate) fn rounded(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let decimals = match value.abs() {
        size if size < 1.0 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    let whole = grouped(whole);
    if part.is_empty() { whole } else { format!("{whole}.{part}") }
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        if index > 0 && left.is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        let all = [0.0, 0.1254, 4.266, 9.999, 12.34, 99.96, 123.4, 1234.5, 1_234_567.0, -1234.0, f64::NAN];
        let texts = ["0", "0.125", "4.27", "10", "12.3", "100", "123", "1,234", "1,234,567", "-1,234", "-"];
        for (value, text) in all.into_iter().zip(texts) {
            assert_eq!(rounded(value), text, "{value}");
        }
    }

    #[test]
    fn bytes_have_binary_prefixes() {
        let texts = [0, 512, 1024, 65_536, 16 << 20].map(|bytes| Unit::Bytes.text(f64::from(bytes)));
        assert_eq!(texts, ["0", "512", "1 KiB", "64 KiB", "16 MiB"]);
        assert_eq!(Unit::Count.text(10_000.0), "10,000");
    }
}
