//! Symbol Table Entry (File Format Spec v3/4, III.C)
//!
//! ```text
//! | name offset L | object header O | cache type 4 | 0 4 | scratch-pad 16 |
//! scratch-pad of type 1: | B-tree O | local heap O |      of type 2: | offset of the link's text 4 |
//! ```
//! A link of an old-style group, in symbol table nodes; the root group, in superblocks 0 and 1.
//!
//! The specification gives the name offset the width of an address; libhdf5 uses that of a length. Seen only where
//! the two differ.

use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;

/// A name, an object header, and what is cached of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolTableEntry {
    /// Offset of the name in the group's local heap.
    pub name_offset: u64,
    /// The object's header; undefined for a soft link.
    pub header: Option<Address>,
    /// Cached information.
    pub cache: CacheType,
}

/// The scratch-pad of a symbol table entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheType {
    /// Nothing is cached.
    None,
    /// The object is a group: addresses of its symbol table message.
    Group {
        /// Root of the group's B-tree.
        btree: Address,
        /// The group's local heap.
        heap: Address,
    },
    /// A soft link.
    SoftLink {
        /// Offset of the link's text in the local heap.
        value_offset: u32,
    },
}

/// Bytes of the scratch-pad.
const SCRATCH: usize = 16;

impl SymbolTableEntry {
    /// Bytes of an entry for widths of an address and of a length.
    pub fn encoded_len(offset: usize, length: usize) -> usize {
        offset.saturating_add(length).saturating_add(8).saturating_add(SCRATCH)
    }

    /// Parses an entry.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let name_offset = cursor.length()?;
        let header = cursor.address()?;
        let here = cursor.clone();
        let cache_type = cursor.u32()?;
        cursor.skip(4)?;
        let mut scratch = cursor.sub(SCRATCH)?;
        let cache = match cache_type {
            0 => CacheType::None,
            // Addresses wider than the scratch-pad are not cached by any library.
            1 if cursor.sizes().o() <= 8 => match (scratch.address()?, scratch.address()?) {
                (Some(btree), Some(heap)) => CacheType::Group { btree, heap },
                _ => CacheType::None,
            },
            1 => CacheType::None,
            2 => CacheType::SoftLink { value_offset: scratch.u32()? },
            other => return Err(here.unexpected("cache type", "0, 1 or 2", other)),
        };
        Ok(SymbolTableEntry { name_offset, header, cache })
    }

    /// Encodes an entry.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.length(self.name_offset)?;
        writer.address(self.header)?;
        let fits = writer.sizes().o() <= 8;
        writer.u32(match self.cache {
            CacheType::Group { .. } if fits => 1,
            CacheType::None | CacheType::Group { .. } => 0,
            CacheType::SoftLink { .. } => 2,
        });
        writer.u32(0);
        let start = writer.position();
        match self.cache {
            CacheType::Group { btree, heap } if fits => {
                writer.address(Some(btree))?;
                writer.address(Some(heap))?;
            }
            CacheType::SoftLink { value_offset } => writer.u32(value_offset),
            CacheType::None | CacheType::Group { .. } => {}
        }
        let written = writer.position().saturating_sub(start);
        writer.zeros(SCRATCH.saturating_sub(written));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;

    #[test]
    fn parses_what_it_encodes() {
        for cache in [
            CacheType::None,
            CacheType::Group { btree: Address(1), heap: Address(2) },
            CacheType::SoftLink { value_offset: 9 },
        ] {
            let entry = SymbolTableEntry { name_offset: 8, header: Some(Address(0x320)), cache };
            for sizes in [Sizes::EIGHT, Sizes { offset: 4, length: 2 }] {
                let mut writer = Writer::new(sizes);
                entry.encode(&mut writer).unwrap();
                assert_eq!(writer.position(), SymbolTableEntry::encoded_len(sizes.o(), sizes.l()));
                let bytes = writer.into_bytes();
                let parse = |b: &[u8]| SymbolTableEntry::parse(&mut Cursor::new(b, 0, "entry", sizes));
                assert_eq!(parse(&bytes).unwrap(), entry);
                (0..bytes.len()).for_each(|n| assert!(parse(&bytes[..n]).is_err()));
            }
        }
    }

    #[test]
    fn refuses_an_unknown_cache_type() {
        let mut bytes = [0u8; 40];
        bytes[16] = 3;
        assert!(SymbolTableEntry::parse(&mut Cursor::new(&bytes, 0, "entry", Sizes::EIGHT)).is_err());
    }
}
