//! `"500ms"`, `"2s"`, `"1m30s"`.

use std::time::Duration;

use super::{Refusal, refuse};

const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const HELP: &str = "write a number and a unit, such as \"500ms\", \"2s\", \"1m30s\" or \"1h\"";

/// Reads a duration: numbers with units, the largest unit first, each at most once.
pub(crate) fn duration(text: &str) -> Result<Duration, Refusal> {
    let mut rest = text;
    let mut units = UNITS.as_slice();
    let mut total = 0u64;
    if rest.is_empty() {
        return refuse("is empty", HELP);
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, after) = after.split_at(letters);
        if number.is_empty() {
            return refuse("is not a duration", HELP);
        }
        let Some(index) = units.iter().position(|(name, _)| *name == unit) else {
            return refuse(unit_problem(unit), HELP);
        };
        let milliseconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(units[index].1));
        let Some(sum) = milliseconds.and_then(|more| total.checked_add(more)) else {
            return refuse("is too long", "the longest duration is \"24h\"");
        };
        total = sum;
        units = &units[index + 1..];
        rest = after;
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration as [`duration`] reads it. Parts of a millisecond are dropped.
pub(crate) fn show_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".into();
    }
    let mut text = String::new();
    for (unit, milliseconds) in UNITS {
        let number = rest / milliseconds;
        if number > 0 {
            text.push_str(&format!("{number}{unit}"));
        }
        rest %= milliseconds;
    }
    text
}

fn unit_problem(unit: &str) -> String {
    if unit.is_empty() {
        "has a number without a unit".into()
    } else if UNITS.iter().any(|(name, _)| *name == unit) {
        format!("has the unit \"{unit}\" out of order")
    } else {
        format!("has the unknown unit \"{unit}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("2s", 2000),
            ("1m", 60_000),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("1s5ms", 1005),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
            assert_eq!(show_duration(Duration::from_millis(milliseconds)), text);
        }
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(show_duration(Duration::ZERO), "0s");
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for (text, why) in [
            ("", "is empty"),
            ("2", "has a number without a unit"),
            ("1.5s", "has a number without a unit"),
            ("2 s", "has a number without a unit"),
            ("-2s", "is not a duration"),
            ("s", "is not a duration"),
            ("2sec", "has the unknown unit \"sec\""),
            ("1d", "has the unknown unit \"d\""),
            ("1s1s", "has the unit \"s\" out of order"),
            ("1s1m", "has the unit \"m\" out of order"),
            ("99999999999999999999h", "is too long"),
            ("2µs", "has a number without a unit"),
        ] {
            assert_eq!(duration(text).map_err(|refusal| refusal.why), Err(why.into()), "{text}");
        }
    }
}
