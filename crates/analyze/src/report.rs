//! What follows from the counts.

use std::collections::HashMap;

use evenkeel_core::skew::{self, Tolerance};
use serde::Serialize;

use crate::causes::{Pool, causes};
use crate::notes;
use crate::popular::Popular;
use crate::read::Tally;
use crate::survey::{BackendSurvey, PoolSurvey, Survey};
use crate::{Format, Options};

/// What a log says.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this structure.
    pub schema: u32,
    /// The answer to "is it the balancer?".
    pub verdict: Verdict,
    /// How its lines look.
    #[serde(serialize_with = "format_name")]
    pub format: Format,
    /// Lines that were read.
    pub lines: u64,
    /// Lines that are in another format, or too long.
    pub unread: u64,
    /// Lines from before or after the time that was asked for.
    pub outside: u64,
    /// Whether its times have no zone: they are what the balancer's clock showed.
    pub local_time: bool,
    /// Requests that reached no backend.
    pub nowhere: u64,
    /// Attempts that were not counted, because the log names more pools or backends than are told apart (4,096).
    pub beyond: u64,
    /// What is worth knowing of the log as a whole.
    pub notes: Vec<Note>,
    /// By name.
    pub pools: Vec<PoolReport>,
}

/// What a log says of one pool.
#[derive(Clone, Debug, Serialize)]
pub struct PoolReport {
    /// Its name; empty where the format has none.
    pub pool: String,
    /// Requests, or connections.
    pub requests: u64,
    /// Of them connections that were passed on as they came (layer 4).
    pub connections: u64,
    /// Attempts after the first of a request.
    pub retries: u64,
    /// The first and the last second, since 1970.
    pub first: i64,
    /// See `first`.
    pub last: i64,
    /// Seconds that are looked at together.
    pub tick: i64,
    /// Largest share first.
    pub backends: Vec<BackendReport>,
    /// What is wrong, worst first; nothing if all is well.
    pub causes: Vec<Cause>,
    /// What is worth knowing beside that.
    pub notes: Vec<Note>,
    /// Minutes in which one backend had most above its share, worst first.
    pub worst: Vec<MinuteReport>,
    /// Clients with more than a hundredth of all requests, and their share.
    pub top_clients: Vec<(String, f64)>,
    /// The same of paths.
    pub top_paths: Vec<(String, f64)>,
    /// How many requests count as one because the same client sent them: 1 where each came from another.
    pub design_effect: f64,
    /// More requests until a fault could be told, where there are too few for any verdict: 0 if there are enough.
    pub needed: u64,
}

/// What a log says of one backend.
#[derive(Clone, Debug, Serialize)]
pub struct BackendReport {
    /// As the log calls it.
    pub backend: String,
    /// Attempts.
    pub attempts: u64,
    /// Its part of the pool's attempts, 0.0..=1.0.
    pub share: f64,
    /// The part that it should have.
    pub expected: f64,
    /// Attempts that failed, or were answered with 5xx.
    pub errors: u64,
    /// Requests slower than nine tenths of the pool's.
    pub slow: u64,
    /// Mean duration in milliseconds, where the log has durations.
    pub mean_ms: Option<f64>,
    /// Attempts after which another backend was asked.
    pub passed_on: u64,
    /// Bytes sent to clients.
    pub bytes: u64,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, Serialize)]
pub struct Cause {
    /// `requests`, `errors`, `slow` or `bytes`: what is uneven.
    pub dimension: &'static str,
    /// Which backend.
    pub backend: String,
    /// Whether it has too much.
    pub above: bool,
    /// Its share while that was so, and what it should have been.
    pub share: f64,
    /// See `share`.
    pub expected: f64,
    /// Whether it is critical, not a warning only.
    pub critical: bool,
    /// Seconds since 1970 at which it began.
    pub since: i64,
    /// What it looks like: `weights`, `one_backend`, `hot_client`, `hot_path`, `failover`, `black_hole`, `displaced`,
    /// `missing`, `bad_backend`, `slow_backend`, `overload`, `pinned`.
    pub kind: &'static str,
    /// In words, with figures.
    pub sentence: String,
}

/// The answer to "is it the balancer?".
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is: traffic is not spread as it should be.
    Balancer,
    /// Traffic is even, and one backend misbehaves.
    Backend,
    /// Traffic is even, and all backends were in trouble alike: it is what they share.
    Shared,
    /// Traffic is even, and nothing stands out.
    Even,
    /// There are too few requests.
    Undecided,
    /// No pool has more than one backend in this log, which does not show who gets nothing.
    OneBackend,
    /// No request reached a backend.
    Nothing,
}

