//! Backends given by name: looked up again and again, so that a change in the name service reaches traffic.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::BackendId;
use tokio::sync::mpsc::UnboundedSender;

use super::keeper::Finding;

/// A lookup that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A backend whose address must be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) id: BackendId,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Looks one name up. Of several addresses the lowest is taken, IPv4 first, so that every instance and every
/// lookup agrees. The error is the reason in words.
pub(crate) async fn lookup(name: &Name) -> Result<SocketAddr, Arc<str>> {
    let found = tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((name.host.as_str(), name.port))).await;
    match found {
        Ok(Ok(addresses)) => addresses.min().ok_or_else(|| format!("{} has no address", name.host).into()),
        Ok(Err(error)) => Err(format!("{} does not resolve: {error}", name.host).into()),
        Err(_) => Err(format!("{} does not resolve within {TIMEOUT:?}", name.host).into()),
    }
}

/// Looks the names up every so often, for ever.
pub(crate) async fn watch(names: Vec<Name>, every: Duration, results: UnboundedSender<Finding>) {
    loop {
        tokio::time::sleep(every).await;
        for name in &names {
            let result = lookup(name).await;
            if results.send(Finding::LookedUp { id: name.id.clone(), result }).is_err() {
                return;
            }
        }
    }
}
