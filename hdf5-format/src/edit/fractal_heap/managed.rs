//! Managed objects: room for them in direct blocks, and what becomes of blocks without objects.

use super::HeapEditor;
use super::free::Free;
use super::geometry::Span;
use super::tables::Place;
use crate::codec::to_usize;
use crate::edit::{Editor, Purpose};
use crate::error::{Error, ErrorKind, Result};
use crate::format::fractal_heap::direct::STRUCTURE;
use crate::format::fractal_heap::header::STRUCTURE as HEADER;
use crate::format::fractal_heap::{DirectEntry, HeapId};
use crate::graph::FileContext;
use alloc::vec::Vec;
use core::ops::Range;

impl HeapEditor {
    pub(super) fn insert_managed(&mut self, editor: &mut Editor, object: &[u8]) -> Result<Vec<u8>> {
        let len = object.len() as u64;
        self.make_room(editor)?;
        let offset = self.room_for(editor, len)?;
        self.managed_mut(editor.ctx(), offset, len)?.copy_from_slice(object);
        self.free(editor.ctx())?.carve(offset, len);
        self.header.managed_objects = self.header.managed_objects.saturating_add(1);
        self.header.free_space = self.header.free_space.saturating_sub(len);
        self.encode_id(editor, HeapId::Managed { offset, len })
    }

    /// The object at an offset.
    pub(super) fn managed(&mut self, ctx: &FileContext, offset: u64, len: u64) -> Result<&[u8]> {
        let prefix = self.geometry.prefix;
        let at = ctx.absolute(self.address);
        let (span, block) = self.block(ctx, offset)?;
        let range = within(span, prefix, offset, len).map_err(|e| e.at(at))?;
        Ok(block.bytes.get(range).unwrap_or(&[]))
    }

    /// The place of an object, to be overwritten.
    pub(super) fn managed_mut(&mut self, ctx: &FileContext, offset: u64, len: u64) -> Result<&mut [u8]> {
        let prefix = self.geometry.prefix;
        let at = ctx.absolute(self.address);
        let (span, _) = self.block(ctx, offset)?;
        let range = within(span, prefix, offset, len).map_err(|e| e.at(at))?;
        self.changed.insert(span.start);
        Ok(self.blocks.get_mut(&span.start).map_or(&mut [], |block| block.part_mut(range)))
    }

    /// The free space, read if it is not yet.
    pub(super) fn free(&mut self, ctx: &FileContext) -> Result<&mut Free> {
        if self.free.is_none() {
            self.free = Some(self.load_free(ctx)?);
        }
        Ok(self.free.get_or_insert_default())
    }

    /// A free stretch with room: its offset.
    fn room_for(&mut self, editor: &mut Editor, len: u64) -> Result<u64> {
        self.free(editor.ctx())?;
        let free = self.free.get_or_insert_default();
        let single = free.best_single(len);
        let block = free.best_block(&self.geometry, len);
        match (single, block) {
            // The smallest that will do.
            (Some((start, len)), None) => self.check_single(editor.ctx(), start, len),
            (Some((start, len)), Some((_, row))) if len <= self.geometry.room(row) => {
                self.check_single(editor.ctx(), start, len)
            }
            (_, Some((block, _))) => {
                let place = self.reach(editor, block.start)?;
                self.settle(editor, place)
            }
            (None, None) => self.append(editor, len),
        }
    }

    /// A free stretch must lie in a block that exists.
    fn check_single(&mut self, ctx: &FileContext, start: u64, len: u64) -> Result<u64> {
        self.managed(ctx, start, len)?;
        Ok(start)
    }

    /// Makes the block of a place, all of it free: the offset of its first byte for objects.
    fn settle(&mut self, editor: &mut Editor, place: Place) -> Result<u64> {
        if self.entry(place)?.address.is_some() {
            let text = alloc::format!("the block at offset {} exists, but is listed as free", place.span.start);
            return Err(Error::new(ErrorKind::Corrupt, text).within("fractal heap free space"));
        }
        self.new_block(editor, place)?;
        let prefix = self.geometry.prefix;
        let start = place.span.start.saturating_add(prefix);
        let free = self.free.get_or_insert_default();
        free.take_block(&self.geometry, place.span);
        free.add_single(start, place.span.size.saturating_sub(prefix))?;
        Ok(start)
    }

