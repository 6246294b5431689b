//! Backends given by name: looked up again and again, so that a change in the name service reaches traffic.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::BackendId;
use tokio::sync::mpsc::UnboundedSender;

use super::keeper::Finding;

/// A lookup that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Between two lookups of a name that does not resolve.
const RETRY: Duration = Duration::from_secs(1);

/// A backend whose address must be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) id: BackendId,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What a name leads to.
pub(crate) struct Found {
    /// The lowest address, IPv4 first, so that every instance and every lookup agrees.
    pub(crate) address: SocketAddr,
    /// How many others there are; they get nothing.
    pub(crate) others: usize,
}

/// Looks one name up. The error is the reason in words.
pub(crate) async fn lookup(name: &Name) -> Result<Found, Arc<str>> {
    let found = tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((name.host.as_str(), name.port))).await;
    match found {
        Ok(Ok(addresses)) => {
            let mut addresses: Vec<SocketAddr> = addresses.collect();
            addresses.sort_unstable();
            addresses.dedup();
            let first = addresses.first().ok_or_else(|| format!("{} has no address", name.host))?;
            Ok(Found { address: *first, others: addresses.len() - 1 })
        }
        Ok(Err(error)) => Err(format!("{} does not resolve: {error}", name.host).into()),
        Err(_) => Err(format!("{} does not resolve within {TIMEOUT:?}", name.host).into()),
    }
}

/// A backend is one address. A name with several would look balanced and is not.
pub(crate) fn tell_of_others(name: &Name, result: &Result<Found, Arc<str>>) {
    if let Ok(Found { address, others }) = result
        && *others > 0
    {
        tracing::warn!(
            host = %name.host, %address, others,
            "the name has several addresses; only the first gets requests. Write each as a backend of its own"
        );
    }
}

/// Looks one name up every so often, for ever; sooner as long as it does not resolve.
pub(crate) async fn watch(name: Name, every: Duration, results: UnboundedSender<Finding>) {
    let mut resolves = false;
    loop {
        tokio::time::sleep(if resolves { every } else { every.min(RETRY) }).await;
        let result = lookup(&name).await.map(|found| found.address);
        resolves = result.is_ok();
        if results.send(Finding::LookedUp { id: name.id.clone(), result }).is_err() {
            return;
        }
    }
}
