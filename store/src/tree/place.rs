use crate::object::EntryKey;

/// Where in a tree a node stands: the nibbles that all its keys start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The nibbles, packed like a key; zero from `depth` on.
    prefix: [u8; EntryKey::NIBBLES / 2],
    depth: usize,
}

impl Place {
    /// Where the root stands: every key is under it.
    pub(super) const ROOT: Self = Self {
        prefix: [0; EntryKey::NIBBLES / 2],
        depth: 0,
    };

    /// How many nibbles lead here.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Whether this is the root's place.
    pub(super) fn is_root(&self) -> bool {
        self.depth == 0
    }

    /// Whether a branch may stand here: there is a nibble left to branch on.
    pub(super) fn can_branch(&self) -> bool {
        self.depth < EntryKey::NIBBLES
    }

    /// The place under `nibble`; only where a branch may stand.
    pub(super) fn child(mut self, nibble: usize) -> Self {
        debug_assert!(self.can_branch() && nibble < 16);
        let nibble = nibble as u8;
        self.prefix[self.depth / 2] |= if self.depth.is_multiple_of(2) {
            nibble << 4
        } else {
            nibble
        };
        self.depth += 1;
        self
    }

    /// Whether `key` belongs under this place.
    pub(super) fn holds(&self, key: EntryKey) -> bool {
        let key = key.to_bytes();
        let whole = self.depth / 2;
        key[..whole] == self.prefix[..whole]
            && (self.depth.is_multiple_of(2) || key[whole] >> 4 == self.prefix[whole] >> 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{BlobId, Day};

    #[test]
    fn a_place_holds_the_keys_that_start_with_its_path() {
        let key = EntryKey {
            day: Day(0x1234),
            blob: BlobId::new([0xab; 32]),
        };
        let mut place = Place::ROOT;
        for depth in 0..EntryKey::NIBBLES {
            assert!(place.holds(key), "at depth {depth}");
            let nibble = key.nibble(depth);
            assert!(!place.child((nibble + 1) % 16).holds(key));
            place = place.child(nibble);
        }
        assert!(place.holds(key));
        assert!(!place.can_branch());
    }
}
