//! Storage of which some bytes are read elsewhere in it.

use super::{Storage, past_end};
use crate::error::Result;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Bytes that stand in the place of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    /// Where they are read.
    pub(crate) offset: u64,
    /// How many.
    pub(crate) len: u64,
    /// Where they stand in the storage below.
    pub(crate) from: u64,
}

/// A storage with patches laid over it, cut off at `len`.
pub(crate) struct Patched {
    base: Arc<dyn Storage>,
    len: u64,
    /// Ascending and disjoint, all before `len`.
    patches: Vec<Patch>,
}

impl Patched {
    pub(crate) fn new(base: Arc<dyn Storage>, len: u64, patches: Vec<Patch>) -> Self {
        Patched { base, len, patches }
    }

    /// The patches that a range touches.
    fn over(&self, offset: u64, end: u64) -> impl Iterator<Item = &Patch> {
        let first = self.patches.partition_point(|p| p.offset.saturating_add(p.len) <= offset);
        self.patches.iter().skip(first).take_while(move |p| p.offset < end)
    }
}

impl Storage for Patched {
    fn len(&self) -> Result<u64> {
        Ok(self.len)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|&end| end <= self.len);
        let end = end.ok_or_else(|| past_end(offset, buf.len(), self.len))?;
        self.base.read_at(offset, buf)?;
        for patch in self.over(offset, end) {
            let start = patch.offset.max(offset);
            let stop = patch.offset.saturating_add(patch.len).min(end);
            let place = |at: u64| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
            if let Some(to) = buf.get_mut(place(start)..place(stop)) {
                self.base.read_at(patch.from.saturating_add(start.saturating_sub(patch.offset)), to)?;
            }
        }
        Ok(())
    }

    fn view(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let end = offset.checked_add(len as u64).filter(|&end| end <= self.len)?;
        if self.over(offset, end).next().is_some() {
            return None;
        }
        self.base.view(offset, len)
    }

    fn close(&self) {
        self.base.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_through_patches() {
        let base: Vec<u8> = (0..60).collect();
        let patches = alloc::vec![
            Patch { offset: 3, len: 4, from: 40 },
            Patch { offset: 7, len: 1, from: 50 },
            Patch { offset: 12, len: 5, from: 53 },
        ];
        let mut expected: Vec<u8> = (0..20).collect();
        expected[3..7].copy_from_slice(&[40, 41, 42, 43]);
        expected[7] = 50;
        expected[12..17].copy_from_slice(&[53, 54, 55, 56, 57]);
        let storage = Patched::new(Arc::new(base), 20, patches);
        for start in 0..=20 {
            for end in start..=20 {
                let mut buf = alloc::vec![99; end - start];
                storage.read_at(start as u64, &mut buf).unwrap();
                assert_eq!(buf, expected[start..end]);
                if let Some(view) = storage.view(start as u64, end - start) {
                    assert_eq!(view, &expected[start..end]);
                }
            }
        }
        assert_eq!(storage.view(8, 4), Some(&[8, 9, 10, 11][..]));
        assert!(storage.view(6, 4).is_none());
        assert!(storage.read_at(19, &mut [0; 2]).is_err() && storage.len().unwrap() == 20);
    }
}
