//! Shared object header message list (File Format Spec v3/4, III.I)
//!
//! ```text
//! | "SMLI" 4 | record ... | checksum 4 | room up to the index's list maximum |
//! record in the heap:    | location 0 1 | hash 4 | reference count 4 | fractal heap id 8 |
//! record in a header:    | location 1 1 | hash 4 | 0 1 | message type 1 | creation index 2 | object header O |
//! ```
//! The shared message table points here and counts the records; v2 B-trees of type 7 hold the same records. A record is
//! as long as the longer form: 17 bytes for 8-byte addresses.

use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::Result;
use crate::format::message::MessageKind;
use alloc::vec::Vec;

/// First four bytes.
pub const SIGNATURE: &[u8; 4] = b"SMLI";

/// The records of an index that is a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedMessageList {
    /// In no order.
    pub records: Vec<SharedMessageRecord>,
}

/// A message that may be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedMessageRecord {
    /// lookup3 of the encoded message, from its type as the seed.
    pub hash: u32,
    /// Where the message is.
    pub location: Location,
}

/// Where a shared message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the heap of the index.
    Heap {
        /// Headers that point at it.
        reference_count: u32,
        /// Its id in the fractal heap.
        heap_id: [u8; 8],
    },
    /// In the only header that uses it.
    Header {
        /// What it is.
        kind: MessageKind,
        /// Its creation index in that header.
        creation_index: u16,
        /// That header.
        header: Address,
    },
}

impl SharedMessageList {
    /// Parses a list of `count` records.
    pub fn parse(cursor: &mut Cursor<'_>, count: u16) -> Result<Self> {
        cursor.signature(SIGNATURE)?;
        let mut verify = cursor.clone();
        verify.skip(usize::from(count).saturating_mul(SharedMessageRecord::encoded_len(cursor.sizes())))?;
        verify.checksum()?;
        let mut records = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            records.push(SharedMessageRecord::parse(cursor)?);
        }
        cursor.skip(4)?;
        Ok(SharedMessageList { records })
    }

    /// Bytes of a list with room for `records`, as it lies in the file.
    pub fn encoded_len(records: usize, sizes: Sizes) -> usize {
        records.saturating_mul(SharedMessageRecord::encoded_len(sizes)).saturating_add(8)
    }

    /// Appends the list, with zeros as room for `list_max` records.
    pub fn encode(&self, w: &mut Writer, list_max: u16) -> Result<()> {
        let start = w.position();
        w.bytes(SIGNATURE);
        self.records.iter().try_for_each(|r| r.encode(w))?;
        w.checksum_from(start);
        let room = usize::from(list_max).saturating_sub(self.records.len());
        w.zeros(room.saturating_mul(SharedMessageRecord::encoded_len(w.sizes())));
        Ok(())
    }
}

impl SharedMessageRecord {
    /// Bytes of a record: the longer form, whichever it is.
    pub fn encoded_len(sizes: Sizes) -> usize {
        5usize.saturating_add(sizes.o().saturating_add(4).max(12))
    }

    /// Parses a record of a list or B-tree.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let mut record = cursor.sub(SharedMessageRecord::encoded_len(cursor.sizes()))?;
        let here = record.clone();
        let location = record.u8()?;
        let hash = record.u32()?;
        let location = match location {
            0 => Location::Heap { reference_count: record.u32()?, heap_id: record.array()? },
            1 => {
                record.skip(1)?;
                let kind = MessageKind::from_id(u16::from(record.u8()?));
                let creation_index = record.u16()?;
                Location::Header { kind, creation_index, header: record.defined_address("object header")? }
            }
            other => return Err(here.unexpected("location", "0 or 1", other)),
        };
        Ok(SharedMessageRecord { hash, location })
    }

    /// Appends the record.
    pub fn encode(&self, w: &mut Writer) -> Result<()> {
        let start = w.position();
        w.u8(u8::from(matches!(self.location, Location::Header { .. })));
        w.u32(self.hash);
        match self.location {
            Location::Heap { reference_count, heap_id } => {
                w.u32(reference_count);
                w.bytes(&heap_id);
            }
            Location::Header { kind, creation_index, header } => {
                w.u8(0);
                w.uint(u64::from(kind.id()), 1)?;
                w.u16(creation_index);
                w.address(Some(header))?;
            }
        }
        let used = w.position().saturating_sub(start);
        w.zeros(SharedMessageRecord::encoded_len(w.sizes()).saturating_sub(used));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> SharedMessageList {
        let heap = Location::Heap { reference_count: 2, heap_id: *b"\0\x01\x02\x03\x04\x05\x06\x07" };
        let header = Location::Header { kind: MessageKind::Datatype, creation_index: 4, header: Address(0x320) };
        let record = |location| SharedMessageRecord { hash: 0xdead_beef, location };
        SharedMessageList { records: alloc::vec![record(heap), record(header)] }
    }

    fn parse(bytes: &[u8], sizes: Sizes) -> Result<SharedMessageList> {
        SharedMessageList::parse(&mut Cursor::new(bytes, 0, "shared message list", sizes), 2)
    }

    #[test]
    fn golden_bytes_both_ways() {
        let mut w = Writer::new(Sizes::EIGHT);
        list().encode(&mut w, 3).unwrap();
        let bytes = w.into_bytes();
        let golden = b"SMLI\0\xef\xbe\xad\xde\x02\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\
                       \x01\xef\xbe\xad\xde\0\x03\x04\0\x20\x03\0\0\0\0\0\0";
        assert_eq!(&bytes[..38], golden);
        assert_eq!(bytes.len(), SharedMessageList::encoded_len(3, Sizes::EIGHT));
        assert_eq!(parse(&bytes, Sizes::EIGHT).unwrap(), list());
        for cut in 0..42 {
            assert!(parse(&bytes[..cut], Sizes::EIGHT).is_err(), "{cut}");
        }
        for at in 0..42 {
            let mut bad = bytes.clone();
            bad[at] ^= 0x40;
            assert!(parse(&bad, Sizes::EIGHT).is_err(), "{at}");
        }
    }

    #[test]
    fn pads_the_shorter_form_in_every_width() {
        for offset in [2, 4, 8, 16] {
            let sizes = Sizes { offset, length: 4 };
            let mut w = Writer::new(sizes);
            list().encode(&mut w, 2).unwrap();
            assert_eq!(w.position(), SharedMessageList::encoded_len(2, sizes));
            assert_eq!(parse(w.as_slice(), sizes).unwrap(), list());
        }
    }

    #[test]
    fn refuses_other_locations() {
        let mut bytes = [0u8; 17];
        bytes[0] = 2;
        assert!(SharedMessageRecord::parse(&mut Cursor::new(&bytes, 0, "x", Sizes::EIGHT)).is_err());
    }
}
