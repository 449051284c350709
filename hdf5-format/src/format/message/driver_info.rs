//! Driver information: the message of superblock extensions (File Format Spec, IV.A.2.u), and the block of
//! superblocks 0 and 1 (II.B).
//!
//! ```text
//! message  version 0 | id 8 | length 2 | information
//! block    version 0 | 0 3 | length 4 | id 8 | information
//! ```

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

/// What the family driver stores: `member size 8`.
pub fn family_member_size(information: &[u8]) -> Option<u64> {
    information.first_chunk().map(|b| u64::from_le_bytes(*b)).filter(|&n| n > 0)
}

/// Memory types of the multi driver, in the order of its map: superblock, B-tree, raw data, global heap, local heap,
/// object headers.
pub const MEMORY_TYPES: usize = 6;

/// A member of a multi or split file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiMember {
    /// First address of its window.
    pub start: u64,
    /// End of the member's own data.
    pub end: u64,
    /// Its name: `%s` stands for the name of the whole.
    pub name: Vec<u8>,
}

/// Parses what the multi driver stores: `map 6 | 0 2 | (start 8, end 8) each | names, NUL-padded to 8, each`.
pub fn multi_members(cursor: &mut Cursor<'_>) -> Result<Vec<MultiMember>> {
    let map: [u8; MEMORY_TYPES] = cursor.array()?;
    cursor.skip(2)?;
    let mut kinds: Vec<u8> = Vec::new();
    for (kind, own) in map.iter().zip(1u8..) {
        // 0 stands for "as itself".
        let member = if *kind == 0 { own } else { *kind };
        if member > 6 {
            return Err(cursor.unexpected("member map", "0 to 6", member));
        }
        if !kinds.contains(&member) {
            kinds.push(member);
        }
    }
    let mut members = Vec::new();
    for _ in &kinds {
        members.push(MultiMember { start: cursor.u64()?, end: cursor.u64()?, name: Vec::new() });
    }
    for member in &mut members {
        let start = cursor.clone();
        member.name = cursor.c_str()?.to_vec();
        let len = cursor.position().saturating_sub(start.position());
        let padded = len.next_multiple_of(8);
        cursor.skip(padded.saturating_sub(len).min(cursor.remaining()))?;
    }
    Ok(members)
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
    fn lists_the_members_of_a_split_file() {
        let mut bytes = alloc::vec![1u8, 1, 3, 1, 1, 1, 0, 0];
        for n in [0u64, 2048, 1 << 40, 512] {
            bytes.extend(n.to_le_bytes());
        }
        bytes.extend(b"%s-m.h5\0%s-r.h5\0");
        let members = multi_members(&mut Cursor::new(&bytes, 0, "driver info", Sizes::EIGHT)).unwrap();
        assert_eq!(members.len(), 2);
        assert_eq!((members[1].start, members[1].name.as_slice()), (1 << 40, &b"%s-r.h5"[..]));
        bytes[0] = 7;
        testing::refused(&bytes, Sizes::EIGHT, multi_members);
    }
}
