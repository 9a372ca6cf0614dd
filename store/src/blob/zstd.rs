//! The only place that knows zstd's own interface.

use std::cell::RefCell;

use zstd::zstd_safe::{CCtx, DCtx, compress_bound};

use super::{FrameError, Help};

/// Fast enough to keep up with a disk: in large groups the next level saves a twenty-fifth, and
/// takes a quarter more time. Repacking may afford more.
const LEVEL: i32 = 2;
/// For what is stored as its difference from other objects, and is short.
const DELTA: i32 = 3;
/// For groups of a megabyte, higher ones take ten times as long for a twentieth less.
const THOROUGH: i32 = 9;
/// From so many bytes on a group is worth tables of its own, made for its length, in place of a
/// dictionary's prepared ones.
const LONG: usize = 128 << 10;

thread_local! {
    static COMPRESS: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
    static DECOMPRESS: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// `None` where zstd can't: then the bytes are stored as they are.
pub(super) fn compress(plain: &[u8], help: Help<'_>) -> Option<Vec<u8>> {
    match help {
        Help::Dictionary(dictionary) if plain.len() < LONG => {
            let mut out = Vec::with_capacity(compress_bound(plain.len()));
            let prepared = dictionary.encoder(LEVEL)?.as_cdict();
            COMPRESS.with_borrow_mut(|context| {
                let done = context.compress_using_cdict(&mut out, plain, prepared);
                done.ok().map(|_| out)
            })
        }
        Help::Prefix(_) => compress_behind(plain, help, DELTA),
        _ => compress_behind(plain, help, LEVEL),
    }
}

/// Like [`compress`], with all the time that a repack has.
pub(super) fn compress_thoroughly(plain: &[u8], help: Help<'_>) -> Option<Vec<u8>> {
    compress_behind(plain, help, THOROUGH)
}

/// With the bytes that help right in front of the others: zstd then searches both as one piece of
/// memory, which it does faster than two that lie apart.
fn compress_behind(plain: &[u8], help: Help<'_>, level: i32) -> Option<Vec<u8>> {
    let before = match help {
        Help::None => [].as_slice(),
        Help::Dictionary(dictionary) => dictionary.bytes(),
        Help::Prefix(prefix) => prefix,
    };
    let joined = [before, plain].concat();
    let (before, plain) = joined.split_at(before.len());
    let mut out = Vec::with_capacity(compress_bound(plain.len()));
    COMPRESS.with_borrow_mut(|context| {
        let done = context.compress_using_dict(&mut out, plain, before, level);
        done.ok().map(|_| out)
    })
}

/// Never more than `len` bytes, whatever the stored bytes say; fewer are an error.
pub(super) fn decompress(stored: &[u8], len: usize, help: Help<'_>) -> Result<Vec<u8>, FrameError> {
    let mut out = Vec::with_capacity(len);
    let done = DECOMPRESS.with_borrow_mut(|context| match help {
        Help::None => context.decompress(&mut out, stored),
        Help::Dictionary(dictionary) => {
            context.decompress_using_ddict(&mut out, stored, dictionary.decoder().as_ddict())
        }
        Help::Prefix(prefix) => context.decompress_using_dict(&mut out, stored, prefix),
    });
    if done.is_ok() && out.len() == len {
        Ok(out)
    } else {
        Err(FrameError("compressed bytes"))
    }
}
