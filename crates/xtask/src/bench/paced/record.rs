//! What a generator counts, and the line that tells it.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use crate::Failure;

/// Width of the timeline's steps, nanoseconds.
const STEP: u64 = 10_000_000;
/// Time that a percentile is taken of, nanoseconds.
const WINDOW: u64 = 100_000_000;
/// Longer latencies count as this, nanoseconds.
const LONGEST: u64 = 60_000_000_000;

/// Latencies and what went wrong, while it runs.
#[derive(Debug)]
pub(super) struct Record {
    latency: Histogram<u64>,
    /// How late the generator itself came to a request.
    lag: Histogram<u64>,
    /// Both again for each window, by when the requests were due.
    windows: Vec<Window>,
    /// Longest latencies of each step, nanoseconds.
    timeline: Vec<Longest<u64>>,
    /// Answers that were not as expected, connections that broke, requests without an answer.
    pub(super) errors: u64,
    /// Requests that were due but not answered when the last one was due.
    pub(super) backlog: u64,
    /// The start by the machine's clock, nanoseconds.
    pub(super) started: u64,
}

/// The longest latency of some time. A request that is due in it need not end in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Longest<T> {
    /// Among the requests that were due then.
    pub(crate) due: T,
    /// Among those that ended then.
    pub(crate) ended: T,
}

/// What a generator counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Paced {
    pub(crate) requests: f64,
    pub(crate) errors: f64,
    pub(crate) backlog: f64,
    pub(crate) p50_ms: f64,
    /// Of a tenth of a second: the median of their own.
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
    /// How late the generator itself was, likewise.
    pub(crate) lag_p99_ms: f64,
    pub(crate) lag_max_ms: f64,
    /// The start by the machine's clock, nanoseconds.
    started: u64,
    /// Milliseconds.
    timeline: Vec<Longest<f64>>,
}

/// What was due in one window.
#[derive(Debug)]
struct Window {
    latency: Histogram<u64>,
    lag: Histogram<u64>,
}

impl Window {
    /// To a hundredth, which takes a seventh of the memory that a thousandth takes.
    fn new() -> Self {
        let histogram = || Histogram::new_with_bounds(1, LONGEST, 2).expect("the bounds are in order");
        Self { latency: histogram(), lag: histogram() }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are in order")
}

impl Record {
    pub(super) fn new(started: u64) -> Self {
        Self {
            latency: histogram(),
            lag: histogram(),
            windows: Vec::new(),
            timeline: Vec::new(),
            errors: 0,
            backlog: 0,
            started,
        }
    }

    /// A request that was due at `due` is dealt with only now.
    pub(super) fn late(&mut self, due: u64, now: u64) {
        let lag = now.saturating_sub(due);
        self.lag.saturating_record(lag);
        self.window(due).lag.saturating_record(lag);
    }

    /// A request that was due at `due` is answered.
    pub(super) fn answered(&mut self, due: u64, now: u64) {
        let latency = now.saturating_sub(due);
        self.latency.saturating_record(latency);
        self.window(due).latency.saturating_record(latency);
        let (first, last) = ((due / STEP) as usize, (now / STEP) as usize);
        if self.timeline.len() <= last {
            self.timeline.resize(last + 1, Longest::default());
        }
        self.timeline[first].due = self.timeline[first].due.max(latency);
        self.timeline[last].ended = self.timeline[last].ended.max(latency);
    }

    fn window(&mut self, due: u64) -> &mut Window {
        let window = (due / WINDOW) as usize;
        if self.windows.len() <= window {
            self.windows.resize_with(window + 1, Window::new);
        }
        &mut self.windows[window]
    }

