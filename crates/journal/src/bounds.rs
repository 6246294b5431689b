//! What a single event may take.

use crate::kinds::What;

/// Bytes of a text in an event: names of backends have no bound of their own.
const TEXT_MAX: usize = 400;
/// Lines of a change list.
const CHANGES_MAX: usize = 100;

impl What {
    /// Cuts what is too long, so that no event takes more than some 40 KiB.
    pub(crate) fn bounded(mut self) -> Self {
        match &mut self {
            Self::ReloadApplied { changes, more, .. } => {
                *more += changes.len().saturating_sub(CHANGES_MAX);
                changes.truncate(CHANGES_MAX);
                changes.iter_mut().for_each(clip);
            }
            Self::ReloadFailed { why }
            | Self::BackendUp { why, .. }
            | Self::BackendDown { why, .. }
            | Self::Ejected { why }
            | Self::Returned { why }
            | Self::DrainBegin { why }
            | Self::DrainEnd { why, .. }
            | Self::MemberUnresolved { why }
            | Self::MemberResolved { why, .. }
            | Self::DiskFailing { why, .. } => clip(why),
            Self::SkewRaised { sentence, .. } | Self::SkewExplained { sentence, .. } => clip(sentence),
            Self::CertificateRefused { used_by, file, why } => {
                [used_by, file, why].into_iter().for_each(clip)
            }
            _ => {}
        }
        self
    }
}

fn clip(text: &mut String) {
    if text.len() > TEXT_MAX {
        let end = (0..=TEXT_MAX).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_and_counted() {
        let changes = vec!["ä".repeat(1000); 150];
        let bounded = (What::ReloadApplied { changes, more: 1, took_ms: 0 }).bounded();
        let What::ReloadApplied { changes, more, .. } = bounded else { panic!("it stays what it is") };
        assert_eq!((changes.len(), more), (100, 51));
        assert!(changes.iter().all(|line| line.ends_with('…') && line.len() <= TEXT_MAX + 3));
    }
}
