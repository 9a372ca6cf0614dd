//! The database over real packs in a directory of the test's own.

#![allow(clippy::disallowed_methods)] // tests damage files behind the store's back

mod bases;
mod damage;
mod indexes;
mod sending;
mod storing;
mod sweeping;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::blob::{Codec, Content, Group, Help, MAX_WEIGHT, PART_LEN, encode};
use crate::fs::{Fs, OsFs};
use crate::object::PackId;
use crate::pack::{Idx, PackFile, PackVersion, PackWriter, Place, Row, idx_name, pack_name};
use crate::progress::NoProgress;

const NEWEST: PackVersion = PackVersion::NEWEST;

/// A message of a file in a directory.
struct Source(PathBuf);

impl BlobSource for Source {
    fn open(&self) -> io::Result<File> {
        File::open(&self.0)
    }
}

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn open(&self) -> PackedOdb {
        PackedOdb::open(Arc::new(OsFs), &self.store()).expect("a store")
    }

    fn open_writing(&self, version: PackVersion) -> PackedOdb {
        PackedOdb::open_writing(Arc::new(OsFs), &self.store(), version).expect("a store")
    }

    fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn pack_file(&self, id: PackId) -> PathBuf {
        self.store().join("packs").join(pack_name(id))
    }

    fn idx_file(&self, id: PackId) -> PathBuf {
        self.store().join("packs").join(idx_name(id))
    }

    fn sources(&self, messages: &[Vec<u8>]) -> Vec<Source> {
        let dir = self.0.path().join("mail");
        fs::create_dir_all(&dir).expect("disk");
        let source = |(at, message): (usize, &Vec<u8>)| {
            let path = dir.join(at.to_string());
            fs::write(&path, message).expect("disk");
            Source(path)
        };
        messages.iter().enumerate().map(source).collect()
    }

    fn add(&self, odb: &PackedOdb, messages: &[Vec<u8>]) -> PackId {
        let batch = odb.batch().expect("disk");
        let sources = self.sources(messages);
        let added = batch.add_blobs(&sources, &NoProgress).expect("disk");
        for (added, message) in added.into_iter().zip(messages) {
            assert_eq!(added.expect("there").id, BlobId::of(message));
        }
        batch.finish().expect("disk").expect("something new")
    }
}

fn message(n: usize) -> Vec<u8> {
    let day = n % 28 + 1;
    let id = n.wrapping_mul(2_654_435_761) % 1_000_000_007;
    let lines = (0..n % 40).map(|line| format!("line {line} of what {id} wrote to {}\n", id % 89));
    let head = format!(
        "Received: from mx.example.org (mx.example.org [192.0.2.{}])\nDate: {day} Mar 2024 10:00:00 +0000\nMessage-ID: <{id}@example.org>\nSubject: note {n}\n\n",
        n % 250,
    );
    [head, lines.collect()].concat().into_bytes()
}

/// Bytes that no compressor shortens.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

fn assert_reads(odb: &dyn ObjectRead, messages: &[Vec<u8>]) {
    for message in messages {
        let id = BlobId::of(message);
        assert!(odb.contains(id.into()).expect("readable"));
        assert!(odb.read(id.into()).expect("stored") == *message);
        let mut out = Vec::new();
        let len = odb.read_blob(id, &mut out).expect("stored");
        assert!(out == *message && len == message.len() as u64);
    }
}

fn entries(dir: &Path) -> usize {
    fs::read_dir(dir).map_or(0, Iterator::count)
}

/// Short, empty and long messages, around every boundary.
fn odd_messages() -> Vec<Vec<u8>> {
    let lengths = [0, 1, 65_535, 65_537, PART_LEN - 1, PART_LEN, PART_LEN + 1];
    let mut all: Vec<_> = lengths.iter().map(|&len| noise(len, 1)).collect();
    all.push([message(3), noise(3 * PART_LEN + 17, 2)].concat());
    all.extend((0..50).map(message));
    all
}
