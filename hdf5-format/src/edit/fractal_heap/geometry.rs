//! The address space of a heap: blocks, rows and tables at offsets, whether they exist or not.
//!
//! All of it follows from the constants of the doubling table. A range of the address space stands for the blocks that
//! lie in it, so that free blocks are kept as ranges and become rows of tables only when they are stored.

use crate::codec::Sizes;
use crate::error::{Error, ErrorKind, Result};
use crate::format::fractal_heap::header::STRUCTURE;
use crate::format::fractal_heap::{DirectBlock, DoublingTable, FractalHeapHeader};
use alloc::vec::Vec;

/// Largest direct blocks, as libhdf5 has it.
const MAX_DIRECT: u64 = 1 << 31;
/// Offsets of more bits leave no room to reckon with.
const MAX_BITS: u16 = 63;

/// Neighbouring entries of one row of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Offset of the table in the heap.
    pub(super) table: u64,
    pub(super) row: u32,
    pub(super) column: u32,
    pub(super) entries: u64,
    /// Offset of the first entry in the heap.
    pub(super) offset: u64,
}

/// Rows of blocks, as free-space sections count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    /// Rows of direct blocks.
    pub(super) count: u64,
    /// Free bytes of one block of each.
    pub(super) space: u64,
}

/// A direct block of the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) size: u64,
}

impl Span {
    pub(super) fn end(self) -> u64 {
        self.start.saturating_add(self.size)
    }
}

/// What follows from the constants of a heap's header.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    pub(super) table: DoublingTable,
    /// Bytes of a direct block before the first object.
    pub(super) prefix: u64,
    pub(super) max_rows: u32,
    pub(super) direct_rows: u32,
    /// For each row: bytes for objects in each of its blocks, or in all blocks below it.
    room: Vec<u64>,
    /// For each number of rows: what a table with so many holds, with the tables below it.
    below: Vec<Rows>,
}

impl Geometry {
    pub(super) fn new(header: &FractalHeapHeader, sizes: Sizes) -> Result<Self> {
        let table = header.table;
        let prefix = DirectBlock::prefix_len(sizes, table.offset_width(), header.checksums) as u64;
        let (max_rows, direct_rows) = (table.max_rows(), table.direct_rows());
        let room = Vec::new();
        let below = alloc::vec![Rows::default()];
        let mut geometry = Geometry { table, prefix, max_rows, direct_rows, room, below };
        geometry.check(header)?;
        let width = u64::from(table.width);
        for row in 0..max_rows {
            let last = geometry.below.last().copied().unwrap_or_default();
            let (room, rows) = match row.checked_sub(direct_rows) {
                None => {
                    let room = table.row_size(row).saturating_sub(prefix);
                    (room, Rows { count: 1, space: room })
                }
                Some(_) => {
                    let rows = table.child_rows(row);
                    let all = geometry.rows_below(rows);
                    let times = |n: u64| n.saturating_mul(width);
                    (geometry.capacity(rows), Rows { count: times(all.count), space: times(all.space) })
                }
            };
            geometry.room.push(room);
            let count = last.count.saturating_add(rows.count);
            geometry.below.push(Rows { count, space: last.space.saturating_add(rows.space) });
        }
        Ok(geometry)
    }

