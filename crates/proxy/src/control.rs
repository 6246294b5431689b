//! The control thread: keepers, health checks and lookups run apart from the data path, so that a storm of checks
//! never takes time from a request.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Names looked up at the same time.
const LOOKUPS_AT_ONCE: usize = 128;

/// Ends its thread, and all its tasks, when dropped.
pub(crate) struct Control {
    handle: Handle,
    _alive: oneshot::Sender<()>,
}

impl Control {
    pub(crate) fn start() -> io::Result<Self> {
        // Lookups of names block, for as long as the system's resolver likes: those that hang must not keep the others
        // waiting.
        let runtime =
            Builder::new_current_thread().enable_all().max_blocking_threads(LOOKUPS_AT_ONCE).build()?;
        let handle = runtime.handle().clone();
        let (alive, dropped) = oneshot::channel::<()>();
        let run = move || {
            runtime.block_on(dropped).ok();
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("control".to_owned()).spawn(run)?;
        Ok(Self { handle, _alive: alive })
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }
}
