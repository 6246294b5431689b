//! What came of one request.

use crate::client::{Answer, Failure};

/// What came of one request.
#[derive(Debug)]
pub(super) struct Sighting {
    /// Which connection it was sent on; in which session, where those are followed.
    pub(super) unit: u64,
    /// Whether it was the first there.
    pub(super) first: bool,
    /// What came.
    pub(super) outcome: Result<Answer, Failure>,
}
