//! The only place that knows zstd's own interface.

use std::cell::RefCell;

use zstd::zstd_safe::{CCtx, DCtx, compress_bound};

use super::{FrameError, Help};

/// Fast enough to keep up with a disk; repacking may afford more.
const LEVEL: i32 = 3;
/// For groups of a megabyte, higher ones take ten times as long for a twentieth less.
const THOROUGH: i32 = 9;

thread_local! {
    static COMPRESS: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
    static DECOMPRESS: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// `None` where zstd can't: then the bytes are stored as they are.
pub(super) fn compress(plain: &[u8], help: Help<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(compress_bound(plain.len()));
    let done = COMPRESS.with_borrow_mut(|context| match help {
        Help::None => context.compress(&mut out, plain, LEVEL).ok(),
        Help::Dictionary(dictionary) => {
            let prepared = dictionary.encoder(LEVEL)?.as_cdict();
            context.compress_using_cdict(&mut out, plain, prepared).ok()
        }
        Help::Prefix(prefix) => {
            let done = context.compress_using_dict(&mut out, plain, prefix, LEVEL);
            done.ok()
        }
    });
    done.map(|_| out)
}

/// Like [`compress`], with all the time that a repack has. A dictionary's tables are made for the
/// length of each group: prepared ones are for short groups alone.
pub(super) fn compress_thoroughly(plain: &[u8], help: Help<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(compress_bound(plain.len()));
    let before = match help {
        Help::None => [].as_slice(),
        Help::Dictionary(dictionary) => dictionary.bytes(),
        Help::Prefix(prefix) => prefix,
    };
    let done = COMPRESS.with_borrow_mut(|context| {
        context
            .compress_using_dict(&mut out, plain, before, THOROUGH)
            .ok()
    });
    done.map(|_| out)
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
