//! From a TOML value to the kind of value that the key is declared with, or to a diagnostic that says what to write.

use std::time::Duration;

use evenkeel_core::Ratio;
use toml::de::{DeInteger, DeValue};

use super::reader::Value;
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::keys::{self, Kind};
use crate::values::{self, Refusal};

/// A whole number within its declared range.
pub(crate) fn integer(value: &Value<'_>) -> Result<u64, Diagnostic> {
    let range = value.kinds.iter().find_map(|kind| match kind {
        Kind::Integer { min, max } => Some(*min..=*max),
        _ => None,
    });
    let DeValue::Integer(written) = value.de else { return Err(wrong_type(value)) };
    let number = number(written).and_then(|number| u64::try_from(number).ok());
    number
        .filter(|number| range.is_some_and(|range| range.contains(number)))
        .ok_or_else(|| out_of_range(value))
}

/// A finite number above 0.
pub(crate) fn positive(value: &Value<'_>) -> Result<f64, Diagnostic> {
    let number = float(value)?;
    if number.is_finite() && number > 0.0 { Ok(number) } else { Err(out_of_range(value)) }
}

/// A number within its declared range.
pub(crate) fn range(value: &Value<'_>) -> Result<f64, Diagnostic> {
    let range = value.kinds.iter().find_map(|kind| match kind {
        Kind::Range { min, max } => Some(*min..=*max),
        _ => None,
    });
    let number = float(value)?;
    match range.is_some_and(|range| range.contains(&number)) {
        true => Ok(number),
        false => Err(out_of_range(value)),
    }
}

/// A share within its declared range.
pub(crate) fn ratio(value: &Value<'_>) -> Result<Ratio, Diagnostic> {
    let most = value.kinds.iter().find_map(|kind| match kind {
        Kind::Ratio { max } => Some(*max),
        _ => None,
    });
    let number = float(value)?;
    let ratio = Ratio::new(number).filter(|_| most.is_some_and(|most| number <= most));
    ratio.ok_or_else(|| match number {
        number if number > 1.0 && number <= 100.0 => out_of_range(value).help(format!(
            "a share is written as a part of 1: {} % is {}",
            number,
            number / 100.0
        )),
        _ => out_of_range(value),
    })
}

/// A duration within 24 hours; 0 only where it is declared to make sense.
pub(crate) fn duration(value: &Value<'_>) -> Result<Duration, Diagnostic> {
    let zero = value.kinds.iter().any(|kind| matches!(kind, Kind::Duration { zero: true }));
    if let DeValue::Integer(_) | DeValue::Float(_) = value.de {
        let help = format!("write \"{}\" if seconds are meant: a duration has a unit", seconds(value.de));
        return Err(wrong_type(value).help(help));
    }
    let duration = values::duration(text(value)?).map_err(|refusal| bad("bad-duration", value, &refusal))?;
    if duration > defaults::DURATION_MAX {
        let message = format!("`{}` is longer than a day", value.path);
        return Err(Diagnostic::error("out-of-range", value.span.clone(), message)
            .label("more than 24 hours")
            .help("the longest duration is \"24h\""));
    }
    if duration.is_zero() && !zero {
        let message = format!("`{}` is 0, so nothing could ever finish within it", value.path);
        return Err(Diagnostic::error("out-of-range", value.span.clone(), message)
            .label("must be longer than 0")
            .help("write how long it may take; leave the key out for the default"));
    }
    Ok(duration)
}

/// A size in bytes within its declared range, or `None` for `"none"` where that is declared.
pub(crate) fn size(value: &Value<'_>) -> Result<Option<u64>, Diagnostic> {
    let range = value.kinds.iter().find_map(|kind| match kind {
        Kind::Size { min, max } => Some(*min..=*max),
        _ => None,
    });
    let bytes = match value.de {
        _ if is_nothing(value) => return Ok(None),
        DeValue::Integer(written) => number(written).and_then(|number| u64::try_from(number).ok()),
        DeValue::String(written) => {
            Some(values::size(written).map_err(|refusal| bad("bad-size", value, &refusal))?)
        }
        _ => return Err(wrong_type(value)),
    };
    let within = |bytes: &u64| range.as_ref().is_some_and(|range| range.contains(bytes));
    bytes.filter(within).map(Some).ok_or_else(|| out_of_range(value))
}

/// Whether it is the word `none`, and may be.
pub(crate) fn is_nothing(value: &Value<'_>) -> bool {
    let allowed = value.kinds.iter().any(|kind| matches!(kind, Kind::Nothing));
    allowed && value.de.as_str() == Some("none")
}

