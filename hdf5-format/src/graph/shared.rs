//! Messages that lie elsewhere: in the header of a committed datatype, or in a heap of shared messages.

use super::context::FileContext;
use super::fractal_heap::FractalHeap;
use super::object_header::{Message, ObjectHeader};
use crate::codec::{Address, Cursor, Sizes};
use crate::error::{Error, Result};
use crate::format::message::MessageKind;
use crate::format::message::shared::SharedPointer;
use crate::format::object_header::MessageFlags;
use crate::format::shared_message_table::{SharedMessageIndex, SharedMessageTable};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Structure name in errors.
const NAME: &str = "shared message";

/// A message's own bytes, wherever they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedTarget {
    /// The body.
    pub body: Vec<u8>,
    /// Absolute file offset of the body; of its block, if it lies in a heap with filters.
    pub offset: u64,
    /// Object header of the committed datatype, if the message is one.
    pub committed: Option<Address>,
    /// Its id, if it is in a heap of shared messages.
    pub heap_id: Option<[u8; 8]>,
}

impl SharedTarget {
    /// A cursor over the body.
    pub fn cursor(&self, sizes: Sizes, structure: &'static str) -> Cursor<'_> {
        Cursor::new(&self.body, self.offset, structure, sizes)
    }
}

/// The message itself: a copy of its body, or what its pointer leads to.
///
/// # Errors
/// The pointer, or what it leads to, is damaged.
pub fn resolve(ctx: &FileContext, message: &Message) -> Result<SharedTarget> {
    if message.flags.has(MessageFlags::SHARED) {
        return resolve_pointer(ctx, message.kind, &mut message.cursor(ctx.sizes(), NAME));
    }
    Ok(SharedTarget { body: message.body.to_vec(), offset: message.offset, committed: None, heap_id: None })
}

/// What a pointer to a message of a kind leads to; attributes hold such pointers for their datatype and dataspace.
///
/// # Errors
/// The pointer, or what it leads to, is damaged.
pub fn resolve_pointer(ctx: &FileContext, kind: MessageKind, cursor: &mut Cursor<'_>) -> Result<SharedTarget> {
    let at = cursor.offset();
    match SharedPointer::parse(cursor)? {
        SharedPointer::Heap(id) => in_heap(ctx, kind, &id, at),
        SharedPointer::Object(address) => in_header(ctx, kind, address, at),
    }
}

fn in_header(ctx: &FileContext, kind: MessageKind, address: Address, at: u64) -> Result<SharedTarget> {
    let header = ObjectHeader::load(ctx, address)?;
    let message = header.find(kind).ok_or_else(|| {
        Error::corrupt(NAME, at, alloc::format!("the header at {address} has no {} message", kind.name()))
    })?;
    let mut target = if message.flags.has(MessageFlags::SHARED) {
        // A committed type may have its own bytes in the heap; a pointer to a third header would be a chain or a cycle.
        match SharedPointer::parse(&mut message.cursor(ctx.sizes(), NAME))? {
            SharedPointer::Heap(id) => in_heap(ctx, kind, &id, message.offset)?,
            SharedPointer::Object(_) => {
                return Err(Error::corrupt(NAME, message.offset, "a pointer leads to another pointer"));
            }
        }
    } else {
        SharedTarget { body: message.body.to_vec(), offset: message.offset, committed: None, heap_id: None }
    };
    target.committed = Some(address);
    Ok(target)
}

fn in_heap(ctx: &FileContext, kind: MessageKind, id: &[u8; 8], at: u64) -> Result<SharedTarget> {
    let heap = heap_of(ctx, kind)?.ok_or_else(|| {
        Error::corrupt(NAME, at, alloc::format!("the file has no heap of shared {} messages", kind.name()))
    })?;
    let object = heap.object(ctx, id)?;
    Ok(SharedTarget { body: object.bytes.into_owned(), offset: object.offset, committed: None, heap_id: Some(*id) })
}

/// The heap for messages of a kind, if there is one.
///
/// # Errors
/// The heap is damaged.
pub fn heap_of(ctx: &FileContext, kind: MessageKind) -> Result<Option<Arc<FractalHeap>>> {
    let Some(shared) = ctx.shared_messages() else { return Ok(None) };
    if ctx.is_growing() {
        let table = shared.reload(ctx)?;
        let heap = table.index_of(kind).and_then(|index| index.heap);
        return heap.map(|heap| FractalHeap::open(ctx, heap).map(Arc::new)).transpose();
    }
    let index = shared.table.indexes.iter().position(|index| index.holds(kind));
    let heap = index.and_then(|index| shared.heaps.get(index)).and_then(Option::as_ref);
    heap.cloned().transpose()
}

/// The indexes of a file's shared messages, with their heaps opened.
#[derive(Debug)]
pub struct SharedMessages {
    /// Where the table is.
    address: Address,
    /// As it was when the file was opened.
    table: SharedMessageTable,
    /// One for each index, if it has a heap.
    heaps: Vec<Option<Result<Arc<FractalHeap>>>>,
}

impl SharedMessages {
    /// Opens the heaps. One that is damaged is an error only for those who need it.
    pub fn open(ctx: &FileContext, address: Address, table: SharedMessageTable) -> Self {
        let open = |index: &SharedMessageIndex| index.heap.map(|heap| FractalHeap::open(ctx, heap).map(Arc::new));
        let heaps = table.indexes.iter().map(open).collect();
        SharedMessages { address, table, heaps }
    }

    /// Where the table is.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The table of a file that is being changed, as it is now.
    ///
    /// # Errors
    /// The table is damaged.
    pub fn reload(&self, ctx: &FileContext) -> Result<SharedMessageTable> {
        const NAME: &str = "shared message table";
        let block = ctx.block(self.address, self.table.encoded_len(ctx.sizes()) as u64, NAME)?;
        let count = u8::try_from(self.table.indexes.len()).unwrap_or(u8::MAX);
        SharedMessageTable::parse(&mut ctx.cursor(&block, self.address, NAME), count)
    }

    /// The indexes as they were when the file was opened.
    pub fn table(&self) -> &SharedMessageTable {
        &self.table
    }
}

#[cfg(test)]
mod tests;
