//! Looks after certificates while they are in use: files that change, and dates that come closer.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use evenkeel_journal::{Journal, What};

use super::certificates::Certificate;
use super::files::Look;
use super::plan::TlsPlan;

/// Between two looks at the files; a change is in force after two of them.
const EVERY: Duration = Duration::from_secs(2);
const DAY: i64 = 86_400;
/// Days before the end of a certificate at which the log says so.
const WARN_DAYS: [i64; 4] = [30, 7, 1, 0];

/// Looks at what `current` gives for as long as it gives anything. Reading files may take long on a file system that is far away: it is done on a
/// thread that may block.
pub(crate) async fn watch(current: impl Fn() -> Option<Arc<TlsPlan>> + Send, journal: Journal) {
    let mut warned = Warned::default();
    while let Some(plan) = current() {
        let mut before = std::mem::take(&mut warned);
        let journal = journal.clone();
        let looked = tokio::task::spawn_blocking(move || {
            look(&plan, &journal);
            before.say(&plan, SystemTime::now());
            before
        });
        warned = looked.await.unwrap_or_default();
        tokio::time::sleep(EVERY).await;
    }
}

/// Takes what has changed.
fn look(plan: &TlsPlan, journal: &Journal) {
    for (_, server) in &plan.servers {
        tell(server.user(), server.look(), journal);
    }
    for client in plan.clients.values() {
        tell(client.user(), client.look(), journal);
    }
}

fn tell(user: &str, look: Look, journal: &Journal) {
    match look {
        Look::Same | Look::Changing => {}
        Look::Loaded => {
            tracing::info!(used_by = user, "certificates loaded anew");
            journal.record(None, None, What::CertificateLoaded { used_by: user.to_owned() });
        }
        Look::Refused(error) => {
            let (file, help) = (error.file.display().to_string(), error.help.as_str());
            let problem = error.problem.as_str();
            tracing::error!(
                used_by = user,
                file,
                problem,
                help,
                "changed certificates refused; those in use stay"
            );
            let (used_by, why) = (user.to_owned(), problem.to_owned());
            journal.record(None, None, What::CertificateRefused { used_by, file, why });
        }
    }
}

/// What has been said of each file and the end of its certificate: the fewest days so far.
#[derive(Debug, Default)]
struct Warned {
    days: HashMap<(PathBuf, i64), i64>,
}

impl Warned {
    /// Says which certificates end soon, once at each of [`WARN_DAYS`], and what else is odd about them, once.
    fn say(&mut self, plan: &TlsPlan, now: SystemTime) {
        let mut days = HashMap::new();
        for (_, server) in &plan.servers {
            for certificate in server.get().table.certificates() {
                self.say_of(server.user(), certificate, now, &mut days);
            }
        }
        for client in plan.clients.values() {
            if let Some(certificate) = &client.live().get().identity {
                self.say_of(client.user(), certificate, now, &mut days);
            }
        }
        self.days = days;
    }

    fn say_of(
        &self,
        user: &str,
        certificate: &Certificate,
        now: SystemTime,
        days: &mut HashMap<(PathBuf, i64), i64>,
    ) {
        let (file, facts) = (certificate.file.display().to_string(), &certificate.facts);
        let key = (certificate.file.clone(), facts.not_after);
        let said = self.days.get(&key).copied();
        if said.is_none() {
            for doubt in &certificate.doubts {
                tracing::warn!(used_by = user, file, "{doubt}");
            }
        }
        let left = facts.seconds_left(now);
        let stage = stage(left);
        if stage < said.unwrap_or(i64::MAX) && left >= 0 {
            let (days, subject) = (left / DAY, facts.subject.as_str());
            tracing::warn!(used_by = user, file, subject, days, "a certificate ends soon; renew it");
        } else if left < 0 && said.is_some_and(|said| said > -1) {
            tracing::error!(used_by = user, file, subject = facts.subject, "a certificate has expired");
        }
        days.insert(key, stage);
    }
}

/// The fewest of [`WARN_DAYS`] that are not fewer than what is left; -1 when nothing is.
fn stage(left: i64) -> i64 {
    if left < 0 {
        return -1;
    }
    WARN_DAYS.into_iter().filter(|days| left <= days * DAY).min().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_it_at_thirty_seven_and_one_days() {
        assert_eq!(stage(31 * DAY), i64::MAX);
        assert_eq!(stage(30 * DAY), 30);
        assert_eq!(stage(8 * DAY), 30);
        assert_eq!(stage(7 * DAY), 7);
        assert_eq!(stage(DAY), 1);
        assert_eq!(stage(0), 0);
        assert_eq!(stage(-1), -1);
    }
}
