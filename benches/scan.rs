//! Recording a Maildir of 20,000 messages: when nothing changed, and when 100 are new.

#![allow(missing_docs)] // criterion's macros

use std::cell::Cell;
use std::path::PathBuf;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mailvc_benches::{Device, Mail, Work, work};

const MAIL: Mail = Mail {
    messages: 20_000,
    mean: 2_000,
    seed: 1,
};

fn scans(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let maildir = Device::maildir(dir.path(), "bench");
    std::fs::DirBuilder::new()
        .create(dir.path().join("bench"))
        .expect("a directory");
    MAIL.write(&maildir).expect("mail");
    let device = Device::new(dir.path(), "bench");
    device.snapshot();
    // Until the directories' times are old enough to be trusted.
    std::thread::sleep(std::time::Duration::from_secs(3));
    device.snapshot();
    let mut group = criterion.benchmark_group("scan");
    group.sample_size(20);
    group.bench_function("nothing new", |bencher| {
        bencher.iter(|| assert!(!device.snapshot().new));
    });
    let day = Cell::new(0);
    group.bench_function("100 new", |bencher| {
        let deliver = || {
            day.set(day.get() + 1);
            let new = Work {
                day: day.get(),
                new: 100,
                folder: Some(PathBuf::from(".Archive")),
                ..Work::default()
            };
            work(&maildir, &MAIL, &new).expect("delivered");
        };
        bencher.iter_batched(
            deliver,
            |()| assert!(device.snapshot().new),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, scans);
criterion_main!(benches);
