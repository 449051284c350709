//! The tables of a heap: from offsets to direct blocks, and the blocks' entries.

use super::HeapEditor;
use super::geometry::{Span, index};
use crate::codec::Address;
use crate::edit::{Editor, Purpose};
use crate::error::{Error, ErrorKind, Result};
use crate::format::fractal_heap::indirect::STRUCTURE;
use crate::format::fractal_heap::{DirectEntry, IndirectBlock};
use crate::graph::FileContext;
use alloc::vec::Vec;

/// An indirect block in memory.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) address: Address,
    pub(super) rows: u32,
    pub(super) block: IndirectBlock,
    pub(super) changed: bool,
}

impl Table {
    /// The address in an entry; entries are counted row by row.
    pub(super) fn child(&self, entry: usize) -> Option<Address> {
        match entry.checked_sub(self.block.direct.len()) {
            None => self.block.direct.get(entry).and_then(|entry| entry.address),
            Some(above) => self.block.indirect.get(above).copied().flatten(),
        }
    }

    fn set_table(&mut self, entry: usize, address: Option<Address>) {
        let above = entry.saturating_sub(self.block.direct.len());
        if let Some(child) = self.block.indirect.get_mut(above) {
            *child = address;
            self.changed = true;
        }
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.block.direct.len().saturating_add(self.block.indirect.len())
    }

    /// The last entry of something that exists.
    pub(super) fn last_child(&self) -> Option<usize> {
        (0..self.len()).rev().find(|&entry| self.child(entry).is_some())
    }

    /// Makes it as long as so many rows.
    pub(super) fn resize(&mut self, (direct, indirect): (usize, usize), filtered: bool, rows: u32) {
        self.block.direct.resize(direct, no_block(filtered));
        self.block.indirect.resize(indirect, None);
        self.rows = rows;
        self.changed = true;
    }
}

/// The entry of a direct block that does not exist.
pub(super) fn no_block(filtered: bool) -> DirectEntry {
    DirectEntry { address: None, filtered: filtered.then_some((0, 0)) }
}

/// An entry of a table, or the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Offset of the table; `None`: the root is the direct block itself.
    pub(super) table: Option<u64>,
    pub(super) entry: usize,
    pub(super) span: Span,
}

/// A table that is looked up, or to be made.
#[derive(Clone, Copy)]
struct Descent {
    offset: u64,
    rows: u32,
    address: Address,
}

impl HeapEditor {
    pub(super) fn is_filtered(&self) -> bool {
        self.header.filter.is_some()
    }

    /// Direct entries and entries of tables in a table of so many rows.
    pub(super) fn entries(&self, rows: u32) -> (usize, usize) {
        let direct = rows.min(self.geometry.direct_rows);
        let count = |rows: u32| index(rows).saturating_mul(self.header.table.width.into());
        (count(direct), count(rows.saturating_sub(direct)))
    }

    /// Stored bytes of a table of so many rows.
    pub(super) fn table_len(&self, ctx: &FileContext, rows: u32) -> u64 {
        IndirectBlock::encoded_len(ctx.sizes(), &self.header.table, rows, self.is_filtered()) as u64
    }

    /// The root, if it is a table.
    fn root(&self) -> Option<Descent> {
        let rows = u32::from(self.header.table.root_rows);
        let address = self.header.table.root.filter(|_| rows > 0)?;
        Some(Descent { offset: 0, rows, address })
    }

    /// The table at an offset of the heap; loaded if it is not yet.
    pub(super) fn table(&mut self, ctx: &FileContext, offset: u64, address: Address, rows: u32) -> Result<&mut Table> {
        if !self.tables.contains_key(&offset) {
            let len = self.table_len(ctx, rows);
            let block = ctx.block(address, len, STRUCTURE)?;
            let mut cursor = ctx.cursor(&block, address, STRUCTURE);
            let block = IndirectBlock::parse(&mut cursor, &self.header.table, rows, self.is_filtered())?;
            if block.heap != self.address || block.offset != offset {
                let expected = alloc::format!("heap {} and offset {offset}", self.address);
                return Err(cursor.unexpected(
                    "block",
                    expected,
                    alloc::format!("{} and {}", block.heap, block.offset),
                ));
            }
            self.tables.insert(offset, Table { address, rows, block, changed: false });
        }
        self.loaded_table(offset)
    }

