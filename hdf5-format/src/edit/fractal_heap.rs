//! Fractal heaps: objects put in, overwritten and taken out.
//!
//! ```text
//! object   larger than the managed ones ──► huge: raw data of its own, found by address or through a B-tree
//!          fits an id                   ──► tiny: in its id
//!          else                         ──► managed: the smallest free stretch of a direct block that has room;
//!                                           the smallest block that was given up, made again; the next new block
//! ```
//! Managed objects never move: an offset in the heap's address space is their id. Blocks that become empty are given
//! up, with the tables above them, and the root becomes smaller when the blocks behind the last one allow it. What is
//! free is kept by the heap's own free-space manager. The rules and the numbers in the header are those of libhdf5, so
//! that it can go on with the heap.
//!
//! A [`HeapEditor`] has blocks and free space in memory. [`change`] takes it from the [`Editor`], which keeps it from
//! change to change; readers of [`graph`](crate::graph) see everything but the list of what is free and the counts in the
//! header, which none of them needs: those are written at [`Editor::settle`], once for all changes.

mod blocks;
mod delete;
mod free;
mod geometry;
mod huge;
mod managed;
mod manager;
mod tables;

use super::kept::Keep;
use super::{Editor, Purpose};
use crate::codec::{Address, Cursor, Sizes};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Pipeline, Registry, Scratch};
use crate::format::fractal_heap::header::STRUCTURE as HEADER;
use crate::format::fractal_heap::heap_id::STRUCTURE as ID;
use crate::format::fractal_heap::{DirectEntry, DoublingTable, FractalHeapHeader, HeapFilter, HeapId, IdForm};
use crate::format::message::filter_pipeline::FilterPipeline;
use crate::graph::FileContext;
use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use blocks::Direct;
use free::Free;
use geometry::Geometry;
use tables::Table;

pub(crate) use delete::delete;

/// Bytes of memory that a stretch of free space takes.
const FREE_MEMORY: usize = 96;

/// What a new heap is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters<'a> {
    /// Bytes of an id.
    pub(crate) id_len: u16,
    /// Bytes of the largest managed object.
    pub(crate) max_managed: u32,
    /// Whether direct blocks have checksums.
    pub(crate) checksums: bool,
    /// Blocks in a row.
    pub(crate) width: u16,
    /// Bytes of the smallest blocks.
    pub(crate) start_block: u64,
    /// Bytes of the largest direct blocks.
    pub(crate) max_direct: u64,
    /// Bits of offsets.
    pub(crate) max_bits: u16,
    /// Least rows of a root that is a table; 0 for all.
    pub(crate) start_rows: u16,
    /// Filters of blocks and huge objects: the body of a filter pipeline message, or nothing.
    pub(crate) pipeline: &'a [u8],
}

impl Parameters<'_> {
    /// Those of the links of a group.
    pub(crate) const LINKS: Parameters<'static> = Parameters {
        id_len: 7,
        max_managed: 4096,
        checksums: true,
        width: 4,
        start_block: 512,
        max_direct: 65536,
        max_bits: 32,
        start_rows: 1,
        pipeline: &[],
    };
    /// Those of the attributes of an object, and of messages shared between headers.
    pub(crate) const ATTRIBUTES: Parameters<'static> =
        Parameters { id_len: 8, start_block: 1024, max_bits: 40, ..Self::LINKS };

    /// The header of an empty heap.
    fn header(&self, sizes: Sizes) -> Result<FractalHeapHeader> {
        let table = DoublingTable {
            width: self.width,
            start_block: self.start_block,
            max_direct: self.max_direct,
            max_bits: self.max_bits,
            start_rows: self.start_rows,
            root: None,
            root_rows: 0,
        };
        let pipeline = self.pipeline.to_vec();
        let filter = (!pipeline.is_empty()).then_some(HeapFilter { root_len: 0, root_mask: 0, pipeline });
        let header = FractalHeapHeader {
            id_len: self.id_len,
            huge_ids_wrapped: false,
            checksums: self.checksums,
            max_managed: self.max_managed,
            next_huge_id: 0,
            huge_btree: None,
            free_space: 0,
            free_manager: None,
            managed_space: 0,
            allocated_space: 0,
            iterator_offset: 0,
            managed_objects: 0,
            huge_bytes: 0,
            huge_objects: 0,
            tiny_bytes: 0,
            tiny_objects: 0,
            table,
            filter,
        };
        let form = IdForm::new(&header, sizes);
        let least = form.offset_width.saturating_add(form.length_width).saturating_add(1);
        if usize::from(self.id_len) < least || self.id_len > 4096 {
            let text = alloc::format!("ids of {} bytes: expected {least} to 4096", self.id_len);
            return Err(Error::new(ErrorKind::Invalid, text).within(HEADER));
        }
        Ok(header)
    }
}

