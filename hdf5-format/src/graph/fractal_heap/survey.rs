//! All blocks of a heap, for a survey of the file.

use super::FractalHeap;
use super::blocks::{Blocks, Place, Table, entry};
use crate::codec::Address;
use crate::error::{Error, Result, Rule};
use crate::format::fractal_heap::DirectBlock;
use crate::format::fractal_heap::header::STRUCTURE as HEADER;
use crate::format::free_space::{FreeSpaceHeader, FreeSpaceSections};
use crate::graph::btree_v2::Visitor;
use crate::graph::context::FileContext;
use core::ops::ControlFlow;

const MANAGER: &str = "free-space manager";
const SECTIONS: &str = "free-space sections";
const HUGE: &str = "huge fractal heap object";

/// What the blocks of a heap add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeapTotals {
    /// Bytes of direct blocks.
    pub(crate) allocated: u64,
    /// Bytes of them that objects may take.
    pub(crate) room: u64,
    /// Huge objects in the index of them.
    pub(crate) huge_objects: u64,
    /// Bytes of these, decoded.
    pub(crate) huge_bytes: u64,
}

impl FractalHeap {
    /// Goes through all blocks, and compares what the header counts of them.
    ///
    /// # Errors
    /// The survey is over.
    pub(crate) fn survey(&self, ctx: &FileContext) -> Result<HeapTotals> {
        let mut walk =
            Walk { heap: self, ctx, blocks: Blocks::new(self, ctx), totals: HeapTotals::default(), whole: true };
        if let Some(root) = self.header.table.root {
            walk.managed(root)?;
        }
        if self.header.huge_btree.is_some() {
            let result = self.huge_tree(ctx).and_then(|tree| tree.visit(ctx, &mut walk));
            walk.note(result)?;
        }
        let manager = self.header.free_manager.map_or(Ok(()), |at| walk.manager(at));
        walk.note(manager)?;
        if walk.whole {
            walk.compare()?;
        }
        Ok(walk.totals)
    }
}

struct Walk<'h, 'c> {
    heap: &'h FractalHeap,
    ctx: &'c FileContext,
    blocks: Blocks<'h, 'c>,
    totals: HeapTotals,
    /// False once something was damaged.
    whole: bool,
}

impl Walk<'_, '_> {
    fn note(&mut self, result: Result<()>) -> Result<()> {
        result.or_else(|error| {
            self.whole = false;
            self.ctx.tolerate(error)
        })
    }

    /// Direct and indirect blocks.
    fn managed(&mut self, root: Address) -> Result<()> {
        let (heap, ctx) = (self.heap, self.ctx);
        let table = &heap.header.table;
        if table.root_rows == 0 {
            let filtered = heap.header.filter.as_ref().map(|f| (f.root_len, f.root_mask));
            return self.direct(&Place { address: root, offset: 0, size: table.start_block, filtered });
        }
        let mut ahead = alloc::vec![Table { address: root, offset: 0, rows: table.root_rows.into() }];
        while let Some(at) = ahead.pop() {
            let block = match self.blocks.indirect(at) {
                Ok(block) => block.clone(),
                Err(error) => {
                    self.note(Err(error))?;
                    continue;
                }
            };
            for row in 0..at.rows {
                for column in 0..u32::from(table.width) {
                    let start = table.row_offset(row).saturating_add(table.row_size(row).saturating_mul(column.into()));
                    let offset = at.offset.saturating_add(start);
                    let index = entry(row, table.width, column);
                    let Some(above) = row.checked_sub(table.direct_rows()) else {
                        let child = block.direct.get(index).copied().unwrap_or_default();
                        if let Some(address) = child.address {
                            let size = table.row_size(row);
                            self.direct(&Place { address, offset, size, filtered: child.filtered })?;
                        }
                        continue;
                    };
                    let child = block.indirect.get(entry(above, table.width, column)).copied().flatten();
                    let Some(address) = child else { continue };
                    let rows = table.child_rows(row);
                    if rows == 0 || rows >= at.rows {
                        let text = alloc::format!("an indirect block in row {row}, which is too small for one");
                        self.note(Err(Error::corrupt(HEADER, ctx.absolute(at.address), text)))?;
                        continue;
                    }
                    ahead.push(Table { address, offset, rows });
                }
            }
        }
        Ok(())
    }

