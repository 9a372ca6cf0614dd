use super::*;

#[test]
fn a_new_store_is_private_and_knows_its_maildir_again() {
    use std::os::unix::fs::PermissionsExt;
    let a = Device::new("a");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&a.store()), 0o700);
    for file in ["keys/device", "config", "trusted", "format"] {
        assert_eq!(mode(&a.store().join(file)), 0o600, "{file}");
    }
    assert!(matches!(a.init(), Err(RepoError::Exists(_))));
    fs::remove_file(a.maildir().join("mailvc-anchor")).expect("removed");
    assert!(matches!(
        a.repo().lock(&request()).err(),
        Some(RepoError::Worktree(
            crate::worktree::WorktreeError::AnchorGone(_)
        ))
    ));
}

#[test]
fn init_after_a_crash_within_it_begins_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let request = InitRequest {
        maildir: dir.path().join("Maildir"),
        layout: None,
        name: "a".to_owned(),
        make_maildir: true,
        remotes: BTreeMap::new(),
    };
    fs::create_dir_all(request.maildir.join("tmp")).expect("begun");
    fs::create_dir_all(dir.path().join("store/keys")).expect("begun");
    Repository::init(os(), &dir.path().join("store"), &request).expect("a store");
    assert!(request.maildir.join("cur").is_dir());
}

#[test]
fn a_store_knows_its_remotes_from_its_first_moment() {
    let dir = tempfile::tempdir().expect("a directory");
    let origin = RemoteConfig {
        url: "server".to_owned(),
        command: None,
        device: None,
        introduce: true,
    };
    let request = InitRequest {
        maildir: dir.path().join("Maildir"),
        layout: None,
        name: "a".to_owned(),
        make_maildir: true,
        remotes: BTreeMap::from([("origin".to_owned(), origin.clone())]),
    };
    let store = dir.path().join("store");
    drop(Repository::init(os(), &store, &request).expect("a store"));
    let repo = Repository::open(os(), &store).expect("the store");
    assert_eq!(repo.config().remotes.get("origin"), Some(&origin));
}

#[test]
fn a_store_inside_its_maildir_or_around_it_is_refused() {
    let a = Device::new("a");
    for store in [a.maildir().join("store"), a.dir.path().to_owned()] {
        let request = InitRequest {
            maildir: a.maildir(),
            layout: None,
            name: "a".to_owned(),
            make_maildir: false,
            remotes: BTreeMap::new(),
        };
        assert!(matches!(
            Repository::init(os(), &store, &request),
            Err(RepoError::StoreInMaildir { .. })
        ));
    }
    assert!(!a.maildir().join("store").exists(), "nothing was made");
}

#[test]
fn a_copied_store_is_read_but_not_written_until_it_has_a_key_of_its_own() {
    let a = Device::new("a");
    a.put("", "cur/1:2,S", "hello");
    let id = a.snapshot().id.expect("recorded");
    let copy = a.dir.path().join("copy");
    let status = std::process::Command::new("cp")
        .arg("-a")
        .args([a.store(), copy.clone()])
        .status();
    assert!(status.expect("cp").success());
    let mut repo = Repository::open(os(), &copy).expect("opened");
    assert_eq!(repo.snapshot(id).expect("read").id(), id);
    assert!(matches!(
        repo.lock(&request()).err(),
        Some(RepoError::Copied(_))
    ));
    let before = repo.device_id().expect("an id");
    repo.renew_key().expect("renewed");
    assert_ne!(repo.device_id().expect("an id"), before);
    drop(repo.lock(&request()).expect("locked"));
}

#[test]
fn two_inits_at_once_make_one_store() {
    let dir = tempfile::tempdir().expect("a directory");
    let request = InitRequest {
        maildir: dir.path().join("Maildir"),
        layout: None,
        name: "a".to_owned(),
        make_maildir: true,
        remotes: BTreeMap::new(),
    };
    let store = dir.path().join("store");
    let made = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| Repository::init(os(), &store, &request)))
            .collect();
        let ends = runs.into_iter().map(|run| run.join().expect("no panic"));
        ends.filter(|end| match end {
            Ok(_) => true,
            Err(RepoError::Exists(_)) => false,
            Err(error) => panic!("{error}"),
        })
        .count()
    });
    assert_eq!(made, 1);
    let repo = Repository::open(os(), &store).expect("opened");
    drop(repo.lock(&super::request()).expect("locked"));
}
