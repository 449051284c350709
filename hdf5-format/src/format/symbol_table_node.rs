//! Symbol table node (File Format Spec, III.B): a run of an old-style group's links.
//!
//! ```text
//! "SNOD" 4 | version 1 = 1 | 0 1 | entries 2 | symbol table entry each | zeros, to room for twice the leaf K
//! ```
//!
//! Points here: v1 B-tree nodes of type 0 and level 0. Entries are in ascending order of their names' bytes.

use super::symbol_table_entry::SymbolTableEntry;
use crate::codec::{Cursor, Sizes, Writer};
use crate::error::{Error, ErrorKind, Result};
use alloc::vec::Vec;

/// Name in errors.
pub const STRUCTURE: &str = "symbol table node";

/// Bytes before the first entry.
pub const PREFIX_LEN: usize = 8;

/// The entries of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolTableNode {
    /// Links, in ascending order of their names.
    pub entries: Vec<SymbolTableEntry>,
}

/// Most entries of a node, for a file's leaf K.
pub fn capacity(leaf_k: u16) -> usize {
    usize::from(leaf_k).saturating_mul(2)
}

fn entry_len(sizes: Sizes) -> usize {
    SymbolTableEntry::encoded_len(sizes.o(), sizes.l())
}

impl SymbolTableNode {
    /// First bytes.
    pub const SIGNATURE: &'static [u8; 4] = b"SNOD";

    /// Bytes of a node; nodes have their full size even when nearly empty.
    pub fn encoded_len(sizes: Sizes, leaf_k: u16) -> usize {
        capacity(leaf_k).saturating_mul(entry_len(sizes)).saturating_add(PREFIX_LEN)
    }

    /// Bytes in use of the node whose prefix is in `cursor`.
    pub fn used_len(mut cursor: Cursor<'_>) -> Result<usize> {
        cursor.signature(Self::SIGNATURE)?;
        cursor.skip(2)?;
        let (len, count) = (entry_len(cursor.sizes()), usize::from(cursor.u16()?));
        Ok(count.saturating_mul(len).saturating_add(PREFIX_LEN))
    }

    /// Parses a node; `cursor` ends where the node ends.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let entries = Self::parse_each(cursor)?.into_iter().collect::<Result<_>>()?;
        Ok(SymbolTableNode { entries })
    }

    /// Parses a node to each of its entries or its error, so that one damaged link hides no other.
    pub fn parse_each(cursor: &mut Cursor<'_>) -> Result<Vec<Result<SymbolTableEntry>>> {
        cursor.signature(Self::SIGNATURE)?;
        cursor.version(&[1])?;
        cursor.skip(1)?;
        let here = cursor.clone();
        let count = usize::from(cursor.u16()?);
        let len = entry_len(cursor.sizes());
        let most = cursor.remaining().checked_div(len).unwrap_or(0);
        if count > most {
            return Err(here.unexpected("number of entries", alloc::format!("at most {most}"), count));
        }
        (0..count).map(|_| cursor.sub(len).map(|mut entry| SymbolTableEntry::parse(&mut entry))).collect()
    }

    /// Encodes a node of full size.
    pub fn encode(&self, writer: &mut Writer, leaf_k: u16) -> Result<()> {
        let free = capacity(leaf_k).checked_sub(self.entries.len()).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, "more entries than a node of this file holds").within(STRUCTURE)
        })?;
        writer.bytes(Self::SIGNATURE);
        writer.bytes(&[1, 0]);
        writer.uint(self.entries.len() as u64, 2)?;
        self.entries.iter().try_for_each(|entry| entry.encode(writer))?;
        writer.zeros(free.saturating_mul(entry_len(writer.sizes())));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Address, testing};
    use crate::format::symbol_table_entry::CacheType;

    const SIZES: Sizes = Sizes { offset: 2, length: 2 };

    fn node() -> SymbolTableNode {
        let entry = SymbolTableEntry { name_offset: 8, header: Some(Address(0x300)), cache: CacheType::None };
        SymbolTableNode { entries: alloc::vec![entry, entry] }
    }

    #[test]
    fn golden_bytes_both_ways_and_no_truncation() {
        let bytes = testing::round_trip(&node(), SIZES, SymbolTableNode::parse, |node, writer| node.encode(writer, 1));
        assert_eq!(bytes[..12], [b'S', b'N', b'O', b'D', 1, 0, 2, 0, 8, 0, 0, 3]);
        assert_eq!(bytes.len(), SymbolTableNode::encoded_len(SIZES, 1));
        assert_eq!(SymbolTableNode::used_len(Cursor::new(&bytes, 0, STRUCTURE, SIZES)).unwrap(), 8 + 2 * 28);
        for (at, value) in [(0, b'X'), (4, 0), (6, 3)] {
            let mut broken = bytes.clone();
            broken[at] = value;
            testing::refused(&broken, SIZES, SymbolTableNode::parse);
        }
    }

    #[test]
    fn nodes_have_their_full_size() {
        let mut writer = Writer::new(SIZES);
        node().encode(&mut writer, 4).unwrap();
        assert_eq!(writer.position(), SymbolTableNode::encoded_len(SIZES, 4));
        assert!(node().encode(&mut writer, 0).is_err());
    }

    #[test]
    fn a_broken_entry_does_not_hide_the_next() {
        let mut writer = Writer::new(SIZES);
        node().encode(&mut writer, 1).unwrap();
        writer.patch(12, &[9]);
        let mut cursor = Cursor::new(writer.as_slice(), 0, STRUCTURE, SIZES);
        let entries = SymbolTableNode::parse_each(&mut cursor).unwrap();
        assert!(entries[0].is_err() && entries[1].is_ok());
    }
}
