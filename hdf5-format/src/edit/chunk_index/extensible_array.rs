//! Changing an extensible array of chunks.
//!
//! The header is made with the index; the index block, super blocks, data blocks and pages with the first element of
//! theirs that is set. Nothing is given back before the whole array is: an element without a chunk has no address.

use super::blocks::{Access, Freed, bounded};
use super::elements::{Elements, Run};
use crate::codec::{Address, Cursor, Writer};
use crate::edit::{Editor, Purpose};
use crate::error::{Error, ErrorKind, Result};
use crate::format::chunk_element::ElementForm;
use crate::format::extensible_array::{BlockPrefix, BlockType, ExtensibleArrayHeader, SuperBlockInfo};
use crate::graph::FileContext;
use crate::graph::chunk_index::check_elements;
use alloc::vec::Vec;

const HEADER: &str = "extensible array header";
const INDEX: &str = "extensible array index block";
const SUPER: &str = "extensible array super block";
const DATA: &str = "extensible array data block";
const PAGE: &str = "extensible array page";

/// An array that is being changed.
pub(super) struct ExtensibleArray {
    address: Address,
    header: ExtensibleArrayHeader,
    dirty: bool,
    supers: Vec<SuperBlockInfo>,
    pub(super) elements: Elements,
}

/// A data block of the array.
#[derive(Clone, Copy)]
struct DataBlock {
    /// Its super block.
    info: SuperBlockInfo,
    /// Its place among those of its super block.
    place: u64,
    /// Number of its first element.
    first: u64,
    /// Where its address is: block and place there.
    pointer: (Address, u64),
    /// Where its super block's page bitmaps begin; none if the index block lists it.
    bitmaps: Option<u64>,
}

impl ExtensibleArray {
    pub(super) fn open(ctx: &FileContext, address: Address, form: ElementForm, chunk_bytes: u64) -> Result<Self> {
        let len = ExtensibleArrayHeader::encoded_len(ctx.sizes().o(), ctx.sizes().l()) as u64;
        let block = ctx.block(address, len, HEADER)?;
        let header = ExtensibleArrayHeader::parse(&mut ctx.cursor(&block, address, HEADER))?;
        check_elements(ctx, address, HEADER, (header.client, header.element_size), form)?;
        let (supers, elements) = (header.super_blocks(), Elements::new(ctx, form, chunk_bytes));
        Ok(ExtensibleArray { address, header, dirty: false, supers, elements })
    }

    /// A new array of a header's parameters: only that header.
    pub(super) fn create(
        editor: &mut Editor,
        form: ElementForm,
        chunk_bytes: u64,
        parameters: ExtensibleArrayHeader,
    ) -> Result<Self> {
        let elements = Elements::new(editor.ctx(), form, chunk_bytes);
        let element_size = u8::try_from(elements.len).unwrap_or(u8::MAX);
        let header = ExtensibleArrayHeader { client: form.client(), element_size, ..parameters };
        let mut writer = editor.writer();
        header.encode(&mut writer)?;
        // What can not be read back was made of parameters out of range.
        ExtensibleArrayHeader::parse(&mut Cursor::new(writer.as_slice(), 0, HEADER, writer.sizes()))?;
        let address = editor.place(Purpose::BTree, writer.as_slice())?;
        Ok(ExtensibleArray { address, header, dirty: false, supers: header.super_blocks(), elements })
    }

    pub(super) fn address(&self) -> Address {
        self.address
    }

    /// Says that element `number` has been set.
    pub(super) fn set(&mut self, number: u64) {
        if number >= self.header.index_end {
            self.header.index_end = number.saturating_add(1);
            self.dirty = true;
        }
    }

    /// True if the array can have an element of this number.
    pub(super) fn holds(&self, number: u64) -> bool {
        let end = self.supers.last().map_or(0, |s| s.start.saturating_add(s.blocks.saturating_mul(s.block_elements)));
        number < end.saturating_add(self.header.index_elements.into())
    }

    /// The elements that are held together with number `number`.
    pub(super) fn run(&mut self, access: &mut Access<'_>, number: u64) -> Result<Option<Run>> {
        if let Some(run) = self.elements.last(number) {
            return Ok(Some(run));
        }
        let index = match self.header.index_block {
            Some(index) => index,
            None => match access.editor() {
                Some(editor) => self.create_index(editor)?,
                None => return Ok(None),
            },
        };
        self.load(access.ctx(), index, BlockType::Index, self.index_len(access.ctx()))?;
        let in_index = u64::from(self.header.index_elements);
        let run = if number < in_index {
            let start = self.prefix_len(access.ctx(), BlockType::Index);
            Some(Run { first: 0, count: in_index, block: index, start })
        } else {
            match self.data_block(access, index, number)? {
                Some(block) => self.block_run(access, block, number)?,
                None => None,
            }
        };
        if let Some(run) = run {
            self.elements.keep(run);
        }
        Ok(run)
    }

