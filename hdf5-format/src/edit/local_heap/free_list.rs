//! The free blocks of a local heap's data segment.

use crate::codec::{Address, Sizes};
use crate::edit::kept::Keep;
use crate::error::{Error, Result};
use crate::format::local_heap::{FreeBlock, LocalHeap, STRUCTURE};
use crate::graph::{FileContext, Visited};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;

/// Bytes of memory that a block takes.
const BLOCK_MEMORY: usize = 128;

/// A heap's free blocks, linked as in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::edit) struct FreeList {
    head: Option<u64>,
    blocks: BTreeMap<u64, Block>,
    /// Length and offset of each block.
    by_len: BTreeSet<(u64, u64)>,
    /// Offsets of blocks that the file does not have as they are.
    changed: BTreeSet<u64>,
    /// Free bytes that are too few for a block: offset and length. The file does not know of them.
    pub(super) loose: BTreeMap<u64, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    len: u64,
    before: Option<u64>,
    next: Option<u64>,
}

impl FreeList {
    /// Reads the list of a heap.
    ///
    /// # Errors
    /// A block is damaged, or overlaps another.
    pub(super) fn load(ctx: &FileContext, heap: &LocalHeap) -> Result<Self> {
        let mut list = FreeList { head: heap.free_list, ..FreeList::default() };
        let mut seen = Visited::new();
        let (mut before, mut next) = (None, heap.free_list);
        while let Some(offset) = next {
            let address = Address(heap.data.0.saturating_add(offset));
            let room = heap.data_len.saturating_sub(offset);
            let bytes = ctx.block(address, FreeBlock::encoded_len(ctx.sizes()) as u64, STRUCTURE)?;
            let block = FreeBlock::parse(&mut ctx.cursor(&bytes, address, STRUCTURE), room)?;
            seen.accept(address, block.len, STRUCTURE)?;
            list.put(offset, Block { len: block.len, before, next: block.next });
            (before, next) = (next, block.next);
        }
        list.changed.clear();
        Ok(list)
    }

    /// Offset of the first block of the list.
    pub(super) fn head(&self) -> Option<u64> {
        self.head
    }

    /// The free bytes that the segment ends with.
    pub(super) fn tail(&self, end: u64) -> u64 {
        let last = self.blocks.last_key_value();
        last.filter(|(offset, block)| offset.saturating_add(block.len) == end).map_or(0, |(_, block)| block.len)
    }

    /// Takes `len` bytes of the best block: of their length, or the shortest whose rest is a block too. `lossy`: also
    /// of one whose rest is too short for that.
    pub(super) fn take(&mut self, len: u64, sizes: Sizes, lossy: bool) -> Option<u64> {
        if let Some(offset) = self.loose.iter().find_map(|(&offset, &loose)| (loose == len).then_some(offset)) {
            self.loose.remove(&offset);
            return Some(offset);
        }
        let least = len.saturating_add(FreeBlock::encoded_len(sizes) as u64);
        let exact = self.by_len.range((len, 0)..=(len, u64::MAX)).next();
        let mut found = exact.or_else(|| self.by_len.range((least, 0)..).next());
        if lossy {
            found = found.or_else(|| self.by_len.range((len, 0)..).next());
        }
        let &(size, offset) = found?;
        let rest = size.saturating_sub(len);
        if size >= least {
            self.replace(offset, offset.saturating_add(len), rest);
        } else {
            self.unlink(offset);
            if rest > 0 {
                self.loose.insert(offset.saturating_add(len), rest);
            }
        }
        Some(offset)
    }

