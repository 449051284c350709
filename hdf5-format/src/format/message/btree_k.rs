//! B-tree K Values message, 0x13 (File Format Spec v3/4, IV.A.2.t)
//!
//! ```text
//! | version 1 | chunk internal K 2 | group internal K 2 | group leaf K 2 |
//! ```
//! In the superblock extension. Superblocks 0 and 1 hold the same numbers in another order.

use crate::codec::{Cursor, Writer};
use crate::error::Result;

/// Node sizes of version 1 B-trees and symbol table nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BTreeK {
    /// Half the children of a chunk B-tree node.
    pub chunk: u16,
    /// Half the children of a group B-tree node.
    pub group_internal: u16,
    /// Half the entries of a symbol table node.
    pub group_leaf: u16,
}

impl BTreeK {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.version(&[0])?;
        let here = cursor.clone();
        let k = BTreeK { chunk: cursor.u16()?, group_internal: cursor.u16()?, group_leaf: cursor.u16()? };
        if k.chunk == 0 || k.group_internal == 0 || k.group_leaf == 0 {
            return Err(here.unexpected("B-tree K values", "above 0", alloc::format!("{k:?}")));
        }
        Ok(k)
    }

    /// Bytes of the message.
    pub fn encoded_len(&self) -> usize {
        7
    }

    /// Encodes the message.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.u8(0);
        [self.chunk, self.group_internal, self.group_leaf].iter().for_each(|&k| writer.u16(k));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    #[test]
    fn parses_what_it_encodes() {
        let k = BTreeK { chunk: 64, group_internal: 16, group_leaf: 4 };
        let bytes = testing::round_trip(&k, Sizes::EIGHT, BTreeK::parse, BTreeK::encode);
        assert_eq!(bytes, [0, 64, 0, 16, 0, 4, 0]);
        assert_eq!(bytes.len(), k.encoded_len());
        testing::refused(&[1, 64, 0, 16, 0, 4, 0], Sizes::EIGHT, BTreeK::parse);
        testing::refused(&[0, 64, 0, 0, 0, 4, 0], Sizes::EIGHT, BTreeK::parse);
    }
}
