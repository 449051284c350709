//! Fractal heap indirect block (File Format Spec, III.G): the rows of a doubling table.
//!
//! ```text
//! "FHIB" 4 | version 1 = 0 | heap header O | offset of the block in the heap
//! | direct blocks, row by row: address O [stored length L | filter mask 4, in a filtered heap]
//! | indirect blocks, row by row: address O
//! | checksum 4
//! ```
//!
//! Points here: the heap header, indirect blocks; whoever points says how many rows there are.

use super::doubling_table::DoublingTable;
use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::{Error, ErrorKind, Result};
use alloc::vec::Vec;

/// Name in errors.
pub const STRUCTURE: &str = "fractal heap indirect block";

/// A block with its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndirectBlock {
    /// Header of the heap that the block is of.
    pub heap: Address,
    /// Offset of the block's first child in the heap's address space.
    pub offset: u64,
    /// Direct blocks, row by row.
    pub direct: Vec<DirectEntry>,
    /// Indirect blocks, row by row.
    pub indirect: Vec<Option<Address>>,
}

/// A direct block in its parent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectEntry {
    /// Where it is; undefined if it does not exist.
    pub address: Option<Address>,
    /// Stored bytes and filter mask, in a filtered heap.
    pub filtered: Option<(u64, u32)>,
}

/// Direct and indirect entries of a block of `rows` rows.
fn entries(table: &DoublingTable, rows: u32) -> (usize, usize) {
    let count = |rows: u32| usize::try_from(rows).unwrap_or(usize::MAX).saturating_mul(table.width.into());
    let direct = rows.min(table.direct_rows());
    (count(direct), count(rows.saturating_sub(direct)))
}

fn entry_len(sizes: Sizes, filtered: bool) -> usize {
    if filtered { sizes.o().saturating_add(sizes.l()).saturating_add(4) } else { sizes.o() }
}

impl IndirectBlock {
    /// First bytes.
    pub const SIGNATURE: &'static [u8; 4] = b"FHIB";

    /// Bytes of a block of `rows` rows.
    pub fn encoded_len(sizes: Sizes, table: &DoublingTable, rows: u32, filtered: bool) -> usize {
        let (direct, indirect) = entries(table, rows);
        let entries = direct.saturating_mul(entry_len(sizes, filtered));
        let entries = entries.saturating_add(indirect.saturating_mul(sizes.o()));
        entries.saturating_add(sizes.o()).saturating_add(table.offset_width()).saturating_add(9)
    }

    /// Parses a block of `rows` rows; `cursor` starts at it, for the checksum.
    pub fn parse(cursor: &mut Cursor<'_>, table: &DoublingTable, rows: u32, filtered: bool) -> Result<Self> {
        let sizes = cursor.sizes();
        cursor.signature(Self::SIGNATURE)?;
        cursor.version(&[0])?;
        let heap = cursor.defined_address("heap header address")?;
        let offset = cursor.uint(table.offset_width())?;
        let (direct, indirect) = entries(table, rows);
        let mut part = cursor.sub(direct.saturating_mul(entry_len(sizes, filtered)))?;
        let direct = (0..direct).map(|_| DirectEntry::parse(&mut part, filtered)).collect::<Result<_>>()?;
        let mut part = cursor.sub(indirect.saturating_mul(sizes.o()))?;
        let indirect = (0..indirect).map(|_| part.address()).collect::<Result<_>>()?;
        cursor.checksum()?;
        Ok(IndirectBlock { heap, offset, direct, indirect })
    }

    /// Encodes a block of `rows` rows with its checksum.
    pub fn encode(&self, writer: &mut Writer, table: &DoublingTable, rows: u32, filtered: bool) -> Result<()> {
        let start = writer.position();
        if (self.direct.len(), self.indirect.len()) != entries(table, rows) {
            let found = alloc::format!("{} and {} entries in {rows} rows", self.direct.len(), self.indirect.len());
            return Err(Error::new(ErrorKind::Invalid, found).within(STRUCTURE));
        }
        writer.bytes(Self::SIGNATURE);
        writer.u8(0);
        writer.address(Some(self.heap))?;
        writer.uint(self.offset, table.offset_width())?;
        for entry in &self.direct {
            writer.address(entry.address)?;
            if filtered {
                let (len, mask) = entry.filtered.unwrap_or((0, 0));
                writer.length(len)?;
                writer.u32(mask);
            }
        }
        self.indirect.iter().try_for_each(|&address| writer.address(address))?;
        writer.checksum_from(start);
        Ok(())
    }
}

impl DirectEntry {
    fn parse(cursor: &mut Cursor<'_>, filtered: bool) -> Result<Self> {
        let address = cursor.address()?;
        let filtered = if filtered { Some((cursor.length()?, cursor.u32()?)) } else { None };
        Ok(DirectEntry { address, filtered })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;

    const SIZES: Sizes = Sizes { offset: 2, length: 2 };
    /// Three rows of direct blocks, then indirect ones.
    const TABLE: DoublingTable = DoublingTable {
        width: 2,
        start_block: 16,
        max_direct: 32,
        max_bits: 12,
        start_rows: 1,
        root: None,
        root_rows: 0,
    };

    fn block(filtered: bool) -> IndirectBlock {
        let filtered = filtered.then_some((7, 1));
        let entry = |n| DirectEntry { address: Some(Address(n)), filtered };
        let mut direct: Vec<_> = (1..6).map(entry).collect();
        direct.push(DirectEntry { address: None, filtered });
        IndirectBlock { heap: Address(0x88), offset: 64, direct, indirect: alloc::vec![None, Some(Address(0x99))] }
    }

    #[test]
    fn golden_bytes_both_ways_and_no_truncation() {
        for filtered in [false, true] {
            let bytes = testing::round_trip(
                &block(filtered),
                SIZES,
                |cursor| IndirectBlock::parse(cursor, &TABLE, 4, filtered),
                |block, writer| block.encode(writer, &TABLE, 4, filtered),
            );
            assert_eq!(bytes.len(), IndirectBlock::encoded_len(SIZES, &TABLE, 4, filtered));
            let golden: &[u8] = if filtered { &[1, 0, 7, 0, 1, 0, 0, 0, 2, 0] } else { &[1, 0, 2, 0, 3, 0] };
            assert_eq!(bytes[..9], [b'F', b'H', b'I', b'B', 0, 0x88, 0, 64, 0]);
            assert_eq!(&bytes[9..9 + golden.len()], golden);
            assert_eq!(bytes[bytes.len() - 8..bytes.len() - 4], [0xff, 0xff, 0x99, 0]);
            for at in 0..bytes.len() {
                let mut broken = bytes.clone();
                broken[at] ^= 4;
                testing::refused(&broken, SIZES, |cursor| IndirectBlock::parse(cursor, &TABLE, 4, filtered));
            }
        }
    }

    #[test]
    fn rows_must_agree() {
        assert!(block(false).encode(&mut Writer::new(SIZES), &TABLE, 3, false).is_err());
    }

    #[test]
    fn a_block_of_one_row_is_all_direct() {
        let entry = DirectEntry::default();
        let block = IndirectBlock { heap: Address(1), offset: 0, direct: alloc::vec![entry; 2], indirect: Vec::new() };
        let bytes = testing::round_trip(
            &block,
            SIZES,
            |cursor| IndirectBlock::parse(cursor, &TABLE, 1, false),
            |block, writer| block.encode(writer, &TABLE, 1, false),
        );
        assert_eq!(bytes.len(), 17);
    }
}
