//! Storage that is only read, with the blocks that small reads met lately kept in memory.
//!
//! Structures are small and lie side by side: most reads of them find their bytes here, without a call to the system. Long
//! reads go straight to the storage. Readers on other threads wait for each other only while a block is put in.

use super::{Storage, past_end};
use crate::error::Result;
use crate::sync::RwLock;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// Bytes of a block.
const BLOCK: usize = 16 << 10;

/// Longest read that goes through blocks.
const SHORT: usize = 4 << 10;

/// Parts of the cache, each with its lock.
const SHARDS: usize = 16;

/// Blocks of one generation of a part: 4 MiB in all.
const GENERATION: usize = 8;

/// A storage that does not change while it is open, and its blocks.
pub(crate) struct Cached<S> {
    base: S,
    len: u64,
    shards: [RwLock<Shard>; SHARDS],
}

type Blocks = BTreeMap<u64, Arc<[u8]>>;

/// Blocks by number: those met since `older` was filled, and those of before.
#[derive(Default)]
struct Shard {
    recent: Blocks,
    older: Blocks,
}

impl<S: Storage> Cached<S> {
    /// Over a storage of which nobody changes a byte.
    ///
    /// # Errors
    /// Its length cannot be found out.
    pub(crate) fn new(base: S) -> Result<Self> {
        let len = base.len()?;
        Ok(Cached { base, len, shards: core::array::from_fn(|_| RwLock::new(Shard::default())) })
    }

    fn shard(&self, number: u64) -> Option<&RwLock<Shard>> {
        self.shards.get(usize::try_from(number.checked_rem(SHARDS as u64)?).ok()?)
    }

    /// A block of the storage; the last one is shorter.
    fn block(&self, number: u64) -> Result<Arc<[u8]>> {
        let shard = self.shard(number);
        let found = shard.and_then(|shard| shard.read().recent.get(&number).cloned());
        if let Some(block) = found {
            return Ok(block);
        }
        let older = shard.and_then(|shard| shard.write().older.remove(&number));
        let block = match older {
            Some(block) => block,
            None => {
                let start = number.saturating_mul(BLOCK as u64);
                let rest = self.len.saturating_sub(start);
                let len = usize::try_from(rest).unwrap_or(BLOCK).min(BLOCK);
                let mut bytes = alloc::vec![0; len];
                self.base.read_at(start, &mut bytes)?;
                bytes.into()
            }
        };
        if let Some(shard) = shard {
            let mut shard = shard.write();
            if shard.recent.len() >= GENERATION {
                shard.older = core::mem::take(&mut shard.recent);
            }
            shard.recent.insert(number, Arc::clone(&block));
        }
        Ok(block)
    }
}

impl<S: Storage> Storage for Cached<S> {
    fn len(&self) -> Result<u64> {
        Ok(self.len)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        if buf.len() > SHORT {
            return self.base.read_at(offset, buf);
        }
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.len) {
            return Err(past_end(offset, buf.len(), self.len));
        }
        let (mut offset, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let size = BLOCK as u64;
            let block = self.block(offset.checked_div(size).unwrap_or(0))?;
            let from = offset.checked_rem(size).and_then(|at| block.get(usize::try_from(at).ok()?..)).unwrap_or(&[]);
            let count = rest.len().min(from.len());
            let (Some(from), Some((to, after))) = (from.get(..count), rest.split_at_mut_checked(count)) else {
                return Err(past_end(offset, count, self.len));
            };
            if count == 0 {
                return Err(past_end(offset, 1, self.len));
            }
            to.copy_from_slice(from);
            rest = after;
            offset = offset.saturating_add(count as u64);
        }
        Ok(())
    }

    fn view(&self, offset: u64, len: usize) -> Option<&[u8]> {
        self.base.view(offset, len)
    }

    fn close(&self) {
        self.base.close();
        self.shards.iter().for_each(|shard| *shard.write() = Shard::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::sync::atomic::{AtomicUsize, Ordering};

    /// Bytes that count how often they are read.
    struct Counted(Vec<u8>, AtomicUsize);

    impl Storage for Counted {
        fn len(&self) -> Result<u64> {
            Storage::len(&self.0)
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.read_at(offset, buf)
        }
    }

    #[test]
    fn reads_are_those_of_the_storage() {
        let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i ^ (i >> 9)) as u8).collect();
        let cached = Cached::new(Counted(bytes.clone(), AtomicUsize::new(0))).unwrap();
        let mut seed = 5u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        for _ in 0..20_000 {
            let start = next(3_000_100);
            let mut buf = alloc::vec![0; next(6000) as usize];
            let end = start as usize + buf.len();
            let read = cached.read_at(start, &mut buf);
            match bytes.get(start as usize..end) {
                Some(expected) => assert!(read.is_ok() && buf == expected),
                None => assert!(read.is_err()),
            }
        }
        assert!(cached.read_at(u64::MAX, &mut [0; 8]).is_err());
        let kept: usize = cached.shards.iter().map(|s| s.read().recent.len() + s.read().older.len()).sum();
        assert!(kept <= 2 * GENERATION * SHARDS);
    }

    #[test]
    fn neighbours_are_read_once() {
        let cached = Cached::new(Counted(alloc::vec![7; 100_000], AtomicUsize::new(0))).unwrap();
        for at in 0..100 {
            cached.read_at(at * 100, &mut [0; 50]).unwrap();
        }
        assert_eq!(cached.base.1.load(Ordering::Relaxed), 1);
        cached.read_at(0, &mut alloc::vec![0; 50_000]).unwrap();
        assert_eq!(cached.base.1.load(Ordering::Relaxed), 2);
    }
}
