//! Global heap collection (File Format Spec, III.E): values of variable length, regions, virtual mappings.
//!
//! ```text
//! "GCOL" | version 1 | 0 3 | bytes L | objects: index 2 | references 2 | 0 4 | length L | data, padded to 8 | ...
//! ```
//!
//! Object 0 is the free space at the end; its length counts its own header. Where less than a header is left there is
//! no object 0. libhdf5 writes a reference count of 0 for live objects.

use crate::codec::{Cursor, Writer};
use crate::error::Result;
use alloc::vec::Vec;
use core::ops::Range;

/// Smallest collection, in bytes.
pub const SMALLEST: u64 = 4096;

/// The objects of a collection: where in the collection's bytes their data are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GlobalHeapCollection {
    /// Range of the data of the object with each index; empty and at 0 where there is none.
    objects: Vec<Range<u32>>,
}

impl GlobalHeapCollection {
    /// First bytes.
    pub const SIGNATURE: &'static [u8; 4] = b"GCOL";

    /// Bytes before the first object for the width of a length.
    pub fn header_len(length: usize) -> usize {
        length.saturating_add(8)
    }

    /// Parses the bytes before the first object: the collection's length.
    pub fn parse_len(cursor: &mut Cursor<'_>) -> Result<u64> {
        cursor.signature(Self::SIGNATURE)?;
        cursor.version(&[1])?;
        cursor.skip(3)?;
        let here = cursor.clone();
        let len = cursor.length()?;
        if len < Self::header_len(cursor.sizes().l()) as u64 || len > u32::MAX.into() {
            return Err(here.unexpected("length of the collection", "that of its header or more, below 4 GiB", len));
        }
        Ok(len)
    }

    /// Parses a whole collection.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let start = cursor.position();
        let len = Self::parse_len(cursor)?;
        let rest = crate::codec::to_usize(len)?.saturating_sub(cursor.position().saturating_sub(start));
        let before = cursor.position().saturating_sub(start);
        let mut body = cursor.sub(rest)?;
        let header = body.sizes().l().saturating_add(8);
        // Objects are aligned to 8 bytes from the start of the collection.
        let aligned = before.next_multiple_of(8).saturating_sub(before);
        body.skip(aligned.min(body.remaining()))?;
        let mut objects: Vec<Range<u32>> = Vec::new();
        while body.remaining() >= header {
            let here = body.clone();
            let index = usize::from(body.u16()?);
            body.skip(6)?;
            let len = body.length()?;
            if index == 0 {
                // The free space reaches to the end.
                break;
            }
            let from = before.saturating_add(body.position());
            let data = body.bytes_u64(len)?;
            let to = from.saturating_add(data.len());
            let padding = data.len().next_multiple_of(8).saturating_sub(data.len());
            body.skip(padding.min(body.remaining()))?;
            if objects.len() <= index {
                objects.resize(index.saturating_add(1), 0..0);
            }
            let range = u32::try_from(from).ok().zip(u32::try_from(to).ok()).map(|(a, b)| a..b);
            match (objects.get_mut(index), range) {
                (Some(slot), Some(range)) if *slot == (0..0) => *slot = range,
                _ => return Err(here.corrupt(alloc::format!("two objects with index {index}"))),
            }
        }
        Ok(GlobalHeapCollection { objects })
    }

    /// The range of an object's data in the collection's bytes.
    pub fn object(&self, index: u32) -> Option<Range<usize>> {
        let range = self.objects.get(usize::try_from(index).ok()?)?;
        if *range == (0..0) {
            return None;
        }
        Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
    }

    /// Bytes that the index of the objects takes in memory.
    pub fn index_bytes(&self) -> usize {
        self.objects.len().saturating_mul(8)
    }

    /// Encodes a collection of `len` bytes with the given objects; the rest is free space.
    pub fn encode(objects: &[(u16, &[u8])], len: u64, writer: &mut Writer) -> Result<()> {
        let start = writer.position();
        writer.bytes(Self::SIGNATURE);
        writer.bytes(&[1, 0, 0, 0]);
        writer.length(len)?;
        writer.align_from(start, 8);
        for (index, data) in objects {
            writer.u16(*index);
            writer.zeros(6);
            writer.length(data.len() as u64)?;
            writer.bytes(data);
            writer.align_from(start, 8);
        }
        let used = writer.position().saturating_sub(start) as u64;
        let free = len.checked_sub(used).ok_or_else(|| {
            crate::error::Error::new(crate::ErrorKind::Invalid, alloc::format!("{used} bytes in a collection of {len}"))
        })?;
        let rest = crate::codec::to_usize(free)?;
        let header = writer.sizes().l().saturating_add(8);
        if rest >= header {
            writer.zeros(8);
            writer.length(free)?;
            writer.zeros(rest.saturating_sub(header));
        } else {
            writer.zeros(rest);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;

    #[test]
    fn finds_what_it_encoded_whatever_is_left_at_the_end() {
        for last in [8usize, 4016, 4024, 4032, 4040] {
            let data = alloc::vec![7u8; last];
            let objects = [(3u16, &b"hello"[..]), (1, &data[..])];
            let mut writer = Writer::new(Sizes::EIGHT);
            if GlobalHeapCollection::encode(&objects, 4096, &mut writer).is_err() {
                assert!(last > 4024);
                continue;
            }
            let bytes = writer.into_bytes();
            assert_eq!(bytes.len(), 4096);
            let parse = |b: &[u8]| GlobalHeapCollection::parse(&mut Cursor::new(b, 0, "heap", Sizes::EIGHT));
            let heap = parse(&bytes).unwrap();
            assert_eq!(&bytes[heap.object(3).unwrap()], b"hello");
            assert_eq!(&bytes[heap.object(1).unwrap()], &data[..]);
            assert_eq!((heap.object(2), heap.object(0), heap.object(99)), (None, None, None));
            (0..4096).step_by(7).for_each(|n| assert!(parse(&bytes[..n]).is_err()));
        }
    }

    #[test]
    fn refuses_objects_that_stick_out_or_repeat() {
        let parse = |b: &[u8]| GlobalHeapCollection::parse(&mut Cursor::new(b, 0, "heap", Sizes::EIGHT)).is_ok();
        let mut writer = Writer::new(Sizes::EIGHT);
        GlobalHeapCollection::encode(&[(1, b"a"), (2, b"b")], 4096, &mut writer).unwrap();
        let good = writer.into_bytes();
        assert!(parse(&good));
        let mut bad = good.clone();
        bad[40] = 1;
        assert!(!parse(&bad));
        let mut bad = good;
        bad[26] = 1;
        assert!(!parse(&bad));
    }
}
