//! What others read: rendered diagnostics, JSON, the schema, the reference page, the configuration in effect.

mod balancing;
mod contract;
mod effective;
mod json;
mod listener;
mod notify;
mod reference;
mod render;
mod rules;
mod sarif;
mod schema;
mod upstream;

pub use effective::effective;
pub use json::to_json;
pub use reference::reference_page;
pub use render::{RenderStyle, render};
pub use rules::{rule_json, rules_page};
pub use sarif::{to_sarif, unreadable_sarif};
pub use schema::json_schema;
