//! What an access log says of how a balancer spread its traffic: shares, whether they are what they should be, since
//! when not, and what shows in the log as the reason.
//!
//! ```
//! use evenkeel_analyze::{Format, Options, analyze};
//!
//! let line = |second: u32, backend: u32| {
//!     format!(
//!         "192.0.2.1:999 [21/Nov/2026:12:{:02}:{:02}.000] web web/s{backend} 0/0/0/3/3 200 99 - - ---- 1/1/0/0/0 0/0 \
//!          \"GET / HTTP/1.1\"\n",
//!         second / 60, second % 60
//!     )
//! };
//! let log: String = (0..600).map(|second| line(second, if second % 7 < 6 { 1 } else { 2 })).collect();
//! let report = analyze(log.as_bytes(), &Options::default()).expect("a readable log");
//! assert_eq!(report.format, Format::Haproxy);
//! assert!(report.pools[0].is_skewed());
//! ```
#![warn(missing_docs)]

mod causes;
mod entry;
mod explain;
mod format;
mod heavy;
mod lines;
mod notes;
mod popular;
mod read;
mod report;
mod series;
mod survey;
mod time;

pub use explain::percent;
pub use format::{FieldMap, FieldMapError, Format, Template, TemplateError};
pub use read::{AnalyzeError, analyze};
pub use report::{BackendReport, Cause, MinuteReport, Note, PoolReport, Report, Verdict};
pub use time::{parse_time, utc};

/// What the log does not say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How lines look; found out if not said.
    pub format: Option<Format>,
    /// What each backend should have, in any unit: equal parts of all that occur if empty. Who is named here and does not
    /// occur has a share of 0; who occurs and is not named should have nothing.
    pub expected: Vec<(String, f64)>,
    /// Only these pools; all if empty.
    pub pools: Vec<String>,
    /// Only lines from this second on, since 1970.
    pub since: Option<i64>,
    /// Only lines from before this second, since 1970.
    pub until: Option<i64>,
    /// Whether clients are named; told by a hash otherwise.
    pub show_clients: bool,
}
