//! A client that reuses nothing by itself: each connection is opened, used and closed on purpose, because which requests
//! share one is what is being tested.

mod answer;
mod connection;
mod dial;
mod failure;
mod target;
mod tls;

pub use answer::{Answer, Request};
pub use connection::Connection;
pub use dial::{Dial, Version};
pub use failure::{Failure, FailureClass};
pub use target::{Target, TargetError};
pub use tls::{Tls, TlsError, TlsSettings};
