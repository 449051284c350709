//! Version 2 B-tree leaf and internal node (File Format Spec, III.A.2).
//!
//! ```text
//! leaf      "BTLF" 4 | version 1 = 0 | record type 1 | records | checksum 4 | zeros to the node size
//! internal  "BTIN" 4 | version 1 = 0 | record type 1 | records | child pointers | checksum 4 | zeros
//! child     node O | records in it | records in it and below, if it is internal; widths: see the layout
//! ```
//!
//! Points here: the header and internal nodes, which also say how many records there are. Child `i` holds what comes
//! before record `i`, the last child what comes after all records. The checksum follows the part in use.

use super::header::RecordType;
use super::layout::Layout;
use crate::codec::{Address, Cursor, Writer, to_usize};
use crate::error::{Error, ErrorKind, Result};
use alloc::vec::Vec;

/// Name in errors.
pub const STRUCTURE: &str = "v2 B-tree node";
/// Bytes before the first record.
pub const PREFIX_LEN: usize = 6;

/// A node: records, and children unless it is a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BTreeV2Node<'a> {
    /// What the records are.
    pub record_type: RecordType,
    /// Records one after the other, [`Layout::record_size`] bytes each.
    pub records: &'a [u8],
    /// One child more than records; none in a leaf.
    pub children: Vec<ChildPointer>,
}

/// Where a child is and how full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildPointer {
    /// The child; an undefined one is damage that concerns it alone.
    pub address: Option<Address>,
    /// Records in the child itself.
    pub records: u64,
    /// Records in the child and below it; the same as `records` for a leaf.
    pub total: u64,
}

impl<'a> BTreeV2Node<'a> {
    /// First bytes of a leaf.
    pub const LEAF: &'static [u8; 4] = b"BTLF";
    /// First bytes of an internal node.
    pub const INTERNAL: &'static [u8; 4] = b"BTIN";

    /// Parses a node of `level` (0: a leaf) with as many records as its parent or the header says.
    /// `cursor` starts at the node, for the checksum.
    pub fn parse(
        cursor: &mut Cursor<'a>,
        layout: &Layout,
        record_type: RecordType,
        level: u16,
        records: u64,
    ) -> Result<Self> {
        if records > layout.capacity(level) {
            let most = alloc::format!("at most {}", layout.capacity(level));
            return Err(cursor.unexpected("records in the node", most, records));
        }
        cursor.signature(if level == 0 { Self::LEAF } else { Self::INTERNAL })?;
        cursor.version(&[0])?;
        let here = cursor.clone();
        let found = cursor.u8()?;
        if found != record_type as u8 {
            return Err(here.unexpected("record type", record_type as u8, found));
        }
        let count = to_usize(records)?;
        let bytes = cursor.bytes(count.saturating_mul(layout.record_size))?;
        let count = if level == 0 { 0 } else { count.saturating_add(1) };
        let mut pointers = cursor.sub(count.saturating_mul(layout.pointer_width(level)))?;
        let children = (0..count).map(|_| ChildPointer::parse(&mut pointers, layout, level)).collect::<Result<_>>()?;
        cursor.checksum()?;
        Ok(BTreeV2Node { record_type, records: bytes, children })
    }

    /// Number of records.
    pub fn len(&self, layout: &Layout) -> usize {
        self.records.len().checked_div(layout.record_size).unwrap_or(0)
    }

    /// Encodes a whole node of `level`, zeros after the part in use.
    pub fn encode(&self, writer: &mut Writer, layout: &Layout, level: u16) -> Result<()> {
        let start = writer.position();
        let count = self.len(layout);
        let children = if level == 0 { 0 } else { count.saturating_add(1) };
        let whole = count.saturating_mul(layout.record_size) == self.records.len();
        if count as u64 > layout.capacity(level) || children != self.children.len() || !whole {
            let found = alloc::format!("{count} records and {} children at level {level}", self.children.len());
            return Err(Error::new(ErrorKind::Invalid, found).within(STRUCTURE));
        }
        writer.bytes(if level == 0 { Self::LEAF } else { Self::INTERNAL });
        writer.bytes(&[0, self.record_type as u8]);
        writer.bytes(self.records);
        self.children.iter().try_for_each(|child| child.encode(writer, layout, level))?;
        writer.checksum_from(start);
        let written = writer.position().saturating_sub(start);
        writer.zeros(layout.node_size.saturating_sub(written));
        Ok(())
    }
}

impl ChildPointer {
    fn parse(cursor: &mut Cursor<'_>, layout: &Layout, level: u16) -> Result<Self> {
        let (address, records) = (cursor.address()?, cursor.uint(layout.count_width)?);
        let total = match layout.total_width(level) {
            0 => records,
            width => cursor.uint(width)?,
        };
        Ok(ChildPointer { address, records, total })
    }

