//! Values in the global heap.

use super::context::{Block, FileContext};
use crate::codec::{Address, Cursor, to_usize};
use crate::error::{Error, Result};
use crate::format::global_heap::{GlobalHeapCollection, SMALLEST};
use alloc::collections::BTreeMap;
use alloc::format;

const NAME: &str = "global heap collection";

/// Bytes of collections kept for the next values, besides the one in use; twice this at most.
const KEPT_BYTES: usize = 12 << 20;

/// Reads values of variable length, and keeps the collections it has met lately.
pub struct HeapReader<'a> {
    ctx: &'a FileContext,
    current: Option<Kept<'a>>,
    /// Collections left for another since `older` was filled.
    recent: Generation<'a>,
    older: Generation<'a>,
}

/// A collection in memory.
struct Kept<'a> {
    address: Address,
    block: Block<'a>,
    collection: GlobalHeapCollection,
}

#[derive(Default)]
struct Generation<'a> {
    kept: BTreeMap<Address, Kept<'a>>,
    bytes: usize,
}

impl Kept<'_> {
    /// Memory that keeping it takes: none for bytes that the storage has anyway.
    fn bytes(&self) -> usize {
        let block = if let Block::Owned(bytes) = &self.block { bytes.len() } else { 0 };
        block.saturating_add(self.collection.index_bytes())
    }
}

impl<'a> Generation<'a> {
    fn put(&mut self, kept: Kept<'a>) {
        self.bytes = self.bytes.saturating_add(kept.bytes());
        self.kept.insert(kept.address, kept);
    }

    fn take(&mut self, address: Address) -> Option<Kept<'a>> {
        let kept = self.kept.remove(&address)?;
        self.bytes = self.bytes.saturating_sub(kept.bytes());
        Some(kept)
    }
}

impl<'a> HeapReader<'a> {
    /// A reader that has met nothing yet.
    pub fn new(ctx: &'a FileContext) -> Self {
        HeapReader { ctx, current: None, recent: Generation::default(), older: Generation::default() }
    }

    /// The bytes of an object.
    ///
    /// # Errors
    /// The collection is damaged, or has no such object.
    pub fn get(&mut self, address: Address, index: u32) -> Result<&[u8]> {
        if self.current.as_ref().is_none_or(|k| k.address != address) {
            self.turn_to(address)?;
        }
        let bytes = self.current.as_ref().and_then(|k| k.block.get(k.collection.object(index)?));
        bytes.ok_or_else(|| Error::corrupt(NAME, self.ctx.absolute(address), format!("no object with index {index}")))
    }

    /// The bytes of a stored element of variable length: `elements 4 | collection O | index 4`; none for one that
    /// points nowhere. `element` is the size of one of its elements in bytes.
    ///
    /// # Errors
    /// The heap is damaged, or the object does not have the elements' bytes.
    pub fn vlen(&mut self, stored: &[u8], element: usize) -> Result<&[u8]> {
        let mut cursor = Cursor::new(stored, 0, "variable-length element", self.ctx.sizes());
        let count = cursor.u32()?;
        let Some((address, index)) = heap_id(&mut cursor)?.filter(|_| count > 0) else { return Ok(&[]) };
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

    /// Makes a collection the current one, and keeps the one that was.
    fn turn_to(&mut self, address: Address) -> Result<()> {
        let kept = self.recent.take(address).or_else(|| self.older.take(address));
        let next = kept.map_or_else(|| load(self.ctx, address), Ok)?;
        // What is larger than all that may be kept is read again when it is needed again.
        let Some(previous) = self.current.replace(next).filter(|p| p.bytes() <= KEPT_BYTES) else { return Ok(()) };
        if self.recent.bytes.saturating_add(previous.bytes()) > KEPT_BYTES {
            self.older = core::mem::take(&mut self.recent);
        }
        self.recent.put(previous);
        Ok(())
    }
}

/// Reads a collection, in one access if it has the usual size.
fn load(ctx: &FileContext, address: Address) -> Result<Kept<'_>> {
    let first = ctx.head(address, SMALLEST, NAME)?;
    let len = GlobalHeapCollection::parse_len(&mut ctx.cursor(&first, address, NAME))?;
    let block = if len == first.len() as u64 { first } else { ctx.block(address, len, NAME)? };
    let collection = GlobalHeapCollection::parse(&mut ctx.cursor(&block, address, NAME))?;
    Ok(Kept { address, block, collection })
}

