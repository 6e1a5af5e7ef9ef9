use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::System;
use crate::store::{CONFIGMAPS, DeleteOptions, SECRETS, Store, StoreError, Window};

/// One thing a client does.
#[derive(Debug, Clone)]
enum Op {
    Create(u8),
    Update(u8, u16),
    Delete(u8),
    Compact,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        3 => (0..6_u8).prop_map(Op::Create),
        4 => (0..6_u8, any::<u16>()).prop_map(|(name, value)| Op::Update(name, value)),
        2 => (0..6_u8).prop_map(Op::Delete),
        1 => Just(Op::Compact),
    ];
    proptest::collection::vec(op, 1..40)
}

fn open(dir: &Path) -> Result<Store, JournalError> {
    Store::open(dir, Arc::new(System), Window::default())
}

/// Opens it as soon as the thread that may still be writing it anew has let go.
fn reopen(dir: &Path) -> Store {
    loop {
        match open(dir) {
            Err(JournalError::InUse { .. }) => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

fn object(name: u8, value: u16) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("n{name}"), "namespace": "default"}, "data": {"v": value.to_string()}})
}

fn perform(store: &Store, op: &Op) {
    let resource = |name: u8| if name < 4 { CONFIGMAPS } else { SECRETS };
    // Refusals (there already, not there) are part of the game.
    let _ = match op {
        Op::Create(name) => store.create(&resource(*name), object(*name, 0)).map(|_| ()),
        Op::Update(name, value) => store.update(&resource(*name), object(*name, *value)).map(|_| ()),
        Op::Delete(name) => {
            store.delete(&resource(*name), "default", &format!("n{name}"), &DeleteOptions::default()).map(|_| ())
        }
        Op::Compact => crate::store::tables::Tables::compact(&store.tables).map(drop).map_err(StoreError::from),
    };
}

type Content = (u64, Vec<(String, String)>);

fn content(store: &Store) -> Content {
    let all = [CONFIGMAPS, SECRETS].into_iter().flat_map(|resource| store.list(&resource, None).objects);
    (
        store.version(),
        all.map(|object| (object.meta.name.to_string(), String::from_utf8_lossy(&object.json).into())).collect(),
    )
}

/// Where the last record ends.
fn end(store: &Store) -> u64 {
    store.tables.read().journal().unwrap().end
}

/// What a power cut does to everything from here on.
fn lose(path: &Path, from: u64, lost: Lost) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(from).unwrap();
    if lost == Lost::Written {
        file.set_len(length).unwrap();
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Lost {
    /// The file is shorter.
    Length,
    /// There are zeros in their place.
    Written,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever is acknowledged is there after the process ended; what was cut off is as if never done.
    #[test]
    fn a_cut_file_holds_exactly_what_was_acknowledged_before_the_cut(
        ops in ops(),
        cut in any::<prop::sample::Index>(),
        lost in prop_oneof![Just(Lost::Length), Just(Lost::Written)],
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        // After the last compaction, each state and the size of the file that holds it.
        let mut states = vec![(end(&store), content(&store))];
        for op in &ops {
            perform(&store, op);
            if matches!(op, Op::Compact) {
                states.clear();
            }
            states.push((end(&store), content(&store)));
        }
        drop(store);
        prop_assert_eq!(&content(&open(dir.path()).unwrap()), &states.last().unwrap().1);

        let (first, last) = (states[0].0, states.last().unwrap().0);
        let at = first + cut.index(usize::try_from(last - first + 1).unwrap()) as u64;
        lose(&dir.path().join(FILE), at, lost);
        let expected = &states.iter().rev().find(|(end, _)| *end <= at).unwrap().1;
        let again = open(dir.path()).unwrap();
        prop_assert_eq!(&content(&again), expected);
        // And it goes on from there.
        perform(&again, &Op::Create(0));
        perform(&again, &Op::Update(0, 1));
        let continued = content(&again);
        drop(again);
        prop_assert_eq!(content(&open(dir.path()).unwrap()), continued);
    }

    /// A flipped byte is never taken for data: it is refused, or it was the very last record.
    #[test]
    fn damage_is_noticed(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        (0..4).for_each(|name| perform(&store, &Op::Create(name)));
        let before_last = end(&store);
        perform(&store, &Op::Create(4));
        drop(store);
        let path = dir.path().join(FILE);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        fs::write(&path, &bytes).unwrap();
        match open(dir.path()) {
            Err(JournalError::Foreign { .. }) => prop_assert!(at < MAGIC.len()),
            Err(error) => {
                prop_assert!(error.to_string().contains("is damaged at byte"));
                prop_assert_eq!(fs::read(&path).unwrap(), bytes, "nothing was changed");
            }
            Ok(store) => {
                prop_assert!(at as u64 >= before_last);
                prop_assert_eq!(content(&store).1.len(), 4);
                let kept = dir.path().join(format!("{FILE}.torn-{before_last}"));
                prop_assert_eq!(fs::read(kept).unwrap(), &bytes[usize::try_from(before_last).unwrap()..]);
            }
        }
    }
}

#[test]
fn one_directory_has_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Err(JournalError::InUse { .. })));
    drop(first);
    open(dir.path()).unwrap();
}

