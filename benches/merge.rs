//! Two lines that differ in 1,000 entries of 300,000, merged.

#![allow(missing_docs)] // criterion's macros

use criterion::{Criterion, criterion_group, criterion_main};
use mailvc_benches::{Edit, LARGE, edits, key, map_of, tree_of};
use mailvc_store::merge::merge_maps;
use mailvc_store::odb::{MemoryOdb, Overlay};
use mailvc_store::tree;

/// A side's work on 500 messages: new, flags, deletions; every tenth flag is the other's as well.
fn side(which: u64) -> Vec<Edit> {
    let mut all = edits((0..200).map(|n| LARGE + 200 * which + n), false);
    all.extend(edits((0..230).map(|n| n * 1_200 + which), false));
    all.extend(edits((0..20).map(|n| n * 12_000 + 7), false));
    all.extend((0..50).map(|n| (key(n * 5_900 + 100 + which), None)));
    all
}

fn merges(criterion: &mut Criterion) {
    let odb = MemoryOdb::new();
    let (root, sums) = tree_of(&odb, LARGE);
    let base = map_of(&odb, (root, sums));
    let [a, b] = [0, 1].map(|which| {
        let edited = tree::edit(&odb, root, side(which)).expect("edited");
        map_of(&odb, edited)
    });
    let mut group = criterion.benchmark_group("merge");
    group.bench_function("1,000 of 300,000", |bencher| {
        bencher.iter(|| merge_maps(&Overlay::new(&odb), Some(base), a, b).expect("merged"));
    });
    group.finish();
}

criterion_group!(benches, merges);
criterion_main!(benches);
