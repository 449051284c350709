//! Local heap (File Format Spec, III.D): names and soft link values of an old-style group, or names of external files.
//!
//! ```text
//! "HEAP" 4 | version 1 = 0 | 0 3 | data segment length L | free list head L | data segment O
//! free block, within the data segment: next free block L | length L | ...
//! ```
//!
//! Points here: symbol table message, symbol table entry, external file list. Objects of the data segment start at
//! multiples of 8 and are referred to by their offset. The free list ends with the offset 1.

use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::Result;

/// Name in errors.
pub const STRUCTURE: &str = "local heap";
/// What stands for "no free block".
pub const END_OF_FREE_LIST: u64 = 1;

/// The heap's prefix; its data segment is elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalHeap {
    /// Bytes of the data segment.
    pub data_len: u64,
    /// Offset of the first free block in the data segment.
    pub free_list: Option<u64>,
    /// The data segment.
    pub data: Address,
}

/// A free block of the data segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeBlock {
    /// Offset of the next free block.
    pub next: Option<u64>,
    /// Bytes of this block, these fields included.
    pub len: u64,
}

impl LocalHeap {
    /// First bytes.
    pub const SIGNATURE: &'static [u8; 4] = b"HEAP";

    /// Bytes of the prefix.
    pub fn encoded_len(sizes: Sizes) -> usize {
        sizes.l().saturating_mul(2).saturating_add(sizes.o()).saturating_add(8)
    }

    /// Parses the prefix.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.signature(Self::SIGNATURE)?;
        cursor.version(&[0])?;
        cursor.skip(3)?;
        let data_len = cursor.length()?;
        let here = cursor.clone();
        // Old libraries wrote all bits one for an empty list.
        let free_list = cursor.length_or_undefined()?.filter(|&n| n != END_OF_FREE_LIST);
        if let Some(head) = free_list.filter(|&head| head >= data_len) {
            return Err(here.unexpected("free list head", alloc::format!("below {data_len}"), head));
        }
        Ok(LocalHeap { data_len, free_list, data: cursor.defined_address("data segment address")? })
    }

    /// Encodes the prefix.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.bytes(Self::SIGNATURE);
        writer.zeros(4);
        writer.length(self.data_len)?;
        writer.length(self.free_list.unwrap_or(END_OF_FREE_LIST))?;
        writer.address(Some(self.data))
    }
}

impl FreeBlock {
    /// Bytes of the fields, and least length of a free block.
    pub fn encoded_len(sizes: Sizes) -> usize {
        sizes.l().saturating_mul(2)
    }

    /// Parses the fields at the start of a free block, from which `room` bytes are left in the data segment.
    pub fn parse(cursor: &mut Cursor<'_>, room: u64) -> Result<Self> {
        let here = cursor.clone();
        let next = cursor.length()?;
        if next == 0 {
            return Err(here.unexpected("next free block", "1, or a multiple of 8", 0));
        }
        let len = cursor.length()?;
        let least = Self::encoded_len(cursor.sizes()) as u64;
        if len < least || len > room {
            return Err(here.unexpected("length of free block", alloc::format!("{least} to {room}"), len));
        }
        Ok(FreeBlock { next: Some(next).filter(|&n| n != END_OF_FREE_LIST), len })
    }

    /// Encodes the fields at the start of a free block.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.length(self.next.unwrap_or(END_OF_FREE_LIST))?;
        writer.length(self.len)
    }
}

/// The text at an offset of a data segment, up to its NUL.
pub fn text(segment: &[u8], offset: u64) -> Option<&[u8]> {
    let rest = segment.get(usize::try_from(offset).ok()?..)?;
    rest.get(..rest.iter().position(|&b| b == 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;

    const SIZES: Sizes = Sizes { offset: 4, length: 2 };

    #[test]
    fn golden_bytes_both_ways_and_no_truncation() {
        for (free_list, stored) in [(None, 1), (Some(24), 24)] {
            let heap = LocalHeap { data_len: 88, free_list, data: Address(0x2c8) };
            let mut bytes = testing::round_trip(&heap, SIZES, LocalHeap::parse, LocalHeap::encode);
            assert_eq!(bytes, [b'H', b'E', b'A', b'P', 0, 0, 0, 0, 88, 0, stored, 0, 0xc8, 2, 0, 0]);
            assert_eq!(bytes.len(), LocalHeap::encoded_len(SIZES));
            for (at, value) in [(0, b'X'), (4, 1), (10, 88)] {
                let before = core::mem::replace(&mut bytes[at], value);
                testing::refused(&bytes, SIZES, LocalHeap::parse);
                bytes[at] = before;
            }
            bytes[12..].fill(0xff);
            testing::refused(&bytes, SIZES, LocalHeap::parse);
        }
    }

    #[test]
    fn an_old_empty_free_list() {
        let bytes = [b'H', b'E', b'A', b'P', 0, 0, 0, 0, 88, 0, 0xff, 0xff, 0, 1, 0, 0];
        let heap = LocalHeap::parse(&mut Cursor::new(&bytes, 0, STRUCTURE, SIZES)).unwrap();
        assert_eq!(heap.free_list, None);
    }

    #[test]
    fn free_blocks() {
        for next in [None, Some(16)] {
            testing::round_trip(&FreeBlock { next, len: 4 }, SIZES, |c| FreeBlock::parse(c, 4), FreeBlock::encode);
        }
        for broken in [[0, 0, 4, 0], [1, 0, 5, 0], [1, 0, 3, 0]] {
            testing::refused(&broken, SIZES, |c| FreeBlock::parse(c, 4));
        }
    }

    #[test]
    fn finds_text_only_where_it_ends() {
        assert_eq!(text(b"\0abc\0def", 1), Some(&b"abc"[..]));
        assert_eq!(text(b"\0abc\0def", 5), None);
        assert_eq!(text(b"\0abc\0def", 99), None);
    }
}
