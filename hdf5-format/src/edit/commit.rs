//! Making all changes so far the file's state at once.

use super::overlay::Pieces;
use super::{Condition, Editor};
use crate::codec::{Cursor, Sizes, Writer};
use crate::error::Result;
use crate::format::superblock::{COMMITTING, Superblock};
use crate::graph::redo;
use crate::io::StorageMut;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a commit promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// After a crash at any moment the file holds the last commit or the one being made, whole. Three waits for the
    /// disk; two where nothing but what the file already had was changed.
    #[default]
    Atomic,
    /// One unordered write: a crash during a commit may leave a damaged file. For new files that are given their name
    /// when they are complete.
    Fast,
}

const LAST_KEPT: &str = "the file holds its last commit; the changes are kept, and the commit may be tried again";

const ROLL_BACK: &str = "the file holds its last commit; roll back to go on";

/// Most bytes that are copied to be written at once.
const MOST_AT_ONCE: usize = 1 << 20;

/// How far a commit came: what its failure leaves behind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// Nothing but fresh space was written.
    Fresh,
    /// Bytes in fresh space may be lost: after a failed sync the storage need not try again.
    Unsynced,
    /// The record may be there.
    Record,
    /// The record is there, and perhaps durable.
    Durable,
    /// The record is durable.
    InPlace,
    /// Everything is written without an order.
    Unordered,
}

impl Editor {
    /// Makes all changes durable.
    ///
    /// # Errors
    /// The storage fails; [`condition`](Self::condition) tells what is possible then. If the new state may be durable,
    /// the editor refuses to go on. Else the changes are kept, and the commit may be tried again.
    pub fn commit(&mut self) -> Result<()> {
        self.check_sound()?;
        self.settle().map_err(|error| error.with_hint(ROLL_BACK))?;
        let before = self.superblock.end;
        let end = self.superblock.base.saturating_add(self.space.end_after_commit());
        self.superblock.end = end;
        let mut writer = self.writer();
        if let Err(error) = self.superblock.encode(&mut writer) {
            self.superblock.end = before;
            return Err(error);
        }
        // Who has read a structure without its checksum must not find that it has one.
        self.exclusively(|editor| {
            editor.overlay.write(editor.superblock.base, writer.as_slice());
            editor.overlay.seal();
        });
        let mut reached = Reached::Fresh;
        let overlay = Arc::clone(&self.overlay);
        match overlay.with_dirty(|dirty| self.write_all(dirty, before, &mut reached)) {
            Ok(()) => {
                self.space.commit();
                self.overlay.committed(end);
                if let Some(lists) = &mut self.lists {
                    lists.commit();
                }
                self.end_changed();
                self.commits = self.commits.wrapping_add(1);
                self.committed = self.superblock.clone();
                self.exists = true;
                Ok(())
            }
            Err(error) => {
                self.superblock.end = before;
                Err(error.with_hint(self.give_up(reached, before.max(end))))
            }
        }
    }

    /// Writes all dirty pieces; the steps are those of `docs/commit-protocol.md`.
    fn write_all(&self, dirty: &Pieces, before: u64, reached: &mut Reached) -> Result<()> {
        let storage = self.overlay.base();
        let (base, end) = (self.superblock.base, self.superblock.end);
        if self.durability == Durability::Fast {
            *reached = Reached::Unordered;
            write_pieces(storage, dirty.iter())?;
            storage.set_len(end)?;
            return storage.sync();
        }
        let (fresh, live): (Vec<_>, Vec<_>) =
            dirty.iter().partition(|&(&offset, bytes)| self.is_fresh_piece(offset, bytes));
        // 1. What no committed structure points at; it must be there before the record that leads to it.
        if !fresh.is_empty() {
            self.overlay.set_unsynced(true);
        }
        write_pieces(storage, fresh.into_iter())?;
        let len = storage.len()?;
        if len < end {
            self.overlay.set_unsynced(true);
            storage.set_len(end)?;
        }
        // A.
        if self.overlay.is_unsynced() {
            *reached = Reached::Unsynced;
            storage.sync()?;
            self.overlay.set_unsynced(false);
        }
        // 2. The new bytes of the rest, behind the end; nothing may follow them.
        *reached = Reached::Record;
        let at = end.max(before);
        let pieces: BTreeMap<u64, &[u8]> = live.iter().map(|&(&offset, bytes)| (offset, bytes.as_slice())).collect();
        let record = redo::encode(self.commits, before, at, &pieces);
        if len > at {
            storage.set_len(at)?;
        }
        storage.write_at(at, &record)?;
        if let Some(marked) = self.marked() {
            storage.write_at(base, &marked)?;
        }
        // B. From here on the commit is durable.
        *reached = Reached::Durable;
        storage.sync()?;
        // 3 and 4. The same bytes in place; the superblock has the lowest offset of all and comes last.
        *reached = Reached::InPlace;
        let Some((superblock, rest)) = live.split_first() else { return storage.set_len(end) };
        put_in_place(storage, base, superblock.1, end, &mut || write_pieces(storage, rest.iter().copied()))
    }

