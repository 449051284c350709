//! Changing files: space, changes that wait for the commit, and each structure's insertion and removal.
//!
//! An [`Editor`] stands between the structures and the storage. Metadata it keeps in memory until the commit; raw data
//! goes straight to the storage where no committed structure can see it. Reading through [`Editor::ctx`] shows the
//! file as if everything were in place, so that all readers of [`graph`](crate::graph) work on a file being changed.
//! `docs/commit-protocol.md` tells what happens at a commit and why nothing is lost.

mod attributes;
mod bounds;
pub(crate) mod btree_v2;
pub(crate) mod chunk_index;
mod commit;
mod copy;
mod create;
mod datasets;
pub(crate) mod fractal_heap;
mod free;
pub(crate) mod global_heap;
mod groups;
pub(crate) mod header;
mod kept;
mod links;
mod lists;
pub(crate) mod local_heap;
mod objects;
mod open;
mod overlay;
mod pages;
mod ranges;
mod raw;
mod recover;
mod shared;
mod space;
mod style;
pub(crate) mod symbol_table;

mod takeover;
mod values;
mod waiting;

pub use bounds::{Bounds, Version};
pub use commit::Durability;
pub use copy::{CopyStyle, Progress};
pub use create::{Driver, FileStyle, file_space, kept_file_space};
pub use datasets::{ExternalFile, LayoutChoice};
pub use groups::GroupStyle;
pub use shared::{Shareable, Sharing, SharingIndex};
pub use space::Purpose;
pub use style::ObjectStyle;
pub(crate) use values::Owned;

pub(crate) use attributes::{
    NewAttribute, check_new as check_new_attribute, remove as remove_attribute, rename as rename_attribute,
    set as set_attribute,
};
pub(crate) use copy::Copier;
pub(crate) use create::create;
pub(crate) use datasets::{NewDataset, commit_datatype, create as create_dataset, dataspace};
pub(crate) use groups::create as create_group;
pub(crate) use header::{kept as kept_header, look as look_at_header};
pub(crate) use links::{Vacancy, check_name as check_link_name, insert as link, remove as unlink};
pub(crate) use objects::{add_link, drop_link, values_of};
pub(crate) use open::open;
pub(crate) use raw::{allocate as allocate_elements, check as check_elements, resize, write as write_elements};
pub use recover::Recovery;
pub(crate) use recover::{clear_mark, look, recover};
pub(crate) use shared::drop_attribute;

