//! What the fuzzer found interesting, replayed on every run: each file of `tests/fuzz/corpus` goes
//! through the decoder that its directory is named for; and so do inputs that were changed at random,
//! for where no nightly compiler is. `MAILVC_ROUNDS` says how many of each, `MAILVC_SEED` which.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use mailvc_tests::decoders::{DECODERS, run};
use mailvc_tests::machine::rounds;
use mailvc_tests::random::{Random, seeds};

fn fuzz() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn corpora() -> BTreeSet<String> {
    let dirs = fs::read_dir(fuzz().join("corpus")).expect("corpora");
    dirs.map(|dir| {
        dir.expect("a corpus")
            .file_name()
            .into_string()
            .expect("UTF-8")
    })
    .collect()
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(fuzz().join("corpus").join(name)).expect("a corpus");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    let read = |path: &PathBuf| fs::read(path).expect("its bytes");
    files.iter().map(read).collect()
}

#[test]
fn no_input_that_was_kept_breaks_a_decoder() {
    let mut tried = 0;
    for name in corpora() {
        for bytes in corpus(&name) {
            run(&name, &bytes);
            tried += 1;
        }
    }
    assert!(tried > 300, "{tried}");
}

/// Bytes that often mean something: ends of ranges, separators.
const ODD: &[u8] = b"\0\x01\x7f\x80\xff \t\n\r,./:=%?-@\"";

/// Changes some bytes in one of a few ways.
fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len() as u64 + 1) as usize;
    let odd = ODD[random.below(ODD.len() as u64) as usize];
    match random.below(7) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, odd),
        2 if at < bytes.len() => drop(bytes.remove(at)),
        3 if at < bytes.len() => bytes[at] = odd,
        4 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        5 => {
            let piece = bytes[at..].to_vec();
            bytes.extend_from_slice(&piece[..piece.len().min(64)]);
        }
        _ => {
            bytes.truncate(at);
            let from = random.below(other.len() as u64 + 1) as usize;
            bytes.extend_from_slice(&other[from..]);
        }
    }
}

#[test]
fn no_input_changed_at_random_breaks_a_decoder() {
    let mut broken: Vec<String> = Vec::new();
    for seed in seeds(1) {
        for name in corpora() {
            let (corpus, mut random) = (corpus(&name), Random::new(seed));
            for round in 0..rounds("MAILVC_ROUNDS", 100) {
                let mut pick = || corpus[random.below(corpus.len() as u64) as usize].clone();
                let (mut bytes, other) = (pick(), pick());
                for _ in 0..=random.below(4) {
                    change(&mut bytes, &other, &mut random);
                }
                if std::panic::catch_unwind(|| run(&name, &bytes)).is_err() {
                    let bytes = bytes.escape_ascii();
                    broken.push(format!("{name}, seed {seed}, round {round}: {bytes}"));
                    break;
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn nothing_at_all_breaks_no_decoder() {
    for (name, check) in DECODERS {
        for byte in 0..=255 {
            check(&[byte]);
        }
        check(b"");
        assert!(!name.is_empty());
    }
}

#[test]
fn every_decoder_has_a_fuzz_target_and_a_corpus() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("the fuzzer's crate");
    let targets: BTreeSet<String> = manifest
        .split("[[bin]]\nname = \"")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .collect();
    let decoders: BTreeSet<String> = DECODERS.map(|(name, _)| name.to_owned()).into();
    assert_eq!(targets, decoders);
    assert_eq!(corpora(), decoders);
}
