//! Changes that are not in the file yet: dirty bytes over the storage.

use super::btree_v2::Tree;
use super::waiting::Waiting;
use crate::codec::checksum::lookup3;
use crate::codec::{Address, Writer};
use crate::error::Result;
use crate::io::{Storage, StorageMut};
use crate::sync::RwLock;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

/// Storage that reads as if all changes were in it. Offsets are absolute.
pub(super) struct Overlay {
    base: Arc<dyn StorageMut>,
    /// Where addresses count from.
    origin: u64,
    state: RwLock<State>,
    waiting: Waiting,
    /// Bytes went to the storage that it may still lose.
    unsynced: AtomicBool,
}

#[derive(Default)]
struct State {
    /// End of what is allocated; past the end of the storage the bytes are zero.
    end: u64,
    /// Disjoint pieces by offset.
    dirty: Pieces,
    /// Bytes of all pieces.
    dirty_bytes: u64,
    /// Structures among them whose checksums are made when they leave, by offset; each lies in one piece.
    unsealed: BTreeMap<u64, Unsealed>,
    /// Bytes of the storage that were written; what follows is zero, whatever is there.
    stored: u64,
}

/// Bytes by their offsets.
pub(super) type Pieces = BTreeMap<u64, Vec<u8>>;

/// A structure without its checksum.
#[derive(Clone, Copy, Debug)]
struct Unsealed {
    /// Its bytes.
    len: usize,
    sum: Sum,
}

/// Where a checksum goes, and of what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    /// Of all bytes before it.
    Before(usize),
    /// Of all bytes of the structure, zeros in its own place.
    Whole(usize),
}

impl Overlay {
    pub(super) fn new(base: Arc<dyn StorageMut>, origin: u64, end: u64) -> Self {
        let stored = base.len().unwrap_or(0).min(end);
        let state = RwLock::new(State { end, stored, ..State::default() });
        Overlay { base, origin, state, waiting: Waiting::default(), unsynced: AtomicBool::new(false) }
    }

    pub(super) fn base(&self) -> &Arc<dyn StorageMut> {
        &self.base
    }

    pub(super) fn set_end(&self, end: u64) {
        self.state.write().end = end;
    }

    /// Keeps new bytes.
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) {
        self.state.write().put(offset, bytes);
    }

    /// Keeps the new bytes of a structure whose checksum is made later.
    pub(super) fn write_unsealed(&self, offset: u64, bytes: &[u8], sum: Sum) {
        self.state.write().put_unsealed(offset, bytes, sum);
    }

    /// Takes a tree out that was kept.
    pub(super) fn take_tree(&self, address: Address) -> Option<Tree> {
        self.waiting.take(address)
    }

    /// Keeps a tree with changes that are not written.
    ///
    /// # Errors
    /// A number of one that is kept no longer does not fit its width.
    pub(super) fn keep_tree(&self, address: Address, tree: Tree) -> Result<()> {
        self.waiting.keep(address, tree, &mut |address, block| self.state.write().put_block(self.at(address), block))
    }

    /// Writes what waits among the dirty bytes.
    ///
    /// # Errors
    /// A number does not fit its width.
    pub(super) fn settle(&self) -> Result<()> {
        if !self.waiting.is_any() {
            return Ok(());
        }
        self.waiting.write(&mut |address, block| self.state.write().put_block(self.at(address), block))
    }

    /// True if something may wait to be written among the dirty bytes.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_any()
    }

    fn at(&self, address: Address) -> u64 {
        self.origin.saturating_add(address.0)
    }

    /// Changes bytes of a structure without a checksum: whether there is one at `offset`.
    pub(super) fn patch_unsealed(&self, offset: u64, at: usize, bytes: &[u8]) -> bool {
        let mut state = self.state.write();
        let Some(&Unsealed { len, .. }) = state.unsealed.get(&offset) else { return false };
        let place = state.piece_mut(offset, len).and_then(|piece| piece.get_mut(at..)?.get_mut(..bytes.len()));
        place.map(|place| place.copy_from_slice(bytes)).is_some()
    }

    /// Writes bytes to the storage itself.
    pub(super) fn write_through(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let end = offset.saturating_add(bytes.len() as u64);
        self.state.write().cut(offset, end);
        self.set_unsynced(true);
        self.base.write_at(offset, bytes)?;
        let mut state = self.state.write();
        state.stored = state.stored.max(end);
        Ok(())
    }

    /// Whether bytes were written through since this was set to false.
    pub(super) fn is_unsynced(&self) -> bool {
        self.unsynced.load(Ordering::Acquire)
    }

    pub(super) fn set_unsynced(&self, unsynced: bool) {
        self.unsynced.store(unsynced, Ordering::Release);
    }

    /// Drops what is dirty in a range.
    pub(super) fn forget(&self, offset: u64, len: u64) {
        self.state.write().cut(offset, offset.saturating_add(len));
    }

    /// Makes all checksums that are missing.
    pub(super) fn seal(&self) {
        self.state.write().seal();
    }

    /// Does something with all dirty pieces, ascending, which readers see meanwhile. Nothing waits to join them, so that no
    /// reader asks to change them.
    pub(super) fn with_dirty<T>(&self, work: impl FnOnce(&Pieces) -> T) -> T {
        work(&self.state.read().dirty)
    }

    /// The storage has all dirty pieces, and ends there.
    pub(super) fn committed(&self, end: u64) {
        let mut state = self.state.write();
        state.forget_dirty();
        state.stored = end;
    }

    /// Forgets everything that the storage does not have.
    pub(super) fn roll_back(&self) {
        self.waiting.forget();
        self.state.write().forget_dirty();
    }

    /// Bytes that are dirty.
    pub(super) fn dirty_bytes(&self) -> u64 {
        self.state.read().dirty_bytes
    }
}

