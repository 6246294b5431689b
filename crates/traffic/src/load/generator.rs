//! Sends what is due when it is due, whatever answers do.

use std::io;
use std::iter::Peekable;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout_at;

use super::alarm::Alarm;
use super::arrivals::Schedule;
use super::plan::Plan;
use super::record::Record;
use super::sample::{Class, Sample};
use super::seat::{self, Seats};
use crate::client::FailureClass;

/// A run that is under way. It ends with this.
#[derive(Debug)]
pub struct Run {
    parts: Vec<Arc<Part>>,
    threads: Vec<JoinHandle<io::Result<()>>>,
    stop: watch::Sender<bool>,
    began: Instant,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Requests that were due until now.
    pub due: u64,
    /// Requests that have ended.
    pub ended: u64,
    /// Those that failed.
    pub failed: u64,
    /// Requests that were due and wait for a connection.
    pub waiting: u64,
    /// Answers that named a backend, of the backend that gave most, and how many backends there are.
    pub most: u64,
    /// See `most`.
    pub backends: usize,
}

/// What one thread does.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) plan: Plan,
    pub(super) began: Instant,
    /// As many permits as requests are due that nobody has taken. When all are taken: as many as there are seats.
    pub(super) due: Semaphore,
    pub(super) state: Mutex<State>,
    index: usize,
}

/// What the tasks of a thread share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) record: Record,
    /// Requests that nobody has taken: the same moments again as those that the dispatcher walks through, so that a queue of any
    /// length takes no memory.
    pub(super) queue: Peekable<Schedule>,
    /// Requests that were due until now, and those that were taken.
    pub(super) dispatched: u64,
    pub(super) taken: u64,
    /// Due and sent of the request that each seat has under way.
    pub(super) open: Vec<Option<(u64, u64)>>,
}

/// Time to start all threads before the first request is due.
const HEAD_START: Duration = Duration::from_millis(20);
/// The shortest sleep: at rates above this, requests are sent in bunches.
const NAP_MIN: Duration = Duration::from_micros(50);
/// How long answers are waited for when a run is ended from outside.
const GRACE: Duration = Duration::from_secs(1);

impl Run {
    /// Begins.
    ///
    /// # Errors
    /// When threads or timers cannot be had.
    pub fn start(plan: &Plan) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let began = Instant::now() + HEAD_START;
        let parts: Vec<Arc<Part>> =
            (0..plan.parts()).map(|index| Arc::new(Part::new(plan.clone(), index, began))).collect();
        let mut threads = Vec::new();
        for part in &parts {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (part, stopped) = (Arc::clone(part), stopped.clone());
            let name = format!("load-{}", part.index);
            threads.push(std::thread::Builder::new().name(name).spawn(move || part.run(&runtime, stopped))?);
        }
        Ok(Self { parts, threads, stop, began })
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let mut all = Progress::default();
        for part in &self.parts {
            let state = part.state();
            all.due += state.dispatched;
            all.ended += state.record.requests;
            all.failed += state.record.failures.total();
            all.waiting += state.dispatched.saturating_sub(state.taken);
            all.backends = all.backends.max(state.record.backends.len());
            all.most += state.record.backends.iter().map(|backend| backend.answers).max().unwrap_or(0);
        }
        all
    }

    /// Since its first request was due.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether all is done.
    pub fn is_over(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Sends nothing more, and waits for answers for a second at most.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for the end; gives what was counted, and how long requests were due for.
    ///
    /// # Errors
    /// When a thread could not do its work.
    pub fn finish(self) -> io::Result<Record> {
        for thread in self.threads {
            thread.join().map_err(|_| io::Error::other("a thread that sends has panicked"))??;
        }
        let mut records = self.parts.iter().map(|part| {
            let empty = Record::new(part.plan.profile.stages().len());
            std::mem::replace(&mut part.state().record, empty)
        });
        let mut all = records.next().unwrap_or_else(|| Record::new(1));
        records.for_each(|record| all.merge(record));
        Ok(all)
    }
}

