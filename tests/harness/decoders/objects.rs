//! Objects but messages: one encoding for each value.

use mailvc_store::codec::DecodeError;
use mailvc_store::object::{BlobId, FolderMap, IdPrefix, LEAF_MAX, Node, Snapshot};
use mailvc_store::refs::RefName;

/// What decodes encodes to the same bytes.
fn canonical<T>(
    bytes: &[u8],
    decode: fn(&[u8]) -> Result<T, DecodeError>,
    encode: fn(&T) -> Vec<u8>,
) {
    if let Ok(value) = decode(bytes) {
        assert_eq!(encode(&value), bytes);
    }
}

pub(super) fn tree(bytes: &[u8]) {
    canonical(bytes, Node::decode, Node::encode);
    match Node::decode(bytes) {
        Ok(Node::Leaf(entries)) => assert!(entries.len() <= LEAF_MAX),
        Ok(node @ Node::Branch(_)) => assert!(node.sums().entries > LEAF_MAX as u64),
        Err(_) => {}
    }
}

pub(super) fn folder_map(bytes: &[u8]) {
    canonical(bytes, FolderMap::decode, FolderMap::encode);
}

pub(super) fn snapshot(bytes: &[u8]) {
    canonical(bytes, Snapshot::decode, Snapshot::encode);
}

/// Ids, their abbreviations, and names of refs: one spelling each.
pub(super) fn id(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(id) = text.parse::<BlobId>() {
        assert_eq!(id.to_string(), text);
        let prefix = text.parse::<IdPrefix>().expect("the whole is a beginning");
        assert!(prefix.matches(id.as_bytes()));
    }
    if let Ok(prefix) = text.parse::<IdPrefix>() {
        assert!(prefix.matches(prefix.first()));
    }
    if let Ok(name) = text.parse::<RefName>() {
        assert_eq!(name.to_string(), text);
        assert!(
            !text
                .split('/')
                .any(|part| part.starts_with('.') || part.is_empty())
        );
    }
}