    pub(super) fn loaded_table(&mut self, offset: u64) -> Result<&mut Table> {
        let missing = || Error::new(ErrorKind::Corrupt, "a table of the heap is missing").within(STRUCTURE);
        self.tables.get_mut(&offset).ok_or_else(missing)
    }

    /// The root table.
    pub(super) fn root_table(&mut self, ctx: &FileContext) -> Result<&mut Table> {
        let missing = || Error::new(ErrorKind::Corrupt, "the root of the heap is no table").within(STRUCTURE);
        let root = self.root().ok_or_else(missing)?;
        self.table(ctx, root.offset, root.address, root.rows)
    }

    /// Where the direct block of an offset has its address; `None` if a table on the way does not exist.
    pub(super) fn find(&mut self, ctx: &FileContext, offset: u64) -> Result<Option<Place>> {
        let Some(mut at) = self.root() else {
            let span = Span { start: 0, size: self.header.table.start_block };
            let within = self.header.table.root.is_some() && offset < span.size;
            return Ok(within.then_some(Place { table: None, entry: 0, span }));
        };
        loop {
            let Some((place, rows)) = self.step(ctx, at, offset)? else { return Ok(None) };
            if rows == 0 {
                return Ok(Some(place));
            }
            let Some(address) = self.loaded_table(at.offset)?.child(place.entry) else { return Ok(None) };
            at = Descent { offset: place.span.start, rows, address };
        }
    }

    /// The same; tables on the way that do not exist are made.
    pub(super) fn reach(&mut self, editor: &mut Editor, offset: u64) -> Result<Place> {
        let outside = || Error::new(ErrorKind::Corrupt, "an offset outside of the heap").within(STRUCTURE);
        let mut at = self.root().ok_or_else(outside)?;
        loop {
            let (place, rows) = self.step(editor.ctx(), at, offset)?.ok_or_else(outside)?;
            if rows == 0 {
                return Ok(place);
            }
            let address = match self.loaded_table(at.offset)?.child(place.entry) {
                Some(address) => address,
                None => {
                    let address = self.new_table(editor, place.span.start, rows)?;
                    self.loaded_table(at.offset)?.set_table(place.entry, Some(address));
                    address
                }
            };
            at = Descent { offset: place.span.start, rows, address };
        }
    }

    /// The entry of a table that an offset is in, and the rows of the table that it is the entry of; 0 for a block.
    fn step(&mut self, ctx: &FileContext, at: Descent, offset: u64) -> Result<Option<(Place, u32)>> {
        self.table(ctx, at.offset, at.address, at.rows)?;
        let table = &self.geometry.table;
        let (row, column) = table.locate(offset.saturating_sub(at.offset));
        if row >= at.rows {
            return Ok(None);
        }
        let entry = u64::from(row).saturating_mul(table.width.into()).saturating_add(column.into());
        let start = at.offset.saturating_add(self.geometry.entry_offset(entry));
        let span = Span { start, size: table.row_size(row) };
        let entry = usize::try_from(entry).unwrap_or(usize::MAX);
        let rows = if self.geometry.is_direct(row) { 0 } else { table.child_rows(row) };
        if !self.geometry.is_direct(row) && (rows == 0 || rows >= at.rows) {
            return Ok(None);
        }
        Ok(Some((Place { table: Some(at.offset), entry, span }, rows)))
    }

    /// A table without children.
    pub(super) fn new_table(&mut self, editor: &mut Editor, offset: u64, rows: u32) -> Result<Address> {
        let address = editor.allocate(Purpose::ObjectHeader, self.table_len(editor.ctx(), rows))?;
        let block = IndirectBlock { heap: self.address, offset, direct: Vec::new(), indirect: Vec::new() };
        let mut table = Table { address, rows, block, changed: true };
        table.resize(self.entries(rows), self.is_filtered(), rows);
        self.tables.insert(offset, table);
        Ok(address)
    }

    /// What is said of the direct block at a place.
    pub(super) fn entry(&mut self, place: Place) -> Result<DirectEntry> {
        let Some(table) = place.table else {
            let filtered = self.header.filter.as_ref().map(|filter| (filter.root_len, filter.root_mask));
            return Ok(DirectEntry { address: self.header.table.root, filtered });
        };
        Ok(self.loaded_table(table)?.block.direct.get(place.entry).copied().unwrap_or_default())
    }

