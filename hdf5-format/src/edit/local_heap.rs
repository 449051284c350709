//! Local heaps: texts put in and taken out.
//!
//! ```text
//! prefix ──► data segment: "" at 0 | text | free block | text | ... | free block
//! ```
//! A text takes the best free block; where none will do the segment grows to twice its size, in place if the space
//! behind it is free. The prefix keeps its address: it is what other structures point at. Free blocks that touch are one.
//! Fewer free bytes than a block's fields can not be linked: a text of their length takes them, or they become part of
//! a block when a neighbour does, as long as the list is kept; else they come back with [`clear`].
//!
//! The free list is read once and kept by the [`Editor`] for the next change; the file has every change at once.

mod free_list;

use super::{Editor, Purpose};
use crate::codec::{Address, Sizes, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::format::local_heap::{FreeBlock, LocalHeap, STRUCTURE};
use crate::graph::Visited;
use crate::graph::local_heap::LocalHeapReader;
use alloc::vec::Vec;
use core::ops::Range;

pub(super) use free_list::FreeList;

/// Texts start at multiples of this.
const ALIGNMENT: u64 = 8;

/// Bytes of the segment that a text of `len` bytes takes: its NUL, and up to the next text.
fn room(len: u64) -> u64 {
    aligned(len.saturating_add(1))
}

fn aligned(len: u64) -> u64 {
    len.checked_next_multiple_of(ALIGNMENT).unwrap_or(u64::MAX)
}

/// Longest segment whose length fits the file's lengths.
fn longest(sizes: Sizes) -> u64 {
    let unused = 64u32.saturating_sub(u32::from(sizes.length).saturating_mul(8));
    (u64::MAX.checked_shr(unused).unwrap_or(u64::MAX) >> 3) << 3
}

/// A new heap with the empty text at offset 0 and room for `hint` more bytes of texts: its address.
///
/// # Errors
/// There is no room in the file.
pub(crate) fn create(editor: &mut Editor, hint: u64) -> Result<Address> {
    let sizes = editor.superblock.sizes;
    let prefix = LocalHeap::encoded_len(sizes) as u64;
    let least = FreeBlock::encoded_len(sizes) as u64;
    let used = room(0);
    let data_len = aligned(used.saturating_add(hint).saturating_add(least));
    if data_len > longest(sizes) {
        return Err(too_long(sizes));
    }
    let mut writer = editor.writer();
    writer.zeros(to_usize(prefix)?);
    writer.zeros(to_usize(used)?);
    FreeBlock { next: None, len: data_len.saturating_sub(used) }.encode(&mut writer)?;
    let all = prefix.saturating_add(data_len);
    writer.zeros(to_usize(all)?.saturating_sub(writer.position()));
    let address = editor.place(Purpose::LocalHeap, writer.as_slice())?;
    let data = Address(address.0.saturating_add(prefix));
    write_prefix(editor, address, &LocalHeap { data_len, free_list: Some(used), data })?;
    Ok(address)
}

/// Adds a text, which is followed by a NUL there: its offset.
///
/// # Errors
/// The heap is damaged, or there is no room in the file.
pub(crate) fn insert(editor: &mut Editor, address: Address, text: &[u8]) -> Result<u64> {
    let mut heap = Heap::open(editor, address)?;
    let len = room(text.len() as u64);
    let sizes = editor.superblock.sizes;
    let mut found = heap.free.take(len, sizes, false);
    if found.is_none() {
        // Losing a few bytes is better than twice the segment.
        found = heap.free.take(len, sizes, true);
    }
    let offset = match found {
        Some(offset) => offset,
        None => {
            heap.grow(editor, len)?;
            let found = heap.free.take(len, sizes, true);
            found.ok_or_else(|| Error::new(ErrorKind::Limit, "no room after growing").within(STRUCTURE))?
        }
    };
    let mut bytes = Vec::with_capacity(to_usize(len)?);
    bytes.extend_from_slice(text);
    bytes.resize(to_usize(len)?, 0);
    editor.write(heap.at(offset), &bytes)?;
    heap.close(editor).map(|()| offset)
}

/// Takes texts out: the offset of each and its length without the NUL.
///
/// # Errors
/// The heap is damaged, or a text is not in it. Nothing was changed then.
pub(crate) fn remove(editor: &mut Editor, address: Address, texts: &[(u64, u64)]) -> Result<()> {
    let mut heap = Heap::open(editor, address)?;
    let mut ranges: Vec<Range<u64>> = Vec::with_capacity(texts.len());
    for &(offset, len) in texts {
        let end = offset.saturating_add(room(len)).min(heap.stored.data_len);
        if end <= offset || offset < room(0) {
            let message = alloc::format!("text at offset {offset} of {} bytes of data", heap.stored.data_len);
            return Err(Error::corrupt(STRUCTURE, editor.ctx().absolute(address), message));
        }
        ranges.push(offset..end);
    }
    ranges.sort_by_key(|range| range.start);
    // What touches goes back in one piece: alone it may be too short for a free block.
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut().filter(|last| last.end == range.start) {
            Some(last) => last.end = range.end,
            None => joined.push(range),
        }
    }
    let sizes = editor.superblock.sizes;
    for Range { start, end } in joined {
        heap.free.give(start, end.saturating_sub(start), sizes)?;
    }
    heap.close(editor)
}

