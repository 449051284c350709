//! Which bytes of the file are in use.
//!
//! Space that the last committed state uses is *live*: freed in a transaction, it is reused only after the commit.
//! All other space is *fresh*: past the committed end, or free since an earlier commit. Fresh space may be written at
//! any time, because no committed structure points into it.

use super::free::Free;
use super::pages::{Pages, Sort};
use super::ranges::Ranges;
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
    reusable: Free,
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
    pub(super) fn allocate(&mut self, purpose: Purpose, len: u64) -> Result<Address> {
        if len == 0 {
            return Err(Error::new(ErrorKind::Invalid, "no bytes asked for"));
        }
        if let Some(start) = self.reusable.take(purpose, len) {
            self.mark_fresh(start, len);
            return Ok(Address(start));
        }
        let start = self.end;
        let end = start.checked_add(len).map(|end| self.rounded(end)).filter(|&end| end <= self.limit);
        self.end = end.ok_or_else(|| {
            Error::new(ErrorKind::Limit, alloc::format!("{len} more bytes exceed what the file's addresses reach"))
                .with_hint("create the file with wider offsets")
        })?;
        self.reusable.know(start, len, Sort::of(purpose));
        self.reusable.insert(start.saturating_add(len), self.end);
        Ok(Address(start))
    }

    /// The end of the file if its last block ends at an address.
    fn rounded(&self, end: u64) -> u64 {
        match &self.reusable {
            Free::Plain { .. } => end,
            Free::Paged(pages) => pages.round_up(end),
        }
    }

    /// Goes on in pages. Nothing is known to be free yet; what is in the first page of a new file is metadata.
    pub(super) fn in_pages(&mut self, size: u64) {
        let mut pages = Pages::new(size);
        let end = pages.round_up(self.end);
        if self.end < size {
            pages.know(0, self.end, Sort::Metadata);
        }
        pages.insert(self.end, end);
        (self.end, self.reusable) = (end, Free::Paged(pages));
    }

    /// Says what is free for which blocks.
    pub(super) fn know(&mut self, start: u64, len: u64, sort: Sort) {
        self.reusable.know(start, len, sort);
    }

    /// Makes a block longer where it lies, if what follows is free.
    pub(super) fn extend(&mut self, address: Address, len: u64, more: u64) -> bool {
        let at = address.0.saturating_add(len);
        if at == self.end && matches!(self.reusable, Free::Plain { .. }) {
            let end = at.checked_add(more).filter(|&end| end <= self.limit);
            self.end = end.unwrap_or(self.end);
            return end.is_some();
        }
        let taken = self.reusable.take_at(address.0, len, more);
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
    pub(super) fn release(&mut self, purpose: Purpose, address: Address, len: u64) -> bool {
        let (start, end) = (address.0, address.0.saturating_add(len));
        self.reusable.know(start, len, Sort::of(purpose));
        if !self.is_fresh(address, len) {
            self.pending.insert(start, end);
            return false;
        }
        self.fresh.remove(start, end);
        self.reusable.insert(start, end);
        if let Some(free) = (self.rounded(end) == self.end).then(|| self.reusable.take_tail(self.end)).flatten() {
            // What the committed state ends with stays allocated until the commit, even where it is free.
            let old = self.end;
            self.end = self.rounded(free.max(self.committed_end)).min(old);
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
        free.take_tail(self.end).unwrap_or(self.end)
    }

    /// What is free once the transaction is committed and the end cut off.
    pub(super) fn free_after_commit(&self) -> Free {
        let mut free = self.reusable.clone();
        self.pending.iter().for_each(|(start, end)| free.insert(start, end));
        while free.take_tail(self.end).is_some() {}
        free
    }

    /// What is allocated now is the committed state.
    pub(super) fn commit(&mut self) {
        for (start, end) in core::mem::take(&mut self.pending).iter() {
            self.reusable.insert(start, end);
        }
        self.fresh = Ranges::default();
        while let Some(start) = self.reusable.take_tail(self.end) {
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
        let kept = self.reusable.all();
        self.reusable = self.reusable.emptied(self.committed_end);
        for (start, end) in kept.iter() {
            self.add_free(start, end.min(self.committed_end));
        }
        // Not a page's start where another library left the end.
        self.end = self.rounded(self.committed_end);
        self.reusable.insert(self.committed_end, self.end);
    }

    /// True if all that is allocated is the committed state.
    pub(super) fn is_committed(&self) -> bool {
        self.end == self.rounded(self.committed_end) && self.pending.total() == 0 && self.fresh.total() == 0
    }

    /// Makes ranges available that are known to be free in the committed state.
    pub(super) fn add_free(&mut self, start: u64, end: u64) {
        if start < end.min(self.end) {
            self.reusable.insert(start, end.min(self.end));
        }
    }

    /// Bytes that are free or will be after the commit.
    pub(super) fn free_bytes(&self) -> u64 {
        self.reusable.all().total().saturating_add(self.pending.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_space_waits_for_the_commit() {
        let mut space = Space::new(100, u64::MAX);
        assert!(!space.release(Purpose::BTree, Address(20), 10));
        assert_eq!(space.allocate(Purpose::BTree, 10).unwrap(), Address(100));
        assert_eq!(space.end_after_commit(), 110);
        space.commit();
        assert_eq!(space.allocate(Purpose::BTree, 4).unwrap(), Address(20));
        assert!(space.is_fresh(Address(20), 4) && !space.is_fresh(Address(20), 5) && !space.is_fresh(Address(99), 1));
        assert!(space.release(Purpose::BTree, Address(20), 4));
        assert_eq!(space.allocate(Purpose::BTree, 10).unwrap(), Address(20));
        assert_eq!(space.free_bytes(), 0);
    }

    #[test]
    fn the_tail_is_cut() {
        let mut space = Space::new(100, u64::MAX);
        let a = space.allocate(Purpose::BTree, 50).unwrap();
        let b = space.allocate(Purpose::BTree, 50).unwrap();
        assert!(space.release(Purpose::BTree, a, 50) && space.release(Purpose::BTree, b, 50));
        assert_eq!(space.end(), 100);
        assert!(!space.release(Purpose::BTree, Address(90), 10));
        assert_eq!((space.end(), space.end_after_commit()), (100, 90));
        space.commit();
        assert_eq!(space.end(), 90);
        assert_eq!(space.allocate(Purpose::BTree, 1).unwrap(), Address(90));
    }

    #[test]
    fn blocks_grow_where_they_lie() {
        let mut space = Space::new(100, 200);
        let a = space.allocate(Purpose::BTree, 10).unwrap();
        let b = space.allocate(Purpose::BTree, 10).unwrap();
        let c = space.allocate(Purpose::BTree, 10).unwrap();
        assert!(!space.extend(a, 10, 5));
        assert!(space.extend(c, 10, 5));
        assert!(space.release(Purpose::BTree, b, 10));
        assert!(space.extend(a, 10, 5) && !space.extend(a, 15, 6) && space.extend(a, 15, 5));
        assert!(space.allocate(Purpose::BTree, 66).is_err() && space.allocate(Purpose::BTree, 65).is_ok());
    }

    #[test]
    fn freed_across_the_committed_end() {
        let mut space = Space::new(100, u64::MAX);
        assert!(!space.release(Purpose::BTree, Address(80), 20));
        space.commit();
        assert_eq!(space.end(), 80);
        let a = space.allocate(Purpose::BTree, 30).unwrap();
        assert_eq!(a, Address(80));
        assert!(space.release(Purpose::BTree, a, 30));
        assert_eq!((space.end(), space.free_bytes()), (80, 0));
    }

    #[test]
    fn pages_hold_one_sort() {
        let mut space = Space::new(48, u64::MAX);
        space.in_pages(512);
        let metadata = space.allocate(Purpose::ObjectHeader, 100).unwrap();
        let raw = space.allocate(Purpose::RawData, 100).unwrap();
        let long = space.allocate(Purpose::RawData, 700).unwrap();
        assert_eq!((metadata.0, raw.0, long.0, space.end()), (48, 512, 1024, 2048));
        assert_eq!(space.allocate(Purpose::BTree, 364).unwrap(), Address(148));
        assert_eq!(space.allocate(Purpose::RawData, 413).unwrap(), Address(2048));
        assert_eq!(space.allocate(Purpose::GlobalHeap, 412).unwrap(), Address(612));
        // What is left after the long block is for nothing else until that goes.
        assert_eq!(space.allocate(Purpose::BTree, 8).unwrap(), Address(2560));
        space.commit();
        assert_eq!(space.end(), 3072);
        assert!(!space.release(Purpose::RawData, long, 700));
        space.commit();
        assert_eq!(space.allocate(Purpose::LocalHeap, 500).unwrap(), Address(2568));
        assert_eq!(space.allocate(Purpose::LocalHeap, 500).unwrap(), Address(1024));
        assert_eq!(space.allocate(Purpose::RawData, 512).unwrap(), Address(1536));
        space.rollback();
        assert_eq!(space.free_bytes(), 1024 + 99 + 504);
        assert_eq!(space.end(), 3072);
        // What a page past the end held is forgotten with it.
        let raw = |space: &mut Space, len| space.allocate(Purpose::RawData, len).unwrap().0;
        assert_eq!((raw(&mut space, 1024), raw(&mut space, 400), raw(&mut space, 400)), (1024, 3072, 3584));
        space.rollback();
        assert_eq!((raw(&mut space, 1024), raw(&mut space, 99)), (1024, 2461));
        assert_eq!(space.allocate(Purpose::BTree, 505).unwrap(), Address(3072));
        assert_eq!(raw(&mut space, 5), 3584);
    }

    #[test]
    fn blocks_in_pages_are_where_they_belong() {
        let mut seed = 9u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        const PAGE: u64 = 64;
        let mut space = Space::new(10, u64::MAX);
        space.in_pages(PAGE);
        let mut blocks: alloc::vec::Vec<(Purpose, Address, u64)> = alloc::vec::Vec::new();
        for round in 0..20_000 {
            if next(2) == 0 || blocks.is_empty() {
                let purpose = [Purpose::BTree, Purpose::RawData, Purpose::GlobalHeap][next(3) as usize];
                let most = if next(4) == 0 { 300 } else { 40 };
                let len = 1 + next(most);
                let at = space.allocate(purpose, len).unwrap();
                if len >= PAGE {
                    assert_eq!(at.0 % PAGE, 0);
                } else {
                    assert_eq!(at.0 / PAGE, (at.0 + len - 1) / PAGE);
                    for &(other, place, other_len) in &blocks {
                        let apart = other_len >= PAGE || place.0 / PAGE != at.0 / PAGE;
                        assert!(apart || Sort::of(other) == Sort::of(purpose), "{round}");
                    }
                }
                for &(_, place, other_len) in &blocks {
                    assert!(at.0 + len <= place.0 || place.0 + other_len <= at.0, "{round}");
                }
                blocks.push((purpose, at, len));
            } else {
                let (purpose, at, len) = blocks.swap_remove(next(blocks.len() as u64) as usize);
                space.release(purpose, at, len);
            }
            if next(20) == 0 {
                space.commit();
                assert_eq!(space.end() % PAGE, 0);
                let used: u64 = blocks.iter().map(|b| b.2).sum();
                assert_eq!(space.free_bytes() + used + 10, space.end());
            }
        }
    }
}
