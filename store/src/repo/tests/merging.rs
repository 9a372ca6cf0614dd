use super::*;

#[test]
fn two_devices_reach_one_snapshot_and_then_make_no_more() {
    let (a, b) = two(&["one", "two", "three"]);
    a.flag("one", "S");
    a.put("", "new/a", "from a");
    b.remove("two");
    b.put("Lists", "cur/b:2,F", "from b");
    b.pull(&a);
    a.pull(&b);
    assert_eq!(a.local(), b.local());
    let mail = [
        "/new: : from a",
        ": : three",
        ": S: one",
        "Lists: F: from b",
    ];
    assert_eq!(
        (a.mail(), b.mail()),
        (mail.map(String::from).into(), a.mail())
    );
    let tip = a.local();
    a.pull(&b);
    b.pull(&a);
    assert_eq!((a.local(), b.local()), (tip, tip));
    a.assert_settled();
    b.assert_settled();
}

#[test]
fn both_merge_at_once_and_find_the_same() {
    let (a, b) = two(&["one", "two"]);
    a.put("", "cur/a:2,", "from a");
    b.put("", "cur/b:2,", "from b");
    a.snapshot();
    b.snapshot();
    let (from_a, from_b) = (b.fetch(&a), a.fetch(&b));
    for (device, tip) in [(&a, from_b), (&b, from_a)] {
        device
            .after_snapshot(false, |locked, now| locked.merge(now, &merge_request(tip)))
            .expect("merged");
    }
    assert_eq!(a.local(), b.local());
    assert_eq!(a.mail(), b.mail());
}

#[test]
fn maildirs_that_another_program_kept_alike_are_joined_without_doubling() {
    let (a, b) = (Device::new("a"), Device::new("b"));
    for n in 0..20 {
        a.put("", &format!("cur/a{n}:2,S"), &format!("m{n}"));
        b.put("", &format!("cur/b{n}:2,S"), &format!("m{n}"));
    }
    a.snapshot();
    b.pull(&a);
    a.pull(&b);
    assert_eq!(a.local(), b.local());
    assert_eq!(a.mail().len(), 20);
    assert_eq!(a.mail(), b.mail());
    a.assert_settled();
    b.assert_settled();
}

#[test]
fn a_message_filed_by_one_and_read_by_the_other_is_filed_and_read() {
    let (a, b) = two(&["one"]);
    a.make_folder("Archive");
    let (path, _) = a.files().remove(0);
    fs::rename(path, a.folder("Archive").join("cur/1:2,")).expect("moved");
    a.snapshot();
    b.flag("one", "S");
    b.pull(&a);
    assert_eq!(b.mail(), ["Archive: S: one"]);
    a.pull(&b);
    assert_eq!(a.local(), b.local());
    assert_eq!(a.mail(), b.mail());
    assert_eq!(a.files().len(), 1);
}

#[test]
fn a_dry_run_of_a_merge_says_what_the_run_would_do_and_does_nothing() {
    let (a, b) = two(&["one", "two"]);
    b.remove("one");
    b.put("Lists", "cur/b:2,", "from b");
    b.snapshot();
    let tip = a.fetch(&b);
    a.put("", "new/late", "not recorded yet");
    let (mail, local) = (a.mail(), a.local());
    let dry = MergeRequest {
        dry_run: true,
        ..merge_request(tip)
    };
    let dry = a
        .after_snapshot(true, |locked, now| locked.merge(now, &dry))
        .expect("a plan");
    assert_eq!((a.mail(), a.local()), (mail, local));
    assert_eq!(a.litter(), Vec::<PathBuf>::new());
    let done = a
        .after_snapshot(false, |locked, now| locked.merge(now, &merge_request(tip)))
        .expect("merged");
    let (dry, done) = (
        dry.transition.expect("a plan"),
        done.transition.expect("done"),
    );
    assert_eq!(dry.plan, done.plan);
    assert_eq!(done.applied.notes, []);
}

