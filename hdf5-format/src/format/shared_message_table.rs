//! Shared object header message table (File Format Spec v3/4, III.I)
//!
//! ```text
//! | "SMTB" 4 | index ... | checksum 4 |
//! index: | version 1 | type 1 | message kinds 2 | smallest message 4 | list maximum 2 | B-tree minimum 2 |
//!        | messages 2 | index O | fractal heap O |
//! ```
//! The shared message table message of the superblock extension points here and holds the number of indexes. An index
//! is a list (`SMLI`) or a v2 B-tree of type 7.

use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::Result;
use crate::format::message::MessageKind;
use alloc::vec::Vec;

/// First four bytes.
pub const SIGNATURE: &[u8; 4] = b"SMTB";

/// The indexes of a file's shared messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedMessageTable {
    /// At most eight.
    pub indexes: Vec<SharedMessageIndex>,
}

/// How an index is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexType {
    /// An unsorted list.
    List,
    /// A v2 B-tree sorted by hash.
    BTree,
}

/// One index: the messages of some kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedMessageIndex {
    /// List or B-tree.
    pub index_type: IndexType,
    /// Kinds of message: bit number = message type. See [`SharedMessageIndex::holds`].
    pub message_kinds: u16,
    /// Smallest message that is shared, in bytes.
    pub min_message_size: u32,
    /// More messages than this turn the list into a B-tree.
    pub list_max: u16,
    /// Fewer messages than this turn the B-tree into a list.
    pub btree_min: u16,
    /// Messages in the index.
    pub message_count: u16,
    /// The list or the B-tree header; undefined while the index is empty.
    pub index: Option<Address>,
    /// Heap with the messages; undefined while it is empty.
    pub heap: Option<Address>,
}

impl SharedMessageTable {
    /// Parses a table of `index_count` indexes.
    pub fn parse(cursor: &mut Cursor<'_>, index_count: u8) -> Result<Self> {
        cursor.signature(SIGNATURE)?;
        let mut indexes = Vec::new();
        for _ in 0..index_count {
            indexes.push(SharedMessageIndex::parse(cursor)?);
        }
        cursor.checksum()?;
        Ok(SharedMessageTable { indexes })
    }

    /// Bytes of a table with a number of indexes.
    pub fn encoded_len_of(index_count: usize, sizes: Sizes) -> usize {
        index_count.saturating_mul(SharedMessageIndex::encoded_len(sizes)).saturating_add(8)
    }

    /// Bytes of this table.
    pub fn encoded_len(&self, sizes: Sizes) -> usize {
        SharedMessageTable::encoded_len_of(self.indexes.len(), sizes)
    }

    /// Appends the table.
    pub fn encode(&self, w: &mut Writer) -> Result<()> {
        let start = w.position();
        w.bytes(SIGNATURE);
        self.indexes.iter().try_for_each(|i| i.encode(w))?;
        w.checksum_from(start);
        Ok(())
    }

    /// The index for messages of a kind.
    pub fn index_of(&self, kind: MessageKind) -> Option<&SharedMessageIndex> {
        self.indexes.iter().find(|i| i.holds(kind))
    }
}

impl SharedMessageIndex {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.version(&[0])?;
        let here = cursor.clone();
        let index_type = match cursor.u8()? {
            0 => IndexType::List,
            1 => IndexType::BTree,
            other => return Err(here.unexpected("index type", "0 or 1", other)),
        };
        Ok(SharedMessageIndex {
            index_type,
            message_kinds: cursor.u16()?,
            min_message_size: cursor.u32()?,
            list_max: cursor.u16()?,
            btree_min: cursor.u16()?,
            message_count: cursor.u16()?,
            index: cursor.address()?,
            heap: cursor.address()?,
        })
    }

    /// Bytes of an index.
    pub fn encoded_len(sizes: Sizes) -> usize {
        sizes.o().saturating_mul(2).saturating_add(14)
    }

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.u8(0);
        w.u8(u8::from(self.index_type == IndexType::BTree));
        w.u16(self.message_kinds);
        w.u32(self.min_message_size);
        w.u16(self.list_max);
        w.u16(self.btree_min);
        w.u16(self.message_count);
        w.address(self.index)?;
        w.address(self.heap)
    }

    /// True if messages of a kind belong to this index; old fill values go with the new ones.
    pub fn holds(&self, kind: MessageKind) -> bool {
        let kind = if kind == MessageKind::OldFillValue { MessageKind::FillValue } else { kind };
        1u16.checked_shl(u32::from(kind.id())).is_some_and(|bit| self.message_kinds & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;

    fn index(index_type: IndexType) -> SharedMessageIndex {
        SharedMessageIndex {
            index_type,
            message_kinds: 1 << 3 | 1 << 5,
            min_message_size: 50,
            list_max: 50,
            btree_min: 40,
            message_count: 3,
            index: Some(Address(0x1000)),
            heap: None,
        }
    }

    #[test]
    fn golden_bytes_both_ways() {
        let sizes = Sizes { offset: 4, length: 4 };
        let table = SharedMessageTable { indexes: alloc::vec![index(IndexType::List)] };
        let parse = |c: &mut Cursor<'_>| SharedMessageTable::parse(c, 1);
        let bytes = testing::round_trip(&table, sizes, parse, SharedMessageTable::encode);
        let golden = b"SMTB\0\0\x28\0\x32\0\0\0\x32\0\x28\0\x03\0\0\x10\0\0\xff\xff\xff\xff";
        assert_eq!(&bytes[..26], golden);
        assert_eq!(bytes.len(), table.encoded_len(sizes));
        let two = SharedMessageTable { indexes: alloc::vec![index(IndexType::BTree), index(IndexType::List)] };
        testing::round_trip(&two, Sizes::EIGHT, |c| SharedMessageTable::parse(c, 2), SharedMessageTable::encode);
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x10;
            testing::refused(&bad, sizes, parse);
        }
    }

    #[test]
    fn finds_the_index_of_a_kind() {
        let table = SharedMessageTable { indexes: alloc::vec![index(IndexType::List)] };
        assert!(table.index_of(MessageKind::Datatype).is_some());
        assert!(table.index_of(MessageKind::OldFillValue).is_some());
        assert!(table.index_of(MessageKind::Attribute).is_none());
        assert!(table.index_of(MessageKind::Unknown(1000)).is_none());
    }
}
