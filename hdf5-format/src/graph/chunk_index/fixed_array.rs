//! Chunks in a fixed array.

use super::linear::Linear;
use super::{ChunkIndex, Visitor, Wanted};
use crate::codec::{Address, Cursor};
use crate::error::{Error, Result};
use crate::format::chunk_element::{ChunkElement, ElementForm};
use crate::format::fixed_array::{FixedArrayDataBlock, FixedArrayHeader};
use crate::graph::FileContext;
use alloc::vec::Vec;

const HEADER: &str = "fixed array header";
const BLOCK: &str = "fixed array data block";
const PAGE: &str = "fixed array page";

pub(super) fn visit(
    ctx: &FileContext,
    index: &ChunkIndex<'_>,
    address: Address,
    wanted: Wanted<'_>,
    visit: Visitor<'_>,
) -> Result<()> {
    let sizes = ctx.sizes();
    let block = ctx.block(address, FixedArrayHeader::encoded_len(sizes.o(), sizes.l()) as u64, HEADER)?;
    ctx.used(address, block.len() as u64, HEADER)?;
    let header = FixedArrayHeader::parse(&mut ctx.cursor(&block, address, HEADER))?;
    let form = index.element_form(ctx);
    check_elements(ctx, address, HEADER, (header.client, header.element_size), form)?;
    let Some(data) = header.data_block else { return Ok(()) };
    let mut walk = ElementWalk::new(ctx, index, form, wanted, visit);
    let prefix_len = FixedArrayDataBlock::prefix_len(&header, sizes.o());
    if header.pages() == 0 {
        let len = walk.elements_len(header.elements).saturating_add(prefix_len).saturating_add(4);
        let block = ctx.block(data, len, BLOCK)?;
        ctx.used(data, len, BLOCK)?;
        let mut cursor = ctx.cursor(&block, data, BLOCK);
        FixedArrayDataBlock::parse(&mut cursor, &header)?;
        return walk.run(&mut cursor, 0, header.elements, true);
    }
    let len = prefix_len.saturating_add(4);
    let block = ctx.block(data, len, BLOCK)?;
    let pages = walk.elements_len(header.elements).saturating_add(header.pages().saturating_mul(4));
    ctx.used(data, len.saturating_add(pages), BLOCK)?;
    let mut cursor = ctx.cursor(&block, data, BLOCK);
    let prefix = FixedArrayDataBlock::parse(&mut cursor, &header)?;
    cursor.checksum()?;
    let page_len = walk.elements_len(header.page_elements()).saturating_add(4);
    for page in walk.pages_of(0, header.elements, header.page_elements()) {
        if !page_bit(prefix.page_bitmap, page) {
            continue;
        }
        let first = page.saturating_mul(header.page_elements());
        let count = header.page_elements().min(header.elements.saturating_sub(first));
        let at = data.0.saturating_add(len).saturating_add(page.saturating_mul(page_len));
        walk.page(Address(at), PAGE, first, count).or_else(|error| ctx.tolerate(error))?;
    }
    Ok(())
}

/// Checks what an array's header says of its elements.
pub(crate) fn check_elements(
    ctx: &FileContext,
    address: Address,
    structure: &'static str,
    found: (u8, u8),
    form: ElementForm,
) -> Result<()> {
    let needed = form.len(ctx.sizes().o());
    if found.0 == form.client() && usize::from(found.1) == needed {
        return Ok(());
    }
    let message = alloc::format!(
        "elements: expected client {} with {needed} bytes, found client {} with {} bytes",
        form.client(),
        found.0,
        found.1
    );
    Err(Error::corrupt(structure, ctx.absolute(address), message))
}

/// Bit `n` of a page bitmap: from the highest of each byte.
pub(crate) fn page_bit(bitmap: &[u8], n: u64) -> bool {
    let byte = usize::try_from(n / 8).ok().and_then(|i| bitmap.get(i)).copied().unwrap_or(0);
    byte & 0x80u8.checked_shr(u32::try_from(n % 8).unwrap_or(0)).unwrap_or(0) != 0
}

/// Goes through array elements and hands the wanted chunks over.
pub(super) struct ElementWalk<'w, 'v> {
    pub(super) ctx: &'w FileContext,
    form: ElementForm,
    linear: &'w Linear,
    chunk_bytes: u64,
    wanted: Wanted<'w>,
    visit: Visitor<'v>,
    /// Numbers between which the wanted chunks lie: first, and past the last.
    pub(super) range: (u64, u64),
    scaled: Vec<u64>,
}

impl<'w, 'v> ElementWalk<'w, 'v> {
    pub(super) fn new(
        ctx: &'w FileContext,
        index: &'w ChunkIndex<'_>,
        form: ElementForm,
        wanted: Wanted<'w>,
        visit: Visitor<'v>,
    ) -> Self {
        let range = index.linear.range(wanted.low, wanted.high);
        let (linear, chunk_bytes) = (&index.linear, index.chunk_bytes);
        ElementWalk { ctx, form, linear, chunk_bytes, wanted, visit, range, scaled: Vec::new() }
    }

    /// Bytes of a number of elements.
    pub(super) fn elements_len(&self, count: u64) -> u64 {
        count.saturating_mul(self.form.len(self.ctx.sizes().o()) as u64)
    }

    /// True if elements `first` to before `first + count` may be wanted.
    pub(super) fn wants(&self, first: u64, count: u64) -> bool {
        first < self.range.1 && first.saturating_add(count) > self.range.0
    }

    /// The pages of a block of elements from `first` that may be wanted.
    pub(super) fn pages_of(&self, first: u64, elements: u64, page: u64) -> core::ops::Range<u64> {
        let low = self.range.0.saturating_sub(first).checked_div(page).unwrap_or(0);
        let high = self.range.1.saturating_sub(first).min(elements).div_ceil(page.max(1));
        low..high
    }

    /// Elements of a page with a checksum of its own.
    pub(super) fn page(&mut self, address: Address, structure: &'static str, first: u64, count: u64) -> Result<()> {
        let ctx = self.ctx;
        let block = ctx.block(address, self.elements_len(count).saturating_add(4), structure)?;
        self.run(&mut ctx.cursor(&block, address, structure), first, count, true)
    }

    /// The next `count` elements, of which the first has number `first`; a checksum over the cursor may follow.
    pub(super) fn run(&mut self, cursor: &mut Cursor<'_>, first: u64, count: u64, checksum: bool) -> Result<()> {
        let mut elements = cursor.sub(crate::codec::to_usize(self.elements_len(count))?)?;
        if checksum {
            cursor.checksum()?;
        }
        let from = self.range.0.saturating_sub(first).min(count);
        elements.bytes_u64(self.elements_len(from))?;
        for number in first.saturating_add(from)..first.saturating_add(count).min(self.range.1) {
            let element = ChunkElement::parse(&mut elements, self.form)?;
            let Some(address) = element.address else { continue };
            self.linear.position(number, &mut self.scaled);
            if self.wanted.contains(&self.scaled) {
                let (size, filter_mask) = element.filtered.unwrap_or((self.chunk_bytes, 0));
                (self.visit)(super::ChunkRecord { scaled: &self.scaled, address, size, filter_mask })?;
            }
        }
        Ok(())
    }
}
