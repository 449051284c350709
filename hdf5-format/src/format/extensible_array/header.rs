//! Extensible array header.
//!
//! ```text
//! "EAHD" | version 0 | client 1 | element size 1 | max bits 1 | index block elements 1 | min data block elements 1
//! | min super block pointers 1 | page bits 1 | super blocks L, their bytes L | data blocks L, their bytes L
//! | highest index + 1 L | elements L | index block O | checksum 4
//! ```
//!
//! The layout message has the two minima in the other order.

use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;
use alloc::vec::Vec;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensibleArrayHeader {
    /// 0 for plain chunks, 1 for filtered ones.
    pub client: u8,
    /// Bytes of an element.
    pub element_size: u8,
    /// Bits of the largest index.
    pub max_bits: u8,
    /// Elements in the index block.
    pub index_elements: u8,
    /// Fewest elements of a data block.
    pub min_elements: u8,
    /// Fewest data block pointers of a super block.
    pub min_pointers: u8,
    /// Pages hold 2 to this many elements.
    pub page_bits: u8,
    /// Super blocks, their bytes, data blocks, their bytes.
    pub block_stats: [u64; 4],
    /// Highest index written, plus one.
    pub index_end: u64,
    /// Elements for which there is room.
    pub realized: u64,
    /// The index block; undefined until a chunk is written.
    pub index_block: Option<Address>,
}

/// What a super block covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuperBlockInfo {
    /// Data blocks.
    pub blocks: u64,
    /// Elements of each.
    pub block_elements: u64,
    /// First element, counted after those of the index block.
    pub start: u64,
    /// Number of the first data block.
    pub start_block: u64,
}

impl ExtensibleArrayHeader {
    /// First bytes.
    pub const SIGNATURE: &'static [u8; 4] = b"EAHD";

    /// Bytes of the header for widths of an address and of a length.
    pub fn encoded_len(offset: usize, length: usize) -> usize {
        length.saturating_mul(6).saturating_add(offset).saturating_add(16)
    }

    /// Parses the header.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.signature(Self::SIGNATURE)?;
        cursor.version(&[0])?;
        let here = cursor.clone();
        let client = cursor.u8()?;
        if client > 1 {
            return Err(here.unexpected("client", "0 or 1", client));
        }
        let here = cursor.clone();
        let [element_size, max_bits, index_elements, min_elements, min_pointers, page_bits] = cursor.array()?;
        let powers = min_elements.is_power_of_two() && min_pointers.is_power_of_two() && min_pointers > 1;
        if element_size == 0 || !powers || max_bits == 0 || max_bits > 63 || page_bits == 0 || page_bits > 63 {
            return Err(here.corrupt("a size, minimum or bit count out of range"));
        }
        if u32::from(max_bits) < min_elements.trailing_zeros() {
            return Err(here.unexpected("bits of the largest index", "those of the smallest data block", max_bits));
        }
        let mut block_stats = [0; 4];
        for stat in &mut block_stats {
            *stat = cursor.length()?;
        }
        let (index_end, realized, index_block) = (cursor.length()?, cursor.length()?, cursor.address()?);
        cursor.checksum()?;
        Ok(ExtensibleArrayHeader {
            client,
            element_size,
            max_bits,
            index_elements,
            min_elements,
            min_pointers,
            page_bits,
            block_stats,
            index_end,
            realized,
            index_block,
        })
    }

    /// Encodes the header.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        let start = writer.position();
        writer.bytes(Self::SIGNATURE);
        writer.bytes(&[0, self.client, self.element_size, self.max_bits, self.index_elements]);
        writer.bytes(&[self.min_elements, self.min_pointers, self.page_bits]);
        self.block_stats.iter().try_for_each(|&n| writer.length(n))?;
        writer.length(self.index_end)?;
        writer.length(self.realized)?;
        writer.address(self.index_block)?;
        writer.checksum_from(start);
        Ok(())
    }

    /// All super blocks that the array could have; at most 64.
    pub fn super_blocks(&self) -> Vec<SuperBlockInfo> {
        let count = u32::from(self.max_bits).saturating_sub(self.min_elements.trailing_zeros()).saturating_add(1);
        let (mut start, mut start_block) = (0u64, 0u64);
        let mut out = Vec::new();
        for u in 0..count {
            let blocks = 1u64.checked_shl(u / 2).unwrap_or(u64::MAX);
            let doublings = u.saturating_add(1) / 2;
            let block_elements = u64::from(self.min_elements).saturating_mul(1u64.checked_shl(doublings).unwrap_or(0));
            out.push(SuperBlockInfo { blocks, block_elements, start, start_block });
            start = start.saturating_add(blocks.saturating_mul(block_elements));
            start_block = start_block.saturating_add(blocks);
        }
        out
    }

    /// Super blocks whose data blocks the index block lists itself.
    pub fn direct_super_blocks(&self) -> usize {
        usize::try_from(self.min_pointers.trailing_zeros()).unwrap_or(0).saturating_mul(2)
    }

    /// Data block addresses in the index block.
    pub fn direct_blocks(&self) -> u64 {
        u64::from(self.min_pointers).saturating_sub(1).saturating_mul(2)
    }

    /// Bytes of the offsets in super blocks and data blocks.
    pub fn offset_width(&self) -> usize {
        usize::from(self.max_bits).div_ceil(8)
    }

    /// Elements of a page.
    pub fn page_elements(&self) -> u64 {
        1u64.checked_shl(self.page_bits.into()).unwrap_or(u64::MAX)
    }

    /// Pages of a data block; 0 if it is not paged.
    pub fn pages(&self, block_elements: u64) -> u64 {
        let page = self.page_elements();
        if block_elements > page { block_elements.div_ceil(page) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    fn header() -> ExtensibleArrayHeader {
        ExtensibleArrayHeader {
            client: 0,
            element_size: 8,
            max_bits: 32,
            index_elements: 4,
            min_elements: 16,
            min_pointers: 4,
            page_bits: 10,
            block_stats: [1, 2, 3, 4],
            index_end: 5,
            realized: 20,
            index_block: Some(Address(0x500)),
        }
    }

    #[test]
    fn parses_what_it_encodes() {
        let mut bytes =
            testing::round_trip(&header(), Sizes::EIGHT, ExtensibleArrayHeader::parse, ExtensibleArrayHeader::encode);
        assert_eq!(bytes.len(), ExtensibleArrayHeader::encoded_len(8, 8));
        bytes[30] ^= 1;
        testing::refused(&bytes, Sizes::EIGHT, ExtensibleArrayHeader::parse);
    }

    #[test]
    fn blocks_grow_as_the_specification_says() {
        let header = header();
        let blocks = header.super_blocks();
        assert_eq!(blocks.len(), 29);
        assert_eq!((header.direct_super_blocks(), header.direct_blocks()), (4, 6));
        let sizes: Vec<_> = blocks.iter().take(5).map(|b| (b.blocks, b.block_elements, b.start)).collect();
        assert_eq!(sizes, [(1, 16, 0), (1, 32, 16), (2, 32, 48), (2, 64, 112), (4, 64, 240)]);
        assert_eq!(header.pages(1024), 0);
        assert_eq!(header.pages(2048), 2);
    }
}