    fn direct(&mut self, place: &Place) -> Result<()> {
        let header = &self.heap.header;
        let prefix = DirectBlock::prefix_len(self.ctx.sizes(), header.table.offset_width(), header.checksums) as u64;
        self.totals.allocated = self.totals.allocated.saturating_add(place.size);
        self.totals.room = self.totals.room.saturating_add(place.size.saturating_sub(prefix));
        let loaded = self.blocks.accept(place).and_then(|()| self.blocks.load(place)).map(drop);
        self.note(loaded)
    }

    /// The free-space manager and its list.
    fn manager(&mut self, at: Address) -> Result<()> {
        let header = load_manager(self.ctx, at)?;
        if let Some((_, list)) = load_sections(self.ctx, at, &header)?
            && list.sections.len() as u64 != header.serialised_count
        {
            let text = alloc::format!("{} sections, but {} in the list", header.serialised_count, list.sections.len());
            self.ctx.tolerate(Error::corrupt(MANAGER, self.ctx.absolute(at), text).breaks(Rule::Count))?;
        }
        // What is lost between objects is free, and in no section.
        if header.total_space > self.heap.header.free_space {
            let (heap, manager) = (self.heap.header.free_space, header.total_space);
            let text = alloc::format!("{manager} free bytes, but the heap has only {heap}");
            self.ctx.tolerate(Error::corrupt(MANAGER, self.ctx.absolute(at), text).breaks(Rule::Count))?;
        }
        Ok(())
    }

    fn compare(&self) -> Result<()> {
        let header = &self.heap.header;
        // libhdf5 counts fewer bytes of direct blocks than there are, once it filled a row at once.
        let allocated = header.allocated_space.min(self.totals.allocated);
        let counts = [
            ("bytes of direct blocks", header.allocated_space, allocated),
            ("huge objects", header.huge_objects, self.totals.huge_objects),
            ("bytes of huge objects", header.huge_bytes, self.totals.huge_bytes),
        ];
        for (what, counted, found) in counts {
            if counted != found {
                let text = alloc::format!("{counted} {what}, but there are {found}");
                let at = self.ctx.absolute(self.heap.address);
                self.ctx.tolerate(Error::corrupt(HEADER, at, text).breaks(Rule::Count))?;
            }
        }
        Ok(())
    }
}

impl Visitor for Walk<'_, '_> {
    fn record(&mut self, record: &[u8]) -> Result<ControlFlow<()>> {
        let (heap, ctx) = (self.heap, self.ctx);
        let result = heap.parse_huge(ctx, record).and_then(|record| {
            ctx.check(record.address, record.len, HUGE)?;
            let size = record.filtered.map_or(record.len, |(_, size)| size);
            self.totals.huge_objects = self.totals.huge_objects.saturating_add(1);
            self.totals.huge_bytes = self.totals.huge_bytes.saturating_add(size);
            ctx.used(record.address, record.len, HUGE)
        });
        self.note(result)?;
        Ok(ControlFlow::Continue(()))
    }

    fn damaged(&mut self, error: Error) -> Result<ControlFlow<()>> {
        self.note(Err(error))?;
        Ok(ControlFlow::Continue(()))
    }
}

/// A free-space manager's header.
pub(crate) fn load_manager(ctx: &FileContext, at: Address) -> Result<FreeSpaceHeader> {
    let len = FreeSpaceHeader::encoded_len(ctx.sizes()) as u64;
    let block = ctx.block(at, len, MANAGER)?;
    ctx.used(at, len, MANAGER)?;
    FreeSpaceHeader::parse(&mut ctx.cursor(&block, at, MANAGER))
}

/// Where a manager's list of sections is, and the list.
pub(crate) fn load_sections(
    ctx: &FileContext,
    manager: Address,
    header: &FreeSpaceHeader,
) -> Result<Option<(Address, FreeSpaceSections)>> {
    let Some(at) = header.sections else { return Ok(None) };
    let block = ctx.block(at, header.sections_used, SECTIONS)?;
    ctx.used(at, header.sections_allocated, SECTIONS)?;
    let cursor = ctx.cursor(&block, at, SECTIONS);
    let list = FreeSpaceSections::parse(&mut cursor.clone(), header)?;
    if list.header != manager {
        return Err(cursor.unexpected("manager", manager, list.header));
    }
    Ok(Some((at, list)))
}
