//! The redo record: the new bytes of live blocks, at the end of the file, from the moment a commit is durable until
//! its bytes are in place.
//!
//! ```text
//! | "H5REDO\x01\n" 8 | commit number 8 | end of the file before 8 | end after = start of this record 8 | pieces 4 |
//! | offset 8 | length 8 | bytes |  for each piece, the superblock first
//! | CRC32 of all before 4 | length of the record 8 | "H5COMMIT" 8 |
//! ```
//! All numbers are little-endian, offsets absolute. A reader looks at the file's last twenty bytes, then checks the
//! whole record; what is cut short or damaged is no record, and the file is what it was before the commit. Nor is it
//! one where the superblock in place says that the file goes on past its start: both states that a commit leaves there
//! end before it, so these bytes are data. libhdf5 ignores what lies past the end that the superblock states.
//!
//! This is our own format: `docs/commit-protocol.md`.

use super::open;
use crate::codec::to_usize;
use crate::error::{Error, ErrorKind, Result};
use crate::io::{Patch, Patched, Storage};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

const HEAD: &[u8; 8] = b"H5REDO\x01\n";
const TAIL: &[u8; 8] = b"H5COMMIT";
/// Bytes before the pieces.
const HEAD_LEN: usize = 36;
/// Bytes after the pieces.
const TAIL_LEN: usize = 20;
/// Bytes before those of a piece.
const PIECE_LEN: usize = 16;
/// Bytes of a record read at once.
const BLOCK: u64 = 1 << 16;

/// A record as it was found: what a commit changes of the state before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redo {
    /// Counts the commits of one opening of the file.
    pub(crate) number: u64,
    /// Absolute end of the file before the commit.
    pub(crate) end_before: u64,
    /// Absolute end after it, or before it if that is further: where the record begins.
    pub(crate) end_after: u64,
    /// Where the new bytes stand in the record and where they belong: ascending, disjoint, all before `end_after`.
    pub(crate) pieces: Vec<Patch>,
}

/// The bytes of a record that begins at `end_after`, for pieces by absolute offset.
pub(crate) fn encode(number: u64, end_before: u64, end_after: u64, pieces: &BTreeMap<u64, &[u8]>) -> Vec<u8> {
    let len = pieces.values().fold(HEAD_LEN.saturating_add(TAIL_LEN), |sum, piece| {
        sum.saturating_add(PIECE_LEN).saturating_add(piece.len())
    });
    let mut out = Vec::with_capacity(len);
    out.extend_from_slice(HEAD);
    for number in [number, end_before, end_after] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&u32::try_from(pieces.len()).unwrap_or(u32::MAX).to_le_bytes());
    for (offset, piece) in pieces {
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(&(piece.len() as u64).to_le_bytes());
        out.extend_from_slice(piece);
    }
    out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
    out.extend_from_slice(&(len as u64).to_le_bytes());
    out.extend_from_slice(TAIL);
    out
}

impl Redo {
    /// The record at the end of a file, if a commit was interrupted there.
    ///
    /// # Errors
    /// The storage can not be read.
    pub(crate) fn find(storage: &Arc<dyn Storage>) -> Result<Option<Redo>> {
        let end = storage.len()?;
        let least = HEAD_LEN.saturating_add(TAIL_LEN) as u64;
        let Some(tail_at) = end.checked_sub(TAIL_LEN as u64).filter(|_| end >= least) else { return Ok(None) };
        let mut tail = [0; TAIL_LEN];
        storage.read_at(tail_at, &mut tail)?;
        let [c0, c1, c2, c3, len @ .., _, _, _, _, _, _, _, _] = tail;
        if !tail.ends_with(TAIL) {
            return Ok(None);
        }
        let len = u64::from_le_bytes(len);
        let Some(start) = end.checked_sub(len).filter(|_| len >= least) else { return Ok(None) };
        let mut head = [0; HEAD_LEN];
        storage.read_at(start, &mut head)?;
        // The head comes before the sum, so that damage which states any length costs nothing.
        if !head.starts_with(HEAD) || sum(&**storage, start, tail_at)? != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Ok(None);
        }
        let redo = Redo::parse(&**storage, &head, start, tail_at)?;
        Ok(redo.filter(|_| open::stored_end(storage).is_none_or(|stored| stored <= start)))
    }

    /// The record with this head whose pieces end at `tail_at`.
    fn parse(storage: &dyn Storage, head: &[u8; HEAD_LEN], start: u64, tail_at: u64) -> Result<Option<Redo>> {
        let number = |at: usize| {
            let bytes = head.get(at..).and_then(<[u8]>::first_chunk::<8>);
            bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
        };
        let count = head.last_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let mut redo = Redo { number: number(8), end_before: number(16), end_after: number(24), pieces: Vec::new() };
        let least = u64::from(count).checked_mul(PIECE_LEN as u64);
        if redo.end_after != start || least.is_none_or(|least| least > tail_at.saturating_sub(start)) {
            return Ok(None);
        }
        let no_memory = |_| Error::new(ErrorKind::Limit, "no memory for the record of an interrupted commit");
        redo.pieces.try_reserve_exact(to_usize(count.into())?).map_err(no_memory)?;
        let mut at = start.saturating_add(HEAD_LEN as u64);
        let mut covered = 0;
        for _ in 0..count {
            let from = at.saturating_add(PIECE_LEN as u64);
            if from > tail_at {
                return Ok(None);
            }
            let mut words = [[0; 8]; 2];
            storage.read_at(at, words.as_flattened_mut())?;
            let [offset, len] = words.map(u64::from_le_bytes);
            let (Some(end), Some(next)) = (offset.checked_add(len), from.checked_add(len)) else { return Ok(None) };
            if offset < covered || end > start || next > tail_at {
                return Ok(None);
            }
            (covered, at) = (end, next);
            redo.pieces.push(Patch { offset, len, from });
        }
        Ok((at == tail_at).then_some(redo))
    }
}

