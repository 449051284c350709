//! One address space made of several storages: family, split and multi files.

use super::{Storage, past_end};
use crate::error::Result;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A storage and the window of the joint address space that it fills.
#[derive(Clone)]
pub struct Piece {
    /// First joint offset of the window.
    pub start: u64,
    /// Bytes of the window.
    pub len: u64,
    /// What fills it, from its own offset 0.
    pub storage: Arc<dyn Storage>,
}

/// Storages joined into one. Bytes inside a window but past the end of its storage, and between windows, read as zero.
pub struct Pieces {
    pieces: Vec<Piece>,
    len: u64,
}

impl Pieces {
    /// Joins windows, which must not overlap.
    pub fn new(mut pieces: Vec<Piece>) -> Self {
        pieces.sort_by_key(|p| p.start);
        let len = pieces.iter().map(|p| p.start.saturating_add(p.len)).max().unwrap_or(0);
        Pieces { pieces, len }
    }
}

impl Storage for Pieces {
    fn len(&self) -> Result<u64> {
        Ok(self.len)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let end = offset.saturating_add(buf.len() as u64);
        if end > self.len {
            return Err(past_end(offset, buf.len(), self.len));
        }
        buf.fill(0);
        for piece in &self.pieces {
            let filled = piece.storage.len()?.min(piece.len);
            let from = offset.max(piece.start);
            let to = end.min(piece.start.saturating_add(filled));
            if from >= to {
                continue;
            }
            let at = |x: u64, origin: u64| usize::try_from(x.saturating_sub(origin)).unwrap_or(usize::MAX);
            if let Some(part) = buf.get_mut(at(from, offset)..at(to, offset)) {
                piece.storage.read_at(from.saturating_sub(piece.start), part)?;
            }
        }
        Ok(())
    }

    fn close(&self) {
        self.pieces.iter().for_each(|piece| piece.storage.close());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn reads_across_windows_and_pads_with_zeros() {
        let piece = |start, len, data: Vec<u8>| Piece { start, len, storage: Arc::new(data) };
        let joined = Pieces::new(vec![piece(4, 4, vec![5, 6]), piece(0, 4, vec![1, 2, 3, 4])]);
        let mut buf = [9; 6];
        joined.read_at(2, &mut buf).unwrap();
        assert_eq!(buf, [3, 4, 5, 6, 0, 0]);
        assert!(joined.read_at(3, &mut buf).is_err());
    }
}
