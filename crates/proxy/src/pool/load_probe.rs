//! Load probes: asking backends how busy they are, for strategies that go by it.
//!
//! A request says only that probes are due; they are sent on the control thread, so that no request waits for them and
//! none pays for them. They go over connections of their own, which are kept.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use evenkeel_config::LoadProbe;
use evenkeel_core::{Member, PoolSnapshot, Rng};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::tls::{ClientTls, Securely};
use crate::transport::Transport;

use super::cell::PoolCell;
use super::load_report::{self, Report};
use super::probe::own_header;

/// Probes of one pool under way at the same time. What is due beyond that is not sent: later ones say the same.
const AT_ONCE: usize = 128;
/// Connections kept for the probes of one backend of a large pool. In a small one as many as are needed at once.
const KEPT_MIN: usize = 2;

/// What requests and the task that probes share.
#[derive(Debug, Default)]
pub(crate) struct Prober {
    due: AtomicU32,
    wake: Notify,
    pub(crate) counts: ProbeCounts,
}

/// What has become of the probes that were due.
#[derive(Debug, Default)]
pub(crate) struct ProbeCounts {
    pub(crate) answered: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Not sent, because too many were under way.
    pub(crate) skipped: AtomicU64,
}

/// One backend to ask.
struct Question {
    member: Arc<Member>,
    address: SocketAddr,
    securely: Option<Securely>,
    kept: Option<Transport>,
}

/// A probe that has ended.
struct Ended {
    serial: u64,
    answered: bool,
    /// The connection, when it can be used again, and how it is secured.
    stream: Option<(Transport, u64)>,
}

impl Prober {
    /// To be called once for each request.
    pub(crate) fn request_came(&self, snapshot: &PoolSnapshot) {
        let due = snapshot.probes_due();
        if due > 0 {
            self.due.fetch_add(due as u32, Ordering::Relaxed);
            self.wake.notify_one();
        }
    }
}

/// Sends probes as they fall due, for ever.
pub(super) async fn run(pool: Arc<PoolCell>, probe: Arc<LoadProbe>, mut rng: Rng) {
    let mut running: JoinSet<Ended> = JoinSet::new();
    let mut kept = Kept::default();
    let counts = &pool.prober.counts;
    loop {
        tokio::select! {
            () = pool.prober.wake.notified() => {
                let due = pool.prober.due.swap(0, Ordering::Relaxed) as usize;
                let snapshot = pool.snapshot.load_full();
                let most = AT_ONCE.saturating_sub(running.len()).min(due);
                let tls = pool.settings.load().tls.clone();
                let questions = questions(&snapshot, tls.as_deref(), most, &mut kept, &mut rng);
                counts.skipped.fetch_add((due - questions.len()) as u64, Ordering::Relaxed);
                for question in questions {
                    running.spawn(ask(question, Arc::clone(&pool), Arc::clone(&probe), Arc::clone(&snapshot)));
                }
            }
            Some(Ok(Ended { serial, answered, stream })) = running.join_next() => {
                let count = if answered { &counts.answered } else { &counts.failed };
                count.fetch_add(1, Ordering::Relaxed);
                kept.put(&pool.snapshot.load(), serial, stream);
            }
        }
    }
}

/// Whom to ask next: at most `most`, as many at a time as the snapshot names.
fn questions(
    snapshot: &PoolSnapshot,
    tls: Option<&ClientTls>,
    most: usize,
    kept: &mut Kept,
    rng: &mut Rng,
) -> Vec<Question> {
    let mut questions = Vec::new();
    while questions.len() < most {
        let before = questions.len();
        questions.extend(snapshot.probe_targets(most - before, rng).filter_map(|member| {
            let address = member.address?;
            let securely = tls.map(|tls| tls.to(&member.id, address));
            let kept = kept.take(member.serial, address, secured(securely.as_ref()));
            Some(Question { member: Arc::clone(member), address, securely, kept })
        }));
        if questions.len() == before {
            break;
        }
    }
    questions
}

/// Asks one backend and enters what it says. No answer in time says nothing.
async fn ask(
    question: Question,
    pool: Arc<PoolCell>,
    probe: Arc<LoadProbe>,
    snapshot: Arc<PoolSnapshot>,
) -> Ended {
    let Question { member, address, securely, kept } = question;
    let (first, secured) = (own_header(pool.settings.load().send_proxy), secured(securely.as_ref()));
    let question = load_report::ask(address, kept, (&first, securely), &probe.path);
    let answer = tokio::time::timeout(probe.timeout, question).await.ok().flatten();
    let serial = member.serial;
    let Some(Report { latency, in_flight, stream }) = answer else {
        return Ended { serial, answered: false, stream: None };
    };
    if let Some(probes) = snapshot.probes() {
        let in_flight = in_flight.unwrap_or_else(|| member.load.in_flight());
        probes.add(serial, in_flight, latency, pool.clock.now());
    }
    Ended { serial, answered: true, stream: stream.map(|stream| (stream, secured)) }
}

/// What tells connections apart that are secured in different ways.
fn secured(securely: Option<&Securely>) -> u64 {
    securely.map_or(0, |securely| securely.serial)
}

/// Connections that wait for the next probe, by [`Member::serial`].
#[derive(Debug, Default)]
struct Kept(HashMap<u64, Vec<(Transport, u64)>>);

impl Kept {
    fn take(&mut self, serial: u64, address: SocketAddr, secured: u64) -> Option<Transport> {
        let (stream, how) = self.0.get_mut(&serial)?.pop()?;
        let leads_there = how == secured && stream.tcp().peer_addr().is_ok_and(|peer| peer == address);
        (leads_there && stream.is_silent(true)).then_some(stream)
    }

    fn put(&mut self, snapshot: &PoolSnapshot, serial: u64, stream: Option<(Transport, u64)>) {
        if self.0.len() > snapshot.members().len() {
            self.0.retain(|serial, _| snapshot.members().iter().any(|view| view.member.serial == *serial));
        }
        let most = (AT_ONCE / snapshot.members().len().max(1)).max(KEPT_MIN);
        let streams = self.0.entry(serial).or_default();
        if streams.len() < most {
            streams.extend(stream);
        }
    }
}
