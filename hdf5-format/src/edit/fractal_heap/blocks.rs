//! The direct blocks of a heap.

use super::HeapEditor;
use super::geometry::Span;
use super::tables::{Place, no_block};
use crate::codec::checksum::lookup3;
use crate::codec::{Address, to_usize};
use crate::edit::{Editor, Purpose, Sum};
use crate::error::{Error, Result};
use crate::format::fractal_heap::direct::STRUCTURE;
use crate::format::fractal_heap::{DirectBlock, DirectEntry};
use crate::graph::FileContext;
use alloc::vec::Vec;
use core::ops::Range;

/// Bytes of blocks that are kept in memory.
const KEPT: u64 = 4 << 20;

/// A direct block in memory, decoded; its checksum is made when it is written.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    pub(super) bytes: Vec<u8>,
    /// What was changed.
    changed: Range<usize>,
}

impl Direct {
    /// A part of it, to be changed.
    pub(super) fn part_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.changed = match self.changed.is_empty() {
            true => range.clone(),
            false => self.changed.start.min(range.start)..self.changed.end.max(range.end),
        };
        self.bytes.get_mut(range).unwrap_or(&mut [])
    }
}

impl HeapEditor {
    /// Bytes that a block takes in the file.
    pub(super) fn stored_len(span: Span, entry: DirectEntry) -> u64 {
        entry.filtered.map_or(span.size, |(len, _)| len)
    }

    /// The place of a block that exists.
    pub(super) fn existing(&mut self, ctx: &FileContext, offset: u64) -> Result<(Place, DirectEntry)> {
        if let Some(place) = self.find(ctx, offset)? {
            let entry = self.entry(place)?;
            if entry.address.is_some() {
                return Ok((place, entry));
            }
        }
        let at = ctx.absolute(self.address);
        Err(Error::corrupt("fractal heap", at, alloc::format!("no block at offset {offset} of the heap")))
    }

    /// The block of an offset, loaded if it is not yet.
    pub(super) fn block(&mut self, ctx: &FileContext, offset: u64) -> Result<(Span, &mut Direct)> {
        let (place, entry) = self.existing(ctx, offset)?;
        let (start, size) = (place.span.start, place.span.size);
        if !self.blocks.contains_key(&start) {
            if self.block_bytes > KEPT {
                self.forget_unchanged();
            }
            let bytes = self.load_block(ctx, place.span, entry)?;
            self.blocks.insert(start, Direct { bytes, changed: 0..0 });
            self.block_bytes = self.block_bytes.saturating_add(size);
        }
        let missing = || Error::corrupt(STRUCTURE, ctx.absolute(self.address), "a block is missing");
        self.blocks.get_mut(&start).map(|block| (place.span, block)).ok_or_else(missing)
    }

    fn load_block(&mut self, ctx: &FileContext, span: Span, entry: DirectEntry) -> Result<Vec<u8>> {
        let missing = || Error::corrupt(STRUCTURE, ctx.absolute(self.address), "a block without an address");
        let address = entry.address.ok_or_else(missing)?;
        let stored = ctx.block(address, Self::stored_len(span, entry), STRUCTURE)?;
        let at = ctx.absolute(address);
        let bytes = match (entry.filtered, &self.pipeline) {
            (Some((_, mask)), Some(pipeline)) => {
                pipeline.decode(stored, mask, to_usize(span.size)?).map_err(|e| e.within(STRUCTURE).at(at))?
            }
            _ => stored.into_owned(),
        };
        let mut cursor = ctx.cursor(&bytes, address, STRUCTURE);
        let prefix = DirectBlock::parse(&mut cursor, self.ids.offset_width, self.header.checksums)?;
        if prefix.heap == self.address && prefix.offset == span.start {
            return Ok(bytes);
        }
        let expected = alloc::format!("heap {} and offset {}", self.address, span.start);
        Err(cursor.unexpected("block", expected, alloc::format!("{} and {}", prefix.heap, prefix.offset)))
    }

