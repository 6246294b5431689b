//! Requests of our own, through any balancer: a client for HTTP/1.1 and HTTP/2 that says exactly how an exchange went.
//!
//! Nothing here is on Evenkeel's data path.
#![warn(missing_docs)]

pub mod client;
