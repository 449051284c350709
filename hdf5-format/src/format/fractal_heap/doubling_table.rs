//! Doubling table (File Format Spec, III.G): how a fractal heap's address space is cut into blocks.
//!
//! ```text
//! width 2 | starting block size L | max direct block size L | max heap size, bits 2 | starting root rows 2
//! | root block O | current root rows 2
//!
//! row 0, 1: `width` blocks of the starting size s; every further row doubles the size
//! row       0    1      2       3        ...
//! offset    0    w*s    2*w*s   4*w*s    ...
//! ```
//!
//! Part of the fractal heap header. Rows whose blocks would be larger than the largest direct block hold indirect
//! blocks, which are tables of the same kind over their part of the address space.

use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;

/// The table's constants and its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoublingTable {
    /// Blocks in a row, a power of two.
    pub width: u16,
    /// Bytes of the blocks of the first two rows, a power of two.
    pub start_block: u64,
    /// Bytes of the largest direct block, a power of two.
    pub max_direct: u64,
    /// The heap's address space has 2 to this power bytes.
    pub max_bits: u16,
    /// Rows that a new root indirect block gets.
    pub start_rows: u16,
    /// The root block; undefined while there are no managed objects.
    pub root: Option<Address>,
    /// Rows of the root indirect block; 0 if the root is a direct block of the starting size.
    pub root_rows: u16,
}

/// Largest direct block that libhdf5 uses, and that lengths of two bytes can not express: stored as 0 then.
const OVERFLOW: u64 = 1 << 16;

fn parse_max_direct(cursor: &mut Cursor<'_>) -> Result<u64> {
    let size = cursor.length()?;
    Ok(if size == 0 && cursor.sizes().l() == 2 { OVERFLOW } else { size })
}