/// Something worth knowing that is no fault of how traffic is spread.
#[derive(Clone, Debug, Serialize)]
pub struct Note {
    /// `one_backend`, `retries`, `pinned`, `shared_slow`, `shared_errors`; of the log: `cut`, `mixed`, `clock`.
    pub kind: &'static str,
    /// In words, with figures.
    pub sentence: String,
    /// The first second of it, since 1970, where it has one, and the first one after it.
    pub from: Option<i64>,
    /// See `from`.
    pub until: Option<i64>,
}

/// A minute in which traffic was uneven.
#[derive(Clone, Debug, Serialize)]
pub struct MinuteReport {
    /// Its first second, since 1970.
    pub minute: i64,
    /// The backend with most above its share.
    pub backend: String,
    /// Its share in that minute.
    pub share: f64,
    /// Attempts of the pool in that minute.
    pub attempts: u64,
}

fn format_name<S: serde::Serializer>(format: &Format, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(format.name())
}

impl PoolReport {
    /// Whether shares are outside their bands.
    pub fn is_skewed(&self) -> bool {
        self.causes.iter().any(|cause| matches!(cause.dimension, "requests" | "bytes"))
    }
}

impl Note {
    /// Of the whole time.
    pub(crate) fn new(kind: &'static str, sentence: String) -> Self {
        Self { kind, sentence, from: None, until: None }
    }
}

impl Verdict {
    fn of(pools: &[PoolReport]) -> Self {
        let shared = |note: &Note| note.kind.starts_with("shared");
        let one_backend = |pool: &PoolReport| pool.notes.iter().any(|note| note.kind == "one_backend");
        match () {
            () if pools.is_empty() => Self::Nothing,
            () if pools.iter().any(PoolReport::is_skewed) => Self::Balancer,
            () if pools.iter().any(|pool| !pool.causes.is_empty()) => Self::Backend,
            () if pools.iter().flat_map(|pool| &pool.notes).any(shared) => Self::Shared,
            () if pools.iter().all(one_backend) => Self::OneBackend,
            () if pools.iter().all(|pool| pool.needed > 0 || one_backend(pool)) => Self::Undecided,
            () => Self::Even,
        }
    }
}

impl Report {
    /// Whether nothing at all is wrong.
    pub fn is_clean(&self) -> bool {
        self.pools.iter().all(|pool| pool.causes.is_empty())
    }
}

pub(crate) fn report(format: Format, survey: Survey, tally: Tally, options: &Options) -> Report {
    let (nowhere, beyond) = (survey.nowhere, survey.beyond);
    let pools: Vec<PoolReport> =
        survey.into_pools().into_iter().map(|(name, pool)| pool_report(name, pool, options)).collect();
    Report {
        schema: 1,
        verdict: Verdict::of(&pools),
        local_time: format.is_local(),
        format,
        lines: tally.read,
        unread: tally.unread,
        outside: tally.outside,
        nowhere,
        beyond,
        notes: notes::of_log(&tally),
        pools,
    }
}

/// Minutes that are told.
const WORST: usize = 5;
/// Fewer attempts in a minute say nothing about it.
const MINUTE_MIN: u64 = 30;

fn pool_report(pool: String, mut survey: PoolSurvey, options: &Options) -> PoolReport {
    for (name, _) in &options.expected {
        survey.index_of(name.as_bytes());
    }
    let names: Vec<String> =
        survey.backends.iter().map(|backend| String::from_utf8_lossy(&backend.name).into_owned()).collect();
    let expected = expected(&names, options);
    let total: u64 = survey.backends.iter().map(|backend| backend.attempts).sum();
    let design_effect =
        skew::design_effect(survey.clients.top(usize::MAX).into_iter().map(|often| often.count));
    let causes = causes(&survey, &names, &expected, options);
    let notes = notes::of_pool(&Pool::new(&survey, &names, &expected, options), &causes);
    let seconds: Vec<i64> = survey.series.slices().map(|(second, _)| second).collect();
    PoolReport {
        pool,
        requests: survey.requests,
        connections: survey.connections,
        retries: survey.retries,
        first: seconds.first().copied().unwrap_or_default(),
        last: seconds.last().copied().unwrap_or_default(),
        tick: survey.series.width(),
        worst: worst_minutes(&survey, &names, &expected),
        top_clients: top_clients(&survey, options),
        top_paths: top_paths(&survey),
        needed: needed(&expected, total),
        backends: backend_reports(&survey, &names, &expected),
        causes,
        notes,
        design_effect,
    }
}

