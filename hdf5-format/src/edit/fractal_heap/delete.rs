//! Whole heaps given back.

use super::huge::{parse, record_type};
use super::{HeapEditor, Purpose, header_len, manager};
use crate::codec::Address;
use crate::edit::{Editor, btree_v2};
use crate::error::Result;
use crate::format::fractal_heap::header::STRUCTURE as HEADER;
use crate::format::free_space::FreeSpaceHeader;
use crate::graph::Visited;
use alloc::vec::Vec;

/// Blocks that go when all of them are known.
#[derive(Default)]
struct Blocks {
    seen: Visited,
    blocks: Vec<(Purpose, Address, u64)>,
}

impl Blocks {
    fn add(&mut self, editor: &Editor, purpose: Purpose, address: Address, len: u64) -> Result<()> {
        editor.ctx().check(address, len, HEADER)?;
        self.seen.accept(address, len, HEADER)?;
        self.blocks.push((purpose, address, len));
        Ok(())
    }
}

/// Gives back all that a heap has: blocks, huge objects and their index, the free-space manager, the header.
///
/// # Errors
/// A block is damaged. Only the index of huge objects may be gone then.
pub(crate) fn delete(editor: &mut Editor, address: Address) -> Result<()> {
    let heap = HeapEditor::take(editor, address)?;
    let owes = heap.owes();
    let done = give_back(editor, address, heap);
    if done.is_err() && owes {
        editor.changed();
    }
    done
}

fn give_back(editor: &mut Editor, address: Address, mut heap: HeapEditor) -> Result<()> {
    let mut blocks = Blocks::default();
    blocks.add(editor, Purpose::ObjectHeader, address, header_len(editor.ctx().sizes(), &heap.header))?;
    if let Some(at) = heap.header.free_manager {
        let manager = manager::load_header(editor.ctx(), at)?;
        let len = FreeSpaceHeader::encoded_len(editor.ctx().sizes()) as u64;
        blocks.add(editor, Purpose::ObjectHeader, at, len)?;
        if let Some(list) = manager.sections {
            blocks.add(editor, Purpose::LocalHeap, list, manager.sections_allocated)?;
        }
    }
    heap.managed_blocks(editor, &mut blocks)?;
    if let Some(tree) = heap.header.huge_btree {
        let record_type = record_type(heap.ids.filtered, heap.ids.huge_direct);
        btree_v2::delete(editor, tree, &mut |editor, record| {
            let record = parse(editor.ctx(), record, record_type)?;
            blocks.add(editor, Purpose::RawData, record.address, record.len)
        })?;
    }
    blocks.blocks.into_iter().for_each(|(purpose, address, len)| editor.release(purpose, address, len));
    Ok(())
}

impl HeapEditor {
    /// Direct blocks and tables.
    fn managed_blocks(&mut self, editor: &Editor, blocks: &mut Blocks) -> Result<()> {
        let Some(root) = self.header.table.root else { return Ok(()) };
        let root_rows = u32::from(self.header.table.root_rows);
        if root_rows == 0 {
            let len = match &self.header.filter {
                Some(filter) => filter.root_len,
                None => self.header.table.start_block,
            };
            return blocks.add(editor, Purpose::LocalHeap, root, len);
        }
        let width = usize::from(self.header.table.width).max(1);
        let mut left = alloc::vec![(0u64, root, root_rows)];
        while let Some((offset, address, rows)) = left.pop() {
            let len = self.table_len(editor.ctx(), rows);
            self.table(editor.ctx(), offset, address, rows)?;
            // A table is not needed twice.
            let Some(table) = self.tables.remove(&offset) else { continue };
            blocks.add(editor, Purpose::ObjectHeader, address, len)?;
            for entry in 0..table.len() {
                let Some(child) = table.child(entry) else { continue };
                let row = u32::try_from(entry.checked_div(width).unwrap_or(0)).unwrap_or(u32::MAX);
                if let Some(direct) = table.block.direct.get(entry) {
                    let size = self.geometry.table.row_size(row);
                    let stored = direct.filtered.map_or(size, |(len, _)| len);
                    blocks.add(editor, Purpose::LocalHeap, child, stored)?;
                    continue;
                }
                let start = offset.saturating_add(self.geometry.entry_offset(entry as u64));
                let below = self.geometry.table.child_rows(row);
                if below > 0 && below < rows {
                    left.push((start, child, below));
                }
            }
        }
        Ok(())
    }
}
