//! The times of logs, to the second.

/// Reads times; the same one as last is not read again, which most are.
#[derive(Debug, Default)]
pub(crate) struct Times {
    last: Vec<u8>,
    seconds: Option<i64>,
}

impl Times {
    /// Seconds since 1970 of `21/Nov/2026:12:54:47 +0000`, with or without a fraction and a zone.
    pub(crate) fn common(&mut self, text: &[u8]) -> Option<i64> {
        self.cached(text, |text| {
            let number = |range: std::ops::Range<usize>| digits(text.get(range)?);
            let month = MONTHS.iter().position(|name| text.get(3..6) == Some(*name))?;
            let shape = [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':')];
            if shape.iter().any(|&(at, byte)| text.get(at) != Some(&byte)) {
                return None;
            }
            let day = days(number(7..11)?, month as i64 + 1, number(0..2)?);
            let clock = number(12..14)? * 3600 + number(15..17)? * 60 + number(18..20)?;
            let zone = memchr::memchr(b' ', text).map_or(Some(0), |space| offset(&text[space + 1..]))?;
            Some(day * 86_400 + clock - zone)
        })
    }

    /// Seconds since 1970 of `2026-11-21T12:54:47.123Z` or with `+01:00`.
    pub(crate) fn iso(&mut self, text: &[u8]) -> Option<i64> {
        self.cached(text, |text| {
            let number = |range: std::ops::Range<usize>| digits(text.get(range)?);
            let shape = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
            if shape.iter().any(|&(at, byte)| text.get(at) != Some(&byte)) {
                return None;
            }
            let day = days(number(0..4)?, number(5..7)?, number(8..10)?);
            let clock = number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
            let rest = text.get(19..)?;
            let fraction = rest.iter().take_while(|byte| matches!(byte, b'.' | b'0'..=b'9')).count();
            Some(day * 86_400 + clock - offset(&rest[fraction..])?)
        })
    }

    /// What comes before a fraction decides: the rest of a second does not matter here.
    fn cached(&mut self, text: &[u8], read: impl FnOnce(&[u8]) -> Option<i64>) -> Option<i64> {
        if text != self.last {
            self.seconds = read(text);
            self.last.clear();
            self.last.extend_from_slice(text);
        }
        self.seconds
    }
}

const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Days from 1970-01-01 to a day of the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// `2026-11-21 12:54:47`, in UTC.
pub fn utc(seconds: i64) -> String {
    let (day, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The inverse of `days`, from the same source.
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let of_era_year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_era_year + of_era_year / 4 - of_era_year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = of_era_year + era * 400 + i64::from(month <= 2);
    let (hours, minutes, seconds) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}")
}

/// Seconds east of Greenwich of `+0100`, `-05:00`, `Z` or nothing.
fn offset(zone: &[u8]) -> Option<i64> {
    let sign = match zone.first() {
        None | Some(b'Z') => return Some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let minutes = if zone.get(3) == Some(&b':') { zone.get(4..6) } else { zone.get(3..5) };
    Some(sign * (digits(zone.get(1..3)?)? * 3600 + digits(minutes?)? * 60))
}

/// A number of a few digits.
pub(crate) fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_write_one_moment() {
        let moment = Some(1_795_265_687);
        let mut times = Times::default();
        for text in ["21/Nov/2026:12:54:47 +0000", "21/Nov/2026:13:54:47 +0100", "21/Nov/2026:12:54:47.655"] {
            assert_eq!(times.common(text.as_bytes()), moment, "{text}");
        }
        for text in [
            "2026-11-21T12:54:47Z",
            "2026-11-21T12:54:47.123Z",
            "2026-11-21T07:54:47-05:00",
            "2026-11-21T12:54:47",
        ] {
            assert_eq!(times.iso(text.as_bytes()), moment, "{text}");
        }
        assert_eq!(times.common(b"01/Jan/1970:00:00:00 +0000"), Some(0));
        assert_eq!(times.common(b"29/Feb/2024:00:00:00 +0000"), Some(1_709_164_800));
    }

    #[test]
    fn days_there_and_back() {
        assert_eq!(utc(1_795_265_687), "2026-11-21 12:54:47");
        for seconds in (-10_000_000_000..10_000_000_000_i64).step_by(12_345_678) {
            let text = utc(seconds).replace(' ', "T");
            assert_eq!(Times::default().iso(text.as_bytes()), Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        let mut times = Times::default();
        for text in [
            "",
            "21/Nov/2026",
            "21/Foo/2026:12:54:47",
            "2026-11-21T12:54:47Z",
            "aa/Nov/2026:12:54:47",
            "21/Nov/2026:12:54:47 x",
        ] {
            assert_eq!(times.common(text.as_bytes()), None, "{text}");
        }
        assert_eq!(times.iso(b"21/Nov/2026:12:54:47 +0000"), None);
    }
}
