//! Messages that headers share: entered in the file's indexes, counted up and down, and taken out with the last use.
//!
//! The first header with a message keeps it, and the index says where. With the second one a copy goes to the heap of
//! the index; both headers count as its users, the second one by a pointer. Attributes, and the types and extents in
//! them, are in the heap from the start.

mod index;

use super::header::message;
use super::{Editor, Purpose};
use crate::codec::{Address, Cursor};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::MessageKind;
use crate::format::message::shared::SharedPointer;
use crate::format::message::shared_table::{MOST_INDEXES, SharedTableMessage};
use crate::format::object_header::MessageFlags;
use crate::format::shared_message_list::{Location, SharedMessageRecord};
use crate::format::shared_message_table::{IndexType, SharedMessageIndex, SharedMessageTable};
use crate::graph::FileContext;
use crate::graph::attributes::AttributeRecord;
use crate::graph::object_header::{Message, ObjectHeader};
use crate::graph::shared::{self as read, SharedMessages};
use alloc::vec::Vec;
use index::Index;

/// Id of a message in its heap.
pub(crate) type HeapId = [u8; 8];

/// Which messages the headers of a new file share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// At most eight; each kind in one of them.
    pub indexes: Vec<SharingIndex>,
    /// Most messages of an index that is a list; with more it is a B-tree.
    pub list_max: u16,
    /// Fewest messages of an index that is a B-tree.
    pub btree_min: u16,
}

/// Messages of some kinds, in one index and one heap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharingIndex {
    /// What is shared.
    pub kinds: Vec<Shareable>,
    /// Bytes of the smallest message that is.
    pub min_size: u32,
}

/// What headers can share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shareable {
    /// Extents of datasets and attributes.
    Dataspace,
    /// Types of datasets and attributes.
    Datatype,
    /// Fill values.
    FillValue,
    /// Filters of datasets.
    FilterPipeline,
    /// Whole attributes.
    Attribute,
}

impl Shareable {
    const ALL: [Shareable; 5] = [
        Shareable::Dataspace,
        Shareable::Datatype,
        Shareable::FillValue,
        Shareable::FilterPipeline,
        Shareable::Attribute,
    ];

    fn bit(self) -> u16 {
        let kind = match self {
            Shareable::Dataspace => MessageKind::Dataspace,
            Shareable::Datatype => MessageKind::Datatype,
            Shareable::FillValue => MessageKind::FillValue,
            Shareable::FilterPipeline => MessageKind::FilterPipeline,
            Shareable::Attribute => MessageKind::Attribute,
        };
        1u16.checked_shl(kind.id().into()).unwrap_or(0)
    }
}

/// Most records of a list.
const LONGEST_LIST: u16 = 5000;

impl Sharing {
    /// These indexes, with lists of up to 50 messages: libhdf5's choice.
    pub fn new(indexes: Vec<SharingIndex>) -> Self {
        Sharing { indexes, list_max: 50, btree_min: 40 }
    }

    /// That of a file; indexes that share nothing are left out.
    pub(crate) fn of(table: &SharedMessageTable) -> Option<Self> {
        let first = table.indexes.first()?;
        let kinds = |i: &SharedMessageIndex| {
            Shareable::ALL.into_iter().filter(|kind| i.message_kinds & kind.bit() != 0).collect::<Vec<_>>()
        };
        let index = |i: &SharedMessageIndex| SharingIndex { kinds: kinds(i), min_size: i.min_message_size };
        let indexes: Vec<_> = table.indexes.iter().map(index).filter(|index| !index.kinds.is_empty()).collect();
        let sharing = Sharing { indexes, list_max: first.list_max, btree_min: first.btree_min };
        (!sharing.indexes.is_empty()).then_some(sharing)
    }

    fn check(&self) -> Result<()> {
        let wrong = |text: alloc::string::String| Err(Error::new(ErrorKind::Invalid, text));
        let most = usize::from(MOST_INDEXES);
        if self.indexes.is_empty() || self.indexes.len() > most {
            return wrong(alloc::format!("{} indexes of shared messages, expected 1 to {most}", self.indexes.len()));
        }
        if self.list_max > LONGEST_LIST || self.btree_min > self.list_max.saturating_add(1) {
            return wrong(alloc::format!(
                "lists of shared messages up to {} and B-trees from {}, expected at most {LONGEST_LIST} and no gap",
                self.list_max,
                self.btree_min
            ));
        }
        let mut seen = 0;
        for index in &self.indexes {
            let kinds = index.kinds.iter().fold(0, |bits, kind| bits | kind.bit());
            if kinds == 0 || kinds & seen != 0 {
                return wrong("an index of shared messages without a kind, or two of one kind".into());
            }
            seen |= kinds;
        }
        Ok(())
    }

