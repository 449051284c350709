//! Links of new-style groups in a fractal heap, with B-trees by hash of the name and by order of creation.

use super::*;
use crate::codec::Cursor;
use crate::codec::checksum::lookup3;
use crate::edit::btree_v2::{self, Parameters as TreeParameters};
use crate::edit::fractal_heap::{self, HeapEditor, Parameters as HeapParameters};
use crate::format::btree_v2::RecordType;
use crate::format::btree_v2::records::{LinkId, LinkNameRecord, LinkOrderRecord};
use crate::graph::FileContext;
use core::cmp::Ordering;

/// Bytes of a record by name and by order.
const NAME_RECORD: u16 = 11;
const ORDER_RECORD: u16 = 15;

/// Moves the links of a header into new dense storage. The header is stored afterwards.
pub(super) fn from_compact(editor: &mut Editor, header: &mut ObjectHeader, info: &mut LinkInfo) -> Result<()> {
    info.heap = Some(fractal_heap::create(editor, &HeapParameters::LINKS)?);
    let names = TreeParameters::small(RecordType::LinkName, NAME_RECORD);
    info.name_index = Some(btree_v2::create(editor, &names)?);
    if info.order_indexed {
        let orders = TreeParameters::small(RecordType::LinkOrder, ORDER_RECORD);
        info.order_index = Some(btree_v2::create(editor, &orders)?);
    }
    let sizes = editor.ctx().sizes();
    for message in header.all(MessageKind::Link).cloned().collect::<Vec<_>>() {
        let link = LinkMessage::parse(&mut message.cursor(sizes, "link"))?;
        insert(editor, info, &link, &message.body)?;
    }
    header.messages.retain(|m| m.kind != MessageKind::Link);
    Ok(())
}

/// Moves all links back into the header, and gives the dense storage back. The header is stored afterwards.
pub(super) fn to_compact(editor: &mut Editor, header: &mut ObjectHeader, info: &mut LinkInfo) -> Result<()> {
    let links = Links::open(editor.ctx(), header)?.list(editor.ctx());
    let mut links = links.into_iter().collect::<Result<Vec<Link>>>()?;
    links.sort_by_key(|link| link.creation_order);
    let mut bodies = Vec::new();
    for Link { name, utf8, creation_order, target } in links {
        let mut body = editor.writer();
        LinkMessage { creation_order, utf8, name, value: target }.encode(&mut body)?;
        bodies.push(body.into_bytes());
    }
    // A link that is too long for a header keeps all where they are.
    if bodies.iter().any(|body| body.len() > MAX_BODY) {
        return Ok(());
    }
    header.messages.extend(bodies.into_iter().map(|body| message(MessageKind::Link, 0, body)));
    release(editor, info)?;
    (info.heap, info.name_index, info.order_index) = (None, None, None);
    Ok(())
}

/// Adds a link, whose message is `body`.
pub(super) fn insert(editor: &mut Editor, info: &LinkInfo, link: &LinkMessage, body: &[u8]) -> Result<()> {
    let (heap, names) = storage(info)?;
    fractal_heap::change(editor, heap, |editor, heap| {
        let id: LinkId = link_id(heap.insert(editor, body)?)?;
        let hash = lookup3(&link.name, 0);
        let mut record = editor.writer();
        LinkNameRecord { hash, id }.encode(&mut record)?;
        let compare: btree_v2::Compare<'_> = &mut |ctx, record| by_name(ctx, heap, record, hash, &link.name);
        btree_v2::insert(editor, names, record.as_slice(), compare)?;
        let (Some(orders), Some(order)) = (info.order_index, link.creation_order) else { return Ok(()) };
        let mut record = editor.writer();
        LinkOrderRecord { order, id }.encode(&mut record)?;
        btree_v2::insert(editor, orders, record.as_slice(), &mut |ctx, record| by_order(ctx, record, order))
    })
}

/// True if there is no link of a name, and nothing damaged on the way that may hide it.
pub(super) fn is_vacant(editor: &mut Editor, info: &LinkInfo, name: &[u8]) -> Result<bool> {
    let ((heap, names), hash) = (storage(info)?, lookup3(name, 0));
    let found = fractal_heap::look(editor, heap, |editor, heap| {
        btree_v2::find(editor, names, &mut |ctx, record| by_name(ctx, heap, record, hash, name))
    });
    found.map(|found| found.is_none())
}

/// Takes a link out: how many are left.
pub(super) fn remove(editor: &mut Editor, info: &LinkInfo, link: &Link) -> Result<u64> {
    let (heap, names) = storage(info)?;
    fractal_heap::change(editor, heap, |editor, heap| {
        let hash = lookup3(&link.name, 0);
        let compare: btree_v2::Compare<'_> = &mut |ctx, record| by_name(ctx, heap, record, hash, &link.name);
        let record = btree_v2::remove(editor, names, compare)?;
        let record = record.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the index by name lost a link"))?;
        let id = name_record(editor.ctx(), &record)?.id;
        if let (Some(orders), Some(order)) = (info.order_index, link.creation_order) {
            btree_v2::remove(editor, orders, &mut |ctx, record| by_order(ctx, record, order))?;
        }
        heap.remove(editor, &id)
    })?;
    btree_v2::len(editor, names)
}

/// Gives heap and B-trees back.
pub(super) fn release(editor: &mut Editor, info: &LinkInfo) -> Result<()> {
    for tree in [info.name_index, info.order_index].into_iter().flatten() {
        btree_v2::delete(editor, tree, &mut |_, _| Ok(()))?;
    }
    info.heap.map_or(Ok(()), |heap| fractal_heap::delete(editor, heap))
}

fn storage(info: &LinkInfo) -> Result<(Address, Address)> {
    info.heap.zip(info.name_index).ok_or_else(|| Error::new(ErrorKind::Corrupt, "links without a heap and its index"))
}

fn link_id(id: Vec<u8>) -> Result<LinkId> {
    let len = id.len();
    id.try_into().map_err(|_| Error::new(ErrorKind::Corrupt, alloc::format!("heap ids of {len} bytes, expected 7")))
}

fn name_record(ctx: &FileContext, record: &[u8]) -> Result<LinkNameRecord> {
    LinkNameRecord::parse(&mut Cursor::new(record, 0, "link name record", ctx.sizes()))
}

/// Records stand in the order of their hashes; of equal ones, of the names.
fn by_name(ctx: &FileContext, heap: &mut HeapEditor, record: &[u8], hash: u32, name: &[u8]) -> Result<Ordering> {
    let record = name_record(ctx, record)?;
    if record.hash != hash {
        return Ok(record.hash.cmp(&hash));
    }
    let object = heap.get(ctx, &record.id)?;
    let found = LinkMessage::parse(&mut Cursor::new(&object, 0, "link", ctx.sizes()))?;
    Ok(found.name.as_slice().cmp(name))
}

fn by_order(ctx: &FileContext, record: &[u8], order: i64) -> Result<Ordering> {
    let record = LinkOrderRecord::parse(&mut Cursor::new(record, 0, "link order record", ctx.sizes()))?;
    Ok(record.order.cmp(&order))
}
