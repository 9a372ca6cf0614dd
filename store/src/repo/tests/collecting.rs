//! `gc`: packs come and go, objects stay.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::meddler::{Moment, meddled};
use super::*;
use crate::progress::{Phase, Progress};

/// Every object that is stored, with its bytes.
type Objects = BTreeMap<ObjectKey, Vec<u8>>;

fn objects(repo: &Repository) -> Objects {
    let mut all = Objects::new();
    for kind in Kind::ALL {
        for hash in repo.odb().ids(kind).expect("listed") {
            let key = ObjectKey::new(kind, hash);
            all.insert(key, repo.odb().read(key).expect("stored"));
        }
    }
    all
}

/// A device with a history of many packs; its first message is long, one object is in no history.
fn device() -> Device {
    let device = Device::new("a");
    let long = vec![b'x'; (2 << 20) + 17];
    fs::write(device.folder("").join("cur/long:2,"), long).expect("a message");
    for day in 0..8 {
        device.put_many("", day * 60..day * 60 + 60);
        device.put_many("lists", 1000 + day * 10..1010 + day * 10);
        device.flag(&format!("m{}", day * 60), "F");
        device.snapshot();
    }
    let repo = device.repo();
    let batch = repo.odb().batch().expect("disk");
    batch
        .write(Kind::Blob, b"Subject: nobody's\n\n")
        .expect("disk");
    batch.finish().expect("disk");
    device
}

fn gc(repo: &Repository, grace: u64) -> GcReport {
    let how = GcRequest {
        grace,
        dry_run: false,
    };
    repo.gc(&how, &request()).expect("collected")
}

fn packs(repo: &Repository) -> usize {
    repo.odb().packs().expect("listed").len()
}

fn assert_sound(device: &Device, expected: &Objects) {
    let repo = device.repo();
    let found = objects(&repo);
    for (key, bytes) in expected {
        assert!(found.get(key) == Some(bytes), "{key} is lost");
    }
    // What messages are compressed with may be learned anew, once.
    let new: Vec<_> = found
        .keys()
        .filter(|key| !expected.contains_key(key))
        .collect();
    assert!(
        new.iter().all(|key| key.kind == Kind::Dictionary),
        "{new:?}"
    );
    assert!(new.len() <= 1);
    let report = repo.verify(true, &NoProgress).expect("verified");
    assert_eq!(report.findings, []);
    assert_eq!(device.litter(), Vec::<PathBuf>::new());
}

#[test]
fn many_packs_become_few_and_every_object_stays() {
    let device = device();
    let repo = device.repo();
    let before = objects(&repo);
    assert!(packs(&repo) > 8);
    let report = gc(&repo, 0);
    assert_eq!(report.dropped.len(), report.plan.repack.len());
    assert!(packs(&repo) <= 3, "{}", packs(&repo));
    assert_sound(&device, &before);
    let again = gc(&repo, 0);
    assert!(again.plan.repack.is_empty(), "{:?}", again.plan);
    assert_sound(&device, &before);
}

#[test]
fn old_packs_go_only_when_their_time_is_over() {
    let device = device();
    let repo = device.repo();
    let (before, old) = (objects(&repo), repo.odb().packs().expect("listed"));
    let report = gc(&repo, 3600);
    assert!(report.dropped.is_empty());
    let still = repo.odb().packs().expect("listed");
    assert!(old.iter().all(|pack| still.contains(pack)));
    device.snapshot();
    let again = gc(&repo, 3600);
    assert!(again.plan.repack.is_empty() && again.dropped.is_empty());
    assert_eq!(again.plan.wait.len(), old.len());
    gc(&repo, 0);
    let left = repo.odb().packs().expect("listed");
    assert!(old.iter().all(|pack| !left.contains(pack)));
    assert_sound(&device, &before);
}

#[test]
fn a_later_command_takes_old_packs_away() {
    let device = device();
    let repo = device.repo();
    let before = objects(&repo);
    gc(&repo, 3600);
    let path = repo.layout().superseded();
    let text = fs::read_to_string(&path).expect("noted");
    let long_ago = text.lines().map(|line| {
        let (id, _) = line.split_once(' ').expect("a line");
        format!("{id} 1000000000\n")
    });
    fs::write(&path, long_ago.collect::<String>()).expect("disk");
    device.snapshot();
    assert!(packs(&repo) <= 3, "{}", packs(&repo));
    assert!(!path.exists());
    assert_sound(&device, &before);
}

