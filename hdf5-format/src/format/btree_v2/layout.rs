//! Capacities of v2 B-tree nodes and widths of their child pointers: not stored, they follow from the header.
//!
//! ```text
//! leaf      10 bytes of signature, version, type and checksum | records
//! internal  the same 10 bytes | records | child pointers, one more than records
//! child     address O | its records, w | records of its subtree, t; only if it is internal itself
//! w: width of a leaf's capacity     t: width of the capacity of a subtree of the child's level
//! ```

use super::header::{BTreeV2Header, STRUCTURE};
use crate::codec::{Sizes, limited_width};
use crate::error::{Error, ErrorKind, Result};
use alloc::vec::Vec;

/// Bytes of a node that are neither records nor child pointers.
pub const NODE_OVERHEAD: usize = 10;

/// Sizes for every level of one tree; level 0 is the leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of a node.
    pub node_size: usize,
    /// Bytes of a record.
    pub record_size: usize,
    /// Width of the record count in a child pointer.
    pub count_width: usize,
    levels: Vec<Level>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Level {
    /// Most records of a node of this level.
    capacity: u64,
    /// Most records of a subtree whose root is of this level.
    total: u64,
    /// Bytes of a pointer in a node of this level.
    pointer: usize,
}

impl Layout {
    /// Sizes for the levels 0 to the header's depth; an error if a node can not hold a record.
    pub fn new(header: &BTreeV2Header, sizes: Sizes) -> Result<Self> {
        let record_size = usize::from(header.record_size);
        let node_size = usize::try_from(header.node_size).unwrap_or(usize::MAX);
        let leaf = capacity(node_size, 0, record_size)?;
        let count_width = limited_width(leaf);
        let levels = alloc::vec![Level { capacity: leaf, total: leaf, pointer: 0 }];
        let mut layout = Layout { node_size, record_size, count_width, levels };
        for level in 1..=header.depth {
            let below = layout.levels.last().map_or(0, |l| l.total);
            let pointer = sizes.o().saturating_add(count_width).saturating_add(layout.total_width(level));
            let capacity = capacity(node_size, pointer, record_size)?;
            // A total above 64 bits saturates: no file holds such a tree.
            let total = capacity.saturating_add(1).saturating_mul(below).saturating_add(capacity);
            layout.levels.push(Level { capacity, total, pointer });
        }
        Ok(layout)
    }

    /// Most records of a node of `level`; 0 above the root's level.
    pub fn capacity(&self, level: u16) -> u64 {
        self.level(level).map_or(0, |l| l.capacity)
    }

    /// Most records of a node of `level` and all below it; saturated.
    pub fn total(&self, level: u16) -> u64 {
        self.level(level).map_or(0, |l| l.total)
    }

    /// Width of the subtree's record count in child pointers of a node of `level`; 0 if the children are leaves.
    pub fn total_width(&self, level: u16) -> usize {
        match level.checked_sub(1) {
            None | Some(0) => 0,
            Some(below) => self.level(below).map_or(0, |l| limited_width(l.total)),
        }
    }

    /// Bytes of a child pointer in a node of `level`; 0 for a leaf.
    pub fn pointer_width(&self, level: u16) -> usize {
        self.level(level).map_or(0, |l| l.pointer)
    }

    /// Bytes in use of a node of `level` with `records` records, the checksum included.
    pub fn used_len(&self, level: u16, records: usize) -> usize {
        let pointers = if level == 0 { 0 } else { records.saturating_add(1) };
        let pointers = pointers.saturating_mul(self.pointer_width(level));
        records.saturating_mul(self.record_size).saturating_add(pointers).saturating_add(NODE_OVERHEAD)
    }

    fn level(&self, level: u16) -> Option<&Level> {
        self.levels.get(usize::from(level))
    }
}

/// Most records of a node with one more child pointer than records.
fn capacity(node_size: usize, pointer: usize, record: usize) -> Result<u64> {
    let room = node_size.saturating_sub(NODE_OVERHEAD).saturating_sub(pointer);
    match room.checked_div(record.saturating_add(pointer)) {
        Some(most) if most > 0 => Ok(most as u64),
        _ => {
            let text = alloc::format!("node size: {node_size} bytes have no room for a record of {record}");
            Err(Error::new(ErrorKind::Corrupt, text).within(STRUCTURE))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::header::RecordType;
    use super::*;

    fn layout(node_size: u32, record_size: u16, depth: u16) -> Result<Layout> {
        let header = BTreeV2Header {
            record_type: RecordType::LinkName,
            node_size,
            record_size,
            depth,
            split_percent: 100,
            merge_percent: 40,
            root: None,
            root_records: 0,
            total_records: 0,
        };
        Layout::new(&header, Sizes::EIGHT)
    }

    #[test]
    fn link_names_at_depth_three() {
        let layout = layout(512, 11, 3).unwrap();
        // (512-10)/11, then (512-10-9)/(11+9), (512-10-11)/(11+11) twice.
        assert_eq!([0, 1, 2, 3, 4].map(|l| layout.capacity(l)), [45, 24, 22, 22, 0]);
        assert_eq!([0, 1, 2, 3].map(|l| layout.total(l)), [45, 25 * 45 + 24, 26_449, 23 * 26_449 + 22]);
        assert_eq!([0, 1, 2, 3].map(|l| layout.pointer_width(l)), [0, 9, 11, 11]);
        assert_eq!([0, 1, 2, 3].map(|l| layout.total_width(l)), [0, 0, 2, 2]);
        assert_eq!(layout.count_width, 1);
        assert_eq!([layout.used_len(0, 45), layout.used_len(1, 24)], [505, 10 + 24 * 11 + 25 * 9]);
    }

    #[test]
    fn refuses_nodes_without_room() {
        assert!(layout(20, 11, 0).is_err());
        assert!(layout(21, 11, 0).is_ok());
        assert!(layout(21, 11, 1).is_err());
        assert!(layout(512, 11, 60).is_ok());
    }
}
