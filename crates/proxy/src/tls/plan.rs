//! What a configuration needs for TLS, loaded before anything of it is applied.

use std::collections::HashMap;
use std::sync::Arc;

use evenkeel_config::Config;
use evenkeel_core::PoolId;

use super::client::ClientTls;
use super::error::TlsError;
use super::server::ServerTls;

/// The certificates, keys and CAs of one configuration.
#[derive(Debug, Default)]
pub(crate) struct TlsPlan {
    /// By name of the listener, in configured order.
    pub(crate) servers: Vec<(String, Arc<ServerTls>)>,
    pub(crate) clients: HashMap<PoolId, Arc<ClientTls>>,
}

impl TlsPlan {
    /// Reads every file, those that have not changed, too: whoever reloads expects it. Keys of session tickets are those
    /// of `before`.
    ///
    /// # Errors
    /// Every file that cannot be used.
    pub(crate) fn load(config: &Config, before: Option<&Self>) -> Result<Self, Vec<TlsError>> {
        let (mut plan, mut errors) = (Self::default(), Vec::new());
        for listener in &config.listeners {
            let Some(settings) = &listener.tls else { continue };
            let earlier = before.and_then(|before| before.server(&listener.name));
            match ServerTls::load(listener, settings, earlier.map(AsRef::as_ref)) {
                Ok(server) => plan.servers.push((listener.name.clone(), Arc::new(server))),
                Err(error) => errors.push(error),
            }
        }
        for pool in &config.pools {
            let Some(settings) = &pool.tls else { continue };
            let earlier = before.and_then(|before| before.client(&pool.id));
            match ClientTls::load(pool, settings, earlier.map(AsRef::as_ref)) {
                Ok(client) => {
                    plan.clients.insert(pool.id.clone(), Arc::new(client));
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(plan) } else { Err(errors) }
    }

    pub(crate) fn server(&self, listener: &str) -> Option<&Arc<ServerTls>> {
        self.servers.iter().find(|(name, _)| name == listener).map(|(_, server)| server)
    }

    pub(crate) fn client(&self, pool: &PoolId) -> Option<&Arc<ClientTls>> {
        self.clients.get(pool)
    }
}
