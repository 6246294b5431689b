//! What a run sends, where, and how.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::arrivals::Arrivals;
use super::profile::Profile;
use crate::Vary;
use crate::client::{Dial, Request, Target};
use crate::{By, Names};

/// Everything that a run needs to know.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where requests go.
    pub target: Target,
    /// The addresses that stand for it; connections are opened to each in turn.
    pub addresses: Vec<SocketAddr>,
    /// How connections are opened.
    pub dial: Dial,
    /// What is asked.
    pub request: Request,
    /// What differs from one request to the next.
    pub vary: Option<Vary>,
    /// How many different keys there are; one for each request if not said.
    pub keys: Option<u64>,
    /// What names the backend in an answer.
    pub by: Option<By>,
    /// What else backends are called.
    pub names: Names,
    /// How many requests are due, when.
    pub profile: Arc<Profile>,
    /// How they follow each other.
    pub arrivals: Arrivals,
    /// The same seed gives the same moments and keys.
    pub seed: u64,
    /// Connections at a time, 1 and up.
    pub connections: usize,
    /// Requests at a time on each: more than 1 is HTTP/2 only.
    pub streams: usize,
    /// A connection is closed after so many requests.
    pub requests_per_connection: Option<u64>,
    /// Threads that send, 1 and up; there are never more than connections.
    pub threads: usize,
}

impl Plan {
    /// Which key a request has. A connection keeps its address, so that goes by the connection.
    pub(super) fn key_of(&self, request: u64, line: usize) -> u64 {
        let number = if self.vary == Some(Vary::Source) { line as u64 } else { request };
        self.keys.map_or(number, |keys| number % keys.max(1))
    }

    /// Threads that there will be.
    pub(super) fn parts(&self) -> usize {
        self.threads.clamp(1, self.connections.max(1))
    }

    /// Longest wait for an answer.
    pub(super) fn timeout(&self) -> Duration {
        self.dial.timeout
    }

    /// The same, at other rates.
    #[must_use]
    pub fn with_profile(&self, profile: Profile, seed: u64) -> Self {
        Self { profile: Arc::new(profile), seed, ..self.clone() }
    }
}
