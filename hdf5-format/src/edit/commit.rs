//! Making all changes so far the file's state at once.

use super::redo::Redo;
use super::{Editor, State};
use crate::error::Result;
use crate::io::StorageMut;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// What a commit promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// After a crash at any moment the file holds the last commit or the one before, whole. Two waits for the disk.
    #[default]
    Atomic,
    /// One unordered write: a crash during a commit may leave a damaged file. For new files that are given their name
    /// when they are complete.
    Fast,
}

type Pieces = BTreeMap<u64, Vec<u8>>;

impl Editor {
    /// Makes all changes durable.
    ///
    /// # Errors
    /// The storage fails. If the new state was durable by then, or bytes of the old one may be overwritten, the editor
    /// refuses to go on; else the changes are kept, and the commit may be tried again.
    pub fn commit(&mut self) -> Result<()> {
        self.check_sound()?;
        let before = self.superblock.end;
        let end = self.superblock.base.saturating_add(self.space.end_after_commit());
        self.superblock.end = end;
        let mut writer = self.writer();
        if let Err(error) = self.superblock.encode(&mut writer) {
            self.superblock.end = before;
            return Err(error);
        }
        self.overlay.write(self.superblock.base, writer.as_slice());
        let dirty = self.overlay.take_dirty();
        let mut durable = false;
        match self.write_all(&dirty, before, &mut durable) {
            Ok(()) => {
                self.space.commit();
                self.end_changed();
                self.commits = self.commits.wrapping_add(1);
                self.committed = self.superblock.clone();
                Ok(())
            }
            Err(error) => {
                if durable {
                    self.state = State::Poisoned;
                }
                self.overlay.restore(dirty);
                self.superblock.end = before;
                let hint = if durable { "the file holds this commit" } else { "the file holds its last commit" };
                Err(error.hint(hint))
            }
        }
    }

    /// Writes all dirty pieces. `durable` is set when the file may not hold the old state any more.
    fn write_all(&self, dirty: &Pieces, before: u64, durable: &mut bool) -> Result<()> {
        let storage = self.overlay.base();
        let (end_before, end) = (before, self.superblock.end);
        if self.durability == Durability::Fast {
            *durable = true;
            write_pieces(storage, dirty.iter())?;
            storage.set_len(end)?;
            return storage.sync();
        }
        let (fresh, live): (Vec<_>, Vec<_>) =
            dirty.iter().partition(|&(&offset, bytes)| self.is_fresh_piece(offset, bytes));
        // 1. What no committed structure points at.
        write_pieces(storage, fresh.into_iter())?;
        let len = storage.len()?;
        if len < end {
            storage.set_len(end)?;
        }
        // 2. The new bytes of the rest, behind the end; nothing may follow them.
        let pieces = live.iter().map(|&(&offset, bytes)| (offset, bytes.clone())).collect();
        let redo = Redo { number: self.commits, end_before, end_after: end.max(end_before), pieces };
        let record = redo.encode();
        if len > redo.end_after {
            storage.set_len(redo.end_after)?;
        }
        storage.write_at(redo.end_after, &record)?;
        // 3. From here on the commit is durable.
        *durable = true;
        storage.sync()?;
        // 4. The same bytes in place. The superblock has the lowest offset of all and comes last.
        write_pieces(storage, live.iter().rev().copied())?;
        // 5. The record may go when they are there.
        storage.sync()?;
        storage.set_len(end)
    }

    /// True if no committed structure is where a piece goes.
    fn is_fresh_piece(&self, offset: u64, bytes: &[u8]) -> bool {
        let address = crate::codec::Address(offset.saturating_sub(self.superblock.base));
        offset >= self.superblock.base && self.is_fresh(address, bytes.len() as u64)
    }

    /// Forgets all changes since the last commit.
    ///
    /// # Errors
    /// A commit failed halfway.
    pub fn rollback(&mut self) -> Result<()> {
        if self.state == State::Poisoned {
            return self.check_sound();
        }
        drop(self.overlay.take_dirty());
        self.superblock = self.committed.clone();
        self.space.rollback();
        self.state = State::Sound;
        self.local_heaps.clear();
        self.global_heap = Default::default();
        self.end_changed();
        Ok(())
    }
}

fn write_pieces<'a>(
    storage: &(impl StorageMut + ?Sized),
    pieces: impl Iterator<Item = (&'a u64, &'a Vec<u8>)>,
) -> Result<()> {
    for (&offset, bytes) in pieces {
        storage.write_at(offset, bytes)?;
    }
    Ok(())
}

/// Finishes a commit that was interrupted after it was durable.
///
/// # Errors
/// The storage fails; the record is still there then.
pub(crate) fn recover(storage: &(impl StorageMut + ?Sized)) -> Result<bool> {
    let Some(redo) = Redo::find(storage)? else { return Ok(false) };
    write_pieces(storage, redo.pieces.iter().rev())?;
    storage.sync()?;
    storage.set_len(redo.end_after)?;
    storage.sync()?;
    Ok(true)
}