use crate::codec::{Address, Writer, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::format::superblock::Superblock;
use crate::graph::FileContext;
use crate::io::{Storage, StorageMut};
use crate::limits::Limits;
use crate::sync::Gate;
use alloc::sync::Arc;
use kept::Kept;
use overlay::Overlay;
pub(crate) use overlay::Sum;
use space::Space;

/// Raw data of at most this many bytes waits for the commit, to be written with its neighbours.
const SMALL_RAW: usize = 16 << 10;

/// While fewer bytes than this wait already.
const MOST_KEPT: u64 = 16 << 20;

/// A file being changed, below the level of objects.
pub struct Editor {
    overlay: Arc<Overlay>,
    /// Closed while readers might see a change half done.
    gate: Arc<Gate>,
    ctx: FileContext,
    space: Space,
    /// The lists of free space that the file keeps, if it does.
    lists: Option<lists::Kept>,
    /// The superblock as the next commit writes it, but for the end.
    pub(crate) superblock: Superblock,
    headers: Kept<header::Header>,
    local_heaps: Kept<local_heap::FreeList>,
    symbol_tables: Kept<symbol_table::Loaded>,
    heaps: Kept<fractal_heap::HeapEditor>,
    global_heap: global_heap::GlobalHeapEditor,
    bounds: Bounds,
    durability: Durability,
    /// The superblock of the last commit.
    committed: Superblock,
    /// The storage holds a committed state.
    exists: bool,
    commits: u64,
    /// Changes made since the file was opened.
    changes: u64,
    state: Condition,
}

/// Whether a file being changed can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// Changes and commits are possible; a commit that failed may be tried again.
    Sound,
    /// A change failed halfway, or bytes of changes may be lost: only a rollback is possible, which makes it sound.
    RollBack,
    /// A commit failed at its end: the file must be opened again, which finishes the commit or takes it back.
    Reopen,
    /// It was closed.
    Closed,
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
        let overlay = Arc::new(Overlay::new(storage, superblock.base, superblock.end));
        let shared: Arc<dyn Storage> = overlay.clone();
        let ctx = FileContext::growing(shared, superblock.base, superblock.sizes, limits);
        let bits = u32::from(superblock.sizes.offset).saturating_mul(8);
        // All ones stand for "undefined".
        let limit = u64::MAX.checked_shr(64u32.saturating_sub(bits)).unwrap_or(u64::MAX).saturating_sub(1);
        // The superblock counts from the start of the file, addresses from its base.
        let space = Space::new(superblock.end.saturating_sub(superblock.base), limit);
        let committed = superblock.clone();
        let (headers, local_heaps, symbol_tables, heaps) = Default::default();
        let (commits, changes, state, exists) = (0, 0, Condition::Sound, false);
        let global_heap = global_heap::GlobalHeapEditor::default();
        Editor {
            overlay,
            gate: Arc::default(),
            ctx,
            space,
            lists: None,
            superblock,
            headers,
            local_heaps,
            symbol_tables,
            heaps,
            global_heap,
            bounds,
            durability,
            committed,
            exists,
            commits,
            changes,
            state,
        }
    }

    /// Where structures are read: everything changed so far is there.
    pub fn ctx(&self) -> &FileContext {
        &self.ctx
    }

    /// The versions in force.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Other versions, for what is made next.
    pub(crate) fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// A writer with the file's widths.
    pub fn writer(&self) -> Writer {
        Writer::new(self.superblock.sizes)
    }

    /// A writer for one structure, whose checksum is made when it leaves memory: for [`write_block`](Self::write_block).
    pub(crate) fn block_writer(&self) -> Writer {
        Writer::unsealed(self.superblock.sizes)
    }

    /// Room for a block of `len` bytes, which read as zeros or as what was there before.
    ///
    /// # Errors
    /// The file's addresses do not reach that far.
    pub fn allocate(&mut self, purpose: Purpose, len: u64) -> Result<Address> {
        let address = self.space.allocate(purpose, len)?;
        self.changed();
        Ok(address)
    }

    /// Makes a block longer where it lies, if the space after it is free: whether it was done.
    pub fn extend(&mut self, _purpose: Purpose, address: Address, len: u64, more: u64) -> bool {
        let done = self.space.extend(address, len, more);
        self.changed();
        done
    }

    /// Gives a block back. Its bytes stay as they are until the commit.
    pub fn release(&mut self, purpose: Purpose, address: Address, len: u64) {
        if len == 0 {
            return;
        }
        self.overlay.forget(self.ctx.absolute(address), len);
        self.space.release(purpose, address, len);
        self.changed();
    }

    /// Zeros where a released structure says what it is, once the commit is done. Fresh space holds no structure.
    fn wipe(&mut self, address: Address) {
        const WIPED: [u8; 4] = [0; 4];
        if !self.is_fresh(address, WIPED.len() as u64) {
            self.overlay.write(self.ctx.absolute(address), &WIPED);
        }
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
        self.changes = self.changes.wrapping_add(1);
        self.overlay.write(self.ctx.absolute(address), bytes);
        Ok(())
    }

    /// Writes a structure, from a [`block_writer`](Self::block_writer).
    ///
    /// # Errors
    /// It is not inside the file.
    pub(crate) fn write_block(&mut self, address: Address, block: &Writer) -> Result<()> {
        let bytes = block.as_slice();
        let Some(sum_at) = block.sum_at() else { return self.write(address, bytes) };
        self.write_unsealed(address, bytes, Sum::Before(sum_at))
    }

    /// A new structure, from a [`block_writer`](Self::block_writer).
    ///
    /// # Errors
    /// As [`allocate`](Self::allocate).
    pub(crate) fn place_block(&mut self, purpose: Purpose, block: &Writer) -> Result<Address> {
        let address = self.allocate(purpose, block.position() as u64)?;
        self.write_block(address, block)?;
        Ok(address)
    }

    /// Writes a structure whose checksum is made when it leaves memory.
    ///
    /// # Errors
    /// It is not inside the file.
    pub(crate) fn write_unsealed(&mut self, address: Address, bytes: &[u8], sum: Sum) -> Result<()> {
        self.ctx.check(address, bytes.len() as u64, "changed block")?;
        self.changes = self.changes.wrapping_add(1);
        self.overlay.write_unsealed(self.ctx.absolute(address), bytes, sum);
        Ok(())
    }

    /// Changes bytes of a structure that [`write_unsealed`](Self::write_unsealed) wrote since the last commit: whether
    /// it did.
    pub(crate) fn patch_unsealed(&mut self, address: Address, at: usize, bytes: &[u8]) -> bool {
        self.changes = self.changes.wrapping_add(1);
        self.overlay.patch_unsealed(self.ctx.absolute(address), at, bytes)
    }

    /// Changes raw data. Straight to the storage where no committed structure is, but for a few small pieces, which go
    /// there together; else it waits for the commit.
    ///
    /// # Errors
    /// They are not inside the file, or the storage fails.
    pub fn write_raw(&mut self, address: Address, bytes: &[u8]) -> Result<()> {
        self.ctx.check(address, bytes.len() as u64, "raw data")?;
        let offset = self.ctx.absolute(address);
        self.changes = self.changes.wrapping_add(1);
        let small = bytes.len() <= SMALL_RAW && self.overlay.dirty_bytes() < MOST_KEPT;
        if !small && self.space.is_fresh(address, bytes.len() as u64) {
            return self.overlay.write_through(offset, bytes);
        }
        self.overlay.write(offset, bytes);
        Ok(())
    }

    /// Writes the first bytes of the user block, which no structure is in.
    ///
    /// # Errors
    /// They are more than the user block has, or the storage fails.
    pub(crate) fn write_user_block(&self, bytes: &[u8]) -> Result<()> {
        if bytes.len() as u64 > self.superblock.base {
            let text = alloc::format!("{} bytes for a user block of {}", bytes.len(), self.superblock.base);
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        self.overlay.write_through(0, bytes)
    }

    /// True if no committed structure is in a range: it may be written at any time.
    pub(crate) fn is_fresh(&self, address: Address, len: u64) -> bool {
        self.space.is_fresh(address, len)
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

    /// Bytes that can be allocated without making the file longer.
    pub(crate) fn largest_free(&self) -> u64 {
        self.space.largest_free()
    }

    /// Bytes of the file that nothing uses, as far as this editor knows.
    pub fn free_bytes(&self) -> u64 {
        self.space.free_bytes()
    }

    /// True if nothing was changed since the last commit.
    pub(crate) fn is_committed(&self) -> bool {
        self.space.is_committed() && self.overlay.dirty_bytes() == 0 && !self.overlay.is_waiting()
    }

    /// Makes ranges available that the committed state does not use: start and length of each.
    pub(crate) fn add_free(&mut self, ranges: impl Iterator<Item = (u64, u64)>) {
        // Collections with room that nothing points at are among what is free.
        self.global_heap = global_heap::GlobalHeapEditor::default();
        let before = self.free_bytes();
        ranges.for_each(|(start, len)| self.space.add_free(start, start.saturating_add(len)));
        if let Some(lists) = self.lists.as_mut().filter(|_| self.space.free_bytes() != before) {
            lists.is_stale();
        }
    }

    /// Writes what was put off until the commit.
    ///
    /// # Errors
    /// The file is full, or the storage fails.
    pub(crate) fn settle(&mut self) -> Result<()> {
        self.exclusively(Self::settle_now)
    }

    fn settle_now(&mut self) -> Result<()> {
        let mut heaps = core::mem::take(&mut self.heaps);
        let done = heaps.iter_mut().try_for_each(|heap| heap.finish(self));
        self.heaps = heaps;
        let done = done.and_then(|()| lists::store(self)).and_then(|()| self.overlay.settle());
        if done.is_err() {
            self.mark_unsound();
        }
        done
    }

    /// Forgets the structures that are kept in memory.
    fn forget_kept(&mut self) {
        (self.headers, self.local_heaps, self.symbol_tables) = Default::default();
        self.heaps = Default::default();
    }

    /// The storage as it reads with all changes.
    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        self.overlay.clone()
    }

    /// What readers go through.
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Does what readers may not see half done.
    pub(crate) fn exclusively<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let gate = Arc::clone(&self.gate);
        let _closed = gate.close();
        work(self)
    }

    /// Changes made since the file was opened: a number that grows with each.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// A change failed halfway.
    pub(crate) fn mark_unsound(&mut self) {
        if self.state == Condition::Sound {
            self.state = Condition::RollBack;
        }
    }

    /// Forgets what was not committed, and lets others have the storage.
    pub(crate) fn close(&mut self) {
        // A commit that failed at its end is finished by whoever opens the file next.
        let _ = self.rollback();
        self.forget_kept();
        self.overlay.roll_back();
        self.state = Condition::Closed;
        self.overlay.close();
    }

    /// Whether it can go on.
    pub fn condition(&self) -> Condition {
        self.state
    }

    /// Refuses to go on where a change or a commit failed halfway.
    pub(crate) fn check_sound(&self) -> Result<()> {
        match self.state {
            Condition::Sound => Ok(()),
            Condition::RollBack => Err(Error::new(ErrorKind::Conflict, "an earlier change or commit failed halfway")
                .with_hint("roll back: the file is as it was at its last commit")),
            Condition::Reopen => Err(Error::new(ErrorKind::Conflict, "a commit failed halfway")
                .with_hint("open the file again: that finishes the commit, or takes it back")),
            Condition::Closed => Err(crate::io::closed()),
        }
    }

    /// Something was changed that is not written yet.
    fn touch(&mut self) {
        self.changes = self.changes.wrapping_add(1);
    }

    fn changed(&mut self) {
        self.changes = self.changes.wrapping_add(1);
        self.end_changed();
    }

    fn end_changed(&self) {
        self.overlay.set_end(self.superblock.base.saturating_add(self.space.end()));
    }
}

/// Puts an object into a global heap collection: where it is.
///
/// # Errors
/// The file is full.
pub(crate) fn insert_heap_object(editor: &mut Editor, object: &[u8]) -> Result<(Address, u32)> {
    let mut heap = core::mem::take(&mut editor.global_heap);
    let place = heap.insert(editor, object);
    editor.global_heap = heap;
    place
}

/// Brings heap objects into the file, where readers find them.
///
/// # Errors
/// The storage fails.
pub(crate) fn finish_heap(editor: &mut Editor) -> Result<()> {
    let mut heap = core::mem::take(&mut editor.global_heap);
    let done = heap.finish(editor);
    editor.global_heap = heap;
    done
}

#[cfg(test)]
pub(crate) mod testing;
