//! Open-loop load: requests are sent when they are due, whatever the answers do, and their latency counts from then.
//!
//! A client that waits for one answer before it asks again asks a server that stalls less often, and so hardly notices. Here
//! the moments are fixed before the first request ([`Schedule`]); where no connection is free the request waits, and the wait
//! is part of its latency (Gil Tene's correction of coordinated omission, by construction).

mod alarm;
mod arrivals;
mod capacity;
mod generator;
mod latencies;
mod line;
mod objective;
mod page;
mod plan;
mod profile;
mod record;
mod report;
mod sample;
mod search;
mod seat;
mod split;
mod timeline;

pub use arrivals::{Arrivals, Schedule};
pub use capacity::{Bound, Capacity, Probe, probe_of, profile_of};
pub use generator::{Progress, Run};
pub use latencies::{Latencies, Summary};
pub use objective::{BadObjective, Miss, Objective, Term};
pub use page::page;
pub use plan::Plan;
pub use profile::{BadProfile, Profile, Rates, Stage};
pub use record::{BackendRecord, Clusters, Record, StageRecord};
pub use report::{
    BackendReport, CurvePoint, Generator, ObjectiveReport, Report, SliceReport, StageReport, report,
};
pub use sample::{Class, Failures, Sample};
pub use search::{Bracket, Judged, Next, Search};
pub use split::{Expected, Found, Split, Verdict, expected, judge};
pub use timeline::{Slice, Timeline};