impl Part {
    fn new(plan: Plan, index: usize, began: Instant) -> Self {
        let stages = plan.profile.stages().len();
        let schedule = schedule(&plan, index);
        let state = State {
            record: Record::new(stages),
            queue: schedule.peekable(),
            dispatched: 0,
            taken: 0,
            open: Vec::new(),
        };
        Self { plan, began, due: Semaphore::new(0), state: Mutex::new(state), index }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds after the start; 0 before it.
    pub(super) fn now(&self) -> u64 {
        Instant::now().saturating_duration_since(self.began).as_nanos() as u64
    }

    /// The numbers of the connections that are this thread's.
    pub(super) fn lines(&self) -> impl Iterator<Item = usize> {
        (self.index..self.plan.connections.max(1)).step_by(self.plan.parts())
    }

    /// What number of all requests one of this thread's has.
    pub(super) fn number(&self, own: u64) -> u64 {
        own * self.plan.parts() as u64 + self.index as u64
    }

    fn run(self: Arc<Self>, runtime: &Runtime, mut stopped: watch::Receiver<bool>) -> io::Result<()> {
        runtime.block_on(async {
            let alarm = Alarm::new()?;
            let mut seats = seat::take(&self);
            tokio::select! {
                outcome = self.dispatch(&alarm) => outcome?,
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
            self.due.add_permits(seats.len());
            self.drain(&mut seats, stopped).await;
            Ok(())
        })
    }

    /// Lets requests be sent as they become due. It never waits for an answer, so however late it is, it alone is to blame.
    async fn dispatch(&self, alarm: &Alarm) -> io::Result<()> {
        let mut schedule = schedule(&self.plan, self.index).peekable();
        while let Some(due) = schedule.peek().copied() {
            let now = Instant::now();
            let moment = self.began + Duration::from_nanos(due);
            if moment > now {
                alarm.wait((moment - now).max(NAP_MIN)).await?;
            }
            self.due.add_permits(self.let_go(&mut schedule));
            // Else a generator that is late would never look for answers.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Counts what is due by now and how late that is; how many requests are.
    fn let_go(&self, schedule: &mut Peekable<Schedule>) -> usize {
        let (now, mut count) = (self.now(), 0);
        let mut state = self.state();
        while let Some(due) = schedule.next_if(|due| *due <= now) {
            state.record.lag.record(now - due);
            count += 1;
        }
        state.dispatched += count as u64;
        count
    }

    /// What was due is sent, and answers are waited for, as long as an answer may take.
    async fn drain(&self, seats: &mut Seats, mut stopped: watch::Receiver<bool>) {
        let end = tokio::time::Instant::now() + self.plan.timeout();
        let ended = async {
            let interrupted = stopped.wait_for(|stopped| *stopped);
            tokio::select! {
                _ = timeout_at(end, seats.ended()) => return false,
                _ = interrupted => {}
            }
            let end = end.min(tokio::time::Instant::now() + GRACE);
            timeout_at(end, seats.ended()).await.ok();
            true
        };
        let is_interrupted = ended.await;
        seats.leave().await;
        self.close(is_interrupted);
    }

    /// Counts what has not ended: it has waited for so long at least.
    fn close(&self, is_interrupted: bool) {
        let now = self.now();
        let mut state = self.state();
        let State { record, queue, dispatched, taken, open } = &mut *state;
        let mut count = |due: u64, sent: u64, class: Class| {
            if is_interrupted {
                return record.left_behind(now.saturating_sub(due));
            }
            let sample = Sample { due, sent, done: now, backend: None, failure: Some(class), bytes: 0 };
            record.add(&sample, self.plan.profile.stage_at(due));
        };
        for (due, sent) in open.iter_mut().filter_map(Option::take) {
            count(due, sent, Class::Unanswered(FailureClass::Timeout));
        }
        let unsent = dispatched.saturating_sub(*taken);
        for due in queue.take(unsent as usize) {
            count(due, now, Class::Unsent);
        }
        record.waited += unsent;
    }
}

fn schedule(plan: &Plan, index: usize) -> Schedule {
    Schedule::part(Arc::clone(&plan.profile), plan.arrivals, plan.seed, index, plan.parts())
}
