//! Global heaps: values of variable length put in and taken out.
//!
//! New objects go into one open collection, which is encoded when it is full or at [`GlobalHeapEditor::finish`]. Where
//! much was removed from a collection its space is used again before new ones are made; an empty one is given back. New
//! collections are longer and longer while many objects come, and the last is cut to what it needs.
//!
//! Collections are written to fresh space at once, and are not kept in memory then.

mod collection;

use super::{Editor, Purpose};
use crate::codec::{Address, Sizes};
use crate::error::{Error, ErrorKind, Result};
use crate::format::global_heap::{GlobalHeapCollection, SMALLEST};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use collection::{Collection, Removed, longest};

/// Structure name in errors.
const STRUCTURE: &str = "global heap collection";
/// New collections are not longer than this, but for larger objects.
const LONGEST: u64 = 1 << 16;
/// Objects that take more than this get their own collection where the open one has no room: it stays open.
const LARGE: u64 = LONGEST / 8;
/// Bytes of changed collections in memory.
const KEPT_BYTES: usize = 16 << 20;

/// Changes the global heap of a file in one transaction or many.
///
/// What it was told is in the file after [`finish`](Self::finish), not before; a rollback of the [`Editor`] needs a new
/// one of these.
#[derive(Default)]
pub(crate) struct GlobalHeapEditor {
    /// Where new objects go.
    open: Option<Open>,
    /// Collections from which objects were removed.
    changed: BTreeMap<Address, Collection>,
    changed_bytes: usize,
    /// Free bytes of the collections that have many, the open one excepted.
    roomy: Roomy,
    /// Length of the last new collection.
    last_len: u64,
}

struct Open {
    collection: Collection,
    /// Made since the last time that everything was written.
    is_new: bool,
}

/// Collections by their free bytes.
#[derive(Default)]
struct Roomy {
    free: BTreeMap<Address, u64>,
    by_free: BTreeSet<(u64, Address)>,
}

impl Roomy {
    /// Notes what a collection has, if that is worth it to come back to it.
    fn set(&mut self, collection: &Collection) {
        self.remove(collection.address);
        let free = collection.free();
        if free >= collection.len / 8 {
            self.free.insert(collection.address, free);
            self.by_free.insert((free, collection.address));
        }
    }

    fn remove(&mut self, address: Address) {
        if let Some(free) = self.free.remove(&address) {
            self.by_free.remove(&(free, address));
        }
    }

    /// The collection with the fewest free bytes that are enough.
    fn with(&self, bytes: u64) -> Option<Address> {
        self.by_free.range((bytes, Address(0))..).next().map(|&(_, address)| address)
    }
}

impl GlobalHeapEditor {
    /// Adds an object: its collection and index.
    ///
    /// # Errors
    /// There is no room in the file, or the file's lengths do not reach that far.
    pub(crate) fn insert(&mut self, editor: &mut Editor, data: &[u8]) -> Result<(Address, u32)> {
        let sizes = editor.superblock.sizes;
        let need = GlobalHeapCollection::object_len(data.len(), sizes);
        if self.open.as_ref().is_none_or(|open| open.collection.free() < need) {
            let len = collection::len_for(data.len(), sizes);
            if len > longest(sizes) {
                let message = format!("{} bytes in one object do not fit this file's lengths", data.len());
                let error = Error::new(ErrorKind::Limit, message).within(STRUCTURE);
                return Err(error.with_hint("create the file with wider offsets and lengths"));
            }
            if need > LARGE {
                return self.insert_alone(editor, data, len);
            }
            self.open_with(editor, need, len)?;
        }
        let open = self.open.as_mut().ok_or_else(|| Error::new(ErrorKind::Invalid, "no open collection"))?;
        let index = open.collection.insert(data)?;
        Ok((open.collection.address, index.into()))
    }

