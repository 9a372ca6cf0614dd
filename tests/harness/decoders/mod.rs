//! Every decoder of bytes that others may have written, as functions that take any bytes at all.
//! Each decodes, and panics where what comes out breaks a rule of the format: most often, that what
//! decodes encodes to the same bytes.
//!
//! The fuzzer (`tests/fuzz`) drives them with bytes of its own; the suite `fuzzed` with the corpora
//! that the fuzzer left. A check here must hold for every input: no clock, no state from one
//! input to the next.

mod disk;
mod mail;
mod objects;
mod packs;
mod records;
mod signs;
mod wire;

/// A decoder: its name, which is that of its fuzz target and corpus, and its check.
pub type Decoder = (&'static str, fn(&[u8]));

/// All of them.
pub const DECODERS: [Decoder; 22] = [
    ("tree", objects::tree),
    ("folder_map", objects::folder_map),
    ("snapshot", objects::snapshot),
    ("id", objects::id),
    ("frame", packs::frame),
    ("group", packs::group),
    ("pack", packs::pack),
    ("received", packs::received),
    ("idx", packs::idx),
    ("message", mail::message),
    ("file_name", mail::file_name),
    ("folder_name", mail::folder_name),
    ("config", records::config),
    ("applying", records::applying),
    ("reflog", records::reflog),
    ("trusted", records::trusted),
    ("allowed_signers", signs::allowed_signers),
    ("public_key", signs::public_key),
    ("sshsig", signs::sshsig),
    ("url", wire::url),
    ("wire", wire::messages),
    ("session", wire::session),
];

/// Runs the decoder of this name.
///
/// # Panics
/// If there is none, or the bytes show a fault.
pub fn run(name: &str, bytes: &[u8]) {
    let found = DECODERS.iter().find(|(own, _)| *own == name);
    let (_, check) = found.unwrap_or_else(|| panic!("no decoder {name}"));
    check(bytes);
}