    /// Median of the windows' 99th percentiles. A shared machine pauses for some hundredths of every second, and what a
    /// second's percentile shows is that. Pauses that are ours are rarer than windows, too: they show in the 99.9th
    /// percentile and the longest latency of a run, and in the scenario of reloads.
    fn p99_of_a_window(&self, of: impl Fn(&Window) -> &Histogram<u64>) -> u64 {
        let full = self.windows.iter().map(of).filter(|window| !window.is_empty());
        let mut all: Vec<u64> = full.map(|window| window.value_at_quantile(0.99)).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or_default()
    }

    /// For [`Paced::parse`].
    pub(super) fn line(&self) -> String {
        let ms = |nanos: u64| nanos as f64 / 1e6;
        let at = |histogram: &Histogram<u64>, part| ms(histogram.value_at_quantile(part));
        let mut line =
            format!("PACED {} {} {} {}", self.started, self.latency.len(), self.errors, self.backlog);
        for figure in [
            at(&self.latency, 0.5),
            ms(self.p99_of_a_window(|window| &window.latency)),
            at(&self.latency, 0.999),
            ms(self.latency.max()),
            ms(self.p99_of_a_window(|window| &window.lag)),
            ms(self.lag.max()),
        ] {
            write!(line, " {figure:.4}").ok();
        }
        for longest in &self.timeline {
            write!(line, " {:.4} {:.4}", ms(longest.due), ms(longest.ended)).ok();
        }
        line
    }
}

impl Paced {
    /// From a generator's line.
    pub(crate) fn parse(output: &str) -> Result<Self, Failure> {
        let read = || -> Option<Self> {
            let line = output.lines().find_map(|line| line.strip_prefix("PACED "))?;
            let (started, rest) = line.split_once(' ')?;
            let numbers: Result<Vec<f64>, _> = rest.split(' ').map(str::parse).collect();
            let numbers = numbers.ok()?;
            let (
                &[requests, errors, backlog, p50_ms, p99_ms, p999_ms, max_ms, lag_p99_ms, lag_max_ms],
                timeline,
            ) = numbers.split_first_chunk()?;
            Some(Self {
                requests,
                errors,
                backlog,
                p50_ms,
                p99_ms,
                p999_ms,
                max_ms,
                lag_p99_ms,
                lag_max_ms,
                started: started.parse().ok()?,
                timeline: timeline.chunks(2).map(Longest::parse).collect::<Option<_>>()?,
            })
        };
        read().ok_or_else(|| format!("the load generator printed no result:\n{output}"))
    }

    /// Refuses figures of a load with errors, or of a generator that was late by more than this itself.
    pub(crate) fn check(&self, late_ms: f64) -> Result<(), Failure> {
        if self.errors > 0.0 || self.requests < 100.0 {
            let (errors, requests) = (self.errors, self.requests);
            return Err(format!("the load had {errors} errors in {requests} requests, no figure"));
        }
        if self.lag_p99_ms > late_ms {
            return Err(format!(
                "the load generator itself was late by {:.2} ms (p99, at most {late_ms:.2}): its core is too busy, no \
                 figure",
                self.lag_p99_ms
            ));
        }
        Ok(())
    }

    /// Whether the requests were answered as fast as they came, at this rate.
    pub(crate) fn kept_up(&self, rate: f64) -> bool {
        // A tenth of a second's requests is more than is ever under way, and less than a small overload leaves.
        self.backlog <= rate * 0.1
    }

