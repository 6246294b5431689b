//! What happened in a story, with times: the closing summary.

use std::fmt::Write as _;

use serde::Serialize;

use super::moment::Moment;
use crate::lines::wrap;
use crate::output::count;

/// How a story went. Times are seconds since the load began.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Record {
    pub(super) fault: String,
    /// Whether the verdict came, was right, and the mend helped.
    pub(super) told: bool,
    /// Why not.
    pub(super) why_not: Option<String>,
    /// What somebody did: the last step of it.
    pub(super) done: Option<Done>,
    /// What `diagnose` said before it was right, if it blamed anybody.
    pub(super) misled: Option<String>,
    pub(super) named: Option<Named>,
    pub(super) mended: Option<Done>,
    pub(super) restored_at: Option<f64>,
    /// The worst that users saw from the fault to the end: 99th percentile of two seconds.
    pub(super) worst_ms: f64,
    /// What they saw before.
    pub(super) usual_ms: f64,
    /// Requests that failed from the fault to the end.
    pub(super) failed: u64,
    #[serde(skip)]
    pub(super) failed_before: u64,
    /// Rules of `evenkeel check` that warn of the file of the fault and not of that before.
    pub(super) warned: Vec<String>,
}

/// Something that somebody did.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Done {
    pub(super) at: f64,
    pub(super) what: String,
}

/// The verdict.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Named {
    pub(super) at: f64,
    /// Since the fault.
    pub(super) seconds: f64,
    /// Since the fault.
    pub(super) requests: u64,
    pub(super) cause: String,
    pub(super) answer: String,
}

impl Record {
    /// What users see may be worse than before.
    pub(super) fn see(&mut self, moment: &Moment) {
        self.worst_ms = self.worst_ms.max(moment.p99_ms());
        self.failed = moment.frame.failed.saturating_sub(self.failed_before);
    }

    /// What remains on the screen.
    pub(super) fn text(&self) -> String {
        if self.done.is_none() {
            return "It ended before anything was done.\n".to_owned();
        }
        let mut text = format!("What happened ({})\n", self.fault);
        let mut line = |at: f64, what: &str| wrap(&mut text, &format!("{at:>6.1} s  "), what);
        if let Some(done) = &self.done {
            line(done.at, &done.what);
        }
        if let Some(named) = &self.named {
            let Named { at, seconds, requests, cause, answer } = named;
            let said = format!(
                "evenkeel diagnose: {answer} ({cause}), {seconds:.1} s and {requests} requests after"
            );
            line(*at, &said);
        }
        if let Some(mended) = &self.mended {
            line(mended.at, &mended.what);
        }
        if let (Some(at), Some(mended)) = (self.restored_at, &self.mended) {
            line(at, &format!("Even again, {:.1} s later.", at - mended.at));
        }
        self.users(&mut text);
        if let Some(misled) = &self.misled {
            wrap(&mut text, "", &format!("Before that it said: {misled}"));
        }
        if !self.warned.is_empty() {
            let rules = self.warned.join(", ");
            wrap(&mut text, "", &format!("`evenkeel check` would have warned before the deploy: {rules}"));
        }
        if self.named.is_some() {
            wrap(
                &mut text,
                "",
                "What `diagnose` has found it keeps for a minute after it was last confirmed.",
            );
        }
        text
    }

    fn users(&self, text: &mut String) {
        let failed = count(self.failed as usize, "request");
        let (usual, worst) = (self.usual_ms, self.worst_ms);
        writeln!(
            text,
            "Users: 99 % waited up to {usual:.0} ms before, {worst:.0} ms at worst; {failed} failed."
        )
        .ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_what_happened_and_when() {
        let done = |at, what: &str| Some(Done { at, what: what.to_owned() });
        let record = Record {
            fault: "weights".to_owned(),
            told: true,
            done: done(5.04, "A deploy."),
            named: Some(Named {
                at: 7.0,
                seconds: 1.96,
                requests: 310,
                cause: "weights".to_owned(),
                answer: "balancer: yes".to_owned(),
            }),
            mended: done(15.0, "The mend."),
            restored_at: Some(18.25),
            worst_ms: 912.4,
            usual_ms: 64.0,
            failed: 1,
            warned: vec!["weights-without-intent".to_owned()],
            ..Record::default()
        };
        assert_eq!(
            record.text(),
            "What happened (weights)\n   \
             5.0 s  A deploy.\n   \
             7.0 s  evenkeel diagnose: balancer: yes (weights), 2.0 s and 310 requests after\n  \
             15.0 s  The mend.\n  \
             18.2 s  Even again, 3.2 s later.\n\
             Users: 99 % waited up to 64 ms before, 912 ms at worst; 1 request failed.\n\
             `evenkeel check` would have warned before the deploy: weights-without-intent\n\
             What `diagnose` has found it keeps for a minute after it was last confirmed.\n"
        );
    }
}
