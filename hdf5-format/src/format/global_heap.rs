//! Global Heap Collection (File Format Spec v3/4, III.E)
//!
//! ```text
//! | "GCOL" | version 1 | 0 3 | bytes of the collection L | to 8 |
//! objects: | index 2 | references 2 | 0 4 | length L | to 8 | data | to 8 |
//! ```
//! Object 0 is the free space; its length counts its own header. Where less than a header is left at the end there is
//! no object 0. libhdf5 writes a reference count of 0 for live objects, and pads both headers to 8 bytes, which shows
//! where lengths have fewer than 8.
//!
//! Elements of variable length, region and attribute references, and virtual layouts point here: address of the
//! collection, index of the object.

use crate::codec::{Address, Cursor, Sizes, Writer, to_usize};
use crate::error::{Error, ErrorKind, Result};
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

/// Smallest collection, in bytes.
pub const SMALLEST: u64 = 4096;

/// Everything starts at a multiple of this from the start of the collection.
const ALIGNMENT: usize = 8;

/// Where the objects of a collection are, in the collection's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GlobalHeapCollection {
    /// In ascending order of the index.
    objects: Vec<Object>,
}

/// An object of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its number, from 1.
    pub index: u16,
    /// References to it, as stored.
    pub references: u16,
    /// Where its data is, in the collection's bytes.
    pub data: Range<usize>,
}

impl GlobalHeapCollection {
    /// First bytes.
    pub const SIGNATURE: &'static [u8; 4] = b"GCOL";

    /// Bytes before the first object, and before the data of each.
    pub fn header_len(sizes: Sizes) -> usize {
        sizes.l().saturating_add(8).next_multiple_of(ALIGNMENT)
    }

    /// Parses the bytes before the first object: the collection's length.
    ///
    /// # Errors
    /// They are no such header, or the length is less than theirs.
    pub fn parse_len(cursor: &mut Cursor<'_>) -> Result<u64> {
        let start = cursor.position();
        cursor.signature(Self::SIGNATURE)?;
        cursor.version(&[1])?;
        cursor.skip(3)?;
        let here = cursor.clone();
        let len = cursor.length()?;
        let header = Self::header_len(cursor.sizes());
        if len < header as u64 {
            return Err(here.unexpected("length of the collection", format!("{header} or more"), len));
        }
        cursor.skip(header.saturating_sub(cursor.position().saturating_sub(start)))?;
        Ok(len)
    }

