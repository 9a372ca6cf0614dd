//! A folder tree of 300,000 entries: made, changed, compared.

#![allow(missing_docs)] // criterion's macros

use criterion::{Criterion, criterion_group, criterion_main};
use mailvc_benches::{LARGE, edits, tree_of};
use mailvc_store::odb::{MemoryOdb, Overlay};
use mailvc_store::tree;

fn trees(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tree");
    group.sample_size(10);
    group.bench_function("build 300,000", |bencher| {
        bencher.iter(|| tree_of(&MemoryOdb::new(), LARGE));
    });
    let odb = MemoryOdb::new();
    let (root, _) = tree_of(&odb, LARGE);
    let day = || edits((0..100).map(|n| n * 2_999), false);
    group.bench_function("edit 100 of 300,000", |bencher| {
        bencher.iter(|| tree::edit(&Overlay::new(&odb), root, day()).expect("edited"));
    });
    let (edited, _) = tree::edit(&odb, root, day()).expect("edited");
    group.bench_function("diff 100 of 300,000", |bencher| {
        bencher.iter(|| assert_eq!(tree::diff(&odb, root, edited).count(), 100));
    });
    group.bench_function("read 300,000", |bencher| {
        bencher.iter(|| tree::entries(&odb, root).count());
    });
    group.finish();
}

criterion_group!(benches, trees);
criterion_main!(benches);
