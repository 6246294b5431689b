//! Reads core's counters at scrape time and renders them for Prometheus. Nothing is counted twice: what the
//! strategy acts on is what is shown.

use std::time::SystemTime;

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};

use super::catalog::{self, Family, Kind};
use super::histogram::{self, BOUNDS};

/// Families under construction.
#[derive(Default)]
pub(crate) struct Page {
    families: Vec<MetricFamily>,
}

impl Page {
    /// Adds a family with its samples: label values in the order of the catalogue, and the value.
    pub(crate) fn family<L, S>(&mut self, family: &Family, samples: S)
    where
        L: AsRef<[String]>,
        S: IntoIterator<Item = (L, f64)>,
    {
        let metrics = samples.into_iter().map(|(labels, value)| {
            let mut metric = labelled(family, labels.as_ref());
            match family.kind {
                Kind::Counter => {
                    let mut counter = Counter::default();
                    counter.set_value(value);
                    metric.set_counter(counter);
                }
                Kind::Gauge | Kind::Histogram => {
                    let mut gauge = Gauge::default();
                    gauge.set_value(value);
                    metric.set_gauge(gauge);
                }
            }
            metric
        });
        let metrics: Vec<Metric> = metrics.collect();
        self.push(family, metrics);
    }

    /// Adds a family of histograms.
    pub(crate) fn histograms<'a>(
        &mut self,
        family: &Family,
        samples: impl IntoIterator<Item = (String, &'a histogram::Histogram)>,
    ) {
        let metrics = samples.into_iter().map(|(label, histogram)| {
            let (counts, sum) = histogram.cumulative();
            let mut shown = Histogram::default();
            shown.set_sample_count(counts[BOUNDS.len()]);
            shown.set_sample_sum(sum);
            let buckets = BOUNDS.iter().zip(counts).map(|(&bound, count)| {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(bound);
                bucket.set_cumulative_count(count);
                bucket
            });
            shown.set_bucket(buckets.collect());
            let mut metric = labelled(family, &[label]);
            metric.set_histogram(shown);
            metric
        });
        let metrics: Vec<Metric> = metrics.collect();
        self.push(family, metrics);
    }

    fn push(&mut self, family: &Family, metrics: Vec<Metric>) {
        if metrics.is_empty() {
            return;
        }
        let mut shown = MetricFamily::default();
        shown.set_name(family.name.to_owned());
        shown.set_help(family.help.to_owned());
        shown.set_field_type(match family.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        shown.set_metric(metrics);
        self.families.push(shown);
    }

    /// The page in the text format 0.0.4.
    pub(crate) fn render(mut self) -> String {
        self.process();
        let mut out = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.families, &mut out) {
            tracing::error!(%error, "cannot render metrics");
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    fn process(&mut self) {
        let mut gauge = |family: &Family, value: Option<f64>| {
            self.family(family, value.map(|value| ([], value)));
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

fn labelled(family: &Family, values: &[String]) -> Metric {
    debug_assert_eq!(family.labels.len(), values.len(), "{}", family.name);
    let pairs = family.labels.iter().zip(values).map(|(&name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.clone());
        pair
    });
    Metric::from_label(pairs.collect())
}

fn uptime() -> Option<f64> {
    std::fs::read_to_string("/proc/uptime").ok()?.split_whitespace().next()?.parse().ok()
}

fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
