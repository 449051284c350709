//! Structures in memory that are newer than the dirty bytes.
//!
//! An index that many changes in a row touch would be encoded anew with each. Instead it waits here, and its blocks join
//! the dirty bytes when anything is read, or when the commit comes. While a change has a structure taken out, the gate is
//! closed for readers; what the editor itself changes, it knows.

use super::btree_v2::Tree;
use super::kept::Kept;
use crate::codec::{Address, Writer};
use crate::error::Result;
use crate::sync::Mutex;
use core::sync::atomic::{AtomicBool, Ordering};

#[derive(Default)]
pub(super) struct Waiting {
    trees: Mutex<Kept<Tree>>,
    /// Something may be newer than the dirty bytes. Set and reset by who has the trees.
    any: AtomicBool,
}

/// Takes a block of a structure.
pub(super) type Put<'a> = &'a mut dyn FnMut(Address, &Writer);

impl Waiting {
    /// True if something may be newer than the dirty bytes.
    pub(super) fn is_any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Takes a tree out, as it was kept.
    pub(super) fn take(&self, address: Address) -> Option<Tree> {
        self.trees.lock().take(address)
    }

    /// Keeps a tree for the next change.
    ///
    /// # Errors
    /// A number of one that is kept no longer does not fit its width.
    pub(super) fn keep(&self, address: Address, tree: Tree, put: Put<'_>) -> Result<()> {
        let mut trees = self.trees.lock();
        if tree.is_changed() {
            self.any.store(true, Ordering::Release);
        }
        trees.put(address, tree);
        while let Some(mut tree) = trees.excess() {
            tree.write(put)?;
        }
        Ok(())
    }

    /// Hands out all blocks that are newer than the dirty bytes.
    ///
    /// # Errors
    /// A number does not fit its width: the rest waits.
    pub(super) fn write(&self, put: Put<'_>) -> Result<()> {
        let mut trees = self.trees.lock();
        trees.iter_mut().try_for_each(|tree| tree.write(put))?;
        self.any.store(false, Ordering::Release);
        Ok(())
    }

    /// Forgets everything.
    pub(super) fn forget(&self) {
        let mut trees = self.trees.lock();
        *trees = Kept::default();
        self.any.store(false, Ordering::Release);
    }
}
