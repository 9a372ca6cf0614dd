//! Groups of messages as frames: compressed, and read again.

#![allow(missing_docs)] // criterion's macros

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mailvc_benches::Mail;
use mailvc_store::blob::{Codec, Content, Dictionary, Frame, Group, Help, MESSAGES_TARGET, encode};
use mailvc_store::object::Kind;

const MAIL: Mail = Mail {
    messages: 0,
    mean: 5_000,
    seed: 1,
};

/// A full group's plain bytes.
fn group() -> Vec<u8> {
    let mut group = Group::new();
    for message in (0..).map(|number| MAIL.message(number)) {
        if group.is_full_for(message.len(), MESSAGES_TARGET) {
            break;
        }
        group.push(Kind::Blob, &message);
    }
    group.finish().0.to_vec()
}

/// What a store learns from its first messages.
fn dictionary() -> Dictionary {
    let messages: Vec<Vec<u8>> = (10_000..11_000)
        .map(|number| MAIL.message(number))
        .collect();
    let lengths: Vec<usize> = messages.iter().map(Vec::len).collect();
    Dictionary::train(&messages.concat(), &lengths).expect("a dictionary")
}

fn frames(criterion: &mut Criterion) {
    let (plain, dictionary) = (group(), dictionary());
    let with = || Codec::Dictionary(*dictionary.hash());
    let mut group = criterion.benchmark_group("frames");
    group.throughput(Throughput::Bytes(plain.len() as u64));
    group.bench_function("compress", |bencher| {
        bencher.iter(|| encode(&Content::Group, Codec::Zstd, &plain, Help::None));
    });
    group.bench_function("compress with a dictionary", |bencher| {
        bencher.iter(|| {
            encode(
                &Content::Group,
                with(),
                &plain,
                Help::Dictionary(&dictionary),
            )
        });
    });
    let frame = encode(
        &Content::Group,
        with(),
        &plain,
        Help::Dictionary(&dictionary),
    );
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let frame = Frame::parse(&frame).expect("a frame");
            frame
                .plain(Help::Dictionary(&dictionary))
                .expect("messages")
        });
    });
    group.finish();
}

criterion_group!(benches, frames);
criterion_main!(benches);