    fn check(&self, header: &FractalHeapHeader) -> Result<()> {
        let (table, prefix) = (&self.table, self.prefix);
        let largest = self.largest();
        let problem = if table.start_block <= prefix {
            alloc::format!("blocks of {} bytes have no room after the {prefix} of their prefix", table.start_block)
        } else if u64::from(header.max_managed) > largest {
            alloc::format!("managed objects of up to {} bytes, blocks with room for {largest}", header.max_managed)
        } else if table.max_direct > MAX_DIRECT || table.max_bits > MAX_BITS {
            alloc::format!("blocks of {} bytes, offsets of {} bits", table.max_direct, table.max_bits)
        } else if self.max_rows > self.direct_rows && table.child_rows(self.direct_rows) == 0 {
            alloc::format!("tables of {} columns below blocks of {} bytes", table.width, table.max_direct)
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Unsupported, problem)
            .within(STRUCTURE)
            .with_hint("such heaps can be read, not changed"))
    }

    /// Bytes of the largest object that a direct block has room for.
    pub(super) fn largest(&self) -> u64 {
        let last = self.max_rows.min(self.direct_rows).saturating_sub(1);
        self.table.row_size(last).saturating_sub(self.prefix)
    }

    /// Bytes for objects in a block of a row.
    pub(super) fn room(&self, row: u32) -> u64 {
        self.room.get(index(row)).copied().unwrap_or(0)
    }

    /// Bytes for objects below a root of so many rows; 0 rows: in a root that is a direct block.
    pub(super) fn capacity(&self, rows: u32) -> u64 {
        if rows == 0 {
            return self.room(0);
        }
        let sum = self.room.iter().take(index(rows)).fold(0u64, |sum, &room| sum.saturating_add(room));
        sum.saturating_mul(self.table.width.into())
    }

    /// Bytes of the address space below a root of so many rows.
    pub(super) fn span(&self, rows: u32) -> u64 {
        if rows == 0 { self.table.start_block } else { self.table.row_offset(rows) }
    }

    /// Rows of free-space sections in a whole table.
    pub(super) fn rows_below(&self, rows: u32) -> Rows {
        self.below.get(index(rows)).copied().unwrap_or_default()
    }

    /// Bytes of the smallest direct block with room for an object.
    pub(super) fn block_for(&self, len: u64) -> u64 {
        let needed = len.saturating_add(self.prefix).checked_next_power_of_two().unwrap_or(u64::MAX);
        needed.max(self.table.start_block)
    }

    /// First row of direct blocks of a size, which is a power of two.
    pub(super) fn row_of(&self, size: u64) -> u32 {
        let start = self.table.start_block.checked_ilog2().unwrap_or(0);
        match size.checked_ilog2().unwrap_or(0).checked_sub(start) {
            None | Some(0) => 0,
            Some(above) => above.saturating_add(1),
        }
    }

    /// Offset of an entry in its table; entries are counted row by row.
    pub(super) fn entry_offset(&self, entry: u64) -> u64 {
        let width = u64::from(self.table.width).max(1);
        let row = u32::try_from(entry.checked_div(width).unwrap_or(0)).unwrap_or(u32::MAX);
        let column = entry.checked_rem(width).unwrap_or(0);
        self.table.row_offset(row).saturating_add(column.saturating_mul(self.table.row_size(row)))
    }

    /// The direct block that an offset of the heap lies in.
    pub(super) fn block_at(&self, offset: u64) -> Span {
        let mut table = 0u64;
        // The rows of the tables shrink on the way down.
        loop {
            let (row, column) = self.table.locate(offset.saturating_sub(table));
            let entry = u64::from(row).saturating_mul(self.table.width.into()).saturating_add(column.into());
            let start = table.saturating_add(self.entry_offset(entry));
            if self.is_direct(row) {
                return Span { start, size: self.table.row_size(row) };
            }
            table = start;
        }
    }

    /// The blocks in a range of the heap: whole rows of direct blocks and of tables, in order. Blocks that are only
    /// in part in the range are left out.
    pub(super) fn pieces(&self, start: u64, end: u64) -> Vec<Piece> {
        let mut out = Vec::new();
        self.pieces_in(0, start, end, &mut out);
        out
    }

    /// The tables shrink on the way down, which bounds the recursion; only at the ends of the range it goes down.
    fn pieces_in(&self, table: u64, mut start: u64, end: u64, out: &mut Vec<Piece>) {
        while start < end {
            let (row, column) = self.table.locate(start.saturating_sub(table));
            let size = self.table.row_size(row);
            let Some(most) = end.saturating_sub(start).checked_div(size) else { return };
            let entry = u64::from(row).saturating_mul(self.table.width.into()).saturating_add(column.into());
            let offset = table.saturating_add(self.entry_offset(entry));
            if offset == start && most > 0 {
                let entries = most.min(u64::from(self.table.width).saturating_sub(column.into())).max(1);
                out.push(Piece { table, row, column, entries, offset });
                start = start.saturating_add(entries.saturating_mul(size));
                continue;
            }
            let entry_end = offset.saturating_add(size).min(end);
            if !self.is_direct(row) {
                self.pieces_in(offset, start, entry_end, out);
            }
            start = entry_end;
        }
    }

    /// True for rows of direct blocks.
    pub(super) fn is_direct(&self, row: u32) -> bool {
        row < self.direct_rows
    }

    /// Rows of direct blocks in a piece, itself or in the tables below it.
    pub(super) fn direct_rows_of(&self, piece: &Piece) -> core::ops::Range<u32> {
        if self.is_direct(piece.row) {
            piece.row..piece.row.saturating_add(1)
        } else {
            0..self.table.child_rows(piece.row).min(self.direct_rows)
        }
    }

    /// First block of a row of direct blocks in a piece.
    pub(super) fn first_of_row(&self, piece: &Piece, row: u32) -> Option<u64> {
        let rows = self.direct_rows_of(piece);
        let within = if self.is_direct(piece.row) { 0 } else { self.table.row_offset(row) };
        rows.contains(&row).then(|| piece.offset.saturating_add(within))
    }

    /// First direct block of at least a size between two offsets.
    pub(super) fn next_block(&self, start: u64, end: u64, size: u64) -> Option<Span> {
        let least = self.row_of(size);
        self.pieces(start, end).iter().find_map(|piece| {
            let row = self.direct_rows_of(piece).find(|&row| row >= least)?;
            let start = self.first_of_row(piece, row)?;
            Some(Span { start, size: self.table.row_size(row) })
        })
    }
}

