//! What the configuration promises: the examples load, mistakes are told in the words written down, nothing panics.

mod allow;
mod bad;
mod examples;
mod golden;
mod mutation;
mod promises;
mod protocols;
mod rules;
mod sarif;
mod schema;
mod values;