    /// Makes the table of a new file: the message that points at it.
    pub(super) fn create(&self, editor: &mut Editor) -> Result<Message> {
        self.check()?;
        let index = |new: &SharingIndex| SharedMessageIndex {
            index_type: empty_type(self.list_max),
            message_kinds: new.kinds.iter().fold(0, |bits, kind| bits | kind.bit()),
            min_message_size: new.min_size,
            list_max: self.list_max,
            btree_min: self.btree_min,
            message_count: 0,
            index: None,
            heap: None,
        };
        let table = SharedMessageTable { indexes: self.indexes.iter().map(index).collect() };
        let mut writer = editor.block_writer();
        table.encode(&mut writer)?;
        let address = editor.place_block(Purpose::ObjectHeader, &writer)?;
        let index_count = u8::try_from(table.indexes.len()).unwrap_or(MOST_INDEXES);
        editor.share_in(address, table);
        let mut body = editor.writer();
        SharedTableMessage { table: address, index_count }.encode(&mut body)?;
        let flags = MessageFlags::CONSTANT | MessageFlags::DONT_SHARE;
        Ok(message(MessageKind::SharedMessageTable, flags, body.into_bytes()))
    }
}

/// An index without messages is a list, unless lists have no room.
fn empty_type(list_max: u16) -> IndexType {
    if list_max > 0 { IndexType::List } else { IndexType::BTree }
}

impl Editor {
    /// Shares messages through a table from here on.
    pub(super) fn share_in(&mut self, address: Address, table: SharedMessageTable) {
        let shared = SharedMessages::open(&self.ctx, address, table);
        self.ctx = self.ctx.clone().with_shared_messages(shared);
    }

    /// True if whole attributes are shared: every header must tell its messages' order of creation then.
    pub(super) fn shares_attributes(&self) -> bool {
        self.ctx.shared_messages().is_some_and(|shared| shared.table().index_of(MessageKind::Attribute).is_some())
    }
}

/// A message that a new header is the first to have.
pub(super) struct First {
    kind: MessageKind,
    body: Vec<u8>,
}

/// Puts pointers in the place of messages that other headers have too, and marks those that others may share.
///
/// # Errors
/// An index is damaged, or the file is full.
pub(super) fn share_all(editor: &mut Editor, messages: &mut [Message]) -> Result<Vec<First>> {
    let mut firsts = Vec::new();
    if editor.ctx().shared_messages().is_none() {
        return Ok(firsts);
    }
    for m in messages {
        let fixed = m.flags.has(MessageFlags::SHARED) || m.flags.has(MessageFlags::DONT_SHARE);
        if fixed || m.kind == MessageKind::Attribute {
            continue;
        }
        let Some(mut index) = Index::of(editor, m.kind, m.body.len())? else { continue };
        if let Some(found) = index.find(editor, m.kind, &m.body)? {
            let Some(id) = index.count_up(editor, &found, &m.body)? else { continue };
            m.body = pointer(editor, id)?.into();
            m.flags = MessageFlags(m.flags.0 | MessageFlags::SHARED);
        } else if index.has_room(firsts.len()) {
            firsts.push(First { kind: m.kind, body: m.body.to_vec() });
            m.flags = MessageFlags(m.flags.0 | MessageFlags::SHAREABLE);
        }
    }
    Ok(firsts)
}

/// Enters the messages that a new header is the first to have.
///
/// # Errors
/// As [`share_all`].
pub(super) fn enter_all(editor: &mut Editor, firsts: &[First], header: Address) -> Result<()> {
    for First { kind, body } in firsts {
        if let Some(mut index) = Index::of(editor, *kind, body.len())? {
            let location = Location::Header { kind: *kind, creation_index: 0, header };
            index.insert(editor, SharedMessageRecord { hash: index::hash(*kind, body), location }, body)?;
        }
    }
    Ok(())
}

/// Counts one more use of a message in the heap, putting it there with the first: its id. `None`: it is not one that
/// is shared.
///
/// # Errors
/// As [`share_all`].
pub(super) fn share(editor: &mut Editor, kind: MessageKind, body: &[u8]) -> Result<Option<HeapId>> {
    let Some(mut index) = Index::of(editor, kind, body.len())? else { return Ok(None) };
    if let Some(found) = index.find(editor, kind, body)? {
        return index.count_up(editor, &found, body);
    }
    if !index.has_room(0) {
        return Ok(None);
    }
    let heap_id = index.put_in_heap(editor, body)?;
    let location = Location::Heap { reference_count: 1, heap_id };
    index.insert(editor, SharedMessageRecord { hash: index::hash(kind, body), location }, body)?;
    Ok(Some(heap_id))
}

/// Uses of a message in the heap.
///
/// # Errors
/// The index is damaged.
pub(super) fn uses(editor: &mut Editor, kind: MessageKind, body: &[u8]) -> Result<u32> {
    let Some(index) = Index::of(editor, kind, body.len())? else { return Ok(0) };
    Ok(match index.find(editor, kind, body)?.map(|found| found.location) {
        Some(Location::Heap { reference_count, .. }) => reference_count,
        _ => 0,
    })
}

