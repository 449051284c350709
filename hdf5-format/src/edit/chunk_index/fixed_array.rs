//! Changing a fixed array of chunks.
//!
//! The header is made with the index, the data block with the first chunk: room for all elements at once. The pages of
//! a paged block stay what they are until one of their elements is set.

use super::blocks::{Access, Freed, bounded};
use super::elements::{Elements, Run};
use crate::codec::{Address, Cursor};
use crate::edit::{Editor, Purpose};
use crate::error::{Error, ErrorKind, Result};
use crate::format::chunk_element::ElementForm;
use crate::format::fixed_array::{FixedArrayDataBlock, FixedArrayHeader};
use crate::graph::FileContext;
use crate::graph::chunk_index::check_elements;

const HEADER: &str = "fixed array header";
const BLOCK: &str = "fixed array data block";
const PAGE: &str = "fixed array page";

/// An array that is being changed.
pub(super) struct FixedArray {
    address: Address,
    header: FixedArrayHeader,
    dirty: bool,
    pub(super) elements: Elements,
}

impl FixedArray {
    pub(super) fn open(ctx: &FileContext, address: Address, form: ElementForm, chunk_bytes: u64) -> Result<Self> {
        let len = FixedArrayHeader::encoded_len(ctx.sizes().o(), ctx.sizes().l()) as u64;
        let block = ctx.block(address, len, HEADER)?;
        let header = FixedArrayHeader::parse(&mut ctx.cursor(&block, address, HEADER))?;
        check_elements(ctx, address, HEADER, (header.client, header.element_size), form)?;
        Ok(FixedArray { address, header, dirty: false, elements: Elements::new(ctx, form, chunk_bytes) })
    }

    /// A new array of `total` elements: only its header.
    pub(super) fn create(
        editor: &mut Editor,
        form: ElementForm,
        chunk_bytes: u64,
        total: u64,
        page_bits: u8,
    ) -> Result<Self> {
        let elements = Elements::new(editor.ctx(), form, chunk_bytes);
        let element_size = u8::try_from(elements.len).unwrap_or(u8::MAX);
        let header =
            FixedArrayHeader { client: form.client(), element_size, page_bits, elements: total, data_block: None };
        let mut writer = editor.writer();
        header.encode(&mut writer)?;
        let address = editor.place(Purpose::BTree, writer.as_slice())?;
        Ok(FixedArray { address, header, dirty: false, elements })
    }

    pub(super) fn address(&self) -> Address {
        self.address
    }

    /// The elements that are held together with number `number`.
    pub(super) fn run(&mut self, access: &mut Access<'_>, number: u64) -> Result<Option<Run>> {
        if let Some(run) = self.elements.last(number) {
            return Ok(Some(run));
        }
        if number >= self.header.elements {
            let text = alloc::format!("chunk {number} of an array of {}", self.header.elements);
            return Err(Error::corrupt(HEADER, access.ctx().absolute(self.address), text));
        }
        let data = match self.header.data_block {
            Some(data) => data,
            None => match access.editor() {
                Some(editor) => self.create_block(editor)?,
                None => return Ok(None),
            },
        };
        let run = if self.header.pages() == 0 { self.whole(access, data)? } else { self.page(access, data, number)? };
        if let Some(run) = run {
            self.elements.keep(run);
        }
        Ok(run)
    }

    fn prefix_len(&self, ctx: &FileContext) -> u64 {
        FixedArrayDataBlock::prefix_len(&self.header, ctx.sizes().o())
    }

    /// Bytes of the data block with all pages.
    fn block_len(&self, ctx: &FileContext) -> Result<u64> {
        let sums = self.header.pages().saturating_add(1).checked_mul(4);
        let len = self.header.elements.checked_mul(self.elements.len).zip(sums);
        let len = len.and_then(|(bytes, sums)| bytes.checked_add(sums)?.checked_add(self.prefix_len(ctx)));
        len.ok_or_else(|| Error::new(ErrorKind::Limit, "an array of more than 64 bits of bytes").within(BLOCK))
    }

    fn create_block(&mut self, editor: &mut Editor) -> Result<Address> {
        let bitmap = alloc::vec![0; bounded(editor.ctx(), self.header.pages().div_ceil(8), BLOCK)?];
        let mut writer = editor.writer();
        FixedArrayDataBlock { header: self.address, page_bitmap: &bitmap }.encode(&self.header, &mut writer)?;
        if self.header.pages() == 0 {
            self.elements.fill(editor.ctx(), &mut writer, self.header.elements)?;
        }
        let address = editor.allocate(Purpose::BTree, self.block_len(editor.ctx())?)?;
        self.elements.blocks.add(address, writer);
        self.header.data_block = Some(address);
        self.dirty = true;
        Ok(address)
    }

    /// Holds the first `len` bytes of the data block, with the checksum they end with.
    fn load_block(&mut self, ctx: &FileContext, data: Address, len: u64) -> Result<()> {
        ctx.check(data, self.block_len(ctx)?, BLOCK)?;
        let bytes = self.elements.blocks.load(ctx, data, len, BLOCK)?;
        FixedArrayDataBlock::parse(&mut Cursor::new(bytes, ctx.absolute(data), BLOCK, ctx.sizes()), &self.header)?;
        Ok(())
    }

    fn whole(&mut self, access: &Access<'_>, data: Address) -> Result<Option<Run>> {
        let len = self.block_len(access.ctx())?;
        self.load_block(access.ctx(), data, len)?;
        let (first, count, start) = (0, self.header.elements, self.prefix_len(access.ctx()));
        Ok(Some(Run { first, count, block: data, start }))
    }

    fn page(&mut self, access: &mut Access<'_>, data: Address, number: u64) -> Result<Option<Run>> {
        let prefix = self.prefix_len(access.ctx());
        self.load_block(access.ctx(), data, prefix.saturating_add(4))?;
        let full = self.header.page_elements();
        let page = number.checked_div(full).unwrap_or(0);
        let first = page.saturating_mul(full);
        let count = full.min(self.header.elements.saturating_sub(first));
        let before = self.elements.bytes_of(full).saturating_add(4).saturating_mul(page);
        let block = Address(data.0.saturating_add(prefix).saturating_add(4).saturating_add(before));
        let bitmap = prefix.saturating_sub(self.header.pages().div_ceil(8));
        let run = Run { first, count, block, start: 0 };
        self.elements.page(access, run, Some((data, bitmap, page)), PAGE)
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
        let sizes = editor.ctx().sizes();
        let len = FixedArrayHeader::encoded_len(sizes.o(), sizes.l()) as u64;
        let mut freed = Freed::default();
        freed.add(editor.ctx(), self.address, len, HEADER)?;
        if let Some(data) = self.header.data_block {
            freed.add(editor.ctx(), data, self.block_len(editor.ctx())?, BLOCK)?;
        }
        freed.release(editor);
        Ok(())
    }
}
