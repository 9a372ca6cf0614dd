//! What can go wrong between two machines. Where OpenSSH is missing there is nothing to try.

#![allow(clippy::disallowed_methods)] // breaks what mailvc wrote

use std::fs;

use mailvc_tests::cli::{Run, binary};
use mailvc_tests::sshd::{HOST, Options, Sshd, generate_key};

use crate::scene::Scene;

rows! {
    unknown_host: "an unknown host key" = |scene| call(scene, &Options::default(), |sshd| {
        fs::write(sshd.known_hosts(), "").expect("written");
    });
    changed_host: "a changed host key" = |scene| call(scene, &Options::default(), |sshd| {
        let key = fs::read_to_string(sshd.key().with_extension("pub")).expect("a key");
        let line = format!("[127.0.0.1]:{} {key}", sshd.port());
        fs::write(sshd.known_hosts(), line).expect("written");
    });
    refused: "a key that is not let in" = |scene| call(scene, &Options::default(), |sshd| {
        let other = sshd.key().with_file_name("other");
        generate_key(&other);
        fs::copy(other.with_extension("pub"), sshd.authorized_keys()).expect("copied");
    });
    unreachable: "an unreachable host" = |scene| {
        scene.recorded();
        scene.home.run(["remote", "add", "far", "ssh://nobody@127.0.0.1:1/store"]).ok();
        scene.run(&["fetch", "far"])
    };
    silent: "a machine that falls silent" = |scene| {
        scene.recorded();
        let config = scene.store().join("config");
        let text = fs::read_to_string(&config).expect("settings");
        fs::write(config, text.replace("peer_timeout = 60", "peer_timeout = 1")).expect("written");
        scene.home.run(["remote", "add", "far", "far"]).ok();
        let program = scene.home.path().join("asleep");
        fs::write(&program, "exec sleep 1000\n").expect("a script");
        scene.watched();
        let mut command = scene.home.command(["fetch", "far"]);
        command.env("MAILVC_SSH", format!("sh {}", program.display()));
        mailvc_tests::cli::run(&mut command)
    };
    no_mailvc: "no mailvc on the other machine" = |scene| call(scene, &Options::default(), |_| ());
    no_store_there: "no store on the other machine" = |scene| {
        let there = Scene::new();
        call(scene, &forced(&serving(&there, "")), |_| ())
    };
    chatter: "a login script that prints" = |scene| {
        let there = Scene::new();
        let command = format!("echo Welcome; {}", serving(there.recorded(), ""));
        call(scene, &forced(&command), |_| ())
    };
    not_allowed: "a key that may only read" = |scene| {
        let there = Scene::new();
        let command = serving(there.recorded(), "--role fetch");
        call_with(scene, &forced(&command), |_| (), "push")
    };
    no_remote: "an unknown remote" = |scene| {
        scene.recorded();
        scene.run(&["fetch", "nobody"])
    };
    no_remotes: "no remote at all" = |scene| {
        scene.recorded();
        scene.run(&["sync"])
    };
}

/// The command that serves a home's store.
fn serving(there: &Scene, options: &str) -> String {
    let (mailvc, store) = (binary(), there.store());
    let (mailvc, store) = (mailvc.display(), store.display());
    format!("{mailvc} --store {store} serve --stdio {options}")
}

fn forced(command: &str) -> Options {
    Options {
        key_options: format!("restrict,command=\"{command}\""),
        ..Options::default()
    }
}

/// Has a session with a server that was set up in some way and then changed.
fn call(scene: &Scene, options: &Options, change: impl FnOnce(&Sshd)) -> Run {
    call_with(scene, options, change, "fetch")
}

fn call_with(scene: &Scene, options: &Options, change: impl FnOnce(&Sshd), verb: &str) -> Run {
    let sshd = Sshd::start(options);
    change(&sshd);
    scene.recorded();
    let add = [
        "remote",
        "add",
        "far",
        HOST,
        "--command",
        "mailvc-that-is-not-there",
    ];
    scene.home.run(add).ok();
    scene.watched();
    let mut command = scene.home.command([verb, "far"]);
    command.env("MAILVC_SSH_CONFIG", sshd.client_config());
    mailvc_tests::cli::run(&mut command)
}
