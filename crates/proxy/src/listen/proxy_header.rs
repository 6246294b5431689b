//! The PROXY header in front of what a client sends, where the peer is one whose word is believed.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::TcpStream;

use crate::client::Client;
use crate::peek::{self, peek_until};
use crate::proxy_protocol::{self, HEADER_MAX, Header, Read};

use super::{Listener, ListenerSettings, contains};

/// What a connection to a listener that accepts headers began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// A header that names its client.
    Client,
    /// A header of a connection that is the proxy's own.
    Own,
    /// Something else, which its sender may begin with.
    Absent,
    /// Something else, or nothing in time, where a header is required; or it comes from somebody whose header is not
    /// believed. Refused.
    Missing,
    /// A header that is not valid. Refused.
    Invalid,
    /// A part of a header, and then the end, or nothing more in time. Refused.
    Incomplete,
}

impl Beginning {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Client, Self::Own, Self::Absent, Self::Missing, Self::Invalid, Self::Incomplete];

    /// The name used in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Own => "own",
            Self::Absent => "absent",
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Incomplete => "incomplete",
        }
    }

    fn is_refused(self) -> bool {
        matches!(self, Self::Missing | Self::Invalid | Self::Incomplete)
    }
}

/// How many connections of a listener began in which way.
#[derive(Debug, Default)]
pub(crate) struct Beginnings([AtomicU64; Beginning::ALL.len()]);

impl Beginnings {
    pub(crate) fn get(&self, beginning: Beginning) -> u64 {
        self.0[beginning as usize].load(Ordering::Relaxed)
    }

    fn count(&self, beginning: Beginning) {
        self.0[beginning as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// Takes the header off the connection and notes the client that it names. `false` when the connection is refused.
///
/// Bytes of peers that are not believed are not looked at: what looks like a header is theirs, and goes to the backend
/// as they sent it.
pub(super) async fn receive(
    tcp: &TcpStream,
    client: &mut Client,
    listener: &Listener,
    settings: &ListenerSettings,
) -> bool {
    let Some(accept) = &settings.accept_proxy else { return true };
    let believed = accept.from.iter().any(|range| contains(range, client.address.ip().to_canonical()));
    if !believed && !accept.required {
        return true;
    }
    let beginning = if believed {
        let until = tokio::time::Instant::from_std(client.since) + settings.timeouts.handshake;
        let mut seen = Seen::Nothing;
        let header = tokio::time::timeout_at(until, look(tcp, &mut seen)).await;
        let (beginning, header) = judge(header.ok().flatten(), seen, accept.required);
        if let Some(ends) = header.as_ref().and_then(|header| header.ends) {
            client.address = ends.source;
        }
        client.header = header.map(Box::new);
        beginning
    } else {
        Beginning::Missing
    };
    listener.counts.beginnings.count(beginning);
    if beginning.is_refused() {
        tracing::debug!(peer = %client.address, beginning = beginning.as_str(), "refused by its PROXY header");
    }
    !beginning.is_refused()
}

/// What had come when the wait for a header ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    Part,
}

/// What the connection begins with, and takes it off if that is a header. `None` when it ended before that was clear.
async fn look(tcp: &TcpStream, seen: &mut Seen) -> Option<Result<Option<Header>, ()>> {
    let found = peek_until(tcp, HEADER_MAX, |bytes| match proxy_protocol::read(bytes) {
        Ok(Read::Partial) => {
            *seen = Seen::Part;
            None
        }
        Ok(Read::Absent) => Some(Ok(None)),
        Ok(Read::Whole { header, length }) => Some(Ok(Some((header, length)))),
        Err(invalid) => {
            tracing::debug!(why = invalid.0, "invalid PROXY header");
            Some(Err(()))
        }
    });
    let found = found.await.ok()?;
    if let Ok(Some((_, length))) = &found {
        peek::skip(tcp, *length).ok()?;
    }
    Some(found.map(|found| found.map(|(header, _)| header)))
}

fn judge(
    found: Option<Result<Option<Header>, ()>>,
    seen: Seen,
    required: bool,
) -> (Beginning, Option<Header>) {
    match (found, seen) {
        (Some(Ok(Some(header))), _) => {
            let beginning = if header.ends.is_some() { Beginning::Client } else { Beginning::Own };
            (beginning, Some(header))
        }
        (Some(Err(())), _) => (Beginning::Invalid, None),
        (Some(Ok(None)), _) | (None, Seen::Nothing) if required => (Beginning::Missing, None),
        // Where servers speak first, whoever may do without a header is silent.
        (Some(Ok(None)), _) | (None, Seen::Nothing) => (Beginning::Absent, None),
        (None, Seen::Part) => (Beginning::Incomplete, None),
    }
}
