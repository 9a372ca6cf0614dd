//! The only place that knows zstd's own interface.

use std::cell::RefCell;

use zstd::zstd_safe::{CCtx, DCtx, compress_bound};

use super::{Dictionary, FrameError, Help, Sealed};

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
    let level = match help {
        Help::Dictionary(dictionary) if plain.len() < LONG => {
            return compress_short(plain, dictionary);
        }
        Help::Prefix(_) => DELTA,
        _ => LEVEL,
    };
    let before = help.bytes();
    let joined = [before, plain].concat();
    compress_behind(joined.split_at(before.len()), level)
}

/// Like [`compress`], without a copy of a group that has room in front; `thorough`: with all the
/// time that a repack has.
pub(super) fn compress_group(
    group: &mut Sealed,
    help: Help<'_>,
    thorough: bool,
) -> Option<Vec<u8>> {
    let level = match help {
        _ if thorough => THOROUGH,
        Help::Dictionary(dictionary) if group.len() < LONG => {
            return compress_short(group, dictionary);
        }
        _ => LEVEL,
    };
    let before = help.bytes();
    if let Some(joined) = group.behind(before) {
        return compress_behind(joined, level);
    }
    let joined = [before, group].concat();
    compress_behind(joined.split_at(before.len()), level)
}

fn compress_short(plain: &[u8], dictionary: &Dictionary) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(compress_bound(plain.len()));
    let prepared = dictionary.encoder(LEVEL)?.as_cdict();
    COMPRESS.with_borrow_mut(|context| {
        let done = context.compress_using_cdict(&mut out, plain, prepared);
        done.ok().map(|_| out)
    })
}

/// With the bytes that help right in front of the others in memory: zstd then searches both as one
/// piece, which it does faster than two that lie apart.
fn compress_behind((before, plain): (&[u8], &[u8]), level: i32) -> Option<Vec<u8>> {
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
