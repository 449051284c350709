//! Decoded chunks of one dataset, kept for the next small read.

use crate::codec::Address;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Bytes kept for each dataset; larger chunks are not kept.
pub(super) const KEPT_BYTES: usize = 8 << 20;

/// The chunks that were decoded last, each by its address: what a reader has seen there stays true while the file is
/// open for reading.
///
/// Only chunks of which a read wants a part are kept. The lock is this dataset's own and is held for a look-up, never
/// while a chunk is read or decoded. Without `std` nothing is kept.
#[derive(Default)]
pub struct ChunkCache {
    #[cfg(feature = "std")]
    kept: std::sync::Mutex<Vec<(Address, Arc<Vec<u8>>)>>,
}

#[cfg(feature = "std")]
impl ChunkCache {
    /// The decoded bytes of the chunk at an address, if they are kept.
    pub(super) fn get(&self, address: Address) -> Option<Arc<Vec<u8>>> {
        let mut kept = self.kept.lock().ok()?;
        let place = kept.iter().rposition(|(a, _)| *a == address)?;
        // The last one is the one used last.
        let entry = kept.remove(place);
        let bytes = Arc::clone(&entry.1);
        kept.push(entry);
        Some(bytes)
    }

    /// Keeps decoded bytes, in the place of those that were not used for longest.
    pub(super) fn put(&self, address: Address, bytes: &Arc<Vec<u8>>) {
        if bytes.len() > KEPT_BYTES {
            return;
        }
        let Ok(mut kept) = self.kept.lock() else { return };
        let mut total = bytes.len();
        let first = kept.iter().rposition(|(_, b)| {
            total = total.saturating_add(b.len());
            total > KEPT_BYTES
        });
        kept.drain(..first.map_or(0, |i| i.saturating_add(1)));
        kept.push((address, Arc::clone(bytes)));
    }
}

#[cfg(not(feature = "std"))]
impl ChunkCache {
    pub(super) fn get(&self, _: Address) -> Option<Arc<Vec<u8>>> {
        None
    }

    pub(super) fn put(&self, _: Address, _: &Arc<Vec<u8>>) {}
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_used_last_within_its_bound() {
        let cache = ChunkCache::default();
        let chunk = || Arc::new(alloc::vec![0u8; KEPT_BYTES / 3]);
        (0..3).for_each(|i| cache.put(Address(i), &chunk()));
        assert!(cache.get(Address(0)).is_some());
        cache.put(Address(3), &chunk());
        assert!(cache.get(Address(1)).is_none());
        assert!(cache.get(Address(0)).is_some() && cache.get(Address(2)).is_some());
        cache.put(Address(9), &Arc::new(alloc::vec![0u8; KEPT_BYTES + 1]));
        assert!(cache.get(Address(9)).is_none());
    }
}
