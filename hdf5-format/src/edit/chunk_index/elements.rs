//! Elements of fixed and extensible arrays, in the blocks that hold them.

use super::StoredChunk;
use super::blocks::{Access, Blocks, bounded};
use crate::codec::{Address, Cursor, Writer};
use crate::edit::Editor;
use crate::error::Result;
use crate::format::chunk_element::{ChunkElement, ElementForm};
use crate::graph::FileContext;
use crate::graph::chunk_index::page_bit;

/// Consecutive elements of one block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Number of the first one.
    pub(super) first: u64,
    pub(super) count: u64,
    pub(super) block: Address,
    /// Where in the block the first one is.
    pub(super) start: u64,
}

/// The elements of an array, whichever way they are found.
pub(super) struct Elements {
    pub(super) blocks: Blocks,
    pub(super) form: ElementForm,
    /// Bytes of one.
    pub(super) len: u64,
    /// Stored bytes of chunks whose elements do not say.
    chunk_bytes: u64,
    /// The elements last used; their block is held.
    last: Option<Run>,
}

impl Elements {
    pub(super) fn new(ctx: &FileContext, form: ElementForm, chunk_bytes: u64) -> Self {
        let len = form.len(ctx.sizes().o()) as u64;
        Elements { blocks: Blocks::default(), form, len, chunk_bytes, last: None }
    }

    /// Bytes of `count` elements.
    pub(super) fn bytes_of(&self, count: u64) -> u64 {
        count.saturating_mul(self.len)
    }

    /// The elements last used, if number `number` is one of them.
    pub(super) fn last(&self, number: u64) -> Option<Run> {
        self.last.filter(|run| number.wrapping_sub(run.first) < run.count)
    }

    pub(super) fn keep(&mut self, run: Run) {
        self.last = Some(run);
    }

    fn place(&self, run: Run, number: u64) -> u64 {
        run.start.saturating_add(self.bytes_of(number.saturating_sub(run.first)))
    }

    pub(super) fn get(&self, ctx: &FileContext, run: Run, number: u64) -> Result<Option<StoredChunk>> {
        let at = self.place(run, number);
        let bytes = usize::try_from(at).ok().and_then(|at| self.blocks.bytes(run.block).get(at..)).unwrap_or(&[]);
        let offset = ctx.absolute(run.block).saturating_add(at);
        let element = ChunkElement::parse(&mut Cursor::new(bytes, offset, "array element", ctx.sizes()), self.form)?;
        Ok(element.address.map(|address| {
            let (size, filter_mask) = element.filtered.unwrap_or((self.chunk_bytes, 0));
            StoredChunk { address, size, filter_mask }
        }))
    }

    pub(super) fn put(&mut self, editor: &Editor, run: Run, number: u64, chunk: Option<StoredChunk>) -> Result<()> {
        let filtered = |chunk: StoredChunk| self.form.size_width().map(|_| (chunk.size, chunk.filter_mask));
        let element = ChunkElement { address: chunk.map(|c| c.address), filtered: chunk.and_then(filtered) };
        let mut writer = editor.writer();
        element.encode(&mut writer, self.form)?;
        self.blocks.change(run.block, self.place(run, number), writer.as_slice())
    }

    /// Appends `count` elements without chunks.
    pub(super) fn fill(&self, ctx: &FileContext, writer: &mut Writer, count: u64) -> Result<()> {
        bounded(ctx, self.bytes_of(count), "array elements")?;
        let element = ChunkElement { address: None, filtered: None };
        (0..count).try_for_each(|_| element.encode(writer, self.form))
    }

    /// Holds the page that a run fills. Where `bit` says that there is none yet it is made, or not found: the block
    /// with the bitmap, where in it that is, and the number of the bit.
    pub(super) fn page(
        &mut self,
        access: &mut Access<'_>,
        run: Run,
        bit: Option<(Address, u64, u64)>,
        structure: &'static str,
    ) -> Result<Option<Run>> {
        let is_set = |(block, bitmap, bit): (Address, u64, u64)| {
            let bitmap = usize::try_from(bitmap).unwrap_or(usize::MAX);
            page_bit(self.blocks.bytes(block).get(bitmap..).unwrap_or(&[]), bit)
        };
        let Some((block, bitmap, bit)) = bit.filter(|&bit| !is_set(bit)) else {
            let len = self.bytes_of(run.count).saturating_add(4);
            self.blocks.load(access.ctx(), run.block, len, structure)?;
            return Ok(Some(run));
        };
        let Some(editor) = access.editor() else { return Ok(None) };
        self.add_page(editor, run.block, run.count)?;
        self.blocks.set_bit(block, bitmap, bit)?;
        Ok(Some(run))
    }

    /// Holds a new page of `count` elements without chunks.
    pub(super) fn add_page(&mut self, editor: &Editor, address: Address, count: u64) -> Result<()> {
        let mut writer = editor.writer();
        self.fill(editor.ctx(), &mut writer, count)?;
        self.blocks.add(address, writer);
        Ok(())
    }

    /// Hands blocks over if many are held. Before an operation: during one, blocks stay where they are.
    pub(super) fn relieve(&mut self, editor: &mut Editor) -> Result<()> {
        if self.blocks.relieve(editor)? {
            self.last = None;
        }
        Ok(())
    }
}
