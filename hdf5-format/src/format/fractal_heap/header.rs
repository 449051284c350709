//! Fractal heap header (File Format Spec, III.G).
//!
//! ```text
//! "FRHP" 4 | version 1 = 0 | heap id length 2 | filter length 2 | flags 1 | max managed object 4
//! | next huge id L | huge object B-tree O | free space L | free-space manager O
//! | managed space L | allocated managed space L | iterator offset L | managed objects L
//! | huge bytes L | huge objects L | tiny bytes L | tiny objects L | doubling table
//! | [filtered root block length L | filter mask of it 4 | filter pipeline message] | checksum 4
//! ```
//!
//! Points here: link info, attribute info, shared message table.

use super::doubling_table::DoublingTable;
use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::Result;
use alloc::vec::Vec;

/// Name in errors.
pub const STRUCTURE: &str = "fractal heap header";

/// Shape, contents and statistics of a heap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FractalHeapHeader {
    /// Bytes of an id.
    pub id_len: u16,
    /// True if ids of huge objects are used again.
    pub huge_ids_wrapped: bool,
    /// True if direct blocks have checksums.
    pub checksums: bool,
    /// Bytes of the largest managed object.
    pub max_managed: u32,
    /// Id that the next huge object gets.
    pub next_huge_id: u64,
    /// B-tree of huge objects.
    pub huge_btree: Option<Address>,
    /// Free bytes in managed blocks.
    pub free_space: u64,
    /// Free-space manager of managed blocks.
    pub free_manager: Option<Address>,
    /// Bytes of the address space in use.
    pub managed_space: u64,
    /// Bytes of direct blocks that exist.
    pub allocated_space: u64,
    /// Offset of the next direct block to be made.
    pub iterator_offset: u64,
    /// Managed objects.
    pub managed_objects: u64,
    /// Bytes of huge objects.
    pub huge_bytes: u64,
    /// Huge objects.
    pub huge_objects: u64,
    /// Bytes of tiny objects.
    pub tiny_bytes: u64,
    /// Tiny objects.
    pub tiny_objects: u64,
    /// How the address space is cut into blocks.
    pub table: DoublingTable,
    /// Filters of blocks and huge objects.
    pub filter: Option<HeapFilter>,
}

/// The filters of a heap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeapFilter {
    /// Stored bytes of the root, while it is a direct block.
    pub root_len: u64,
    /// Filter mask of the root, while it is a direct block.
    pub root_mask: u32,
    /// Body of a filter pipeline message.
    pub pipeline: Vec<u8>,
}

const HUGE_IDS_WRAPPED: u8 = 1;
const CHECKSUMS: u8 = 2;
/// Bytes from the start to the end of the filter length.
const TO_FILTER_LEN: usize = 9;

impl FractalHeapHeader {
    /// First bytes.
    pub const SIGNATURE: &'static [u8; 4] = b"FRHP";

    /// Bytes of a header whose filter pipeline message has `filter_len` bytes; 0 for none.
    pub fn encoded_len(sizes: Sizes, filter_len: u16) -> usize {
        let plain = sizes.l().saturating_mul(12).saturating_add(sizes.o().saturating_mul(3)).saturating_add(26);
        match filter_len {
            0 => plain,
            len => plain.saturating_add(sizes.l()).saturating_add(4).saturating_add(len.into()),
        }
    }

    /// Bytes of the header whose first bytes, at least those of a header without filters, are in `cursor`.
    pub fn stored_len(mut cursor: Cursor<'_>) -> Result<usize> {
        cursor.signature(Self::SIGNATURE)?;
        let mut prefix = cursor.sub(TO_FILTER_LEN.saturating_sub(Self::SIGNATURE.len()))?;
        prefix.skip(3)?;
        Ok(Self::encoded_len(cursor.sizes(), prefix.u16()?))
    }

    /// Parses the header; `cursor` starts at it, for the checksum.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.signature(Self::SIGNATURE)?;
        cursor.version(&[0])?;
        let (id_len, filter_len) = (cursor.u16()?, cursor.u16()?);
        let here = cursor.clone();
        let flags = cursor.u8()?;
        if flags & !(HUGE_IDS_WRAPPED | CHECKSUMS) != 0 {
            return Err(here.unexpected("flags", "0 to 3", flags));
        }
        let header = FractalHeapHeader {
            id_len,
            huge_ids_wrapped: flags & HUGE_IDS_WRAPPED != 0,
            checksums: flags & CHECKSUMS != 0,
            max_managed: cursor.u32()?,
            next_huge_id: cursor.length()?,
            huge_btree: cursor.address()?,
            free_space: cursor.length()?,
            free_manager: cursor.address()?,
            managed_space: cursor.length()?,
            allocated_space: cursor.length()?,
            iterator_offset: cursor.length()?,
            managed_objects: cursor.length()?,
            huge_bytes: cursor.length()?,
            huge_objects: cursor.length()?,
            tiny_bytes: cursor.length()?,
            tiny_objects: cursor.length()?,
            table: DoublingTable::parse(cursor)?,
            filter: HeapFilter::parse(cursor, filter_len)?,
        };
        cursor.checksum()?;
        if u64::from(header.max_managed) > header.table.max_direct || header.id_len == 0 {
            return Err(here.corrupt(alloc::format!(
                "ids of {id_len} bytes, managed objects of up to {} in blocks of up to {}",
                header.max_managed,
                header.table.max_direct
            )));
        }
        Ok(header)
    }

    /// Encodes the header with its checksum.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        let start = writer.position();
        let filter_len = self.filter.as_ref().map_or(0, |filter| filter.pipeline.len());
        writer.bytes(Self::SIGNATURE);
        writer.u8(0);
        writer.u16(self.id_len);
        writer.uint(filter_len as u64, 2)?;
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        writer.u8(flag(self.huge_ids_wrapped, HUGE_IDS_WRAPPED) | flag(self.checksums, CHECKSUMS));
        writer.u32(self.max_managed);
        writer.length(self.next_huge_id)?;
        writer.address(self.huge_btree)?;
        writer.length(self.free_space)?;
        writer.address(self.free_manager)?;
        for count in [self.managed_space, self.allocated_space, self.iterator_offset, self.managed_objects] {
            writer.length(count)?;
        }
        for count in [self.huge_bytes, self.huge_objects, self.tiny_bytes, self.tiny_objects] {
            writer.length(count)?;
        }
        self.table.encode(writer)?;
        if let Some(filter) = self.filter.as_ref().filter(|filter| !filter.pipeline.is_empty()) {
            writer.length(filter.root_len)?;
            writer.u32(filter.root_mask);
            writer.bytes(&filter.pipeline);
        }
        writer.checksum_from(start);
        Ok(())
    }
}

