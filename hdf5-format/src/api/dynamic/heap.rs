//! What elements point at, moved from one heap into another.

use crate::api::encode::Heap;
use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::datatype::pointers::{Leaf, Pointers};
use crate::error::{Error, Result};
use crate::format::global_heap::{GlobalHeapCollection, encode_id};
use crate::format::message::datatype::{Datatype, ReferenceKind};
use crate::format::reference::StoredReference;
use crate::graph::FileContext;
use crate::graph::global_heap::{HeapReader, heap_id};
use crate::limits::Limits;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Structure name in errors.
const NAME: &str = "element";

/// Objects and bytes of a collection, from where on another is begun.
const MOST_OBJECTS: usize = 4096;
const MOST_BYTES: usize = 1 << 20;

/// A heap in memory, as it would be in a file of its own.
pub(super) struct MemoryHeap {
    file: Writer,
    /// Objects of the collection that comes next.
    open: Vec<Vec<u8>>,
    open_bytes: usize,
}

impl MemoryHeap {
    pub(super) fn new(sizes: Sizes) -> Self {
        let mut file = Writer::new(sizes);
        // Nothing is at address 0: it points nowhere.
        file.zeros(8);
        MemoryHeap { file, open: Vec::new(), open_bytes: 0 }
    }

    /// Puts an object into the heap: collection and index.
    pub(super) fn insert(&mut self, object: &[u8]) -> Result<(Address, u32)> {
        if self.open.len() >= MOST_OBJECTS || self.open_bytes >= MOST_BYTES {
            self.close()?;
        }
        self.open.push(object.to_vec());
        self.open_bytes = self.open_bytes.saturating_add(object.len());
        Ok((Address(self.file.position() as u64), u32::try_from(self.open.len()).unwrap_or(u32::MAX)))
    }

    fn close(&mut self) -> Result<()> {
        let objects = core::mem::take(&mut self.open);
        self.open_bytes = 0;
        if objects.is_empty() {
            return Ok(());
        }
        let len = GlobalHeapCollection::encoded_len(objects.iter().map(Vec::len), self.file.sizes());
        let numbered: Vec<(u16, &[u8])> = (1u16..).zip(objects.iter().map(Vec::as_slice)).collect();
        GlobalHeapCollection::encode(&numbered, len, &mut self.file)
    }

    /// The heap, to be read.
    pub(super) fn finish(mut self) -> Result<FileContext> {
        self.close()?;
        let sizes = self.file.sizes();
        let bytes = self.file.into_bytes();
        let end = bytes.len() as u64;
        let limits = Limits { block_bytes: u64::MAX, ..Limits::default() };
        Ok(FileContext::new(Arc::new(bytes), 0, end, sizes, limits))
    }
}

/// Puts what elements point at in the heap of `from` into another, which `insert` does, and lets them point there.
///
/// # Errors
/// The heap is damaged, or the elements are for a file of other widths.
pub(super) fn relocate(
    from: &FileContext,
    datatype: &Datatype,
    elements: &mut [u8],
    sizes: Sizes,
    insert: Heap<'_>,
) -> Result<()> {
    let pointers = Pointers::of(datatype)?;
    if !pointers.is_empty() && from.sizes().o() != sizes.o() {
        return Err(Error::unsupported("variable-length elements and references in a file of other widths"));
    }
    let mut mover = Mover { heap: HeapReader::new(from), sizes, insert };
    mover.elements(&pointers, elements, datatype.size())
}

struct Mover<'a, 'h> {
    heap: HeapReader<'a>,
    sizes: Sizes,
    insert: Heap<'h>,
}

impl Mover<'_, '_> {
    fn elements(&mut self, pointers: &Pointers, elements: &mut [u8], size: usize) -> Result<()> {
        pointers.each_of(elements, size, &mut |leaf, bytes| self.pointer(leaf, bytes))
    }

    fn pointer(&mut self, leaf: &Leaf, bytes: &mut [u8]) -> Result<()> {
        let mut writer = Writer::new(self.sizes);
        let mut cursor = Cursor::new(bytes, 0, NAME, self.sizes);
        match leaf {
            Leaf::Reference(ReferenceKind::Object) => return Ok(()),
            Leaf::Vlen { element, inner } => {
                let mut value = self.heap.vlen(bytes, *element)?.to_vec();
                self.elements(inner, &mut value, *element)?;
                writer.uint(value.len().checked_div(*element).unwrap_or(0) as u64, 4)?;
                let place = if value.is_empty() { None } else { Some((self.insert)(&value)?) };
                encode_id(place, &mut writer)?;
            }
            Leaf::Reference(ReferenceKind::Region) => {
                let place = match heap_id(&mut cursor)? {
                    Some((address, index)) => Some((self.insert)(self.heap.get(address, index)?)?),
                    None => None,
                };
                encode_id(place, &mut writer)?;
            }
            Leaf::Reference(_) => {
                let mut reference = StoredReference::parse(&mut cursor)?;
                if let StoredReference::Heap { id, .. } = &mut reference {
                    *id = (self.insert)(self.heap.get(id.0, id.1)?)?;
                }
                reference.encode(&mut writer)?;
            }
        }
        let new = writer.as_slice();
        bytes.fill(0);
        for (to, from) in bytes.iter_mut().zip(new) {
            *to = *from;
        }
        Ok(())
    }
}
