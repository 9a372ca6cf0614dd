//! Real mail: what nobody would have made up. `tests/corpus/fetch DIR` fetches it;
//! `MAILVC_CORPUS=DIR` names it. Without it there is nothing to test.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a run by hand tells its figures
#![allow(clippy::disallowed_methods)] // delivers mail as other programs do

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mailvc_tests::machine::{Machine, assert_in_step, assert_is, timed};
use mailvc_tests::mail_client::EVERYTHING;
use mailvc_tests::maildir::{self, Messages};

/// The corpus in a Maildir: one folder for each of its directories, the largest in the root; three
/// of four messages read, some answered.
fn deliver(corpus: &Path, root: &Path) -> usize {
    let mut dirs: Vec<PathBuf> = entries(corpus)
        .into_iter()
        .filter(|it| it.is_dir())
        .collect();
    dirs.sort_by_key(|dir| std::cmp::Reverse(entries(dir).len()));
    let mut number = 0;
    for (at, dir) in dirs.iter().enumerate() {
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        let folder = if at == 0 {
            root.to_owned()
        } else {
            root.join(format!(".{name}"))
        };
        for sub in ["cur", "new", "tmp"] {
            fs::create_dir_all(folder.join(sub)).expect("a folder");
        }
        for message in entries(dir) {
            number += 1;
            let place = match number % 8 {
                0 => format!("new/{}.{number}.mx", 1_030_000_000 + number),
                1 => format!("cur/{}.{number}.mx:2,RS", 1_030_000_000 + number),
                2 => format!("cur/{}.{number}.mx:2,", 1_030_000_000 + number),
                _ => format!("cur/{}.{number}.mx:2,S", 1_030_000_000 + number),
            };
            let path = folder.join(place);
            fs::copy(message, &path).expect("copied");
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_030_000_000 + number);
            let file = fs::File::options().write(true).open(&path).expect("opened");
            file.set_times(fs::FileTimes::new().set_modified(time))
                .expect("a time");
        }
    }
    number as usize
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(dir).expect("a directory");
    let mut paths: Vec<_> = listing
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

fn differences(machine: &Machine, expected: &Messages) -> usize {
    machine.messages().difference(expected).lines().count()
}

fn told<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (done, time) = timed(work);
    println!("{what}: {:.2} s", time.as_secs_f64());
    done
}

fn size(dir: &Path) -> u64 {
    let below = entries(dir).into_iter().map(|path| {
        if path.is_dir() {
            size(&path)
        } else {
            fs::metadata(&path).map_or(0, |it| it.len())
        }
    });
    below.sum()
}

#[test]
fn real_mail_goes_through_everything_without_a_difference() {
    let Some(corpus) = std::env::var_os("MAILVC_CORPUS") else {
        eprintln!("skipped: MAILVC_CORPUS names no corpus");
        return;
    };
    let mut server = Machine::new("server");
    let files = deliver(Path::new(&corpus), &server.maildir());
    let first = server.messages();
    assert_eq!(first.files(), files);
    println!(
        "{files} files, {} contents, {} bytes",
        first.contents().len(),
        size(&server.maildir())
    );

    told("init", || server.run(&["init", "--name", "server"]).ok());
    println!("the store: {} bytes", size(&server.store()));
    let first_id = server.tip();
    server.listen();
    let mut laptop = told("clone over sshd", || Machine::cloned("laptop", &server));
    assert_eq!(differences(&laptop, &first), 0);

    let mut model = first.clone();
    let mut clients = [server.client((0, 2), 1), laptop.client((1, 2), 2)];
    for client in &mut clients {
        model.apply(&client.work(300, &EVERYTHING).expect("worked"));
    }
    told("sync by the laptop", || laptop.sync());
    assert_eq!(
        (differences(&laptop, &model), differences(&server, &model)),
        (0, 0)
    );

    for client in &mut clients {
        model.apply(&client.work(300, &EVERYTHING).expect("worked"));
    }
    laptop.listen();
    server.add(&laptop);
    told("sync by the server", || server.sync());
    assert_eq!(
        (differences(&laptop, &model), differences(&server, &model)),
        (0, 0)
    );
    assert_in_step(&[&server, &laptop]);
    told("sync of nothing", || laptop.sync());

    let then = laptop.home.path().join("then");
    let to = then.display().to_string();
    told("checkout of the first state elsewhere", || {
        laptop.run(&["checkout", &first_id, "--to", &to]).ok()
    });
    let written = maildir::read(&then).expect("a Maildir");
    assert_eq!(written.difference(&first), "");

    let leaving = model
        .contents()
        .difference(&first.contents())
        .count()
        .to_string();
    told("checkout of the first state in place", || {
        laptop
            .run(&["checkout", &first_id, "--yes-delete", &leaving])
            .ok()
    });
    assert_is(&laptop, &first);
    told("undo", || {
        let back = first
            .contents()
            .difference(&model.contents())
            .count()
            .to_string();
        laptop.run(&["undo", "--yes-delete", &back]).ok()
    });
    assert_is(&laptop, &model);
    laptop.assert_clean();
    server.assert_clean();
}