/// Nothing for `false`, where that is declared, and else what `convert` makes of it.
pub(crate) fn unless_off<T>(
    convert: impl Fn(&Value<'_>) -> Result<T, Diagnostic>,
) -> impl Fn(&Value<'_>) -> Result<Option<T>, Diagnostic> {
    move |value| match is_off(value) {
        true => Ok(None),
        false => convert(value).map(Some),
    }
}

/// Nothing for the word `none`, where that is declared, and else what `convert` makes of it.
pub(crate) fn unless_nothing<T>(
    convert: impl Fn(&Value<'_>) -> Result<T, Diagnostic>,
) -> impl Fn(&Value<'_>) -> Result<Option<T>, Diagnostic> {
    move |value| match is_nothing(value) {
        true => Ok(None),
        false => convert(value).map(Some),
    }
}

/// Whether it is `false`, and may be.
pub(crate) fn is_off(value: &Value<'_>) -> bool {
    let allowed = value.kinds.iter().any(|kind| matches!(kind, Kind::Off | Kind::Flag));
    allowed && value.de.as_bool() == Some(false)
}

/// `true` or `false`.
pub(crate) fn flag(value: &Value<'_>) -> Result<bool, Diagnostic> {
    value.de.as_bool().ok_or_else(|| wrong_type(value))
}

/// Any text.
pub(crate) fn text<'v>(value: &Value<'v>) -> Result<&'v str, Diagnostic> {
    value.de.as_str().ok_or_else(|| wrong_type(value))
}

/// A text that stands for something.
pub(crate) fn parsed<T>(
    code: &'static str,
    parse: impl Fn(&str) -> Result<T, Refusal>,
) -> impl Fn(&Value<'_>) -> Result<T, Diagnostic> {
    move |value| parse(text(value)?).map_err(|refusal| bad(code, value, &refusal))
}

/// One of the declared words.
pub(crate) fn choice(value: &Value<'_>) -> Result<&'static str, Diagnostic> {
    let words = value.kinds.iter().find_map(|kind| match kind {
        Kind::Choice(words) => Some(words()),
        _ => None,
    });
    let words = words.unwrap_or_default();
    let written = text(value)?;
    if let Some(word) = words.iter().find(|word| **word == written) {
        return Ok(word);
    }
    let message = format!("`{}` cannot be {written:?}", value.path);
    let all = format!("write {}", keys::expected(value.kinds));
    let (label, help) = match values::nearest(written, words) {
        Some(word) => (format!("did you mean \"{word}\"?"), all),
        None => ("not one of the words for it".into(), all),
    };
    Err(Diagnostic::error("unknown-word", value.span.clone(), message).label(label).help(help))
}

/// The value is of another type than any that is declared.
pub(crate) fn wrong_type(value: &Value<'_>) -> Diagnostic {
    let found = match value.de {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(true) => "true",
        DeValue::Boolean(false) => "false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let brief = keys::brief(value.kinds);
    Diagnostic::error(
        "wrong-type",
        value.span.clone(),
        format!("`{}` must be {brief}, not {found}", value.path),
    )
    .label(format!("this is {found}"))
    .help(format!("write {}", keys::expected(value.kinds)))
}

/// The text does not stand for what it should.
pub(crate) fn bad(code: &'static str, value: &Value<'_>, refusal: &Refusal) -> Diagnostic {
    Diagnostic::error(code, value.span.clone(), format!("`{}` {}", value.path, refusal.why))
        .label(format!("must be {}", keys::expected(value.kinds.iter().filter(|kind| kind.is_quoted()))))
        .help(refusal.help.clone())
}

fn out_of_range(value: &Value<'_>) -> Diagnostic {
    let message = format!("`{}` must be {}", value.path, keys::expected(value.kinds));
    let help = match value.key.default.written() {
        Some(default) => format!("the default is {default}: leave the key out for it"),
        None => format!("write for instance `{}`", value.key.example()),
    };
    Diagnostic::error("out-of-range", value.span.clone(), message).label("out of range").help(help)
}

fn float(value: &Value<'_>) -> Result<f64, Diagnostic> {
    match value.de {
        DeValue::Float(written) => written.as_str().parse().map_err(|_| out_of_range(value)),
        DeValue::Integer(written) => match number(written).map(i32::try_from) {
            Some(Ok(number)) => Ok(f64::from(number)),
            _ => Err(out_of_range(value)),
        },
        _ => Err(wrong_type(value)),
    }
}

fn number(written: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(written.as_str(), written.radix()).ok()
}

fn seconds(de: &DeValue<'_>) -> String {
    match de {
        DeValue::Integer(written) => match number(written) {
            Some(seconds @ 1..=86_400) => format!("{seconds}s"),
            _ => "2s".into(),
        },
        DeValue::Float(written) => match written.as_str().parse::<f64>() {
            Ok(seconds) if (0.001..86_400.0).contains(&seconds) => {
                values::show_duration(Duration::from_secs_f64(seconds))
            }
            _ => "2s".into(),
        },
        _ => "2s".into(),
    }
}
