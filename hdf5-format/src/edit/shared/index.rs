//! One index of shared messages: a list, or a v2 B-tree by hash, and the heap with the messages.

use super::{HeapId, empty_type};
use crate::codec::checksum::lookup3;
use crate::codec::{Address, Cursor};
use crate::edit::btree_v2::{self, Parameters as TreeParameters};
use crate::edit::fractal_heap::{self, Parameters as HeapParameters};
use crate::edit::{Editor, Purpose};
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v2::RecordType;
use crate::format::message::MessageKind;
use crate::format::shared_message_list::{Location, SharedMessageList, SharedMessageRecord};
use crate::format::shared_message_table::{IndexType, SharedMessageIndex, SharedMessageTable};
use crate::graph::FileContext;
use crate::graph::fractal_heap::FractalHeap;
use crate::graph::object_header::ObjectHeader;
use alloc::vec::Vec;
use core::cmp::Ordering;

const LIST: &str = "shared message list";

/// An index of the file's table, while it is changed.
pub(super) struct Index {
    table_at: Address,
    table: SharedMessageTable,
    at: usize,
    entry: SharedMessageIndex,
}

/// The hash of a message: lookup3 from its kind.
pub(super) fn hash(kind: MessageKind, body: &[u8]) -> u32 {
    lookup3(body, kind.id().into())
}

impl Index {
    /// The index for a message of a kind and length, if such are shared.
    pub(super) fn of(editor: &Editor, kind: MessageKind, len: usize) -> Result<Option<Index>> {
        let Some(shared) = editor.ctx().shared_messages() else { return Ok(None) };
        let (table_at, table) = (shared.address(), shared.reload(editor.ctx())?);
        let Some(at) = table.indexes.iter().position(|index| index.holds(kind)) else { return Ok(None) };
        let Some(entry) = table.indexes.get(at).cloned() else { return Ok(None) };
        let long = u64::from(entry.min_message_size) <= len as u64;
        Ok(long.then_some(Index { table_at, table, at, entry }))
    }

    /// True if more messages can be counted, after some that are not entered yet.
    pub(super) fn has_room(&self, waiting: usize) -> bool {
        usize::from(self.entry.message_count).saturating_add(waiting) < usize::from(u16::MAX)
    }

    fn store(&mut self, editor: &mut Editor) -> Result<()> {
        if let Some(old) = self.table.indexes.get_mut(self.at) {
            *old = self.entry.clone();
        }
        let mut writer = editor.block_writer();
        self.table.encode(&mut writer)?;
        editor.write_block(self.table_at, &writer)
    }

