//! Evenkeel's configuration file: TOML in, a checked [`Config`] or diagnostics out.
//!
//! All problems of a file are reported in one run, each with its place, its effect on the traffic and what to write
//! instead. Pure but for [`Source::read`].
//!
//! ```
//! let source = evenkeel_config::Source::new("web.toml", r#"
//!     [listener.web]
//!     bind = ":8080"
//!     pool = "web"
//!     [pool.web]
//!     backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
//!     health = { path = "/healthz", intervall = "1s" }
//! "#);
//! let loaded = evenkeel_config::load(&source);
//! assert!(loaded.config.is_none());
//! assert_eq!(loaded.diagnostics[0].code, "unknown-key");
//! assert_eq!(loaded.diagnostics[0].label, "did you mean `interval`?");
//! ```
#![warn(missing_docs)]

mod allow;
mod assemble;
mod check;
mod decode;
pub mod defaults;
mod diagnostic;
mod keys;
mod load;
pub mod model;
mod places;
mod quick;
mod rules;
mod scope;
mod show;
mod source;
mod span;
mod syntax;
mod values;

pub use allow::Allowed;
pub use check::{Reserve, reserve};
pub use diagnostic::{Diagnostic, Severity};
pub use load::{Loaded, load};
pub use model::*;
pub use places::{Place, Places, Step};
pub use rules::{Rule, nearest_rule, rule, rules};
pub use show::{
    RenderStyle, effective, json_schema, reference_page, render, rule_json, rules_page, to_json, to_sarif,
    unreadable_sarif,
};
pub use source::Source;
pub use values::percent;
