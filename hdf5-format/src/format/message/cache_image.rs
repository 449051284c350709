//! Metadata cache image message (in the superblock extension; not in the specification):
//! `version 0 | image O | length L`.

use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;

/// Where the metadata cache image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheImageMessage {
    /// The image block; undefined after it was used.
    pub address: Option<Address>,
    /// Its bytes.
    pub len: u64,
}

impl CacheImageMessage {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.version(&[0])?;
        Ok(CacheImageMessage { address: cursor.address()?, len: cursor.length()? })
    }

    /// Encodes the message.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.u8(0);
        writer.address(self.address)?;
        writer.length(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    #[test]
    fn parses_what_it_encodes() {
        let message = CacheImageMessage { address: Some(Address(0x800)), len: 77 };
        testing::round_trip(&message, Sizes::EIGHT, CacheImageMessage::parse, CacheImageMessage::encode);
    }
}
