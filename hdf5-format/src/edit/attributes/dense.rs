//! Attributes in a fractal heap, with B-trees by hash of the name and by order of creation.

use super::*;
use crate::codec::checksum::lookup3;
use crate::edit::btree_v2::{self, Parameters as TreeParameters};
use crate::edit::fractal_heap::{self, HeapEditor, Parameters as HeapParameters};
use crate::format::btree_v2::RecordType;
use crate::format::btree_v2::records::{AttributeId, AttributeRecord as Entry};
use core::cmp::Ordering;

/// Bytes of a record by name and by order.
const NAME_RECORD: u16 = 17;
const ORDER_RECORD: u16 = 13;
/// The order of attributes whose order is not tracked.
const NO_ORDER: u32 = 0xffff;

/// Moves the attributes of a header into new dense storage. The header is stored afterwards.
pub(super) fn from_compact(editor: &mut Editor, header: &mut ObjectHeader, info: &mut AttributeInfo) -> Result<()> {
    info.heap = Some(fractal_heap::create(editor, &HeapParameters::ATTRIBUTES)?);
    let names = TreeParameters::small(RecordType::AttributeName, NAME_RECORD);
    info.name_index = Some(btree_v2::create(editor, &names)?);
    if info.order_indexed {
        let orders = TreeParameters::small(RecordType::AttributeOrder, ORDER_RECORD);
        info.order_index = Some(btree_v2::create(editor, &orders)?);
    }
    let sizes = editor.ctx().sizes();
    for message in header.all(MessageKind::Attribute).cloned().collect::<Vec<_>>() {
        let found = read::resolve(editor.ctx(), &message)?;
        let name = AttributeMessage::parse(&mut found.cursor(sizes, "attribute"))?.name.to_vec();
        let moved = Encoded { body: found.body, shared: found.heap_id };
        insert(editor, info, &name, message.creation_index, &moved)?;
    }
    header.messages.retain(|m| m.kind != MessageKind::Attribute);
    Ok(())
}

/// Moves all attributes back into the header, and gives the dense storage back. The header is stored afterwards.
pub(super) fn to_compact(editor: &mut Editor, header: &mut ObjectHeader, info: &mut AttributeInfo) -> Result<()> {
    let (heap, names) = storage(info)?;
    let mut entries = Vec::new();
    let objects = crate::graph::fractal_heap::FractalHeap::open(editor.ctx(), heap)?;
    let mut reader = objects.reader(editor.ctx());
    let records = crate::graph::btree_v2::BTreeV2::open(editor.ctx(), names, RecordType::AttributeName)?;
    records.for_each(editor.ctx(), |record| {
        entries.push(entry(editor.ctx(), record)?);
        Ok(core::ops::ControlFlow::Continue(()))
    })?;
    entries.sort_by_key(|entry| entry.order);
    let mut messages = Vec::new();
    for entry in entries {
        let moved = match entry.is_shared() {
            true => Encoded { body: Vec::new(), shared: Some(entry.id) },
            false => Encoded { body: reader.object(&entry.id)?.bytes.into_owned(), shared: None },
        };
        // One that is too long for a header keeps all where they are.
        if moved.len() > MAX_BODY {
            return Ok(());
        }
        let mut new = moved.message(editor)?;
        new.creation_index = info.next_index.and(u16::try_from(entry.order).ok());
        messages.push(new);
    }
    header.messages.extend(messages);
    release(editor, info)?;
    (info.heap, info.name_index, info.order_index) = (None, None, None);
    Ok(())
}

/// Adds an attribute.
pub(super) fn insert(
    editor: &mut Editor,
    info: &AttributeInfo,
    name: &[u8],
    index: Option<u16>,
    new: &Encoded,
) -> Result<()> {
    let (heap, names) = storage(info)?;
    fractal_heap::change(editor, heap, |editor, heap| {
        let (id, flags) = place(editor, heap, new)?;
        let new = Entry { id, flags, order: index.map_or(NO_ORDER, u32::from), hash: Some(lookup3(name, 0)) };
        put(editor, info, names, heap, name, new)
    })
}

/// True if there is no attribute of a name, and nothing damaged on the way that may hide it.
pub(super) fn is_vacant(editor: &mut Editor, info: &AttributeInfo, name: &[u8]) -> Result<bool> {
    let ((heap, names), hash) = (storage(info)?, lookup3(name, 0));
    let found = fractal_heap::look(editor, heap, |editor, heap| {
        btree_v2::find(editor, names, &mut |ctx, record| by_name(ctx, heap, record, hash, name))
    });
    found.map(|found| found.is_none())
}

/// Where an attribute's message is, and the flags of its records: in the heap of the object, unless others share it.
fn place(editor: &mut Editor, heap: &mut HeapEditor, new: &Encoded) -> Result<(AttributeId, u8)> {
    match new.shared {
        Some(id) => Ok((id, MessageFlags::SHARED)),
        None => Ok((attribute_id(heap.insert(editor, &new.body)?)?, 0)),
    }
}

