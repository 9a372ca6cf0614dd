//! A server that takes mail in, and a laptop that is now and then at the line.

use mailvc_tests::cli::Run;
use mailvc_tests::machine::{Machine, assert_in_step, assert_is, await_file};
use mailvc_tests::mail_client::EVERYTHING;
use mailvc_tests::mailbox::Mailbox;
use mailvc_tests::sshd::{self, HOST};

fn mailbox() -> Mailbox {
    Mailbox {
        messages: 300,
        ..Mailbox::default()
    }
}

/// A server that listens and a laptop cloned from it.
fn server_and_laptop() -> (Machine, Machine) {
    let mut server = Machine::initialised("server", &mailbox());
    server.listen();
    let laptop = Machine::cloned("laptop", &server);
    (server, laptop)
}

/// A day on which people work at both machines; what must come of it is checked.
fn a_days_work_reaches_both(server: &Machine, laptop: &Machine, sync: impl Fn() -> Run) {
    let mut model = server.messages();
    let mut clients = [server.client((0, 2), 11), laptop.client((1, 2), 12)];
    for _ in 0..3 {
        for client in &mut clients {
            model.apply(&client.work(25, &EVERYTHING).expect("worked"));
        }
        sync().ok();
        assert_is(server, &model);
        assert_is(laptop, &model);
        assert_in_step(&[server, laptop]);
    }
}

fn further_syncs_make_no_snapshot(machines: &[&Machine]) {
    let before: Vec<_> = machines.iter().map(|it| (it.tip(), it.history())).collect();
    for round in 0..10 {
        machines[round % machines.len()].sync();
    }
    let after: Vec<_> = machines.iter().map(|it| (it.tip(), it.history())).collect();
    assert_eq!(before, after);
}

#[test]
fn a_clone_is_the_servers_maildir_in_content_folders_flags_and_times() {
    let (server, laptop) = server_and_laptop();
    assert_in_step(&[&server, &laptop]);
    server.assert_clean();
    laptop.assert_clean();
}

#[test]
fn what_is_done_on_either_side_is_on_both_after_a_sync_by_the_laptop() {
    let (server, laptop) = server_and_laptop();
    a_days_work_reaches_both(&server, &laptop, || laptop.sync());
    further_syncs_make_no_snapshot(&[&laptop]);
    server.assert_clean();
    laptop.assert_clean();
}

#[test]
fn what_is_done_on_either_side_is_on_both_after_a_sync_by_the_server() {
    let (mut server, mut laptop) = server_and_laptop();
    laptop.listen();
    server.add(&laptop);
    a_days_work_reaches_both(&server, &laptop, || server.sync());
    further_syncs_make_no_snapshot(&[&server, &laptop]);
    server.assert_clean();
    laptop.assert_clean();
}

#[test]
fn the_systems_ssh_does_as_well() {
    let mut server = Machine::initialised("server", &mailbox());
    server.listen();
    let mut laptop = Machine::new("laptop");
    let config = server.sshd().client_config().display().to_string();
    laptop.home.set("MAILVC_SSH", format!("ssh -F {config}"));
    laptop.run(&["clone", HOST, "--name", "laptop"]).ok();
    a_days_work_reaches_both(&server, &laptop, || laptop.sync());
}

#[test]
fn a_store_is_found_by_its_path_on_the_server() {
    let mut server = Machine::initialised("server", &mailbox());
    server.listen();
    let mut laptop = Machine::new("laptop");
    laptop.knows(&server);
    let url = format!("ssh://{HOST}{}", server.store().display());
    laptop.run(&["clone", &url, "--name", "laptop"]).ok();
    assert_in_step(&[&server, &laptop]);
}

/// A server whose key lets in for one thing only, and a laptop cloned from it.
fn restricted(role: &str) -> (Machine, Machine) {
    let mut server = Machine::initialised("server", &mailbox());
    server.listen_with(&format!(
        "restrict,command=\"mailvc serve --stdio --role {role}\""
    ));
    let laptop = Machine::cloned("laptop", &server);
    assert_in_step(&[&server, &laptop]);
    (server, laptop)
}

