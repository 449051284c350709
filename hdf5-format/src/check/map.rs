//! The map of a file's bytes: blocks, what overlaps, what is left.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A block, and the object it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Address of the first byte.
    pub(super) start: u64,
    /// Address past the last.
    pub(super) end: u64,
    /// What it is.
    pub(super) structure: &'static str,
    /// Number of the owner.
    owner: u32,
}

/// Blocks gathered from all walks.
#[derive(Debug, Default)]
pub(super) struct Map {
    entries: Vec<Entry>,
    owners: Vec<Arc<str>>,
}

/// A range of addresses: start, and past the end.
pub(super) type Range = (u64, u64);

impl Map {
    /// A new owner of the blocks added from now on.
    pub(super) fn own(&mut self, path: &Arc<str>) {
        if self.owners.last() != Some(path) {
            self.owners.push(Arc::clone(path));
        }
    }

    /// Adds a block of the owner named last.
    pub(super) fn add(&mut self, start: u64, len: u64, structure: &'static str) {
        let owner = u32::try_from(self.owners.len().saturating_sub(1)).unwrap_or(u32::MAX);
        self.entries.push(Entry { start, end: start.saturating_add(len), structure, owner });
    }

    /// Path of a block's owner.
    pub(super) fn path(&self, entry: &Entry) -> Arc<str> {
        self.owners.get(usize::try_from(entry.owner).unwrap_or(usize::MAX)).cloned().unwrap_or_default()
    }

    /// Blocks in the order of their addresses, once [`sort`](Self::sort) was called.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Brings the blocks in order.
    pub(super) fn sort(&mut self) {
        self.entries.sort_unstable();
    }

    /// Calls `f` with pairs of blocks that share bytes: each block with the one before it that reaches farthest.
    pub(super) fn overlaps(&self, mut f: impl FnMut(&Entry, &Entry)) {
        let mut farthest: Option<&Entry> = None;
        for entry in &self.entries {
            if let Some(before) = farthest.filter(|before| before.end > entry.start) {
                f(before, entry);
            }
            if farthest.is_none_or(|before| before.end < entry.end) {
                farthest = Some(entry);
            }
        }
    }

    /// The bytes before `end` that no block has.
    pub(super) fn holes(&self, end: u64) -> Vec<Range> {
        let (mut holes, mut at) = (Vec::new(), 0u64);
        for entry in &self.entries {
            if entry.start.min(end) > at {
                holes.push((at, entry.start.min(end)));
            }
            at = at.max(entry.end);
        }
        if at < end {
            holes.push((at, end));
        }
        holes
    }

    /// Number and bytes of the blocks of each sort.
    pub(super) fn usage(&self) -> BTreeMap<&'static str, (u64, u64)> {
        let mut usage: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
        for entry in &self.entries {
            let (blocks, bytes) = usage.entry(entry.structure).or_default();
            *blocks = blocks.saturating_add(1);
            *bytes = bytes.saturating_add(entry.end.saturating_sub(entry.start));
        }
        usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(blocks: &[(u64, u64)]) -> Map {
        let mut map = Map::default();
        map.own(&"/".into());
        blocks.iter().for_each(|&(start, len)| map.add(start, len, "block"));
        map.sort();
        map
    }

    #[test]
    fn finds_overlaps_and_holes() {
        let map = map(&[(40, 10), (0, 10), (5, 2), (10, 10), (45, 20)]);
        let mut found = Vec::new();
        map.overlaps(|a, b| found.push((a.start, b.start)));
        assert_eq!(found, [(0, 5), (40, 45)]);
        assert_eq!(map.holes(70), [(20, 40), (65, 70)]);
        assert_eq!(map.holes(30), [(20, 30)]);
        assert_eq!(map.usage()["block"], (5, 52));
    }
}