/// A message in the heap.
///
/// # Errors
/// There is no such, or the heap is damaged.
pub(super) fn body(ctx: &FileContext, kind: MessageKind, id: &HeapId) -> Result<Vec<u8>> {
    let missing = || Error::new(ErrorKind::Corrupt, alloc::format!("no heap of shared {} messages", kind.name()));
    let heap = read::heap_of(ctx, kind)?.ok_or_else(missing)?;
    Ok(heap.object(ctx, id)?.bytes.into_owned())
}

/// The body of a message that points into the heap.
///
/// # Errors
/// None that is known.
pub(super) fn pointer(editor: &Editor, id: HeapId) -> Result<Vec<u8>> {
    let mut body = editor.writer();
    SharedPointer::Heap(id).encode(&mut body)?;
    Ok(body.into_bytes())
}

/// Counts a use of a message in the heap off: whether it was the last one, with which the message went.
///
/// # Errors
/// The index or the heap is damaged.
pub(super) fn drop_id(editor: &mut Editor, kind: MessageKind, id: &HeapId) -> Result<bool> {
    let lost = || Error::new(ErrorKind::Corrupt, alloc::format!("the index of shared {} lost one", kind.name()));
    let mut index = Index::of(editor, kind, usize::MAX)?.ok_or_else(lost)?;
    let body = body(editor.ctx(), kind, id)?;
    let found = index.find(editor, kind, &body)?.ok_or_else(lost)?;
    index.count_down(editor, &found, &body)
}

/// Counts off what a message shares that goes from a header, or changes there. Attributes are for [`drop_attribute`].
///
/// # Errors
/// As [`drop_id`].
pub(super) fn drop_message(editor: &mut Editor, header: &ObjectHeader, m: &Message) -> Result<()> {
    if m.kind == MessageKind::Attribute || editor.ctx().shared_messages().is_none() {
        return Ok(());
    }
    if m.flags.has(MessageFlags::SHARED) {
        let sizes = editor.ctx().sizes();
        if let SharedPointer::Heap(id) = SharedPointer::parse(&mut Cursor::new(&m.body, m.offset, "pointer", sizes))? {
            drop_id(editor, m.kind, &id)?;
        }
        return Ok(());
    }
    if !m.flags.has(MessageFlags::SHAREABLE) {
        return Ok(());
    }
    // The zeros at the end of a version 1 message may be its own, or fill it up to a multiple of 8.
    let zeros = m.body.iter().rev().take(7).take_while(|&&byte| byte == 0).count();
    let most = if header.version == 1 { zeros } else { 0 };
    for less in 0..=most {
        let body = m.body.get(..m.body.len().saturating_sub(less)).unwrap_or(&[]);
        let Some(mut index) = Index::of(editor, m.kind, body.len())? else { break };
        if let Some(found) = index.find(editor, m.kind, body)? {
            let own = match found.location {
                Location::Header { header: first, .. } => first == header.address,
                Location::Heap { .. } => true,
            };
            if own {
                index.count_down(editor, &found, body)?;
                break;
            }
        }
    }
    Ok(())
}

/// Counts off what an attribute shares that is gone. False if others have the attribute as a whole: what it leads to,
/// they use.
///
/// # Errors
/// As [`drop_id`].
pub(crate) fn drop_attribute(editor: &mut Editor, gone: &AttributeRecord) -> Result<bool> {
    if let Some(id) = &gone.heap_id
        && !drop_id(editor, MessageKind::Attribute, id)?
    {
        return Ok(false);
    }
    let parts = [(MessageKind::Datatype, &gone.datatype), (MessageKind::Dataspace, &gone.dataspace)];
    for (kind, part) in parts {
        // A committed type's own bytes are counted by its header.
        if let (Some(id), None) = (&part.heap_id, part.committed) {
            drop_id(editor, kind, id)?;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_that_share_nothing_are_left_out() {
        let index = |message_kinds| SharedMessageIndex {
            index_type: empty_type(50),
            message_kinds,
            min_message_size: 20,
            list_max: 50,
            btree_min: 40,
            message_count: 0,
            index: None,
            heap: None,
        };
        let table = |kinds: &[u16]| SharedMessageTable { indexes: kinds.iter().copied().map(index).collect() };
        let kept = Sharing::of(&table(&[0, Shareable::Datatype.bit(), 0])).unwrap();
        assert_eq!(kept.indexes, [SharingIndex { kinds: alloc::vec![Shareable::Datatype], min_size: 20 }]);
        assert!(kept.check().is_ok());
        assert_eq!(Sharing::of(&table(&[0])), None);
    }
}