    fn prefix_len(&self, ctx: &FileContext, block: BlockType) -> u64 {
        BlockPrefix::encoded_len(block, &self.header, ctx.sizes().o())
    }

    /// Super blocks whose data blocks the index block lists.
    fn direct_supers(&self) -> usize {
        self.header.direct_super_blocks().min(self.supers.len())
    }

    /// Where the index block's addresses begin: after its elements.
    fn index_pointers(&self, ctx: &FileContext) -> u64 {
        let elements = self.elements.bytes_of(self.header.index_elements.into());
        self.prefix_len(ctx, BlockType::Index).saturating_add(elements)
    }

    fn index_len(&self, ctx: &FileContext) -> u64 {
        let supers = self.supers.len().saturating_sub(self.direct_supers()) as u64;
        let pointers = self.header.direct_blocks().saturating_add(supers);
        let pointers = pointers.saturating_mul(ctx.sizes().o() as u64);
        self.index_pointers(ctx).saturating_add(pointers).saturating_add(4)
    }

    /// Where a super block's addresses begin: after the page bitmaps.
    fn super_pointers(&self, ctx: &FileContext, info: &SuperBlockInfo) -> u64 {
        let bitmap = self.header.pages(info.block_elements).div_ceil(8);
        self.prefix_len(ctx, BlockType::Super).saturating_add(info.blocks.saturating_mul(bitmap))
    }

    fn super_len(&self, ctx: &FileContext, info: &SuperBlockInfo) -> u64 {
        let pointers = info.blocks.saturating_mul(ctx.sizes().o() as u64);
        self.super_pointers(ctx, info).saturating_add(pointers).saturating_add(4)
    }

    /// Bytes of a data block with all its pages.
    fn data_len(&self, ctx: &FileContext, info: &SuperBlockInfo) -> u64 {
        let sums = self.header.pages(info.block_elements).saturating_add(1).saturating_mul(4);
        let elements = self.elements.bytes_of(info.block_elements);
        self.prefix_len(ctx, BlockType::Data).saturating_add(elements).saturating_add(sums)
    }

    /// Holds a block, or what a paged data block has before its pages.
    fn load(&mut self, ctx: &FileContext, address: Address, block: BlockType, len: u64) -> Result<()> {
        let structure = match block {
            BlockType::Index => INDEX,
            BlockType::Super => SUPER,
            BlockType::Data => DATA,
        };
        let bytes = self.elements.blocks.load(ctx, address, len, structure)?;
        let mut cursor = Cursor::new(bytes, ctx.absolute(address), structure, ctx.sizes());
        BlockPrefix::parse(&mut cursor, block, &self.header)?;
        Ok(())
    }

    /// The beginning of a new block.
    fn begin(&self, editor: &Editor, block: BlockType, offset: u64) -> Result<Writer> {
        // The numbers that libhdf5 stores for blocks of the index block can be wider than the field.
        let bits = u32::try_from(self.header.offset_width().saturating_mul(8)).unwrap_or(64);
        let mask = u64::MAX.checked_shr(64u32.saturating_sub(bits)).unwrap_or(u64::MAX);
        let mut writer = editor.writer();
        BlockPrefix { header: self.address, offset: offset & mask }.encode(&mut writer, block, &self.header)?;
        Ok(writer)
    }

    fn create_index(&mut self, editor: &mut Editor) -> Result<Address> {
        let len = bounded(editor.ctx(), self.index_len(editor.ctx()), INDEX)?;
        let mut writer = self.begin(editor, BlockType::Index, 0)?;
        let in_index = u64::from(self.header.index_elements);
        self.elements.fill(editor.ctx(), &mut writer, in_index)?;
        writer.ones(len.saturating_sub(4).saturating_sub(writer.position()));
        let address = editor.allocate(Purpose::BTree, len as u64)?;
        self.elements.blocks.add(address, writer);
        self.header.index_block = Some(address);
        self.header.realized = self.header.realized.saturating_add(in_index);
        self.dirty = true;
        Ok(address)
    }

