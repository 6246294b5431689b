//! How much has happened, and whether it is kept.

use crate::proxy::Inner;
use crate::telemetry::{Page, catalog};

/// Events by kind, those that were dropped, and whether they reach the disk.
pub(super) fn events(page: &mut Page, inner: &Inner) {
    let journal = &inner.journal;
    let counts = journal.counts().into_iter();
    page.family(&catalog::EVENTS, counts.map(|(kind, count)| ([kind.as_str().to_owned()], count as f64)));
    page.family(&catalog::EVENTS_DROPPED, [([], journal.dropped() as f64)]);
    let reaches = journal.reaches_disk().map(|reaches| ([], f64::from(u8::from(reaches))));
    page.family(&catalog::EVENTS_ON_DISK, reaches);
}
