//! Objects of fractal heaps: links, attributes and messages shared between headers.

mod blocks;
mod huge;
mod survey;

use super::allowance::Allowance;
use super::context::{Block, FileContext};
use crate::codec::{Address, Cursor};
use crate::error::{Error, Result};
use crate::filter::{Pipeline, Registry};
use crate::format::fractal_heap::header::STRUCTURE as HEADER;
use crate::format::fractal_heap::heap_id::STRUCTURE as ID;
use crate::format::fractal_heap::{FractalHeapHeader, HeapId, IdForm, IndirectBlock};
use crate::format::message::filter_pipeline::FilterPipeline;
use crate::sync::Once;
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use blocks::{Blocks, Checked};
use core::ops::Range;
use huge::HugeRecords;
pub(crate) use survey::{HeapTotals, load_manager, load_sections};

/// An opened heap.
#[derive(Debug)]
pub struct FractalHeap {
    address: Address,
    header: FractalHeapHeader,
    ids: IdForm,
    /// The filters, or why they are not known: objects outside blocks may still be read.
    pipeline: Option<Result<Pipeline>>,
    checked: Checked,
    /// The root of the blocks, if it is an indirect one that was met.
    root: Once<Arc<Result<IndirectBlock>>>,
}

/// An object's bytes and where they lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeapObject<'c> {
    /// The object.
    pub bytes: Cow<'c, [u8]>,
    /// Absolute file offset of the object; of its block, if that is filtered, and of the heap, if it is tiny.
    pub offset: u64,
}

impl FractalHeap {
    /// Opens the heap whose header is at an address. Filters are the built-in ones.
    ///
    /// # Errors
    /// The header is damaged.
    pub fn open(ctx: &FileContext, address: Address) -> Result<Self> {
        let plain = FractalHeapHeader::encoded_len(ctx.sizes(), 0) as u64;
        let mut block = ctx.block(address, plain, HEADER)?;
        let len = FractalHeapHeader::stored_len(ctx.cursor(&block, address, HEADER))? as u64;
        if len > plain {
            block = ctx.block(address, len, HEADER)?;
        }
        ctx.used(address, len, HEADER)?;
        let header = FractalHeapHeader::parse(&mut ctx.cursor(&block, address, HEADER))?;
        let pipeline = header.filter.as_ref().map(|filter| {
            let mut cursor = Cursor::new(&filter.pipeline, ctx.absolute(address), "filter pipeline", ctx.sizes());
            FilterPipeline::parse(&mut cursor).and_then(|p| Pipeline::new(&p.filters, &Registry::default()))
        });
        let ids = IdForm::new(&header, ctx.sizes());
        Ok(FractalHeap { address, header, ids, pipeline, checked: Checked::new(), root: Once::new() })
    }

    /// The heap's header.
    pub fn header(&self) -> &FractalHeapHeader {
        &self.header
    }

    /// The form of the heap's ids.
    pub fn id_form(&self) -> IdForm {
        self.ids
    }

