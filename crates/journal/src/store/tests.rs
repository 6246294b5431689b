use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evenkeel_testkit::TempDir;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::*;
use crate::dead::Dead;
use crate::event::VERSION;
use crate::kinds::What;
use crate::read::Query;

const KEEP: Keep = Keep { events: 1_000, bytes: 1 << 20 };

fn events(seqs: std::ops::Range<u64>) -> Vec<Arc<Event>> {
    let event = |seq| {
        let what = What::ReloadFailed { why: format!("{seq} {}", "x".repeat(100)) };
        Arc::new(Event { v: VERSION, seq, at_ms: seq, generation: 1, pool: None, backend: None, what })
    };
    seqs.map(event).collect()
}

fn seqs(reader: &Reader) -> Vec<u64> {
    let mut found = Vec::new();
    let note = |event: Event| {
        found.push(event.seq);
        true
    };
    reader.scan(0, u64::MAX, false, note).unwrap();
    found
}

#[test]
fn what_is_saved_is_there_again_and_numbers_go_on() {
    let directory = TempDir::new("store");
    let path = directory.path().join("events.redb");
    let mut store = Store::open(&path, KEEP).unwrap();
    assert_eq!((store.next, store.latest.len()), (1, 0));
    store.save(&events(1..11), 11).unwrap();
    store.close(11);
    let store = Store::open(&path, KEEP).unwrap();
    assert_eq!(store.next, 11, "a clean end leaves no gap");
    assert_eq!(store.latest.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..11).collect::<Vec<_>>());
    // Whatever had been told after the last commit: its numbers are not used again.
    drop(store);
    assert_eq!(Store::open(&path, KEEP).unwrap().next, 100_011);
}

#[test]
fn the_oldest_go_by_number_and_by_bytes_also_when_less_may_be_kept_than_before() {
    let directory = TempDir::new("store");
    let path = directory.path().join("events.redb");
    let mut store = Store::open(&path, KEEP).unwrap();
    store.save(&events(1..1_501), 1_501).unwrap();
    assert_eq!(seqs(&store.reader()), (501..1_501).collect::<Vec<_>>());
    assert_eq!(store.reader().gone().unwrap(), 500);
    store.close(1_501);
    let mut store = Store::open(&path, Keep { events: 1_000, bytes: 20_000 }).unwrap();
    store.save(&events(1_501..1_502), 1_502).unwrap();
    let kept = seqs(&store.reader());
    assert!(kept.len() > 80 && kept.len() < 130 && kept.last() == Some(&1_501), "{}", kept.len());
    assert!(store.bytes <= 20_000);
}

/// Pages that are freed are used again.
#[test]
fn the_file_does_not_grow_for_ever() {
    let directory = TempDir::new("store");
    let path = directory.path().join("events.redb");
    let mut store = Store::open(&path, Keep { events: 1 << 40, bytes: 2 << 20 }).unwrap();
    let mut lengths = Vec::new();
    for round in 0..40 {
        store.save(&events(round * 1_000 + 1..(round + 1) * 1_000 + 1), (round + 1) * 1_000 + 1).unwrap();
        lengths.push(std::fs::metadata(&path).unwrap().len());
    }
    assert!(store.bytes > 1_900_000 && store.count < 12_000, "{} {}", store.bytes, store.count);
    assert!(lengths[39] <= 3 * (2 << 20), "{lengths:?}");
    assert_eq!(lengths[39], lengths[20], "{lengths:?}");
}