    /// A block at a place that has none.
    pub(super) fn new_block(&mut self, editor: &mut Editor, place: Place) -> Result<()> {
        let Span { start, size } = place.span;
        let mut writer = editor.writer();
        let prefix = DirectBlock { heap: self.address, offset: start };
        prefix.encode(&mut writer, self.ids.offset_width, self.header.checksums, &[], to_usize(size)?)?;
        let address = editor.allocate(Purpose::LocalHeap, size)?;
        let filtered = self.is_filtered().then_some((size, 0));
        self.set_entry(place, DirectEntry { address: Some(address), filtered })?;
        let bytes = writer.into_bytes();
        let changed = 0..bytes.len();
        self.blocks.insert(start, Direct { bytes, changed });
        self.changed.insert(start);
        self.block_bytes = self.block_bytes.saturating_add(size);
        self.header.allocated_space = self.header.allocated_space.saturating_add(size);
        Ok(())
    }

    /// Gives a block up.
    pub(super) fn drop_block(&mut self, editor: &mut Editor, place: Place, entry: DirectEntry) -> Result<()> {
        if let Some(address) = entry.address {
            editor.release(Purpose::LocalHeap, address, Self::stored_len(place.span, entry));
        }
        if self.blocks.remove(&place.span.start).is_some() {
            self.block_bytes = self.block_bytes.saturating_sub(place.span.size);
        }
        self.header.allocated_space = self.header.allocated_space.saturating_sub(place.span.size);
        self.set_entry(place, no_block(self.is_filtered()))
    }

    /// Keeps the memory for blocks bounded: those that were changed are written first.
    pub(super) fn make_room(&mut self, editor: &mut Editor) -> Result<()> {
        if self.block_bytes > KEPT {
            self.flush_blocks(editor)?;
            self.forget_unchanged();
        }
        Ok(())
    }

    fn forget_unchanged(&mut self) {
        self.blocks.retain(|_, block| !block.changed.is_empty());
        let left = self.blocks.values().map(|block| block.bytes.len() as u64);
        self.block_bytes = left.fold(0, u64::saturating_add);
    }

    /// Writes all changed blocks.
    pub(super) fn flush_blocks(&mut self, editor: &mut Editor) -> Result<()> {
        core::mem::take(&mut self.changed).into_iter().try_for_each(|start| self.flush_block(editor, start))
    }

    fn flush_block(&mut self, editor: &mut Editor, start: u64) -> Result<()> {
        if !self.blocks.contains_key(&start) {
            return Ok(());
        }
        let (place, mut entry) = self.existing(editor.ctx(), start)?;
        let Some(block) = self.blocks.get_mut(&start) else { return Ok(()) };
        let changed = core::mem::take(&mut block.changed);
        // The last field of the prefix.
        let sum = self.header.checksums.then_some(to_usize(self.geometry.prefix)?.saturating_sub(4));
        let Some(pipeline) = &self.pipeline else {
            return write_plain(editor, entry.address, &block.bytes, changed, sum);
        };
        if let Some(at) = sum {
            // Zeros in its own sum.
            let place = at..at.saturating_add(4);
            block.bytes.get_mut(place.clone()).unwrap_or(&mut []).fill(0);
            let sum = lookup3(&block.bytes, 0).to_le_bytes();
            if let Some(place) = block.bytes.get_mut(place) {
                place.copy_from_slice(&sum);
            }
        }
        let encoded = pipeline.encode(&block.bytes, &mut self.scratch)?;
        if let Some(address) = entry.address {
            let (old, new) = (Self::stored_len(place.span, entry), encoded.bytes.len() as u64);
            if old != new {
                entry.address = Some(editor.allocate(Purpose::LocalHeap, new)?);
                editor.release(Purpose::LocalHeap, address, old);
            }
            entry.filtered = Some((new, encoded.mask));
            self.set_entry(place, entry)?;
        }
        entry.address.map_or(Ok(()), |address| editor.write(address, &encoded.bytes))
    }
}

/// Writes a block that is stored as it is: what was changed of it, if the rest is in memory anyway.
fn write_plain(
    editor: &mut Editor,
    address: Option<Address>,
    block: &[u8],
    changed: Range<usize>,
    sum_at: Option<usize>,
) -> Result<()> {
    let Some(address) = address else { return Ok(()) };
    let Some(at) = sum_at else { return editor.write(address, block) };
    let part = block.get(changed.clone()).unwrap_or(&[]);
    if editor.patch_unsealed(address, changed.start, part) {
        return Ok(());
    }
    editor.write_unsealed(address, block, Sum::Whole(at))
}