impl Storage for Overlay {
    fn is_unsealed(&self, offset: u64) -> bool {
        let state = self.state.read();
        !state.unsealed.is_empty() && state.unsealed.contains_key(&offset)
    }

    fn len(&self) -> Result<u64> {
        Ok(self.state.read().end)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.settle()?;
        let state = self.state.read();
        if let Some(piece) = state.piece(offset, buf.len()) {
            buf.copy_from_slice(piece);
            return Ok(());
        }
        let stored = usize::try_from(state.stored.saturating_sub(offset)).unwrap_or(usize::MAX).min(buf.len());
        let (from_base, past) = buf.split_at_mut(stored);
        past.fill(0);
        if !from_base.is_empty() {
            self.base.read_at(offset, from_base)?;
        }
        state.lay_over(offset, buf);
        Ok(())
    }

    fn close(&self) {
        self.base.close();
    }
}

impl State {
    fn put_unsealed(&mut self, offset: u64, bytes: &[u8], sum: Sum) {
        self.put(offset, bytes);
        self.unsealed.insert(offset, Unsealed { len: bytes.len(), sum });
    }

    /// Keeps a structure, with its checksum or without.
    fn put_block(&mut self, offset: u64, block: &Writer) {
        match block.sum_at() {
            Some(sum_at) => self.put_unsealed(offset, block.as_slice(), Sum::Before(sum_at)),
            None => self.put(offset, block.as_slice()),
        }
    }

    /// The bytes of a range that one piece holds.
    fn piece(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let (&start, bytes) = self.dirty.range(..=offset).next_back()?;
        let from = usize::try_from(offset.checked_sub(start)?).ok()?;
        bytes.get(from..from.checked_add(len)?)
    }

    /// As [`piece`](Self::piece).
    fn piece_mut(&mut self, offset: u64, len: usize) -> Option<&mut [u8]> {
        let (&start, bytes) = self.dirty.range_mut(..=offset).next_back()?;
        let from = usize::try_from(offset.checked_sub(start)?).ok()?;
        bytes.get_mut(from..from.checked_add(len)?)
    }

    fn forget_dirty(&mut self) {
        self.dirty.clear();
        self.unsealed.clear();
        self.dirty_bytes = 0;
    }

    /// Makes all checksums that are missing.
    fn seal(&mut self) {
        for (offset, Unsealed { len, sum }) in core::mem::take(&mut self.unsealed) {
            let Some(bytes) = self.piece_mut(offset, len) else { continue };
            let (Sum::Before(at) | Sum::Whole(at)) = sum;
            let place = at..at.saturating_add(4);
            if let Some(place) = bytes.get_mut(place.clone()) {
                place.fill(0);
            }
            let summed = if sum == Sum::Before(at) { bytes.get(..at) } else { Some(&*bytes) };
            let sum = lookup3(summed.unwrap_or(&[]), 0).to_le_bytes();
            if let Some(place) = bytes.get_mut(place) {
                place.copy_from_slice(&sum);
            }
        }
    }