/// Takes everything out but the empty text at offset 0.
///
/// # Errors
/// The heap is damaged.
pub(crate) fn clear(editor: &mut Editor, address: Address) -> Result<()> {
    let mut heap = Heap::open(editor, address)?;
    let (used, sizes) = (room(0), editor.superblock.sizes);
    heap.free = FreeList::default();
    heap.free.give(used, heap.stored.data_len.saturating_sub(used), sizes)?;
    heap.close(editor)
}

/// Gives the heap's space back.
///
/// # Errors
/// The heap is damaged; nothing was given back then.
pub(crate) fn delete(editor: &mut Editor, address: Address) -> Result<()> {
    let blocks = blocks(editor, address, &mut Visited::new())?;
    editor.local_heaps.take(address);
    blocks.into_iter().for_each(|(address, len)| editor.release(Purpose::LocalHeap, address, len));
    Ok(())
}

/// Address and length of prefix and data segment.
///
/// # Errors
/// The prefix is damaged, or one overlaps the other or what else was `seen`.
pub(crate) fn blocks(editor: &Editor, address: Address, seen: &mut Visited) -> Result<[(Address, u64); 2]> {
    let heap = *LocalHeapReader::open(editor.ctx(), address)?.heap();
    let prefix = LocalHeap::encoded_len(editor.superblock.sizes) as u64;
    let blocks = [(address, prefix), (heap.data, heap.data_len)];
    blocks.iter().try_for_each(|&(address, len)| seen.accept(address, len, STRUCTURE))?;
    Ok(blocks)
}

/// A heap being changed.
struct Heap {
    address: Address,
    stored: LocalHeap,
    free: FreeList,
}

impl Heap {
    fn open(editor: &mut Editor, address: Address) -> Result<Self> {
        let stored = *LocalHeapReader::open(editor.ctx(), address)?.heap();
        blocks(editor, address, &mut Visited::new())?;
        let kept = editor.local_heaps.take(address).filter(|free| free.head() == stored.free_list);
        let free = kept.map_or_else(|| FreeList::load(editor.ctx(), &stored), Ok)?;
        Ok(Heap { address, stored, free })
    }

    /// Address of an offset of the segment.
    fn at(&self, offset: u64) -> Address {
        Address(self.stored.data.0.saturating_add(offset))
    }

    /// Makes the segment at least twice as long, and long enough for a block of `len` bytes.
    fn grow(&mut self, editor: &mut Editor, len: u64) -> Result<()> {
        let sizes = editor.superblock.sizes;
        let LocalHeap { data, data_len, .. } = self.stored;
        let block = len.max(FreeBlock::encoded_len(sizes) as u64);
        let least = data_len.saturating_sub(self.free.tail(data_len)).saturating_add(block);
        let new_len = aligned(data_len.saturating_mul(2)).min(longest(sizes)).max(least);
        if new_len > longest(sizes) {
            return Err(too_long(sizes));
        }
        let more = new_len.saturating_sub(data_len);
        if editor.extend(Purpose::LocalHeap, data, data_len, more) {
            editor.write(self.at(data_len), &alloc::vec![0; to_usize(more)?])?;
        } else {
            let mut bytes = editor.ctx().block(data, data_len, STRUCTURE)?.into_owned();
            bytes.resize(to_usize(new_len)?, 0);
            self.stored.data = editor.place(Purpose::LocalHeap, &bytes)?;
            editor.release(Purpose::LocalHeap, data, data_len);
        }
        self.stored.data_len = new_len;
        self.free.give(data_len, more, sizes)?;
        // A failure further on must find the new place in the file.
        self.write(editor)
    }

    /// Brings prefix and free blocks into the file.
    fn write(&mut self, editor: &mut Editor) -> Result<()> {
        for (offset, block) in self.free.take_changed() {
            let mut writer = editor.writer();
            block.encode(&mut writer)?;
            let at = Address(self.stored.data.0.saturating_add(offset));
            editor.write(at, writer.as_slice())?;
        }
        self.stored.free_list = self.free.head();
        write_prefix(editor, self.address, &self.stored)
    }

    fn close(mut self, editor: &mut Editor) -> Result<()> {
        self.write(editor)?;
        editor.local_heaps.put(self.address, self.free);
        while editor.local_heaps.excess().is_some() {}
        Ok(())
    }
}

fn write_prefix(editor: &mut Editor, address: Address, heap: &LocalHeap) -> Result<()> {
    let mut writer = editor.writer();
    heap.encode(&mut writer)?;
    editor.write(address, writer.as_slice())
}

fn too_long(sizes: Sizes) -> Error {
    let message = alloc::format!("more than {} bytes of texts do not fit this file's lengths", longest(sizes));
    Error::new(ErrorKind::Limit, message).within(STRUCTURE).with_hint("create the file with wider offsets and lengths")
}

#[cfg(test)]
mod tests;
