//! The free ranges of a file, in pages or not.

use super::pages::{Pages, Sort};
use super::ranges::{FreeRanges, Ranges};
use super::space::Purpose;

/// What is free.
#[derive(Clone, Debug)]
pub(super) enum Free {
    /// The smallest range that is large enough is used first, whatever for; and ranges that held raw data.
    Plain { ranges: FreeRanges, raw: Ranges },
    /// In pages.
    Paged(Pages),
}

impl Default for Free {
    fn default() -> Self {
        Free::Plain { ranges: FreeRanges::default(), raw: Ranges::default() }
    }
}

impl Free {
    pub(super) fn insert(&mut self, start: u64, end: u64) {
        match self {
            Free::Plain { ranges, .. } => ranges.insert(start, end),
            Free::Paged(pages) => pages.insert(start, end),
        }
    }

    /// Says what a block that is or was there is for.
    pub(super) fn know(&mut self, start: u64, len: u64, sort: Sort) {
        let end = start.saturating_add(len);
        match self {
            Free::Plain { raw, .. } if sort == Sort::Raw => {
                raw.insert(start, end);
            }
            Free::Plain { raw, .. } => raw.remove(start, end),
            Free::Paged(pages) => pages.know(start, len, sort),
        }
    }

    pub(super) fn take(&mut self, purpose: Purpose, len: u64) -> Option<u64> {
        match self {
            Free::Plain { ranges, .. } => ranges.take(len),
            Free::Paged(pages) => pages.take(purpose, len),
        }
    }

    /// Takes the bytes after a block.
    pub(super) fn take_at(&mut self, block: u64, len: u64, more: u64) -> bool {
        match self {
            Free::Plain { ranges, .. } => ranges.take_at(block.saturating_add(len), more),
            Free::Paged(pages) => pages.take_at(block, len, more),
        }
    }

    pub(super) fn largest(&self) -> u64 {
        match self {
            Free::Plain { ranges, .. } => ranges.largest(),
            Free::Paged(pages) => pages.largest(),
        }
    }

    /// All free ranges.
    pub(super) fn all(&self) -> Ranges {
        match self {
            Free::Plain { ranges, .. } => ranges.ranges().clone(),
            Free::Paged(pages) => pages.all(),
        }
    }

    /// Takes what is free at the end, in whole pages: where it begins.
    pub(super) fn take_tail(&mut self, end: u64) -> Option<u64> {
        match self {
            Free::Plain { ranges, .. } => ranges.take_ending_at(end),
            Free::Paged(pages) => {
                let start = pages.all().ending_at(end).map(|start| pages.round_up(start)).filter(|&s| s < end)?;
                pages.remove(start, end);
                Some(start)
            }
        }
    }

    /// Nothing is free, and the pages are as they were, up to an end.
    pub(super) fn emptied(&self, end: u64) -> Self {
        match self {
            Free::Plain { raw, .. } => Free::Plain { ranges: FreeRanges::default(), raw: raw.clone() },
            Free::Paged(pages) => Free::Paged(pages.emptied(end)),
        }
    }
}
