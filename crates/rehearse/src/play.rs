//! Plays one situation: by the snapshot alone where that decides, else request by request.

use std::time::Duration;

use evenkeel_core::sim::{self, Arrivals, Keys, Scenario};
use evenkeel_core::{
    MemberView, Mode, Nanos, PickKey, PoolEvent, PoolSnapshot, PoolState, Reason, Rng, StrategyKind, Tried,
};

use crate::cast::{Kind, SLOWER, Situation};
use crate::flapping;
use crate::stage::Stage;

/// What came of a situation, by backend in the pool's order.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    pub(crate) mode: Mode,
    /// Once the pool knows what there is to know.
    pub(crate) members: Vec<Planned>,
    /// The part of the attempts.
    pub(crate) shares: Vec<f64>,
    /// Attempts for each request.
    pub(crate) attempts: f64,
    /// The part of the requests that nobody answers well.
    pub(crate) failing: f64,
    /// Attempts by what decided, in the order of [`Reason::ALL`].
    pub(crate) reasons: Vec<[u64; Reason::ALL.len()]>,
    /// Requests that were played; 0 where that was not needed.
    pub(crate) requests: u64,
}

/// What a snapshot says of a backend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(crate) intent: f64,
    pub(crate) plan: f64,
}

/// Plays it. `index` is its place among the pool's situations: each has chances of its own.
pub(crate) fn play(stage: &Stage<'_>, situation: &Situation, index: u64) -> Played {
    let mut state = PoolState::new(stage.spec.clone(), stage.seed, Nanos::ZERO);
    learn(stage, situation, &mut state);
    let snapshot = state.snapshot();
    if situation.kind == Kind::OneFlaps && stage.spec.health.is_some() {
        return flapping::play(stage, situation, state);
    }
    let planned = |view: &MemberView| view.plan > 0.0;
    let sends_to_the_dead =
        || snapshot.members().iter().enumerate().any(|(at, view)| planned(view) && situation.is_down(at));
    if snapshot.mode() == Mode::Empty {
        return nobody(&snapshot);
    }
    if stage.is_static() && situation.kind != Kind::OneFlaps && !sends_to_the_dead() {
        return by_snapshot(stage, &snapshot);
    }
    by_request(stage, situation, &snapshot, index)
}

/// What checks find out, where there are checks. The first result decides.
fn learn(stage: &Stage<'_>, situation: &Situation, state: &mut PoolState) {
    if stage.spec.health.is_none() {
        return;
    }
    let probed = |(at, member): (usize, &evenkeel_core::MemberSpec)| PoolEvent::Probed {
        id: member.id.clone(),
        result: if situation.is_down(at) { Err("connection refused".into()) } else { Ok(()) },
    };
    state.apply_all(stage.spec.members.iter().enumerate().map(probed), Nanos::ZERO);
}

pub(crate) fn planned(snapshot: &PoolSnapshot) -> Vec<Planned> {
    let of = |view: &MemberView| Planned { intent: view.intent, plan: view.plan };
    snapshot.members().iter().map(of).collect()
}

fn nobody(snapshot: &PoolSnapshot) -> Played {
    let members = planned(snapshot);
    let count = members.len();
    Played {
        mode: Mode::Empty,
        members,
        shares: vec![0.0; count],
        attempts: 0.0,
        failing: 1.0,
        reasons: vec![Default::default(); count],
        requests: 0,
    }
}

/// Turns and lots follow the plan, keys their table.
fn by_snapshot(stage: &Stage<'_>, snapshot: &PoolSnapshot) -> Played {
    let members = planned(snapshot);
    let mut reasons = vec![[0; Reason::ALL.len()]; members.len()];
    let (shares, requests) = match &stage.keys {
        None => (members.iter().map(|member| member.plan).collect(), 0),
        Some(_) => by_key(stage, snapshot, &members),
    };
    let reason = if stage.keys.is_some() { Reason::Hash } else { Reason::Algorithm };
    for (count, share) in reasons.iter_mut().zip(&shares) {
        count[reason as usize] = (share * AS_MANY) as u64;
    }
    Played { mode: snapshot.mode(), members, shares, attempts: 1.0, failing: 0.0, reasons, requests }
}

fn by_key(stage: &Stage<'_>, snapshot: &PoolSnapshot, members: &[Planned]) -> (Vec<f64>, u64) {
    let Some(keys) = &stage.keys else { return (Vec::new(), 0) };
    let sample = keys.sample(stage.requests);
    let mut shares: Vec<f64> = members.iter().map(|member| member.plan * sample.rest).collect();
    let serials = Serials::of(snapshot);
    let mut rng = Rng::from_seed(stage.seed);
    for (key, part) in &sample.keys {
        if let Some(at) = pick(snapshot, &serials, *key, &mut rng) {
            shares[at] += part;
        }
    }
    (shares, sample.keys.len() as u64)
}

