//! One collection in memory.

use super::STRUCTURE;
use crate::codec::{Address, Sizes, Writer};
use crate::edit::Editor;
use crate::error::{Error, ErrorKind, Result};
use crate::format::global_heap::{GlobalHeapCollection, SMALLEST};
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

/// Most objects of a collection.
const MOST: usize = u16::MAX as usize;

/// A collection being changed. What was removed stays in the buffer until the next cleaning, and so do other objects
/// where they are: an index is enough to point at one.
pub(super) struct Collection {
    pub(super) address: Address,
    /// Bytes in the file.
    pub(super) len: u64,
    /// The file does not have it as it is here.
    pub(super) dirty: bool,
    /// Header and objects, removed ones among them.
    buffer: Writer,
    /// In the order in which they are in the buffer.
    objects: Vec<Object>,
    /// Objects that are not removed.
    alive: usize,
    /// Bytes of the header and of the objects that are not removed.
    used: u64,
    /// The last index that was given for the first time.
    last_index: u16,
    /// Indices to be used again.
    holes: Vec<u16>,
}

struct Object {
    index: u16,
    references: u16,
    alive: bool,
    data: Range<usize>,
}

/// What a removal did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// Others refer to the object: it is still there.
    Referenced,
    /// The object is gone.
    Object,
    /// It was the last one.
    Last,
}

impl Collection {
    /// A collection without objects for a block of `len` bytes.
    ///
    /// # Errors
    /// The length does not fit the file's lengths.
    pub(super) fn new(address: Address, len: u64, sizes: Sizes) -> Result<Self> {
        let mut buffer = Writer::new(sizes);
        GlobalHeapCollection::encode_header(len, &mut buffer)?;
        let used = buffer.position() as u64;
        let (objects, holes) = (Vec::new(), Vec::new());
        Ok(Collection { address, len, dirty: true, buffer, objects, alive: 0, used, last_index: 0, holes })
    }