#[test]
fn an_old_pack_whose_heir_is_lost_stays() {
    let device = device();
    let repo = device.repo();
    let before = objects(&repo);
    let report = gc(&repo, 3600);
    for pack in &report.repacked.written {
        for name in [
            crate::pack::pack_name(pack.id),
            crate::pack::idx_name(pack.id),
        ] {
            fs::remove_file(device.store().join("packs").join(name)).expect("there");
        }
    }
    drop(repo);
    let repo = device.repo();
    let locked = repo.lock_store(&request()).expect("locked");
    let dropped = repo.drop_superseded(0).expect("looked");
    drop(locked);
    assert_eq!(dropped, []);
    assert_sound(&device, &before);
}

#[test]
fn a_dry_run_says_it_all_and_changes_nothing() {
    let device = device();
    let before = tree_of(&device.store());
    let how = GcRequest {
        grace: 0,
        dry_run: true,
    };
    let report = device.repo().gc(&how, &request()).expect("planned");
    assert!(report.plan.repack.len() > 8);
    assert!(report.plan.needs() > 0 && report.plan.keep.is_empty());
    assert!(tree_of(&device.store()) == before);
}

#[test]
fn a_second_gc_waits_for_the_first() {
    let device = device();
    let repo = device.repo();
    let lock = repo.layout().gc_lock();
    let held = crate::fs::Lock::file(&lock, "mailvc gc", Duration::ZERO, &|_| {}).expect("free");
    let refused = repo.gc(&GcRequest::default(), &request());
    assert!(matches!(refused, Err(RepoError::Lock(_))), "{refused:?}");
    drop(held);
    let before = objects(&repo);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let patient = LockRequest {
                    patience: Duration::from_mins(1),
                    ..request()
                };
                let how = GcRequest {
                    grace: 0,
                    dry_run: false,
                };
                device.repo().gc(&how, &patient).expect("collected");
            });
        }
    });
    assert!(packs(&repo) <= 3);
    assert_sound(&device, &before);
}

#[test]
fn who_listed_the_packs_before_reads_everything_after() {
    let device = device();
    let reader = device.repo();
    let before = objects(&reader);
    gc(&device.repo(), 0);
    for (key, bytes) in &before {
        assert!(reader.odb().contains(*key).expect("looked up"));
        assert!(reader.odb().read(*key).expect("found elsewhere") == *bytes);
    }
    let reader = device.repo();
    device.snapshot();
    device.put("", "cur/another:2,", "another");
    device.snapshot();
    gc(&device.repo(), 0);
    let blobs = before.iter().filter(|(key, _)| key.kind == Kind::Blob);
    for (key, bytes) in blobs {
        let mut out = Vec::new();
        let id = BlobId::new(key.hash);
        reader
            .odb()
            .read_blob(id, &mut out)
            .expect("found elsewhere");
        assert!(out == *bytes);
    }
}

#[test]
fn who_listed_the_packs_before_sends_everything_after() {
    let device = device();
    let reader = device.repo();
    let ids = reader.odb().ids(Kind::Blob).expect("listed");
    let ids: Vec<BlobId> = ids.into_iter().map(BlobId::new).collect();
    gc(&device.repo(), 0);
    let other = Device::new("b");
    let target = other.repo();
    let receiving = target.odb().receive().expect("disk");
    let mut sent = |frame: &[u8]| {
        receiving.add_frame(frame).expect("taken");
        Ok(())
    };
    reader.odb().frames_for(&ids, &mut sent).expect("sent");
    receiving.finish().expect("disk");
    for id in ids {
        assert!(target.odb().contains(id.into()).expect("looked up"));
    }
}

/// Does something as the writing begins, and may ask to stop after a while.
struct During<'a> {
    act: Mutex<Option<Box<dyn FnOnce() + Send + 'a>>>,
    stop: bool,
    begun: AtomicBool,
}

impl<'a> During<'a> {
    fn new(stop: bool, act: impl FnOnce() + Send + 'a) -> Self {
        Self {
            act: Mutex::new(Some(Box::new(act))),
            stop,
            begun: AtomicBool::new(false),
        }
    }
}

impl Progress for During<'_> {
    fn begin(&self, phase: Phase, _total: Option<u64>) {
        if phase == Phase::Repack {
            let act = self.act.lock().expect("one at a time").take();
            act.expect("once")();
            self.begun.store(true, Ordering::Relaxed);
        }
    }

    fn advance(&self, _items: u64, _bytes: u64) {}

    fn cancelled(&self) -> bool {
        self.stop && self.begun.load(Ordering::Relaxed)
    }
}

fn gc_during(device: &Device, progress: &During<'_>) -> GcReport {
    let who = LockRequest {
        progress,
        ..request()
    };
    let how = GcRequest {
        grace: 0,
        dry_run: false,
    };
    device.repo().gc(&how, &who).expect("collected")
}

