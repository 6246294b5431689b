//! Why there is no answer.

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The name of the host has no address.
    #[error("cannot look up {name}: {error}")]
    Resolve {
        /// Whose.
        name: String,
        /// What the resolver said.
        error: String,
    },
    /// No TCP connection.
    #[error("cannot connect to {address}: {error}")]
    Connect {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// No TLS.
    #[error("TLS handshake failed: {0}")]
    Tls(String),
    /// It took too long.
    #[error("no {0} in time")]
    Timeout(&'static str),
    /// The connection was reset.
    #[error("the connection was reset")]
    Reset,
    /// The connection was closed before the answer was whole.
    #[error("the connection was closed before the answer was whole")]
    Closed,
    /// What came is not HTTP, or breaks its rules.
    #[error("what came is not HTTP: {0}")]
    Protocol(String),
    /// The request cannot be put into HTTP.
    #[error("the request cannot be sent: {0}")]
    Request(String),
}

/// Failures by what they have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureClass {
    /// The name of the host has no address.
    Resolve,
    /// Nobody listens there.
    Refused,
    /// No connection for another reason.
    Connect,
    /// No TLS.
    Tls,
    /// It took too long.
    Timeout,
    /// The connection was reset.
    Reset,
    /// The connection was closed too early.
    Closed,
    /// What came is not HTTP, or the request is not.
    Protocol,
}

impl FailureClass {
    /// All, in order.
    pub const ALL: [Self; 8] = [
        Self::Resolve,
        Self::Refused,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Reset,
        Self::Closed,
        Self::Protocol,
    ];

    /// One word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Refused => "refused",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
        }
    }
}

impl Failure {
    /// Which kind it is.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Resolve { .. } => FailureClass::Resolve,
            Self::Connect { error, .. } if error.kind() == io::ErrorKind::ConnectionRefused => {
                FailureClass::Refused
            }
            Self::Connect { .. } => FailureClass::Connect,
            Self::Tls(_) => FailureClass::Tls,
            Self::Timeout(_) => FailureClass::Timeout,
            Self::Reset => FailureClass::Reset,
            Self::Closed => FailureClass::Closed,
            Self::Protocol(_) | Self::Request(_) => FailureClass::Protocol,
        }
    }

    /// Of an exchange, from what hyper says.
    pub(super) fn of_exchange(error: &hyper::Error) -> Self {
        if let Some(failure) = sources(error).find_map(of_source) {
            return failure;
        }
        match () {
            () if error.is_timeout() => Self::Timeout("answer"),
            () if error.is_incomplete_message() || error.is_closed() || error.is_canceled() => Self::Closed,
            () => Self::Protocol(text(error)),
        }
    }

    /// Of a handshake of TLS.
    pub(super) fn of_handshake(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Reset,
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Tls(error.to_string()),
        }
    }
}

fn sources<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(error.source(), |error: &&'a (dyn StdError + 'static)| (*error).source())
}

fn of_source(error: &(dyn StdError + 'static)) -> Option<Failure> {
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return match error.get_io() {
            Some(io) => of_io(io),
            None if error.is_reset() => Some(Failure::Reset),
            None if error.is_go_away() && error.is_remote() => Some(Failure::Closed),
            None => Some(Failure::Protocol(error.to_string())),
        };
    }
    of_io(error.downcast_ref::<io::Error>()?)
}

fn of_io(error: &io::Error) -> Option<Failure> {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            Some(Failure::Reset)
        }
        io::ErrorKind::UnexpectedEof => Some(Failure::Closed),
        io::ErrorKind::TimedOut => Some(Failure::Timeout("answer")),
        _ => None,
    }
}

/// With everything that it comes of, each said once.
fn text(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    for source in sources(error) {
        let more = source.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
    }
    text
}
