//! Data layout message (File Format Spec, IV.A.2.i).
//!
//! ```text
//! v1, v2  version 1 | rank 1 | class 1 | 0 5 | [address O, unless compact] | lengths 4 each
//!         | [element size 4, if chunked] | [size 4, data, if compact]
//! v3      version 3 | class 1 | compact: size 2, data | contiguous: address O, size L
//!         | chunked: rank + 1 1, B-tree O, lengths 4 each, element size 4
//! v4, v5  version 1 | class 1 | compact and contiguous as in v3 | virtual: heap O, index 4
//!         | chunked: flags 1 | rank + 1 1 | width 1 | lengths and element size | index 1 | parameters | address O
//! ```
//!
//! In versions 1 and 2 the rank of a chunked layout counts the element size too, and its lengths end with it.

use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;
use alloc::vec::Vec;

/// Where a dataset's elements are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataLayout {
    /// Version of the message, 1 to 5.
    pub version: u8,
    /// The class and its properties.
    pub storage: Storage,
}

/// The four classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In the message.
    Compact {
        /// The elements.
        data: Vec<u8>,
        /// Absolute file offset of them.
        offset: u64,
    },
    /// In one run of the file.
    Contiguous {
        /// Undefined if nothing was written.
        address: Option<Address>,
        /// Bytes; not stored in versions 1 and 2.
        size: Option<u64>,
    },
    /// In chunks.
    Chunked(ChunkedLayout),
    /// In other datasets.
    Virtual {
        /// Global heap collection and index of the mappings; undefined if there are none.
        mappings: Option<(Address, u32)>,
    },
}

/// Chunked storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkedLayout {
    /// Version of the message, 1 to 5: it decides widths in the indexes.
    pub version: u8,
    /// Flags of versions 4 and 5.
    pub flags: u8,
    /// Lengths of a chunk, without the element size.
    pub chunk: Vec<u64>,
    /// Bytes of an element.
    pub element_size: u64,
    /// How chunks are found.
    pub index: ChunkIndexKind,
    /// The index, or the chunk; undefined if nothing was written.
    pub address: Option<Address>,
}

/// How chunks are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkIndexKind {
    /// Version 1 B-tree.
    BTreeV1,
    /// 1: there is only one chunk.
    Single {
        /// Stored bytes and filter mask, if the chunk is filtered.
        filtered: Option<(u64, u32)>,
    },
    /// 2: all chunks, one after the other.
    Implicit,
    /// 3: fixed array.
    FixedArray {
        /// Pages hold 2 to this many elements.
        page_bits: u8,
    },
    /// 4: extensible array.
    ExtensibleArray {
        /// Bits of the largest index.
        max_bits: u8,
        /// Elements in the index block.
        index_elements: u8,
        /// Fewest pointers of a super block.
        min_pointers: u8,
        /// Fewest elements of a data block.
        min_elements: u8,
        /// Pages hold 2 to this many elements.
        page_bits: u8,
    },
    /// 5: version 2 B-tree.
    BTreeV2 {
        /// Bytes of a node.
        node_size: u32,
        /// Percentage full at which a node splits.
        split_percent: u8,
        /// Percentage full at which nodes merge.
        merge_percent: u8,
    },
}

/// Flag: chunks that stick out of the extent are stored unfiltered.
pub const UNFILTERED_EDGES: u8 = 1;
/// Flag: the single chunk is filtered.
pub const SINGLE_FILTERED: u8 = 2;

const MOST_RANK: u8 = 32;

impl ChunkedLayout {
    /// True if chunks that stick out of the extent are stored unfiltered.
    pub fn unfiltered_edges(&self) -> bool {
        self.flags & UNFILTERED_EDGES != 0
    }

    /// Bytes of a chunk before filtering.
    pub fn chunk_bytes(&self) -> Option<u64> {
        self.chunk.iter().try_fold(self.element_size, |n, &c| n.checked_mul(c))
    }
}

