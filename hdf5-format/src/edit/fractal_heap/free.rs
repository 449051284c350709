//! Free space of a heap in memory: stretches within direct blocks, and ranges of blocks that do not exist.

use super::geometry::{Geometry, Span, index};
use crate::error::{Error, ErrorKind, Result};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// What is free in the part of the address space that was used before. Ranges that touch are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Free {
    /// Stretches within direct blocks: start to length.
    singles: BTreeMap<u64, u64>,
    by_size: BTreeSet<(u64, u64)>,
    /// Blocks that do not exist: start to end.
    gaps: BTreeMap<u64, u64>,
    /// Starts of the gaps with a block of each row.
    by_row: Vec<BTreeSet<u64>>,
    /// Whether it is other than what is stored.
    pub(super) changed: bool,
}

impl Free {
    /// Number of stretches and ranges.
    pub(super) fn len(&self) -> usize {
        self.singles.len().saturating_add(self.gaps.len())
    }

    /// Free stretches: start and length.
    pub(super) fn singles(&self) -> impl Iterator<Item = (u64, u64)> {
        self.singles.iter().map(|(&start, &len)| (start, len))
    }

    /// Ranges of blocks that do not exist: start and end.
    pub(super) fn gaps(&self) -> impl Iterator<Item = (u64, u64)> {
        self.gaps.iter().map(|(&start, &end)| (start, end))
    }

    /// The smallest stretch with room: start and length.
    pub(super) fn best_single(&self, len: u64) -> Option<(u64, u64)> {
        self.by_size.range((len, 0)..).next().map(|&(len, start)| (start, len))
    }

    /// The smallest block that does not exist and has room; its row.
    pub(super) fn best_block(&self, geometry: &Geometry, len: u64) -> Option<(Span, u32)> {
        let rows = (0..geometry.direct_rows).filter(|&row| geometry.room(row) >= len);
        for row in rows {
            let Some(&start) = self.by_row.get(index(row)).and_then(BTreeSet::first) else { continue };
            let Some(&end) = self.gaps.get(&start) else { continue };
            let pieces = geometry.pieces(start, end);
            if let Some(start) = pieces.iter().find_map(|piece| geometry.first_of_row(piece, row)) {
                return Some((Span { start, size: geometry.table.row_size(row) }, row));
            }
        }
        None
    }

    /// The stretch that a new one would become part of: start and length. An error if any of it is free already.
    pub(super) fn joined(&self, start: u64, len: u64) -> Result<(u64, u64)> {
        let end = start.saturating_add(len);
        let before = self.singles.range(..end).next_back().map(|(&s, &l)| (s, s.saturating_add(l)));
        if before.is_some_and(|(_, before_end)| before_end > start) {
            let text = alloc::format!("the {len} bytes at {start} of the heap are free already");
            return Err(Error::new(ErrorKind::Corrupt, text).within("fractal heap free space"));
        }
        let low = before.filter(|&(_, before_end)| before_end == start).map_or(start, |(before, _)| before);
        let high = self.singles.get(&end).map_or(end, |&after| end.saturating_add(after));
        Ok((low, high.saturating_sub(low)))
    }

    /// Adds a stretch.
    pub(super) fn add_single(&mut self, start: u64, len: u64) -> Result<()> {
        let (low, joined) = self.joined(start, len)?;
        self.remove_single(low);
        self.remove_single(start.saturating_add(len));
        self.put_single(low, joined);
        Ok(())
    }

    /// Takes bytes from the start of a stretch.
    pub(super) fn carve(&mut self, start: u64, len: u64) {
        if let Some(whole) = self.remove_single(start) {
            self.put_single(start.saturating_add(len), whole.saturating_sub(len));
        }
    }

    /// Takes a stretch out that starts there: its length.
    pub(super) fn remove_single(&mut self, start: u64) -> Option<u64> {
        let len = self.singles.remove(&start)?;
        self.by_size.remove(&(len, start));
        self.changed = true;
        Some(len)
    }

    fn put_single(&mut self, start: u64, len: u64) {
        if len > 0 {
            self.singles.insert(start, len);
            self.by_size.insert((len, start));
            self.changed = true;
        }
    }