/// A disk with so much space.
struct Small(AtomicU64, fs::File);

impl Disk for Small {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let room = self.0.load(Ordering::Relaxed).saturating_sub(offset);
        let fits = bytes.len().min(usize::try_from(room).unwrap());
        FileExt::write_all_at(&self.1, &bytes[..fits], offset)?;
        if fits == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.1.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn allocate(&self, from: u64, length: u64) -> io::Result<()> {
        if from + length <= self.0.load(Ordering::Relaxed) { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}

#[test]
fn a_full_disk_refuses_the_write_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    perform(&store, &Op::Create(0));
    let before = content(&store);
    let full = end(&store);
    let file = fs::OpenOptions::new().read(true).write(true).open(dir.path().join(FILE)).unwrap();
    let disk = Arc::new(Small(AtomicU64::new(full + 30), file));
    store.tables.write().journal_mut().unwrap().disk = disk.clone();

    let error = store.create(&CONFIGMAPS, object(1, 0)).unwrap_err();
    assert!(error.to_string().contains("free space"), "{error}");
    assert_eq!(content(&store), before);
    assert_eq!(end(&store), full);

    disk.0.store(u64::MAX, Ordering::Relaxed);
    store.create(&CONFIGMAPS, object(1, 0)).unwrap();
    let after = content(&store);
    drop(store);
    assert_eq!(content(&reopen(dir.path())), after);
}

#[test]
fn what_an_attempt_left_is_no_part_of_the_file_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    (0..5).for_each(|name| perform(&store, &Op::Create(name)));
    perform(&store, &Op::Delete(4));
    let before = content(&store);
    // Longer than all there is, and ending in whole records.
    let journal = fs::read(dir.path().join(FILE)).unwrap();
    let mut left = vec![7; 2 << 20];
    left.extend(&journal[MAGIC.len()..]);
    fs::write(dir.path().join(format!("{FILE}.new")), left).unwrap();
    let long = end(&store);
    perform(&store, &Op::Compact);
    assert!(end(&store) < long, "written anew");
    perform(&store, &Op::Delete(0));
    let after = content(&store);
    assert_ne!(after, before);
    drop(store);
    assert_eq!(content(&open(dir.path()).unwrap()), after);
}

#[test]
fn a_file_that_would_be_no_shorter_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let file = || fs::metadata(dir.path().join(FILE)).unwrap().ino();
    let first = file();
    (0..3).for_each(|name| perform(&store, &Op::Create(name)));
    perform(&store, &Op::Compact);
    assert_eq!(file(), first);
    perform(&store, &Op::Update(0, 1));
    perform(&store, &Op::Compact);
    assert_ne!(file(), first);
}

#[test]
fn on_a_full_disk_deletions_are_taken_others_are_not_and_a_crash_loses_neither() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    (0..4).for_each(|name| perform(&store, &Op::Create(name)));
    let end = end(&store);
    let file = fs::OpenOptions::new().read(true).write(true).open(dir.path().join(FILE)).unwrap();
    {
        // A disk that has given what is kept for deletions, and gives no more.
        let mut tables = store.tables.write();
        let journal = tables.journal_mut().unwrap();
        journal.room = Room::none(end);
        journal.disk = Arc::new(Small(AtomicU64::new(end + 256 * 1024), file));
        journal.room.ensure(&*journal.disk, end, 1).unwrap_err();
    }
    let refused = store.create(&SECRETS, object(4, 0)).unwrap_err().to_string();
    assert!(refused.contains(FILE) && refused.contains("free space"), "{refused}");
    for name in ["n0", "n1"] {
        store.delete(&CONFIGMAPS, "default", name, &DeleteOptions::default()).unwrap();
    }
    let after = content(&store);
    assert_eq!(after.1.len(), 2);
    // What a crash at this moment leaves, whether the file is being written anew or was.
    let crashed = tempfile::tempdir().unwrap();
    fs::copy(dir.path().join(FILE), crashed.path().join(FILE)).unwrap();
    assert_eq!(content(&open(crashed.path()).unwrap()), after);
}

/// A disk that takes back, of the stretch that it cannot give in full, what it gave before.
struct Jealous(AtomicU64);

impl Disk for Jealous {
    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn allocate(&self, from: u64, length: u64) -> io::Result<()> {
        if from + length <= self.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.0.fetch_min(from, Ordering::Relaxed);
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[test]
fn blocks_that_a_file_has_are_not_lost_by_asking_for_more() {
    const HELD: u64 = 750_000;
    let disk = Jealous(AtomicU64::new(HELD));
    for end in [400_000, 450_000, 420_000, 450_000] {
        // As of a file that was just written anew: what lies behind its end is not known yet.
        Room::none(end).ensure(&disk, end, 1).unwrap();
        assert!(disk.0.load(Ordering::Relaxed) > HELD - 32 * 1024, "lost at {end}");
    }
    Room::none(480_000).ensure(&disk, 480_000, 1).unwrap_err();
}
