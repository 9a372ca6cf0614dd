use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use super::format::{self, PackVersion, START_LEN, TRAILER_LEN};
use crate::blob::{Frame, HEADER_LEN, MAGIC, MAX_FRAME, frame_len};
use crate::object::PackId;

/// Most frames fit; one that does not costs a second read.
const FIRST_READ: usize = 32 << 10;
/// How much is read at once by whoever reads all.
const WINDOW: usize = 1 << 20;

/// A pack, or the beginning of one that was never finished.
#[derive(Debug)]
pub struct PackFile {
    file: File,
    len: u64,
    version: OnceLock<PackVersion>,
}

impl PackFile {
    /// Reads from an open file.
    pub fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self {
            file,
            len,
            version: OnceLock::new(),
        })
    }

    /// The bytes of the frame at `offset`, as long as its header says. Its checksum is for
    /// [`Frame::parse`]; an offset at which no frame can start is `InvalidData`.
    pub fn frame_at(&self, offset: u64) -> io::Result<Vec<u8>> {
        frame_at(&self.file, offset)
    }

    /// Tells of the header of each frame, in their order, without reading what they hold. Returns
    /// whether they fill the pack: if not, it is damaged.
    pub fn each_header(&self, each: &mut dyn FnMut(&[u8; HEADER_LEN])) -> io::Result<bool> {
        let (mut at, end) = (START_LEN as u64, self.frames_end());
        let mut header = [0; HEADER_LEN];
        while at + HEADER_LEN as u64 <= end {
            self.file.read_exact_at(&mut header, at)?;
            let Ok(len) = frame_len(&header) else {
                return Ok(false);
            };
            each(&header);
            at += len as u64;
        }
        Ok(at == end)
    }

    /// The pack's length in bytes.
    pub fn length(&self) -> u64 {
        self.len
    }

    /// The pack's version, by which it is known what may be in it: the newer one if start and end
    /// tell different ones, so that damage to either costs no frame.
    pub fn version(&self) -> io::Result<PackVersion> {
        if let Some(known) = self.version.get() {
            return Ok(*known);
        }
        let told = self.versions()?.into_iter().flatten().max();
        Ok(*self
            .version
            .get_or_init(|| told.unwrap_or(PackVersion::NEWEST)))
    }

    /// Whether start and end are there and of one version: if not, the pack is damaged.
    pub fn is_of_one_version(&self) -> io::Result<bool> {
        let [start, end] = self.versions()?;
        Ok(start.is_some() && start == end)
    }

    /// The versions that the start and the end tell, as far as they are what they should be.
    fn versions(&self) -> io::Result<[Option<PackVersion>; 2]> {
        let mut start = [0; START_LEN];
        if self.len >= START_LEN as u64 {
            self.file.read_exact_at(&mut start, 0)?;
        }
        let end = self.trailer()?.map(|(version, _)| version);
        Ok([PackVersion::of_start(start), end])
    }

    fn trailer(&self) -> io::Result<Option<(PackVersion, PackId)>> {
        let Some(at) = self.len.checked_sub(TRAILER_LEN as u64) else {
            return Ok(None);
        };
        let mut trailer = [0; TRAILER_LEN];
        self.file.read_exact_at(&mut trailer, at)?;
        Ok(format::parse_trailer(&trailer))
    }

    /// The id in the trailer, and whether it is that of the bytes before it. `None` if there is
    /// no trailer.
    pub fn check_id(&self) -> io::Result<Option<(PackId, bool)>> {
        let Some((_, id)) = self.trailer()? else {
            return Ok(None);
        };
        let hash = self.hash_until(self.len - 32)?;
        Ok(Some((id, hash == *id.as_bytes())))
    }

    fn hash_until(&self, end: u64) -> io::Result<[u8; 32]> {
        let mut hasher = blake3::Hasher::new();
        let mut window = vec![0; WINDOW];
        let mut at = 0;
        while at < end {
            let len = (end - at).min(WINDOW as u64) as usize;
            self.file.read_exact_at(&mut window[..len], at)?;
            hasher.update(&window[..len]);
            at += len as u64;
        }
        Ok(*hasher.finalize().as_bytes())
    }

    /// All frames from the first on, damage stepped over.
    pub fn scan(&self) -> Scan<'_> {
        Scan {
            pack: self,
            offset: START_LEN as u64,
            end: self.frames_end(),
        }
    }

    /// Where frames end: before the trailer if there is one.
    fn frames_end(&self) -> u64 {
        match self.trailer() {
            Ok(Some(_)) => self.len - TRAILER_LEN as u64,
            _ => self.len,
        }
    }

    /// The next offset from `from` on at which a whole frame lies.
    fn resync(&self, from: u64, end: u64) -> io::Result<Option<u64>> {
        let mut at = from;
        let mut window = vec![0; WINDOW];
        while at + HEADER_LEN as u64 <= end {
            let len = (end - at).min(WINDOW as u64) as usize;
            self.file.read_exact_at(&mut window[..len], at)?;
            let starts = window[..len].windows(MAGIC.len()).enumerate();
            for (step, _) in starts.filter(|(_, bytes)| **bytes == MAGIC) {
                let offset = at + step as u64;
                if self
                    .frame_at(offset)
                    .is_ok_and(|it| Frame::parse(&it).is_ok())
                {
                    return Ok(Some(offset));
                }
            }
            // The magic may lie across the end of the window.
            at += (len - (MAGIC.len() - 1)) as u64;
        }
        Ok(None)
    }
}

