//! Reads core's counters at scrape time and renders them for Prometheus. Nothing is counted twice: what the
//! strategy acts on is what is shown.

use std::time::SystemTime;

use super::catalog::{self, Family, Kind};
use super::histogram::{self, BOUNDS};
use super::text::{self, LabelValues};

/// A page under construction.
#[derive(Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// Adds a family with its samples: label values in the order of the catalogue, and the value.
    pub(crate) fn family<L: LabelValues>(
        &mut self,
        family: &Family,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_some() {
            self.header(family);
        }
        for (labels, value) in samples {
            text::sample(family.name, family.labels, &labels, value, &mut self.text);
        }
    }

    /// Adds a family of histograms, which have one label.
    pub(crate) fn histograms<'a>(
        &mut self,
        family: &Family,
        samples: impl IntoIterator<Item = (String, &'a histogram::Histogram)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_some() {
            self.header(family);
        }
        let [sum_name, count_name, bucket] =
            ["sum", "count", "bucket"].map(|of| format!("{}_{of}", family.name));
        let with_bound = [family.labels, &["le"]].concat();
        for (label, histogram) in samples {
            let (counts, sum) = histogram.cumulative();
            for (bound, count) in BOUNDS.into_iter().chain([f64::INFINITY]).zip(counts) {
                let mut le = String::new();
                text::number(bound, &mut le);
                let labels = [label.clone(), le];
                text::sample(&bucket, &with_bound, &labels, count as f64, &mut self.text);
            }
            let labels = [label];
            text::sample(&sum_name, family.labels, &labels, sum, &mut self.text);
            text::sample(&count_name, family.labels, &labels, counts[BOUNDS.len()] as f64, &mut self.text);
        }
    }

    fn header(&mut self, family: &Family) {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        text::header(family.name, family.help, kind, &mut self.text);
    }

    /// The page in the text format 0.0.4.
    pub(crate) fn render(mut self) -> String {
        self.process();
        self.text
    }

    fn process(&mut self) {
        let mut gauge = |family: &Family, value: Option<f64>| {
            self.family::<[String; 0]>(family, value.map(|value| ([], value)));
        };
        let open_files = std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as f64);
        gauge(&catalog::OPEN_FILES, open_files);
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        gauge(&catalog::MAX_FILES, Some(limit.map_or(f64::INFINITY, |limit| limit as f64)));
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The second field is the program's name in parentheses and may hold anything.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let number = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let pages = rustix::param::page_size() as f64;
        gauge(&catalog::MEMORY, number(21).map(|resident| resident * pages));
        gauge(&catalog::CPU, number(11).zip(number(12)).map(|(user, system)| (user + system) / ticks));
        let age = number(19).map(|start| start / ticks).zip(uptime());
        let start = age.map(|(start, uptime)| unix_seconds() - (uptime - start));
        gauge(&catalog::START_TIME, start);
    }
}

fn uptime() -> Option<f64> {
    std::fs::read_to_string("/proc/uptime").ok()?.split_whitespace().next()?.parse().ok()
}

fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
