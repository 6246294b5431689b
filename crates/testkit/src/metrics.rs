//! A scrape in the Prometheus text format, as a map.

use std::collections::BTreeMap;

/// Samples by name and labels.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    samples: Vec<Sample>,
}

#[derive(Clone, Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Metrics {
    /// Reads the text of a scrape.
    ///
    /// # Panics
    /// On a line that is neither a comment nor a sample.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples =
            lines.map(|line| parse_sample(line).unwrap_or_else(|| panic!("not a sample: {line:?}")));
        Self { samples: samples.collect() }
    }

    /// The sum of the samples called `name` that have all of `labels`; `None` when there is none.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut matching = self.matching(name, labels).peekable();
        matching.peek()?;
        Some(matching.map(|sample| sample.value).sum())
    }

    /// The same, for what must be there.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        match self.get(name, labels) {
            Some(value) => value,
            None => panic!(
                "no sample {name} with {labels:?}; there are {:?}",
                self.matching(name, &[]).collect::<Vec<_>>()
            ),
        }
    }

    /// The sums of the samples called `name` that have all of `labels`, by the value of the label `by`.
    pub fn by(&self, name: &str, labels: &[(&str, &str)], by: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.matching(name, labels) {
            if let Some(key) = sample.labels.get(by) {
                *sums.entry(key.clone()).or_default() += sample.value;
            }
        }
        sums
    }

    fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            let has =
                |&(key, value): &(&str, &str)| sample.labels.get(key).is_some_and(|other| other == value);
            sample.name == name && labels.iter().all(has)
        })
    }
}

fn parse_sample(line: &str) -> Option<Sample> {
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = BTreeMap::new();
    if let Some(mut inside) = rest.strip_prefix('{') {
        loop {
            inside = inside.trim_start_matches(',');
            if let Some(after) = inside.strip_prefix('}') {
                rest = after;
                break;
            }
            let (key, value_start) = inside.split_once("=\"")?;
            let (value, after) = parse_value(value_start)?;
            labels.insert(key.to_owned(), value);
            inside = after;
        }
    }
    let value = match rest.trim() {
        "+Inf" => f64::INFINITY,
        number => number.parse().ok()?,
    };
    Some(Sample { name: name.to_owned(), labels, value })
}

/// A label value up to its closing quote, and what follows that.
fn parse_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_labels_and_sums() {
        let text = "# HELP x y\nx{a=\"1\",b=\"q\\\"},{\"} 2\nx{a=\"1\",b=\"z\"} 3\nx{a=\"2\",b=\"z\"} 4\ny 1e3\ninf +Inf\n";
        let metrics = Metrics::parse(text);
        assert_eq!(metrics.get("x", &[("a", "1")]), Some(5.0));
        assert_eq!(metrics.get("x", &[("b", "q\"},{")]), Some(2.0));
        assert_eq!(metrics.get("y", &[]), Some(1000.0));
        assert_eq!(metrics.get("x", &[("a", "3")]), None);
        assert_eq!(metrics.by("x", &[], "a"), BTreeMap::from([("1".to_owned(), 5.0), ("2".to_owned(), 4.0)]));
    }
}