pub(super) fn frame_at(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; FIRST_READ];
    let got = read_some_at(file, &mut bytes, offset)?;
    let header = bytes[..got].first_chunk::<HEADER_LEN>();
    let header = header.ok_or(io::ErrorKind::UnexpectedEof)?;
    let len = frame_len(header)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?
        .min(MAX_FRAME);
    bytes.resize(len, 0);
    if let Some(rest) = bytes.get_mut(got..) {
        file.read_exact_at(rest, offset + got as u64)?;
    }
    Ok(bytes)
}

fn read_some_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut got = 0;
    while let Some(rest) = bytes.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset.saturating_add(got as u64)) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

/// What a scan comes upon.
#[derive(Debug)]
pub enum Found {
    /// A whole frame, its checksum right.
    Frame {
        /// Where it starts.
        offset: u64,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// Bytes that are no frame, up to the next one or the end.
    Damage {
        /// Where they start.
        offset: u64,
        /// How many they are.
        len: u64,
    },
}

/// Goes through a pack's frames.
#[derive(Debug)]
pub struct Scan<'a> {
    pack: &'a PackFile,
    offset: u64,
    end: u64,
}

impl Iterator for Scan<'_> {
    type Item = io::Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.end;
        if self.offset >= end {
            return None;
        }
        let offset = self.offset;
        match self.pack.frame_at(offset) {
            Ok(bytes) if Frame::parse(&bytes).is_ok() => {
                self.offset += bytes.len() as u64;
                return Some(Ok(Found::Frame { offset, bytes }));
            }
            Ok(_) => {}
            Err(error) if is_damage(&error) => {}
            Err(error) => {
                self.offset = end;
                return Some(Err(error));
            }
        }
        match self.pack.resync(offset + 1, end) {
            Ok(next) => self.offset = next.unwrap_or(end),
            Err(error) => {
                self.offset = end;
                return Some(Err(error));
            }
        }
        let len = self.offset - offset;
        Some(Ok(Found::Damage { offset, len }))
    }
}

fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::blob::{Codec, Content, Help, encode};
    use crate::fs::{Fs, OsFs};
    use crate::pack::PackWriter;

    fn frame(text: &str) -> Vec<u8> {
        encode(&Content::Group, Codec::Raw, text.as_bytes(), Help::None)
    }

    fn frames(path: &std::path::Path) -> (Vec<Vec<u8>>, Vec<(u64, u64)>) {
        let pack = open(path);
        let (mut whole, mut damage) = (Vec::new(), Vec::new());
        for found in pack.scan() {
            match found.expect("readable") {
                Found::Frame { bytes, .. } => whole.push(bytes),
                Found::Damage { offset, len } => damage.push((offset, len)),
            }
        }
        (whole, damage)
    }

    /// A pack of three frames: its id and its bytes.
    fn three(path: &std::path::Path, version: PackVersion) -> (PackId, Vec<u8>) {
        std::fs::remove_file(path).unwrap_or_default();
        let file = OsFs.create_new(path).expect("new");
        let mut writer = PackWriter::new(file, version).expect("disk");
        for text in TEXTS {
            writer.append(&frame(text)).expect("disk");
        }
        let id = writer.finish().expect("disk");
        (id, std::fs::read(path).expect("there"))
    }

    fn open(path: &std::path::Path) -> PackFile {
        PackFile::new(File::open(path).expect("there")).expect("a file")
    }

    const TEXTS: [&str; 3] = ["first", "second", "third"];

    #[test]
    fn damage_costs_the_frame_that_it_hits_and_no_other() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("pack");
        for version in PackVersion::ALL {
            let (id, all) = three(&path, version);
            let whole = open(&path);
            assert_eq!(whole.check_id().expect("readable"), Some((id, true)));
            assert_eq!(whole.version().expect("readable"), version);
            assert!(whole.is_of_one_version().expect("readable"));
            assert_eq!(frames(&path), (TEXTS.map(frame).to_vec(), vec![]));

            let second = 8 + frame("first").len();
            for at in second..second + frame("second").len() {
                let mut damaged = all.clone();
                damaged[at] ^= 1;
                std::fs::write(&path, &damaged).expect("disk");
                let (whole, damage) = frames(&path);
                assert_eq!(whole, [frame("first"), frame("third")], "byte {at}");
                assert_eq!(damage, [(second as u64, frame("second").len() as u64)]);
                let checked = open(&path).check_id().expect("readable");
                assert_eq!(checked, Some((id, false)));
            }
            for end in 0..all.len() {
                std::fs::write(&path, &all[..end]).expect("disk");
                let whole = frames(&path).0;
                assert!(TEXTS.map(frame).starts_with(&whole), "cut at {end}");
                if end >= 8 {
                    assert_eq!(open(&path).version().expect("readable"), version);
                }
            }
        }
    }

    #[test]
    fn a_pack_that_ends_as_another_version_is_damaged_and_costs_no_frame() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("pack");
        for version in PackVersion::ALL {
            let (_, all) = three(&path, version);
            let end = all.len() - TRAILER_LEN + 7;
            for (at, other) in [(7, 1), (7, 2), (7, 9), (end, 1), (end, 2)] {
                let mut damaged = all.clone();
                if damaged[at] == other {
                    continue;
                }
                damaged[at] = other;
                std::fs::write(&path, &damaged).expect("disk");
                let pack = open(&path);
                assert!(!pack.is_of_one_version().expect("readable"), "byte {at}");
                assert!(pack.version().expect("readable") >= version);
                assert_eq!(frames(&path), (TEXTS.map(frame).to_vec(), vec![]));
            }
        }
    }
}