    /// Finds the data block of an element after those of the index block.
    fn data_block(&mut self, access: &mut Access<'_>, index: Address, number: u64) -> Result<Option<DataBlock>> {
        let in_index = u64::from(self.header.index_elements);
        let after = number.saturating_sub(in_index);
        let u = self.supers.partition_point(|s| s.start <= after).saturating_sub(1);
        let info = self.supers.get(u).copied().filter(|_| self.holds(number));
        let info = info.ok_or_else(|| {
            let text = alloc::format!("chunk {number} is past the end of the array");
            Error::new(ErrorKind::Limit, text).within(HEADER).at(access.ctx().absolute(self.address))
        })?;
        let place = after.saturating_sub(info.start).checked_div(info.block_elements).unwrap_or(0);
        let first = in_index.saturating_add(info.start).saturating_add(place.saturating_mul(info.block_elements));
        let width = access.ctx().sizes().o() as u64;
        let pointers = self.index_pointers(access.ctx());
        let Some(beyond) = u.checked_sub(self.direct_supers()) else {
            let at = info.start_block.saturating_add(place).saturating_mul(width).saturating_add(pointers);
            return Ok(Some(DataBlock { info, place, first, pointer: (index, at), bitmaps: None }));
        };
        let slot = self.header.direct_blocks().saturating_add(beyond as u64);
        let at = slot.saturating_mul(width).saturating_add(pointers);
        let block = match self.elements.blocks.pointer(access.ctx(), index, at, INDEX)? {
            Some(block) => block,
            None => match access.editor() {
                Some(editor) => self.create_super(editor, &info, (index, at))?,
                None => return Ok(None),
            },
        };
        self.load(access.ctx(), block, BlockType::Super, self.super_len(access.ctx(), &info))?;
        let bitmaps = Some(self.prefix_len(access.ctx(), BlockType::Super));
        let at = place.saturating_mul(width).saturating_add(self.super_pointers(access.ctx(), &info));
        Ok(Some(DataBlock { info, place, first, pointer: (block, at), bitmaps }))
    }

    fn create_super(&mut self, editor: &mut Editor, info: &SuperBlockInfo, pointer: (Address, u64)) -> Result<Address> {
        let len = bounded(editor.ctx(), self.super_len(editor.ctx(), info), SUPER)?;
        let pointers = crate::codec::to_usize(self.super_pointers(editor.ctx(), info))?;
        let mut writer = self.begin(editor, BlockType::Super, info.start)?;
        writer.zeros(pointers.saturating_sub(writer.position()));
        writer.ones(len.saturating_sub(4).saturating_sub(writer.position()));
        let address = editor.allocate(Purpose::BTree, len as u64)?;
        self.elements.blocks.add(address, writer);
        self.elements.blocks.point(editor, pointer.0, pointer.1, address)?;
        let [blocks, bytes, ..] = &mut self.header.block_stats;
        (*blocks, *bytes) = (blocks.saturating_add(1), bytes.saturating_add(len as u64));
        self.dirty = true;
        Ok(address)
    }

    /// The part of a data block that is held with one of its elements.
    fn block_run(&mut self, access: &mut Access<'_>, block: DataBlock, number: u64) -> Result<Option<Run>> {
        let address = match self.elements.blocks.pointer(access.ctx(), block.pointer.0, block.pointer.1, INDEX)? {
            Some(address) => address,
            None => match access.editor() {
                Some(editor) => self.create_data(editor, &block)?,
                None => return Ok(None),
            },
        };
        access.ctx().check(address, self.data_len(access.ctx(), &block.info), DATA)?;
        let prefix = self.prefix_len(access.ctx(), BlockType::Data);
        let (first, count) = (block.first, block.info.block_elements);
        if self.header.pages(count) == 0 {
            self.load(access.ctx(), address, BlockType::Data, self.data_len(access.ctx(), &block.info))?;
            return Ok(Some(Run { first, count, block: address, start: prefix }));
        }
        self.load(access.ctx(), address, BlockType::Data, prefix.saturating_add(4))?;
        self.page(access, address, block, number)
    }

    fn create_data(&mut self, editor: &mut Editor, block: &DataBlock) -> Result<Address> {
        let info = &block.info;
        // In blocks of the index block libhdf5 counts from the array's first data block.
        let counted = block.place.saturating_add(if block.bitmaps.is_none() { info.start_block } else { 0 });
        let offset = info.start.saturating_add(counted.saturating_mul(info.block_elements));
        let mut writer = self.begin(editor, BlockType::Data, offset)?;
        let pages = self.header.pages(info.block_elements);
        if pages == 0 {
            self.elements.fill(editor.ctx(), &mut writer, info.block_elements)?;
        }
        let len = self.data_len(editor.ctx(), info);
        let address = editor.allocate(Purpose::BTree, len)?;
        if block.bitmaps.is_none() {
            // No bitmap says which pages of this block are there: all are.
            for page in 0..pages {
                let at = self.page_at(editor.ctx(), address, page);
                self.elements.add_page(editor, at, self.header.page_elements())?;
            }
        }
        self.elements.blocks.add(address, writer);
        self.elements.blocks.point(editor, block.pointer.0, block.pointer.1, address)?;
        let [.., blocks, bytes] = &mut self.header.block_stats;
        (*blocks, *bytes) = (blocks.saturating_add(1), bytes.saturating_add(len));
        self.header.realized = self.header.realized.saturating_add(info.block_elements);
        self.dirty = true;
        Ok(address)
    }

