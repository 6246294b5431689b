//! Who wants to know at once when something happens.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use crate::inbox::lock;

type Wake = Arc<dyn Fn() + Send + Sync>;

/// Those who wait for events.
#[derive(Default)]
pub(crate) struct Watchers(Mutex<List>);

#[derive(Default)]
struct List {
    next: u64,
    wakes: HashMap<u64, Wake>,
}

/// As long as it lives, somebody is told of new events.
#[must_use = "nobody is told any more when it is dropped"]
pub struct Watching {
    watchers: Arc<Watchers>,
    key: u64,
}

impl Watchers {
    pub(crate) fn add(self: &Arc<Self>, wake: Wake) -> Watching {
        let mut list = lock(&self.0);
        list.next += 1;
        let key = list.next;
        list.wakes.insert(key, wake);
        Watching { watchers: Arc::clone(self), key }
    }

    pub(crate) fn wake(&self) {
        let wakes: Vec<Wake> = lock(&self.0).wakes.values().cloned().collect();
        wakes.iter().for_each(|wake| wake());
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        lock(&self.0).wakes.len()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        lock(&self.watchers.0).wakes.remove(&self.key);
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Watchers({})", self.len())
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Watching({})", self.key)
    }
}