    /// The next new block with room: the offset of its first byte for objects.
    fn append(&mut self, editor: &mut Editor, len: u64) -> Result<u64> {
        let size = self.geometry.block_for(len);
        if size > self.geometry.table.max_direct {
            return Err(Error::unsupported(alloc::format!("{len} bytes are too many for a block")).within(HEADER));
        }
        if self.header.table.root.is_none() && size == self.header.table.start_block {
            self.header.table.root_rows = 0;
            self.header.managed_space = size;
            self.header.free_space = self.header.free_space.saturating_add(self.geometry.capacity(0));
            let span = Span { start: 0, size };
            return self.settle(editor, Place { table: None, entry: 0, span });
        }
        if self.header.table.root_rows == 0 {
            self.plant(editor, size)?;
        }
        let mut start = self.header.iterator_offset;
        loop {
            let rows = u32::from(self.header.table.root_rows);
            let Some(block) = self.geometry.next_block(start, self.geometry.span(rows), size) else {
                self.grow(editor, size)?;
                continue;
            };
            let place = self.reach(editor, block.start)?;
            if self.entry(place)?.address.is_some() {
                // Another writer's offset: what is behind it is not tracked.
                start = self.last_end(editor.ctx(), u64::MAX)?.max(block.end());
                continue;
            }
            self.free.get_or_insert_default().add_gap(&self.geometry, start, block.start);
            self.header.iterator_offset = block.end();
            return self.settle(editor, place);
        }
    }

    /// The root becomes a table; a block that was the root is its first entry.
    fn plant(&mut self, editor: &mut Editor, size: u64) -> Result<()> {
        let least = match self.header.table.start_rows {
            0 => self.geometry.max_rows,
            rows => u32::from(rows),
        };
        let rows = least.max(self.geometry.row_of(size).saturating_add(1)).min(self.geometry.max_rows);
        let stored_rows = self.check_rows(editor, rows)?;
        let whole = Span { start: 0, size: self.header.table.start_block };
        let first = self.entry(Place { table: None, entry: 0, span: whole })?;
        let address = self.new_table(editor, 0, rows)?;
        self.header.table.root = Some(address);
        self.header.table.root_rows = stored_rows;
        if let Some(filter) = self.header.filter.as_mut() {
            (filter.root_len, filter.root_mask) = (0, 0);
        }
        let had = first.address.is_some();
        if had {
            self.set_entry(Place { table: Some(0), entry: 0, span: whole }, first)?;
        }
        self.header.iterator_offset = if had { whole.size } else { 0 };
        self.header.managed_space = self.geometry.span(rows);
        let before = if had { self.geometry.capacity(0) } else { 0 };
        let more = self.geometry.capacity(rows).saturating_sub(before);
        self.header.free_space = self.header.free_space.saturating_add(more);
        Ok(())
    }

    /// The root table gets more rows: twice as many, or as many as a block of some size needs.
    fn grow(&mut self, editor: &mut Editor, size: u64) -> Result<()> {
        let rows = u32::from(self.header.table.root_rows);
        if rows >= self.geometry.max_rows {
            let text = alloc::format!("no room for another block of {size} bytes in a heap of {rows} rows");
            return Err(Error::new(ErrorKind::Limit, text).within(HEADER));
        }
        let needed = self.geometry.row_of(size).saturating_add(1);
        self.resize_root(editor, needed.max(rows.saturating_mul(2)).min(self.geometry.max_rows))
    }

    /// The numbers that a root of so many rows makes must fit the file's widths.
    fn check_rows(&self, editor: &Editor, rows: u32) -> Result<u16> {
        let mut writer = editor.writer();
        writer.length(self.geometry.span(rows)).map_err(|e| e.within(HEADER))?;
        u16::try_from(rows).map_err(|_| Error::new(ErrorKind::Limit, "rows of the root").within(HEADER))
    }

    fn resize_root(&mut self, editor: &mut Editor, rows: u32) -> Result<()> {
        let stored_rows = self.check_rows(editor, rows)?;
        let (entries, filtered) = (self.entries(rows), self.is_filtered());
        let old_len = self.table_len(editor.ctx(), self.header.table.root_rows.into());
        let new_len = self.table_len(editor.ctx(), rows);
        let old = self.root_table(editor.ctx())?.address;
        let new = editor.allocate(Purpose::ObjectHeader, new_len)?;
        editor.release(Purpose::ObjectHeader, old, old_len);
        let table = self.loaded_table(0)?;
        table.address = new;
        table.resize(entries, filtered, rows);
        let old_rows = u32::from(self.header.table.root_rows);
        self.header.table.root = Some(new);
        self.header.table.root_rows = stored_rows;
        self.header.managed_space = self.geometry.span(rows);
        let (before, after) = (self.geometry.capacity(old_rows), self.geometry.capacity(rows));
        self.header.free_space = self.header.free_space.saturating_add(after).saturating_sub(before);
        Ok(())
    }

