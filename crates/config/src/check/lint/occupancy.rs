//! Placeholder until merged.
use super::PoolRule;
pub(super) const RULES: [PoolRule; 0] = [];