    /// Longest latencies between two moments of the machine's clock, milliseconds; 0 without any.
    pub(crate) fn longest(&self, from: u64, to: u64) -> Longest<f64> {
        let step = |moment: u64| (moment.saturating_sub(self.started) / STEP) as usize;
        let end = step(to).min(self.timeline.len());
        let window = self.timeline.get(step(from)..end).unwrap_or_default();
        window.iter().fold(Longest::default(), |longest, step| Longest {
            due: longest.due.max(step.due),
            ended: longest.ended.max(step.ended),
        })
    }
}

impl Longest<f64> {
    fn parse(pair: &[f64]) -> Option<Self> {
        let &[due, ended] = pair else { return None };
        Some(Self { due, ended })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn paced(record: &Record) -> Paced {
        Paced::parse(&format!("noise\n{}\n", record.line())).unwrap()
    }

    fn near(value: f64, expected: f64) -> bool {
        (value - expected).abs() <= expected * 0.01
    }

    #[test]
    fn percentiles_are_of_all_latencies() {
        let mut record = Record::new(0);
        for latency in 1..=1000 {
            record.answered(0, latency * MS);
            record.late(5, 5 + MS / 10);
        }
        record.errors = 3;
        record.backlog = 7;
        let paced = paced(&record);
        assert_eq!((paced.requests, paced.errors, paced.backlog), (1000.0, 3.0, 7.0));
        assert!(near(paced.p50_ms, 500.0) && near(paced.p99_ms, 990.0), "{paced:?}");
        assert!(near(paced.p999_ms, 999.0) && near(paced.max_ms, 1000.0), "{paced:?}");
        assert!(near(paced.lag_p99_ms, 0.1) && near(paced.lag_max_ms, 0.1), "{paced:?}");
    }

    #[test]
    fn one_bad_window_is_not_the_percentile_of_all() {
        let mut record = Record::new(0);
        for window in 0..3 {
            for _ in 0..100 {
                let due = window * 100 * MS;
                let latency = if window == 1 { 80 * MS } else { (window + 1) * MS };
                record.late(due, due + latency / 10);
                record.answered(due, due + latency);
            }
        }
        let paced = paced(&record);
        assert!(
            near(paced.p99_ms, 3.0) && near(paced.lag_p99_ms, 0.3) && near(paced.p999_ms, 80.0),
            "{paced:?}"
        );
    }

    #[test]
    fn the_longest_of_a_window_is_found_by_when_it_was_due_and_when_it_ended() {
        let mut record = Record::new(1000 * MS);
        record.answered(10 * MS, 15 * MS);
        record.answered(30 * MS, 95 * MS);
        record.answered(31 * MS, 33 * MS);
        record.answered(96 * MS, 99 * MS);
        record.answered(121 * MS, 122 * MS);
        let paced = paced(&record);
        let longest = |from: u64, to: u64| paced.longest((1000 + from) * MS, (1000 + to) * MS);
        assert_eq!(longest(0, 200), Longest { due: 65.0, ended: 65.0 });
        assert_eq!(longest(0, 90), Longest { due: 65.0, ended: 5.0 });
        assert_eq!(longest(90, 100), Longest { due: 3.0, ended: 65.0 });
        assert_eq!(longest(100, 200), Longest { due: 1.0, ended: 1.0 });
        assert_eq!(longest(500, 600), Longest::default());
    }

    #[test]
    fn errors_and_a_late_generator_give_no_figure() {
        let good = Paced { requests: 1000.0, lag_p99_ms: 0.9, lag_max_ms: 9.0, ..Paced::default() };
        assert_eq!(good.check(1.0), Ok(()));
        assert!(Paced { errors: 1.0, ..good.clone() }.check(1.0).is_err());
        assert!(Paced { requests: 10.0, ..good.clone() }.check(1.0).is_err());
        let late = Paced { lag_p99_ms: 1.1, ..good }.check(1.0).unwrap_err();
        assert!(late.contains("late by 1.10 ms"), "{late}");
    }

    #[test]
    fn a_backlog_is_an_overload() {
        let paced = Paced { backlog: 101.0, ..Paced::default() };
        assert!(!paced.kept_up(1000.0));
        assert!(paced.kept_up(1100.0));
    }

    #[test]
    fn a_line_that_is_cut_is_no_result() {
        let mut record = Record::new(0);
        for line in [record.line(), {
            record.answered(1, 2);
            record.line()
        }] {
            assert!(Paced::parse(&line).is_ok());
            assert!(Paced::parse(line.rsplit_once(' ').unwrap().0).is_err());
        }
        assert!(Paced::parse("").is_err());
    }
}
