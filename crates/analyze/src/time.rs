//! The times of logs, to the second.

/// Reads times; the same second as last is not read again, which most are.
#[derive(Debug, Default)]
pub(crate) struct Times {
    last: Vec<u8>,
    seconds: Option<i64>,
}

/// The years 1 to 9999. What is outside is no time of a log, and sums of what is inside cannot overflow.
const SANE: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

impl Times {
    /// Seconds since 1970 of `21/Nov/2026:12:54:47 +0000`, with or without a fraction and a zone.
    pub(crate) fn common(&mut self, text: &[u8]) -> Option<i64> {
        self.cached(text, 20, |head, tail| {
            let number = |range: std::ops::Range<usize>| digits(&head[range]);
            let month = MONTHS.iter().position(|name| head[3..6] == **name)?;
            let shape = [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':')];
            if shape.iter().any(|&(at, byte)| head[at] != byte) {
                return None;
            }
            let date = (number(7..11)?, month as i64 + 1, number(0..2)?);
            let clock = (number(12..14)?, number(15..17)?, number(18..20)?);
            let zone = match tail {
                [] => 0,
                [b' ', zone @ ..] => offset(zone)?,
                _ => return None,
            };
            Some(moment(date, clock)? - zone)
        })
    }

    /// Seconds since 1970 of `2026-11-21T12:54:47.123Z` or with `+01:00`, with a `T` or a space.
    pub(crate) fn iso(&mut self, text: &[u8]) -> Option<i64> {
        self.cached(text, 19, |head, tail| {
            let number = |range: std::ops::Range<usize>| digits(&head[range]);
            let shape = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
            if shape.iter().any(|&(at, byte)| head[at] != byte) || !matches!(head[10], b'T' | b' ') {
                return None;
            }
            let date = (number(0..4)?, number(5..7)?, number(8..10)?);
            let clock = (number(11..13)?, number(14..16)?, number(17..19)?);
            Some(moment(date, clock)? - offset(tail)?)
        })
    }

    /// Any of these, or seconds since 1970.
    pub(crate) fn any(&mut self, text: &[u8]) -> Option<i64> {
        match text {
            [_, _, _, _, b'-', ..] => self.iso(text),
            [_, _, b'/', ..] => self.common(text),
            _ => since_1970(super::format::number(text)?),
        }
    }

    /// What comes before a fraction, and behind it, decides: the rest of a second does not matter here.
    fn cached(
        &mut self,
        text: &[u8],
        length: usize,
        read: impl FnOnce(&[u8], &[u8]) -> Option<i64>,
    ) -> Option<i64> {
        let (head, tail) = text.split_at_checked(length)?;
        let fraction = tail.iter().take_while(|byte| matches!(byte, b'.' | b',' | b'0'..=b'9')).count();
        let tail = &tail[fraction..];
        let known = self.last.split_at_checked(length).is_some_and(|last| last == (head, tail));
        if !known {
            self.seconds = read(head, tail);
            self.last.clear();
            self.last.extend_from_slice(head);
            self.last.extend_from_slice(tail);
        }
        self.seconds
    }
}

/// Of seconds, milliseconds, microseconds or nanoseconds since 1970, whichever makes sense.
pub(crate) fn since_1970(number: f64) -> Option<i64> {
    let unit = match number.abs() {
        size if size < 1e11 => 1.0,
        size if size < 1e14 => 1e3,
        size if size < 1e17 => 1e6,
        _ => 1e9,
    };
    Some((number / unit).floor() as i64).filter(|seconds| SANE.contains(seconds))
}

const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Seconds since 1970 of a date and a time of day; `None` where there is no such.
fn moment((year, month, day): (i64, i64, i64), (hour, minute, second): (i64, i64, i64)) -> Option<i64> {
    let exists = year >= 1
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        // A leap second is one.
        && second <= 60;
    exists.then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

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

/// Seconds since 1970 of a time as people write it: `2026-11-21`, `2026-11-21 12:54`, `2026-11-21T12:54:47+01:00`, or as
/// it stands in a log. Without a zone it is UTC, or whatever the log is in where that has no zone either.
pub fn parse_time(text: &str) -> Option<i64> {
    let whole = match text.len() {
        10 if text.contains('-') => format!("{text}T00:00:00"),
        16 => format!("{text}:00"),
        _ => text.to_owned(),
    };
    Times::default().any(whole.as_bytes())
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
            assert_eq!(times.any(text.as_bytes()), moment, "{text}");
        }
        for text in [
            "2026-11-21T12:54:47Z",
            "2026-11-21T12:54:47.123Z",
            "2026-11-21T07:54:47-05:00",
            "2026-11-21T12:54:47",
            "2026-11-21 12:54:47,123",
        ] {
            assert_eq!(times.iso(text.as_bytes()), moment, "{text}");
            assert_eq!(times.any(text.as_bytes()), moment, "{text}");
        }
        for text in ["1795265687", "1795265687.9", "1795265687123", "1795265687123456", "1795265687123456789"]
        {
            assert_eq!(times.any(text.as_bytes()), moment, "{text}");
        }
        assert_eq!(times.common(b"01/Jan/1970:00:00:00 +0000"), Some(0));
        assert_eq!(times.common(b"29/Feb/2024:00:00:00 +0000"), Some(1_709_164_800));
    }

    #[test]
    fn the_same_second_in_another_zone_is_another_moment() {
        let mut times = Times::default();
        assert_eq!(times.common(b"21/Nov/2026:12:54:47 +0000"), Some(1_795_265_687));
        assert_eq!(times.common(b"21/Nov/2026:12:54:47 +0100"), Some(1_795_265_687 - 3600));
        assert_eq!(times.iso(b"2026-11-21T12:54:47.1Z"), Some(1_795_265_687));
        assert_eq!(times.iso(b"2026-11-21T12:54:48.1Z"), Some(1_795_265_688));
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
            "41/Nov/2026:12:54:47",
            "21/Nov/2026:24:54:47",
            "21/Nov/2026:12:54:47 x",
        ] {
            assert_eq!(times.common(text.as_bytes()), None, "{text}");
        }
        for text in [
            "21/Nov/2026:12:54:47 +0000",
            "2026-13-21T12:54:47",
            "2026-11-21x12:54:47",
            "2026-11-21T12:61:47",
        ] {
            assert_eq!(times.iso(text.as_bytes()), None, "{text}");
        }
        for number in [f64::MAX, f64::MIN, 1e40] {
            assert_eq!(since_1970(number), None, "{number}");
        }
    }

    #[test]
    fn people_leave_out_what_is_zero() {
        assert_eq!(parse_time("2026-11-21"), Some(1_795_219_200));
        assert_eq!(parse_time("2026-11-21 12:54"), Some(1_795_265_640));
        assert_eq!(parse_time("2026-11-21T12:54:47+01:00"), Some(1_795_262_087));
        assert_eq!(parse_time("21/Nov/2026:12:54:47 +0000"), Some(1_795_265_687));
        assert_eq!(parse_time("1795265687"), Some(1_795_265_687));
        for bad in ["", "noon", "12:54", "2026-11", "2026-11-21T", "äöüäöüäöü"] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
    }
}
