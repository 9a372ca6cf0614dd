use std::fs;

use mailvc_tests::cli::Home;

use crate::home;

#[test]
fn every_failure_says_what_to_do_next() {
    let home = home(10);
    let cases: [(&[&str], i32, &str); 9] = [
        (&["--store", "none", "log"], 1, "mailvc init"),
        (&["init"], 1, "mailvc status"),
        (&["show", "none"], 1, "mailvc log"),
        (&["checkout", "local", "--folder", "None"], 1, "mailvc show"),
        (&["undo"], 1, "mailvc undo --list"),
        (&["trust", "revoke", "nobody"], 1, "mailvc trust list"),
        (&["trust", "add", "nonsense"], 1, "mailvc key show"),
        (&["tag", "x", "--dry-run"], 2, "no dry run"),
        (&["nonsense"], 2, "--help"),
    ];
    for (arguments, code, next) in cases {
        let run = home.run(arguments).exits(code);
        assert!(run.stderr.contains(next), "{arguments:?}:\n{}", run.stderr);
        assert!(run.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn with_json_a_failure_is_json_too() {
    let home = Home::new();
    for (arguments, kind, exit) in [
        (["log", "--json"], "error", 1),
        (["x", "--json"], "usage", 2),
    ] {
        let run = home.run(arguments).exits(exit);
        let error: serde_json::Value = serde_json::from_str(&run.stderr).expect("JSON");
        assert_eq!(error["error"]["kind"], kind);
        assert_eq!(error["error"]["exit"], exit);
    }
}

#[test]
fn a_maildir_that_is_not_there_is_not_taken_for_empty() {
    let home = home(10);
    let moved = home.path().join("moved");
    fs::rename(home.maildir(), &moved).expect("moved");
    let gone = home.run(["snapshot"]).exits(1).stderr;
    assert!(gone.contains("nothing was taken for deleted"), "{gone}");
    fs::create_dir_all(home.maildir().join("cur")).expect("made");
    let other = home.run(["snapshot"]).exits(1).stderr;
    assert!(other.contains("anchor"), "{other}");
    let _ = home.run(["init", "--maildir", "moved"]).ok();
    let _ = home.run(["status"]).ok();
}

#[test]
fn a_copied_store_records_nothing_until_it_is_a_device_of_its_own() {
    let home = home(10);
    let copy = std::process::Command::new("cp")
        .args(["-a", "data/mailvc/default", "copy"])
        .current_dir(home.path())
        .status();
    assert!(copy.expect("run").success());
    let _ = home.run(["--store", "copy", "log"]).ok();
    let refused = home.run(["--store", "copy", "snapshot"]).exits(1).stderr;
    assert!(refused.contains("key renew"), "{refused}");
    let own = |store| {
        home.run(["--store", store, "key", "show", "--json"])
            .ok()
            .json()
    };
    let _ = home.run(["--store", "copy", "key", "renew"]).ok();
    assert_ne!(own("copy")["device"], own("data/mailvc/default")["device"]);
    let _ = home.run(["--store", "copy", "snapshot"]).ok();
}

#[test]
fn a_busy_store_says_for_whom_it_waits() {
    let home = home(10);
    let store = home.path().join("data/mailvc/default");
    let config = store.join("config");
    let text = fs::read_to_string(&config).expect("settings");
    let text = text.replace("lock_timeout = 600", "lock_timeout = 0");
    fs::write(&config, text).expect("written");
    let lock = fs::File::open(store.join("lock")).expect("the lock");
    lock.lock().expect("locked");
    let busy = home.run(["snapshot"]).exits(6).stderr;
    assert!(busy.contains("in use by"), "{busy}");
    let _ = home.run(["log"]).ok();
}
