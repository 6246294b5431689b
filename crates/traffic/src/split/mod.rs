//! Whether answers are split over backends as they should be, one answer after the other.

mod expectation;
mod size;
mod trial;

pub use expectation::Expectation;
pub use size::{Excluded, MARGIN};
pub use trial::{BACKENDS_MAX, Share, State, Trial};
