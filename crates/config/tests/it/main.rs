//! What the configuration promises: the examples load, mistakes are told in the words written down, nothing panics.

mod bad;
mod examples;
mod golden;
mod lint;
mod mutation;
mod protocols;
mod schema;
mod values;