/// A new, empty heap: the address of its header.
///
/// # Errors
/// The parameters do not suit each other, or there is no room in the file.
pub(crate) fn create(editor: &mut Editor, parameters: &Parameters<'_>) -> Result<Address> {
    let sizes = editor.ctx().sizes();
    let header = parameters.header(sizes)?;
    Geometry::new(&header, sizes)?;
    let mut writer = editor.writer();
    header.encode(&mut writer)?;
    // What can not be read again is not written.
    FractalHeapHeader::parse(&mut Cursor::new(writer.as_slice(), 0, HEADER, sizes))?;
    editor.place(Purpose::ObjectHeader, writer.as_slice())
}

/// Changes a heap: what `work` does, and the blocks that it changed are written.
///
/// # Errors
/// Those of `work`; there is no room in the file, a number does not fit the file's widths, a filter fails.
pub(crate) fn change<R>(
    editor: &mut Editor,
    address: Address,
    work: impl FnOnce(&mut Editor, &mut HeapEditor) -> Result<R>,
) -> Result<R> {
    let mut heap = HeapEditor::take(editor, address)?;
    let owes = heap.owes();
    let done = work(editor, &mut heap).and_then(|done| heap.flush(editor).map(|()| done));
    match done {
        Ok(_) => heap.keep(editor)?,
        // With it goes what an earlier change put off.
        Err(_) if owes => editor.changed(),
        Err(_) => {}
    }
    done
}

/// Looks into a heap: `work` changes nothing of it.
///
/// # Errors
/// Those of `work`, or the heap's header is damaged.
pub(crate) fn look<R>(
    editor: &mut Editor,
    address: Address,
    work: impl FnOnce(&mut Editor, &mut HeapEditor) -> Result<R>,
) -> Result<R> {
    let mut heap = HeapEditor::take(editor, address)?;
    let found = work(editor, &mut heap);
    heap.keep(editor)?;
    found
}

/// A heap while it is changed.
pub(crate) struct HeapEditor {
    address: Address,
    header: FractalHeapHeader,
    /// As it is stored.
    old: FractalHeapHeader,
    geometry: Geometry,
    ids: IdForm,
    pipeline: Option<Pipeline>,
    scratch: Scratch,
    /// Read when it is first needed.
    free: Option<Free>,
    /// Indirect blocks by their offset in the heap.
    tables: BTreeMap<u64, Table>,
    /// Direct blocks by their offset in the heap.
    blocks: BTreeMap<u64, Direct>,
    /// Those that were changed.
    changed: BTreeSet<u64>,
    /// Bytes of all.
    block_bytes: u64,
}

impl HeapEditor {
    /// Opens the heap whose header is at an address.
    ///
    /// # Errors
    /// The header is damaged, or the heap is such that it can only be read.
    fn open(ctx: &FileContext, address: Address) -> Result<Self> {
        let header = load_header(ctx, address)?;
        let geometry = Geometry::new(&header, ctx.sizes()).map_err(|e| e.at(ctx.absolute(address)))?;
        let pipeline = header.filter.as_ref().map(|filter| {
            let mut cursor = Cursor::new(&filter.pipeline, ctx.absolute(address), "filter pipeline", ctx.sizes());
            FilterPipeline::parse(&mut cursor).and_then(|p| Pipeline::new(&p.filters, &Registry::default()))
        });
        Ok(HeapEditor {
            address,
            old: header.clone(),
            ids: IdForm::new(&header, ctx.sizes()),
            header,
            geometry,
            pipeline: pipeline.transpose()?,
            scratch: Scratch::new(),
            free: None,
            tables: BTreeMap::new(),
            blocks: BTreeMap::new(),
            changed: BTreeSet::new(),
            block_bytes: 0,
        })
    }

