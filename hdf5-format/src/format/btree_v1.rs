//! Version 1 B-tree node (File Format Spec, III.A.1): the index of old-style groups (type 0) and of chunks (type 1).
//!
//! ```text
//! "TREE" 4 | node type 1 | level 1 | entries used 2 | left sibling O | right sibling O
//! | key 0 | child 0 O | key 1 | child 1 O | ... | key n | zeros, to room for twice K children
//! group key: offset of a name in the local heap L
//! chunk key: stored bytes 4 | filter mask 4 | offset in elements 8 in each dimension and in the element (0)
//! ```
//!
//! Points here: symbol table message, symbol table entry (type 0), data layout message (type 1), parent nodes.
//! Children are nodes of one level less; at level 0 symbol table nodes or chunks. A name `n` is in child `i` if
//! `key i < n <= key i+1`; a chunk at `c` if `key i <= c < key i+1`.

use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::{Error, ErrorKind, Result};
use alloc::vec::Vec;

/// Name in errors.
pub const STRUCTURE: &str = "v1 B-tree node";

/// What the keys of a tree are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// Names of a group.
    Group,
    /// Chunks of a dataset.
    Chunk {
        /// Dimensions of the dataset.
        rank: usize,
    },
}

/// The key of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkKey<'a> {
    /// Bytes of the chunk as stored.
    pub size: u32,
    /// Bit `i` set: filter `i` of the pipeline was skipped.
    pub filter_mask: u32,
    /// First element in each dimension of the dataset; then the offset inside the element.
    pub offsets: &'a [u64],
}

/// A node with its keys and children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BTreeV1Node {
    /// What the keys are.
    pub key_type: KeyType,
    /// 0 for the lowest nodes.
    pub level: u8,
    /// Node of the same level before this one.
    pub left: Option<Address>,
    /// Node of the same level after this one.
    pub right: Option<Address>,
    /// One key more than children, none without children. Flat: [`KeyType::words`] numbers each.
    pub keys: Vec<u64>,
    /// Children; an undefined one is damage that concerns it alone.
    pub children: Vec<Option<Address>>,
}

impl KeyType {
    /// Value of the node type field.
    pub fn number(self) -> u8 {
        match self {
            KeyType::Group => 0,
            KeyType::Chunk { .. } => 1,
        }
    }

    /// Numbers of a key in [`BTreeV1Node::keys`]: a name's offset; or size, filter mask, offsets.
    pub fn words(self) -> usize {
        match self {
            KeyType::Group => 1,
            KeyType::Chunk { rank } => rank.saturating_add(3),
        }
    }

    /// Bytes of a key.
    pub fn key_len(self, sizes: Sizes) -> usize {
        match self {
            KeyType::Group => sizes.l(),
            KeyType::Chunk { rank } => rank.saturating_add(2).saturating_mul(8),
        }
    }

    /// Bytes of every node, however full, of a tree whose nodes have room for twice `k` children.
    pub fn node_len(self, k: u16, sizes: Sizes) -> usize {
        let children = usize::from(k).saturating_mul(2);
        let keys = children.saturating_add(1).saturating_mul(self.key_len(sizes));
        BTreeV1Node::prefix_len(sizes).saturating_add(keys).saturating_add(children.saturating_mul(sizes.o()))
    }

    fn parse(self, cursor: &mut Cursor<'_>, keys: &mut Vec<u64>) -> Result<()> {
        match self {
            KeyType::Group => keys.push(cursor.length()?),
            KeyType::Chunk { rank } => {
                keys.push(cursor.u32()?.into());
                keys.push(cursor.u32()?.into());
                for _ in 0..=rank {
                    keys.push(cursor.u64()?);
                }
            }
        }
        Ok(())
    }

    fn encode(self, key: &[u64], writer: &mut Writer) -> Result<()> {
        match self {
            KeyType::Group => key.iter().try_for_each(|&name| writer.length(name)),
            KeyType::Chunk { .. } => {
                let (head, offsets) = key.split_at_checked(2).unwrap_or((key, &[]));
                head.iter().try_for_each(|&number| writer.uint(number, 4))?;
                offsets.iter().for_each(|&offset| writer.u64(offset));
                Ok(())
            }
        }
    }
}

impl BTreeV1Node {
    /// First bytes.
    pub const SIGNATURE: &'static [u8; 4] = b"TREE";

    /// Bytes before the first key.
    pub fn prefix_len(sizes: Sizes) -> usize {
        sizes.o().saturating_mul(2).saturating_add(8)
    }

