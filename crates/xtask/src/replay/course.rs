//! How one replay goes: all is well, something is done, it is told, it is put right.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Failure;

use super::alerting::Alerting;
use super::outcome::{WINDOW, is_even, shares};
use super::site::{Front, Servers};
use super::story::{Fault, Mend, Story};
use super::users::{Record, Users};
use super::watcher::{Said, Standing, Watcher};

/// All that was seen of one run, times in seconds from its start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course {
    pub(crate) fault: f64,
    /// Requests that had begun when the fault was there.
    pub(crate) requests_before: u64,
    pub(crate) mend: f64,
    /// When the mend was in force.
    pub(crate) mended: f64,
    pub(crate) end: f64,
    pub(crate) said: Vec<Said>,
    pub(crate) records: Vec<Record>,
    /// Alerts that fired, what each is about, and when.
    pub(crate) alerts: Vec<(String, String, f64)>,
    /// When the Alertmanager had the first of them.
    pub(crate) notified: Option<f64>,
    /// When shares were even again.
    pub(crate) even: Option<f64>,
    /// How often a server died.
    pub(crate) deaths: usize,
    /// What `drift` said in the middle of the fault, where that was asked.
    pub(crate) drift: Option<(bool, String)>,
}

/// Quiet before the fault, at least: what is usual has to be known.
const QUIET: f64 = 14.0;
/// After that the fault comes, whatever is said.
const QUIET_MAX: f64 = 30.0;
/// The fault lasts at least, and at most until it has been told and an alert has fired.
const OUTAGE: f64 = 22.0;
const OUTAGE_MAX: f64 = 32.0;
/// When a fault that comes in two parts has its second one.
const SECOND: f64 = 12.0;
/// After the mend, at least, and at most until shares are even: one that was ejected stays out for a while.
const AFTER: f64 = 14.0;
const AFTER_MAX: f64 = 45.0;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// Users' last requests may take so long.
const LAST: Duration = Duration::from_millis(5500);

/// One run's parts.
struct Stage<'a> {
    story: &'a Story,
    servers: Servers,
    front: Front,
    users: Users,
    watcher: Watcher,
    alerting: Alerting,
    started: Instant,
    course: Course,
}

/// Plays a story, or with `fault` false the same without its fault.
pub(crate) async fn play(root: &Path, program: &Path, story: &Story, fault: bool) -> Result<Course, Failure> {
    let servers = Servers::start(story).await;
    let front = Front::start(program, &(story.right)(), &servers.ports()).await;
    let alerting = Alerting::start(root, front.admin).await?;
    let started = Instant::now();
    let users = Users::start(story.crowd.clone(), super::site::local(front.listen), started);
    let watcher = Watcher::start(front.admin, started);
    let course = Course::default();
    let mut stage = Stage { story, servers, front, users, watcher, alerting, started, course };
    stage.quiet().await;
    stage.outage(fault).await;
    stage.put_right(fault).await;
    Ok(stage.end().await)
}

impl Stage<'_> {
    fn now(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    async fn quiet(&mut self) {
        while self.now() < QUIET || (self.watcher.last().word != "even" && self.now() < QUIET_MAX) {
            self.look().await;
        }
    }

    async fn outage(&mut self, fault: bool) {
        self.course.requests_before = self.users.begun();
        self.course.fault = self.now();
        if fault {
            self.go_wrong().await;
        } else if let Fault::Reload(_) = self.story.fault {
            // A reload by itself is no fault either.
            self.front.reload(&(self.story.right)(), &self.servers.ports()).await;
        }
        let mut second = fault;
        loop {
            let passed = self.now() - self.course.fault;
            if second && passed > SECOND {
                second = false;
                self.go_on().await;
            }
            let told = !fault
                || (self.is_told() && !self.course.alerts.is_empty() && self.course.notified.is_some());
            if passed > OUTAGE && (told || passed > OUTAGE_MAX) {
                return;
            }
            self.look().await;
        }
    }

    fn is_told(&self) -> bool {
        self.watcher.said().iter().any(|said| {
            said.at > self.course.fault && said.verdict.stands_to(self.story.truth) == Standing::Right
        })
    }

    async fn go_wrong(&self) {
        match self.story.fault {
            Fault::Reload(text) => self.front.reload(&text(), &self.servers.ports()).await,
            Fault::Slow(server, times) => self.servers.order(server, times, false).await,
            Fault::Failing(server) => self.servers.order(Some(server), 1.0, true).await,
            Fault::Moved(first, _) => first.iter().for_each(|server| self.servers.relocate(*server)),
            Fault::Hot(part) => self.users.set_hot(part),
        }
    }

    /// The second part of a fault that has one.
    async fn go_on(&mut self) {
        if let Fault::Moved(_, later) = self.story.fault {
            self.course.drift = Some(super::before::drift(&self.front).await);
            later.iter().for_each(|server| self.servers.relocate(*server));
        }
    }

    async fn put_right(&mut self, fault: bool) {
        self.course.mend = self.now();
        let ports = self.servers.ports();
        match (fault, self.story.mend) {
            (false, Mend::Repair) => {}
            (false, _) | (_, Mend::Back) => self.front.reload(&(self.story.right)(), &ports).await,
            (_, Mend::Reload(text)) => self.front.reload(&text(), &ports).await,
            (_, Mend::Rollout(text)) => {
                self.front.reload(&text(), &ports).await;
                self.users.reconnect();
            }
            (_, Mend::Repair) => self.repair().await,
        }
        self.course.mended = self.now();
        let waits = fault && self.story.bar.is_some();
        loop {
            let passed = self.now() - self.course.mended;
            if self.course.even.is_none() && passed > WINDOW && self.is_even() {
                self.course.even = Some(self.now());
            }
            if passed > AFTER && (!waits || self.course.even.is_some() || passed > AFTER_MAX) {
                return;
            }
            self.look().await;
        }
    }

    fn is_even(&self) -> bool {
        is_even(&shares(&self.users.records(), self.story.servers, self.now() - WINDOW))
    }

    async fn repair(&self) {
        match self.story.fault {
            Fault::Slow(server, _) => self.servers.order(server, 1.0, false).await,
            Fault::Failing(server) => self.servers.order(Some(server), 1.0, false).await,
            _ => {}
        }
    }

    /// Notes which alerts fire, and lets a moment pass.
    async fn look(&mut self) {
        let firing = self.alerting.firing().await;
        let now = self.now();
        for (name, about) in firing {
            if !self.course.alerts.iter().any(|(known, ..)| *known == name) {
                self.course.alerts.push((name, about, now));
            }
        }
        if let (None, Some((first, ..))) = (self.course.notified, self.course.alerts.first())
            && self.alerting.notified(first).await
        {
            self.course.notified = Some(now);
        }
        tokio::time::sleep(LOOK).await;
    }

    /// Waits for what is under way, and takes everything down.
    async fn end(mut self) -> Course {
        self.course.end = self.now();
        tokio::time::sleep(LAST).await;
        self.course.said = self.watcher.said();
        self.course.records = self.users.records();
        let end = self.course.end;
        self.course.said.retain(|said| said.at <= end);
        self.course.records.retain(|record| record.due <= end);
        self.course.records.sort_by(|one, other| one.due.total_cmp(&other.due));
        self.course.deaths = self.servers.deaths();
        self.course
    }
}
