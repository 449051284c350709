//! Metadata Cache Image message, 0x18: not in the File Format Specification.
//!
//! ```text
//! | version 1 | image O | length L |
//! ```
//! In the superblock extension; points at a [`CacheImage`](crate::format::cache_image::CacheImage).

use crate::codec::{Address, Cursor, Sizes, Writer};
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

    /// Bytes of the message.
    pub fn encoded_len(sizes: Sizes) -> usize {
        sizes.o().saturating_add(sizes.l()).saturating_add(1)
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
    use crate::codec::testing;

    #[test]
    fn parses_what_it_encodes() {
        let message = CacheImageMessage { address: Some(Address(0x800)), len: 77 };
        let sizes = Sizes { offset: 4, length: 2 };
        let bytes = testing::round_trip(&message, sizes, CacheImageMessage::parse, CacheImageMessage::encode);
        assert_eq!(bytes, [0, 0, 8, 0, 0, 77, 0]);
        assert_eq!(bytes.len(), CacheImageMessage::encoded_len(sizes));
        testing::refused(&[1, 0, 8, 0, 0, 77, 0], sizes, CacheImageMessage::parse);
    }
}
