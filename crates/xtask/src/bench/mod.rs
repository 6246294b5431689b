//! `cargo xtask bench`: how much work a request is, beside the peers, in one run.
//!
//! Machines differ and drift, so only ratios within one run count: every contender takes its turn in every round, each
//! with one worker pinned to one core, while backends and load generator have the other.

mod answer;
mod backends;
mod bar;
mod certificate;
mod compare;
mod contender;
mod figures;
pub(crate) mod generate;
pub(crate) mod growth;
pub(crate) mod grpc_echo;
mod idle;
mod measure;
mod measured;
mod options;
mod own;
pub(crate) mod paced;
pub(crate) mod pick;
pub(crate) mod plain_server;
mod process;
mod reload;
mod report;
mod scenario;
mod secure;
mod table;
mod tail;
pub(crate) mod udp_echo;

pub(crate) use compare::run;
pub(crate) use measure::target;
pub(crate) use options::Options;
