//! What the fuzzer found interesting, replayed on every run: each file of `tests/fuzz/corpus` goes
//! through the decoder that its directory is named for.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use mailvc_tests::decoders::{DECODERS, run};

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

#[test]
fn no_input_that_was_kept_breaks_a_decoder() {
    let mut tried = 0;
    for name in corpora() {
        for file in fs::read_dir(fuzz().join("corpus").join(&name)).expect("a corpus") {
            let bytes = fs::read(file.expect("a file").path()).expect("its bytes");
            run(&name, &bytes);
            tried += 1;
        }
    }
    assert!(tried > 300, "{tried}");
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
