//! Object Reference Count message, 0x16 (File Format Spec v3/4, IV.A.2.w)
//!
//! ```text
//! | version 1 | count 4 |
//! ```
//! In a version 2 header, if the count is not one; version 1 has it in the prefix.

use crate::codec::{Cursor, Writer};
use crate::error::Result;

/// Hard links to an object with a version 2 header, stored when there is more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferenceCount(pub u32);

impl ReferenceCount {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.version(&[0])?;
        cursor.u32().map(ReferenceCount)
    }

    /// Bytes of the message.
    pub fn encoded_len(self) -> usize {
        5
    }

    /// Encodes the message.
    pub fn encode(self, writer: &mut Writer) {
        writer.u8(0);
        writer.u32(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;

    #[test]
    fn parses_what_it_encodes() {
        let mut writer = Writer::new(Sizes::EIGHT);
        ReferenceCount(0x0102).encode(&mut writer);
        assert_eq!(writer.as_slice(), [0, 2, 1, 0, 0]);
        let parse = |b: &[u8]| ReferenceCount::parse(&mut Cursor::new(b, 0, "x", Sizes::EIGHT));
        assert_eq!(parse(writer.as_slice()).unwrap(), ReferenceCount(0x0102));
        (0..5).for_each(|n| assert!(parse(&writer.as_slice()[..n]).is_err()));
        assert!(parse(&[1, 0, 0, 0, 0]).is_err());
    }
}