    /// Bytes in use of the node whose prefix is in `cursor`.
    pub fn used_len(mut cursor: Cursor<'_>, key_type: KeyType) -> Result<usize> {
        cursor.signature(Self::SIGNATURE)?;
        cursor.skip(2)?;
        let (sizes, used) = (cursor.sizes(), usize::from(cursor.u16()?));
        let key = key_type.key_len(sizes);
        let last = if used == 0 { 0 } else { key };
        let entries = key.saturating_add(sizes.o()).saturating_mul(used).saturating_add(last);
        Ok(Self::prefix_len(sizes).saturating_add(entries))
    }

    /// Parses a node; `cursor` holds at least the part in use.
    pub fn parse(cursor: &mut Cursor<'_>, key_type: KeyType) -> Result<Self> {
        let needed = Self::used_len(cursor.clone(), key_type)?;
        if needed > cursor.remaining() {
            let found = alloc::format!("{} bytes", cursor.remaining());
            return Err(cursor.unexpected("node", alloc::format!("{needed} bytes"), found));
        }
        cursor.signature(Self::SIGNATURE)?;
        let here = cursor.clone();
        let number = cursor.u8()?;
        if number != key_type.number() {
            return Err(here.unexpected("node type", key_type.number(), number));
        }
        let level = cursor.u8()?;
        let used = usize::from(cursor.u16()?);
        let (left, right) = (cursor.address()?, cursor.address()?);
        let mut children = Vec::with_capacity(used);
        let mut keys = Vec::new();
        for _ in 0..used {
            key_type.parse(cursor, &mut keys)?;
            children.push(cursor.address()?);
        }
        if used > 0 {
            key_type.parse(cursor, &mut keys)?;
        }
        Ok(BTreeV1Node { key_type, level, left, right, keys, children })
    }

    /// Numbers of key `index`; none past the last.
    pub fn key(&self, index: usize) -> &[u64] {
        let words = self.key_type.words();
        let start = index.saturating_mul(words);
        self.keys.get(start..start.saturating_add(words)).unwrap_or(&[])
    }

    /// Heap offset of the name that is key `index` of a group's node.
    pub fn name_key(&self, index: usize) -> Option<u64> {
        match self.key_type {
            KeyType::Group => self.key(index).first().copied(),
            KeyType::Chunk { .. } => None,
        }
    }

