//! The free-space manager of a heap: free space read and stored.

use super::HeapEditor;
use super::free::Free;
use super::geometry::{Geometry, Piece};
use crate::codec::Address;
use crate::edit::{Editor, Purpose};
use crate::error::{Error, Result};
use crate::format::free_space::sections::IndirectSection;
use crate::format::free_space::{Client, FreeSpaceHeader, FreeSpaceSections, Section, SectionKind};
use crate::graph::FileContext;
use alloc::vec::Vec;

/// Name in errors.
const HEADER: &str = "free-space manager";
/// Name in errors.
const LIST: &str = "free-space section list";

impl HeapEditor {
    /// What the heap's manager says is free.
    pub(super) fn load_free(&self, ctx: &FileContext) -> Result<Free> {
        let mut free = Free::default();
        let Some(at) = self.header.free_manager else { return Ok(free) };
        let header = load_header(ctx, at)?;
        for section in load_sections(ctx, at, &header)? {
            self.add_section(&mut free, &section).map_err(|e| e.within(LIST).at(ctx.absolute(at)))?;
        }
        free.truncate(&self.geometry, self.used_end());
        free.changed = false;
        Ok(free)
    }

    /// End of the part of the address space that was used before.
    fn used_end(&self) -> u64 {
        match (self.header.table.root, self.header.table.root_rows) {
            (None, _) => 0,
            (Some(_), 0) => self.header.table.start_block,
            (Some(_), rows) => self.header.iterator_offset.min(self.geometry.span(rows.into())),
        }
    }

    fn add_section(&self, free: &mut Free, section: &Section) -> Result<()> {
        let (start, len) = (section.offset, section.size);
        let wrong = || Error::corrupt(LIST, 0, alloc::format!("section of {len} bytes at offset {start} of the heap"));
        let blocks = match section.kind {
            SectionKind::FirstRow(blocks) | SectionKind::Indirect(blocks) => blocks,
            SectionKind::Single => {
                let block = self.geometry.block_at(start);
                let first = block.start.saturating_add(self.geometry.prefix);
                let end = start.checked_add(len).ok_or_else(wrong)?;
                if start < first || end > block.end() || end > self.used_end() {
                    return Err(wrong());
                }
                return free.add_single(start, len);
            }
            _ => return Ok(()),
        };
        let width = u64::from(self.header.table.width);
        let entry = u64::from(blocks.row).saturating_mul(width).saturating_add(blocks.column.into());
        let offset = |entry| blocks.block_offset.checked_add(self.geometry.entry_offset(entry)).ok_or_else(wrong);
        let end = offset(entry.saturating_add(blocks.entries.into()))?;
        let whole = |at: u64| at == self.used_end() || self.geometry.block_at(at).start == at;
        if offset(entry)? != start || end <= start || end > self.used_end() || !whole(start) || !whole(end) {
            return Err(wrong());
        }
        free.add_gap(&self.geometry, start, end);
        Ok(())
    }

    /// Stores what is free, if that changed.
    pub(super) fn store_free(&mut self, editor: &mut Editor) -> Result<()> {
        let Some(free) = self.free.as_mut().filter(|free| free.changed) else { return Ok(()) };
        free.changed = false;
        let old = self.header.free_manager.map(|at| load_header(editor.ctx(), at).map(|header| (at, header)));
        let old = old.transpose()?;
        let list = List::of(free, &self.geometry);
        if list.sections.is_empty() {
            if let Some((at, header)) = old {
                release(editor, at, &header);
            }
            self.header.free_manager = None;
            return Ok(());
        }
        let template = FreeSpaceHeader {
            client: Client::FractalHeap,
            total_space: 0,
            section_count: 0,
            serialised_count: 0,
            ghost_count: 0,
            class_count: 4,
            shrink_percent: 80,
            expand_percent: 120,
            address_bits: self.header.table.max_bits,
            max_section_size: self.header.table.max_direct,
            sections: None,
            sections_used: 0,
            sections_allocated: 0,
        };
        let (at, header) = match old {
            Some(old) => old,
            None => {
                let len = FreeSpaceHeader::encoded_len(editor.ctx().sizes()) as u64;
                (editor.allocate(Purpose::ObjectHeader, len)?, template)
            }
        };
        list.store(editor, at, header)?;
        self.header.free_manager = Some(at);
        Ok(())
    }
}

/// Sections as they are stored.
struct List {
    sections: Vec<Section>,
    /// Sections, those that are not stored included.
    count: u64,
    space: u64,
}

