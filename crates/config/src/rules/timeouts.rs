//! Times that contradict each other.

use super::Rule;

pub(super) static RULES: &[Rule] = &[];
