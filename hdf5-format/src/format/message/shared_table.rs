//! Shared Message Table message, 0x0F (File Format Spec v3/4, IV.A.2.p)
//!
//! ```text
//! | version 1 | table O | indexes 1 |
//! ```
//! In the superblock extension; points at a
//! [`SharedMessageTable`](crate::format::shared_message_table::SharedMessageTable).

use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::Result;

/// Most indexes that a file may have.
pub const MOST_INDEXES: u8 = 8;

/// Where the table of shared message indexes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedTableMessage {
    /// The table.
    pub table: Address,
    /// Indexes in it.
    pub index_count: u8,
}

impl SharedTableMessage {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.version(&[0])?;
        let table = cursor.defined_address("shared message table address")?;
        let here = cursor.clone();
        let index_count = cursor.u8()?;
        if index_count == 0 || index_count > MOST_INDEXES {
            return Err(here.unexpected("number of shared message indexes", "1 to 8", index_count));
        }
        Ok(SharedTableMessage { table, index_count })
    }

    /// Bytes of the message.
    pub fn encoded_len(sizes: Sizes) -> usize {
        sizes.o().saturating_add(2)
    }

    /// Encodes the message.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.u8(0);
        writer.address(Some(self.table))?;
        writer.u8(self.index_count);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;

    #[test]
    fn parses_what_it_encodes() {
        let message = SharedTableMessage { table: Address(0x100), index_count: 2 };
        let bytes = testing::round_trip(&message, Sizes::EIGHT, SharedTableMessage::parse, SharedTableMessage::encode);
        assert_eq!(bytes, [0, 0, 1, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(bytes.len(), SharedTableMessage::encoded_len(Sizes::EIGHT));
        testing::refused(&[0, 0, 1, 0, 0, 0, 0, 0, 0, 9], Sizes::EIGHT, SharedTableMessage::parse);
        testing::refused(&[0, 0, 1, 0, 0, 0, 0, 0, 0, 0], Sizes::EIGHT, SharedTableMessage::parse);
    }
}
