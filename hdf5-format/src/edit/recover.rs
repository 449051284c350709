//! What opening for writing does about a commit that was interrupted.

use super::commit::{mark, put_in_place};
use crate::codec::{Cursor, Sizes, to_usize};
use crate::error::Result;
use crate::format::superblock::{COMMITTING, LARGEST, Superblock};
use crate::graph::open::locate;
use crate::graph::redo::Redo;
use crate::io::{Patch, Storage, StorageMut};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a commit, or a program, left behind in a file when it was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// Nothing.
    Clean,
    /// The record of a commit that was durable and not in place yet.
    Commit {
        /// Blocks that it changes.
        blocks: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// A commit's mark in a file that is whole.
    Mark,
    /// The mark "open for writing" of another library: its writer has the file open, or died and left it in an unknown
    /// state.
    ForeignMark,
}

/// What is left of a commit.
///
/// # Errors
/// The storage fails.
pub(crate) fn look(storage: &Arc<dyn Storage>) -> Result<Recovery> {
    if let Some(redo) = Redo::find(storage)? {
        let bytes = redo.pieces.iter().fold(0, |sum: u64, piece| sum.saturating_add(piece.len));
        return Ok(Recovery::Commit { blocks: redo.pieces.len() as u64, bytes });
    }
    Ok(match locate(storage) {
        Ok((superblock, _)) if superblock.version != 3 || superblock.flags & !0x02 == 0 => Recovery::Clean,
        Ok((superblock, _)) if superblock.flags == COMMITTING => Recovery::Mark,
        Ok(_) => Recovery::ForeignMark,
        // What it is, opening says.
        Err(_) => Recovery::Clean,
    })
}

/// Finishes what a commit of ours left: what it was.
///
/// # Errors
/// The storage fails; the record is still there then.
pub(crate) fn recover(storage: &Arc<dyn StorageMut>) -> Result<Recovery> {
    let readable: Arc<dyn Storage> = Arc::new(Arc::clone(storage));
    let found = look(&readable)?;
    match found {
        Recovery::Commit { .. } => finish(storage)?,
        Recovery::Mark => clear_mark(storage)?,
        Recovery::Clean | Recovery::ForeignMark => {}
    }
    Ok(found)
}

fn finish(storage: &Arc<dyn StorageMut>) -> Result<()> {
    let readable: Arc<dyn Storage> = Arc::new(Arc::clone(storage));
    let Some(redo) = Redo::find(&readable)? else { return Ok(()) };
    let Some((first, rest)) = redo.pieces.split_first() else { return storage.set_len(redo.end_after) };
    let read = |offset: u64, len: u64| {
        let mut bytes = alloc::vec![0; to_usize(len)?];
        storage.read_at(offset, &mut bytes)?;
        Ok::<Vec<u8>, crate::Error>(bytes)
    };
    // The program may have died a moment ago, or its sync have failed: the record need not be on the disk, and a system
    // that lost it takes it for written. It is written again before anything is written over.
    let len = storage.len()?.saturating_sub(redo.end_after);
    copy(storage, &Patch { offset: redo.end_after, len, from: redo.end_after })?;
    let old = read(first.offset, first.len.min(LARGEST as u64))?;
    if let Some(marked) = mark(&old, COMMITTING) {
        storage.write_at(first.offset, &marked)?;
    }
    storage.sync()?;
    let new = read(first.from, first.len)?;
    let end = parse(&new).map_or(redo.end_after, |superblock| superblock.end.min(redo.end_after));
    put_in_place(storage, first.offset, &new, end, &mut || rest.iter().try_for_each(|piece| copy(storage, piece)))?;
    storage.sync()
}

fn parse(bytes: &[u8]) -> Option<Superblock> {
    Superblock::parse(&mut Cursor::new(bytes, 0, "superblock", Sizes::EIGHT)).ok()
}

/// Writes bytes of the storage to a place in it.
fn copy(storage: &Arc<dyn StorageMut>, piece: &Patch) -> Result<()> {
    const BLOCK: u64 = 1 << 20;
    let mut block = alloc::vec![0; to_usize(piece.len.min(BLOCK))?];
    let mut done = 0;
    while done < piece.len {
        let part = to_usize(piece.len.saturating_sub(done).min(BLOCK))?;
        let Some(part) = block.get_mut(..part) else { break };
        storage.read_at(piece.from.saturating_add(done), part)?;
        storage.write_at(piece.offset.saturating_add(done), part)?;
        done = done.saturating_add(part.len() as u64);
    }
    Ok(())
}

/// Takes the mark "open for writing" away.
///
/// # Errors
/// There is no superblock, or the storage fails.
pub(crate) fn clear_mark(storage: &Arc<dyn StorageMut>) -> Result<()> {
    let readable: Arc<dyn Storage> = Arc::new(Arc::clone(storage));
    let (superblock, found) = locate(&readable)?;
    let mut bytes = alloc::vec![0; superblock.encoded_len()];
    storage.read_at(found, &mut bytes)?;
    if let Some(cleared) = mark(&bytes, 0) {
        storage.write_at(found, &cleared)?;
    }
    storage.sync()
}
