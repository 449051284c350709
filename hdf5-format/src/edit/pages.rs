//! Free space of a file in pages: what a page holds is of one sort.
//!
//! Blocks shorter than a page lie within one, with others of their sort: metadata, or raw data. Longer blocks begin at
//! a page, and what is left of their last page is used again with that page only. Pages that are free as a whole are of
//! no sort.

use super::ranges::{FreeRanges, Ranges};
use super::space::Purpose;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// What pages of short blocks hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Metadata,
    Raw,
}

impl Sort {
    /// Heap collections count as raw data, as libhdf5 has them.
    pub(super) fn of(purpose: Purpose) -> Self {
        match purpose {
            Purpose::RawData | Purpose::GlobalHeap => Sort::Raw,
            _ => Sort::Metadata,
        }
    }
}

/// The free ranges of a file in pages.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    /// Bytes of a page; not 0.
    size: u64,
    /// Pages of short blocks.
    sorts: BTreeMap<u64, Sort>,
    /// Free ranges in pages of metadata and of raw data; one byte is put between pages, so that ranges of two never join.
    short: [FreeRanges; 2],
    /// Free pages, and ends of pages after long blocks.
    long: FreeRanges,
}

/// Ranges looked at for one that is long enough from a page on.
const TRIES: usize = 32;

impl Pages {
    pub(super) fn new(size: u64) -> Self {
        Pages { size: size.max(1), sorts: BTreeMap::new(), short: Default::default(), long: FreeRanges::default() }
    }

    /// The same pages up to an end, of which nothing is free.
    pub(super) fn emptied(&self, end: u64) -> Self {
        let mut sorts = self.sorts.clone();
        sorts.split_off(&self.page(self.round_up(end)));
        Pages { sorts, ..Pages::new(self.size) }
    }

    /// The first page start from an address on.
    pub(super) fn round_up(&self, address: u64) -> u64 {
        address.checked_next_multiple_of(self.size).unwrap_or(u64::MAX)
    }

    fn page(&self, address: u64) -> u64 {
        address.checked_div(self.size).unwrap_or(0)
    }

    fn spread(&self, address: u64) -> u64 {
        address.saturating_add(self.page(address))
    }

    fn join(&self, spread: u64) -> u64 {
        spread.saturating_sub(spread.checked_div(self.size.saturating_add(1)).unwrap_or(0))
    }

    fn short_of(&mut self, sort: Sort) -> &mut FreeRanges {
        let [metadata, raw] = &mut self.short;
        if sort == Sort::Metadata { metadata } else { raw }
    }

    /// Says what the page of a short block is for, unless that is known.
    pub(super) fn know(&mut self, address: u64, len: u64, sort: Sort) {
        let page = self.page(address);
        if len < self.size && self.page(address.saturating_add(len).saturating_sub(1)) == page {
            self.sorts.entry(page).or_insert(sort);
        }
    }

    /// Adds a free range.
    pub(super) fn insert(&mut self, mut start: u64, end: u64) {
        while start < end {
            let whole_end = end.saturating_sub(end.checked_rem(self.size).unwrap_or(0));
            if start.is_multiple_of(self.size) && whole_end > start {
                let pages: Vec<u64> =
                    self.sorts.range(self.page(start)..self.page(whole_end)).map(|(&p, _)| p).collect();
                pages.into_iter().for_each(|page| self.forget(page));
                self.long.insert(start, whole_end);
                start = whole_end;
                continue;
            }
            let stop = self.round_up(start.saturating_add(1)).min(end);
            self.insert_part(start, stop);
            start = stop;
        }
    }

    /// The page is of no sort, and none of its bytes free as far as is known here.
    fn forget(&mut self, page: u64) {
        let start = page.saturating_mul(self.size);
        let (low, high) = (self.spread(start), self.spread(start).saturating_add(self.size));
        if let Some(sort) = self.sorts.remove(&page) {
            self.short_of(sort).remove(low, high);
        }
    }

