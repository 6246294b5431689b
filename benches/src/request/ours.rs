//! Evenkeel, as `evenkeel run` starts it.

use std::net::SocketAddr;

use evenkeel_config::Source;
use evenkeel_proxy::{Proxy, StartOptions};

use crate::Result;

/// Runs to the end of the process.
pub(crate) fn start(backend: SocketAddr) -> Result<SocketAddr> {
    let text = format!(
        "admin = false\n[runtime]\nworkers = 1\n[listener.web]\nbind = \"127.0.0.1:0\"\npool = \"web\"\n\
         [pool.web]\nbackends = [\"{backend}\"]\n"
    );
    let loaded = evenkeel_config::load(&Source::new("bench", text));
    let config = loaded.config.ok_or_else(|| format!("configuration: {:?}", loaded.diagnostics))?;
    let proxy = Proxy::start(config, StartOptions { seed: Some(1), ..StartOptions::default() })?;
    let listener = proxy.listeners().pop().ok_or("no listener")?;
    Ok(listener.1)
}
