//! What is to be sent and what is expected.

use evenkeel_core::skew::Tolerance;

use super::Bound;
use crate::client::{Dial, Request, Target};
use crate::split::Expectation;
use crate::{By, Names, Vary};

/// Which requests share a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pattern {
    /// None: each has its own.
    #[default]
    Fresh,
    /// So many on each of several connections, one after the other.
    Kept,
    /// All, at the same time: streams of one HTTP/2 connection.
    Streams,
}

/// A verification.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where requests go.
    pub target: Target,
    /// How connections are opened.
    pub dial: Dial,
    /// What is asked.
    pub request: Request,
    /// Which requests share a connection.
    pub pattern: Pattern,
    /// What differs from one request to the next; of [`Vary::Source`], from one connection to the next.
    pub vary: Option<Vary>,
    /// Follow sessions: clients that send back the cookies they are given, or keep their key, over several connections.
    pub sticky: bool,
    /// What names backends; found out from the first answers if not said.
    pub by: Option<By>,
    /// What else backends are called.
    pub names: Names,
    /// What each should have.
    pub expectation: Expectation,
    /// What backends may have beside that, whatever the tolerance.
    pub bounds: Vec<Bound>,
    /// How far off a share may be without meaning anything.
    pub tolerance: Tolerance,
    /// The trial ends well when a share that is wrong by this factor would have been found; above 1 plus the tolerance.
    pub factor: f64,
    /// Up to this part of the requests may fail, 0.0..=1.0.
    pub failures_max: f64,
    /// Requests at most.
    pub requests: u64,
    /// Requests under way at the same time, 1 or more.
    pub at_a_time: usize,
    /// Requests on a connection that is kept, or in a session; 1 or more.
    pub each: u32,
    /// What is to be told with the result, one sentence each.
    pub notes: Vec<String>,
    /// For keys and the choice of connections.
    pub seed: u64,
}

impl Pattern {
    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Kept => "kept",
            Self::Streams => "streams",
        }
    }
}
