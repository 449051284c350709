//! Sets of byte ranges, joined where they touch.

use alloc::collections::{BTreeMap, BTreeSet};

/// Disjoint ranges by their start; ranges that touch are one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    by_start: BTreeMap<u64, u64>,
}

impl Ranges {
    /// Adds a range; parts may be there already. The whole range it is now part of: start and end.
    pub(super) fn insert(&mut self, start: u64, end: u64) -> (u64, u64) {
        if end <= start {
            return (start, start);
        }
        let (mut low, mut high) = (start, end);
        while let Some((&s, &e)) = self.by_start.range(..=high).next_back().filter(|&(_, &e)| e >= low) {
            self.by_start.remove(&s);
            (low, high) = (low.min(s), high.max(e));
        }
        self.by_start.insert(low, high);
        (low, high)
    }

    /// Takes a range out; parts may be missing.
    pub(super) fn remove(&mut self, start: u64, end: u64) {
        if end <= start {
            return;
        }
        while let Some((&s, &e)) = self.by_start.range(..end).next_back().filter(|&(_, &e)| e > start) {
            self.by_start.remove(&s);
            if s < start {
                self.by_start.insert(s, start);
            }
            if e > end {
                self.by_start.insert(end, e);
            }
        }
    }

    /// True if all of a range is in the set.
    pub(super) fn contains(&self, start: u64, end: u64) -> bool {
        end <= start || self.by_start.range(..=start).next_back().is_some_and(|(_, &e)| e >= end)
    }

    /// The range that ends at `end`.
    pub(super) fn ending_at(&self, end: u64) -> Option<u64> {
        self.by_start.range(..end).next_back().filter(|&(_, &e)| e == end).map(|(&s, _)| s)
    }

    /// Cuts a range into parts that are in the set, and parts that are not.
    pub(super) fn parts(&self, mut start: u64, end: u64, mut each: impl FnMut(u64, u64, bool)) {
        while start < end {
            let here = self.by_start.range(..=start).next_back().filter(|&(_, &e)| e > start);
            let after = || self.by_start.range(start..).next().map_or(end, |(&s, _)| s);
            let stop = here.map_or_else(after, |(_, &e)| e).min(end);
            each(start, stop, here.is_some());
            start = stop;
        }
    }

    /// Start and end of all ranges, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.by_start.iter().map(|(&start, &end)| (start, end))
    }

    /// Bytes in all ranges.
    pub(super) fn total(&self) -> u64 {
        self.iter().fold(0, |sum, (start, end)| sum.saturating_add(end.saturating_sub(start)))
    }
}

/// Ranges that are handed out, the smallest that is large enough first.
#[derive(Clone, Debug, Default)]
pub(super) struct FreeRanges {
    ranges: Ranges,
    by_length: BTreeSet<(u64, u64)>,
}

impl FreeRanges {
    /// Adds a free range.
    pub(super) fn insert(&mut self, start: u64, end: u64) {
        if end <= start {
            return;
        }
        // What the new range joins loses its own entries.
        let before = self.ranges.by_start.range(..=end).rev();
        for (&s, &e) in before.take_while(|&(_, &e)| e >= start) {
            self.by_length.remove(&(e.saturating_sub(s), s));
        }
        let (low, high) = self.ranges.insert(start, end);
        if high > low {
            self.by_length.insert((high.saturating_sub(low), low));
        }
    }

    /// Bytes of the largest range.
    pub(super) fn largest(&self) -> u64 {
        self.by_length.last().map_or(0, |&(len, _)| len)
    }

    /// Takes `len` bytes out of the smallest range that has them.
    pub(super) fn take(&mut self, len: u64) -> Option<u64> {
        let &(size, start) = self.by_length.range((len, 0)..).next()?;
        self.cut(start, size, len);
        Some(start)
    }

    /// Length and start of the ranges from a length on, the shortest first.
    pub(super) fn from(&self, len: u64) -> impl Iterator<Item = (u64, u64)> {
        self.by_length.range((len, 0)..).copied()
    }

    /// Takes a range out; parts may be missing.
    pub(super) fn remove(&mut self, start: u64, end: u64) {
        if end <= start {
            return;
        }
        let touched: alloc::vec::Vec<(u64, u64)> =
            self.ranges.by_start.range(..end).rev().take_while(|&(_, &e)| e > start).map(|(&s, &e)| (s, e)).collect();
        for (s, e) in touched {
            self.by_length.remove(&(e.saturating_sub(s), s));
            for (low, high) in [(s, e.min(start)), (s.max(end), e)] {
                if low < high {
                    self.by_length.insert((high.saturating_sub(low), low));
                }
            }
        }
        self.ranges.remove(start, end);
    }

    /// Takes the range that ends at `end`: its start.
    pub(super) fn take_ending_at(&mut self, end: u64) -> Option<u64> {
        let start = self.ranges.ending_at(end)?;
        let size = end.saturating_sub(start);
        self.cut(start, size, size);
        Some(start)
    }

    /// Takes the first `len` bytes of the range at `start`, if it begins there and has them.
    pub(super) fn take_at(&mut self, start: u64, len: u64) -> bool {
        let Some(&end) = self.ranges.by_start.get(&start) else { return false };
        let size = end.saturating_sub(start);
        if size < len {
            return false;
        }
        self.cut(start, size, len);
        true
    }

    fn cut(&mut self, start: u64, size: u64, len: u64) {
        self.by_length.remove(&(size, start));
        self.ranges.remove(start, start.saturating_add(len));
        if size > len {
            self.by_length.insert((size.saturating_sub(len), start.saturating_add(len)));
        }
    }

    /// The free ranges.
    pub(super) fn ranges(&self) -> &Ranges {
        &self.ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn ranges_agree_with_a_set_of_bytes() {
        let mut seed = 7u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        let (mut ranges, mut free, mut bytes) = (Ranges::default(), FreeRanges::default(), [false; 64]);
        for _ in 0..20_000 {
            let (a, b) = (next(64), next(12));
            let (start, end) = (a, (a + b).min(64));
            let insert = next(2) == 0;
            if insert {
                ranges.insert(start, end);
                free.insert(start, end);
            } else if next(3) == 0 {
                if let Some(start) = free.take(b.max(1)) {
                    (start..start + b.max(1)).for_each(|i| assert!(std::mem::take(&mut bytes[i as usize])));
                    ranges.remove(start, start + b.max(1));
                }
                assert_eq!(free.ranges(), &ranges);
                continue;
            } else {
                ranges.remove(start, end);
                free.remove(start, end);
            }
            (start..end).for_each(|i| bytes[i as usize] = insert);
            let expected: Vec<u64> = (0..64).filter(|&i| bytes[i as usize]).collect();
            let found: Vec<u64> = ranges.iter().flat_map(|(s, e)| s..e).collect();
            assert_eq!(found, expected);
            assert_eq!(ranges.total(), expected.len() as u64);
            assert_eq!(ranges.contains(start, end), (start..end).all(|i| bytes[i as usize]));
            assert_eq!(free.ranges(), &ranges);
            let lengths: BTreeSet<(u64, u64)> = ranges.iter().map(|(s, e)| (e - s, s)).collect();
            assert_eq!(free.by_length, lengths);
        }
    }
}
