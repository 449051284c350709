//! Huge objects: each is raw data of its own; their ids hold the address, or a number that a B-tree knows.

use super::{HeapEditor, same_len};
use crate::codec::{Address, Cursor, to_usize};
use crate::edit::{Editor, Purpose, btree_v2};
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v2::RecordType;
use crate::format::btree_v2::records::HugeRecord;
use crate::format::fractal_heap::{HeapId, HugeId};
use crate::graph::FileContext;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Structure name in errors.
const NAME: &str = "huge fractal heap object";

/// The B-tree of huge objects whose records are of a type, and whatever that takes of the file's widths.
pub(super) fn record_type(filtered: bool, direct: bool) -> RecordType {
    match (filtered, direct) {
        (false, false) => RecordType::Huge,
        (true, false) => RecordType::HugeFiltered,
        (false, true) => RecordType::HugeDirect,
        (true, true) => RecordType::HugeDirectFiltered,
    }
}

/// Bytes of the object as it is in memory.
pub(super) fn size_of(record: &HugeRecord) -> u64 {
    record.filtered.map_or(record.len, |(_, size)| size)
}

/// What records are ordered by.
fn order(record: &HugeRecord) -> (u64, Address, u64) {
    match record.id {
        Some(id) => (id, Address(0), 0),
        None => (0, record.address, record.len),
    }
}

pub(super) fn parse(ctx: &FileContext, record: &[u8], record_type: RecordType) -> Result<HugeRecord> {
    HugeRecord::parse(&mut Cursor::new(record, 0, "huge object record", ctx.sizes()), record_type)
}

/// How records stand to this one.
fn compare(wanted: HugeRecord) -> impl FnMut(&FileContext, &[u8]) -> Result<Ordering> {
    move |ctx, record| Ok(order(&parse(ctx, record, wanted.record_type())?).cmp(&order(&wanted)))
}

fn encode(editor: &Editor, record: &HugeRecord) -> Result<Vec<u8>> {
    let mut writer = editor.writer();
    record.encode(&mut writer)?;
    Ok(writer.into_bytes())
}

impl HeapEditor {
    pub(super) fn insert_huge(&mut self, editor: &mut Editor, object: &[u8]) -> Result<Vec<u8>> {
        let id = match self.ids.huge_direct {
            true => None,
            false => Some(self.next_id(editor)?),
        };
        let encoded = match &self.pipeline {
            Some(pipeline) => Some(pipeline.encode(object, &mut self.scratch)?),
            None => None,
        };
        let (stored, filtered) = match &encoded {
            Some(encoded) => (encoded.bytes.as_slice(), Some((encoded.mask, object.len() as u64))),
            None => (object, None),
        };
        let len = stored.len() as u64;
        let address = editor.allocate(Purpose::RawData, len)?;
        let record = HugeRecord { address, len, filtered, id };
        let bytes = encode(editor, &record)?;
        let tree = match self.header.huge_btree {
            Some(tree) => tree,
            None => {
                let size = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
                btree_v2::create(editor, &btree_v2::Parameters::small(record.record_type(), size))?
            }
        };
        self.header.huge_btree = Some(tree);
        btree_v2::insert(editor, tree, &bytes, &mut compare(record))?;
        editor.write_raw(address, stored)?;
        self.header.huge_objects = self.header.huge_objects.saturating_add(1);
        self.header.huge_bytes = self.header.huge_bytes.saturating_add(object.len() as u64);
        let id = match id {
            Some(id) => {
                self.header.next_huge_id = id;
                HugeId::Indirect(id)
            }
            None => HugeId::Direct { address, len, filtered },
        };
        self.encode_id(editor, HeapId::Huge(id))
    }

    /// A number that no object of the heap has. The header holds the last one given.
    fn next_id(&self, editor: &Editor) -> Result<u64> {
        let width = self.ids.key_width().min(editor.ctx().sizes().l()).min(8);
        let bits = u32::try_from(width).unwrap_or(8).saturating_mul(8);
        let most = u64::MAX.checked_shr(64u32.saturating_sub(bits)).unwrap_or(0);
        let next = self.header.next_huge_id.checked_add(1).filter(|&id| id < most && !self.header.huge_ids_wrapped);
        next.ok_or_else(|| {
            Error::new(ErrorKind::Limit, "all numbers of huge objects of this heap were given away").within(NAME)
        })
    }