    /// Parses a whole collection.
    ///
    /// # Errors
    /// The collection is longer than the cursor's bytes, or an object sticks out or has the index of another.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let len = Self::parse_len(&mut cursor.clone())?;
        let mut body = cursor.sub(to_usize(len)?)?;
        let header = Self::header_len(body.sizes());
        body.skip(header)?;
        let mut objects: Vec<Object> = Vec::new();
        while body.remaining() >= header {
            let start = body.position();
            let (index, references) = (body.u16()?, body.u16()?);
            body.skip(4)?;
            let len = to_usize(body.length()?)?;
            body.skip(header.saturating_sub(body.position().saturating_sub(start)))?;
            if index == 0 {
                // Free space: usually up to the end. Too little for a header is nothing to go on from.
                match len.checked_sub(header) {
                    Some(rest) => body.skip(rest)?,
                    None => break,
                }
                continue;
            }
            let from = body.position();
            body.skip(len)?;
            objects.push(Object { index, references, data: from..body.position() });
            let padding = len.next_multiple_of(ALIGNMENT).saturating_sub(len);
            body.skip(padding.min(body.remaining()))?;
            if objects.len() > usize::from(u16::MAX) {
                return Err(body.corrupt("more objects than there are indices"));
            }
        }
        if !objects.is_sorted_by_key(|o| o.index) {
            objects.sort_by_key(|o| o.index);
        }
        let twice = objects.windows(2).find(|w| matches!(w, [a, b] if a.index == b.index));
        if let Some([twice, ..]) = twice {
            return Err(cursor.corrupt(format!("two objects with index {}", twice.index)));
        }
        Ok(GlobalHeapCollection { objects })
    }

    /// The range of an object's data in the collection's bytes.
    pub fn object(&self, index: u32) -> Option<Range<usize>> {
        let index = u16::try_from(index).ok()?;
        // Without holes in the indices, an object stands at the place before its index.
        let guess = self.objects.get(usize::from(index).checked_sub(1)?).filter(|o| o.index == index);
        let found = guess.or_else(|| {
            let place = self.objects.binary_search_by_key(&index, |o| o.index).ok()?;
            self.objects.get(place)
        })?;
        Some(found.data.clone())
    }

    /// All objects, by their index.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Bytes that the table of the objects takes in memory.
    pub fn index_bytes(&self) -> usize {
        self.objects.len().saturating_mul(size_of::<Object>())
    }

    /// Bytes of the smallest collection that holds objects of these lengths.
    pub fn encoded_len(lengths: impl IntoIterator<Item = usize>, sizes: Sizes) -> u64 {
        let header = Self::header_len(sizes) as u64;
        let objects = lengths.into_iter().map(|len| Self::object_len(len, sizes));
        objects.fold(header, u64::saturating_add).max(SMALLEST)
    }

    /// Bytes that an object with `len` bytes of data takes.
    pub fn object_len(len: usize, sizes: Sizes) -> u64 {
        let padded = (len as u64).checked_next_multiple_of(ALIGNMENT as u64).unwrap_or(u64::MAX);
        padded.saturating_add(Self::header_len(sizes) as u64)
    }

    /// Encodes a collection of `len` bytes with the given objects; the rest is free space.
    ///
    /// # Errors
    /// The objects do not fit, or one has index 0.
    pub fn encode(objects: &[(u16, &[u8])], len: u64, writer: &mut Writer) -> Result<()> {
        let start = writer.position();
        Self::encode_header(len, writer)?;
        objects.iter().try_for_each(|&(index, data)| Self::encode_object(index, 0, data, writer))?;
        let used = writer.position().saturating_sub(start) as u64;
        Self::encode_free(used, len, writer)
    }

    /// Encodes the bytes before the first object.
    ///
    /// # Errors
    /// The length does not fit the file's lengths.
    pub fn encode_header(len: u64, writer: &mut Writer) -> Result<()> {
        let start = writer.position();
        writer.bytes(Self::SIGNATURE);
        writer.bytes(&[1, 0, 0, 0]);
        writer.length(len)?;
        writer.align_from(start, ALIGNMENT);
        Ok(())
    }

    /// Encodes an object; what is before it in the collection is a multiple of 8 bytes.
    ///
    /// # Errors
    /// It has index 0, or its length does not fit the file's lengths.
    pub fn encode_object(index: u16, references: u16, data: &[u8], writer: &mut Writer) -> Result<()> {
        if index == 0 {
            return Err(invalid(format!("object 0, which is the free space, of {} bytes", data.len())));
        }
        let start = writer.position();
        let [low, high] = index.to_le_bytes();
        let [few, many] = references.to_le_bytes();
        writer.bytes(&[low, high, few, many, 0, 0, 0, 0]);
        writer.length(data.len() as u64)?;
        writer.align_from(start, ALIGNMENT);
        writer.bytes(data);
        writer.align_from(start, ALIGNMENT);
        Ok(())
    }

    /// Encodes the free space of a collection of `len` bytes of which `used` are written.
    ///
    /// # Errors
    /// More are used than there are.
    pub fn encode_free(used: u64, len: u64, writer: &mut Writer) -> Result<()> {
        let free = len.checked_sub(used).ok_or_else(|| invalid(format!("{used} bytes in a collection of {len}")))?;
        let end = writer.position().saturating_add(to_usize(free)?);
        if free >= Self::header_len(writer.sizes()) as u64 {
            writer.zeros(8);
            writer.length(free)?;
        }
        writer.zeros(end.saturating_sub(writer.position()));
        Ok(())
    }
}

fn invalid(message: alloc::string::String) -> Error {
    Error::new(ErrorKind::Invalid, message).within("global heap collection")
}