    /// Gives bytes back, joined with what is free beside them. Less than a block's fields alone are loose.
    ///
    /// # Errors
    /// Some of them are free already.
    pub(super) fn give(&mut self, offset: u64, len: u64, sizes: Sizes) -> Result<()> {
        let end = offset.saturating_add(len);
        let before = self.blocks.range(..end).next_back().map(|(&at, block)| (at, at.saturating_add(block.len)));
        if let Some((at, _)) = before.filter(|&(_, before_end)| before_end > offset) {
            return Err(Error::corrupt(STRUCTURE, offset, format!("text in the free block at offset {at}")));
        }
        let loose = self.loose.range(..end).next_back().map(|(&at, &len)| (at, at.saturating_add(len)));
        if let Some((at, _)) = loose.filter(|&(_, loose_end)| loose_end > offset) {
            return Err(Error::corrupt(STRUCTURE, offset, format!("text in the free bytes at offset {at}")));
        }
        let loose = loose.filter(|&(_, loose_end)| loose_end == offset).map(|(at, _)| at);
        let start = loose.unwrap_or(offset);
        self.loose.remove(&start);
        let end = end.saturating_add(self.loose.remove(&end).unwrap_or(0));
        self.join(start, end, sizes);
        Ok(())
    }

    /// Adds bytes that touch nothing loose.
    fn join(&mut self, offset: u64, end: u64, sizes: Sizes) {
        let len = end.saturating_sub(offset);
        let before = self.blocks.range(..end).next_back().map(|(&at, block)| (at, at.saturating_add(block.len)));
        let after = self.unlink(end).map_or(0, |block| block.len);
        let len = len.saturating_add(after);
        match before.filter(|&(_, before_end)| before_end == offset) {
            Some((at, _)) => self.replace(at, at, offset.saturating_sub(at).saturating_add(len)),
            None if len >= FreeBlock::encoded_len(sizes) as u64 => self.push(offset, len),
            None => {
                self.loose.insert(offset, len);
            }
        }
    }

    /// Blocks that changed since they were loaded or taken from here, with their fields.
    pub(super) fn take_changed(&mut self) -> impl Iterator<Item = (u64, FreeBlock)> {
        let changed = core::mem::take(&mut self.changed);
        let blocks = &self.blocks;
        changed.into_iter().filter_map(move |offset| {
            blocks.get(&offset).map(|block| (offset, FreeBlock { next: block.next, len: block.len }))
        })
    }

    fn put(&mut self, offset: u64, block: Block) {
        self.by_len.insert((block.len, offset));
        self.blocks.insert(offset, block);
        self.changed.insert(offset);
    }

    fn push(&mut self, offset: u64, len: u64) {
        self.put(offset, Block { len, before: None, next: self.head });
        if let Some(next) = self.head.and_then(|next| self.blocks.get_mut(&next)) {
            next.before = Some(offset);
        }
        self.head = Some(offset);
    }

    fn unlink(&mut self, offset: u64) -> Option<Block> {
        let block = self.blocks.remove(&offset)?;
        self.by_len.remove(&(block.len, offset));
        self.point(block.before, block.next);
        if let Some(next) = block.next.and_then(|next| self.blocks.get_mut(&next)) {
            next.before = block.before;
        }
        Some(block)
    }

    /// Lets the block at `before`, or the list's head, lead to `next`.
    fn point(&mut self, before: Option<u64>, next: Option<u64>) {
        match before.and_then(|before| Some((before, self.blocks.get_mut(&before)?))) {
            Some((before, block)) => {
                block.next = next;
                self.changed.insert(before);
            }
            None => self.head = next,
        }
    }

    /// Another block in a block's place of the list.
    fn replace(&mut self, old: u64, offset: u64, len: u64) {
        let Some(block) = self.blocks.remove(&old) else { return };
        self.by_len.remove(&(block.len, old));
        self.put(offset, Block { len, ..block });
        if old != offset {
            self.point(block.before, Some(offset));
            if let Some(next) = block.next.and_then(|next| self.blocks.get_mut(&next)) {
                next.before = Some(offset);
            }
        }
    }
}

impl Keep for FreeList {
    fn memory(&self) -> usize {
        self.blocks.len().saturating_add(self.loose.len()).saturating_mul(BLOCK_MEMORY)
    }
}
