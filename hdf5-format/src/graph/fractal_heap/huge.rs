//! Huge objects: alone in the file, named by their address or through a B-tree.

use super::{FractalHeap, HeapObject, decode};
use crate::codec::{Cursor, to_usize};
use crate::error::{Error, Result};
use crate::format::btree_v2::RecordType;
use crate::format::btree_v2::records::HugeRecord;
use crate::format::fractal_heap::HugeId;
use crate::graph::allowance::Allowance;
use crate::graph::btree_v2::{BTreeV2, Visitor};
use crate::graph::context::FileContext;
use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use core::ops::ControlFlow;

/// Structure name in errors.
const NAME: &str = "huge fractal heap object";

/// The records of a heap's huge objects, by the ids that heap ids hold.
pub(super) type HugeRecords = BTreeMap<u64, HugeRecord>;

impl FractalHeap {
    /// The object that a huge id names.
    pub(super) fn huge<'c>(
        &self,
        ctx: &'c FileContext,
        id: HugeId,
        decoding: &mut Allowance,
        find: impl FnOnce(u64) -> Result<HugeRecord>,
    ) -> Result<HeapObject<'c>> {
        let (address, len, filtered) = match id {
            HugeId::Direct { address, len, filtered } => (address, len, filtered),
            HugeId::Indirect(key) => {
                let record = find(key)?;
                (record.address, record.len, record.filtered)
            }
        };
        let offset = ctx.absolute(address);
        let stored = ctx.block(address, len, NAME)?;
        let bytes = match filtered {
            None => stored,
            Some((mask, size)) => {
                decoding.take(size).map_err(|e| e.within(NAME).at(offset))?;
                Cow::Owned(decode(self, offset, stored, mask, to_usize(size)?)?)
            }
        };
        Ok(HeapObject { bytes, offset })
    }

    pub(super) fn huge_tree(&self, ctx: &FileContext) -> Result<BTreeV2> {
        let address = self
            .header
            .huge_btree
            .ok_or_else(|| Error::corrupt(NAME, ctx.absolute(self.address), "the heap has no index of huge objects"))?;
        BTreeV2::open(ctx, address, self.huge_type())
    }

    fn huge_type(&self) -> RecordType {
        match (self.ids.huge_direct, self.ids.filtered) {
            (false, false) => RecordType::Huge,
            (false, true) => RecordType::HugeFiltered,
            (true, false) => RecordType::HugeDirect,
            (true, true) => RecordType::HugeDirectFiltered,
        }
    }

    pub(super) fn parse_huge(&self, ctx: &FileContext, record: &[u8]) -> Result<HugeRecord> {
        let mut cursor = Cursor::new(record, ctx.absolute(self.address), "huge object record", ctx.sizes());
        HugeRecord::parse(&mut cursor, self.huge_type())
    }

    pub(super) fn no_huge(&self, ctx: &FileContext, key: u64) -> Error {
        let at = ctx.absolute(self.address);
        Error::corrupt(NAME, at, alloc::format!("no huge object with the id {key} in this heap"))
    }

    /// One record, looked up.
    pub(super) fn huge_record(&self, ctx: &FileContext, key: u64) -> Result<HugeRecord> {
        let tree = self.huge_tree(ctx)?;
        let record = tree.find(ctx, |record| Ok(self.parse_huge(ctx, record)?.id.unwrap_or(0).cmp(&key)))?;
        self.parse_huge(ctx, &record.ok_or_else(|| self.no_huge(ctx, key))?)
    }

    /// All records that can be read.
    pub(super) fn huge_records(&self, ctx: &FileContext) -> Result<HugeRecords> {
        let mut collect = Collect { ctx, heap: self, records: BTreeMap::new() };
        self.huge_tree(ctx)?.visit(ctx, &mut collect)?;
        Ok(collect.records)
    }
}

struct Collect<'a> {
    ctx: &'a FileContext,
    heap: &'a FractalHeap,
    records: HugeRecords,
}

impl Visitor for Collect<'_> {
    fn record(&mut self, record: &[u8]) -> Result<ControlFlow<()>> {
        if let Ok(record) = self.heap.parse_huge(self.ctx, record) {
            self.records.insert(record.id.unwrap_or(0), record);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn damaged(&mut self, _: Error) -> Result<ControlFlow<()>> {
        // What it held is then missing when it is asked for.
        Ok(ControlFlow::Continue(()))
    }
}
