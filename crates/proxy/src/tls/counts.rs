//! What has become of handshakes with clients.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::{Connection, Error, HandshakeKind, ProtocolVersion};

/// Versions as metrics call them, in the order of [`TlsCounts::completed`].
const VERSIONS: [&str; 2] = ["1.2", "1.3"];

/// Of one listener.
#[derive(Debug, Default)]
pub(crate) struct TlsCounts {
    /// By version, whole ones and those that resumed a session.
    completed: [[AtomicU64; 2]; VERSIONS.len()],
    failed: [AtomicU64; Failed::ALL.len()],
}

/// Why a handshake did not end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// It took longer than it may.
    Timeout,
    /// The client left in the middle of it.
    Closed,
    /// The client spoke HTTP without TLS.
    PlainHttp,
    /// No version, cipher or protocol in common.
    Incompatible,
    /// The client does not trust the certificate, for instance.
    Alert,
    /// The client's certificate is missing or not good.
    ClientCertificate,
    /// What the client sent is not TLS, or broken.
    Malformed,
}

impl Failed {
    pub(crate) const ALL: [Self; 7] = [
        Self::Timeout,
        Self::Closed,
        Self::PlainHttp,
        Self::Incompatible,
        Self::Alert,
        Self::ClientCertificate,
        Self::Malformed,
    ];

    /// By what the handshake ended with.
    pub(super) fn of(error: &io::Error) -> Self {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
        match cause {
            None => Self::Closed,
            Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => Self::Incompatible,
            Some(Error::AlertReceived(_)) => Self::Alert,
            Some(
                Error::NoCertificatesPresented
                | Error::InvalidCertificate(_)
                | Error::InvalidCertRevocationList(_)
                | Error::UnsupportedNameType,
            ) => Self::ClientCertificate,
            Some(_) => Self::Malformed,
        }
    }

    /// The name in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::PlainHttp => "plain_http",
            Self::Incompatible => "incompatible",
            Self::Alert => "alert",
            Self::ClientCertificate => "client_certificate",
            Self::Malformed => "malformed",
        }
    }
}

impl TlsCounts {
    pub(super) fn completed(&self, connection: &Connection) {
        let version = usize::from(connection.protocol_version() == Some(ProtocolVersion::TLSv1_3));
        let resumed = usize::from(connection.handshake_kind() == Some(HandshakeKind::Resumed));
        self.completed[version][resumed].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, why: Failed) {
        self.failed[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Version, kind and number.
    pub(crate) fn handshakes(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        VERSIONS.iter().zip(&self.completed).flat_map(|(version, counts)| {
            let numbers = ["full", "resumed"].iter().zip(counts);
            numbers.map(|(kind, count)| (*version, *kind, count.load(Ordering::Relaxed)))
        })
    }

    /// Reason and number.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Failed::ALL.iter().map(|why| (why.as_str(), self.failed[*why as usize].load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_place_of_its_own() {
        for (index, why) in Failed::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, index, "{why:?}");
        }
    }

    #[test]
    fn failures_are_told_apart() {
        let of = |error: Error| Failed::of(&io::Error::new(io::ErrorKind::InvalidData, error));
        assert_eq!(of(Error::NoCertificatesPresented), Failed::ClientCertificate);
        assert_eq!(of(Error::AlertReceived(rustls::AlertDescription::UnknownCA)), Failed::Alert);
        assert_eq!(of(Error::NoApplicationProtocol), Failed::Incompatible);
        assert_eq!(of(Error::DecryptError), Failed::Malformed);
        assert_eq!(Failed::of(&io::ErrorKind::UnexpectedEof.into()), Failed::Closed);
    }
}