    /// The record of a message.
    pub(super) fn find(
        &self,
        editor: &mut Editor,
        kind: MessageKind,
        body: &[u8],
    ) -> Result<Option<SharedMessageRecord>> {
        let (Some(address), hash, heap) = (self.entry.index, hash(kind, body), self.entry.heap) else {
            return Ok(None);
        };
        if self.entry.index_type == IndexType::BTree {
            let found = btree_v2::find(editor, address, &mut |ctx, record| compare(ctx, heap, record, hash, body))?;
            return found.map(|record| parse(editor.ctx(), &record)).transpose();
        }
        for record in self.list(editor)?.records {
            if record.hash == hash && compare_body(editor.ctx(), heap, &record, body)? == Ordering::Equal {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn heap(&self) -> Result<Address> {
        self.entry.heap.ok_or_else(|| Error::new(ErrorKind::Corrupt, "an index of shared messages without a heap"))
    }

    /// Puts a message into the heap.
    pub(super) fn put_in_heap(&mut self, editor: &mut Editor, body: &[u8]) -> Result<HeapId> {
        self.create(editor)?;
        let id = fractal_heap::change(editor, self.heap()?, |editor, heap| heap.insert(editor, body))?;
        let len = id.len();
        id.try_into().map_err(|_| Error::new(ErrorKind::Corrupt, alloc::format!("heap ids of {len} bytes, expected 8")))
    }

    /// Counts one use more; a message that only a header has goes to the heap. `None`: it can not be counted.
    pub(super) fn count_up(
        &mut self,
        editor: &mut Editor,
        found: &SharedMessageRecord,
        body: &[u8],
    ) -> Result<Option<HeapId>> {
        let (reference_count, heap_id) = match found.location {
            Location::Heap { reference_count: u32::MAX, .. } => return Ok(None),
            Location::Heap { reference_count, heap_id } => (reference_count.saturating_add(1), heap_id),
            Location::Header { .. } => (2, self.put_in_heap(editor, body)?),
        };
        let new = SharedMessageRecord { location: Location::Heap { reference_count, heap_id }, ..*found };
        self.replace(editor, found, new, body)?;
        Ok(Some(heap_id))
    }

    /// Counts one use off: whether it was the last one, with which the message went.
    pub(super) fn count_down(&mut self, editor: &mut Editor, found: &SharedMessageRecord, body: &[u8]) -> Result<bool> {
        if let Location::Heap { reference_count: count @ 2.., heap_id } = found.location {
            let location = Location::Heap { reference_count: count.saturating_sub(1), heap_id };
            self.replace(editor, found, SharedMessageRecord { location, ..*found }, body)?;
            return Ok(false);
        }
        self.remove(editor, found, body)?;
        Ok(true)
    }

    /// Makes index and heap of the first message.
    fn create(&mut self, editor: &mut Editor) -> Result<()> {
        if self.entry.index.is_some() && self.entry.heap.is_some() {
            return Ok(());
        }
        if self.entry.heap.is_none() {
            self.entry.heap = Some(fractal_heap::create(editor, &HeapParameters::ATTRIBUTES)?);
        }
        if self.entry.index.is_none() {
            match self.entry.index_type {
                IndexType::List => self.new_list(editor, &SharedMessageList::default())?,
                IndexType::BTree => self.entry.index = Some(new_tree(editor)?),
            }
        }
        self.store(editor)
    }

    /// Enters a message that is not there.
    pub(super) fn insert(&mut self, editor: &mut Editor, record: SharedMessageRecord, body: &[u8]) -> Result<()> {
        self.create(editor)?;
        if self.entry.index_type == IndexType::List && self.entry.message_count >= self.entry.list_max {
            self.grow_to_tree(editor)?;
        }
        if self.entry.index_type == IndexType::BTree {
            self.insert_in_tree(editor, &record, body)?;
        } else {
            let mut list = self.list(editor)?;
            list.records.push(record);
            self.write_list(editor, &list)?;
        }
        self.entry.message_count = self.entry.message_count.saturating_add(1);
        self.store(editor)
    }

    fn replace(
        &mut self,
        editor: &mut Editor,
        old: &SharedMessageRecord,
        new: SharedMessageRecord,
        body: &[u8],
    ) -> Result<()> {
        if let (IndexType::BTree, Some(address)) = (self.entry.index_type, self.entry.index) {
            let heap = self.entry.heap;
            let bytes = encode(editor, &new)?;
            btree_v2::replace(editor, address, &bytes, &mut |ctx, r| compare(ctx, heap, r, old.hash, body))?;
            return Ok(());
        }
        let mut list = self.list(editor)?;
        if let Some(place) = list.records.iter_mut().find(|record| *record == old) {
            *place = new;
        }
        self.write_list(editor, &list)
    }

    fn remove(&mut self, editor: &mut Editor, old: &SharedMessageRecord, body: &[u8]) -> Result<()> {
        let heap = self.entry.heap;
        match (self.entry.index_type, self.entry.index) {
            (IndexType::BTree, Some(address)) => {
                btree_v2::remove(editor, address, &mut |ctx, r| compare(ctx, heap, r, old.hash, body))?;
            }
            _ => {
                let mut list = self.list(editor)?;
                list.records.retain(|record| record != old);
                self.write_list(editor, &list)?;
            }
        }
        if let Location::Heap { heap_id, .. } = old.location {
            fractal_heap::change(editor, self.heap()?, |editor, heap| heap.remove(editor, &heap_id))?;
        }
        self.entry.message_count = self.entry.message_count.saturating_sub(1);
        if self.entry.message_count == 0 {
            self.clear(editor)?;
        } else if self.entry.index_type == IndexType::BTree && self.entry.message_count < self.entry.btree_min {
            self.shrink_to_list(editor)?;
        }
        self.store(editor)
    }

    /// Gives index and heap back, which hold nothing.
    fn clear(&mut self, editor: &mut Editor) -> Result<()> {
        match (self.entry.index_type, self.entry.index.take()) {
            (IndexType::List, Some(address)) => self.release_list(editor, address),
            (IndexType::BTree, Some(address)) => btree_v2::delete(editor, address, &mut |_, _| Ok(()))?,
            (_, None) => {}
        }
        if let Some(heap) = self.entry.heap.take() {
            fractal_heap::delete(editor, heap)?;
        }
        self.entry.index_type = empty_type(self.entry.list_max);
        Ok(())
    }

    fn grow_to_tree(&mut self, editor: &mut Editor) -> Result<()> {
        let (list, old) = (self.list(editor)?, self.entry.index);
        self.entry.index = Some(new_tree(editor)?);
        self.entry.index_type = IndexType::BTree;
        for record in &list.records {
            let body = self.body(editor, record)?;
            self.insert_in_tree(editor, record, &body)?;
        }
        if let Some(address) = old {
            self.release_list(editor, address);
        }
        Ok(())
    }

    fn shrink_to_list(&mut self, editor: &mut Editor) -> Result<()> {
        let mut list = SharedMessageList::default();
        if let Some(address) = self.entry.index {
            btree_v2::delete(editor, address, &mut |editor, record| {
                list.records.push(parse(editor.ctx(), record)?);
                Ok(())
            })?;
        }
        self.entry.index_type = IndexType::List;
        self.new_list(editor, &list)
    }

    fn insert_in_tree(&self, editor: &mut Editor, record: &SharedMessageRecord, body: &[u8]) -> Result<()> {
        let Some(address) = self.entry.index else { return Ok(()) };
        let (heap, bytes) = (self.entry.heap, encode(editor, record)?);
        btree_v2::insert(editor, address, &bytes, &mut |ctx, r| compare(ctx, heap, r, record.hash, body))
    }

    fn list_len(&self, editor: &Editor) -> u64 {
        SharedMessageList::encoded_len(self.entry.list_max.into(), editor.ctx().sizes()) as u64
    }

    fn new_list(&mut self, editor: &mut Editor, list: &SharedMessageList) -> Result<()> {
        self.entry.index = Some(editor.allocate(Purpose::ObjectHeader, self.list_len(editor))?);
        self.write_list(editor, list)
    }

    fn release_list(&self, editor: &mut Editor, address: Address) {
        let len = self.list_len(editor);
        editor.release(Purpose::ObjectHeader, address, len);
    }

    fn list(&self, editor: &Editor) -> Result<SharedMessageList> {
        let (Some(address), ctx) = (self.entry.index, editor.ctx()) else { return Ok(SharedMessageList::default()) };
        let block = ctx.block(address, self.list_len(editor), LIST)?;
        SharedMessageList::parse(&mut ctx.cursor(&block, address, LIST), self.entry.message_count)
    }

    fn write_list(&self, editor: &mut Editor, list: &SharedMessageList) -> Result<()> {
        let Some(address) = self.entry.index else { return Ok(()) };
        // The sum stands before the room for more records.
        let mut writer = editor.writer();
        list.encode(&mut writer, self.entry.list_max)?;
        editor.write(address, writer.as_slice())
    }

    /// The message of a record.
    fn body(&self, editor: &Editor, record: &SharedMessageRecord) -> Result<Vec<u8>> {
        body(editor.ctx(), self.entry.heap, record)
    }
}

fn new_tree(editor: &mut Editor) -> Result<Address> {
    let len = SharedMessageRecord::encoded_len(editor.ctx().sizes());
    let len = u16::try_from(len).map_err(|_| Error::new(ErrorKind::Invalid, "records over 64 KiB"))?;
    btree_v2::create(editor, &TreeParameters::small(RecordType::SharedMessage, len))
}

fn encode(editor: &Editor, record: &SharedMessageRecord) -> Result<Vec<u8>> {
    let mut writer = editor.writer();
    record.encode(&mut writer)?;
    Ok(writer.into_bytes())
}

fn parse(ctx: &FileContext, record: &[u8]) -> Result<SharedMessageRecord> {
    SharedMessageRecord::parse(&mut Cursor::new(record, 0, "shared message record", ctx.sizes()))
}

/// Records stand in the order of their hashes; of equal ones, of lengths and bytes of the messages.
fn compare(ctx: &FileContext, heap: Option<Address>, record: &[u8], hash: u32, body: &[u8]) -> Result<Ordering> {
    let record = parse(ctx, record)?;
    match record.hash.cmp(&hash) {
        Ordering::Equal => compare_body(ctx, heap, &record, body),
        other => Ok(other),
    }
}

fn compare_body(
    ctx: &FileContext,
    heap: Option<Address>,
    record: &SharedMessageRecord,
    wanted: &[u8],
) -> Result<Ordering> {
    let found = body(ctx, heap, record)?;
    Ok(found.len().cmp(&wanted.len()).then_with(|| found.as_slice().cmp(wanted)))
}

/// The message of a record, from the heap or from its header, without what fills it up there.
fn body(ctx: &FileContext, heap: Option<Address>, record: &SharedMessageRecord) -> Result<Vec<u8>> {
    match record.location {
        Location::Heap { heap_id, .. } => {
            let heap = heap.ok_or_else(|| Error::new(ErrorKind::Corrupt, "a shared message without a heap"))?;
            Ok(FractalHeap::open(ctx, heap)?.object(ctx, &heap_id)?.bytes.into_owned())
        }
        Location::Header { kind, creation_index, header } => {
            let header = ObjectHeader::load(ctx, header)?;
            let found = header.all(kind).nth(creation_index.into()).ok_or_else(|| {
                let text = alloc::format!("the header at {} has no {} message", header.address, kind.name());
                Error::corrupt("shared message", header.offset, text)
            })?;
            let body = found.body.to_vec();
            // Zeros at the end of a version 1 message may fill it up to a multiple of 8: the hash knows.
            let shorter = (0..8usize).filter_map(|less| body.get(..body.len().checked_sub(less)?));
            let own = shorter.into_iter().find(|body| hash(kind, body) == record.hash).map(<[u8]>::to_vec);
            Ok(own.unwrap_or(body))
        }
    }
}
