//! Driver Info message, 0x14, and block (File Format Spec v3/4, IV.A.2.u and II.B)
//!
//! ```text
//! message: | version 1 | id 8 | length 2 | information |
//! block:   | version 1 | 0 3 | length 4 | id 8 | information |
//! information of "NCSAfami": | member size 8 |
//! information of "NCSAmult": | map 6 | 0 2 | (start 8 | end 8) ... | name, NUL-padded to 8 ... |
//! ```
//! The message is in the superblock extension; superblocks 0 and 1 point at the block.

use crate::codec::{Cursor, Writer};
use crate::error::Result;
use alloc::vec::Vec;

/// Name of a driver and what it stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverInfo {
    /// `NCSAfami`, `NCSAmult`, or another driver's name.
    pub id: [u8; 8],
    /// The driver's own data.
    pub information: Vec<u8>,
}

impl DriverInfo {
    /// Bytes of the block before the information.
    pub const BLOCK_PREFIX: usize = 16;

    /// Parses the message.
    pub fn parse_message(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.version(&[0])?;
        let id = cursor.array()?;
        let len = cursor.u16()?;
        Ok(DriverInfo { id, information: cursor.bytes(usize::from(len))?.to_vec() })
    }

    /// Parses the block's first 16 bytes: the driver's name and the length of what follows.
    pub fn parse_block_prefix(cursor: &mut Cursor<'_>) -> Result<([u8; 8], u32)> {
        cursor.version(&[0])?;
        cursor.skip(3)?;
        let len = cursor.u32()?;
        Ok((cursor.array()?, len))
    }

    /// Encodes the message.
    pub fn encode_message(&self, writer: &mut Writer) -> Result<()> {
        writer.u8(0);
        writer.bytes(&self.id);
        writer.uint(self.information.len() as u64, 2)?;
        writer.bytes(&self.information);
        Ok(())
    }

    /// Encodes the block.
    pub fn encode_block(&self, writer: &mut Writer) -> Result<()> {
        writer.zeros(4);
        writer.uint(self.information.len() as u64, 4)?;
        writer.bytes(&self.id);
        writer.bytes(&self.information);
        Ok(())
    }
}

/// Bytes of a family's members, from its driver's information.
pub fn family_member_size(information: &[u8]) -> Option<u64> {
    information.first_chunk().map(|b| u64::from_le_bytes(*b)).filter(|&n| n > 0)
}

/// Kinds of data that the multi driver tells apart, in the order of its map: superblock, B-trees, raw data, global
/// heaps, local heaps, object headers.
pub const MEMORY_TYPES: usize = 6;

/// What the multi driver stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiInfo {
    /// For each kind of data the kind, from 1, whose member holds it; 0 is the kind itself.
    pub map: [u8; MEMORY_TYPES],
    /// The members, in the order of the first kind that they hold.
    pub members: Vec<MultiMember>,
}

/// A member of a multi or split file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiMember {
    /// First address of its window.
    pub start: u64,
    /// End of the member's own data, from its own start.
    pub end: u64,
    /// Its name: `%s` stands for the name of the whole.
    pub name: Vec<u8>,
}

impl MultiInfo {
    /// Parses the driver's information.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let here = cursor.clone();
        let map = cursor.array()?;
        let count = distinct(&map).ok_or_else(|| here.unexpected("member map", "0 to 6", alloc::format!("{map:?}")))?;
        cursor.skip(2)?;
        let mut members = Vec::new();
        for _ in 0..count {
            members.push(MultiMember { start: cursor.u64()?, end: cursor.u64()?, name: Vec::new() });
        }
        for member in &mut members {
            let before = cursor.remaining();
            member.name = cursor.c_str()?.to_vec();
            let len = before.saturating_sub(cursor.remaining());
            cursor.skip(len.next_multiple_of(8).saturating_sub(len))?;
        }
        Ok(MultiInfo { map, members })
    }

    /// Bytes of the information.
    pub fn encoded_len(&self) -> usize {
        let name = |m: &MultiMember| m.name.len().saturating_add(1).next_multiple_of(8);
        let members = self.members.iter().map(|m| name(m).saturating_add(16));
        members.fold(8, usize::saturating_add)
    }

    /// Appends the information.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.bytes(&self.map);
        writer.zeros(2);
        for member in &self.members {
            writer.u64(member.start);
            writer.u64(member.end);
        }
        for member in &self.members {
            let start = writer.position();
            writer.bytes(&member.name);
            writer.u8(0);
            writer.align_from(start, 8);
        }
        Ok(())
    }
}

/// How many members a map needs, if it is sound.
fn distinct(map: &[u8; MEMORY_TYPES]) -> Option<usize> {
    let mut used = [false; MEMORY_TYPES];
    for (own, &kind) in map.iter().enumerate() {
        let member = if kind == 0 { own } else { usize::from(kind.checked_sub(1)?) };
        *used.get_mut(member)? = true;
    }
    Some(used.iter().filter(|&&u| u).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    #[test]
    fn parses_what_it_encodes() {
        let info = DriverInfo { id: *b"NCSAfami", information: alloc::vec![0, 16, 0, 0, 0, 0, 0, 0] };
        testing::round_trip(&info, Sizes::EIGHT, DriverInfo::parse_message, DriverInfo::encode_message);
        assert_eq!(family_member_size(&info.information), Some(4096));
        let mut writer = Writer::new(Sizes::EIGHT);
        info.encode_block(&mut writer).unwrap();
        let mut cursor = Cursor::new(writer.as_slice(), 0, "driver info", Sizes::EIGHT);
        assert_eq!(DriverInfo::parse_block_prefix(&mut cursor).unwrap(), (*b"NCSAfami", 8));
    }

    #[test]
    fn golden_bytes_of_a_split_file_both_ways() {
        let member = |start, end, name: &[u8]| MultiMember { start, end, name: name.to_vec() };
        let split = MultiInfo {
            map: [1, 1, 3, 3, 1, 1],
            members: alloc::vec![member(0, 0x800, b"%s-m.h5"), member(1 << 40, 0x200, b"%s-raw.h5")],
        };
        let mut bytes = testing::round_trip(&split, Sizes::EIGHT, MultiInfo::parse, MultiInfo::encode);
        assert_eq!(bytes.len(), split.encoded_len());
        assert_eq!(bytes[..24], *b"\x01\x01\x03\x03\x01\x01\0\0\0\0\0\0\0\0\0\0\0\x08\0\0\0\0\0\0");
        assert_eq!(bytes[40..], *b"%s-m.h5\0%s-raw.h5\0\0\0\0\0\0\0");
        bytes[0] = 7;
        testing::refused(&bytes, Sizes::EIGHT, MultiInfo::parse);
        let own = MultiInfo { map: [0; 6], members: alloc::vec![member(0, 0, b""); 6] };
        testing::round_trip(&own, Sizes::EIGHT, MultiInfo::parse, MultiInfo::encode);
    }
}
