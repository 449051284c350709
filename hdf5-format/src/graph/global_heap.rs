//! Values in the global heap.

use super::context::{Block, FileContext};
use crate::codec::{Address, Cursor, to_usize};
use crate::error::{Error, Result};
use crate::format::global_heap::GlobalHeapCollection;
use alloc::format;
use alloc::vec::Vec;

const NAME: &str = "global heap collection";

/// Bytes of collections kept for the next values.
const KEPT_BYTES: usize = 8 << 20;

/// Bytes read at a collection's address before its length is known: the smallest collection.
const FIRST_READ: u64 = 4096;

/// Reads values of variable length, and keeps the collections it has met lately.
pub struct HeapReader<'a> {
    ctx: &'a FileContext,
    kept: Vec<Kept<'a>>,
    /// Bytes of all that is kept.
    bytes: usize,
    /// Place in `kept` of the collection used last.
    last: usize,
}

struct Kept<'a> {
    address: Address,
    block: Block<'a>,
    collection: GlobalHeapCollection,
}

impl<'a> HeapReader<'a> {
    /// A reader that has met nothing yet.
    pub fn new(ctx: &'a FileContext) -> Self {
        HeapReader { ctx, kept: Vec::new(), bytes: 0, last: 0 }
    }

    /// The bytes of an object.
    ///
    /// # Errors
    /// The collection is damaged, or has no such object.
    pub fn get(&mut self, address: Address, index: u32) -> Result<&[u8]> {
        if self.kept.get(self.last).is_none_or(|k| k.address != address) {
            self.last = match self.kept.iter().position(|k| k.address == address) {
                Some(place) => place,
                None => self.load(address)?,
            };
        }
        let at = self.ctx.absolute(address);
        let kept = self.kept.get(self.last);
        let bytes = kept.and_then(|k| k.block.get(k.collection.object(index)?));
        bytes.ok_or_else(|| Error::corrupt(NAME, at, format!("no object with index {index}")))
    }

    /// The bytes of a stored element of variable length: `elements 4 | collection O | index 4`.
    ///
    /// # Errors
    /// The heap is damaged, or the object does not have the elements' bytes.
    pub fn vlen(&mut self, stored: &[u8], element: usize) -> Result<&[u8]> {
        let mut cursor = Cursor::new(stored, 0, "variable-length element", self.ctx.sizes());
        let count = cursor.u32()?;
        let Some((address, index)) = heap_id(&mut cursor)? else { return Ok(&[]) };
        if count == 0 {
            return Ok(&[]);
        }
        let wanted = u64::from(count).saturating_mul(element as u64);
        let at = self.ctx.absolute(address);
        let bytes = self.get(address, index)?;
        // An object may have room for more: what a shorter value left when it was overwritten.
        match to_usize(wanted).ok().and_then(|n| bytes.get(..n)) {
            Some(value) => Ok(value),
            None => {
                let message = format!("object {index}: expected {wanted} bytes, found {}", bytes.len());
                Err(Error::corrupt(NAME, at, message))
            }
        }
    }

    /// Reads a collection, in one access if it has the usual size, and keeps it.
    fn load(&mut self, address: Address) -> Result<usize> {
        let ctx = self.ctx;
        let first = ctx.head(address, FIRST_READ, NAME)?;
        let len = GlobalHeapCollection::parse_len(&mut ctx.cursor(&first, address, NAME))?;
        let block = if len == first.len() as u64 { first } else { ctx.block(address, len, NAME)? };
        let collection = GlobalHeapCollection::parse(&mut ctx.cursor(&block, address, NAME))?;
        let kept = Kept { address, block, collection };
        if self.bytes > KEPT_BYTES {
            self.kept.clear();
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(kept.block.len()).saturating_add(kept.collection.index_bytes());
        self.kept.push(kept);
        Ok(self.kept.len().saturating_sub(1))
    }
}

/// A heap id: `collection O | index 4`; `None` if it points nowhere.
pub fn heap_id(cursor: &mut Cursor<'_>) -> Result<Option<(Address, u32)>> {
    let address = cursor.address()?;
    let index = cursor.u32()?;
    Ok(address.filter(|a| a.0 != 0).map(|a| (a, index)))
}
