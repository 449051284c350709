//! Which bytes of the file are in use.
//!
//! Space that the last committed state uses is *live*: freed in a transaction, it is reused only after the commit.
//! All other space is *fresh*: past the committed end, or free since an earlier commit. Fresh space may be written at
//! any time, because no committed structure points into it.

use super::ranges::{FreeRanges, Ranges};
use crate::codec::Address;
use crate::error::{Error, ErrorKind, Result};

/// What a block is for; the specification's types of free space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Superblock and its extension.
    Superblock,
    /// B-tree nodes, array blocks.
    BTree,
    /// Raw data.
    RawData,
    /// Global heap collections.
    GlobalHeap,
    /// Local and fractal heaps.
    LocalHeap,
    /// Object headers.
    ObjectHeader,
}

/// The allocator. Addresses are relative to the base address.
#[derive(Clone, Debug)]
pub(super) struct Space {
    end: u64,
    committed_end: u64,
    /// Most that addresses of the file's width can be.
    limit: u64,
    reusable: FreeRanges,
    /// Live until the commit.
    pending: Ranges,
    /// Allocated in this transaction below the committed end.
    fresh: Ranges,
}

impl Space {
    /// A file with `end` bytes in use and nothing known to be free.
    pub(super) fn new(end: u64, limit: u64) -> Self {
        let (reusable, pending, fresh) = Default::default();
        Space { end, committed_end: end, limit, reusable, pending, fresh }
    }

    /// First address past what is allocated.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes that can be had without making the file longer.
    pub(super) fn largest_free(&self) -> u64 {
        self.reusable.largest()
    }

    /// Bytes for new use.
    pub(super) fn allocate(&mut self, len: u64) -> Result<Address> {
        if len == 0 {
            return Err(Error::new(ErrorKind::Invalid, "no bytes asked for"));
        }
        if let Some(start) = self.reusable.take(len) {
            self.mark_fresh(start, len);
            return Ok(Address(start));
        }
        let start = self.end;
        let end = start.checked_add(len).filter(|&end| end <= self.limit);
        self.end = end.ok_or_else(|| {
            Error::new(ErrorKind::Limit, alloc::format!("{len} more bytes exceed what the file's addresses reach"))
                .hint("create the file with wider offsets")
        })?;
        Ok(Address(start))
    }

    /// Makes a block longer where it lies, if what follows is free.
    pub(super) fn extend(&mut self, address: Address, len: u64, more: u64) -> bool {
        let at = address.0.saturating_add(len);
        if at == self.end {
            let end = at.checked_add(more).filter(|&end| end <= self.limit);
            self.end = end.unwrap_or(self.end);
            return end.is_some();
        }
        let taken = self.reusable.take_at(at, more);
        if taken {
            self.mark_fresh(at, more);
        }
        taken
    }

    fn mark_fresh(&mut self, start: u64, len: u64) {
        let end = start.saturating_add(len).min(self.committed_end);
        if start < end {
            self.fresh.insert(start, end);
        }
    }

    /// Gives bytes back. True if they may be written at once.
    pub(super) fn release(&mut self, address: Address, len: u64) -> bool {
        let (start, end) = (address.0, address.0.saturating_add(len));
        if !self.is_fresh(address, len) {
            self.pending.insert(start, end);
            return false;
        }
        self.fresh.remove(start, end);
        self.reusable.insert(start, end);
        if end == self.end
            && let Some(free) = self.reusable.take_ending_at(end)
        {
            // What the committed state ends with stays allocated until the commit, even where it is free.
            self.end = free.max(self.committed_end);
            self.reusable.insert(free.min(self.end), self.end);
        }
        true
    }

    /// True if no committed structure is in a range.
    pub(super) fn is_fresh(&self, address: Address, len: u64) -> bool {
        let end = address.0.saturating_add(len);
        address.0 >= self.committed_end || self.fresh.contains(address.0, end.min(self.committed_end))
    }

