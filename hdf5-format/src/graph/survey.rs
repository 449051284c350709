//! What the walks over a file report while it is surveyed: the blocks they meet, and the damage they go on past.

use crate::codec::Address;
use crate::error::{Error, Result};
use crate::format::superblock::Superblock;
use crate::sync::Mutex;
use alloc::vec::Vec;

/// Bytes that blocks may add up to beyond twice the file's size.
const EXTRA: u64 = 1 << 20;

/// Bytes that a block counts for at least.
const LEAST: u64 = 16;

/// Damage that is kept between two collections of it.
const MOST_DAMAGE: usize = 10_000;

/// Gathers reports. Blocks of a sound file do not overlap, so that what a survey takes in is bounded by the file's size.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Half the entries of a symbol table node.
    pub(crate) leaf_k: u16,
    /// Half the children of a node of a group's version 1 B-tree.
    pub(crate) internal_k: u16,
    /// Half the children of a node of a chunk index's version 1 B-tree.
    pub(crate) chunk_k: u16,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    found: Found,
    /// Bytes of blocks that are still accepted.
    left: u64,
}

/// What was reported.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Blocks, with the length that is allocated for them.
    pub(crate) blocks: Vec<Used>,
    /// Damage.
    pub(crate) damage: Vec<Error>,
}

/// A block in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) address: Address,
    pub(crate) len: u64,
    pub(crate) structure: &'static str,
}

impl Survey {
    /// A survey of a file with `end` bytes.
    pub(crate) fn new(superblock: &Superblock, end: u64) -> Self {
        let state = State { found: Found::default(), left: end.saturating_mul(2).saturating_add(EXTRA) };
        Survey {
            leaf_k: superblock.leaf_k,
            internal_k: superblock.internal_k,
            chunk_k: superblock.chunk_k,
            state: Mutex::new(state),
        }
    }

    /// Takes a block in.
    ///
    /// # Errors
    /// All blocks together are more than the file has room for, by far.
    pub(crate) fn block(&self, address: Address, len: u64, structure: &'static str) -> Result<()> {
        let mut state = self.state.lock();
        match state.left.checked_sub(len.max(LEAST)) {
            Some(left) => state.left = left,
            None => {
                state.left = 0;
                return Err(over());
            }
        }
        if len > 0 {
            state.found.blocks.push(Used { address, len, structure });
        }
        Ok(())
    }

    /// Takes damage in.
    ///
    /// # Errors
    /// The survey is over.
    pub(crate) fn damage(&self, error: Error) -> Result<()> {
        let mut state = self.state.lock();
        if state.left == 0 {
            return Err(error);
        }
        if state.found.damage.len() < MOST_DAMAGE {
            state.found.damage.push(error);
        }
        Ok(())
    }

    /// True if blocks add up to far more than the file: nothing more is taken in.
    pub(crate) fn is_over(&self) -> bool {
        self.state.lock().left == 0
    }

    /// What was reported since this was last called.
    pub(crate) fn take(&self) -> Found {
        core::mem::take(&mut self.state.lock().found)
    }
}

fn over() -> Error {
    Error::limit("bytes of all blocks", 0, 0)
        .with_hint("blocks overlap so much that the file can not be walked as a whole")
}
