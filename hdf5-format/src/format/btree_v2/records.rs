//! Records of v2 B-trees (File Format Spec, III.A.2), by record type, and what they are ordered by.
//!
//! ```text
//!  1 huge object            address O | length L | id L                                      id
//!  2 the same, filtered     address O | length L | filter mask 4 | size in memory L | id L   id
//!  3 huge object, direct    address O | length L                                             address, length
//!  4 the same, filtered     address O | length L | filter mask 4 | size in memory L          address, length
//!  5 link by name           hash 4 | heap id 7                                               hash, name
//!  6 link by order          creation order 8 | heap id 7                                     order
//!  8 attribute by name      heap id 8 | message flags 1 | creation order 4 | hash 4          hash, name
//!  9 attribute by order     heap id 8 | message flags 1 | creation order 4                   order
//! 10 chunk                  address O | scaled offset 8 in each dimension                    offsets, slowest first
//! 11 filtered chunk         address O | stored size | filter mask 4 | scaled offset 8 ...    offsets, slowest first
//! ```
//!
//! Type 7, shared messages, is described with the shared message list. Hashes are lookup3 of the name with seed 0.

use super::header::RecordType;
use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;
use alloc::vec::Vec;

/// Heap id of a link.
pub type LinkId = [u8; 7];
/// Heap id of an attribute or a shared message.
pub type AttributeId = [u8; 8];

/// Types 1 to 4: a huge object of a fractal heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HugeRecord {
    /// Where the object is.
    pub address: Address,
    /// Stored bytes.
    pub len: u64,
    /// Filter mask and bytes in memory (types 2 and 4).
    pub filtered: Option<(u32, u64)>,
    /// Number in the object's heap id (types 1 and 2).
    pub id: Option<u64>,
}

/// Type 5: a link by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkNameRecord {
    /// lookup3 of the name.
    pub hash: u32,
    /// The link message in the group's heap.
    pub id: LinkId,
}

/// Type 6: a link by creation order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkOrderRecord {
    /// Creation order.
    pub order: i64,
    /// The link message in the group's heap.
    pub id: LinkId,
}

/// Types 8 and 9: an attribute by name or by creation order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeRecord {
    /// The attribute message in the object's heap, or in that of the shared messages.
    pub id: AttributeId,
    /// Flags of the message: see [`AttributeRecord::is_shared`].
    pub flags: u8,
    /// Creation order; 65535 if it is not tracked.
    pub order: u32,
    /// lookup3 of the name (type 8).
    pub hash: Option<u32>,
}

/// Types 10 and 11: a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkRecord {
    /// Where the chunk is.
    pub address: Option<Address>,
    /// Stored bytes and filter mask (type 11).
    pub filtered: Option<(u64, u32)>,
    /// Chunk offsets in units of the chunk's dimensions, slowest dimension first.
    pub scaled: Vec<u64>,
}

impl HugeRecord {
    /// Parses a record of type 1, 2, 3 or 4.
    pub fn parse(cursor: &mut Cursor<'_>, record_type: RecordType) -> Result<Self> {
        let filtered = matches!(record_type, RecordType::HugeFiltered | RecordType::HugeDirectFiltered);
        let by_id = matches!(record_type, RecordType::Huge | RecordType::HugeFiltered);
        Ok(HugeRecord {
            address: cursor.defined_address("huge object address")?,
            len: cursor.length()?,
            filtered: if filtered { Some((cursor.u32()?, cursor.length()?)) } else { None },
            id: if by_id { Some(cursor.length()?) } else { None },
        })
    }

    /// Type of the record, by what it holds.
    pub fn record_type(&self) -> RecordType {
        match (self.filtered, self.id) {
            (None, Some(_)) => RecordType::Huge,
            (Some(_), Some(_)) => RecordType::HugeFiltered,
            (None, None) => RecordType::HugeDirect,
            (Some(_), None) => RecordType::HugeDirectFiltered,
        }
    }

    /// Encodes the record.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.address(Some(self.address))?;
        writer.length(self.len)?;
        if let Some((mask, size)) = self.filtered {
            writer.u32(mask);
            writer.length(size)?;
        }
        self.id.map_or(Ok(()), |id| writer.length(id))
    }
}

impl LinkNameRecord {
    /// Parses the record.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        Ok(LinkNameRecord { hash: cursor.u32()?, id: cursor.array()? })
    }

    /// Encodes the record.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.u32(self.hash);
        writer.bytes(&self.id);
        Ok(())
    }
}

impl LinkOrderRecord {
    /// Parses the record.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        Ok(LinkOrderRecord { order: cursor.i64()?, id: cursor.array()? })
    }

    /// Encodes the record.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.i64(self.order);
        writer.bytes(&self.id);
        Ok(())
    }
}

