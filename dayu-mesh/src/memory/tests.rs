//! What is kept comes back, what is damaged or foreign does not, and nothing stale is ever kept.
use std::fs;

use dayu_core::{
    directory::{DeviceRecord, EndpointRecord, ServiceRecord, SliceRecord},
    name::ServiceKey,
};
use proptest::{collection::vec, prelude::*};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::{generations::whole, *};

fn memory(folder: &Path) -> Memory {
    Memory::of(&Options { data: Some(folder.to_owned()), ..Options::of("edge1") }).unwrap()
}

/// What is there of so many Services.
fn records(services: u16) -> Records {
    let changes = (0..services).flat_map(|number| {
        let key = ServiceKey::new("shop", format!("det-{number}"));
        let slice = SliceRecord::new(&key, "all", 9000 + number, [EndpointRecord::new([10, 0, 0, 1]).on("edge1")]);
        [Change::from(ServiceRecord::new(key).port(9000)), slice.into()]
    });
    let directory: Directory = changes.chain([DeviceRecord::new("edge1").into()]).collect();
    directory.records()
}

/// What a mesh that starts now recalls, and what hinders it.
async fn recalled(folder: &Path) -> (Option<Records>, String) {
    let feed = Feed::default();
    let records = memory(folder).recall(&feed).await;
    (records, feed.troubles().iter().map(ToString::to_string).collect())
}

/// A folder in which one Service was kept, then two.
async fn twice() -> TempDir {
    let (folder, feed) = (tempfile::tempdir().unwrap(), Feed::default());
    let mut memory = memory(folder.path());
    assert!(memory.keep(records(1), &feed).await && memory.keep(records(2), &feed).await);
    folder
}

#[tokio::test]
async fn nothing_was_known_before_anything_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(recalled(&folder.path().join("none")).await, (None, String::new()));
    assert!(Memory::of(&Options::of("edge1")).is_none());
}

#[tokio::test]
async fn a_damaged_generation_is_put_aside_and_the_one_before_it_counts() {
    let damages: [fn(Vec<u8>) -> Vec<u8>; 6] = [
        |text| text[..text.len() / 2].to_vec(),
        |text| text[..10].to_vec(),
        |_| Vec::new(),
        |_| b"\0\xff\n\n".to_vec(),
        |text| [text, b" ".to_vec()].concat(),
        |text| {
            let other = b"{\"records\": 7}".to_vec();
            drop(text);
            [format!("dayu-mesh routes 1 {}\n", Fingerprint::of(&other)).into_bytes(), other].concat()
        },
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let folder = twice().await;
        let newest = folder.path().join("routes");
        fs::write(&newest, damage(fs::read(&newest).unwrap())).unwrap();
        let (found, told) = recalled(folder.path()).await;
        assert_eq!(found, Some(records(1)), "damage {number}");
        assert!(told.contains("routes is damaged (") && told.contains("routes.damaged"), "{told}");
        // The next generation takes the place of nothing that is good.
        assert!(memory(folder.path()).keep(records(3), &Feed::default()).await);
        assert_eq!(recalled(folder.path()).await, (Some(records(3)), String::new()));
        fs::remove_file(&newest).unwrap();
        assert_eq!(recalled(folder.path()).await.0, Some(records(1)));
    }
}

#[tokio::test]
async fn where_both_are_damaged_nothing_was_known() {
    let folder = twice().await;
    ["routes", "routes.before"].iter().for_each(|name| fs::write(folder.path().join(name), "x").unwrap());
    assert_eq!(recalled(folder.path()).await.0, None);
}

#[tokio::test]
async fn a_crash_between_the_two_names_leaves_the_generation_before() {
    let folder = twice().await;
    fs::rename(folder.path().join("routes"), folder.path().join("routes.before")).unwrap();
    fs::write(folder.path().join("routes.draft"), "half").unwrap();
    assert_eq!(recalled(folder.path()).await, (Some(records(2)), String::new()));
    let mut memory = memory(folder.path());
    memory.recall(&Feed::default()).await.unwrap();
    assert!(memory.keep(records(2), &Feed::default()).await && folder.path().join("routes").exists());
}

#[tokio::test]
async fn what_is_of_another_device_or_cluster_is_not_taken() {
    let folder = twice().await;
    let of = Options { data: Some(folder.path().to_owned()), ..Options::of("edge1") };
    for options in
        [Options { node: "edge2".into(), ..of.clone() }, Options { cluster: "another".to_owned(), ..of.clone() }]
    {
        let feed = Feed::default();
        assert_eq!(Memory::of(&options).unwrap().recall(&feed).await, None);
        assert!(feed.troubles()[0].why.contains("is of device edge1"), "{:?}", feed.troubles());
    }
    assert_eq!(
        recalled(folder.path()).await,
        (Some(records(2)), String::new()),
        "and it is left to whom it belongs to"
    );
}

