//! Huge objects: alone in the file, named by their address or through a B-tree.

use super::{FractalHeap, HeapObject, decode};
use crate::codec::{Address, Cursor, to_usize};
use crate::error::{Error, Result};
use crate::format::btree_v2::RecordType;
use crate::format::btree_v2::records::HugeRecord;
use crate::format::fractal_heap::HugeId;
use crate::graph::btree_v2::BTreeV2;
use crate::graph::context::FileContext;
use alloc::borrow::Cow;

/// Structure name in errors.
const NAME: &str = "huge fractal heap object";

impl FractalHeap {
    /// The object that a huge id names.
    pub(super) fn huge<'c>(&self, ctx: &'c FileContext, id: HugeId) -> Result<HeapObject<'c>> {
        let (address, len, filtered) = match id {
            HugeId::Direct { address, len, filtered } => (address, len, filtered),
            HugeId::Indirect(key) => {
                let record = self.huge_record(ctx, key)?;
                (record.address, record.len, record.filtered)
            }
        };
        self.huge_at(ctx, address, len, filtered)
    }

    fn huge_at<'c>(
        &self,
        ctx: &'c FileContext,
        address: Address,
        len: u64,
        filtered: Option<(u32, u64)>,
    ) -> Result<HeapObject<'c>> {
        let offset = ctx.absolute(address);
        let stored = ctx.block(address, len, NAME)?;
        let bytes = match filtered {
            None => stored,
            Some((mask, size)) => {
                let limit = ctx.limits().block_bytes;
                if size > limit {
                    return Err(Error::limit("block_bytes", limit, size).within(NAME).at(offset));
                }
                Cow::Owned(decode(self, offset, stored, mask, to_usize(size)?)?)
            }
        };
        Ok(HeapObject { bytes, offset })
    }

    fn huge_record(&self, ctx: &FileContext, key: u64) -> Result<HugeRecord> {
        let at = ctx.absolute(self.address);
        let missing = || Error::corrupt(NAME, at, alloc::format!("no huge object with the id {key}"));
        let record_type = if self.ids.filtered { RecordType::HugeFiltered } else { RecordType::Huge };
        let tree = BTreeV2::open(ctx, self.header.huge_btree.ok_or_else(missing)?, record_type)?;
        let parse = |record: &[u8]| {
            HugeRecord::parse(&mut Cursor::new(record, at, "huge object record", ctx.sizes()), record_type)
        };
        let record = tree.find(ctx, |record| Ok(parse(record)?.id.unwrap_or(0).cmp(&key)))?;
        parse(&record.ok_or_else(missing)?)
    }
}
