//! Object Header Continuation message, 0x10 (File Format Spec v3/4, IV.A.2.q)
//!
//! ```text
//! | address O | length L |
//! ```
//! In a chunk of an object header; points at a further chunk of the same header.

use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::Result;

/// Where the header goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// The chunk.
    pub address: Address,
    /// Its bytes, with signature and checksum in a version 2 header.
    pub len: u64,
}

impl Continuation {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let address = cursor.defined_address("continuation address")?;
        let here = cursor.clone();
        let len = cursor.length()?;
        if len == 0 {
            return Err(here.unexpected("continuation length", "above 0", 0));
        }
        Ok(Continuation { address, len })
    }

    /// Bytes of the message.
    pub fn encoded_len(sizes: Sizes) -> usize {
        sizes.o().saturating_add(sizes.l())
    }

    /// Encodes the message.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.address(Some(self.address))?;
        writer.length(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_it_encodes() {
        let message = Continuation { address: Address(0x400), len: 64 };
        let mut writer = Writer::new(Sizes { offset: 4, length: 2 });
        message.encode(&mut writer).unwrap();
        assert_eq!(writer.as_slice(), [0, 4, 0, 0, 64, 0]);
        let parse = |b: &[u8]| Continuation::parse(&mut Cursor::new(b, 0, "x", Sizes { offset: 4, length: 2 }));
        assert_eq!(parse(writer.as_slice()).unwrap(), message);
        (0..6).for_each(|n| assert!(parse(&writer.as_slice()[..n]).is_err()));
        assert!(parse(&[0, 4, 0, 0, 0, 0]).is_err());
        assert!(parse(&[255, 255, 255, 255, 8, 0]).is_err());
    }
}