#[test]
fn files_that_a_mail_client_renames_between_record_and_apply_are_found() {
    let (a, b) = two(&["one", "two", "three"]);
    b.flag("one", "F");
    b.remove("two");
    b.make_folder("Archive");
    let three = b
        .files()
        .into_iter()
        .find(|(path, _)| fs::read_to_string(path).expect("a message") == message("three"));
    let (path, _) = three.expect("there");
    fs::rename(path, b.folder("Archive").join("cur/3:2,")).expect("moved");
    b.snapshot();
    let tip = a.fetch(&b);
    let done = a
        .after_snapshot(false, |locked, now| {
            for subject in ["one", "two", "three"] {
                a.flag(subject, "S");
            }
            locked.merge(now, &merge_request(tip))
        })
        .expect("merged");
    assert_eq!(a.mail(), [": FS: one", "Archive: S: three"], "{done:#?}");
    b.pull(&a);
    a.pull(&b);
    assert_eq!(a.local(), b.local());
    assert_eq!(b.mail(), a.mail());
}

#[test]
fn a_file_with_other_content_than_recorded_is_not_removed() {
    let (a, b) = two(&["one", "two"]);
    b.remove("one");
    b.snapshot();
    let tip = a.fetch(&b);
    let done = a
        .after_snapshot(false, |locked, now| {
            let (path, _) = a
                .files()
                .into_iter()
                .find(|(path, _)| fs::read_to_string(path).expect("a message") == message("one"))
                .expect("there");
            fs::write(path, message("edited")).expect("edited");
            locked.merge(now, &merge_request(tip))
        })
        .expect("merged");
    let notes = done.transition.expect("done").applied.notes;
    assert!(matches!(
        notes.as_slice(),
        [crate::worktree::ApplyNote::OtherContent(_)]
    ));
    assert_eq!(a.mail(), [": : edited", ": : two"]);
    assert_eq!(a.snapshot().changes.add.len(), 1);
    a.assert_settled();
}

#[test]
fn random_work_on_three_devices_ends_in_one_state() {
    for seed in 1..=12 {
        random_work(seed);
    }
}

fn random_work(seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let devices = [Device::new("a"), Device::new("b"), Device::new("c")];
    devices[0].put_many("", 0..8);
    devices[0].snapshot();
    let folders = ["", "Archive", "Lists.rust"];
    for step in 0..24 {
        let device = &devices[random(3) as usize];
        let files = device.files();
        let pick = |n: u64| files.get(n as usize % files.len().max(1)).cloned();
        match random(8) {
            0 | 1 => {
                let folder = folders[random(3) as usize];
                device.put(folder, &format!("new/{step}"), &format!("s{step}"));
            }
            2 => {
                if let Some((path, _)) = pick(random(100)) {
                    fs::remove_file(path).expect("removed");
                }
            }
            3 => {
                if let Some((path, _)) = pick(random(100)) {
                    let to = device.folder(folders[random(3) as usize]).join("cur");
                    fs::create_dir_all(&to).expect("a folder");
                    fs::rename(path, to.join(format!("moved{step}:2,S"))).expect("moved");
                }
            }
            4 | 5 => {
                if let Some((path, _)) = pick(random(100)) {
                    let name = path
                        .file_name()
                        .expect("a name")
                        .to_string_lossy()
                        .into_owned();
                    let base = name.split(":2,").next().expect("a base").to_owned();
                    let flags = ["", "S", "FS", "RS", "ST"][random(5) as usize];
                    let cur = path
                        .parent()
                        .and_then(Path::parent)
                        .expect("a folder")
                        .join("cur");
                    fs::rename(&path, cur.join(format!("{base}:2,{flags}"))).expect("renamed");
                }
            }
            _ => {
                let other = &devices[random(3) as usize];
                other.snapshot();
                if !std::ptr::eq(device, other) && other.repo().local().expect("read").is_some() {
                    device.pull(other);
                }
            }
        }
    }
    for _ in 0..2 {
        for (to, from) in [(0, 1), (0, 2), (1, 0), (2, 0)] {
            devices[from].snapshot();
            if devices[from].repo().local().expect("read").is_some() {
                devices[to].pull(&devices[from]);
            }
        }
    }
    for device in &devices {
        assert_eq!(device.local(), devices[0].local(), "seed {seed}");
        assert_eq!(device.mail(), devices[0].mail(), "seed {seed}");
        device.assert_settled();
    }
}
