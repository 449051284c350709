//! Records of one length, one after the other.

use alloc::vec::Vec;

/// Most bytes that memory is taken for before there are records.
const MOST_ROOM: usize = 1 << 16;

#[derive(Clone, Debug)]
pub(super) struct Records {
    width: usize,
    bytes: Vec<u8>,
}

impl Records {
    /// None yet; there is room for so many bytes of them, or for the first of them if those are very many.
    pub(super) fn new(width: usize, room: usize) -> Self {
        Records { width, bytes: Vec::with_capacity(room.min(MOST_ROOM)) }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len().checked_div(self.width).unwrap_or(0)
    }

    /// Where a record starts; the end, for those past it.
    fn at(&self, index: usize) -> usize {
        index.saturating_mul(self.width).min(self.bytes.len())
    }

    /// A record; nothing past the end.
    pub(super) fn get(&self, index: usize) -> &[u8] {
        self.bytes.get(self.at(index)..self.at(index.saturating_add(1))).unwrap_or(&[])
    }

    pub(super) fn push(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
    }

    pub(super) fn append(&mut self, more: &Records) {
        self.bytes.extend_from_slice(&more.bytes);
    }

    /// Appends the records of another node from `first` on, up to `past`.
    pub(super) fn append_range(&mut self, other: &Records, first: usize, past: usize) {
        self.bytes.extend_from_slice(other.bytes.get(other.at(first)..other.at(past)).unwrap_or(&[]));
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Puts others in the place of `count` records.
    pub(super) fn exchange(&mut self, index: usize, count: usize, new: &[u8]) {
        let range = self.at(index)..self.at(index.saturating_add(count));
        drop(self.bytes.splice(range, new.iter().copied()));
    }

    pub(super) fn insert(&mut self, index: usize, record: &[u8]) {
        let at = self.at(index);
        self.bytes.extend_from_slice(record);
        if let Some(from) = self.bytes.get_mut(at..) {
            from.rotate_right(record.len().min(from.len()));
        }
    }

    pub(super) fn remove(&mut self, index: usize) -> Vec<u8> {
        let old = self.get(index).to_vec();
        self.exchange(index, 1, &[]);
        old
    }

    pub(super) fn replace(&mut self, index: usize, record: &[u8]) -> Vec<u8> {
        let old = self.get(index).to_vec();
        self.exchange(index, 1, record);
        old
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}
