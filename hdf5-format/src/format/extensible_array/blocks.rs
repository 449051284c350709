//! What the index block, super blocks and data blocks of an extensible array begin with.
//!
//! ```text
//! index  "EAIB" | version 0 | client 1 | header O | elements | data blocks O each | super blocks O each | checksum 4
//! super  "EASB" | version 0 | client 1 | header O | offset | page bitmaps | data blocks O each | checksum 4
//! data   "EADB" | version 0 | client 1 | header O | offset | elements | checksum 4
//!        paged: checksum after the offset, then pages of elements with a checksum each
//! ```
//!
//! libhdf5 stores an odd offset in data blocks that the index block lists, and never reads it back.

use super::header::ExtensibleArrayHeader;
use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;

/// Which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockType {
    /// Index block.
    Index,
    /// Super block.
    Super,
    /// Data block.
    Data,
}

/// The beginning of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPrefix {
    /// The array's header.
    pub header: Address,
    /// First element of the block; 0 in index blocks.
    pub offset: u64,
}

impl BlockType {
    fn signature(self) -> &'static [u8; 4] {
        match self {
            BlockType::Index => b"EAIB",
            BlockType::Super => b"EASB",
            BlockType::Data => b"EADB",
        }
    }

    fn offset_width(self, array: &ExtensibleArrayHeader) -> usize {
        if self == BlockType::Index { 0 } else { array.offset_width() }
    }
}

impl BlockPrefix {
    /// Bytes of the prefix for the width of an address.
    pub fn encoded_len(block: BlockType, array: &ExtensibleArrayHeader, offset: usize) -> u64 {
        (offset as u64).saturating_add(6).saturating_add(block.offset_width(array) as u64)
    }

    /// Parses the prefix.
    pub fn parse(cursor: &mut Cursor<'_>, block: BlockType, array: &ExtensibleArrayHeader) -> Result<Self> {
        cursor.signature(block.signature())?;
        cursor.version(&[0])?;
        let here = cursor.clone();
        let client = cursor.u8()?;
        if client != array.client {
            return Err(here.unexpected("client", array.client, client));
        }
        let header = cursor.defined_address("extensible array header address")?;
        Ok(BlockPrefix { header, offset: cursor.uint(block.offset_width(array))? })
    }

    /// Encodes the prefix.
    pub fn encode(&self, writer: &mut Writer, block: BlockType, array: &ExtensibleArrayHeader) -> Result<()> {
        writer.bytes(block.signature());
        writer.bytes(&[0, array.client]);
        writer.address(Some(self.header))?;
        writer.uint(self.offset, block.offset_width(array))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    #[test]
    fn parses_what_it_encodes() {
        let array = ExtensibleArrayHeader {
            client: 1,
            element_size: 15,
            max_bits: 32,
            index_elements: 4,
            min_elements: 16,
            min_pointers: 4,
            page_bits: 10,
            block_stats: [0; 4],
            index_end: 0,
            realized: 0,
            index_block: None,
        };
        for (block, offset) in [(BlockType::Index, 0), (BlockType::Super, 240), (BlockType::Data, 48)] {
            let prefix = BlockPrefix { header: Address(0x77), offset };
            let parse = |c: &mut Cursor<'_>| BlockPrefix::parse(c, block, &array);
            let mut bytes = testing::round_trip(&prefix, Sizes::EIGHT, parse, |p, w| p.encode(w, block, &array));
            assert_eq!(bytes.len() as u64, BlockPrefix::encoded_len(block, &array, 8));
            bytes[5] = 0;
            testing::refused(&bytes, Sizes::EIGHT, parse);
        }
    }
}
