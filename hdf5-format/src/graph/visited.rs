//! The blocks of one structure are disjoint: the rule that bounds every walk.

use crate::codec::Address;
use crate::error::{Error, Result, Rule};
use alloc::collections::BTreeMap;

/// Blocks accepted so far in one walk over a structure (a B-tree, a header's chunks, a heap).
///
/// A block that overlaps an earlier one is corrupt: it ends cycles, and it bounds the bytes of all blocks together by
/// the file's size.
#[derive(Debug, Default)]
pub struct Visited {
    /// Start to end, exclusive.
    blocks: BTreeMap<u64, u64>,
}

impl Visited {
    /// Nothing accepted yet.
    pub fn new() -> Self {
        Visited::default()
    }

    /// Accepts a block, or says which structure was met twice.
    pub fn accept(&mut self, address: Address, len: u64, structure: &'static str) -> Result<()> {
        let (start, end) = (address.0, address.0.saturating_add(len.max(1)));
        let before = self.blocks.range(..end).next_back();
        if let Some((&other, _)) = before.filter(|&(_, &other_end)| other_end > start) {
            return Err(Error::corrupt(
                structure,
                start,
                alloc::format!("overlaps the block at {other:#x} of the same structure (a cycle or a damaged address)"),
            )
            .breaks(Rule::Apart));
        }
        self.blocks.insert(start, end);
        Ok(())
    }

    /// A block that was accepted is no longer part of the structure.
    pub fn leave(&mut self, address: Address) {
        self.blocks.remove(&address.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_overlaps_and_repeats() {
        let mut seen = Visited::new();
        seen.accept(Address(10), 10, "node").unwrap();
        seen.accept(Address(20), 5, "node").unwrap();
        seen.accept(Address(0), 10, "node").unwrap();
        for (start, len) in [(10, 10), (5, 6), (24, 1), (0, 100), (12, 2)] {
            assert!(seen.accept(Address(start), len, "node").is_err(), "{start}+{len}");
        }
        seen.leave(Address(10));
        seen.accept(Address(12), 8, "node").unwrap();
    }
}
