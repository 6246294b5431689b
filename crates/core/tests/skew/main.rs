//! The skew detector against simulated traffic: how soon it fires, and that it does not fire without a reason.
//!
//! Delays are those of Shin, Ramdas and Rinaldo's e-CUSUM with A = 1e8 and a band of 5 %: about ln(10·K·A) over the
//! divergence from the edge of the band.

mod alarms;
mod attribution;
mod bars;
mod contract;
mod delays;
mod dimensions;
mod figures;
mod latches;
mod ledgers;
mod soak;
mod stage;
mod traffic;
mod watching;
