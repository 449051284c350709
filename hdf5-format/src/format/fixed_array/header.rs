//! Fixed array header.
//!
//! ```text
//! "FAHD" | version 0 | client 1 | element size 1 | page bits 1 | elements L | data block O | checksum 4
//! ```

use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedArrayHeader {
    /// 0 for plain chunks, 1 for filtered ones.
    pub client: u8,
    /// Bytes of an element.
    pub element_size: u8,
    /// Pages hold 2 to this many elements.
    pub page_bits: u8,
    /// Elements of the array: chunks of the maximal extent.
    pub elements: u64,
    /// The data block; undefined until a chunk is written.
    pub data_block: Option<Address>,
}

impl FixedArrayHeader {
    /// First bytes.
    pub const SIGNATURE: &'static [u8; 4] = b"FAHD";

    /// Bytes of the header for widths of an address and of a length.
    pub fn encoded_len(offset: usize, length: usize) -> usize {
        offset.saturating_add(length).saturating_add(12)
    }

    /// Parses the header.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.signature(Self::SIGNATURE)?;
        cursor.version(&[0])?;
        let here = cursor.clone();
        let (client, element_size, page_bits) = (cursor.u8()?, cursor.u8()?, cursor.u8()?);
        if client > 1 {
            return Err(here.unexpected("client", "0 or 1", client));
        }
        if element_size == 0 || page_bits == 0 || page_bits > 63 {
            return Err(here.corrupt("an element size of 0, or page bits outside 1 to 63"));
        }
        let (elements, data_block) = (cursor.length()?, cursor.address()?);
        cursor.checksum()?;
        Ok(FixedArrayHeader { client, element_size, page_bits, elements, data_block })
    }

    /// Encodes the header.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        let start = writer.position();
        writer.bytes(Self::SIGNATURE);
        writer.bytes(&[0, self.client, self.element_size, self.page_bits]);
        writer.length(self.elements)?;
        writer.address(self.data_block)?;
        writer.checksum_from(start);
        Ok(())
    }

    /// Elements of a page.
    pub fn page_elements(&self) -> u64 {
        1u64.checked_shl(self.page_bits.into()).unwrap_or(u64::MAX)
    }

    /// Pages of the data block; 0 if it is not paged.
    pub fn pages(&self) -> u64 {
        if self.elements > self.page_elements() { self.elements.div_ceil(self.page_elements()) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    #[test]
    fn parses_what_it_encodes() {
        let (client, element_size, page_bits, elements) = (1, 15, 10, 1025);
        let header = FixedArrayHeader { client, element_size, page_bits, elements, data_block: Some(Address(0x1000)) };
        let mut bytes = testing::round_trip(&header, Sizes::EIGHT, FixedArrayHeader::parse, FixedArrayHeader::encode);
        assert_eq!((bytes.len(), header.pages()), (FixedArrayHeader::encoded_len(8, 8), 2));
        bytes[9] ^= 4;
        testing::refused(&bytes, Sizes::EIGHT, FixedArrayHeader::parse);
    }
}