/// Encodes a heap id: `collection O | index 4`; all zero if it points nowhere.
///
/// # Errors
/// The address does not fit the file's addresses.
pub fn encode_id(id: Option<(Address, u32)>, writer: &mut Writer) -> Result<()> {
    let (address, index) = id.unwrap_or((Address(0), 0));
    writer.address(Some(address))?;
    writer.u32(index);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NARROW: Sizes = Sizes { offset: 4, length: 4 };

    fn parse(bytes: &[u8], sizes: Sizes) -> Result<GlobalHeapCollection> {
        GlobalHeapCollection::parse(&mut Cursor::new(bytes, 0, "global heap collection", sizes))
    }

    fn encode(objects: &[(u16, &[u8])], len: u64, sizes: Sizes) -> Result<Vec<u8>> {
        let mut writer = Writer::new(sizes);
        GlobalHeapCollection::encode(objects, len, &mut writer)?;
        Ok(writer.into_bytes())
    }

    #[test]
    fn golden_bytes() {
        let mut golden = b"GCOL\x01\0\0\0".to_vec();
        golden.extend(4096u64.to_le_bytes());
        golden.extend([1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
        golden.extend(b"abc\0\0\0\0\0");
        golden.extend([0, 0, 0, 0, 0, 0, 0, 0, 0xd8, 0x0f, 0, 0, 0, 0, 0, 0]);
        golden.resize(4096, 0);
        assert_eq!(encode(&[(1, b"abc")], 4096, Sizes::EIGHT).unwrap(), golden);
        assert_eq!(parse(&golden, Sizes::EIGHT).unwrap().object(1), Some(32..35));
        // Shorter lengths leave a gap in both headers.
        let mut golden = b"GCOL\x01\0\0\0\0\x10\0\0\0\0\0\0".to_vec();
        golden.extend([1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
        golden.extend(b"abc\0\0\0\0\0");
        golden.extend([0, 0, 0, 0, 0, 0, 0, 0, 0xd8, 0x0f, 0, 0]);
        golden.resize(4096, 0);
        assert_eq!(encode(&[(1, b"abc")], 4096, NARROW).unwrap(), golden);
        assert_eq!(parse(&golden, NARROW).unwrap().object(1), Some(32..35));
    }

    #[test]
    fn finds_what_it_encoded_whatever_is_left_at_the_end() {
        for (last, fits) in [(8usize, true), (4024, true), (4032, true), (4040, true), (4048, false)] {
            let data = alloc::vec![7u8; last];
            let objects = [(3u16, &b"hello"[..]), (1, &data[..])];
            assert_eq!(GlobalHeapCollection::encoded_len([5, last], Sizes::EIGHT) == 4096, fits);
            let Ok(bytes) = encode(&objects, 4096, Sizes::EIGHT) else {
                assert!(!fits);
                continue;
            };
            assert_eq!(bytes.len(), 4096);
            let heap = parse(&bytes, Sizes::EIGHT).unwrap();
            assert_eq!(&bytes[heap.object(3).unwrap()], b"hello");
            assert_eq!(&bytes[heap.object(1).unwrap()], &data[..]);
            assert_eq!(
                (heap.object(2), heap.object(0), heap.object(99), heap.object(65_537)),
                (None, None, None, None)
            );
            (0..4096).step_by(7).for_each(|n| assert!(parse(&bytes[..n], Sizes::EIGHT).is_err()));
        }
    }

    #[test]
    fn free_space_need_not_be_last() {
        let mut bytes = encode(&[(1, b"freed"), (2, b"kept")], 4096, Sizes::EIGHT).unwrap();
        (bytes[16], bytes[24]) = (0, 24);
        let heap = parse(&bytes, Sizes::EIGHT).unwrap();
        assert_eq!((heap.object(1), heap.object(2)), (None, Some(56..60)));
    }

    #[test]
    fn refuses_each_broken_rule() {
        let good = encode(&[(1, b"a"), (2, b"b")], 4096, Sizes::EIGHT).unwrap();
        // Signature, version, length of the collection, index of another object, object and free space that stick out.
        for (at, byte) in [(0, 0), (4, 2), (9, 0x20), (9, 0), (40, 1), (26, 1), (73, 0x10)] {
            let mut bad = good.clone();
            bad[at] = byte;
            assert!(parse(&bad, Sizes::EIGHT).is_err(), "byte {at} = {byte}");
        }
        assert!(encode(&[(0, b"a")], 4096, Sizes::EIGHT).is_err());
    }

    proptest! {
        #[test]
        fn any_objects_survive_the_way_there_and_back(
            objects in prop::collection::btree_map(1u16.., prop::collection::vec(any::<u8>(), 0..40), 0..60),
            narrow: bool,
        ) {
            let sizes = if narrow { NARROW } else { Sizes::EIGHT };
            let list: Vec<(u16, &[u8])> = objects.iter().map(|(&i, d)| (i, &d[..])).collect();
            let len = GlobalHeapCollection::encoded_len(objects.values().map(Vec::len), sizes);
            let bytes = encode(&list, len, sizes).unwrap();
            prop_assert_eq!(bytes.len() as u64, len);
            let heap = parse(&bytes, sizes).unwrap();
            for (&index, data) in &objects {
                prop_assert_eq!(&bytes[heap.object(index.into()).unwrap()], &data[..]);
            }
            prop_assert_eq!(heap.objects.len(), objects.len());
        }

        #[test]
        fn damaged_bytes_are_survived(changes in prop::collection::vec((0usize..200, any::<u8>()), 1..8)) {
            let mut bytes = encode(&[(1, b"abc"), (7, &[5; 100])], 4096, Sizes::EIGHT).unwrap();
            changes.into_iter().for_each(|(at, byte)| bytes[at] = byte);
            if let Ok(heap) = parse(&bytes, Sizes::EIGHT) {
                heap.objects.iter().for_each(|o| assert!(bytes.get(o.data.clone()).is_some()));
            }
        }
    }
}