    /// Says something else of it.
    pub(super) fn set_entry(&mut self, place: Place, new: DirectEntry) -> Result<()> {
        let Some(table) = place.table else {
            self.header.table.root = new.address;
            if let (Some(filter), Some((len, mask))) = (self.header.filter.as_mut(), new.filtered) {
                (filter.root_len, filter.root_mask) = (len, mask);
            }
            return Ok(());
        };
        let table = self.loaded_table(table)?;
        if let Some(entry) = table.block.direct.get_mut(place.entry) {
            *entry = new;
            table.changed = true;
        }
        Ok(())
    }

    /// Gives up the table at an offset and those above it that have nothing left below them: the entry of the root
    /// that went with them, and whether the root itself did.
    pub(super) fn prune(&mut self, editor: &mut Editor, at: u64) -> Result<()> {
        let mut at = at;
        while self.loaded_table(at)?.last_child().is_none() {
            if let Some(table) = self.tables.remove(&at) {
                let len = self.table_len(editor.ctx(), table.rows);
                editor.release(Purpose::ObjectHeader, table.address, len);
            }
            let Some((parent, entry)) = self.parent(editor.ctx(), at)? else { return Ok(()) };
            self.loaded_table(parent)?.set_table(entry, None);
            at = parent;
        }
        Ok(())
    }

    /// Offset and entry of the table above the one at an offset; `None` for the root.
    fn parent(&mut self, ctx: &FileContext, offset: u64) -> Result<Option<(u64, usize)>> {
        let Some(mut at) = self.root().filter(|_| offset > 0) else { return Ok(None) };
        loop {
            let Some((place, rows)) = self.step(ctx, at, offset)? else { return Ok(None) };
            if rows == 0 || place.span.start == offset {
                return Ok(place.table.map(|table| (table, place.entry)));
            }
            let Some(address) = self.loaded_table(at.offset)?.child(place.entry) else { return Ok(None) };
            at = Descent { offset: place.span.start, rows, address };
        }
    }

    /// End of the last direct block of the heap, one of them left out of account; 0 if there is none.
    pub(super) fn last_end(&mut self, ctx: &FileContext, without: u64) -> Result<u64> {
        let Some(root) = self.root() else { return Ok(0) };
        Ok(self.last_end_below(ctx, root, without)?.unwrap_or(0))
    }

    /// The rows of the tables shrink on the way down, which bounds the recursion; a block of the file is a table at
    /// one offset only, which bounds the work.
    fn last_end_below(&mut self, ctx: &FileContext, at: Descent, without: u64) -> Result<Option<u64>> {
        self.table(ctx, at.offset, at.address, at.rows)?;
        let mut entry = self.loaded_table(at.offset)?.len();
        while let Some(before) = entry.checked_sub(1) {
            entry = before;
            let table = self.loaded_table(at.offset)?;
            let Some(address) = table.child(entry) else { continue };
            let is_block = entry < table.block.direct.len();
            let start = at.offset.saturating_add(self.geometry.entry_offset(entry as u64));
            if is_block {
                let end = at.offset.saturating_add(self.geometry.entry_offset((entry as u64).saturating_add(1)));
                if start != without {
                    return Ok(Some(end));
                }
                continue;
            }
            let width = usize::from(self.header.table.width).max(1);
            let row = u32::try_from(entry.checked_div(width).unwrap_or(0)).unwrap_or(u32::MAX);
            let rows = self.geometry.table.child_rows(row);
            if rows == 0 || rows >= at.rows {
                continue;
            }
            let below = self.last_end_below(ctx, Descent { offset: start, rows, address }, without)?;
            if below.is_some() {
                return Ok(below);
            }
        }
        Ok(None)
    }

    /// Writes all changed tables.
    pub(super) fn flush_tables(&mut self, editor: &mut Editor) -> Result<()> {
        let filtered = self.is_filtered();
        for table in self.tables.values_mut().filter(|table| table.changed) {
            let mut writer = editor.block_writer();
            table.block.encode(&mut writer, &self.header.table, table.rows, filtered)?;
            editor.write_block(table.address, &writer)?;
            table.changed = false;
        }
        Ok(())
    }
}
