//! External Data Files message, 0x07 (File Format Spec v3/4, IV.A.2.h)
//!
//! ```text
//! | version 1 | 0 3 | allocated slots 2 | used slots 2 | local heap O | slot ... |
//! slot: | name offset L | file offset L | size L |
//! ```
//! In the header of a dataset with contiguous layout; points at the local heap with the names.

use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::Result;
use alloc::vec::Vec;

/// The files that hold a dataset's raw data, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalFiles {
    /// Local heap with the names.
    pub heap: Address,
    /// Slots in use.
    pub slots: Vec<Slot>,
}

/// A range of an external file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Offset of the name in the local heap.
    pub name_offset: u64,
    /// First byte used of that file.
    pub offset: u64,
    /// Bytes used; `None` is unlimited.
    pub size: Option<u64>,
}

impl ExternalFiles {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.version(&[1])?;
        cursor.skip(3)?;
        let here = cursor.clone();
        let (allocated, used) = (cursor.u16()?, cursor.u16()?);
        if used == 0 || used > allocated {
            return Err(here.unexpected("slots in use", alloc::format!("1 to {allocated}"), used));
        }
        let heap = cursor.defined_address("local heap address")?;
        let mut slots = Vec::new();
        for _ in 0..used {
            let (name_offset, offset) = (cursor.length()?, cursor.length()?);
            slots.push(Slot { name_offset, offset, size: cursor.length_or_undefined()? });
        }
        Ok(ExternalFiles { heap, slots })
    }

    /// Bytes of the message.
    pub fn encoded_len(&self, sizes: Sizes) -> usize {
        let slots = self.slots.len().saturating_mul(sizes.l().saturating_mul(3));
        slots.saturating_add(sizes.o()).saturating_add(8)
    }

    /// Encodes the message, with no spare slots.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.bytes(&[1, 0, 0, 0]);
        writer.uint(self.slots.len() as u64, 2)?;
        writer.uint(self.slots.len() as u64, 2)?;
        writer.address(Some(self.heap))?;
        for slot in &self.slots {
            writer.length(slot.name_offset)?;
            writer.length(slot.offset)?;
            writer.length_or_undefined(slot.size)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;

    #[test]
    fn parses_what_it_encodes() {
        let slots = alloc::vec![
            Slot { name_offset: 8, offset: 0, size: Some(100) },
            Slot { name_offset: 24, offset: 5, size: None },
        ];
        let message = ExternalFiles { heap: Address(0x99), slots };
        let mut bytes = testing::round_trip(&message, Sizes::EIGHT, ExternalFiles::parse, ExternalFiles::encode);
        assert_eq!(bytes.len(), message.encoded_len(Sizes::EIGHT));
        assert_eq!(bytes[..24], [1, 0, 0, 0, 2, 0, 2, 0, 0x99, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]);
        bytes[6] = 3;
        testing::refused(&bytes, Sizes::EIGHT, ExternalFiles::parse);
        bytes[6] = 0;
        testing::refused(&bytes, Sizes::EIGHT, ExternalFiles::parse);
    }
}
