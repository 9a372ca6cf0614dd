use super::layout::{Layout, Section, Widths};
use super::{Idx, Row};
use crate::object::{ObjectKey, PackId};
use crate::pack::PackVersion;

impl Idx {
    /// The bytes of the index of `pack`; of an object that the pack holds twice, one is named.
    pub fn build(pack: PackId, version: PackVersion, mut rows: Vec<(ObjectKey, Row)>) -> Vec<u8> {
        rows.sort_unstable_by_key(|(key, row)| (key.kind, key.hash, row.frame));
        rows.dedup_by_key(|(key, _)| *key);
        let (layout, header) = Layout::of(version, &rows);
        // Sized at once, as it may be as long as all rows: growing would hold it twice.
        let mut bytes = Vec::with_capacity(layout.length() as usize);
        bytes.extend_from_slice(&header);
        for rows in rows.chunk_by(|(a, _), (b, _)| a.kind == b.kind) {
            if let Some((key, _)) = rows.first() {
                put_section(&mut bytes, layout.section(key.kind), layout.widths, rows);
            }
        }
        let end = layout.id_len();
        bytes.extend_from_slice(&pack.as_bytes()[..end]);
        let sum = blake3::hash(&bytes);
        bytes.extend_from_slice(&sum.as_bytes()[..end]);
        bytes
    }
}

fn put_section(bytes: &mut Vec<u8>, section: Section, widths: Widths, rows: &[(ObjectKey, Row)]) {
    if section.has_fan_out() {
        let mut at = 0;
        for bucket in 0..=section.buckets() {
            let below = |(key, _): &&(ObjectKey, Row)| section.bucket(&key.hash) < bucket;
            at += rows[at..].iter().take_while(below).count();
            bytes.extend_from_slice(&(at as u32).to_le_bytes());
        }
    }
    for (key, row) in rows {
        widths.put_row(bytes, &key.hash, row);
    }
}
