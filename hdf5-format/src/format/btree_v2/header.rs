//! Version 2 B-tree header (File Format Spec, III.A.2).
//!
//! ```text
//! "BTHD" 4 | version 1 = 0 | record type 1 | node size 4 | record size 2 | depth 2 | split % 1 | merge % 1
//! | root node O | records in the root 2 | records in the tree L | checksum 4
//! ```
//!
//! Points here: link info, attribute info, data layout messages, fractal heap header, shared message table.

use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::Result;

/// Name in errors.
pub const STRUCTURE: &str = "v2 B-tree header";

/// What the records of a tree are: see [`records`](super::records).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordType {
    /// Huge fractal heap objects, by id.
    Huge = 1,
    /// The same, filtered.
    HugeFiltered = 2,
    /// Huge fractal heap objects whose heap ids hold the address.
    HugeDirect = 3,
    /// The same, filtered.
    HugeDirectFiltered = 4,
    /// Links by hash of the name.
    LinkName = 5,
    /// Links by order of creation.
    LinkOrder = 6,
    /// Shared messages by hash.
    SharedMessage = 7,
    /// Attributes by hash of the name.
    AttributeName = 8,
    /// Attributes by order of creation.
    AttributeOrder = 9,
    /// Chunks without filters.
    Chunk = 10,
    /// Chunks with filters.
    ChunkFiltered = 11,
}

const TYPES: [RecordType; 11] = [
    RecordType::Huge,
    RecordType::HugeFiltered,
    RecordType::HugeDirect,
    RecordType::HugeDirectFiltered,
    RecordType::LinkName,
    RecordType::LinkOrder,
    RecordType::SharedMessage,
    RecordType::AttributeName,
    RecordType::AttributeOrder,
    RecordType::Chunk,
    RecordType::ChunkFiltered,
];

/// Shape and root of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BTreeV2Header {
    /// What the records are.
    pub record_type: RecordType,
    /// Bytes of every node.
    pub node_size: u32,
    /// Bytes of every record.
    pub record_size: u16,
    /// Levels below the root; 0 if the root is a leaf.
    pub depth: u16,
    /// Percentage of a node's capacity at which it splits.
    pub split_percent: u8,
    /// Percentage of a node's capacity below which it merges.
    pub merge_percent: u8,
    /// Root node; undefined while the tree is empty.
    pub root: Option<Address>,
    /// Records in the root node.
    pub root_records: u16,
    /// Records in the whole tree.
    pub total_records: u64,
}

impl BTreeV2Header {
    /// First bytes.
    pub const SIGNATURE: &'static [u8; 4] = b"BTHD";

    /// Bytes of a header.
    pub fn encoded_len(sizes: Sizes) -> usize {
        sizes.o().saturating_add(sizes.l()).saturating_add(22)
    }

    /// Parses the header; `cursor` starts at it, for the checksum.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.signature(Self::SIGNATURE)?;
        cursor.version(&[0])?;
        let here = cursor.clone();
        let number = cursor.u8()?;
        let record_type = TYPES.into_iter().find(|&t| t as u8 == number);
        let header = BTreeV2Header {
            record_type: record_type.ok_or_else(|| here.unexpected("record type", "1 to 11", number))?,
            node_size: cursor.u32()?,
            record_size: cursor.u16()?,
            depth: cursor.u16()?,
            split_percent: cursor.u8()?,
            merge_percent: cursor.u8()?,
            root: cursor.address()?,
            root_records: cursor.u16()?,
            total_records: cursor.length()?,
        };
        cursor.checksum()?;
        header.validate(&here)?;
        Ok(header)
    }

    fn validate(&self, here: &Cursor<'_>) -> Result<()> {
        if self.record_size == 0 {
            return Err(here.unexpected("record size", "at least 1", 0));
        }
        if self.root.is_none() && (self.root_records != 0 || self.total_records != 0) {
            return Err(here.unexpected("records of a tree without a root", 0, self.total_records));
        }
        if u64::from(self.root_records) > self.total_records {
            let most = alloc::format!("at most {} as in the tree", self.total_records);
            return Err(here.unexpected("records in the root", most, self.root_records));
        }
        Ok(())
    }

    /// Encodes the header with its checksum.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        let start = writer.position();
        writer.bytes(Self::SIGNATURE);
        writer.bytes(&[0, self.record_type as u8]);
        writer.u32(self.node_size);
        writer.u16(self.record_size);
        writer.u16(self.depth);
        writer.bytes(&[self.split_percent, self.merge_percent]);
        writer.address(self.root)?;
        writer.u16(self.root_records);
        writer.length(self.total_records)?;
        writer.checksum_from(start);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{checksum::lookup3, testing};
    use proptest::prelude::*;

    const SIZES: Sizes = Sizes { offset: 4, length: 2 };

    fn names() -> BTreeV2Header {
        BTreeV2Header {
            record_type: RecordType::LinkName,
            node_size: 512,
            record_size: 11,
            depth: 1,
            split_percent: 100,
            merge_percent: 40,
            root: Some(Address(0x1234)),
            root_records: 3,
            total_records: 160,
        }
    }

    #[test]
    fn golden_bytes_both_ways_and_no_truncation() {
        #[rustfmt::skip]
        let golden = [
            b'B', b'T', b'H', b'D', 0, 5, 0, 2, 0, 0, 11, 0, 1, 0, 100, 40, 0x34, 0x12, 0, 0, 3, 0, 160, 0,
        ];
        let bytes = testing::round_trip(&names(), SIZES, BTreeV2Header::parse, BTreeV2Header::encode);
        assert_eq!(bytes[..24], golden);
        assert_eq!(bytes[24..], lookup3(&golden, 0).to_le_bytes());
        assert_eq!(BTreeV2Header::encoded_len(SIZES), bytes.len());
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 0x10;
            testing::refused(&broken, SIZES, BTreeV2Header::parse);
        }
    }

    #[test]
    fn refuses_broken_invariants() {
        for broken in [
            BTreeV2Header { record_size: 0, ..names() },
            BTreeV2Header { root: None, ..names() },
            BTreeV2Header { root_records: 161, ..names() },
        ] {
            let mut writer = Writer::new(SIZES);
            broken.encode(&mut writer).unwrap();
            testing::refused(writer.as_slice(), SIZES, BTreeV2Header::parse);
        }
        let empty = BTreeV2Header { root: None, root_records: 0, total_records: 0, ..names() };
        testing::round_trip(&empty, SIZES, BTreeV2Header::parse, BTreeV2Header::encode);
    }

    proptest! {
        #[test]
        fn encode_then_parse_is_identity(
            kind in 0usize..11, node_size: u32, record_size in 1u16.., depth: u16, split_percent: u8, merge_percent: u8,
            root in 0u64..0xffff_ffff, records: u16,
        ) {
            let header = BTreeV2Header {
                record_type: TYPES[kind], node_size, record_size, depth, split_percent, merge_percent,
                root: Some(Address(root)), root_records: records, total_records: records.into(),
            };
            testing::round_trip(&header, SIZES, BTreeV2Header::parse, BTreeV2Header::encode);
        }
    }
}
