//! Bounds on how long a connection waits, at next to no cost while nothing is late.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::lifecycle::Stage;

/// One timer for all waits of one connection in one direction.
///
/// It is armed lazily: when the wanted deadline is later than the one it is armed for, it is left alone, and
/// set anew only if it goes off. A busy connection so touches the runtime's timer wheel about once in a timeout,
/// not twice a request.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Why a wait ended without its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// It took too long.
    TimedOut,
    /// The drain deadline has passed: everything ends now.
    Cut,
}

impl Timer {
    /// Runs `future` for at most `duration` and not past `not_after`.
    pub(crate) async fn limit<F: Future>(
        &mut self,
        stage: &Stage,
        duration: Duration,
        not_after: Option<Instant>,
        future: F,
    ) -> Result<F::Output, Interrupted> {
        let mut deadline = None;
        let own = || Some(*deadline.get_or_insert_with(|| Instant::now() + duration));
        self.limit_until(stage, own, not_after, future).await
    }

    /// As [`Timer::limit`], with a deadline that may become known only while `future` runs.
    pub(crate) async fn limit_until<F: Future>(
        &mut self,
        stage: &Stage,
        mut deadline: impl FnMut() -> Option<Instant>,
        not_after: Option<Instant>,
        future: F,
    ) -> Result<F::Output, Interrupted> {
        let mut future = pin!(future);
        std::future::poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            if stage.is_cut() {
                return Poll::Ready(Err(Interrupted::Cut));
            }
            let deadline = match (deadline(), not_after) {
                (Some(own), Some(whole)) => own.min(whole),
                (Some(deadline), None) | (None, Some(deadline)) => deadline,
                (None, None) => return Poll::Pending,
            };
            self.poll_deadline(context, deadline).map(|()| Err(Interrupted::TimedOut))
        })
        .await
    }

    /// Ready once `deadline` has passed.
    pub(crate) fn poll_deadline(&mut self, context: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(context).is_ready() {
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn wait(timer: &mut Timer, stage: &Stage, millis: u64) -> Duration {
        let start = Instant::now();
        let outcome =
            timer.limit(stage, Duration::from_millis(millis), None, std::future::pending::<()>()).await;
        assert_eq!(outcome, Err(Interrupted::TimedOut));
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn fires_at_its_deadline_whatever_it_was_armed_for() {
        let (mut timer, stage) = (Timer::default(), Stage::default());
        for millis in [100, 10, 500, 20, 20, 700] {
            let quick = timer.limit(&stage, Duration::from_millis(300), None, tokio::task::yield_now()).await;
            assert_eq!(quick, Ok(()));
            let waited = wait(&mut timer, &stage, millis).await.as_millis() as u64;
            assert!((millis..=millis + 1).contains(&waited), "{waited} for {millis}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_of_two_deadlines_holds() {
        let (mut timer, stage) = (Timer::default(), Stage::default());
        let start = Instant::now();
        let whole = Some(start + Duration::from_millis(50));
        let never = std::future::pending::<()>();
        assert_eq!(
            timer.limit(&stage, Duration::from_secs(9), whole, never).await,
            Err(Interrupted::TimedOut)
        );
        assert!(start.elapsed() < Duration::from_millis(60));
    }

    #[tokio::test]
    async fn a_cut_ends_every_wait() {
        let (mut timer, stage) = (Timer::default(), Stage::default());
        stage.cut();
        let never = std::future::pending::<()>();
        assert_eq!(timer.limit(&stage, Duration::from_secs(9), None, never).await, Err(Interrupted::Cut));
    }
}
