//! Changing files: space, changes that wait for the commit, and each structure's insertion and removal.
//!
//! An [`Editor`] stands between the structures and the storage. Metadata it keeps in memory until the commit; raw data
//! goes straight to the storage where no committed structure can see it. Reading through [`Editor::ctx`] shows the
//! file as if everything were in place, so that all readers of [`graph`](crate::graph) work on a file being changed.
//! `docs/commit-protocol.md` tells what happens at a commit and why nothing is lost.

mod bounds;
pub(crate) mod btree_v2;
pub(crate) mod chunk_index;
mod commit;
pub(crate) mod fractal_heap;
pub(crate) mod global_heap;
pub(crate) mod header;
pub(crate) mod local_heap;
mod overlay;
mod ranges;
mod redo;
mod space;
pub(crate) mod symbol_table;

pub use bounds::{Bounds, Version};
pub use commit::Durability;
pub use space::Purpose;

use crate::codec::{Address, Writer, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::format::superblock::Superblock;
use crate::graph::FileContext;
use crate::io::{Storage, StorageMut};
use crate::limits::Limits;
use alloc::sync::Arc;
use overlay::Overlay;
use space::Space;

/// A file being changed, below the level of objects.
pub struct Editor {
    overlay: Arc<Overlay>,
    ctx: FileContext,
    space: Space,
    /// The superblock as the next commit writes it, but for the end.
    pub(crate) superblock: Superblock,
    local_heaps: local_heap::FreeLists,
    bounds: Bounds,
    durability: Durability,
    commits: u64,
    poisoned: bool,
}

impl Editor {
    /// An editor of a file whose superblock is as given, its end included.
    pub(crate) fn new(
        storage: Arc<dyn StorageMut>,
        superblock: Superblock,
        limits: Limits,
        bounds: Bounds,
        durability: Durability,
    ) -> Self {
        let overlay = Arc::new(Overlay::new(storage, superblock.base.saturating_add(superblock.end)));
        let shared: Arc<dyn Storage> = overlay.clone();
        let ctx = FileContext::growing(shared, superblock.base, superblock.sizes, limits);
        let bits = u32::from(superblock.sizes.offset).saturating_mul(8);
        // All ones stand for "undefined".
        let limit = u64::MAX.checked_shr(64u32.saturating_sub(bits)).unwrap_or(u64::MAX).saturating_sub(1);
        let space = Space::new(superblock.end, limit);
        let local_heaps = local_heap::FreeLists::default();
        Editor { overlay, ctx, space, superblock, local_heaps, bounds, durability, commits: 0, poisoned: false }
    }

    /// Where structures are read: everything changed so far is there.
    pub fn ctx(&self) -> &FileContext {
        &self.ctx
    }

    /// The versions in force.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// A writer with the file's widths.
    pub fn writer(&self) -> Writer {
        Writer::new(self.superblock.sizes)
    }

    /// Room for a block of `len` bytes, which read as zeros or as what was there before.
    ///
    /// # Errors
    /// The file's addresses do not reach that far.
    pub fn allocate(&mut self, purpose: Purpose, len: u64) -> Result<Address> {
        let _ = purpose;
        let address = self.space.allocate(len)?;
        self.end_changed();
        Ok(address)
    }

    /// Makes a block longer where it lies, if the space after it is free: whether it was done.
    pub fn extend(&mut self, purpose: Purpose, address: Address, len: u64, more: u64) -> bool {
        let _ = purpose;
        let done = self.space.extend(address, len, more);
        self.end_changed();
        done
    }

    /// Gives a block back. Its bytes stay as they are until the commit.
    pub fn release(&mut self, purpose: Purpose, address: Address, len: u64) {
        let _ = purpose;
        if len == 0 {
            return;
        }
        self.overlay.forget(self.ctx.absolute(address), len);
        self.space.release(address, len);
        self.end_changed();
    }

    /// A new block with these bytes.
    ///
    /// # Errors
    /// As [`allocate`](Self::allocate).
    pub fn place(&mut self, purpose: Purpose, bytes: &[u8]) -> Result<Address> {
        let address = self.allocate(purpose, bytes.len() as u64)?;
        self.write(address, bytes)?;
        Ok(address)
    }

    /// Changes metadata bytes.
    ///
    /// # Errors
    /// They are not inside the file.
    pub fn write(&mut self, address: Address, bytes: &[u8]) -> Result<()> {
        self.ctx.check(address, bytes.len() as u64, "changed block")?;
        self.overlay.write(self.ctx.absolute(address), bytes);
        Ok(())
    }

    /// Changes raw data. Straight to the storage where no committed structure is; else it waits for the commit.
    ///
    /// # Errors
    /// They are not inside the file, or the storage fails.
    pub fn write_raw(&mut self, address: Address, bytes: &[u8]) -> Result<()> {
        self.ctx.check(address, bytes.len() as u64, "raw data")?;
        let offset = self.ctx.absolute(address);
        if self.space.is_fresh(address, bytes.len() as u64) {
            return self.overlay.write_through(offset, bytes);
        }
        self.overlay.write(offset, bytes);
        Ok(())
    }

    /// The bytes of a block, with what was changed.
    ///
    /// # Errors
    /// They are not inside the file, or the storage fails.
    pub fn read(&self, address: Address, len: u64, structure: &'static str) -> Result<alloc::vec::Vec<u8>> {
        let mut bytes = alloc::vec![0; to_usize(len)?];
        self.ctx.raw_into(address, &mut bytes, structure)?;
        Ok(bytes)
    }

    /// Bytes of the file that nothing uses, as far as this editor knows.
    pub fn free_bytes(&self) -> u64 {
        self.space.free_bytes()
    }

    /// Refuses to go on after a commit that failed halfway.
    pub(crate) fn check_usable(&self) -> Result<()> {
        if self.poisoned {
            return Err(Error::new(ErrorKind::Invalid, "a commit failed halfway, and this handle can not go on")
                .hint("open the file again: it holds the last commit"));
        }
        Ok(())
    }

    fn end_changed(&self) {
        self.overlay.set_end(self.superblock.base.saturating_add(self.space.end()));
    }
}

#[cfg(test)]
pub(crate) mod testing;