#[test]
fn a_snapshot_that_is_made_meanwhile_is_there_afterwards() {
    let device = device();
    let before = objects(&device.repo());
    let during = During::new(false, || {
        device.put_many("", 5000..5030);
        device.remove("m7");
        assert!(device.snapshot().new);
    });
    gc_during(&device, &during);
    let after = objects(&device.repo());
    assert!(
        before
            .iter()
            .all(|(key, bytes)| after.get(key) == Some(bytes))
    );
    assert!(after.len() > before.len() + 30);
    device.assert_settled();
    assert_sound(&device, &after);
}

#[test]
fn a_gc_that_is_stopped_takes_nothing_away_and_the_next_one_goes_on() {
    let device = device();
    let before = objects(&device.repo());
    let old = device.repo().odb().packs().expect("listed");
    let stopped = gc_during(&device, &During::new(true, || {}));
    assert!(stopped.repacked.cancelled && stopped.dropped.is_empty());
    let still = device.repo().odb().packs().expect("listed");
    assert!(old.iter().all(|pack| still.contains(pack)));
    assert_sound(&device, &before);
    gc(&device.repo(), 0);
    assert!(packs(&device.repo()) <= 3);
    assert_sound(&device, &before);
}

#[test]
fn a_pack_with_damage_stays_as_it_is() {
    let device = device();
    let repo = device.repo();
    let subject = BlobId::of(message("m30").as_bytes());
    let damaged: Vec<_> = fs::read_dir(device.store().join("packs"))
        .expect("packs")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "pack"))
        .collect();
    let before = objects(&repo);
    // In the first frame, which holds messages: tree nodes of other packs rest on none of it.
    let hit = damaged
        .iter()
        .max_by_key(|path| fs::metadata(path).map_or(0, |it| it.len()))
        .expect("a pack");
    let whole = fs::read(hit).expect("there");
    let mut bytes = whole.clone();
    bytes[100] ^= 1;
    fs::write(hit, &bytes).expect("disk");
    let report = gc(&device.repo(), 0);
    assert_eq!(report.repacked.damaged.len(), 1);
    let superseded = &report.repacked.superseded;
    assert!(!superseded.contains(&report.repacked.damaged[0]));
    assert!(hit.exists());
    assert!(fs::read(hit).expect("there") == bytes);
    fs::write(hit, &whole).expect("disk");
    assert_sound(&device, &before);
    assert!(
        device
            .repo()
            .odb()
            .contains(subject.into())
            .expect("looked up")
    );
}

/// What the disk made of a new pack is not what was written: the old packs are all that there is.
#[test]
fn what_the_disk_garbles_replaces_nothing() {
    let device = device();
    let before = objects(&device.repo());
    let old = device.repo().odb().packs().expect("listed");
    let repo = meddled(&device, |moment| {
        if let Moment::Replace(from, to) = moment
            && to.extension().is_some_and(|end| end == "pack")
        {
            let mut bytes = fs::read(from).expect("written");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(from, bytes).expect("disk");
        }
    });
    let how = GcRequest {
        grace: 0,
        dry_run: false,
    };
    assert!(repo.gc(&how, &request()).is_err());
    let left = device.repo().odb().packs().expect("listed");
    assert!(old.iter().all(|pack| left.contains(pack)));
    let found = objects(&device.repo());
    assert!(
        before
            .iter()
            .all(|(key, bytes)| found.get(key) == Some(bytes))
    );
}

/// A pack without its index is read all the same; an index without its pack lies to whoever opens
/// the store in between.
#[test]
fn a_pack_goes_before_its_index() {
    let device = device();
    let old = packs(&device.repo());
    let gone = Arc::new(Mutex::new(Vec::<PathBuf>::new()));
    let noted = Arc::clone(&gone);
    let repo = meddled(&device, move |moment| {
        if let Moment::Remove(path) = moment
            && path.extension().is_some_and(|end| end == "idx")
            && path.parent().is_some_and(|dir| dir.ends_with("packs"))
        {
            assert!(!path.with_extension("pack").exists(), "{}", path.display());
            noted
                .lock()
                .expect("one at a time")
                .push(path.to_path_buf());
        }
    });
    gc(&repo, 0);
    assert_eq!(gone.lock().expect("ended").len(), old);
}

#[test]
fn versions_of_a_tree_take_little_room_after_a_repack() {
    let device = Device::new("a");
    device.put_many("", 0..900);
    device.snapshot();
    for day in 0..40 {
        device.flag(&format!("m{}", day * 20), "F");
        device.snapshot();
    }
    let repo = device.repo();
    let report = gc(&repo, 0);
    let written = &report.repacked.written;
    let others = written.iter().find(|pack| pack.messages == 0).expect("one");
    // Plain, a leaf alone has five kilobytes.
    assert!(others.bytes / 40 < 2500, "{others:?}");
}