    /// True without objects of any kind.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.header.managed_objects == 0 && self.header.huge_objects == 0 && self.header.tiny_objects == 0
    }

    /// Puts an object in: its id.
    ///
    /// # Errors
    /// The object is empty or too large for the heap, a block is damaged, there is no room in the file.
    pub(crate) fn insert(&mut self, editor: &mut Editor, object: &[u8]) -> Result<Vec<u8>> {
        let len = object.len() as u64;
        if len == 0 {
            return Err(Error::new(ErrorKind::Invalid, "objects of a heap have at least one byte").within(HEADER));
        }
        if len > u64::from(self.header.max_managed) {
            return self.insert_huge(editor, object);
        }
        if object.len() > self.ids.max_tiny() {
            return self.insert_managed(editor, object);
        }
        self.header.tiny_objects = self.header.tiny_objects.saturating_add(1);
        self.header.tiny_bytes = self.header.tiny_bytes.saturating_add(len);
        self.encode_id(editor, HeapId::Tiny(object))
    }

    /// The object of an id.
    ///
    /// # Errors
    /// The id, the object or a block on the way is damaged.
    pub(crate) fn get<'s>(&'s mut self, ctx: &FileContext, id: &[u8]) -> Result<Cow<'s, [u8]>> {
        match self.parse_id(ctx, id)? {
            HeapId::Managed { offset, len } => self.managed(ctx, offset, len).map(Cow::Borrowed),
            HeapId::Huge(huge) => self.huge(ctx, huge).map(Cow::Owned),
            HeapId::Tiny(bytes) => Ok(Cow::Owned(bytes.to_vec())),
        }
    }

    /// Puts other bytes of the same number in the place of an object. Its id stays.
    ///
    /// # Errors
    /// The number is another one; a tiny object, or a filtered one whose id holds its length; damage.
    pub(crate) fn overwrite(&mut self, editor: &mut Editor, id: &[u8], object: &[u8]) -> Result<()> {
        match self.parse_id(editor.ctx(), id)? {
            HeapId::Managed { offset, len } => {
                same_len(len, object)?;
                self.make_room(editor)?;
                self.managed_mut(editor.ctx(), offset, len)?.copy_from_slice(object);
                Ok(())
            }
            HeapId::Huge(huge) => self.overwrite_huge(editor, huge, object),
            HeapId::Tiny(old) if old == object => Ok(()),
            HeapId::Tiny(_) => Err(Error::new(ErrorKind::Invalid, "a tiny object is in its id").within(ID)),
        }
    }

    /// Takes an object out.
    ///
    /// # Errors
    /// The id names no object, or a block is damaged.
    pub(crate) fn remove(&mut self, editor: &mut Editor, id: &[u8]) -> Result<()> {
        match self.parse_id(editor.ctx(), id)? {
            HeapId::Managed { offset, len } => self.remove_managed(editor, offset, len),
            HeapId::Huge(huge) => self.remove_huge(editor, huge),
            HeapId::Tiny(bytes) => {
                self.header.tiny_objects = self.header.tiny_objects.saturating_sub(1);
                self.header.tiny_bytes = self.header.tiny_bytes.saturating_sub(bytes.len() as u64);
                Ok(())
            }
        }
    }

    /// The heap as it was kept, or is in the file.
    fn take(editor: &mut Editor, address: Address) -> Result<Self> {
        let kept = editor.heaps.take(address);
        kept.map_or_else(|| HeapEditor::open(editor.ctx(), address), Ok)
    }

    /// Keeps it for the next change. Those that are not kept any more are settled.
    fn keep(self, editor: &mut Editor) -> Result<()> {
        editor.heaps.put(self.address, self);
        while let Some(mut heap) = editor.heaps.excess() {
            heap.finish(editor)?;
        }
        Ok(())
    }

    /// True if the file's list of free space or counts are out of date.
    fn owes(&self) -> bool {
        self.free.as_ref().is_some_and(|free| free.changed) || self.header != self.old
    }

    /// Writes all changes that readers need.
    fn flush(&mut self, editor: &mut Editor) -> Result<()> {
        self.flush_blocks(editor)?;
        self.flush_tables(editor)?;
        let (new, old) = (&self.header, &self.old);
        if new.table == old.table && new.filter == old.filter && new.huge_btree == old.huge_btree {
            return Ok(());
        }
        self.store_header(editor)
    }

    fn store_header(&mut self, editor: &mut Editor) -> Result<()> {
        if self.header == self.old {
            return Ok(());
        }
        let mut writer = editor.block_writer();
        self.header.encode(&mut writer)?;
        editor.write_block(self.address, &writer)?;
        self.old.clone_from(&self.header);
        Ok(())
    }

    /// Writes all changes, the list of free space and the counts.
    ///
    /// # Errors
    /// There is no room in the file, a number does not fit the file's widths, a filter fails.
    pub(crate) fn finish(&mut self, editor: &mut Editor) -> Result<()> {
        if self.free.as_ref().is_some_and(|free| free.changed) {
            self.store_free(editor)?;
        }
        self.flush(editor)?;
        self.store_header(editor)
    }

    fn parse_id<'i>(&self, ctx: &FileContext, id: &'i [u8]) -> Result<HeapId<'i>> {
        if id.len() != self.ids.len {
            let text = alloc::format!("id of {} bytes: expected {}", id.len(), self.ids.len);
            return Err(Error::new(ErrorKind::Invalid, text).within(ID));
        }
        HeapId::parse(&mut Cursor::new(id, ctx.absolute(self.address), ID, ctx.sizes()), self.ids)
    }

    fn encode_id(&self, editor: &Editor, id: HeapId<'_>) -> Result<Vec<u8>> {
        let mut writer = editor.writer();
        id.encode(&mut writer, self.ids)?;
        Ok(writer.into_bytes())
    }
}