fn pick(snapshot: &PoolSnapshot, serials: &Serials, key: PickKey, rng: &mut Rng) -> Option<usize> {
    let lease = snapshot.pick_keyed(&Tried::default(), key, rng, Nanos::ZERO).ok()?;
    serials.position(lease.member().serial)
}

/// Where members are, by serial.
struct Serials {
    sorted: Vec<(u64, usize)>,
}

impl Serials {
    fn of(snapshot: &PoolSnapshot) -> Self {
        let views = snapshot.members().iter().enumerate();
        let mut sorted: Vec<_> = views.map(|(at, view)| (view.member.serial, at)).collect();
        sorted.sort_unstable();
        Self { sorted }
    }

    fn position(&self, serial: u64) -> Option<usize> {
        let found = self.sorted.binary_search_by_key(&serial, |(serial, _)| *serial).ok()?;
        Some(self.sorted[found].1)
    }
}

/// Clients, network and servers are invented; pool and picks are those of `run`.
fn by_request(stage: &Stage<'_>, situation: &Situation, snapshot: &PoolSnapshot, index: u64) -> Played {
    let scenario = scenario(stage, situation, index);
    let report = sim::run(&scenario);
    let came = report.requests.max(1) as f64;
    let attempts: u64 = report.servers.iter().map(|server| server.attempts).sum();
    // Where there is a queue, who finds everybody at the limit waits for a moment, if that is all it takes.
    let up = (0..stage.capacity.len()).filter(|at| stage.counts(*at) && !situation.is_down(*at));
    let enough = up.map(|at| stage.capacity[at]).sum::<f64>() > stage.pace.rate;
    let refused = if enough && stage.pool.queue.size > 0 { 0 } else { report.refused };
    let mut members = planned(snapshot);
    if stage.spec.health.is_none() {
        // What failures alone have taught is known at the end.
        for (member, server) in members.iter_mut().zip(&report.servers) {
            (member.intent, member.plan) = (server.intent, server.plan);
        }
    }
    Played {
        mode: snapshot.mode(),
        members,
        shares: report.servers.iter().map(|server| server.share).collect(),
        attempts: attempts as f64 / came,
        failing: (report.failed + refused) as f64 / came,
        reasons: report.servers.iter().map(|server| server.reasons).collect(),
        requests: scenario.requests,
    }
}

fn scenario(stage: &Stage<'_>, situation: &Situation, index: u64) -> Scenario {
    let pace = &stage.pace;
    let rate = (pace.rate / pace.per_lease).max(1e-6);
    let mut servers: Vec<_> = (0..stage.pool.backends.len()).map(|at| stage.server(at)).collect();
    let span = Duration::try_from_secs_f64(stage.requests as f64 / rate).unwrap_or(Duration::MAX);
    for at in &situation.failed {
        match situation.kind {
            Kind::OneSlow => servers[*at].speed = 1.0 / SLOWER,
            Kind::OneFlaps => servers[*at].down = flapping::outages(span),
            _ => servers[*at].down = vec![(Nanos::ZERO, Nanos(u64::MAX))],
        }
    }
    let arrivals = Arrivals::Poisson { rate };
    let least = servers.iter().map(sim::Server::capacity).fold(f64::INFINITY, f64::min).max(1e-12);
    let backlog = Duration::try_from_secs_f64(stage.requests as f64 / least).unwrap_or(Duration::MAX);
    let interval = stage.pool.health.as_ref().map_or(Duration::from_secs(2), |health| health.interval);
    Scenario {
        keys: match &stage.keys {
            None => Keys::None,
            Some(keys) if keys.zipf == 0.0 => Keys::Uniform { n: keys.count },
            Some(keys) => Keys::Zipf { n: keys.count, s: keys.zipf },
        },
        retries: stage.pool.max_attempts.saturating_sub(1),
        // Nothing changes any more once the first checks are through: a few later ones will do until all are answered.
        check_every: interval.max(span.saturating_add(backlog) / CHECKS),
        seed: stage.seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        warm_up: stage.requests / 5,
        requests: stage.requests,
        ..Scenario::new(stage.spec.clone(), servers, arrivals, stage.requests)
    }
}

/// Whether a strategy evens out what servers differ in.
pub(crate) fn adapts(strategy: StrategyKind) -> bool {
    matches!(
        strategy,
        StrategyKind::LeastRequest | StrategyKind::P2c | StrategyKind::PeakEwma | StrategyKind::Prequal
    )
}

/// Attempts that shares are told as where none were made.
const AS_MANY: f64 = 1e6;
/// Checks within the time that is played, at most.
const CHECKS: u32 = 4;