    /// Removes an object, or one of the references that are counted in it.
    ///
    /// # Errors
    /// There is no such object, or its collection is damaged.
    pub(crate) fn remove(&mut self, editor: &mut Editor, address: Address, index: u32) -> Result<()> {
        if let Some(open) = self.open.as_mut().filter(|open| open.collection.address == address) {
            if open.collection.remove(index)? == Removed::Last {
                let len = open.collection.len;
                self.open = None;
                editor.release(Purpose::GlobalHeap, address, len);
            }
            return Ok(());
        }
        let mut collection = self.take(editor, address)?;
        let removed = collection.remove(index);
        if let Ok(Removed::Last) = removed {
            self.roomy.remove(address);
            editor.release(Purpose::GlobalHeap, address, collection.len);
            return Ok(());
        }
        self.roomy.set(&collection);
        self.keep(editor, collection)?;
        removed.map(drop)
    }

    /// Brings all that was told into the file.
    ///
    /// # Errors
    /// The storage fails.
    pub(crate) fn finish(&mut self, editor: &mut Editor) -> Result<()> {
        self.last_len = 0;
        if let Some(open) = &mut self.open {
            let collection = &mut open.collection;
            let needed = collection.used().next_multiple_of(SMALLEST).min(collection.len);
            let excess = collection.len.saturating_sub(needed);
            if open.is_new && excess > 0 {
                collection.shorten(needed)?;
                let end = Address(collection.address.0.saturating_add(needed));
                editor.release(Purpose::GlobalHeap, end, excess);
            }
            open.is_new = false;
            collection.write(editor)?;
        }
        self.write_changed(editor)
    }

    /// An object in a collection of its own.
    fn insert_alone(&mut self, editor: &mut Editor, data: &[u8], len: u64) -> Result<(Address, u32)> {
        let address = editor.allocate(Purpose::GlobalHeap, len)?;
        let mut collection = Collection::new(address, len, editor.superblock.sizes)?;
        let index = collection.insert(data)?;
        collection.write(editor)?;
        self.roomy.set(&collection);
        Ok((address, index.into()))
    }

    /// Opens a collection with `need` free bytes, a new one if none has them; `len` bytes are enough for that.
    fn open_with(&mut self, editor: &mut Editor, need: u64, len: u64) -> Result<()> {
        let next = match self.roomy.with(need) {
            Some(address) => {
                let collection = self.take(editor, address)?;
                self.roomy.remove(address);
                Open { collection, is_new: false }
            }
            None => {
                let sizes = editor.superblock.sizes;
                let wanted = self.last_len.saturating_mul(2).clamp(SMALLEST, longest_usual(sizes)).max(len);
                // A hole that will do is better than a longer file.
                let hole = editor.largest_free().checked_div(SMALLEST).unwrap_or(0).saturating_mul(SMALLEST);
                let wanted = if hole >= len.max(SMALLEST) { wanted.min(hole) } else { wanted };
                let address = editor.allocate(Purpose::GlobalHeap, wanted)?;
                self.last_len = wanted;
                Open { collection: Collection::new(address, wanted, sizes)?, is_new: true }
            }
        };
        if let Some(mut full) = self.open.replace(next) {
            full.collection.write(editor)?;
            self.roomy.set(&full.collection);
        }
        Ok(())
    }

    /// A collection that is not the open one.
    fn take(&mut self, editor: &Editor, address: Address) -> Result<Collection> {
        match self.changed.remove(&address) {
            Some(collection) => {
                self.changed_bytes = self.changed_bytes.saturating_sub(collection.memory());
                Ok(collection)
            }
            None => Collection::load(editor, address),
        }
    }

    fn keep(&mut self, editor: &mut Editor, collection: Collection) -> Result<()> {
        self.changed_bytes = self.changed_bytes.saturating_add(collection.memory());
        self.changed.insert(collection.address, collection);
        if self.changed_bytes > KEPT_BYTES { self.write_changed(editor) } else { Ok(()) }
    }

    fn write_changed(&mut self, editor: &mut Editor) -> Result<()> {
        self.changed.values_mut().try_for_each(|collection| collection.write(editor))?;
        self.changed.clear();
        self.changed_bytes = 0;
        Ok(())
    }
}

/// The longest new collection for objects that are not large.
fn longest_usual(sizes: Sizes) -> u64 {
    (longest(sizes) / SMALLEST).saturating_mul(SMALLEST).min(LONGEST)
}

#[cfg(test)]
mod tests;