    /// Key `index` of a chunk index's node.
    pub fn chunk_key(&self, index: usize) -> Option<ChunkKey<'_>> {
        match (self.key_type, self.key(index)) {
            (KeyType::Chunk { .. }, [size, filter_mask, offsets @ ..]) => Some(ChunkKey {
                size: u32::try_from(*size).ok()?,
                filter_mask: u32::try_from(*filter_mask).ok()?,
                offsets,
            }),
            _ => None,
        }
    }

    /// Encodes a node with room for twice `k` children.
    pub fn encode(&self, writer: &mut Writer, k: u16) -> Result<()> {
        let start = writer.position();
        self.validate(k)?;
        writer.bytes(Self::SIGNATURE);
        writer.bytes(&[self.key_type.number(), self.level]);
        writer.uint(self.children.len() as u64, 2)?;
        writer.address(self.left)?;
        writer.address(self.right)?;
        for (index, child) in self.children.iter().enumerate() {
            self.key_type.encode(self.key(index), writer)?;
            writer.address(*child)?;
        }
        self.key_type.encode(self.key(self.children.len()), writer)?;
        let written = writer.position().saturating_sub(start);
        writer.zeros(self.key_type.node_len(k, writer.sizes()).saturating_sub(written));
        Ok(())
    }

    fn validate(&self, k: u16) -> Result<()> {
        let keys = if self.children.is_empty() { 0 } else { self.children.len().saturating_add(1) };
        let most = usize::from(k).saturating_mul(2);
        if self.children.len() > most || self.keys.len() != keys.saturating_mul(self.key_type.words()) {
            let found = alloc::format!("{} children, {} numbers in keys", self.children.len(), self.keys.len());
            return Err(Error::new(ErrorKind::Invalid, found).within(STRUCTURE));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;
    use alloc::vec;
    use proptest::prelude::*;

    const NARROW: Sizes = Sizes { offset: 4, length: 2 };

    fn names() -> BTreeV1Node {
        BTreeV1Node {
            key_type: KeyType::Group,
            level: 1,
            left: None,
            right: Some(Address(0x0102)),
            keys: vec![0, 8, 16],
            children: vec![Some(Address(0x30)), None],
        }
    }

    fn chunks() -> BTreeV1Node {
        BTreeV1Node {
            key_type: KeyType::Chunk { rank: 1 },
            level: 0,
            left: None,
            right: None,
            keys: vec![400, 1, 10, 0, 0, 0, 20, 4],
            children: vec![Some(Address(0x1000))],
        }
    }

    fn check(node: &BTreeV1Node, sizes: Sizes, k: u16) -> Vec<u8> {
        testing::round_trip(node, sizes, |c| BTreeV1Node::parse(c, node.key_type), |n, w| n.encode(w, k))
    }

    #[test]
    fn golden_bytes_both_ways_and_no_truncation() {
        #[rustfmt::skip]
        let golden = [
            b'T', b'R', b'E', b'E', 0, 1, 2, 0, 0xff, 0xff, 0xff, 0xff, 2, 1, 0, 0,
            0, 0, 0x30, 0, 0, 0, 8, 0, 0xff, 0xff, 0xff, 0xff, 16, 0,
        ];
        let bytes = check(&names(), NARROW, 1);
        assert_eq!(bytes, golden);
        for (at, value) in [(0, b'X'), (4, 1), (6, 3), (7, 1)] {
            let mut broken = golden;
            broken[at] = value;
            testing::refused(&broken, NARROW, |c| BTreeV1Node::parse(c, KeyType::Group));
        }
        assert_eq!((names().name_key(2), names().name_key(3)), (Some(16), None));
    }

    #[test]
    fn golden_chunk_keys() {
        let mut writer = Writer::new(NARROW);
        chunks().encode(&mut writer, 1).unwrap();
        #[rustfmt::skip]
        let golden = [
            0x90, 1, 0, 0, 1, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(writer.as_slice()[16..16 + golden.len()], golden);
        assert_eq!(writer.position(), KeyType::Chunk { rank: 1 }.node_len(1, NARROW));
        let node = chunks();
        assert_eq!(node.chunk_key(0), Some(ChunkKey { size: 400, filter_mask: 1, offsets: &[10, 0] }));
        assert_eq!(node.chunk_key(1).unwrap().offsets, [20, 4]);
        assert_eq!((node.chunk_key(2), node.name_key(0)), (None, None));
    }

    #[test]
    fn sizes_of_the_usual_nodes() {
        assert_eq!(KeyType::Group.node_len(16, Sizes::EIGHT), 544);
        assert_eq!(KeyType::Chunk { rank: 2 }.node_len(32, Sizes::EIGHT), 24 + 64 * 8 + 65 * 32);
        let mut writer = Writer::new(Sizes::EIGHT);
        names().encode(&mut writer, 16).unwrap();
        assert_eq!(writer.position(), 544);
    }

    #[test]
    fn encodes_no_broken_invariant() {
        let missing = BTreeV1Node { keys: vec![0, 8], ..names() };
        assert!(missing.encode(&mut Writer::new(NARROW), 1).is_err());
        assert!(names().encode(&mut Writer::new(NARROW), 0).is_err());
    }

    prop_compose! {
        fn nodes()(rank in 0usize..5, used in 0usize..6)(
            keys in prop::collection::vec(0u64..1 << 32, if used == 0 { 0 } else { (used + 1) * (rank + 3) }),
            children in prop::collection::vec(prop::option::of(0u64..1 << 40), used),
            level in any::<u8>(), left in prop::option::of(0u64..1 << 40), rank in Just(rank),
        ) -> BTreeV1Node {
            let children = children.into_iter().map(|c| c.map(Address)).collect();
            let key_type = KeyType::Chunk { rank };
            BTreeV1Node { key_type, level, left: left.map(Address), right: None, keys, children }
        }
    }

    proptest! {
        #[test]
        fn encode_then_parse_is_identity(node in nodes()) {
            let mut writer = Writer::new(Sizes::EIGHT);
            node.encode(&mut writer, 3).unwrap();
            let mut cursor = Cursor::new(writer.as_slice(), 0, STRUCTURE, Sizes::EIGHT);
            prop_assert_eq!(BTreeV1Node::parse(&mut cursor, node.key_type).unwrap(), node);
        }

        #[test]
        fn any_bytes_end_in_an_answer(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            bytes.iter_mut().zip(b"TREE").for_each(|(to, from)| *to = *from);
            for key_type in [KeyType::Group, KeyType::Chunk { rank: 2 }, KeyType::Chunk { rank: usize::MAX }] {
                let _ = BTreeV1Node::parse(&mut Cursor::new(&bytes, 0, STRUCTURE, NARROW), key_type);
            }
        }
    }
}
