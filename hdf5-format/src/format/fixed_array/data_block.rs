//! Fixed array data block.
//!
//! ```text
//! "FADB" | version 0 | client 1 | header O | elements | checksum 4
//! paged: "FADB" | version 0 | client 1 | header O | page bitmap | checksum 4 | pages: elements, checksum 4 each
//! ```
//!
//! Bits of the page bitmap go from the highest of each byte; pages whose bit is 0 hold undefined bytes.

use super::header::FixedArrayHeader;
use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;

/// What stands before the elements, or before the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedArrayDataBlock<'a> {
    /// The array's header.
    pub header: Address,
    /// One bit for each page; empty if the block is not paged.
    pub page_bitmap: &'a [u8],
}

impl<'a> FixedArrayDataBlock<'a> {
    /// First bytes.
    pub const SIGNATURE: &'static [u8; 4] = b"FADB";

    /// Bytes before the elements of a block without pages, or before the checksum of a paged one's prefix.
    pub fn prefix_len(header: &FixedArrayHeader, offset: usize) -> u64 {
        (offset as u64).saturating_add(6).saturating_add(header.pages().div_ceil(8))
    }

    /// Parses the prefix of a block, with the bitmap of a paged one.
    pub fn parse(cursor: &mut Cursor<'a>, array: &FixedArrayHeader) -> Result<Self> {
        cursor.signature(Self::SIGNATURE)?;
        cursor.version(&[0])?;
        let here = cursor.clone();
        let client = cursor.u8()?;
        if client != array.client {
            return Err(here.unexpected("client", array.client, client));
        }
        let header = cursor.defined_address("fixed array header address")?;
        let page_bitmap = cursor.bytes_u64(array.pages().div_ceil(8))?;
        Ok(FixedArrayDataBlock { header, page_bitmap })
    }

    /// Encodes the prefix; what follows is the caller's, with the checksum that covers both.
    pub fn encode(&self, array: &FixedArrayHeader, writer: &mut Writer) -> Result<()> {
        writer.bytes(Self::SIGNATURE);
        writer.bytes(&[0, array.client]);
        writer.address(Some(self.header))?;
        writer.bytes(self.page_bitmap);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;

    #[test]
    fn parses_what_it_encodes() {
        for (elements, bitmap) in [(10, &[][..]), (5000, &[0xa0u8][..])] {
            let array = FixedArrayHeader { client: 0, element_size: 8, page_bits: 10, elements, data_block: None };
            let block = FixedArrayDataBlock { header: Address(0x40), page_bitmap: bitmap };
            let mut writer = Writer::new(Sizes::EIGHT);
            block.encode(&array, &mut writer).unwrap();
            let bytes = writer.into_bytes();
            assert_eq!(bytes.len() as u64, FixedArrayDataBlock::prefix_len(&array, 8));
            let parse = |b| FixedArrayDataBlock::parse(&mut Cursor::new(b, 0, "block", Sizes::EIGHT), &array).is_ok();
            assert!(parse(&bytes));
            (0..bytes.len()).for_each(|n| assert!(!parse(&bytes[..n])));
        }
    }
}