/// A heap id: `collection O | index 4`; `None` if it points nowhere.
///
/// # Errors
/// The cursor ends before.
pub fn heap_id(cursor: &mut Cursor<'_>) -> Result<Option<(Address, u32)>> {
    let address = cursor.address()?;
    let index = cursor.u32()?;
    Ok(address.filter(|a| a.0 != 0).map(|a| (a, index)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, Writer};
    use crate::io::Storage;
    use crate::limits::Limits;
    use alloc::sync::Arc;
    use alloc::vec::Vec;
    use core::sync::atomic::{AtomicUsize, Ordering};

    /// Storage that lends no views and counts reads.
    struct Counted(Vec<u8>, AtomicUsize);

    impl Storage for Counted {
        fn len(&self) -> Result<u64> {
            Ok(self.0.len() as u64)
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
            self.1.fetch_add(1, Ordering::Relaxed);
            let from = offset as usize;
            buf.copy_from_slice(&self.0[from..from + buf.len()]);
            Ok(())
        }
    }

    /// A file of collections of 4096 bytes, each at a multiple of that and with its own number as object 1.
    fn file(collections: u64) -> (Arc<Counted>, FileContext) {
        let mut writer = Writer::new(Sizes::EIGHT);
        writer.zeros(4096);
        for n in 1..=collections {
            GlobalHeapCollection::encode(&[(1, &n.to_le_bytes()), (2, &[])], 4096, &mut writer).unwrap();
        }
        let bytes = writer.into_bytes();
        let end = bytes.len() as u64;
        let storage = Arc::new(Counted(bytes, AtomicUsize::new(0)));
        (Arc::clone(&storage), FileContext::new(storage, 0, end, Sizes::EIGHT, Limits::default()))
    }

    fn number(reader: &mut HeapReader<'_>, n: u64) -> u64 {
        u64::from_le_bytes(reader.get(Address(n * 4096), 1).unwrap().try_into().unwrap())
    }

    #[test]
    fn a_collection_is_read_once() {
        let (storage, ctx) = file(100);
        let mut reader = HeapReader::new(&ctx);
        for _ in 0..5 {
            for n in 1..=100 {
                assert_eq!(number(&mut reader, n), n);
            }
        }
        assert_eq!(storage.1.load(Ordering::Relaxed), 100);
    }

    #[test]
    fn memory_is_bounded_and_recent_collections_stay() {
        let (storage, ctx) = file(5000);
        let mut reader = HeapReader::new(&ctx);
        for n in 1..=5000 {
            assert_eq!(number(&mut reader, n), n);
            assert_eq!(number(&mut reader, 1), 1);
            let bytes = |g: &Generation<'_>| g.kept.values().map(Kept::bytes).sum::<usize>();
            assert_eq!((bytes(&reader.recent), bytes(&reader.older)), (reader.recent.bytes, reader.older.bytes));
            assert!(reader.recent.bytes <= KEPT_BYTES && reader.older.bytes <= KEPT_BYTES);
        }
        assert_eq!(storage.1.load(Ordering::Relaxed), 5000);
    }

    #[test]
    fn elements_of_variable_length() {
        let (_, ctx) = file(1);
        let mut reader = HeapReader::new(&ctx);
        let mut stored = |count: u32, address: u64, index: u32| {
            let mut bytes = count.to_le_bytes().to_vec();
            bytes.extend(address.to_le_bytes());
            bytes.extend(index.to_le_bytes());
            reader.vlen(&bytes, 2).map(<[u8]>::to_vec)
        };
        assert_eq!(stored(4, 4096, 1).unwrap(), [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(stored(1, 4096, 1).unwrap(), [1, 0]);
        assert_eq!(stored(0, 4096, 2).unwrap(), [0u8; 0]);
        assert_eq!(stored(0, 0, 0).unwrap(), [0u8; 0]);
        assert_eq!(stored(9, 0, 0).unwrap(), [0u8; 0]);
        assert!(stored(5, 4096, 1).is_err());
        assert!(stored(1, 4096, 3).is_err());
        assert!(stored(1, 4095, 1).is_err());
        assert!(stored(1, 1 << 40, 1).is_err());
        assert!(reader.vlen(&[0; 15], 1).is_err());
    }
}
