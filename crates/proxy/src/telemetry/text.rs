//! The text format of Prometheus, version 0.0.4, written straight from the figures: a page of 10,000 backends has half a
//! million lines, and nothing is to be kept for each of them.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>

use std::fmt::Write as _;

/// Label values of one sample.
pub(crate) trait LabelValues {
    /// Appends `name="value"` pairs, with commas between them; `names` are those of the family.
    fn write(&self, names: &[&str], out: &mut String);
}

/// One value for each label, in the order of the catalogue.
impl<L: AsRef<[String]>> LabelValues for L {
    fn write(&self, names: &[&str], out: &mut String) {
        let values = self.as_ref();
        debug_assert_eq!(names.len(), values.len(), "{names:?}");
        for (place, (name, value)) in names.iter().zip(values).enumerate() {
            if place > 0 {
                out.push(',');
            }
            pair(name, value, out);
        }
    }
}

/// Labels that many samples have in common, and perhaps the value of one more, the last of the family's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared<'a> {
    /// As [`pair`] writes them, with commas between.
    pub(crate) written: &'a str,
    pub(crate) last: Option<&'a str>,
}

impl LabelValues for Shared<'_> {
    fn write(&self, names: &[&str], out: &mut String) {
        out.push_str(self.written);
        if let (Some(name), Some(value)) = (names.last(), self.last) {
            out.push(',');
            pair(name, value, out);
        }
    }
}

/// Appends `name="value"`, whatever the value is.
pub(crate) fn pair(name: &str, value: &str, out: &mut String) {
    out.push_str(name);
    out.push_str("=\"");
    escape(value, &['\\', '\n', '"'], out);
    out.push('"');
}

/// Appends what tells the family; `help` may be any text.
pub(super) fn header(name: &str, help: &str, kind: &str, out: &mut String) {
    write!(out, "# HELP {name} ").ok();
    escape(help, &['\\', '\n'], out);
    writeln!(out, "\n# TYPE {name} {kind}").ok();
}

/// Appends a sample, up to the end of its line.
pub(super) fn sample(name: &str, names: &[&str], values: &impl LabelValues, value: f64, out: &mut String) {
    out.push_str(name);
    if !names.is_empty() {
        out.push('{');
        values.write(names, out);
        out.push('}');
    }
    out.push(' ');
    number(value, out);
    out.push('\n');
}

pub(super) fn number(value: f64, out: &mut String) {
    /// Up to here every whole number has a value of its own.
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else if value.abs() < WHOLE_MAX && value.trunc() == value {
        write!(out, "{}", value as i64).ok();
    } else {
        write!(out, "{value}").ok();
    }
}

fn escape(text: &str, special: &[char], out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(special) {
        out.push_str(&rest[..at]);
        out.push('\\');
        let odd = &rest[at..=at];
        out.push_str(if odd == "\n" { "n" } else { odd });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn a_sample_is_a_line_whatever_its_labels_hold() {
        let values = ["a\"\\\nb".to_owned(), "é".to_owned()];
        let line = written(|out| sample("x_total", &["p", "q"], &values, 3.0, out));
        assert_eq!(line, "x_total{p=\"a\\\"\\\\\\nb\",q=\"é\"} 3\n");
        assert_eq!(written(|out| sample("up", &[], &Vec::<String>::new(), 1.5, out)), "up 1.5\n");
    }

    #[test]
    fn labels_in_common_are_followed_by_the_last_one() {
        let common = written(|out| pair("pool", "w\"", out));
        let with = |last| {
            let names: &[&str] = if last == Some("k") { &["pool", "kind"] } else { &["pool"] };
            written(|out| sample("x", names, &Shared { written: &common, last }, 0.0, out))
        };
        assert_eq!(with(Some("k")), "x{pool=\"w\\\"\",kind=\"k\"} 0\n");
        assert_eq!(with(None), "x{pool=\"w\\\"\"} 0\n");
    }

    #[test]
    fn numbers_are_those_that_prometheus_reads() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (12.0, "12"),
            (-3.0, "-3"),
            (0.1, "0.1"),
            (1e-9, "0.000000001"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(written(|out| number(value, out)), expected);
        }
    }

    #[test]
    fn help_stays_on_its_line() {
        let told = written(|out| header("x", "a \"b\"\\\nc", "gauge", out));
        assert_eq!(told, "# HELP x a \"b\"\\\\\\nc\n# TYPE x gauge\n");
    }
}