impl HeapFilter {
    fn parse(cursor: &mut Cursor<'_>, len: u16) -> Result<Option<Self>> {
        if len == 0 {
            return Ok(None);
        }
        let (root_len, root_mask) = (cursor.length()?, cursor.u32()?);
        Ok(Some(HeapFilter { root_len, root_mask, pipeline: cursor.bytes(len.into())?.to_vec() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;
    use proptest::prelude::*;

    const SIZES: Sizes = Sizes { offset: 4, length: 2 };

    fn header(filter: Option<HeapFilter>) -> FractalHeapHeader {
        FractalHeapHeader {
            id_len: 7,
            huge_ids_wrapped: false,
            checksums: true,
            max_managed: 4096,
            next_huge_id: 1,
            huge_btree: None,
            free_space: 0x11,
            free_manager: Some(Address(0x22)),
            managed_space: 512,
            allocated_space: 513,
            iterator_offset: 0,
            managed_objects: 9,
            huge_bytes: 10,
            huge_objects: 11,
            tiny_bytes: 12,
            tiny_objects: 13,
            table: DoublingTable {
                width: 4,
                start_block: 512,
                max_direct: 32768,
                max_bits: 32,
                start_rows: 1,
                root: Some(Address(0x33)),
                root_rows: 0,
            },
            filter,
        }
    }

    fn encode(header: &FractalHeapHeader) -> Vec<u8> {
        testing::round_trip(header, SIZES, FractalHeapHeader::parse, FractalHeapHeader::encode)
    }

    #[test]
    fn golden_bytes_both_ways_and_no_truncation() {
        let bytes = encode(&header(None));
        #[rustfmt::skip]
        let golden = [
            b'F', b'R', b'H', b'P', 0, 7, 0, 0, 0, 2, 0, 0x10, 0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x11, 0, 0x22, 0, 0, 0,
            0, 2, 1, 2, 0, 0, 9, 0, 10, 0, 11, 0, 12, 0, 13, 0,
            4, 0, 0, 2, 0, 0x80, 32, 0, 1, 0, 0x33, 0, 0, 0, 0, 0,
        ];
        assert_eq!(bytes[..golden.len()], golden);
        assert_eq!(bytes.len(), golden.len() + 4);
        assert_eq!(bytes.len(), FractalHeapHeader::encoded_len(SIZES, 0));
        assert_eq!(FractalHeapHeader::encoded_len(Sizes::EIGHT, 0), 146);
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 8;
            testing::refused(&broken, SIZES, FractalHeapHeader::parse);
        }
    }

    #[test]
    fn a_filtered_heap() {
        let filter = HeapFilter { root_len: 300, root_mask: 1, pipeline: alloc::vec![1, 2, 3] };
        let bytes = encode(&header(Some(filter)));
        assert_eq!(bytes.len(), FractalHeapHeader::encoded_len(SIZES, 3));
        let cursor = Cursor::new(&bytes, 0, STRUCTURE, SIZES);
        assert_eq!(FractalHeapHeader::stored_len(cursor).unwrap(), bytes.len());
    }

    #[test]
    fn refuses_broken_invariants() {
        let good = header(None);
        let table = DoublingTable { max_direct: 2048, ..good.table };
        for broken in [FractalHeapHeader { id_len: 0, ..good.clone() }, FractalHeapHeader { table, ..good }] {
            let mut writer = Writer::new(SIZES);
            broken.encode(&mut writer).unwrap();
            testing::refused(writer.as_slice(), SIZES, FractalHeapHeader::parse);
        }
    }

    proptest! {
        #[test]
        fn encode_then_parse_is_identity(n in prop::array::uniform10(any::<u16>()), wrapped: bool, checksums: bool) {
            let [a, b, c, d, e, f, g, h, i, j] = n.map(u64::from);
            encode(&FractalHeapHeader {
                huge_ids_wrapped: wrapped, checksums, next_huge_id: a, free_space: b, managed_space: c, allocated_space: d,
                iterator_offset: e, managed_objects: f, huge_bytes: g, huge_objects: h, tiny_bytes: i, tiny_objects: j,
                ..header(None)
            });
        }
    }
}