impl Keep for HeapEditor {
    fn memory(&self) -> usize {
        let tables = self.tables.values().fold(0usize, |sum, table| sum.saturating_add(table.len()));
        let blocks = usize::try_from(self.block_bytes).unwrap_or(usize::MAX);
        let free = self.free.as_ref().map_or(0, Free::len).saturating_mul(FREE_MEMORY);
        blocks.saturating_add(free).saturating_add(tables.saturating_mul(size_of::<DirectEntry>()))
    }
}

fn load_header(ctx: &FileContext, address: Address) -> Result<FractalHeapHeader> {
    let plain = FractalHeapHeader::encoded_len(ctx.sizes(), 0) as u64;
    let mut block = ctx.block(address, plain, HEADER)?;
    let len = FractalHeapHeader::stored_len(ctx.cursor(&block, address, HEADER))? as u64;
    if len > plain {
        block = ctx.block(address, len, HEADER)?;
    }
    FractalHeapHeader::parse(&mut ctx.cursor(&block, address, HEADER))
}

/// Bytes that a header takes.
fn header_len(sizes: Sizes, header: &FractalHeapHeader) -> u64 {
    let filters = header.filter.as_ref().map_or(0, |filter| filter.pipeline.len());
    FractalHeapHeader::encoded_len(sizes, u16::try_from(filters).unwrap_or(u16::MAX)) as u64
}

fn same_len(len: u64, object: &[u8]) -> Result<()> {
    if len == object.len() as u64 {
        return Ok(());
    }
    let text = alloc::format!("object of {} bytes for the place of {len}", object.len());
    Err(Error::new(ErrorKind::Invalid, text).within(HEADER))
}

#[cfg(test)]
mod tests;