impl List {
    fn of(free: &Free, geometry: &Geometry) -> Self {
        let mut list = List { sections: Vec::new(), count: 0, space: 0 };
        for (offset, size) in free.singles() {
            list.sections.push(Section { offset, size, kind: SectionKind::Single });
            list.count = list.count.saturating_add(1);
            list.space = list.space.saturating_add(size);
        }
        for (start, end) in free.gaps() {
            let pieces = geometry.pieces(start, end);
            // One section for neighbouring entries of one table, those of blocks and those of tables apart.
            let joined =
                |a: &Piece, b: &Piece| a.table == b.table && geometry.is_direct(a.row) == geometry.is_direct(b.row);
            for run in pieces.chunk_by(joined) {
                list.add_run(run, geometry);
            }
        }
        list.sections.sort_by_key(|section| (section.size, section.offset));
        list
    }

    fn add_run(&mut self, run: &[Piece], geometry: &Geometry) {
        let Some(first) = run.first() else { return };
        let short = |n: u64| u16::try_from(n).unwrap_or(u16::MAX);
        let entries = run.iter().fold(0u64, |sum, piece| sum.saturating_add(piece.entries));
        let blocks = IndirectSection {
            block_offset: first.table,
            row: short(first.row.into()),
            column: short(first.column.into()),
            entries: short(entries),
        };
        let size = if geometry.is_direct(first.row) { geometry.room(first.row) } else { geometry.room(0) };
        self.sections.push(Section { offset: first.offset, size, kind: SectionKind::FirstRow(blocks) });
        for piece in run {
            let (count, space) = if geometry.is_direct(piece.row) {
                (1, geometry.room(piece.row))
            } else {
                let rows = geometry.rows_below(geometry.table.child_rows(piece.row));
                (rows.count.saturating_mul(piece.entries), rows.space.saturating_mul(piece.entries))
            };
            self.count = self.count.saturating_add(count);
            self.space = self.space.saturating_add(space);
        }
    }

    /// Writes the manager and its list.
    fn store(self, editor: &mut Editor, at: Address, mut header: FreeSpaceHeader) -> Result<()> {
        let stored = self.sections.len() as u64;
        header.total_space = self.space;
        header.section_count = self.count;
        header.serialised_count = stored;
        header.ghost_count = self.count.saturating_sub(stored);
        header.sections_used = 0;
        let sections = FreeSpaceSections { header: at, sections: self.sections };
        let mut list = editor.block_writer();
        sections.encode(&mut list, &header)?;
        let len = list.position() as u64;
        if header.sections.is_none() || header.sections_allocated != len {
            if let Some(old) = header.sections {
                editor.release(Purpose::LocalHeap, old, header.sections_allocated);
            }
            header.sections = Some(editor.allocate(Purpose::LocalHeap, len)?);
        }
        header.sections_used = len;
        header.sections_allocated = len;
        if let Some(place) = header.sections {
            editor.write_block(place, &list)?;
        }
        let mut writer = editor.block_writer();
        header.encode(&mut writer)?;
        editor.write_block(at, &writer)
    }
}

pub(super) fn load_header(ctx: &FileContext, at: Address) -> Result<FreeSpaceHeader> {
    let block = ctx.block(at, FreeSpaceHeader::encoded_len(ctx.sizes()) as u64, HEADER)?;
    let mut cursor = ctx.cursor(&block, at, HEADER);
    let header = FreeSpaceHeader::parse(&mut cursor)?;
    if header.client != Client::FractalHeap {
        return Err(cursor.unexpected("client", "a fractal heap", "the file"));
    }
    Ok(header)
}

fn load_sections(ctx: &FileContext, at: Address, header: &FreeSpaceHeader) -> Result<Vec<Section>> {
    let Some(list) = header.sections.filter(|_| header.serialised_count > 0) else { return Ok(Vec::new()) };
    ctx.check(list, header.sections_allocated, LIST)?;
    let block = ctx.block(list, header.sections_used, LIST)?;
    let mut cursor = ctx.cursor(&block, list, LIST);
    let sections = FreeSpaceSections::parse(&mut cursor, header)?;
    if sections.header != at {
        return Err(cursor.unexpected("manager address", at, sections.header));
    }
    Ok(sections.sections)
}

/// Gives a manager back with its list.
fn release(editor: &mut Editor, at: Address, header: &FreeSpaceHeader) {
    if let Some(list) = header.sections {
        editor.release(Purpose::LocalHeap, list, header.sections_allocated);
    }
    editor.release(Purpose::ObjectHeader, at, FreeSpaceHeader::encoded_len(editor.ctx().sizes()) as u64);
}