    /// Adds blocks that do not exist (any more).
    pub(super) fn add_gap(&mut self, geometry: &Geometry, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let (mut low, mut high) = (start, end);
        while let Some((&before, &before_end)) = self.gaps.range(..=high).next_back().filter(|&(_, &e)| e >= low) {
            self.remove_gap(before);
            (low, high) = (low.min(before), high.max(before_end));
        }
        self.put_gap(geometry, low, high);
    }

    /// Takes a block out of its gap: it exists now.
    pub(super) fn take_block(&mut self, geometry: &Geometry, block: Span) {
        let Some((&start, &end)) = self.gaps.range(..=block.start).next_back() else { return };
        if block.end() <= end {
            self.remove_gap(start);
            self.put_gap(geometry, start, block.start);
            self.put_gap(geometry, block.end(), end);
        }
    }

    /// Forgets all from an offset on.
    pub(super) fn truncate(&mut self, geometry: &Geometry, at: u64) {
        while let Some((&start, &end)) = self.gaps.last_key_value().filter(|&(_, &end)| end > at) {
            self.remove_gap(start);
            self.put_gap(geometry, start, end.min(at));
        }
        while let Some((&start, _)) = self.singles.last_key_value().filter(|&(&start, _)| start >= at) {
            self.remove_single(start);
        }
    }

    fn put_gap(&mut self, geometry: &Geometry, start: u64, end: u64) {
        if start >= end {
            return;
        }
        self.gaps.insert(start, end);
        self.changed = true;
        for piece in geometry.pieces(start, end) {
            for row in geometry.direct_rows_of(&piece).map(index) {
                while self.by_row.len() <= row {
                    self.by_row.push(BTreeSet::new());
                }
                if let Some(starts) = self.by_row.get_mut(row) {
                    starts.insert(start);
                }
            }
        }
    }

    fn remove_gap(&mut self, start: u64) {
        if self.gaps.remove(&start).is_some() {
            self.changed = true;
            for starts in &mut self.by_row {
                starts.remove(&start);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;
    use crate::edit::fractal_heap::Parameters;

    fn geometry() -> Geometry {
        let parameters = Parameters { start_block: 64, max_direct: 256, max_managed: 64, ..Parameters::LINKS };
        Geometry::new(&parameters.header(Sizes::EIGHT).unwrap(), Sizes::EIGHT).unwrap()
    }

    #[test]
    fn stretches_join_and_are_carved() {
        let mut free = Free::default();
        free.add_single(100, 10).unwrap();
        free.add_single(120, 5).unwrap();
        assert!(free.add_single(105, 1).is_err() && free.add_single(95, 6).is_err());
        assert_eq!(free.best_single(5), Some((120, 5)));
        assert_eq!(free.best_single(6), Some((100, 10)));
        free.add_single(110, 10).unwrap();
        assert_eq!(free.singles().collect::<Vec<_>>(), [(100, 25)]);
        free.carve(100, 5);
        free.carve(105, 20);
        assert_eq!(free.singles().count(), 0);
        assert_eq!(free.best_single(1), None);
    }

    #[test]
    fn blocks_leave_gaps() {
        let geometry = geometry();
        let mut free = Free::default();
        let blocks: Vec<Span> = (0..60)
            .scan(0, |at, _| {
                let block = geometry.block_at(*at);
                *at = block.end();
                Some(block)
            })
            .collect();
        let end = blocks.last().unwrap().end();
        free.add_gap(&geometry, 0, end);
        let mut taken = Vec::new();
        // Each time the smallest with room.
        for len in [1, 40, 44, 100, 107, 200, 235] {
            let (block, row) = free.best_block(&geometry, len).unwrap();
            assert!(geometry.room(row) >= len && block.size == geometry.block_for(len));
            free.take_block(&geometry, block);
            assert!(!taken.contains(&block));
            taken.push(block);
        }
        assert_eq!(free.best_block(&geometry, 236), None);
        for block in taken {
            free.add_gap(&geometry, block.start, block.end());
        }
        assert_eq!(free.gaps().collect::<Vec<_>>(), [(0, end)]);
        free.truncate(&geometry, 128);
        assert_eq!(free.gaps().collect::<Vec<_>>(), [(0, 128)]);
        assert_eq!(free.best_block(&geometry, 100), None);
        free.truncate(&geometry, 0);
        assert_eq!(free.best_block(&geometry, 1), None);
    }
}