/// Largest share first.
fn backend_reports(survey: &PoolSurvey, names: &[String], expected: &[f64]) -> Vec<BackendReport> {
    let total: u64 = survey.backends.iter().map(|backend| backend.attempts).sum();
    let of_backend = |(counted, (name, expected)): (&BackendSurvey, (&String, &f64))| BackendReport {
        backend: name.clone(),
        attempts: counted.attempts,
        share: counted.attempts as f64 / total.max(1) as f64,
        expected: *expected,
        errors: counted.errors,
        slow: counted.slow,
        mean_ms: (counted.timed > 0).then(|| counted.duration_ms / counted.timed as f64),
        passed_on: counted.passed_on,
        bytes: counted.bytes,
    };
    let named = survey.backends.iter().zip(names.iter().zip(expected));
    let mut backends: Vec<BackendReport> = named.map(of_backend).collect();
    backends.sort_by(|one, other| other.attempts.cmp(&one.attempts).then(one.backend.cmp(&other.backend)));
    backends
}

/// What each should have, of all together.
fn expected(names: &[String], options: &Options) -> Vec<f64> {
    if options.expected.is_empty() {
        return vec![1.0 / names.len().max(1) as f64; names.len()];
    }
    let sum: f64 = options.expected.iter().map(|(_, part)| part).sum();
    let part = |name: &String| {
        options.expected.iter().find(|(named, _)| named == name).map_or(0.0, |(_, part)| *part)
    };
    names.iter().map(|name| part(name) / sum).collect()
}

/// Requests that are missing until one backend with twice its share would have been found.
fn needed(expected: &[f64], total: u64) -> u64 {
    let smallest = expected.iter().copied().filter(|share| *share > 0.0).fold(1.0, f64::min);
    if expected.len() < 2 {
        return 0;
    }
    let twice = (2.0 * smallest).min(0.999);
    skew::needed(smallest, twice, Tolerance::INTENT, expected.len()).unwrap_or(0).saturating_sub(total)
}

fn top_clients(survey: &PoolSurvey, options: &Options) -> Vec<(String, f64)> {
    top(&survey.clients, |name| client(name, options))
}

fn top_paths(survey: &PoolSurvey) -> Vec<(String, f64)> {
    top(&survey.paths, |name| String::from_utf8_lossy(name).into_owned())
}

fn top(popular: &Popular, text: impl Fn(&[u8]) -> String) -> Vec<(String, f64)> {
    let total = popular.total().max(1) as f64;
    let shares = popular.top(10).into_iter().map(|often| (text(often.name), often.count as f64 / total));
    shares.filter(|(_, share)| *share > 0.01).collect()
}

/// By name if that is asked for, else by something that tells it from others.
pub(crate) fn client(name: &[u8], options: &Options) -> String {
    if options.show_clients {
        return String::from_utf8_lossy(name).into_owned();
    }
    format!("client #{:08x}", evenkeel_core::PickKey::of(name).hash().unwrap_or_default() as u32)
}

fn worst_minutes(survey: &PoolSurvey, names: &[String], expected: &[f64]) -> Vec<MinuteReport> {
    let mut minutes: HashMap<i64, Vec<u64>> = HashMap::new();
    for (second, counts) in survey.series.slices() {
        let minute = minutes.entry(second - second.rem_euclid(60)).or_insert_with(|| vec![0; names.len()]);
        counts.iter().for_each(|(&backend, counts)| minute[backend] += counts.attempts);
    }
    let judged = minutes.into_iter().filter_map(|(minute, counts)| {
        let attempts: u64 = counts.iter().sum();
        let shares = counts.iter().map(|&count| count as f64 / attempts.max(1) as f64);
        let excess = shares.zip(expected).map(|(share, expected)| share - expected);
        let (backend, most) = excess.enumerate().max_by(|one, other| one.1.total_cmp(&other.1))?;
        let share = most + expected[backend];
        let report = MinuteReport { minute, backend: names[backend].clone(), share, attempts };
        (attempts >= MINUTE_MIN).then_some((most, report))
    });
    let mut judged: Vec<(f64, MinuteReport)> = judged.collect();
    judged.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.minute.cmp(&other.1.minute)));
    judged.into_iter().take(WORST).map(|(_, report)| report).collect()
}
