//! Rehearsals of whole files.

mod contracts;
mod failures;
mod hostile;
mod problems;
mod support;
