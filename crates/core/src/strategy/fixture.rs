//! Members to compare in tests of strategies.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use crate::id::BackendId;
use crate::lease::{Lease, Outcome, Reason};
use crate::pool::eligible::Candidate;
use crate::pool::{Eligible, Member, Placement, Tried};
use crate::units::{Nanos, Weight};

/// Members `0`, `1`, … with serials from 1 on.
pub(super) struct Members {
    candidates: Vec<Candidate>,
    held: RefCell<Vec<Lease>>,
}

impl Members {
    pub(super) fn new(weights: &[u32]) -> Self {
        let candidate = |(i, weight): (usize, &u32)| {
            let member = Member {
                id: BackendId::new(i.to_string()),
                address: None,
                weight: Weight::new(*weight).unwrap(),
                placement: Placement::default(),
                serial: i as u64 + 1,
                session: 0,
                load: Arc::default(),
            };
            Candidate::new(&Arc::new(member), *weight)
        };
        Self { candidates: weights.iter().enumerate().map(candidate).collect(), held: RefCell::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.candidates.len()
    }

    pub(super) fn weights(&self) -> Vec<Weight> {
        self.candidates.iter().map(|candidate| candidate.member.weight).collect()
    }

    pub(super) fn eligible<T>(&self, read: impl FnOnce(&Eligible<'_>) -> T) -> T {
        self.without(&Tried::default(), read)
    }

    pub(super) fn without<T>(&self, tried: &Tried, read: impl FnOnce(&Eligible<'_>) -> T) -> T {
        read(&Eligible::new(&self.candidates, tried).expect("not all are tried"))
    }

    /// Has that many more requests in flight until the members are dropped.
    pub(super) fn busy(&self, position: usize, requests: u32) {
        let leases = (0..requests).map(|_| self.begin(position, Nanos::ZERO));
        self.held.borrow_mut().extend(leases);
    }

    /// One attempt that ends at `now` after so many milliseconds.
    pub(super) fn answered(&self, position: usize, outcome: Outcome, millis: u64, now: Nanos) {
        let started = Nanos(now.0 - Duration::from_millis(millis).as_nanos() as u64);
        self.begin(position, started).end(outcome, now);
    }

    fn begin(&self, position: usize, now: Nanos) -> Lease {
        Lease::begin(&self.candidates[position], Reason::Algorithm, 1, DECAY, now)
    }
}

/// Ten seconds.
const DECAY: u32 = 10_000;