impl DataLayout {
    /// Parses the layout of elements of `size` bytes.
    ///
    /// # Errors
    /// The message is damaged, or its chunks are of elements of another size.
    pub fn parse_of(cursor: &mut Cursor<'_>, size: usize) -> Result<Self> {
        let here = cursor.clone();
        let layout = DataLayout::parse(cursor)?;
        match &layout.storage {
            Storage::Chunked(chunked) if chunked.element_size != size as u64 => {
                Err(here.unexpected("element size", size, chunked.element_size))
            }
            _ => Ok(layout),
        }
    }

    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let version = cursor.version(&[1, 2, 3, 4, 5])?;
        let storage = if version < 3 { parse_v1(cursor, version)? } else { parse_v3(cursor, version)? };
        Ok(DataLayout { version, storage })
    }

    /// Encodes the message in its version, 3 or later: older ones are never written.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.u8(self.version.max(3));
        match &self.storage {
            Storage::Compact { data, .. } => {
                writer.u8(0);
                writer.uint(data.len() as u64, 2)?;
                writer.bytes(data);
                Ok(())
            }
            Storage::Contiguous { address, size } => {
                writer.u8(1);
                writer.address(*address)?;
                writer.length(size.unwrap_or(0))
            }
            Storage::Chunked(chunked) => {
                writer.u8(2);
                if self.version < 4 { chunked.encode_v3(writer) } else { chunked.encode_v4(writer) }
            }
            Storage::Virtual { mappings } => {
                writer.u8(3);
                writer.address(mappings.map(|(address, _)| address))?;
                writer.u32(mappings.map_or(0, |(_, index)| index));
                Ok(())
            }
        }
    }
}

fn parse_v1(cursor: &mut Cursor<'_>, version: u8) -> Result<Storage> {
    let here = cursor.clone();
    let rank = cursor.u8()?;
    let class = cursor.u8()?;
    if rank == 0 || rank > MOST_RANK.saturating_add(1) {
        return Err(here.unexpected("rank", "1 to 33", rank));
    }
    cursor.skip(5)?;
    let address = if class == 0 { None } else { cursor.address()? };
    // libhdf5 has written contiguous layouts with fewer lengths than it says.
    if class == 1 {
        return Ok(Storage::Contiguous { address, size: None });
    }
    let lengths = (0..rank).map(|_| cursor.u32().map(u64::from)).collect::<Result<Vec<_>>>()?;
    match class {
        0 => {
            let len = cursor.u32()?;
            let offset = cursor.offset();
            Ok(Storage::Compact { data: cursor.bytes_u64(len.into())?.to_vec(), offset })
        }
        2 => {
            let (chunk, element_size) = split(&here, lengths)?;
            let index = ChunkIndexKind::BTreeV1;
            Ok(Storage::Chunked(ChunkedLayout { version, flags: 0, chunk, element_size, index, address }))
        }
        other => Err(here.unexpected("layout class", "0 to 2", other)),
    }
}

/// Separates the element size from the lengths of the chunk.
fn split(at: &Cursor<'_>, mut lengths: Vec<u64>) -> Result<(Vec<u64>, u64)> {
    let element_size = lengths.pop().filter(|&n| n > 0);
    match element_size {
        Some(size) if !lengths.is_empty() && lengths.iter().all(|&n| n > 0) => Ok((lengths, size)),
        _ => Err(at.corrupt("a chunk without dimensions, or of no elements")),
    }
}

fn parse_v3(cursor: &mut Cursor<'_>, version: u8) -> Result<Storage> {
    let here = cursor.clone();
    match cursor.u8()? {
        0 => {
            let len = cursor.u16()?;
            let offset = cursor.offset();
            Ok(Storage::Compact { data: cursor.bytes(usize::from(len))?.to_vec(), offset })
        }
        1 => {
            let address = cursor.address()?;
            Ok(Storage::Contiguous { address, size: Some(cursor.length()?) })
        }
        2 if version == 3 => chunked_v3(cursor),
        2 => chunked_v4(cursor, version),
        3 if version >= 4 => {
            let address = cursor.address()?;
            let index = cursor.u32()?;
            Ok(Storage::Virtual { mappings: address.map(|a| (a, index)) })
        }
        other => Err(here.unexpected("layout class", "0 to 3", other)),
    }
}

fn chunked_v3(cursor: &mut Cursor<'_>) -> Result<Storage> {
    let here = cursor.clone();
    let rank = rank(cursor)?;
    let address = cursor.address()?;
    let lengths = (0..rank).map(|_| cursor.u32().map(u64::from)).collect::<Result<Vec<_>>>()?;
    let (chunk, element_size) = split(&here, lengths)?;
    let index = ChunkIndexKind::BTreeV1;
    Ok(Storage::Chunked(ChunkedLayout { version: 3, flags: 0, chunk, element_size, index, address }))
}