    pub(super) fn remove_managed(&mut self, editor: &mut Editor, offset: u64, len: u64) -> Result<()> {
        let at = editor.ctx().absolute(self.address);
        let (place, entry) = self.existing(editor.ctx(), offset)?;
        within(place.span, self.geometry.prefix, offset, len).map_err(|e| e.at(at))?;
        let (start, joined) = self.free(editor.ctx())?.joined(offset, len).map_err(|e| e.at(at))?;
        let empty = joined == place.span.size.saturating_sub(self.geometry.prefix);
        let is_last = place.table.is_some() && place.span.end() == self.header.iterator_offset;
        let iterator = match empty && is_last {
            true => Some(self.last_end(editor.ctx(), place.span.start)?),
            false => None,
        };
        self.free.get_or_insert_default().add_single(offset, len)?;
        self.header.managed_objects = self.header.managed_objects.saturating_sub(1);
        self.header.free_space = self.header.free_space.saturating_add(len);
        if empty {
            self.free.get_or_insert_default().remove_single(start);
            self.give_up(editor, place, entry, iterator)?;
        }
        Ok(())
    }

    /// A block without objects goes, and what is not needed without it.
    fn give_up(&mut self, editor: &mut Editor, place: Place, entry: DirectEntry, iterator: Option<u64>) -> Result<()> {
        let Some(table) = place.table else {
            self.drop_block(editor, place, entry)?;
            self.become_empty();
            return Ok(());
        };
        let last_before = self.root_table(editor.ctx())?.last_child();
        self.drop_block(editor, place, entry)?;
        self.prune(editor, table)?;
        if !self.tables.contains_key(&0) {
            self.become_empty();
            return Ok(());
        }
        let free = self.free.get_or_insert_default();
        free.add_gap(&self.geometry, place.span.start, place.span.end());
        if let Some(iterator) = iterator {
            self.header.iterator_offset = iterator;
            free.truncate(&self.geometry, iterator);
        }
        match self.root_table(editor.ctx())?.last_child() {
            Some(0) => self.revert(editor),
            Some(last) if Some(last) != last_before => self.shrink(editor, last),
            _ => Ok(()),
        }
    }

    /// A heap without managed objects has no blocks.
    fn become_empty(&mut self) {
        let header = &mut self.header;
        header.table.root = None;
        header.table.root_rows = 0;
        header.managed_space = 0;
        header.allocated_space = 0;
        header.iterator_offset = 0;
        header.free_space = 0;
        if let Some(filter) = header.filter.as_mut() {
            (filter.root_len, filter.root_mask) = (0, 0);
        }
        self.free.get_or_insert_default().truncate(&self.geometry, 0);
    }

    /// The first block alone is the root.
    fn revert(&mut self, editor: &mut Editor) -> Result<()> {
        let whole = Span { start: 0, size: self.header.table.start_block };
        let first = self.entry(Place { table: Some(0), entry: 0, span: whole })?;
        let rows = u32::from(self.header.table.root_rows);
        let len = self.table_len(editor.ctx(), rows);
        if let Some(table) = self.tables.remove(&0) {
            editor.release(Purpose::ObjectHeader, table.address, len);
        }
        self.header.table.root_rows = 0;
        self.set_entry(Place { table: None, entry: 0, span: whole }, first)?;
        self.header.iterator_offset = whole.size;
        self.header.managed_space = whole.size;
        let less = self.geometry.capacity(rows).saturating_sub(self.geometry.capacity(0));
        self.header.free_space = self.header.free_space.saturating_sub(less);
        self.free.get_or_insert_default().truncate(&self.geometry, whole.size);
        Ok(())
    }

    /// The root table loses rows at its end if the last child is in its first half.
    fn shrink(&mut self, editor: &mut Editor, last: usize) -> Result<()> {
        let rows = u32::from(self.header.table.root_rows);
        let row = last.checked_div(usize::from(self.header.table.width)).unwrap_or(0);
        let row = u32::try_from(row).unwrap_or(u32::MAX);
        let needed = 2u32.checked_shl(row.checked_ilog2().unwrap_or(0)).unwrap_or(u32::MAX);
        if self.header.table.start_rows == 0 || row > rows / 2 || needed >= rows {
            return Ok(());
        }
        self.resize_root(editor, needed)
    }
}

/// The part of a block that an object takes.
fn within(span: Span, prefix: u64, offset: u64, len: u64) -> Result<Range<usize>> {
    let start = offset.saturating_sub(span.start);
    match start.checked_add(len).filter(|&end| start >= prefix && end <= span.size && len > 0) {
        Some(end) => Ok(to_usize(start)?..to_usize(end)?),
        None => {
            let text =
                alloc::format!("object: expected within {prefix} to {}, found {len} bytes at {start}", span.size);
            Err(Error::new(ErrorKind::Corrupt, text).within(STRUCTURE))
        }
    }
}
