//! Requests on their way.

use crate::lease::Lease;
use crate::pool::Tried;
use crate::strategy::PickKey;
use crate::units::Nanos;

/// A request, from its arrival at a proxy to its last answer.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Its place among all, from 0.
    pub(super) number: u64,
    /// When it came.
    pub(super) came: Nanos,
    /// Whom it came to.
    pub(super) proxy: usize,
    pub(super) key: PickKey,
    pub(super) tried: Tried,
}

/// One attempt at a request.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) lease: Lease,
    /// `None` where no server has that name.
    pub(super) server: Option<usize>,
    /// When it reached the server.
    pub(super) delivered: Nanos,
    /// How many the server had when it came, itself included.
    pub(super) met: u32,
    /// When a worker began with it.
    pub(super) started: Nanos,
    /// The server's life that it belongs to, from its delivery on.
    pub(super) life: u32,
}

/// Where a job is kept. Used again once the job has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct JobId(pub(super) usize);

/// All jobs.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    places: Vec<Option<Job>>,
    free: Vec<usize>,
}

impl Jobs {
    pub(super) fn insert(&mut self, job: Job) -> JobId {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some(job);
        JobId(place)
    }

    pub(super) fn get(&mut self, id: JobId) -> Option<&mut Job> {
        self.places[id.0].as_mut()
    }

    pub(super) fn remove(&mut self, id: JobId) -> Option<Job> {
        let job = self.places[id.0].take();
        if job.is_some() {
            self.free.push(id.0);
        }
        job
    }

    /// Those that are at a server in that life of it.
    pub(super) fn at(&self, server: usize, life: u32) -> Vec<JobId> {
        let here = |job: &Option<Job>| {
            job.as_ref().is_some_and(|job| job.server == Some(server) && job.life == life)
        };
        (0..self.places.len()).filter(|place| here(&self.places[*place])).map(JobId).collect()
    }
}
