//! What can go wrong on one machine.

#![allow(clippy::disallowed_methods)] // breaks what mailvc wrote

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use mailvc_tests::cli::{Run, binary, run};

use crate::scene::Scene;

rows! {
    no_store: "no such store" = |scene| scene.run(&["status"]);
    not_a_maildir: "not a Maildir" = |scene| {
        fs::create_dir(scene.home.path().join("Documents")).expect("a directory");
        scene.run(&["init", "--maildir", "Documents"])
    };
    maildir_missing: "the Maildir is missing" = |scene| {
        scene.recorded();
        fs::rename(scene.home.maildir(), scene.home.path().join("elsewhere")).expect("renamed");
        scene.run(&["snapshot"])
    };
    maildir_empty: "the Maildir's disk is not mounted" = |scene| {
        scene.recorded();
        fs::rename(scene.home.maildir(), scene.home.path().join("elsewhere")).expect("renamed");
        fs::create_dir(scene.home.maildir()).expect("a mount point");
        scene.run(&["snapshot"])
    };
    anchor_gone: "the anchor is gone" = |scene| {
        scene.recorded();
        fs::remove_file(scene.home.maildir().join("mailvc-anchor")).expect("removed");
        scene.run(&["snapshot"])
    };
    store_copied: "the store was copied" = |scene| {
        scene.recorded();
        let copy = scene.home.path().join("copy");
        let mut cp = Command::new("cp");
        run(cp.arg("-a").arg(scene.store()).arg(&copy)).ok();
        deliver(scene);
        scene.run(&["--store", "copy", "snapshot"])
    };
    newer_format: "a newer format" = |scene| {
        scene.recorded();
        fs::write(scene.store().join("format"), "mailvc 99\n").expect("written");
        scene.run(&["snapshot"])
    };
    settings: "settings that cannot be read" = |scene| {
        scene.recorded();
        fs::write(scene.store().join("config"), "device = [").expect("written");
        scene.run(&["snapshot"])
    };
    truncated_pack: "a truncated pack" = |scene| {
        scene.recorded();
        let pack = pack(scene);
        let length = fs::metadata(&pack).expect("a pack").len();
        let file = File::options().write(true).open(&pack).expect("a pack");
        file.set_len(length / 2).expect("cut");
        scene.run(&["verify", "--full"])
    };
    flipped_bit: "a flipped bit" = |scene| {
        scene.recorded();
        let pack = pack(scene);
        let mut bytes = fs::read(&pack).expect("a pack");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&pack, bytes).expect("written");
        scene.run(&["verify", "--full"])
    };
    read_only: "a store that cannot be written" = |scene| {
        scene.recorded();
        deliver(scene);
        scene.read_only();
        let run = scene.run_as_nobody(&["snapshot"]);
        scene.writable();
        run
    };
    full_disk: "a full disk" = |scene| {
        scene.recorded();
        let noise: Vec<u8> = (0..1_u64 << 17)
            .flat_map(|n| blake3::hash(&n.to_le_bytes()).as_bytes()[..16].to_vec())
            .collect();
        fs::write(scene.home.maildir().join("new/large"), noise).expect("a message");
        scene.watched();
        // A limit on the size of files acts as a disk on which no more has room.
        let mut limited = Command::new("sh");
        limited
            .args(["-c", "trap '' XFSZ; ulimit -f 1024; exec \"$@\"", "sh"])
            .arg(binary())
            .arg("snapshot")
            .current_dir(scene.home.path())
            .envs(scene.home.environment());
        run(&mut limited)
    };
    no_permission: "a folder without permission" = |scene| {
        scene.recorded();
        let cur = scene.home.maildir().join(".Lists/cur");
        fs::set_permissions(&cur, Permissions::from_mode(0o000)).expect("set");
        let run = scene.run_as_nobody(&["snapshot"]);
        fs::set_permissions(&cur, Permissions::from_mode(0o700)).expect("set");
        scene.watched();
        run
    };
    dangling: "a link to nowhere" = |scene| {
        scene.recorded();
        let lists = scene.home.maildir().join(".Lists");
        fs::rename(&lists, scene.home.path().join("moved")).expect("renamed");
        symlink("/nowhere/at/all", &lists).expect("a link");
        scene.run(&["snapshot"])
    };
    busy: "another command is at work" = |scene| {
        scene.recorded();
        let config = scene.store().join("config");
        let text = fs::read_to_string(&config).expect("settings");
        let text = text.replace("lock_timeout = 600", "lock_timeout = 1");
        fs::write(&config, text).expect("written");
        let lock = File::options().write(true).open(scene.store().join("lock"));
        let lock = lock.expect("a lock");
        lock.lock().expect("locked");
        scene.run(&["snapshot"])
    };
    guard: "most of the mail is gone" = |scene| {
        scene.recorded();
        empty(&scene.home.maildir().join("cur"));
        scene.run(&["snapshot"])
    };
    wrong_yes: "a yes to another number" = |scene| {
        scene.recorded();
        empty(&scene.home.maildir().join("cur"));
        scene.run(&["snapshot", "--yes-delete", "99"])
    };
    going_back: "a checkout that would remove mail" = |scene| {
        scene.recorded();
        deliver(scene);
        scene.home.run(["snapshot"]).ok();
        scene.run(&["checkout", "local~1"])
    };
    unknown_snapshot: "an unknown snapshot" = |scene| {
        scene.recorded();
        scene.run(&["show", "tags/yesterday"])
    };
    not_empty: "a directory that is not empty" = |scene| {
        scene.recorded();
        fs::create_dir_all(scene.home.path().join("there/already")).expect("a directory");
        scene.run(&["checkout", "local", "--to", "there"])
    };
}

fn deliver(scene: &Scene) {
    fs::write(scene.home.maildir().join("new/1.new"), "Subject: new\n\n").expect("a message");
}

fn pack(scene: &Scene) -> PathBuf {
    let packs = fs::read_dir(scene.store().join("packs")).expect("packs");
    let mut packs = packs.flatten().map(|entry| entry.path());
    let pack = packs.find(|path| path.extension().is_some_and(|it| it == "pack"));
    pack.expect("a pack")
}

fn empty(dir: &Path) {
    for entry in fs::read_dir(dir).expect("a folder").flatten() {
        fs::remove_file(entry.path()).expect("removed");
    }
}

impl Scene {
    fn mode(&self, mode: &str) -> Run {
        run(Command::new("chmod").args(["-R", mode]).arg(self.store())).ok()
    }

    fn read_only(&self) {
        self.mode("a-w");
    }

    fn writable(&self) {
        self.mode("u+w");
    }
}