    /// Adds a part of a page.
    fn insert_part(&mut self, start: u64, end: u64) {
        let page = self.page(start);
        let Some(&sort) = self.sorts.get(&page) else { return self.long.insert(start, end) };
        let low = self.spread(start);
        let high = low.saturating_add(end.saturating_sub(start));
        self.short_of(sort).insert(low, high);
        let first = page.saturating_mul(self.size);
        let all = self.spread(first);
        let size = self.size;
        if self.short_of(sort).ranges().contains(all, all.saturating_add(size)) {
            self.forget(page);
            self.long.insert(first, first.saturating_add(self.size));
        }
    }

    /// Takes bytes for a block: where they are.
    pub(super) fn take(&mut self, purpose: Purpose, len: u64) -> Option<u64> {
        if len >= self.size {
            return self.take_pages(len);
        }
        let sort = Sort::of(purpose);
        if let Some(start) = self.short_of(sort).take(len) {
            return Some(self.join(start));
        }
        let page = self.take_pages(self.size)?;
        self.open(page, len, sort);
        Some(page)
    }

    /// Gives a page that was free as a whole to a sort; its first bytes are in use.
    pub(super) fn open(&mut self, start: u64, len: u64, sort: Sort) {
        self.sorts.insert(self.page(start), sort);
        self.insert_part(start.saturating_add(len), start.saturating_add(self.size));
    }

    /// Takes bytes from the start of a page on.
    fn take_pages(&mut self, len: u64) -> Option<u64> {
        let size = self.size;
        let fits = |&(size_of, start): &(u64, u64)| {
            let first = start.checked_next_multiple_of(size)?;
            (first.checked_add(len)? <= start.checked_add(size_of)?).then_some(first)
        };
        let near = self.long.from(len).take(TRIES).find_map(|range| fits(&range));
        let first = near.or_else(|| self.long.from(len.saturating_add(size)).next().and_then(|range| fits(&range)))?;
        self.long.remove(first, first.saturating_add(len));
        Some(first)
    }

    /// Takes the bytes after a block, if they are free and it stays where blocks of its length belong.
    pub(super) fn take_at(&mut self, block: u64, len: u64, more: u64) -> bool {
        let at = block.saturating_add(len);
        let (grown, page) = (len.saturating_add(more), self.page(block));
        if len < self.size {
            let fits = grown < self.size && self.page(at.saturating_add(more).saturating_sub(1)) == page;
            let sort = self.sorts.get(&page).copied().filter(|_| fits);
            let low = self.spread(at);
            return sort.is_some_and(|sort| self.short_of(sort).take_at(low, more));
        }
        let free = self.long.ranges().contains(at, at.saturating_add(more));
        if free {
            self.long.remove(at, at.saturating_add(more));
        }
        free
    }

    /// Bytes of the largest range.
    pub(super) fn largest(&self) -> u64 {
        let [metadata, raw] = &self.short;
        self.long.largest().max(metadata.largest()).max(raw.largest())
    }

    /// The free ranges of pages of a sort, and of all others.
    pub(super) fn short(&self, sort: Sort) -> impl Iterator<Item = (u64, u64)> {
        let [metadata, raw] = &self.short;
        let ranges = if sort == Sort::Metadata { metadata } else { raw };
        ranges.ranges().iter().map(|(low, high)| {
            let start = self.join(low);
            (start, start.saturating_add(high.saturating_sub(low)))
        })
    }

    pub(super) fn long(&self) -> impl Iterator<Item = (u64, u64)> {
        self.long.ranges().iter()
    }

    /// All free ranges.
    pub(super) fn all(&self) -> Ranges {
        let mut all = Ranges::default();
        let ranges = self.long().chain(self.short(Sort::Metadata)).chain(self.short(Sort::Raw));
        ranges.for_each(|(start, end)| {
            all.insert(start, end);
        });
        all
    }

    /// Takes a range out of what is free; parts may be missing.
    pub(super) fn remove(&mut self, start: u64, end: u64) {
        self.long.remove(start, end);
        let (low, high) = (self.spread(start), self.spread(end.saturating_sub(1)).saturating_add(1));
        self.short.iter_mut().for_each(|ranges| ranges.remove(low, high));
    }
}