    /// Encodes the pointer as it stands in a node of `level`.
    pub fn encode(&self, writer: &mut Writer, layout: &Layout, level: u16) -> Result<()> {
        writer.address(self.address)?;
        writer.uint(self.records, layout.count_width)?;
        match layout.total_width(level) {
            0 => Ok(()),
            width => writer.uint(self.total, width),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::header::BTreeV2Header;
    use super::*;
    use crate::codec::Sizes;
    use crate::codec::checksum::lookup3;
    use proptest::prelude::*;

    const SIZES: Sizes = Sizes { offset: 4, length: 4 };
    const TYPE: RecordType = RecordType::AttributeOrder;

    fn layout() -> Layout {
        let header = BTreeV2Header {
            record_type: TYPE,
            node_size: 64,
            record_size: 3,
            depth: 3,
            split_percent: 100,
            merge_percent: 40,
            root: None,
            root_records: 0,
            total_records: 0,
        };
        Layout::new(&header, SIZES).unwrap()
    }

    fn parse(bytes: &[u8], level: u16, records: u64) -> Result<BTreeV2Node<'_>> {
        BTreeV2Node::parse(&mut Cursor::new(bytes, 0, STRUCTURE, SIZES), &layout(), TYPE, level, records)
    }

    fn encode(node: &BTreeV2Node<'_>, level: u16) -> Vec<u8> {
        let mut writer = Writer::new(SIZES);
        node.encode(&mut writer, &layout(), level).unwrap();
        writer.into_bytes()
    }

    fn internal() -> BTreeV2Node<'static> {
        let child = |address, records, total| ChildPointer { address, records, total };
        let children = alloc::vec![child(Some(Address(0x100)), 2, 9), child(None, 1, 300)];
        BTreeV2Node { record_type: TYPE, records: &[1, 2, 3], children }
    }

    #[test]
    fn golden_bytes_both_ways_and_no_truncation() {
        // Capacities 18, 6, 5, 4: a subtree of level 1 holds up to 132 records, one of level 2 up to 797.
        #[rustfmt::skip]
        let golden = [
            b'B', b'T', b'I', b'N', 0, 9, 1, 2, 3, 0, 1, 0, 0, 2, 9, 0, 0xff, 0xff, 0xff, 0xff, 1, 0x2c, 1,
        ];
        let bytes = encode(&internal(), 3);
        assert_eq!(bytes.len(), 64);
        assert_eq!(bytes[..23], golden);
        assert_eq!(bytes[23..27], lookup3(&golden, 0).to_le_bytes());
        assert!(bytes[27..].iter().all(|&b| b == 0));
        assert_eq!(parse(&bytes, 3, 1).unwrap(), internal());
        assert_eq!(layout().used_len(3, 1), 27);
        (0..27).for_each(|len| assert!(parse(&bytes[..len], 3, 1).is_err(), "{len}"));
        for at in 0..27 {
            let mut broken = bytes.clone();
            broken[at] ^= 1;
            assert!(parse(&broken, 3, 1).is_err(), "{at}");
        }
    }

    #[test]
    fn refuses_broken_invariants() {
        let bytes = encode(&internal(), 3);
        for (level, records) in [(3, 2), (3, 0), (0, 1), (3, 5), (3, u64::MAX), (9, 1)] {
            assert!(parse(&bytes, level, records).is_err(), "level {level}, {records} records");
        }
        assert!(internal().encode(&mut Writer::new(SIZES), &layout(), 0).is_err());
        let ragged = BTreeV2Node { record_type: TYPE, records: &[1; 4], children: Vec::new() };
        assert!(ragged.encode(&mut Writer::new(SIZES), &layout(), 0).is_err());
    }

    proptest! {
        #[test]
        fn encode_then_parse_is_identity(count in 0usize..5, level in 0u16..4, seed: u8, at in 0u64..0xffff_ffff) {
            let records: Vec<u8> = (0..count * 3).map(|i| seed.wrapping_mul(i as u8)).collect();
            let child = ChildPointer { address: Some(Address(at)), records: 1, total: if level == 1 { 1 } else { 77 } };
            let children = alloc::vec![child; if level == 0 { 0 } else { count + 1 }];
            let node = BTreeV2Node { record_type: TYPE, records: &records, children };
            let bytes = encode(&node, level);
            prop_assert_eq!(parse(&bytes, level, count as u64).unwrap(), node);
        }

        #[test]
        fn any_bytes_end_in_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..80), level in 0u16..6, n: u64) {
            let _ = parse(&bytes, level, n);
        }
    }
}
