//! Evenkeel from outside: the real binary as a child process, real sockets, backends that tell what they got.
//!
//! One binary, so that the kit is linked once. Port 0 everywhere, so that all tests can run side by side.

mod access_log;
mod analyze;
mod balancing;
mod ci;
mod cli;
mod demo_fault;
mod deploy;
mod diagnose;
mod diff;
mod drain;
mod hashing;
mod health;
mod http;
mod http2;
mod http2_attacks;
mod http2_frames;
mod limits;
mod load;
mod passthrough;
mod probes;
mod prometheus;
mod proxy_protocol;
mod queue;
mod raw;
mod rehearse;
mod reload;
mod shutdown;
mod slow_start;
mod sticky;
mod support;
mod tcp;
mod tcp_bulk;
mod telemetry;
mod tiers;
mod tls;
mod tls_attack;
mod udp;
mod upgrade;
mod verify;
