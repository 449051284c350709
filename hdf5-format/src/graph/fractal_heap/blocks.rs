//! From offsets of the heap's address space to direct blocks.

use super::{FractalHeap, decode};
use crate::codec::{Address, to_usize};
use crate::error::{Error, Result};
use crate::format::fractal_heap::direct::STRUCTURE as DIRECT;
use crate::format::fractal_heap::indirect::STRUCTURE as INDIRECT;
use crate::format::fractal_heap::{DirectBlock, IndirectBlock};
use crate::graph::allowance::Allowance;
use crate::graph::context::{Block, FileContext};
use crate::graph::visited::Visited;
use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};

/// A direct block found by the offset of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Where it is.
    pub(super) address: Address,
    /// Offset in the heap's address space.
    pub(super) offset: u64,
    /// Bytes, decoded.
    pub(super) size: u64,
    /// Stored bytes and filter mask, in a filtered heap.
    pub(super) filtered: Option<(u64, u32)>,
}

/// An indirect block and where it starts in the heap's address space.
#[derive(Clone, Copy)]
pub(super) struct Table {
    pub(super) address: Address,
    pub(super) offset: u64,
    pub(super) rows: u32,
}

/// Blocks of one heap, each loaded once.
pub(super) struct Blocks<'h, 'c> {
    heap: &'h FractalHeap,
    ctx: &'c FileContext,
    seen: Visited,
    /// By address.
    indirect: BTreeMap<Address, Arc<Result<IndirectBlock>>>,
    /// By offset in the heap's address space.
    direct: BTreeMap<u64, Result<Block<'c>>>,
    /// For blocks and huge objects with filters.
    pub(super) decoding: Allowance,
}

impl Place {
    /// The part of the block that an object takes.
    pub(super) fn range(&self, heap: &FractalHeap, ctx: &FileContext, offset: u64, len: u64) -> Result<Range<usize>> {
        let width = heap.header.table.offset_width();
        let prefix = DirectBlock::prefix_len(ctx.sizes(), width, heap.header.checksums) as u64;
        let start = offset.saturating_sub(self.offset);
        match start.checked_add(len).filter(|&end| start >= prefix && end <= self.size) {
            Some(end) => Ok(to_usize(start)?..to_usize(end)?),
            None => Err(Error::corrupt(
                DIRECT,
                ctx.absolute(self.address),
                alloc::format!("object: expected within {prefix} to {}, found {len} bytes at {start}", self.size),
            )),
        }
    }

    /// Absolute file offset of an object; of the block, if that is filtered.
    pub(super) fn object_offset(&self, ctx: &FileContext, range: &Range<usize>) -> u64 {
        let within = if self.filtered.is_some() { 0 } else { range.start as u64 };
        ctx.absolute(self.address).saturating_add(within)
    }

    /// Bytes in the file.
    fn stored_len(&self) -> u64 {
        self.filtered.map_or(self.size, |(len, _)| len)
    }
}

impl<'h, 'c> Blocks<'h, 'c> {
    pub(super) fn new(heap: &'h FractalHeap, ctx: &'c FileContext) -> Self {
        let decoding = Allowance::for_decoding(ctx);
        Blocks { heap, ctx, seen: Visited::new(), indirect: BTreeMap::new(), direct: BTreeMap::new(), decoding }
    }

    /// The direct block of an offset.
    pub(super) fn place(&mut self, offset: u64) -> Result<Place> {
        let table = &self.heap.header.table;
        let missing = || {
            let at = self.ctx.absolute(self.heap.address);
            Error::corrupt("fractal heap", at, alloc::format!("no block at offset {offset} of the heap"))
        };
        let root = table.root.ok_or_else(missing)?;
        if table.root_rows == 0 {
            if offset >= table.start_block {
                return Err(missing());
            }
            let filtered = self.heap.header.filter.as_ref().map(|f| (f.root_len, f.root_mask));
            return Ok(Place { address: root, offset: 0, size: table.start_block, filtered });
        }
        let mut at = Table { address: root, offset: 0, rows: table.root_rows.into() };
        // Rows shrink on the way down, so this ends.
        loop {
            let (row, column) = table.locate(offset.saturating_sub(at.offset));
            if row >= at.rows {
                return Err(missing());
            }
            let size = table.row_size(row);
            let start = at.offset.saturating_add(table.row_offset(row));
            let start = start.saturating_add(size.saturating_mul(column.into()));
            let index = entry(row, table.width, column);
            let block = self.indirect(at)?;
            let Some(above) = row.checked_sub(table.direct_rows()) else {
                let child = block.direct.get(index).copied().unwrap_or_default();
                let address = child.address.ok_or_else(missing)?;
                return Ok(Place { address, offset: start, size, filtered: child.filtered });
            };
            let address =
                block.indirect.get(entry(above, table.width, column)).copied().flatten().ok_or_else(missing)?;
            let rows = table.child_rows(row);
            if rows == 0 || rows >= at.rows {
                return Err(missing());
            }
            at = Table { address, offset: start, rows };
        }
    }

    /// An indirect block, loaded the first time and kept.
    pub(super) fn indirect(&mut self, at: Table) -> Result<&IndirectBlock> {
        let (heap, ctx, seen) = (self.heap, self.ctx, &mut self.seen);
        let block = self.indirect.entry(at.address).or_insert_with(|| {
            // Who surveys the file wants to know of every block.
            let is_root = ctx.survey().is_none() && heap.header.table.root == Some(at.address);
            match (accept_indirect(heap, ctx, seen, at), is_root) {
                (Err(error), _) => Arc::new(Err(error)),
                (Ok(()), true) => Arc::clone(heap.root.get_or_make(|| Arc::new(load_indirect(heap, ctx, at)))),
                (Ok(()), false) => Arc::new(load_indirect(heap, ctx, at)),
            }
        });
        let block = Result::as_ref(block).map_err(Error::clone)?;
        if block.heap == heap.address && block.offset == at.offset {
            return Ok(block);
        }
        let expected = alloc::format!("expected a block of the heap at {} and offset {}", heap.address, at.offset);
        Err(Error::corrupt(INDIRECT, ctx.absolute(at.address), expected))
    }