impl AttributeRecord {
    /// Parses a record of type 8 or 9.
    pub fn parse(cursor: &mut Cursor<'_>, record_type: RecordType) -> Result<Self> {
        let (id, flags, order) = (cursor.array()?, cursor.u8()?, cursor.u32()?);
        let hash = if record_type == RecordType::AttributeName { Some(cursor.u32()?) } else { None };
        Ok(AttributeRecord { id, flags, order, hash })
    }

    /// True if the heap id is one of the heap of shared messages.
    pub fn is_shared(&self) -> bool {
        self.flags & 0x02 != 0
    }

    /// Encodes the record.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.bytes(&self.id);
        writer.u8(self.flags);
        writer.u32(self.order);
        if let Some(hash) = self.hash {
            writer.u32(hash);
        }
        Ok(())
    }
}

impl ChunkRecord {
    /// Parses a record of type 10, or of type 11 if the width of the stored size is given.
    pub fn parse(cursor: &mut Cursor<'_>, rank: usize, size_width: Option<usize>) -> Result<Self> {
        let address = cursor.address()?;
        let filtered = match size_width {
            Some(width) => Some((cursor.uint(width)?, cursor.u32()?)),
            None => None,
        };
        let mut offsets = cursor.sub(rank.saturating_mul(8))?;
        let scaled = (0..rank).map(|_| offsets.u64()).collect::<Result<_>>()?;
        Ok(ChunkRecord { address, filtered, scaled })
    }

    /// Encodes the record, with the width of the stored size as for [`ChunkRecord::parse`].
    pub fn encode(&self, writer: &mut Writer, size_width: Option<usize>) -> Result<()> {
        writer.address(self.address)?;
        if let Some(width) = size_width {
            let (size, mask) = self.filtered.unwrap_or((0, 0));
            writer.uint(size, width)?;
            writer.u32(mask);
        }
        self.scaled.iter().for_each(|&offset| writer.u64(offset));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing::round_trip};
    use proptest::prelude::*;

    const SIZES: Sizes = Sizes { offset: 4, length: 2 };

    #[test]
    fn golden_bytes_of_huge_objects() {
        let golden: [&[u8]; 4] = [
            &[0, 2, 0, 0, 9, 0, 7, 0],
            &[0, 2, 0, 0, 9, 0, 1, 0, 0, 0, 12, 0, 7, 0],
            &[0, 2, 0, 0, 9, 0],
            &[0, 2, 0, 0, 9, 0, 1, 0, 0, 0, 12, 0],
        ];
        for (index, bytes) in golden.into_iter().enumerate() {
            let filtered = (index % 2 == 1).then_some((1, 12));
            let id = (index < 2).then_some(7);
            let huge = HugeRecord { address: Address(0x200), len: 9, filtered, id };
            let record_type = huge.record_type();
            assert_eq!(record_type as usize, index + 1);
            assert_eq!(round_trip(&huge, SIZES, |c| HugeRecord::parse(c, record_type), HugeRecord::encode), bytes);
        }
    }

    #[test]
    fn golden_bytes_of_links_and_attributes() {
        let name = LinkNameRecord { hash: 0x0102, id: [1, 2, 3, 4, 5, 6, 7] };
        let bytes = round_trip(&name, SIZES, LinkNameRecord::parse, LinkNameRecord::encode);
        assert_eq!(bytes, [2, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7]);
        let order = LinkOrderRecord { order: -2, id: [9; 7] };
        let bytes = round_trip(&order, SIZES, LinkOrderRecord::parse, LinkOrderRecord::encode);
        assert_eq!(bytes, [0xfe, 255, 255, 255, 255, 255, 255, 255, 9, 9, 9, 9, 9, 9, 9]);
        let golden = [3, 3, 3, 3, 3, 3, 3, 3, 2, 5, 0, 0, 0, 6, 0, 0, 0];
        for (record_type, hash, len) in
            [(RecordType::AttributeName, Some(6), 17), (RecordType::AttributeOrder, None, 13)]
        {
            let record = AttributeRecord { id: [3; 8], flags: 2, order: 5, hash };
            let parse = |c: &mut Cursor<'_>| AttributeRecord::parse(c, record_type);
            assert_eq!(round_trip(&record, SIZES, parse, AttributeRecord::encode), golden[..len]);
            assert!(record.is_shared());
        }
    }

    proptest! {
        #[test]
        fn chunk_records(scaled in prop::collection::vec(any::<u64>(), 0..5), size in 0u64..1 << 24, mask: u32) {
            let rank = scaled.len();
            let plain = ChunkRecord { address: None, filtered: None, scaled };
            round_trip(&plain, SIZES, |c| ChunkRecord::parse(c, rank, None), |r, w| r.encode(w, None));
            let filtered = ChunkRecord { filtered: Some((size, mask)), ..plain };
            round_trip(&filtered, SIZES, |c| ChunkRecord::parse(c, rank, Some(3)), |r, w| r.encode(w, Some(3)));
        }
    }
}