    /// The object of an id.
    ///
    /// # Errors
    /// The id, the object or a block on the way is damaged.
    pub fn get<'c>(&self, ctx: &'c FileContext, id: &[u8]) -> Result<Cow<'c, [u8]>> {
        self.object(ctx, id).map(|object| object.bytes)
    }

    /// The object of an id, and where it lies. For many objects see [`FractalHeap::reader`].
    ///
    /// # Errors
    /// The id, the object or a block on the way is damaged.
    pub fn object<'c>(&self, ctx: &'c FileContext, id: &[u8]) -> Result<HeapObject<'c>> {
        match self.parse(ctx, id)? {
            HeapId::Managed { offset, len } => self.managed(ctx, offset, len),
            HeapId::Huge(huge) => {
                self.huge(ctx, huge, &mut Allowance::for_decoding(ctx), |key| self.huge_record(ctx, key))
            }
            HeapId::Tiny(bytes) => Ok(self.tiny(ctx, bytes)),
        }
    }

    /// Reads many objects: every block is loaded, decoded and checked once.
    pub fn reader<'h, 'c>(&'h self, ctx: &'c FileContext) -> FractalHeapReader<'h, 'c> {
        FractalHeapReader { heap: self, ctx, blocks: Blocks::new(self, ctx), huge: None }
    }

    fn parse<'i>(&self, ctx: &FileContext, id: &'i [u8]) -> Result<HeapId<'i>> {
        HeapId::parse(&mut Cursor::new(id, ctx.absolute(self.address), ID, ctx.sizes()), self.ids)
    }

    fn tiny<'c>(&self, ctx: &FileContext, bytes: &[u8]) -> HeapObject<'c> {
        HeapObject { bytes: Cow::Owned(bytes.to_vec()), offset: ctx.absolute(self.address) }
    }

    /// A managed object alone: of a block that was found right before, nothing else is read.
    fn managed<'c>(&self, ctx: &'c FileContext, offset: u64, len: u64) -> Result<HeapObject<'c>> {
        let mut blocks = Blocks::new(self, ctx);
        let place = blocks.place(offset)?;
        let range = place.range(self, ctx, offset, len)?;
        if place.filtered.is_none() && self.checked.contains(self, place.offset) {
            let from = place.address.0.saturating_add(range.start as u64);
            let bytes = ctx.block(Address(from), len, "fractal heap object")?;
            return Ok(HeapObject { bytes, offset: ctx.absolute(Address(from)) });
        }
        let offset = place.object_offset(ctx, &range);
        let bytes = cut(blocks.load(&place)?, range);
        Ok(HeapObject { bytes, offset })
    }
}

/// A part of a block; a part of an owned block is copied out of it.
fn cut(block: Block<'_>, range: Range<usize>) -> Block<'_> {
    match block {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(range).unwrap_or(&[])),
        Cow::Owned(bytes) => Cow::Owned(bytes.get(range).unwrap_or(&[]).to_vec()),
    }
}

/// Reads many objects of one heap and remembers its blocks.
pub struct FractalHeapReader<'h, 'c> {
    heap: &'h FractalHeap,
    ctx: &'c FileContext,
    blocks: Blocks<'h, 'c>,
    /// Read when the first of them is needed.
    huge: Option<Result<HugeRecords>>,
}

impl FractalHeapReader<'_, '_> {
    /// The object of an id, and where it lies.
    ///
    /// # Errors
    /// The id, the object or a block on the way is damaged.
    pub fn object(&mut self, id: &[u8]) -> Result<HeapObject<'_>> {
        let (heap, ctx) = (self.heap, self.ctx);
        match heap.parse(ctx, id)? {
            HeapId::Managed { offset, len } => {
                let place = self.blocks.place(offset)?;
                let range = place.range(heap, ctx, offset, len)?;
                let offset = place.object_offset(ctx, &range);
                let block = self.blocks.kept(&place)?;
                Ok(HeapObject { bytes: Cow::Borrowed(block.get(range).unwrap_or(&[])), offset })
            }
            HeapId::Huge(id) => {
                let huge = &mut self.huge;
                heap.huge(ctx, id, &mut self.blocks.decoding, |key| {
                    let records = huge.get_or_insert_with(|| heap.huge_records(ctx));
                    let records = records.as_ref().map_err(Error::clone)?;
                    records.get(&key).copied().ok_or_else(|| heap.no_huge(ctx, key))
                })
            }
            HeapId::Tiny(bytes) => Ok(heap.tiny(ctx, bytes)),
        }
    }
}

/// The heap's filters, for a block or object that needs them.
fn decode(heap: &FractalHeap, at: u64, stored: Block<'_>, mask: u32, size: usize) -> Result<Vec<u8>> {
    match &heap.pipeline {
        Some(Ok(pipeline)) => pipeline.decode(stored, mask, size).map_err(|e| e.at(at)),
        Some(Err(error)) => Err(error.clone()),
        None => Err(Error::corrupt(HEADER, at, "a filtered object in a heap without filters")),
    }
}

#[cfg(test)]
mod tests;