/// Rank plus one.
fn rank(cursor: &mut Cursor<'_>) -> Result<u8> {
    let here = cursor.clone();
    let rank = cursor.u8()?;
    if rank < 2 || rank > MOST_RANK.saturating_add(1) {
        return Err(here.unexpected("rank with the element size", "2 to 33", rank));
    }
    Ok(rank)
}

fn chunked_v4(cursor: &mut Cursor<'_>, version: u8) -> Result<Storage> {
    let here = cursor.clone();
    let flags = cursor.u8()?;
    if flags & !(UNFILTERED_EDGES | SINGLE_FILTERED) != 0 {
        return Err(here.unexpected("chunk flags", "0 to 3", flags));
    }
    let rank = rank(cursor)?;
    let here = cursor.clone();
    let width = cursor.u8()?;
    if width == 0 || width > 8 {
        return Err(here.unexpected("width of chunk lengths", "1 to 8", width));
    }
    let lengths = (0..rank).map(|_| cursor.uint(width.into())).collect::<Result<Vec<_>>>()?;
    let (chunk, element_size) = split(&here, lengths)?;
    let index = ChunkIndexKind::parse(cursor, flags)?;
    let address = cursor.address()?;
    Ok(Storage::Chunked(ChunkedLayout { version, flags, chunk, element_size, index, address }))
}

impl ChunkIndexKind {
    fn parse(cursor: &mut Cursor<'_>, flags: u8) -> Result<Self> {
        let here = cursor.clone();
        Ok(match cursor.u8()? {
            1 if flags & SINGLE_FILTERED != 0 => {
                ChunkIndexKind::Single { filtered: Some((cursor.length()?, cursor.u32()?)) }
            }
            1 => ChunkIndexKind::Single { filtered: None },
            2 => ChunkIndexKind::Implicit,
            3 => {
                let page_bits = cursor.u8()?;
                if page_bits == 0 {
                    return Err(here.unexpected("page bits of the fixed array", "above 0", 0));
                }
                ChunkIndexKind::FixedArray { page_bits }
            }
            4 => {
                let [max_bits, index_elements, min_pointers, min_elements, page_bits] = cursor.array()?;
                if [max_bits, index_elements, min_pointers, min_elements, page_bits].contains(&0) {
                    return Err(here.corrupt("a parameter of the extensible array is 0"));
                }
                ChunkIndexKind::ExtensibleArray { max_bits, index_elements, min_pointers, min_elements, page_bits }
            }
            5 => {
                let (node_size, split_percent, merge_percent) = (cursor.u32()?, cursor.u8()?, cursor.u8()?);
                ChunkIndexKind::BTreeV2 { node_size, split_percent, merge_percent }
            }
            other => return Err(here.unexpected("chunk index type", "1 to 5", other)),
        })
    }

    fn encode(self, writer: &mut Writer) -> Result<()> {
        match self {
            ChunkIndexKind::BTreeV1 => writer.u8(0),
            ChunkIndexKind::Single { filtered } => {
                writer.u8(1);
                if let Some((size, mask)) = filtered {
                    writer.length(size)?;
                    writer.u32(mask);
                }
            }
            ChunkIndexKind::Implicit => writer.u8(2),
            ChunkIndexKind::FixedArray { page_bits } => writer.bytes(&[3, page_bits]),
            ChunkIndexKind::ExtensibleArray { max_bits, index_elements, min_pointers, min_elements, page_bits } => {
                writer.bytes(&[4, max_bits, index_elements, min_pointers, min_elements, page_bits]);
            }
            ChunkIndexKind::BTreeV2 { node_size, split_percent, merge_percent } => {
                writer.u8(5);
                writer.u32(node_size);
                writer.bytes(&[split_percent, merge_percent]);
            }
        }
        Ok(())
    }
}

impl ChunkedLayout {
    fn lengths(&self) -> impl Iterator<Item = u64> {
        self.chunk.iter().copied().chain([self.element_size])
    }

    fn encode_v3(&self, writer: &mut Writer) -> Result<()> {
        writer.uint(self.lengths().count() as u64, 1)?;
        writer.address(self.address)?;
        self.lengths().try_for_each(|n| writer.uint(n, 4))
    }