    /// The superblock in place, with the mark of a commit.
    fn marked(&self) -> Option<Vec<u8>> {
        let mut writer = self.writer();
        self.committed.encode(&mut writer).ok()?;
        if self.exists { mark(writer.as_slice(), COMMITTING) } else { None }
    }

    /// After a failed commit: makes sure that opening does not find a record of what is taken back or changed from here
    /// on, and says what is possible.
    fn give_up(&mut self, reached: Reached, record: u64) -> &'static str {
        let (condition, hint) = match reached {
            Reached::Fresh => (Condition::Sound, LAST_KEPT),
            Reached::Unsynced => (Condition::RollBack, ROLL_BACK),
            Reached::Record if self.withdraw(record).is_ok() => (Condition::Sound, LAST_KEPT),
            Reached::Record | Reached::Durable => {
                (Condition::Reopen, "the file holds this commit or the one before, whole: open it again to see which")
            }
            Reached::InPlace => (Condition::Reopen, "the file holds this commit: open it again to go on"),
            Reached::Unordered => (Condition::Reopen, "without a record the file may be damaged"),
        };
        self.state = condition;
        hint
    }

    /// Takes a record back that is not durable, and the mark.
    fn withdraw(&self, record: u64) -> Result<()> {
        let storage = self.overlay.base();
        if storage.len()? > record {
            storage.set_len(record)?;
        }
        if self.marked().is_some() {
            let mut writer = self.writer();
            self.committed.encode(&mut writer)?;
            storage.write_at(self.superblock.base, writer.as_slice())?;
        }
        storage.sync()
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
        if matches!(self.state, Condition::Reopen | Condition::Closed) {
            return self.check_sound();
        }
        self.exclusively(Self::roll_back);
        Ok(())
    }

    fn roll_back(&mut self) {
        self.forget_kept();
        self.overlay.roll_back();
        self.superblock = self.committed.clone();
        self.space.rollback();
        if let Some(lists) = &mut self.lists {
            lists.rollback();
        }
        self.state = Condition::Sound;
        self.global_heap = Default::default();
        self.end_changed();
    }
}

/// Writes pieces in the order of their offsets, those that touch at once.
fn write_pieces<'a>(
    storage: &(impl StorageMut + ?Sized),
    pieces: impl Iterator<Item = (&'a u64, &'a Vec<u8>)>,
) -> Result<()> {
    let (mut start, mut run) = (0u64, Vec::new());
    for (&offset, bytes) in pieces {
        let end = start.saturating_add(run.len() as u64);
        if end != offset || run.len().saturating_add(bytes.len()) > MOST_AT_ONCE {
            write_run(storage, start, &run)?;
            run.clear();
            start = offset;
        }
        if bytes.len() > MOST_AT_ONCE {
            storage.write_at(offset, bytes)?;
            start = offset.saturating_add(bytes.len() as u64);
            continue;
        }
        run.extend_from_slice(bytes);
    }
    write_run(storage, start, &run)
}

fn write_run(storage: &(impl StorageMut + ?Sized), start: u64, run: &[u8]) -> Result<()> {
    if run.is_empty() { Ok(()) } else { storage.write_at(start, run) }
}

/// Steps 3 and 4: the bytes of a durable record go to their places, `rest` first; then the record goes.
pub(super) fn put_in_place(
    storage: &(impl StorageMut + ?Sized),
    base: u64,
    superblock: &[u8],
    end: u64,
    rest: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    rest()?;
    let marked = mark(superblock, COMMITTING);
    storage.write_at(base, marked.as_deref().unwrap_or(superblock))?;
    // C. Record and mark may go when all is there.
    storage.sync()?;
    if marked.is_some() {
        storage.write_at(base, superblock)?;
    }
    storage.set_len(end)
}

/// A superblock of version 3 with these flags, if it has others.
pub(super) fn mark(superblock: &[u8], flags: u32) -> Option<Vec<u8>> {
    let mut parsed = Superblock::parse(&mut Cursor::new(superblock, 0, "superblock", Sizes::EIGHT)).ok()?;
    if parsed.version != 3 || parsed.flags == flags {
        return None;
    }
    parsed.flags = flags;
    let mut writer = Writer::new(parsed.sizes);
    parsed.encode(&mut writer).ok()?;
    Some(writer.into_bytes())
}