    /// The end that the file has once what is free at its end is cut off.
    pub(super) fn end_after_commit(&self) -> u64 {
        let mut free = self.reusable.clone();
        self.pending.iter().for_each(|(start, end)| free.insert(start, end));
        free.take_ending_at(self.end).unwrap_or(self.end)
    }

    /// What is allocated now is the committed state.
    pub(super) fn commit(&mut self) {
        for (start, end) in core::mem::take(&mut self.pending).iter() {
            self.reusable.insert(start, end);
        }
        self.fresh = Ranges::default();
        while let Some(start) = self.reusable.take_ending_at(self.end) {
            self.end = start;
        }
        self.committed_end = self.end;
    }

    /// Back to the committed state.
    pub(super) fn rollback(&mut self) {
        self.pending = Ranges::default();
        for (start, end) in core::mem::take(&mut self.fresh).iter() {
            self.reusable.insert(start, end);
        }
        // What was free past the committed end is past the end now.
        let kept: alloc::vec::Vec<(u64, u64)> = self.reusable.ranges().iter().collect();
        self.reusable = FreeRanges::default();
        for (start, end) in kept {
            self.add_free(start, end.min(self.committed_end));
        }
        self.end = self.committed_end;
    }

    /// True if all that is allocated is the committed state.
    pub(super) fn is_committed(&self) -> bool {
        self.end == self.committed_end && self.pending.total() == 0 && self.fresh.total() == 0
    }

    /// Makes ranges available that are known to be free in the committed state.
    pub(super) fn add_free(&mut self, start: u64, end: u64) {
        if start < end.min(self.end) {
            self.reusable.insert(start, end.min(self.end));
        }
    }

    /// Bytes that are free or will be after the commit.
    pub(super) fn free_bytes(&self) -> u64 {
        self.reusable.ranges().total().saturating_add(self.pending.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_space_waits_for_the_commit() {
        let mut space = Space::new(100, u64::MAX);
        assert!(!space.release(Address(20), 10));
        assert_eq!(space.allocate(10).unwrap(), Address(100));
        assert_eq!(space.end_after_commit(), 110);
        space.commit();
        assert_eq!(space.allocate(4).unwrap(), Address(20));
        assert!(space.is_fresh(Address(20), 4) && !space.is_fresh(Address(20), 5) && !space.is_fresh(Address(99), 1));
        assert!(space.release(Address(20), 4));
        assert_eq!(space.allocate(10).unwrap(), Address(20));
        assert_eq!(space.free_bytes(), 0);
    }

    #[test]
    fn the_tail_is_cut() {
        let mut space = Space::new(100, u64::MAX);
        let a = space.allocate(50).unwrap();
        let b = space.allocate(50).unwrap();
        assert!(space.release(a, 50) && space.release(b, 50));
        assert_eq!(space.end(), 100);
        assert!(!space.release(Address(90), 10));
        assert_eq!((space.end(), space.end_after_commit()), (100, 90));
        space.commit();
        assert_eq!(space.end(), 90);
        assert_eq!(space.allocate(1).unwrap(), Address(90));
    }

    #[test]
    fn blocks_grow_where_they_lie() {
        let mut space = Space::new(100, 200);
        let a = space.allocate(10).unwrap();
        let b = space.allocate(10).unwrap();
        let c = space.allocate(10).unwrap();
        assert!(!space.extend(a, 10, 5));
        assert!(space.extend(c, 10, 5));
        assert!(space.release(b, 10));
        assert!(space.extend(a, 10, 5) && !space.extend(a, 15, 6) && space.extend(a, 15, 5));
        assert!(space.allocate(66).is_err() && space.allocate(65).is_ok());
    }

    #[test]
    fn freed_across_the_committed_end() {
        let mut space = Space::new(100, u64::MAX);
        assert!(!space.release(Address(80), 20));
        space.commit();
        assert_eq!(space.end(), 80);
        let a = space.allocate(30).unwrap();
        assert_eq!(a, Address(80));
        assert!(space.release(a, 30));
        assert_eq!((space.end(), space.free_bytes()), (80, 0));
    }
}