    /// The collection of the file at an address.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn load(editor: &Editor, address: Address) -> Result<Self> {
        let ctx = editor.ctx();
        let first = ctx.head(address, SMALLEST, STRUCTURE)?;
        let len = GlobalHeapCollection::parse_len(&mut ctx.cursor(&first, address, STRUCTURE))?;
        let block = if len == first.len() as u64 { first } else { ctx.block(address, len, STRUCTURE)? };
        let parsed = GlobalHeapCollection::parse(&mut ctx.cursor(&block, address, STRUCTURE))?;
        let mut objects: Vec<_> = parsed.objects().iter().collect();
        objects.sort_by_key(|object| object.data.start);
        let mut collection = Collection::new(address, len, ctx.sizes())?;
        for object in objects {
            let data = block.get(object.data.clone()).unwrap_or(&[]);
            collection.append(object.index, object.references, data)?;
            collection.last_index = collection.last_index.max(object.index);
        }
        if collection.used > len {
            let message = format!("{} bytes in a collection of {len}", collection.used);
            return Err(Error::corrupt(STRUCTURE, ctx.absolute(address), message));
        }
        collection.dirty = false;
        Ok(collection)
    }

    /// Bytes for further objects.
    pub(super) fn free(&self) -> u64 {
        // Without an index there is no use for them.
        if self.alive >= MOST { 0 } else { self.len.saturating_sub(self.used) }
    }

    /// Bytes of the header and the objects.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// Objects in it.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.alive
    }

    /// Memory that it takes.
    pub(super) fn memory(&self) -> usize {
        self.objects.capacity().saturating_mul(size_of::<Object>()).saturating_add(self.buffer.position())
    }

    /// Adds an object that is known to fit: its index.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn insert(&mut self, data: &[u8]) -> Result<u16> {
        let index = self.next_index().ok_or_else(|| self.full(data))?;
        if GlobalHeapCollection::object_len(data.len(), self.buffer.sizes()) > self.free() {
            return Err(self.full(data));
        }
        // Few bytes are moved for each that is added, even where every other change is a removal.
        if self.buffer.position() as u64 > self.len.saturating_mul(2) {
            self.clean()?;
        }
        self.append(index, 0, data)?;
        match self.last_index.checked_add(1) {
            Some(next) if next == index => self.last_index = index,
            _ => drop(self.holes.pop()),
        }
        self.dirty = true;
        Ok(index)
    }

    /// Removes a reference to an object, and the object with the last one.
    ///
    /// # Errors
    /// There is no such object.
    pub(super) fn remove(&mut self, index: u32) -> Result<Removed> {
        let at = u16::try_from(index).ok().and_then(|index| self.position(index));
        let Some(object) = at.and_then(|at| self.objects.get_mut(at)) else {
            let message = format!("no object with index {index} in the collection at {}", self.address);
            return Err(Error::new(ErrorKind::Corrupt, message).within(STRUCTURE));
        };
        self.dirty = true;
        if object.references > 1 {
            object.references = object.references.saturating_sub(1);
            let header = GlobalHeapCollection::header_len(self.buffer.sizes());
            let field = object.data.start.saturating_sub(header).saturating_add(2);
            self.buffer.patch(field, &object.references.to_le_bytes());
            return Ok(Removed::Referenced);
        }
        object.alive = false;
        let (index, len) = (object.index, object.data.len());
        self.used = self.used.saturating_sub(GlobalHeapCollection::object_len(len, self.buffer.sizes()));
        self.alive = self.alive.saturating_sub(1);
        if self.last_index == u16::MAX && !self.holes.is_empty() {
            self.holes.push(index);
        }
        Ok(if self.alive == 0 { Removed::Last } else { Removed::Object })
    }

    /// Gives the end of the block up that is not used: the new length.
    ///
    /// # Errors
    /// The length does not fit the file's lengths.
    pub(super) fn shorten(&mut self, len: u64) -> Result<()> {
        self.len = len.max(self.used);
        self.dirty = true;
        self.clean()
    }

    /// Brings it into the file.
    ///
    /// # Errors
    /// The storage fails.
    pub(super) fn write(&mut self, editor: &mut Editor) -> Result<()> {
        if !self.dirty {
            return Ok(());
        }
        if self.buffer.position() as u64 != self.used {
            self.clean()?;
        }
        let used = self.buffer.position();
        GlobalHeapCollection::encode_free(self.used, self.len, &mut self.buffer)?;
        editor.write_raw(self.address, self.buffer.as_slice())?;
        self.buffer.truncate(used);
        self.dirty = false;
        Ok(())
    }

    fn append(&mut self, index: u16, references: u16, data: &[u8]) -> Result<()> {
        let sizes = self.buffer.sizes();
        let start = self.buffer.position();
        GlobalHeapCollection::encode_object(index, references, data, &mut self.buffer)?;
        let from = start.saturating_add(GlobalHeapCollection::header_len(sizes));
        self.objects.push(Object { index, references, alive: true, data: from..from.saturating_add(data.len()) });
        self.used = self.used.saturating_add(GlobalHeapCollection::object_len(data.len(), sizes));
        self.alive = self.alive.saturating_add(1);
        Ok(())
    }

    /// Takes removed objects out of the buffer: the others move down, and keep their order.
    fn clean(&mut self) -> Result<()> {
        let empty = Writer::new(self.buffer.sizes());
        let old = core::mem::replace(&mut self.buffer, empty);
        let objects = core::mem::take(&mut self.objects);
        GlobalHeapCollection::encode_header(self.len, &mut self.buffer)?;
        (self.used, self.alive) = (self.buffer.position() as u64, 0);
        for object in objects.into_iter().filter(|object| object.alive) {
            let data = old.as_slice().get(object.data.clone()).unwrap_or(&[]);
            self.append(object.index, object.references, data)?;
        }
        Ok(())
    }

    fn position(&self, index: u16) -> Option<usize> {
        let is_it = |object: &Object| object.alive && object.index == index;
        // Where nothing was removed before, an object stands at the place before its index.
        let guess = usize::from(index).checked_sub(1)?;
        if self.objects.get(guess).is_some_and(is_it) {
            return Some(guess);
        }
        self.objects.iter().position(is_it)
    }

    /// The index of the next object: the one after the last, or one that is free again.
    fn next_index(&mut self) -> Option<u16> {
        if let Some(next) = self.last_index.checked_add(1) {
            return Some(next);
        }
        if self.holes.is_empty() && self.alive < MOST {
            let mut taken = alloc::vec![false; MOST.saturating_add(1)];
            for object in self.objects.iter().filter(|object| object.alive) {
                taken.get_mut(usize::from(object.index)).into_iter().for_each(|taken| *taken = true);
            }
            let free = |index: &u16| taken.get(usize::from(*index)) == Some(&false);
            self.holes = (1..=u16::MAX).rev().filter(free).collect();
        }
        self.holes.last().copied()
    }

    fn full(&self, data: &[u8]) -> Error {
        let message = format!("no room for {} bytes in a collection of {}", data.len(), self.len);
        Error::new(ErrorKind::Invalid, message).within(STRUCTURE)
    }
}

/// Length of a block for a collection with one object of `len` bytes.
pub(super) fn len_for(len: usize, sizes: Sizes) -> u64 {
    GlobalHeapCollection::encoded_len([len], sizes)
}

/// The longest collection that the file's lengths can tell.
pub(super) fn longest(sizes: Sizes) -> u64 {
    let unused = 64u32.saturating_sub(u32::from(sizes.length).saturating_mul(8));
    (u64::MAX.checked_shr(unused).unwrap_or(u64::MAX) >> 3) << 3
}
