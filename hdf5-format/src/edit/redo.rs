//! The redo record: the new bytes of live blocks, at the end of the file, from the moment a commit is durable until
//! its bytes are in place.
//!
//! ```text
//! | "H5REDO\x01\n" 8 | commit number 8 | end of the file before 8 | end after = start of this record 8 | pieces 4 |
//! | offset 8 | length 8 | bytes |  for each piece
//! | CRC32 of all before 4 | length of the record 8 | "H5COMMIT" 8 |
//! ```
//! All numbers are little-endian, offsets absolute. A reader looks at the file's last twenty bytes, then checks the
//! whole record; what is cut short or damaged is no record, and the file is what it was before the commit. libhdf5
//! ignores what lies past the end that the superblock states.
//!
//! This is our own format: `docs/commit-protocol.md`.

use crate::codec::to_usize;
use crate::error::Result;
use crate::io::Storage;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

const HEAD: &[u8; 8] = b"H5REDO\x01\n";
const TAIL: &[u8; 8] = b"H5COMMIT";
/// Bytes before the pieces.
const HEAD_LEN: usize = 36;
/// Bytes after the pieces.
const TAIL_LEN: usize = 20;
/// Bytes before those of a piece.
const PIECE_LEN: usize = 16;

/// What a commit changes of the state before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redo {
    /// Counts the commits of one opening of the file.
    pub(crate) number: u64,
    /// Absolute end of the file before the commit.
    pub(crate) end_before: u64,
    /// Absolute end after it: where the record begins.
    pub(crate) end_after: u64,
    /// New bytes by absolute offset, all before `end_after`, disjoint.
    pub(crate) pieces: BTreeMap<u64, Vec<u8>>,
}

impl Redo {
    /// The bytes of the record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let len = self.pieces.values().fold(HEAD_LEN.saturating_add(TAIL_LEN), |sum, piece| {
            sum.saturating_add(PIECE_LEN).saturating_add(piece.len())
        });
        let mut out = Vec::with_capacity(len);
        out.extend_from_slice(HEAD);
        for number in [self.number, self.end_before, self.end_after] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&u32::try_from(self.pieces.len()).unwrap_or(u32::MAX).to_le_bytes());
        for (offset, piece) in &self.pieces {
            out.extend_from_slice(&offset.to_le_bytes());
            out.extend_from_slice(&(piece.len() as u64).to_le_bytes());
            out.extend_from_slice(piece);
        }
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out.extend_from_slice(&(len as u64).to_le_bytes());
        out.extend_from_slice(TAIL);
        out
    }

    /// The record of `bytes`, which stand at absolute offset `at`.
    fn parse(bytes: &[u8], at: u64) -> Option<Redo> {
        let (body, tail) = bytes.split_last_chunk::<TAIL_LEN>()?;
        let (crc, _) = tail.split_first_chunk::<4>()?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (head, mut rest) = body.split_first_chunk::<8>()?;
        let mut number = || {
            let (number, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            Some(u64::from_le_bytes(*number))
        };
        let (number, end_before, end_after) = (number()?, number()?, number()?);
        let (count, mut rest) = rest.split_first_chunk::<4>()?;
        if head != HEAD || end_after != at {
            return None;
        }
        let mut pieces = BTreeMap::new();
        let mut covered = 0;
        for _ in 0..u32::from_le_bytes(*count) {
            let (offset, after) = rest.split_first_chunk::<8>()?;
            let (len, after) = after.split_first_chunk::<8>()?;
            let offset = u64::from_le_bytes(*offset);
            let (piece, after) = after.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
            let end = offset.checked_add(piece.len() as u64)?;
            if offset < covered || end > end_after {
                return None;
            }
            covered = end;
            pieces.insert(offset, piece.to_vec());
            rest = after;
        }
        rest.is_empty().then_some(Redo { number, end_before, end_after, pieces })
    }

    /// The record at the end of a file, if a commit was interrupted there.
    ///
    /// # Errors
    /// The storage can not be read.
    pub(crate) fn find(storage: &(impl Storage + ?Sized)) -> Result<Option<Redo>> {
        let end = storage.len()?;
        let least = HEAD_LEN.saturating_add(TAIL_LEN) as u64;
        let Some(tail_at) = end.checked_sub(TAIL_LEN as u64).filter(|_| end >= least) else { return Ok(None) };
        let mut tail = [0; TAIL_LEN];
        storage.read_at(tail_at, &mut tail)?;
        let [_, _, _, _, len @ .., _, _, _, _, _, _, _, _] = tail;
        if !tail.ends_with(TAIL) {
            return Ok(None);
        }
        let len = u64::from_le_bytes(len);
        let Some(start) = end.checked_sub(len).filter(|_| len >= least) else { return Ok(None) };
        // Damage could state any length: the head must be there before anything is allocated.
        let mut head = [0; 8];
        storage.read_at(start, &mut head)?;
        let Ok(len) = to_usize(len) else { return Ok(None) };
        let mut bytes = Vec::new();
        if head != *HEAD || bytes.try_reserve_exact(len).is_err() {
            return Ok(None);
        }
        bytes.resize(len, 0);
        storage.read_at(start, &mut bytes)?;
        Ok(Redo::parse(&bytes, start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Redo {
        let pieces = [(3, alloc::vec![1, 2, 3]), (10, alloc::vec![7; 5])].into_iter().collect();
        Redo { number: 4, end_before: 30, end_after: 40, pieces }
    }

    #[test]
    fn found_only_when_whole() {
        let mut file = alloc::vec![0u8; 40];
        assert_eq!(Redo::find(&file).unwrap(), None);
        file.extend(sample().encode());
        assert_eq!(Redo::find(&file).unwrap(), Some(sample()));
        for len in 0..file.len() {
            assert_eq!(Redo::find(&file[..len].to_vec()).unwrap(), None, "{len}");
        }
        for at in 40..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert_eq!(Redo::find(&damaged).unwrap(), None, "{at}");
        }
        file.insert(0, 0);
        assert_eq!(Redo::find(&file).unwrap(), None, "not where it says");
    }

    #[test]
    fn pieces_stay_before_the_record() {
        let wrong = |offset: u64| {
            let mut redo = sample();
            redo.pieces.insert(offset, alloc::vec![1; 6]);
            let mut file = alloc::vec![0u8; 40];
            file.extend(redo.encode());
            Redo::find(&file).unwrap()
        };
        assert!(wrong(20).is_some() && wrong(34).is_some());
        assert_eq!(wrong(35), None);
        assert_eq!(wrong(12), None);
    }
}
