//! A verification from beginning to end.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::course::{Course, Progress};
use super::plan::Plan;
use super::report::Report;
use super::traffic::Traffic;

/// Sends requests until the split is refused, shown to be right, or there have been enough; or until `stop`. `watch` sees
/// each step.
pub async fn verify(plan: &Plan, stop: impl Future<Output = ()>, mut watch: impl FnMut(Progress)) -> Report {
    let mut course = Course::new(plan);
    let traffic = Arc::new(Traffic::new(plan.clone()));
    let (to, mut sightings) = mpsc::channel(plan.at_a_time);
    let mut senders = JoinSet::new();
    for _ in 0..plan.at_a_time {
        let (traffic, to) = (Arc::clone(&traffic), to.clone());
        senders.spawn(async move { traffic.send(&to).await });
    }
    drop(to);
    tokio::pin!(stop);
    loop {
        let sighting = tokio::select! {
            sighting = sightings.recv() => sighting,
            () = &mut stop => {
                course.tally.interrupted = true;
                break;
            }
        };
        let Some(sighting) = sighting else { break };
        let go_on = course.take(sighting);
        watch(course.progress());
        if !go_on {
            break;
        }
    }
    senders.shutdown().await;
    course.report()
}