/// CRC32 of a range.
fn sum(storage: &dyn Storage, start: u64, end: u64) -> Result<u32> {
    let mut sum = crc32fast::Hasher::new();
    let mut block = alloc::vec![0; to_usize(BLOCK.min(end.saturating_sub(start)))?];
    let mut at = start;
    while at < end {
        let len = to_usize(end.saturating_sub(at).min(BLOCK))?;
        let Some(part) = block.get_mut(..len) else { break };
        storage.read_at(at, part)?;
        sum.update(part);
        at = at.saturating_add(len as u64);
    }
    Ok(sum.finalize())
}

/// A file as its last durable commit left it, and whether a record had to be laid over it for that.
///
/// # Errors
/// The storage can not be read.
pub(crate) fn committed(storage: Arc<dyn Storage>) -> Result<(Arc<dyn Storage>, bool)> {
    match Redo::find(&storage)? {
        None => Ok((storage, false)),
        Some(redo) => Ok((Arc::new(Patched::new(storage, redo.end_after, redo.pieces)), true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(file: &[u8]) -> Option<Redo> {
        let storage: Arc<dyn Storage> = Arc::new(file.to_vec());
        Redo::find(&storage).unwrap()
    }

    fn record(pieces: &[(u64, &[u8])]) -> Vec<u8> {
        encode(4, 30, 40, &pieces.iter().copied().collect())
    }

    const SAMPLE: &[(u64, &[u8])] = &[(3, &[1, 2, 3]), (10, &[7; 5])];

    #[test]
    fn found_only_when_whole() {
        let mut file = alloc::vec![0u8; 40];
        assert_eq!(find(&file), None);
        file.extend(record(SAMPLE));
        let pieces = alloc::vec![Patch { offset: 3, len: 3, from: 92 }, Patch { offset: 10, len: 5, from: 111 }];
        assert_eq!(find(&file), Some(Redo { number: 4, end_before: 30, end_after: 40, pieces }));
        for len in 0..file.len() {
            assert_eq!(find(&file[..len]), None, "{len}");
        }
        for at in 40..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert_eq!(find(&damaged), None, "{at}");
        }
        file.insert(0, 0);
        assert_eq!(find(&file), None, "not where it says");
    }

    #[test]
    fn lies_over_the_file() {
        let mut file: Vec<u8> = (100..140).collect();
        let mut expected = file.clone();
        expected[3..6].copy_from_slice(&[1, 2, 3]);
        expected[10..15].copy_from_slice(&[7; 5]);
        file.extend(record(SAMPLE));
        let (storage, patched) = committed(Arc::new(file)).unwrap();
        let mut bytes = alloc::vec![0; 40];
        storage.read_at(0, &mut bytes).unwrap();
        assert!(patched && storage.len().unwrap() == 40 && bytes == expected);
    }

    #[test]
    fn pieces_stay_before_the_record() {
        let found = |offset: u64| {
            let mut file = alloc::vec![0u8; 40];
            file.extend(record(&[SAMPLE, &[(offset, &[1; 6])]].concat()));
            find(&file).is_some()
        };
        assert!(found(20) && found(34));
        assert!(!found(35) && !found(12));
    }

    #[test]
    fn data_that_look_like_a_record_are_data() {
        use crate::codec::Writer;
        use crate::edit::{FileStyle, create};
        use crate::format::superblock::Superblock;
        use crate::io::MemoryFile;
        let memory = MemoryFile::default();
        let editor = create(Arc::new(memory.clone()), &FileStyle::default(), Default::default(), Default::default());
        let mut superblock: Superblock = editor.unwrap().superblock;
        let mut file = |end: u64| {
            superblock.end = end;
            let mut writer = Writer::new(superblock.sizes);
            superblock.encode(&mut writer).unwrap();
            let mut file = writer.into_bytes();
            file.resize(200, 0);
            file.extend(encode(1, 200, 200, &[(0u64, &[9u8; 8][..])].into_iter().collect()));
            file
        };
        assert!(find(&file(200)).is_some());
        assert!(find(&file(201)).is_none() && find(&file(280)).is_none());
    }
}