#[tokio::test]
async fn only_the_owner_reads_it_and_one_that_cannot_be_written_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, feed) = (tempfile::tempdir().unwrap(), Feed::default());
    let inner = folder.path().join("mesh");
    assert!(memory(&inner).keep(records(1), &feed).await);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&inner), mode(&inner.join("routes"))), (0o700, 0o600));
    fs::create_dir(inner.join("routes.draft")).unwrap();
    assert!(!memory(&inner).keep(records(2), &feed).await);
    assert!(feed.troubles()[0].why.contains("cannot write to"), "{:?}", feed.troubles());
    assert_eq!(recalled(&inner).await.0, Some(records(1)));
}

/// A directory whose memory is followed, and how often it was written.
struct Followed {
    directory: Arc<Directory>,
    folder: TempDir,
    ending: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Followed {
    fn new(folder: TempDir) -> Self {
        let (directory, ending) = (Arc::new(Directory::new()), CancellationToken::new());
        let following = memory(folder.path()).follow(directory.clone(), Arc::default(), ending.clone());
        Self { directory, folder, ending, task: AbortOnDropHandle::new(tokio::spawn(following)) }
    }

    fn knows(&self, records: Records) {
        records.into_iter().for_each(|change| _ = self.directory.apply(change));
    }

    fn read(&self) -> Option<Vec<u8>> {
        fs::read(self.folder.path().join("routes")).ok()
    }

    /// Waits until something else than `before` is written; tells it and how long that took.
    async fn written(&self, before: Option<&[u8]>) -> (Vec<u8>, Duration) {
        let began = Instant::now();
        loop {
            if let Some(text) = self.read().filter(|text| before != Some(text)) {
                return (text, began.elapsed());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_before_the_source_has_told_everything() {
    let followed = Followed::new(twice().await);
    let before = followed.read();
    followed.knows(records(9));
    followed.directory.apply(Change::Recalled);
    sleep(10 * PAUSE).await;
    assert_eq!(followed.read(), before, "what is stale");
    followed.directory.apply(Change::Synced);
    let (_, took) = followed.written(before.as_deref()).await;
    assert!(took < PAUSE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_written_once_and_no_change_never() {
    let followed = Followed::new(tempfile::tempdir().unwrap());
    followed.directory.apply(Change::Synced);
    let (empty, _) = followed.written(None).await;
    for services in 1..9 {
        followed.knows(records(services));
        sleep(PAUSE / 20).await;
    }
    let (all, _) = followed.written(Some(&empty)).await;
    assert_eq!(recalled(followed.folder.path()).await.0, Some(records(8)), "as one generation");
    let again = DeviceRecord { ready: false, ..DeviceRecord::new("edge1") };
    followed.directory.apply(again.into());
    followed.directory.apply(DeviceRecord::new("edge1").into());
    sleep(3 * PAUSE).await;
    assert_eq!(followed.read(), Some(all));
    assert_eq!(fs::read_dir(followed.folder.path()).unwrap().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_changed_last_is_kept_at_the_end() {
    let followed = Followed::new(tempfile::tempdir().unwrap());
    followed.directory.apply(Change::Synced);
    followed.written(None).await;
    followed.knows(records(1));
    followed.ending.cancel();
    followed.task.await.unwrap();
    assert_eq!(recalled(followed.folder.path()).await.0, Some(records(1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_flipped_byte_and_no_cut_passes(at: prop::sample::Index, flip in 1..=255u8, content in vec(any::<u8>(), 1..99)) {
        let mut text = format!("dayu-mesh routes 1 {}\n", Fingerprint::of(&content)).into_bytes();
        text.extend(&content);
        prop_assert!(whole(text.clone()).is_ok_and(|(_, found)| found == content));
        let at = at.index(text.len());
        prop_assert!(whole(text[..at].to_vec()).is_err(), "cut");
        text[at] ^= flip;
        prop_assert!(whole(text).is_err(), "flipped");
    }

    /// Any names, numbers and states come back as they were.
    #[test]
    fn what_is_recalled_is_what_was_kept(
        names in vec(("\\PC{0,20}", any::<u16>(), any::<[bool; 3]>(), any::<std::net::IpAddr>()), 0..6),
    ) {
        let changes = names.into_iter().flat_map(|(name, port, [ready, serving, terminating], address)| {
            let key = ServiceKey::new("shop", &*name);
            let endpoint = EndpointRecord { ready, serving, terminating, hostname: Some(name.as_str().into()), ..EndpointRecord::new(address) };
            let service = ServiceRecord {
                addresses: vec![address],
                affinity: ready.then_some(port.into()),
                target: serving.then(|| name.as_str().into()),
                labels: [(name.as_str().into(), "x".into())].into(),
                ..ServiceRecord::new(key.clone()).port(port)
            };
            [Change::from(service), SliceRecord::new(&key, name.as_str(), port, [endpoint]).into(), DeviceRecord::new(name).into()]
        });
        let known = changes.collect::<Directory>().records();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            assert!(memory(folder.path()).keep(known.clone(), &Feed::default()).await);
            recalled(folder.path()).await
        });
        prop_assert_eq!(found, (Some(known), String::new()));
    }
}