    /// Structures that meet a range are what their writers made of them.
    fn forget_unsealed(&mut self, offset: u64, end: u64) {
        while let Some((&start, unsealed)) = self.unsealed.range(..end).next_back() {
            if start.saturating_add(unsealed.len as u64) <= offset {
                return;
            }
            self.unsealed.remove(&start);
        }
    }

    fn lay_over(&self, offset: u64, buf: &mut [u8]) {
        let end = offset.saturating_add(buf.len() as u64);
        let before = self.dirty.range(..offset).next_back();
        for (&start, bytes) in before.into_iter().chain(self.dirty.range(offset..end)) {
            let skip = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
            let to = usize::try_from(start.saturating_sub(offset)).unwrap_or(usize::MAX);
            if let (Some(from), Some(to)) = (bytes.get(skip..), buf.get_mut(to..)) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            }
        }
    }

    fn put(&mut self, offset: u64, new: &[u8]) {
        let end = offset.saturating_add(new.len() as u64);
        self.forget_unsealed(offset, end);
        if let Some((&start, bytes)) = self.dirty.range_mut(..=offset).next_back() {
            let from = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
            if let Some(place) = from.checked_add(new.len()).and_then(|to| bytes.get_mut(from..to)) {
                place.copy_from_slice(new);
                return;
            }
        }
        self.cut(offset, end);
        if !new.is_empty() {
            self.insert(offset, new.to_vec());
        }
    }

    fn insert(&mut self, offset: u64, piece: Vec<u8>) {
        self.dirty_bytes = self.dirty_bytes.saturating_add(piece.len() as u64);
        self.dirty.insert(offset, piece);
    }

    /// Takes a range out of all pieces.
    fn cut(&mut self, offset: u64, end: u64) {
        self.forget_unsealed(offset, end);
        while let Some((&start, bytes)) = self.dirty.range(..end).next_back() {
            let piece_end = start.saturating_add(bytes.len() as u64);
            if piece_end <= offset || end <= offset {
                return;
            }
            let Some(mut bytes) = self.dirty.remove(&start) else { return };
            self.dirty_bytes = self.dirty_bytes.saturating_sub(bytes.len() as u64);
            if piece_end > end {
                let keep = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX).min(bytes.len());
                self.insert(end, bytes.split_off(keep));
            }
            if start < offset {
                bytes.truncate(usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX));
                self.insert(start, bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::MemoryFile;

    #[test]
    fn reads_as_if_written() {
        let mut seed = 3u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        let original: Vec<u8> = (0..80).collect();
        let overlay = Overlay::new(Arc::new(MemoryFile::new(original.clone())), 0, 100);
        let mut expected = original.clone();
        expected.resize(100, 0);
        for round in 0..5000 {
            let (start, len) = (next(100), next(20));
            let end = (start + len).min(100);
            let bytes: Vec<u8> = (start..end).map(|i| (i + round) as u8).collect();
            if next(3) > 0 {
                overlay.write(start, &bytes);
                expected[start as usize..end as usize].copy_from_slice(&bytes);
            } else if next(20) == 0 {
                overlay.forget(start, end - start);
                let mut base = original.clone();
                base.resize(100, 0);
                expected[start as usize..end as usize].copy_from_slice(&base[start as usize..end as usize]);
            }
            let (a, b) = (next(100), next(100));
            let (a, b) = (a.min(b) as usize, a.max(b) as usize);
            let mut buf = alloc::vec![9; b - a];
            overlay.read_at(a as u64, &mut buf).unwrap();
            assert_eq!(buf, expected[a..b]);
            let pieces: usize = overlay.state.read().dirty.values().map(Vec::len).sum();
            assert_eq!(overlay.dirty_bytes(), pieces as u64);
        }
        overlay.with_dirty(|dirty| {
            let mut last = 0;
            for (start, bytes) in dirty {
                assert!(*start >= last && !bytes.is_empty());
                last = start + bytes.len() as u64;
                assert_eq!(bytes[..], expected[*start as usize..last as usize]);
            }
        });
        overlay.roll_back();
        assert_eq!(overlay.dirty_bytes(), 0);
    }
}