#[test]
fn a_key_with_the_role_sync_may_sync() {
    let (server, laptop) = restricted("sync");
    a_days_work_reaches_both(&server, &laptop, || laptop.sync());
}

#[test]
fn a_key_with_the_role_push_may_leave_mail_but_not_touch_the_servers_maildir() {
    let (server, laptop) = restricted("push");
    let before = server.messages();
    let mut client = laptop.client((0, 1), 3);
    client.work(20, &EVERYTHING).expect("worked");
    laptop.run(&["snapshot"]).ok();
    laptop.run(&["push"]).ok();
    assert_is(&server, &before);
    server.run(&["merge"]).ok();
    assert_in_step(&[&server, &laptop]);
}

#[test]
fn a_key_with_the_role_fetch_may_only_read() {
    let (server, laptop) = restricted("fetch");
    let before = server.messages();
    let mut client = laptop.client((0, 1), 3);
    client.work(20, &EVERYTHING).expect("worked");
    laptop.run(&["snapshot"]).ok();
    let refused = laptop.run(&["push"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("fetch"), "{}", refused.stderr);
    server.run(&["merge"]).ok();
    assert_is(&server, &before);
    let known = server.run(&["trust", "list"]).ok().stdout;
    assert!(!known.contains("laptop"), "{known}");
    laptop.run(&["fetch"]).ok();
}

#[test]
fn the_built_in_server_needs_no_sshd() {
    let server = Machine::initialised("server", &mailbox());
    let mut laptop = Machine::new("laptop");
    let listening = Listening::start(&server, &mut laptop);
    laptop.run(&["clone", HOST, "--name", "laptop"]).ok();
    a_days_work_reaches_both(&server, &laptop, || laptop.sync());
    further_syncs_make_no_snapshot(&[&laptop]);
    drop(listening);
    let gone = laptop.run(&["sync"]);
    assert_eq!(gone.code, Some(4), "{gone:?}");
    server.assert_clean();
}

/// `mailvc serve --listen`, ended when dropped.
struct Listening(std::process::Child);

impl Listening {
    #[allow(clippy::disallowed_methods)] // the user's own files, not mailvc's
    fn start(server: &Machine, laptop: &mut Machine) -> Self {
        use std::io::{BufRead, BufReader};
        let ssh = laptop.home.path().join(".ssh");
        std::fs::create_dir(&ssh).expect("a directory");
        let key = ssh.join("id_ed25519");
        sshd::generate_key(&key);
        let public = std::fs::read_to_string(key.with_extension("pub")).expect("a key");
        std::fs::write(server.store().join("authorized_keys"), public).expect("written");
        let mut child = server.start(&["serve", "--listen", "127.0.0.1:0"]);
        let mut lines = BufReader::new(child.stderr.take().expect("its errors"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        // What it says later must go somewhere.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let port = line
            .split_once("127.0.0.1:")
            .and_then(|(_, rest)| rest.split(';').next())
            .unwrap_or_else(|| panic!("{line}"));
        let public = server.store().join("keys/host.pub");
        let host = if public.exists() {
            std::fs::read_to_string(&public).expect("the host key")
        } else {
            let mut keygen = std::process::Command::new("ssh-keygen");
            let key = server.store().join("keys/host");
            await_file(&key);
            mailvc_tests::cli::run(keygen.arg("-yf").arg(key))
                .ok()
                .stdout
        };
        let known = format!("[127.0.0.1]:{port} {host}");
        std::fs::write(ssh.join("known_hosts"), known).expect("written");
        let config = format!(
            "Host {HOST}\n HostName 127.0.0.1\n Port {port}\n User mail\n IdentityFile {}\n \
             IdentityAgent none\n UserKnownHostsFile {}\n",
            key.display(),
            ssh.join("known_hosts").display()
        );
        std::fs::write(ssh.join("config"), config).expect("written");
        laptop.home.set("MAILVC_SSH_CONFIG", ssh.join("config"));
        Self(child)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
