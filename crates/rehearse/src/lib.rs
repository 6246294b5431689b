//! What share of the requests each backend of a configuration will have, while all is well and in each failure, before
//! it is deployed.
//!
//! The pools are those of `run`: the same state machine, the same snapshots, the same picks. Only time, clients and
//! servers are invented, from a seed: the same file and the same options give the same report.
//!
//! ```
//! use evenkeel_config::{Source, load};
//! use evenkeel_rehearse::{Options, rehearse};
//!
//! let source = Source::new("web.toml", r#"
//!     [listener.web]
//!     bind = ":8080"
//!     pool = "web"
//!     [pool.web]
//!     strategy = "round_robin"
//!     health = { path = "/healthz" }
//!     backends = [{ address = "10.0.0.11:80", weight = 5 }, "10.0.0.12:80", "10.0.0.13:80"]
//! "#);
//! let config = load(&source).config.expect("a sound file");
//! let report = rehearse(&config, &Options::default());
//! assert_eq!(report.problems[0].kind, "weights");
//! let shares = &report.pools[0].backends;
//! assert!((shares[0].share - 5.0 / 7.0).abs() < 1e-9 && (shares[0].intent - 1.0 / 3.0).abs() < 1e-9);
//! ```
#![warn(missing_docs)]

mod cast;
mod causes;
mod contract;
mod flapping;
mod harm;
mod keys;
mod notice;
mod options;
mod play;
mod reach;
mod recorded;
mod rehearsal;
mod report;
mod risks;
mod stage;

pub use options::{Addresses, Load, Options};
pub use recorded::Recorded;
pub use rehearsal::rehearse;
pub use report::{BackendReport, Finding, LoadReport, PoolReport, Report, SituationReport};
