//! Two devices in step that meet: the first message, and a whole session of nothing, without SSH.

#![allow(missing_docs)] // criterion's macros

use criterion::{Criterion, criterion_group, criterion_main};
use mailvc_benches::{Device, Mail, lock};
use mailvc_store::object::SnapshotId;
use mailvc_store::repo::{RemoteConfig, Repository};
use mailvc_transport::remote::{Call, Connection, Report, call};
use mailvc_transport::session::Consent;
use mailvc_transport::wire::{
    Capabilities, FrameReader, FrameWriter, Hello, Message, VERSIONS, Verb,
};

fn hello() -> Hello {
    Hello {
        versions: VERSIONS,
        capabilities: Capabilities::default(),
        verb: Verb::Sync,
        account: Vec::new(),
        public_key: vec![7; 51],
        name: "bench".to_owned(),
        tip: Some(SnapshotId::new([1; 32])),
        haves: (0..16)
            .map(|number| SnapshotId::new([number; 32]))
            .collect(),
        rules: 1,
        extra: Vec::new(),
    }
}

fn there_and_back(hello: Hello) -> Message {
    let mut line = Vec::new();
    let mut writer = FrameWriter::new(&mut line);
    let (kind, payload) = Message::Hello(hello).encode();
    writer.put(kind, &payload).expect("written");
    writer.flush().expect("written");
    drop(writer);
    let (kind, payload) = FrameReader::new(line.as_slice()).take().expect("a frame");
    Message::decode(kind, payload).expect("a message")
}

fn sync(repo: &Repository, remote: &RemoteConfig) -> Report {
    let session = Call {
        repo,
        name: "origin",
        remote,
        verb: Verb::Sync,
        consent: Consent::default(),
    };
    let there = Connection::to_store(remote.url.clone().into());
    call(&session, there, &lock()).expect("a session")
}

fn protocol(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("protocol");
    group.bench_function("greeting", |bencher| {
        bencher.iter_with_setup(hello, there_and_back);
    });
    let dir = tempfile::tempdir().expect("a directory");
    let mail = Mail {
        messages: 1_000,
        mean: 2_000,
        seed: 1,
    };
    std::fs::DirBuilder::new()
        .create(dir.path().join("far"))
        .expect("a directory");
    mail.write(&Device::maildir(dir.path(), "far"))
        .expect("mail");
    let far = Device::new(dir.path(), "far");
    far.snapshot();
    let near = Device::new(dir.path(), "near").open();
    let remote = RemoteConfig {
        url: far.store.display().to_string(),
        command: None,
        device: None,
        introduce: true,
    };
    sync(&near, &remote);
    group.sample_size(20);
    group.bench_function("a session of nothing", |bencher| {
        bencher.iter(|| assert!(sync(&near, &remote).session.in_step));
    });
    group.finish();
}

criterion_group!(benches, protocol);
criterion_main!(benches);
