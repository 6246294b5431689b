//! What a server does with a request, and when it can do no more.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::Spec;
use super::database::Database;

/// What a server of the kernel's says of one that ran out of memory.
const OUT_OF_MEMORY: i32 = 137;

/// One server's, for all of its connections.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) name: String,
    slots: Semaphore,
    service: Duration,
    queue: usize,
    dies: Option<Duration>,
    database: Option<Database>,
    waiting: AtomicUsize,
    /// Since when it has had to refuse.
    full_since: Mutex<Option<Instant>>,
    /// How many times longer a request takes than it should, in thousandths.
    slower: AtomicU64,
    failing: AtomicBool,
}

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Well,
    /// Too many wait.
    Refused,
    /// It, or what it needs, is broken.
    Failed,
}

impl Done {
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Well => 200,
            Self::Refused => 503,
            Self::Failed => 500,
        }
    }
}

impl Work {
    pub(super) fn new(spec: &Spec) -> Arc<Self> {
        Arc::new(Self {
            name: spec.name.clone(),
            slots: Semaphore::new(spec.workers),
            service: spec.service,
            queue: spec.queue,
            dies: spec.dies,
            database: spec.database.map(Database::new),
            waiting: AtomicUsize::new(0),
            full_since: Mutex::new(None),
            slower: AtomicU64::new(1000),
            failing: AtomicBool::new(false),
        })
    }

    /// From now on it is so many times slower, and fails at once or not.
    pub(super) fn set(&self, slower: f64, failing: bool) {
        self.slower.store((slower * 1000.0) as u64, Ordering::Relaxed);
        self.failing.store(failing, Ordering::Relaxed);
    }

    /// One request.
    pub(super) async fn request(&self) -> Done {
        if self.failing.load(Ordering::Relaxed) {
            return Done::Failed;
        }
        let Some(waiting) = self.queue() else { return Done::Refused };
        // It is never closed.
        let Ok(_slot) = self.slots.acquire().await else { return Done::Failed };
        drop(waiting);
        tokio::time::sleep(self.service.mul_f64(self.slower.load(Ordering::Relaxed) as f64 / 1000.0)).await;
        match &self.database {
            Some(database) if database.query().await.is_err() => Done::Failed,
            _ => Done::Well,
        }
    }

    /// A place to wait in, until dropped.
    fn queue(&self) -> Option<Waiting<'_>> {
        let mut full_since = self.full_since.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = self.waiting.load(Ordering::Relaxed);
        if waiting < self.queue.max(1) {
            if waiting <= self.queue / 2 {
                *full_since = None;
            }
            self.waiting.fetch_add(1, Ordering::Relaxed);
            return Some(Waiting(&self.waiting));
        }
        let since = *full_since.get_or_insert_with(Instant::now);
        if self.dies.is_some_and(|dies| since.elapsed() >= dies) {
            std::process::exit(OUT_OF_MEMORY);
        }
        None
    }
}

/// One more waits while it lives.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::spec;
    use super::*;

    async fn all(work: &Arc<Work>, requests: usize) -> Vec<Done> {
        let tasks: Vec<_> = (0..requests)
            .map(|_| {
                let work = Arc::clone(work);
                tokio::spawn(async move { work.request().await })
            })
            .collect();
        let mut done = Vec::new();
        for task in tasks {
            done.push(task.await.unwrap());
        }
        done
    }

    #[tokio::test]
    async fn what_cannot_be_done_at_once_waits_and_beyond_that_is_refused() {
        let work = Work::new(&spec(2, 4));
        let started = Instant::now();
        let done = all(&work, 8).await;
        let well = done.iter().filter(|one| **one == Done::Well).count();
        // Whoever comes before the first one works waits, too.
        assert!((4..=6).contains(&well) && done.contains(&Done::Refused), "{done:?}");
        assert!(started.elapsed() >= Duration::from_millis(40), "two at a time, 20 ms each");
        assert_eq!(all(&work, 1).await, [Done::Well], "it recovers");
    }

    #[tokio::test]
    async fn it_is_slow_or_fails_as_it_is_told() {
        let work = Work::new(&spec(1, 4));
        work.set(5.0, false);
        let started = Instant::now();
        assert_eq!(all(&work, 1).await, [Done::Well]);
        assert!(started.elapsed() >= Duration::from_millis(100));
        work.set(1.0, true);
        assert_eq!(all(&work, 1).await, [Done::Failed]);
    }
}
