//! Tasks that take what is due, send it and wait for the answer: one for each request that may be under way.

use std::sync::Arc;

use tokio::sync::{Mutex, SemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::generator::Part;
use super::line::Line;
use super::sample::{Class, Sample};
use crate::client::{Answer, Failure};

/// All of a thread.
#[derive(Debug)]
pub(super) struct Seats {
    tasks: JoinSet<()>,
    lines: Vec<Arc<Mutex<Line>>>,
    part: Arc<Part>,
}

/// One of them.
struct Seat {
    part: Arc<Part>,
    line: Arc<Mutex<Line>>,
    index: usize,
}

/// Begins all seats of a thread, within its runtime.
pub(super) fn take(part: &Arc<Part>) -> Seats {
    let mut tasks = JoinSet::new();
    let mut lines = Vec::new();
    for number in part.lines() {
        let line = Arc::new(Mutex::new(Line::new(number, &part.plan)));
        for _ in 0..part.plan.streams.max(1) {
            part.state().open.push(None);
            let index = tasks.len();
            let seat = Seat { part: Arc::clone(part), line: Arc::clone(&line), index };
            tasks.spawn(seat.work());
        }
        lines.push(line);
    }
    Seats { tasks, lines, part: Arc::clone(part) }
}

impl Seats {
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until all have nothing more to do.
    pub(super) async fn ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Ends those that wait, and closes every connection.
    pub(super) async fn leave(&mut self) {
        self.tasks.shutdown().await;
        for line in &self.lines {
            let mut line = line.lock().await;
            line.end(&mut self.part.state().record.clusters);
        }
    }
}

impl Seat {
    async fn work(self) {
        loop {
            // Where one is there already, all seats were taken when its request was due.
            let waited = self.part.due.try_acquire().map(SemaphorePermit::forget).is_ok();
            if !waited {
                let Ok(permit) = self.part.due.acquire().await else { return };
                permit.forget();
            }
            let Some((due, number)) = self.next_due(waited) else { return };
            let sent = self.part.now();
            self.part.state().open[self.index] = Some((due, sent));
            let outcome = self.exchange(number).await;
            self.count(due, sent, &outcome);
        }
    }

    /// The oldest request that nobody has taken, and its number.
    fn next_due(&self, waited: bool) -> Option<(u64, u64)> {
        let mut state = self.part.state();
        if state.taken >= state.dispatched {
            return None;
        }
        let due = state.queue.next()?;
        state.taken += 1;
        state.record.waited += u64::from(waited);
        Some((due, self.part.number(state.taken - 1)))
    }

    /// The answer, and who gave it.
    async fn exchange(&self, number: u64) -> Result<(Answer, Option<String>), Failure> {
        let plan = &self.part.plan;
        let deadline = Instant::now() + plan.timeout();
        let exchange = async {
            let mut line = self.line.lock().await;
            let (mut ticket, request) = line.ticket(&self.part, number).await?;
            drop(line);
            let answer = ticket.send(request.as_ref().unwrap_or(&plan.request)).await?;
            let named = plan.by.as_ref().and_then(|by| by.name_in(&answer));
            let named = named.map(|name| plan.names.resolve(&name).to_owned());
            self.line.lock().await.answered(ticket, &answer, named.as_deref());
            Ok((answer, named))
        };
        tokio::time::timeout_at(deadline, exchange).await.unwrap_or(Err(Failure::Timeout("whole answer")))
    }

    fn count(&self, due: u64, sent: u64, outcome: &Result<(Answer, Option<String>), Failure>) {
        let done = self.part.now();
        let (failure, backend, bytes) = match outcome {
            Ok((answer, backend)) => (Class::of_status(answer.status), backend.as_deref(), answer.bytes),
            Err(failure) => (Some(Class::Unanswered(failure.class())), None, 0),
        };
        let sample = Sample { due, sent, done, backend, failure, bytes };
        let stage = self.part.plan.profile.stage_at(due);
        let mut state = self.part.state();
        state.open[self.index] = None;
        state.record.add(&sample, stage);
    }
}