    /// Makes sure that a direct block overlaps no block met before.
    pub(super) fn accept(&mut self, place: &Place) -> Result<()> {
        self.seen.accept(place.address, place.stored_len(), DIRECT)
    }

    /// A direct block, decoded and checked.
    pub(super) fn load(&mut self, place: &Place) -> Result<Block<'c>> {
        let (heap, ctx) = (self.heap, self.ctx);
        let stored = ctx.block(place.address, place.stored_len(), DIRECT)?;
        ctx.used(place.address, place.stored_len(), DIRECT)?;
        let at = ctx.absolute(place.address);
        let block = match place.filtered {
            None => stored,
            Some((_, mask)) => {
                self.decoding.take(place.size).map_err(|e| e.within(DIRECT).at(at))?;
                Cow::Owned(decode(heap, at, stored, mask, to_usize(place.size)?)?)
            }
        };
        let width = heap.header.table.offset_width();
        let mut cursor = ctx.cursor(&block, place.address, DIRECT);
        let prefix = DirectBlock::parse(&mut cursor, width, heap.header.checksums)?;
        if prefix.heap != heap.address || prefix.offset != place.offset {
            let expected = alloc::format!("heap {} and offset {}", heap.address, place.offset);
            let found = alloc::format!("heap {} and offset {}", prefix.heap, prefix.offset);
            return Err(cursor.unexpected("block", expected, found));
        }
        heap.checked.insert(heap, place.offset);
        Ok(block)
    }

    /// A direct block, loaded the first time and kept.
    pub(super) fn kept(&mut self, place: &Place) -> Result<&[u8]> {
        if !self.direct.contains_key(&place.offset) {
            let unmet = self.seen.accept(place.address, place.stored_len(), DIRECT);
            let block = unmet.and_then(|()| self.load(place));
            self.direct.insert(place.offset, block);
        }
        match self.direct.get(&place.offset) {
            Some(Ok(block)) => Ok(block),
            Some(Err(error)) => Err(error.clone()),
            None => Ok(&[]),
        }
    }
}

fn indirect_len(heap: &FractalHeap, ctx: &FileContext, at: Table) -> u64 {
    IndirectBlock::encoded_len(ctx.sizes(), &heap.header.table, at.rows, heap.header.filter.is_some()) as u64
}

/// Makes sure that an indirect block overlaps no block met before.
fn accept_indirect(heap: &FractalHeap, ctx: &FileContext, seen: &mut Visited, at: Table) -> Result<()> {
    seen.accept(at.address, indirect_len(heap, ctx, at), INDIRECT)
}

fn load_indirect(heap: &FractalHeap, ctx: &FileContext, at: Table) -> Result<IndirectBlock> {
    let (table, filtered) = (&heap.header.table, heap.header.filter.is_some());
    let len = indirect_len(heap, ctx, at);
    let block = ctx.block(at.address, len, INDIRECT)?;
    ctx.used(at.address, len, INDIRECT)?;
    IndirectBlock::parse(&mut ctx.cursor(&block, at.address, INDIRECT), table, at.rows, filtered)
}

/// Index of a block in a row-by-row list.
pub(super) fn entry(row: u32, width: u16, column: u32) -> usize {
    let index = u64::from(row).saturating_mul(width.into()).saturating_add(column.into());
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// Sets of slots of [`Checked`], a power of two.
const SETS: usize = 32;
/// Slots of a set, of which a block may take any.
const WAYS: usize = 4;
/// From the mixed number of a block to its set.
const SET_SHIFT: u32 = u32::BITS - SETS.trailing_zeros();

/// Direct blocks whose checksums were found right, so that looking up objects one by one does not compute them
/// again. A small table that forgets: each slot holds a block's number and one, or 0.
#[derive(Debug)]
pub(super) struct Checked {
    sets: [[AtomicU32; WAYS]; SETS],
}

impl Checked {
    pub(super) fn new() -> Self {
        Checked { sets: [const { [const { AtomicU32::new(0) }; WAYS] }; SETS] }
    }

    /// Set and mark of the block at an offset; blocks start at multiples of the starting size.
    fn set(&self, heap: &FractalHeap, offset: u64) -> Option<(&[AtomicU32; WAYS], u32)> {
        let number = offset.checked_div(heap.header.table.start_block)?;
        let mark = u32::try_from(number).ok()?.checked_add(1)?;
        // Large blocks are many starting sizes apart: their numbers are mixed.
        let index = mark.wrapping_mul(0x9e37_79b1) >> SET_SHIFT;
        self.sets.get(usize::try_from(index).ok()?).map(|set| (set, mark))
    }

    pub(super) fn contains(&self, heap: &FractalHeap, offset: u64) -> bool {
        let found = self.set(heap, offset);
        found.is_some_and(|(set, mark)| set.iter().any(|slot| slot.load(Ordering::Relaxed) == mark))
    }

    /// Of a full set, the block that came first is forgotten.
    fn insert(&self, heap: &FractalHeap, offset: u64) {
        let Some((set, mark)) = self.set(heap, offset) else { return };
        set.iter().fold(mark, |new, slot| slot.swap(new, Ordering::Relaxed));
    }
}
