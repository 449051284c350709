//! Storage that nobody else changes, with the blocks that small reads met lately kept in memory.
//!
//! Structures are small and lie side by side: most reads of them find their bytes here, without a call to the system. Long
//! reads go straight to the storage. Readers on other threads wait for each other only while a block is put in. What is
//! written goes to the storage, and its blocks are forgotten before and after: a block that was read meanwhile is not kept.

use super::{Storage, StorageMut, past_end};
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

/// A storage that changes only by way of this one while it is open, and its blocks.
pub(crate) struct Cached<S> {
    base: S,
    len: RwLock<u64>,
    shards: [RwLock<Shard>; SHARDS],
}

type Blocks = BTreeMap<u64, Arc<[u8]>>;

/// Blocks by number: those met since `older` was filled, and those of before.
#[derive(Default)]
struct Shard {
    recent: Blocks,
    older: Blocks,
    /// Times that blocks were forgotten because the storage changed.
    changes: u64,
}

impl<S: Storage> Cached<S> {
    /// Over a storage of which nobody else changes a byte.
    ///
    /// # Errors
    /// Its length cannot be found out.
    pub(crate) fn new(base: S) -> Result<Self> {
        let len = base.len()?;
        let len = RwLock::new(len);
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
        let (older, changes) = shard.map_or((None, 0), |shard| {
            let mut shard = shard.write();
            (shard.older.remove(&number), shard.changes)
        });
        let block = match older {
            Some(block) => block,
            None => {
                let start = number.saturating_mul(BLOCK as u64);
                let rest = self.len.read().saturating_sub(start);
                let len = usize::try_from(rest).unwrap_or(BLOCK).min(BLOCK);
                let mut bytes = alloc::vec![0; len];
                self.base.read_at(start, &mut bytes)?;
                bytes.into()
            }
        };
        if let Some(shard) = shard {
            let mut shard = shard.write();
            if shard.changes == changes {
                if shard.recent.len() >= GENERATION {
                    shard.older = core::mem::take(&mut shard.recent);
                }
                shard.recent.insert(number, Arc::clone(&block));
            }
        }
        Ok(block)
    }

    /// Forgets the blocks that a range meets.
    fn forget(&self, start: u64, end: u64) {
        let size = BLOCK as u64;
        let (first, past) = (start.checked_div(size).unwrap_or(0), end.div_ceil(size));
        let few = past.saturating_sub(first) < SHARDS as u64;
        for (n, shard) in self.shards.iter().enumerate() {
            let is_met = |number: u64| number.checked_rem(SHARDS as u64) == Some(n as u64);
            if few && !(first..past).any(is_met) {
                continue;
            }
            let mut shard = shard.write();
            shard.changes = shard.changes.wrapping_add(1);
            let Shard { recent, older, .. } = &mut *shard;
            for blocks in [recent, older] {
                blocks.retain(|number, _| !(first..past).contains(number));
            }
        }
    }

    /// Changes a range of the storage, and where it ends.
    fn change(&self, start: u64, end: u64, change: impl FnOnce(&S) -> Result<u64>) -> Result<()> {
        self.forget(start, end);
        let done = change(&self.base);
        // What fails may have been done in part.
        let len = done.as_ref().map_or_else(|_| self.base.len(), |&len| Ok(len));
        if let Ok(len) = len {
            *self.len.write() = len;
        }
        self.forget(start, end);
        done.map(drop)
    }
}

impl<S: StorageMut> StorageMut for Cached<S> {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (len, end) = (self.len()?, offset.saturating_add(bytes.len() as u64));
        // What ends the storage now may become longer.
        self.change(offset.min(len), end, |base| base.write_at(offset, bytes).map(|()| len.max(end)))
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let old = self.len()?;
        self.change(len.min(old), len.max(old), |base| base.set_len(len).map(|()| len))
    }

    fn sync(&self) -> Result<()> {
        self.base.sync()
    }
}

impl<S: Storage> Storage for Cached<S> {
    fn len(&self) -> Result<u64> {
        Ok(*self.len.read())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        if buf.len() > SHORT {
            return self.base.read_at(offset, buf);
        }
        let end = self.len()?;
        if offset.checked_add(buf.len() as u64).is_none_or(|past| past > end) {
            return Err(past_end(offset, buf.len(), end));
        }
        let (mut offset, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let size = BLOCK as u64;
            let block = self.block(offset.checked_div(size).unwrap_or(0))?;
            let from = offset.checked_rem(size).and_then(|at| block.get(usize::try_from(at).ok()?..)).unwrap_or(&[]);
            let count = rest.len().min(from.len());
            let (Some(from), Some((to, after))) = (from.get(..count), rest.split_at_mut_checked(count)) else {
                return Err(past_end(offset, count, end));
            };
            if count == 0 {
                return Err(past_end(offset, 1, end));
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

    #[test]
    fn what_is_written_is_read() {
        use crate::io::MemoryFile;
        let cached = Cached::new(MemoryFile::new(alloc::vec![0; 100_000])).unwrap();
        let mut expected = alloc::vec![0u8; 100_000];
        let mut seed = 9u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        for round in 0..5000 {
            let at = next(expected.len() as u64 + 50) as usize;
            match next(8) {
                0 => {
                    cached.set_len(at as u64 + 1).unwrap();
                    expected.resize(at + 1, 0);
                }
                1..4 => {
                    let bytes = alloc::vec![round as u8; next(40_000) as usize >> next(16)];
                    cached.write_at(at as u64, &bytes).unwrap();
                    let end = at + bytes.len();
                    if !bytes.is_empty() {
                        expected.resize(expected.len().max(end), 0);
                        expected[at..end].copy_from_slice(&bytes);
                    }
                }
                _ => {
                    let mut buf = alloc::vec![1; next(300) as usize];
                    let there = expected.get(at..at + buf.len());
                    assert_eq!(cached.read_at(at as u64, &mut buf).is_ok(), there.is_some());
                    assert!(there.is_none_or(|there| there == buf));
                }
            }
            assert_eq!(Storage::len(&cached).unwrap(), expected.len() as u64);
        }
    }

    #[test]
    fn a_block_read_while_it_is_written_is_not_kept() {
        use crate::io::MemoryFile;
        let cached = Cached::new(MemoryFile::new(alloc::vec![0; 40_000])).unwrap();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut last = 0;
                while last < 200 {
                    let mut found = [0];
                    cached.read_at(20_000, &mut found).unwrap();
                    assert!(found[0] >= last);
                    last = found[0];
                }
            });
            for n in 1..=200u8 {
                cached.write_at(20_000, &[n]).unwrap();
                let mut found = [0];
                cached.read_at(20_000, &mut found).unwrap();
                assert_eq!(found, [n]);
            }
            reader.join().unwrap();
        });
    }
}