    /// The record of an id, which may be incomplete where the id itself says all.
    fn wanted(id: HugeId) -> HugeRecord {
        match id {
            HugeId::Direct { address, len, filtered } => HugeRecord { address, len, filtered, id: None },
            HugeId::Indirect(id) => HugeRecord { address: Address(0), len: 0, filtered: None, id: Some(id) },
        }
    }

    fn record_type(&self) -> RecordType {
        record_type(self.ids.filtered, self.ids.huge_direct)
    }

    fn compare_to(&self, id: HugeId) -> impl FnMut(&FileContext, &[u8]) -> Result<Ordering> {
        let (wanted, record_type) = (order(&Self::wanted(id)), self.record_type());
        move |ctx, record| Ok(order(&parse(ctx, record, record_type)?).cmp(&wanted))
    }

    fn missing(&self, ctx: &FileContext) -> Error {
        Error::corrupt(NAME, ctx.absolute(self.address), "no such huge object in this heap")
    }

    fn tree(&self, ctx: &FileContext) -> Result<Address> {
        self.header.huge_btree.ok_or_else(|| self.missing(ctx))
    }

    fn record(&self, ctx: &FileContext, id: HugeId) -> Result<HugeRecord> {
        if matches!(id, HugeId::Direct { .. }) {
            return Ok(Self::wanted(id));
        }
        let tree = crate::graph::btree_v2::BTreeV2::open(ctx, self.tree(ctx)?, self.record_type())?;
        let mut compare = self.compare_to(id);
        let record = tree.find(ctx, |record| compare(ctx, record))?.ok_or_else(|| self.missing(ctx))?;
        parse(ctx, &record, self.record_type())
    }

    pub(super) fn huge(&self, ctx: &FileContext, id: HugeId) -> Result<Vec<u8>> {
        let record = self.record(ctx, id)?;
        let stored = ctx.block(record.address, record.len, NAME)?;
        match (record.filtered, &self.pipeline) {
            (Some((mask, size)), Some(pipeline)) => {
                let limit = ctx.limits().block_bytes;
                if size > limit {
                    return Err(Error::limit("block_bytes", limit, size).within(NAME));
                }
                pipeline.decode(stored, mask, to_usize(size)?)
            }
            _ => Ok(stored.into_owned()),
        }
    }

    pub(super) fn overwrite_huge(&mut self, editor: &mut Editor, id: HugeId, object: &[u8]) -> Result<()> {
        let old = self.record(editor.ctx(), id)?;
        same_len(size_of(&old), object)?;
        let Some(pipeline) = &self.pipeline else {
            return editor.write_raw(old.address, object);
        };
        if old.id.is_none() {
            let text = "an object with filters whose id holds its length can not be overwritten";
            return Err(Error::unsupported(text).within(NAME));
        }
        let encoded = pipeline.encode(object, &mut self.scratch)?;
        let len = encoded.bytes.len() as u64;
        let address = editor.allocate(Purpose::RawData, len)?;
        let new = HugeRecord { address, len, filtered: Some((encoded.mask, size_of(&old))), id: old.id };
        let tree = self.tree(editor.ctx())?;
        btree_v2::replace(editor, tree, &encode(editor, &new)?, &mut compare(new))?;
        editor.write_raw(address, &encoded.bytes)?;
        editor.release(Purpose::RawData, old.address, old.len);
        Ok(())
    }

    pub(super) fn remove_huge(&mut self, editor: &mut Editor, id: HugeId) -> Result<()> {
        let tree = self.tree(editor.ctx())?;
        let found =
            btree_v2::find(editor, tree, &mut self.compare_to(id))?.ok_or_else(|| self.missing(editor.ctx()))?;
        let record = parse(editor.ctx(), &found, self.record_type())?;
        editor.ctx().check(record.address, record.len, NAME)?;
        btree_v2::remove(editor, tree, &mut self.compare_to(id))?;
        editor.release(Purpose::RawData, record.address, record.len);
        self.header.huge_objects = self.header.huge_objects.saturating_sub(1);
        self.header.huge_bytes = self.header.huge_bytes.saturating_sub(size_of(&record));
        if btree_v2::len(editor, tree)? == 0 {
            btree_v2::delete(editor, tree, &mut |_, _| Ok(()))?;
            self.header.huge_btree = None;
            self.header.huge_objects = 0;
            self.header.huge_bytes = 0;
            self.header.next_huge_id = 0;
            self.header.huge_ids_wrapped = false;
        }
        Ok(())
    }
}
