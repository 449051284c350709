//! Chunks in an extensible array.

use super::fixed_array::{ElementWalk, check_elements, page_bit};
use super::{ChunkIndex, Visitor, Wanted};
use crate::codec::{Address, Cursor, to_usize};
use crate::error::Result;
use crate::format::extensible_array::{BlockPrefix, BlockType, ExtensibleArrayHeader, SuperBlockInfo};
use crate::graph::{FileContext, Visited};

const HEADER: &str = "extensible array header";
const INDEX: &str = "extensible array index block";
const SUPER: &str = "extensible array super block";
const DATA: &str = "extensible array data block";
const PAGE: &str = "extensible array page";

pub(super) fn visit(
    ctx: &FileContext,
    index: &ChunkIndex<'_>,
    address: Address,
    wanted: Wanted<'_>,
    visit: Visitor<'_>,
) -> Result<()> {
    let sizes = ctx.sizes();
    let block = ctx.block(address, ExtensibleArrayHeader::encoded_len(sizes.o(), sizes.l()) as u64, HEADER)?;
    ctx.used(address, block.len() as u64, HEADER)?;
    let header = ExtensibleArrayHeader::parse(&mut ctx.cursor(&block, address, HEADER))?;
    let form = index.element_form(ctx);
    check_elements(ctx, address, HEADER, (header.client, header.element_size), form)?;
    let Some(index_block) = header.index_block else { return Ok(()) };
    let elements = ElementWalk::new(ctx, index, form, wanted, visit);
    ArrayWalk { header, elements, seen: Visited::new() }.index_block(index_block)
}

struct ArrayWalk<'w, 'v> {
    header: ExtensibleArrayHeader,
    elements: ElementWalk<'w, 'v>,
    seen: Visited,
}

impl ArrayWalk<'_, '_> {
    fn index_block(&mut self, address: Address) -> Result<()> {
        let (header, ctx) = (self.header, self.elements.ctx);
        let supers = header.super_blocks();
        let direct_supers = header.direct_super_blocks().min(supers.len());
        let pointers = header.direct_blocks().saturating_add(supers.len().saturating_sub(direct_supers) as u64);
        let in_block = u64::from(header.index_elements);
        let len = BlockPrefix::encoded_len(BlockType::Index, &header, ctx.sizes().o())
            .saturating_add(self.elements.elements_len(in_block))
            .saturating_add(pointers.saturating_mul(ctx.sizes().o() as u64))
            .saturating_add(4);
        let block = ctx.block(address, len, INDEX)?;
        ctx.used(address, len, INDEX)?;
        let mut cursor = ctx.cursor(&block, address, INDEX);
        BlockPrefix::parse(&mut cursor, BlockType::Index, &header)?;
        verify(&cursor, len)?;
        self.elements.run(&mut cursor, 0, in_block, false)?;
        for info in supers.iter().take(direct_supers) {
            for i in 0..info.blocks {
                if let Some(address) = cursor.address()? {
                    self.data_block(address, info, i, None).or_else(|error| ctx.tolerate(error))?;
                }
            }
        }
        for info in supers.iter().skip(direct_supers) {
            if let Some(address) = cursor.address()? {
                self.super_block(address, info).or_else(|error| ctx.tolerate(error))?;
            }
        }
        Ok(())
    }

    /// Number of the first element of data block `i` of a super block.
    fn first(&self, info: &SuperBlockInfo, i: u64) -> u64 {
        let within = i.saturating_mul(info.block_elements);
        u64::from(self.header.index_elements).saturating_add(info.start).saturating_add(within)
    }

    fn super_block(&mut self, address: Address, info: &SuperBlockInfo) -> Result<()> {
        if !self.elements.wants(self.first(info, 0), info.blocks.saturating_mul(info.block_elements)) {
            return Ok(());
        }
        let (header, ctx) = (self.header, self.elements.ctx);
        let pages = header.pages(info.block_elements);
        let bitmaps = info.blocks.saturating_mul(pages.div_ceil(8));
        let len = BlockPrefix::encoded_len(BlockType::Super, &header, ctx.sizes().o())
            .saturating_add(bitmaps)
            .saturating_add(info.blocks.saturating_mul(ctx.sizes().o() as u64))
            .saturating_add(4);
        self.seen.accept(address, len, SUPER)?;
        let block = ctx.block(address, len, SUPER)?;
        ctx.used(address, len, SUPER)?;
        let mut cursor = ctx.cursor(&block, address, SUPER);
        BlockPrefix::parse(&mut cursor, BlockType::Super, &header)?;
        verify(&cursor, len)?;
        let bitmaps = cursor.bytes_u64(bitmaps)?;
        for i in 0..info.blocks {
            if let Some(address) = cursor.address()? {
                self.data_block(address, info, i, Some(bitmaps)).or_else(|error| ctx.tolerate(error))?;
            }
        }
        Ok(())
    }

    fn data_block(&mut self, address: Address, info: &SuperBlockInfo, i: u64, bitmaps: Option<&[u8]>) -> Result<()> {
        let first = self.first(info, i);
        if !self.elements.wants(first, info.block_elements) {
            return Ok(());
        }
        let (header, ctx) = (self.header, self.elements.ctx);
        let pages = header.pages(info.block_elements);
        let prefix = BlockPrefix::encoded_len(BlockType::Data, &header, ctx.sizes().o());
        let in_block = if pages == 0 { self.elements.elements_len(info.block_elements) } else { 0 };
        let len = prefix.saturating_add(in_block).saturating_add(4);
        self.seen.accept(address, len, DATA)?;
        let block = ctx.block(address, len, DATA)?;
        let page_elements = header.page_elements();
        let page_len = self.elements.elements_len(page_elements).saturating_add(4);
        ctx.used(address, len.saturating_add(pages.saturating_mul(page_len)), DATA)?;
        let mut cursor = ctx.cursor(&block, address, DATA);
        BlockPrefix::parse(&mut cursor, BlockType::Data, &header)?;
        if pages == 0 {
            return self.elements.run(&mut cursor, first, info.block_elements, true);
        }
        cursor.checksum()?;
        for page in self.elements.pages_of(first, info.block_elements, page_elements) {
            // Bits count on from block to block, though each block's share is rounded up to bytes.
            let bit = i.saturating_mul(pages).saturating_add(page);
            if bitmaps.is_none_or(|b| page_bit(b, bit)) {
                let at = address.0.saturating_add(len).saturating_add(page.saturating_mul(page_len));
                let start = first.saturating_add(page.saturating_mul(page_elements));
                self.elements.page(Address(at), PAGE, start, page_elements).or_else(|error| ctx.tolerate(error))?;
            }
        }
        Ok(())
    }
}

/// Checks the checksum at the end of a block of `len` bytes, without moving.
fn verify(cursor: &Cursor<'_>, len: u64) -> Result<()> {
    let mut end = cursor.clone();
    let left = to_usize(len)?.saturating_sub(end.position()).saturating_sub(4);
    end.skip(left)?;
    end.checksum()
}
