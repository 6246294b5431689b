//! How requests of a pool are told apart, as far as whoever watches it wants to know.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use evenkeel_core::skew::Samples;
use evenkeel_core::{Lease, PickKey, Reason, Rng};

use super::cell::{PoolCell, PoolSettings, Wanted};

/// Counts, and samples of what keys and sessions there are.
#[derive(Debug, Default)]
pub(crate) struct ToldApart {
    /// Without what the pool's hash key asks for.
    pub(crate) keys_missing: AtomicU64,
    /// Sessions that began.
    pub(crate) sessions_new: AtomicU64,
    /// Sessions whose backend could not be used, and that got another.
    pub(crate) sessions_moved: AtomicU64,
    /// Keys of requests; there once somebody watches a pool that has some.
    pub(crate) keys: OnceLock<Samples>,
    /// Clients that have a session, or connections that stay where they are.
    pub(crate) stays: OnceLock<Samples>,
    /// Connections of layer 4, tunnels and sessions over UDP that are open.
    pub(crate) staying: AtomicU64,
    began: AtomicU64,
    pub(crate) texts: KeyTexts,
}

impl ToldApart {
    /// Keeps a key as it is, if that is asked for.
    #[inline]
    pub(crate) fn show(&self, settings: &PoolSettings, key: PickKey, text: impl FnOnce() -> Vec<u8>) {
        if settings.show_keys
            && let Some(key) = key.hash().filter(|key| self.texts.wants(*key))
        {
            self.texts.keep(key, &text());
        }
    }

    /// Tells of a pick, if this is one of those that are told of.
    #[inline]
    pub(crate) fn picked(&self, wanted: &Wanted, lease: &Lease, rng: &mut Rng) {
        if let (Some(key), Some(keys)) = (wanted.key.hash(), self.keys.get()) {
            keys.offer(rng.next_u64(), key, lease.member().serial);
        }
        if lease.reason() == Reason::Sticky
            && let Some(stays) = self.stays.get()
        {
            stays.offer(rng.next_u64(), wanted.client, lease.member().serial);
        }
    }
}

/// Something that stays at its backend, and may have many requests of which nothing is known but that data moves.
#[derive(Debug)]
pub(crate) struct Stay {
    pool: Arc<PoolCell>,
    serial: u64,
    /// Its own among those of the pool.
    number: u64,
    turns: u64,
}

impl Stay {
    pub(super) fn begin(pool: Arc<PoolCell>, serial: u64) -> Self {
        let number = pool.told_apart.began.fetch_add(1, Ordering::Relaxed) + 1;
        pool.told_apart.staying.fetch_add(1, Ordering::Relaxed);
        Self { pool, serial, number, turns: 0 }
    }

    /// The client has sent something: as good as a request.
    pub(crate) fn turn(&mut self) {
        self.turns += 1;
        if let Some(stays) = self.pool.told_apart.stays.get() {
            stays.offer_nth(self.turns, self.number, self.serial);
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.pool.told_apart.staying.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keys as they are, of those hashes that somebody asks for: the data path keeps no keys.
#[derive(Debug, Default)]
pub(crate) struct KeyTexts {
    /// 0 asks for none.
    asked: [AtomicU64; ASKED_MAX],
    /// Newest last.
    known: Mutex<Vec<(u64, Box<str>)>>,
}

/// Asked for at a time, and known at a time.
const ASKED_MAX: usize = 4;
const KNOWN_MAX: usize = 16;
/// Characters of a key that are shown.
const TEXT_MAX: usize = 64;

impl KeyTexts {
    /// Whether this one is asked for: a few relaxed reads.
    #[inline]
    pub(crate) fn wants(&self, key: u64) -> bool {
        key != 0 && self.asked.iter().any(|asked| asked.load(Ordering::Relaxed) == key)
    }

    /// Keeps what was asked for, once; nobody is waited for.
    #[cold]
    pub(crate) fn keep(&self, key: u64, text: &[u8]) {
        let Ok(mut known) = self.known.try_lock() else { return };
        for asked in &self.asked {
            asked.compare_exchange(key, 0, Ordering::Relaxed, Ordering::Relaxed).ok();
        }
        if known.iter().any(|(other, _)| *other == key) {
            return;
        }
        if known.len() >= KNOWN_MAX {
            known.remove(0);
        }
        known.push((key, shown(text)));
    }

    /// Asks for those that are not known.
    pub(crate) fn ask(&self, keys: impl IntoIterator<Item = u64>) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unknown = keys.into_iter().filter(|key| !known.iter().any(|(other, _)| other == key));
        for asked in &self.asked {
            asked.store(unknown.next().unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// As it is shown, if it is known.
    pub(crate) fn text(&self, key: u64) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(other, _)| *other == key).map(|(_, text)| text.to_string())
    }
}

/// A key comes from a client: what is no printable ASCII is a `?`, and it ends somewhere.
fn shown(text: &[u8]) -> Box<str> {
    let clean = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '?' };
    let mut shown: String = text.iter().take(TEXT_MAX).map(clean).collect();
    if text.len() > TEXT_MAX {
        shown.truncate(TEXT_MAX - 3);
        shown.push_str("...");
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_only_where_it_is_asked_for_and_once() {
        let texts = KeyTexts::default();
        assert!(!texts.wants(7) && !texts.wants(0));
        texts.ask([7, 8]);
        assert!(texts.wants(7) && texts.wants(8) && !texts.wants(9));
        texts.keep(7, b"ann");
        assert!(!texts.wants(7), "it is known now");
        assert_eq!(texts.text(7).as_deref(), Some("ann"));
        texts.ask([7, 8]);
        assert!(!texts.wants(7) && texts.wants(8));
        texts.ask([]);
        assert!(!texts.wants(8));
    }

    #[test]
    fn few_are_kept_and_each_is_short_and_clean() {
        let texts = KeyTexts::default();
        for key in 1..100 {
            texts.keep(key, b"k");
        }
        assert_eq!((texts.text(1), texts.text(99).as_deref()), (None, Some("k")));
        assert_eq!(&*shown(b"a\x1b[31m\r\n\xff b"), "a?[31m??? b");
        assert_eq!(shown(&[b'x'; 10_000]).len(), TEXT_MAX);
    }
}
