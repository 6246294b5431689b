//! TLS on connections of clients and to backends.
//!
//! Certificates are loaded before a configuration is applied, looked at every few seconds from then on, and replaced
//! under running connections when their files change. A handshake reads what is in force with one atomic load.

mod accept;
mod certificates;
mod check;
mod client;
mod counts;
mod error;
mod facts;
mod files;
mod peer;
mod pem;
mod plan;
mod server;
mod session;
mod table;
mod trusting;
mod watch;

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;

pub(crate) use accept::accept;
pub use check::{TlsFindings, check_tls};
pub(crate) use client::{ClientTls, Securely, to_receiver};
pub(crate) use counts::TlsCounts;
pub use error::TlsError;
pub(crate) use peer::Secured;
pub(crate) use plan::TlsPlan;
pub(crate) use server::ServerTls;
pub(crate) use session::Session;
pub(crate) use watch::watch;

/// The cryptography of this process.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use super::session::tests::narrow;

    #[test]
    fn keys_are_agreed_on_in_a_way_that_outlasts_quantum_computers() {
        let groups = &super::provider().kx_groups;
        assert_eq!(groups[0].name(), rustls::NamedGroup::X25519MLKEM768);
    }
}