#[test]
fn a_database_in_use_is_refused() {
    let directory = TempDir::new("store");
    let path = directory.path().join("events.redb");
    let _open = Store::open(&path, KEEP).unwrap();
    let error = Store::open(&path, KEEP).unwrap_err();
    assert!(matches!(error.trouble(), Trouble::Locked), "{error}");
    assert!(matches!(Dead::open(&path).unwrap_err().trouble(), Trouble::Locked));
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let directory = TempDir::new("store");
    let text = "listen = 1\n".repeat(1_000);
    let path = directory.write("evenkeel.toml", &text);
    let error = Store::open(&path, KEEP).unwrap_err();
    assert!(matches!(error.trouble(), Trouble::Foreign), "{error:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    let other = directory.path().join("other.redb");
    let database = Database::create(&other).unwrap();
    let transaction = database.begin_write().unwrap();
    drop(transaction.open_table(TableDefinition::<u64, u64>::new("users")).unwrap());
    transaction.commit().unwrap();
    drop(database);
    assert!(matches!(Store::open(&other, KEEP).unwrap_err().trouble(), Trouble::Foreign));
    let nowhere = Store::open(&directory.path().join("no/events.redb"), KEEP).unwrap_err();
    assert!(matches!(nowhere.trouble(), Trouble::Io(_)) && nowhere.to_string().contains("no/events.redb"));
}

#[test]
fn a_damaged_database_is_refused() {
    let directory = TempDir::new("store");
    let path = directory.path().join("events.redb");
    let mut store = Store::open(&path, KEEP).unwrap();
    store.save(&events(1..900), 900).unwrap();
    store.close(900);
    let mut bytes = std::fs::read(&path).unwrap();
    // In the middle of what is there: pages, not the header.
    let places: Vec<usize> =
        bytes.windows(8).enumerate().filter(|(_, at)| at == b"xxxxxxxx").map(|(at, _)| at).collect();
    places.iter().for_each(|&at| bytes[at] = b'!');
    std::fs::write(&path, bytes).unwrap();
    let error = Store::open(&path, KEEP).unwrap_err();
    assert!(matches!(error.trouble(), Trouble::Damaged(_)), "{error:?}");
}

#[test]
fn the_database_of_a_killed_process_is_read_without_being_written_to() {
    let directory = TempDir::new("store");
    let (path, copy) = (directory.path().join("events.redb"), directory.path().join("copy.redb"));
    let mut store = Store::open(&path, KEEP).unwrap();
    store.save(&events(1..51), 51).unwrap();
    // As it lies there when nobody closes it.
    std::fs::copy(&path, &copy).unwrap();
    let before = std::fs::read(&copy).unwrap();
    let dead = Dead::open(&copy).unwrap();
    let page = dead.read(&Query { limit: 10, ..Query::default() }).unwrap();
    assert_eq!(page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), (41..51).collect::<Vec<_>>());
    assert_eq!(std::fs::read(&copy).unwrap(), before);
}

/// A disk that can be full.
#[derive(Debug)]
struct Disk {
    memory: InMemoryBackend,
    full: Arc<AtomicBool>,
}

impl StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        match self.full.load(Ordering::Relaxed) {
            true => Err(std::io::ErrorKind::StorageFull.into()),
            false => self.memory.write(offset, data),
        }
    }
}

#[test]
fn a_full_disk_is_told_and_does_not_panic() {
    let full = Arc::new(AtomicBool::new(false));
    let disk = Mutex::new(Some(Disk { memory: InMemoryBackend::new(), full: Arc::clone(&full) }));
    let open = |builder: &Builder| builder.create_with_backend(disk.lock().unwrap().take().unwrap());
    let mut store = Store::with(Path::new("events.redb"), KEEP, open).unwrap();
    store.save(&events(1..11), 11).unwrap();
    full.store(true, Ordering::Relaxed);
    let error = store.save(&events(11..21), 21).unwrap_err();
    assert!(matches!(error, Trouble::Io(_)), "{error:?}");
    store.close(21);
}

#[test]
fn the_disk_is_left_and_found_again() {
    use crate::{Journal, Kind, Options};
    let directory = TempDir::new("store");
    let path = directory.path().join("events.redb");
    let journal = Journal::start(Options { path: Some(path.clone()), keep: KEEP }).unwrap();
    let (told, heard) = std::sync::mpsc::channel();
    let _watching = journal.watch(move || told.send(()).unwrap_or_default());
    journal.record(None, None, What::Stopping);
    heard.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(journal.reaches_disk(), Some(true));
    let page = journal.read(&Query { limit: 10, ..Query::default() }).unwrap();
    assert_eq!((page.events[0].seq, page.events[0].kind(), page.through), (1, Kind::Stopping, 1));
    journal.close(Duration::from_secs(10));
    let store = Store::open(&path, KEEP).unwrap();
    assert_eq!((store.next, store.latest.len()), (2, 1), "closing writes down what there is");
}
