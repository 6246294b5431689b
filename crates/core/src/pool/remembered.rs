//! Backends that a configuration dropped, in case the next one brings them back.

use std::collections::VecDeque;
use std::sync::Arc;

use super::snapshot::Member;
use crate::id::BackendId;

/// The last members removed, and all that still have requests in flight: load and serial return with the id,
/// so that counters do not start over and in-flight stays true.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Oldest first.
    members: VecDeque<Arc<Member>>,
}

impl Remembered {
    pub(super) fn keep(&mut self, member: Arc<Member>) {
        self.members.push_back(member);
        while self.members.len() > CAPACITY {
            let idle =
                self.members.iter().take(self.members.len() - CAPACITY).position(|m| m.load.in_flight() == 0);
            let Some(oldest_idle) = idle else { break };
            self.members.remove(oldest_idle);
        }
    }

    pub(super) fn knows(&self, serial: u64) -> bool {
        self.members.iter().any(|member| member.serial == serial)
    }

    pub(super) fn recall(&mut self, id: &BackendId) -> Option<Arc<Member>> {
        let position = self.members.iter().position(|member| member.id == *id)?;
        self.members.remove(position)
    }
}

/// Enough for a reload that is taken back, little enough to forget the churn of a year.
const CAPACITY: usize = 64;