/// Enters an attribute into the indexes.
fn put(
    editor: &mut Editor,
    info: &AttributeInfo,
    names: Address,
    heap: &mut HeapEditor,
    name: &[u8],
    new: Entry,
) -> Result<()> {
    let mut record = editor.writer();
    new.encode(&mut record)?;
    let hash = new.hash.unwrap_or(0);
    btree_v2::insert(editor, names, record.as_slice(), &mut |ctx, record| by_name(ctx, heap, record, hash, name))?;
    if let Some(orders) = info.order_index {
        let mut record = editor.writer();
        Entry { hash: None, ..new }.encode(&mut record)?;
        btree_v2::insert(editor, orders, record.as_slice(), &mut |ctx, record| by_order(ctx, record, new.order))?;
    }
    Ok(())
}

/// Gives an attribute another name, and the message that goes with it.
pub(super) fn rename(
    editor: &mut Editor,
    info: &AttributeInfo,
    old: &AttributeRecord,
    to: &[u8],
    new: &Encoded,
) -> Result<()> {
    let (heap, names) = storage(info)?;
    fractal_heap::change(editor, heap, |editor, heap| {
        let was = out(editor, info, names, heap, &old.name)?;
        let (id, flags) = place(editor, heap, new)?;
        put(editor, info, names, heap, to, Entry { id, flags, hash: Some(lookup3(to, 0)), ..was })
    })
}

/// Gives an attribute another value. Its order of creation stays.
pub(super) fn replace(editor: &mut Editor, info: &AttributeInfo, old: &AttributeRecord, new: &Encoded) -> Result<()> {
    let (heap, names) = storage(info)?;
    let hash = lookup3(&old.name, 0);
    let done = fractal_heap::change(editor, heap, |editor, heap| {
        let found = btree_v2::find(editor, names, &mut |ctx, record| by_name(ctx, heap, record, hash, &old.name))?;
        let found = found.map(|record| entry(editor.ctx(), &record)).transpose()?;
        let own = found.filter(|found| !found.is_shared() && new.shared.is_none());
        Ok(own.is_some_and(|own| heap.overwrite(editor, &own.id, &new.body).is_ok()))
    })?;
    if done { Ok(()) } else { rename(editor, info, old, &old.name, new) }
}

/// Takes an attribute out: how many are left.
pub(super) fn remove(editor: &mut Editor, info: &AttributeInfo, name: &[u8]) -> Result<u64> {
    let (heap, names) = storage(info)?;
    fractal_heap::change(editor, heap, |editor, heap| out(editor, info, names, heap, name))?;
    btree_v2::len(editor, names)
}

/// Takes an attribute out of indexes and heap: its record.
fn out(editor: &mut Editor, info: &AttributeInfo, names: Address, heap: &mut HeapEditor, name: &[u8]) -> Result<Entry> {
    let hash = lookup3(name, 0);
    let record = btree_v2::find(editor, names, &mut |ctx, record| by_name(ctx, heap, record, hash, name))?;
    let record = record.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the index by name lost an attribute"))?;
    let old = entry(editor.ctx(), &record)?;
    btree_v2::remove(editor, names, &mut |ctx, record| by_name(ctx, heap, record, hash, name))?;
    if let Some(orders) = info.order_index {
        btree_v2::remove(editor, orders, &mut |ctx, record| by_order(ctx, record, old.order))?;
    }
    if !old.is_shared() {
        heap.remove(editor, &old.id)?;
    }
    Ok(old)
}

/// Gives heap and B-trees back.
pub(super) fn release(editor: &mut Editor, info: &AttributeInfo) -> Result<()> {
    for tree in [info.name_index, info.order_index].into_iter().flatten() {
        btree_v2::delete(editor, tree, &mut |_, _| Ok(()))?;
    }
    info.heap.map_or(Ok(()), |heap| fractal_heap::delete(editor, heap))
}

fn storage(info: &AttributeInfo) -> Result<(Address, Address)> {
    let missing = || Error::new(ErrorKind::Corrupt, "attributes without a heap and its index");
    info.heap.zip(info.name_index).ok_or_else(missing)
}

fn attribute_id(id: Vec<u8>) -> Result<AttributeId> {
    let len = id.len();
    id.try_into().map_err(|_| Error::new(ErrorKind::Corrupt, alloc::format!("heap ids of {len} bytes, expected 8")))
}

fn entry(ctx: &FileContext, record: &[u8]) -> Result<Entry> {
    Entry::parse(&mut Cursor::new(record, 0, "attribute name record", ctx.sizes()), RecordType::AttributeName)
}

/// Records stand in the order of their hashes; of equal ones, of the names.
fn by_name(ctx: &FileContext, heap: &mut HeapEditor, record: &[u8], hash: u32, name: &[u8]) -> Result<Ordering> {
    let record = entry(ctx, record)?;
    let found = record.hash.unwrap_or(0);
    if found != hash {
        return Ok(found.cmp(&hash));
    }
    if record.is_shared() {
        let body = shared::body(ctx, MessageKind::Attribute, &record.id)?;
        return Ok(AttributeMessage::parse(&mut Cursor::new(&body, 0, "attribute", ctx.sizes()))?.name.cmp(name));
    }
    let object = heap.get(ctx, &record.id)?;
    Ok(AttributeMessage::parse(&mut Cursor::new(&object, 0, "attribute", ctx.sizes()))?.name.cmp(name))
}

fn by_order(ctx: &FileContext, record: &[u8], order: u32) -> Result<Ordering> {
    let cursor = &mut Cursor::new(record, 0, "attribute order record", ctx.sizes());
    Ok(Entry::parse(cursor, RecordType::AttributeOrder)?.order.cmp(&order))
}