    fn encode_v4(&self, writer: &mut Writer) -> Result<()> {
        writer.u8(self.flags);
        writer.uint(self.lengths().count() as u64, 1)?;
        let width = crate::codec::limited_width(self.lengths().max().unwrap_or(1));
        writer.uint(width as u64, 1)?;
        self.lengths().try_for_each(|n| writer.uint(n, width))?;
        self.index.encode(writer)?;
        writer.address(self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};
    use alloc::vec;

    fn chunked(version: u8, flags: u8, index: ChunkIndexKind) -> DataLayout {
        let layout = ChunkedLayout {
            version,
            flags,
            chunk: vec![10, 300],
            element_size: 8,
            index,
            address: Some(Address(0x99)),
        };
        DataLayout { version, storage: Storage::Chunked(layout) }
    }

    #[test]
    fn parses_what_it_encodes() {
        let mut layouts = vec![chunked(3, 0, ChunkIndexKind::BTreeV1)];
        for version in [4, 5] {
            let (max_bits, index_elements, min_pointers, min_elements, page_bits) = (32, 4, 4, 16, 10);
            for (flags, index) in [
                (0, ChunkIndexKind::Single { filtered: None }),
                (2, ChunkIndexKind::Single { filtered: Some((77, 1)) }),
                (0, ChunkIndexKind::Implicit),
                (1, ChunkIndexKind::FixedArray { page_bits }),
                (
                    0,
                    ChunkIndexKind::ExtensibleArray { max_bits, index_elements, min_pointers, min_elements, page_bits },
                ),
                (0, ChunkIndexKind::BTreeV2 { node_size: 2048, split_percent: 100, merge_percent: 40 }),
            ] {
                layouts.push(chunked(version, flags, index));
            }
            layouts.push(DataLayout { version, storage: Storage::Virtual { mappings: Some((Address(5), 1)) } });
        }
        for version in 3..=5 {
            layouts.push(DataLayout { version, storage: Storage::Contiguous { address: None, size: Some(80) } });
        }
        for layout in layouts {
            testing::round_trip(&layout, Sizes::EIGHT, DataLayout::parse, DataLayout::encode);
        }
    }

    #[test]
    fn reads_compact_data_and_its_place() {
        let bytes = [3, 0, 2, 0, 7, 8];
        let layout = DataLayout::parse(&mut Cursor::new(&bytes, 100, "layout", Sizes::EIGHT)).unwrap();
        assert_eq!(layout.storage, Storage::Compact { data: vec![7, 8], offset: 104 });
    }

    #[test]
    fn reads_version_1() {
        let mut bytes = vec![1u8, 3, 2, 0, 0, 0, 0, 0];
        bytes.extend(0x55u64.to_le_bytes());
        [4u32, 5, 8].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
        let layout = DataLayout::parse(&mut Cursor::new(&bytes, 0, "layout", Sizes::EIGHT)).unwrap();
        let Storage::Chunked(chunked) = layout.storage else { panic!("not chunked") };
        assert_eq!((chunked.chunk, chunked.element_size), (vec![4, 5], 8));
        let of = |size| DataLayout::parse_of(&mut Cursor::new(&bytes, 0, "layout", Sizes::EIGHT), size);
        assert!(of(8).is_ok());
        assert_eq!(of(4).unwrap_err().to_string(), "layout at 0x0: element size: expected 4, found 8");
        let compact = [2u8, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 9, 9];
        let layout = DataLayout::parse(&mut Cursor::new(&compact, 0, "layout", Sizes::EIGHT)).unwrap();
        assert_eq!(layout.storage, Storage::Compact { data: vec![9, 9], offset: 16 });
    }

    #[test]
    fn refuses_each_broken_rule() {
        for bytes in [
            &[6u8, 1][..],
            &[3, 3, 0, 0],
            &[4, 2, 4, 2, 1, 8, 8, 1],
            &[4, 2, 0, 1, 1, 8, 1, 255, 255, 255, 255, 255, 255, 255, 255],
            &[4, 2, 0, 2, 0, 8, 8, 1],
            &[4, 2, 0, 2, 1, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 0],
            &[4, 2, 0, 2, 1, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[4, 2, 0, 2, 1, 8, 8, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            testing::refused(bytes, Sizes::EIGHT, DataLayout::parse);
        }
    }
}