impl DoublingTable {
    /// Parses the table.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let here = cursor.clone();
        let table = DoublingTable {
            width: cursor.u16()?,
            start_block: cursor.length()?,
            max_direct: parse_max_direct(cursor)?,
            max_bits: cursor.u16()?,
            start_rows: cursor.u16()?,
            root: cursor.address()?,
            root_rows: cursor.u16()?,
        };
        table.validate(&here)?;
        Ok(table)
    }

    fn validate(&self, here: &Cursor<'_>) -> Result<()> {
        if !self.width.is_power_of_two() {
            return Err(here.unexpected("table width", "a power of two", self.width));
        }
        if !self.start_block.is_power_of_two() {
            return Err(here.unexpected("starting block size", "a power of two", self.start_block));
        }
        if !self.max_direct.is_power_of_two() || self.max_direct < self.start_block {
            let expected = alloc::format!("a power of two from {}", self.start_block);
            return Err(here.unexpected("largest direct block", expected, self.max_direct));
        }
        let least = self.first_row_bits().max(self.max_direct.ilog2());
        if u32::from(self.max_bits) < least || self.max_bits > 64 {
            return Err(here.unexpected("bits of the heap size", alloc::format!("{least} to 64"), self.max_bits));
        }
        if u32::from(self.root_rows) > self.max_rows() {
            let expected = alloc::format!("at most {}", self.max_rows());
            return Err(here.unexpected("rows of the root", expected, self.root_rows));
        }
        Ok(())
    }

    /// Encodes the table.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.u16(self.width);
        writer.length(self.start_block)?;
        let fits = writer.sizes().l() != 2 || self.max_direct != OVERFLOW;
        writer.length(if fits { self.max_direct } else { 0 })?;
        writer.u16(self.max_bits);
        writer.u16(self.start_rows);
        writer.address(self.root)?;
        writer.u16(self.root_rows);
        Ok(())
    }

    /// Bytes of an offset in the heap's address space.
    pub fn offset_width(&self) -> usize {
        usize::from(self.max_bits).div_ceil(8)
    }

    /// Power of two of the bytes of the first row.
    pub fn first_row_bits(&self) -> u32 {
        let start = self.start_block.checked_ilog2().unwrap_or(0);
        start.saturating_add(self.width.checked_ilog2().unwrap_or(0))
    }

    /// Rows that cover the whole address space.
    pub fn max_rows(&self) -> u32 {
        u32::from(self.max_bits).saturating_sub(self.first_row_bits()).saturating_add(1)
    }

    /// Rows of direct blocks in a table that is large enough.
    pub fn direct_rows(&self) -> u32 {
        let start = self.start_block.checked_ilog2().unwrap_or(0);
        self.max_direct.checked_ilog2().unwrap_or(0).saturating_sub(start).saturating_add(2)
    }

    /// Bytes of each block of a row.
    pub fn row_size(&self, row: u32) -> u64 {
        self.start_block.checked_shl(row.saturating_sub(1)).unwrap_or(0)
    }

    /// Offset of a row's first block within its table.
    pub fn row_offset(&self, row: u32) -> u64 {
        if row == 0 { 0 } else { self.row_size(row).saturating_mul(u64::from(self.width)) }
    }

    /// Row and column of the block that holds an offset of a table.
    pub fn locate(&self, offset: u64) -> (u32, u32) {
        let bits = offset.checked_ilog2().unwrap_or(0);
        let row = match bits.checked_sub(self.first_row_bits()) {
            Some(above) => above.saturating_add(1),
            None => 0,
        };
        let column = offset.saturating_sub(self.row_offset(row)).checked_div(self.row_size(row)).unwrap_or(0);
        (row, u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// Rows of the indirect block that a row of indirect blocks holds; 0 if the row is too small for any.
    pub fn child_rows(&self, row: u32) -> u32 {
        row.saturating_sub(self.width.checked_ilog2().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    /// As groups have it.
    fn links() -> DoublingTable {
        DoublingTable {
            width: 4,
            start_block: 512,
            max_direct: 65536,
            max_bits: 32,
            start_rows: 1,
            root: Some(Address(0x1000)),
            root_rows: 3,
        }
    }

    #[test]
    fn golden_bytes_both_ways_and_no_truncation() {
        let sizes = Sizes { offset: 4, length: 4 };
        let bytes = testing::round_trip(&links(), sizes, DoublingTable::parse, DoublingTable::encode);
        assert_eq!(bytes, [4, 0, 0, 2, 0, 0, 0, 0, 1, 0, 32, 0, 1, 0, 0, 0x10, 0, 0, 3, 0]);
        for (at, value) in [(0, 3), (3, 3), (4, 1), (8, 3), (10, 65), (10, 10), (18, 23)] {
            let mut broken = bytes.clone();
            broken[at] = value;
            testing::refused(&broken, sizes, DoublingTable::parse);
        }
    }

    #[test]
    fn a_size_that_two_bytes_can_not_express() {
        let sizes = Sizes { offset: 2, length: 2 };
        let bytes = testing::round_trip(&links(), sizes, DoublingTable::parse, DoublingTable::encode);
        assert_eq!(bytes, [4, 0, 0, 2, 0, 0, 32, 0, 1, 0, 0, 0x10, 3, 0]);
    }

    #[test]
    fn sizes_of_a_groups_heap() {
        let table = links();
        assert_eq!((table.offset_width(), table.first_row_bits()), (4, 11));
        assert_eq!((table.max_rows(), table.direct_rows()), (22, 9));
        assert_eq!([0, 1, 2, 3, 8, 9].map(|r| table.row_size(r)), [512, 512, 1024, 2048, 65536, 131_072]);
        assert_eq!([0, 1, 2, 3].map(|r| table.row_offset(r)), [0, 2048, 4096, 8192]);
        assert_eq!([9, 10].map(|r| table.child_rows(r)), [7, 8]);
    }

    #[test]
    fn every_offset_lies_in_the_block_it_is_located_in() {
        let table = links();
        for offset in (0..1u64 << 32).step_by(65521).chain([511, 512, 2047, 2048, 4095, 4096, (1 << 32) - 1]) {
            let (row, column) = table.locate(offset);
            let start = table.row_offset(row) + u64::from(column) * table.row_size(row);
            assert!(row < table.max_rows() && column < 4, "{offset}");
            assert!(start <= offset && offset - start < table.row_size(row), "{offset}");
        }
    }

    #[test]
    fn an_address_space_of_64_bits() {
        let table = DoublingTable { max_bits: 64, ..links() };
        let (row, column) = table.locate(u64::MAX);
        assert_eq!((row, column), (table.max_rows() - 1, 3));
        assert_eq!(table.row_offset(row), 1 << 63);
    }
}