    /// Bytes of a page with its checksum.
    fn page_len(&self) -> u64 {
        self.elements.bytes_of(self.header.page_elements()).saturating_add(4)
    }

    fn page_at(&self, ctx: &FileContext, block: Address, page: u64) -> Address {
        let before = page.saturating_mul(self.page_len()).saturating_add(4);
        Address(block.0.saturating_add(self.prefix_len(ctx, BlockType::Data)).saturating_add(before))
    }

    fn page(
        &mut self,
        access: &mut Access<'_>,
        address: Address,
        block: DataBlock,
        number: u64,
    ) -> Result<Option<Run>> {
        let count = self.header.page_elements();
        let page = number.saturating_sub(block.first).checked_div(count).unwrap_or(0);
        let first = block.first.saturating_add(page.saturating_mul(count));
        let at = self.page_at(access.ctx(), address, page);
        let run = Run { first, count, block: at, start: 0 };
        // Bits count on from block to block, though each block's share is rounded up to bytes.
        let bit = block.place.saturating_mul(self.header.pages(block.info.block_elements)).saturating_add(page);
        let bit = block.bitmaps.map(|bitmaps| (block.pointer.0, bitmaps, bit));
        self.elements.page(access, run, bit, PAGE)
    }

    /// Hands over all changes.
    pub(super) fn flush(&mut self, editor: &mut Editor) -> Result<()> {
        self.elements.blocks.flush(editor)?;
        if core::mem::take(&mut self.dirty) {
            let mut writer = editor.writer();
            self.header.encode(&mut writer)?;
            editor.write(self.address, writer.as_slice())?;
        }
        Ok(())
    }

    /// Gives all blocks back.
    pub(super) fn delete(&mut self, editor: &mut Editor) -> Result<()> {
        let ctx = editor.ctx().clone();
        let mut freed = Freed::default();
        let len = ExtensibleArrayHeader::encoded_len(ctx.sizes().o(), ctx.sizes().l()) as u64;
        freed.add(&ctx, self.address, len, HEADER)?;
        if let Some(index) = self.header.index_block {
            freed.add(&ctx, index, self.index_len(&ctx), INDEX)?;
            self.free_blocks(&ctx, index, &mut freed)?;
        }
        freed.release(editor);
        Ok(())
    }

    fn free_blocks(&mut self, ctx: &FileContext, index: Address, freed: &mut Freed) -> Result<()> {
        self.load(ctx, index, BlockType::Index, self.index_len(ctx))?;
        let (supers, direct) = (self.supers.clone(), self.direct_supers());
        let width = ctx.sizes().o() as u64;
        let mut at = self.index_pointers(ctx);
        for (u, info) in supers.iter().enumerate() {
            if u < direct {
                self.free_data(ctx, info, (index, at), freed)?;
                at = at.saturating_add(info.blocks.saturating_mul(width));
                continue;
            }
            if let Some(block) = self.elements.blocks.pointer(ctx, index, at, INDEX)? {
                let len = self.super_len(ctx, info);
                freed.add(ctx, block, len, SUPER)?;
                self.load(ctx, block, BlockType::Super, len)?;
                self.free_data(ctx, info, (block, self.super_pointers(ctx, info)), freed)?;
            }
            at = at.saturating_add(width);
        }
        Ok(())
    }

    /// The data blocks of a super block, whose addresses begin at a place of a block that is held.
    fn free_data(
        &self,
        ctx: &FileContext,
        info: &SuperBlockInfo,
        pointers: (Address, u64),
        freed: &mut Freed,
    ) -> Result<()> {
        let width = ctx.sizes().o() as u64;
        for i in 0..info.blocks {
            let at = pointers.1.saturating_add(i.saturating_mul(width));
            if let Some(block) = self.elements.blocks.pointer(ctx, pointers.0, at, SUPER)? {
                freed.add(ctx, block, self.data_len(ctx, info), DATA)?;
            }
        }
        Ok(())
    }
}