pub(super) fn index(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::fractal_heap::Parameters;

    fn geometry(parameters: &Parameters<'_>) -> Geometry {
        Geometry::new(&parameters.header(Sizes::EIGHT).unwrap(), Sizes::EIGHT).unwrap()
    }

    #[test]
    fn a_groups_heap() {
        let geometry = geometry(&Parameters::LINKS);
        assert_eq!(geometry.prefix, 21);
        assert_eq!([0, 1, 2, 8].map(|row| geometry.room(row)), [491, 491, 1003, 65515]);
        assert_eq!([0, 1, 2].map(|rows| geometry.capacity(rows)), [491, 4 * 491, 8 * 491]);
        assert_eq!([0, 1, 2, 4].map(|rows| geometry.span(rows)), [512, 2048, 4096, 16384]);
        // The blocks of row 9 are tables of seven rows.
        assert_eq!(geometry.room(9), geometry.capacity(7));
        assert_eq!([1, 491, 492, 4096].map(|len| geometry.block_for(len)), [512, 512, 1024, 8192]);
        assert_eq!([512, 1024, 2048].map(|size| geometry.row_of(size)), [0, 2, 3]);
        assert_eq!(geometry.rows_below(9).count, 9);
        assert_eq!(geometry.rows_below(10).count, 9 + 4 * 7);
        assert_eq!(geometry.largest(), 65515);
    }

    #[test]
    fn pieces_cover_a_range_once_and_in_order() {
        let parameters = Parameters { start_block: 64, max_direct: 256, max_managed: 64, ..Parameters::LINKS };
        let geometry = geometry(&parameters);
        let mut boundaries = alloc::vec![0];
        while boundaries.len() < 400 {
            let block = geometry.block_at(*boundaries.last().unwrap());
            assert_eq!(block.start, *boundaries.last().unwrap());
            assert_eq!(geometry.block_at(block.end() - 1), block);
            boundaries.push(block.end());
        }
        for (low, &start) in boundaries.iter().enumerate().step_by(7) {
            for &end in boundaries[low..].iter().step_by(5) {
                let mut at = start;
                for piece in geometry.pieces(start, end) {
                    assert_eq!(piece.offset, at);
                    assert!(piece.column + piece.entries as u32 <= 4);
                    at += piece.entries * geometry.table.row_size(piece.row);
                }
                assert_eq!(at, end);
                for size in [64, 128, 256] {
                    let found = geometry.next_block(start, end, size);
                    let expected = boundaries[low..].iter().map(|&at| geometry.block_at(at));
                    let expected = expected.take_while(|b| b.end() <= end).find(|b| b.size >= size);
                    assert_eq!(found, expected, "{size} from {start} to {end}");
                }
            }
        }
        // Blocks cut by the range are left out.
        assert_eq!(geometry.pieces(1, 63), []);
        assert_eq!(geometry.pieces(1, 128).len(), 1);
    }

    #[test]
    fn tables_of_one_column_and_wide_spaces() {
        let parameters = Parameters { width: 1, max_bits: 63, id_len: 12, ..Parameters::LINKS };
        let geometry = geometry(&parameters);
        assert_eq!(geometry.span(geometry.max_rows), 1 << 63);
        let all = geometry.pieces(512, (1 << 63) - 512);
        assert!(all.len() < 4000, "{}", all.len());
        assert_eq!(geometry.block_at((1 << 63) - 1).end(), 1 << 63);
    }

    #[test]
    fn refuses_what_it_can_not_reckon_with() {
        let refused = |change: fn(&mut FractalHeapHeader)| {
            let mut header = Parameters::LINKS.header(Sizes::EIGHT).unwrap();
            change(&mut header);
            assert_eq!(Geometry::new(&header, Sizes::EIGHT).unwrap_err().kind(), ErrorKind::Unsupported);
        };
        refused(|h| h.table.start_block = 16);
        refused(|h| h.max_managed = 65516);
        refused(|h| h.table.max_direct = 1 << 32);
        refused(|h| h.table.max_bits = 64);
        refused(|h| h.table.width = 1 << 10);
    }
}
