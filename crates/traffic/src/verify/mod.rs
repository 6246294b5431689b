//! Sends requests through a balancer, and says whether the answers are split as they should be.

mod bound;
mod course;
mod judge;
mod mixing;
mod plan;
mod report;
mod routes;
mod run;
mod sessions;
mod sighting;
mod traffic;

pub use bound::Bound;
pub use course::Progress;
pub use plan::{Pattern, Plan};
pub use report::{BackendReport, ExcludedReport, Report, StickyReport, Unit, Verdict};
pub use routes::{PoolNames, RouteCheck, RouteOutcome, RouteReport, RoutesReport, verify_routes};
pub use run::verify;
