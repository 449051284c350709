//! Version 1 Object Header Prefix (File Format Spec v3/4, IV.A.1.a)
//!
//! ```text
//! | version 1 | 0 1 | messages 2 | reference count 4 | bytes of the first chunk 4 | 0 4 |
//! ```
//! Links, symbol table entries, superblocks and references point here. The first chunk of messages follows.

use crate::codec::{Cursor, Writer};
use crate::error::Result;

/// The 16 bytes before the first chunk of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixV1 {
    /// Messages in all chunks, NIL and continuation messages included.
    pub message_count: u16,
    /// Hard links to the object.
    pub reference_count: u32,
    /// Bytes of the first chunk, which follows the prefix.
    pub chunk_len: u32,
}

impl PrefixV1 {
    /// Bytes of the prefix.
    pub const LEN: usize = 16;

    /// Parses the prefix.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.version(&[1])?;
        cursor.skip(1)?;
        let (message_count, reference_count, chunk_len) = (cursor.u16()?, cursor.u32()?, cursor.u32()?);
        cursor.skip(4)?;
        Ok(PrefixV1 { message_count, reference_count, chunk_len })
    }

    /// Encodes the prefix.
    pub fn encode(&self, writer: &mut Writer) {
        writer.bytes(&[1, 0]);
        writer.u16(self.message_count);
        writer.u32(self.reference_count);
        writer.u32(self.chunk_len);
        writer.zeros(4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;

    #[test]
    fn parses_what_it_encodes() {
        let prefix = PrefixV1 { message_count: 3, reference_count: 1, chunk_len: 24 };
        let mut writer = Writer::new(Sizes::EIGHT);
        prefix.encode(&mut writer);
        let golden = [1, 0, 3, 0, 1, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(writer.as_slice(), golden);
        let parse = |b: &[u8]| PrefixV1::parse(&mut Cursor::new(b, 0, "object header", Sizes::EIGHT));
        assert_eq!(parse(&golden).unwrap(), prefix);
        (0..16).for_each(|n| assert!(parse(&golden[..n]).is_err()));
    }
}
