//! Fractal heap direct block (File Format Spec, III.G).
//!
//! ```text
//! "FHDB" 4 | version 1 = 0 | heap header O | offset of the block in the heap | [checksum 4] | objects
//! ```
//!
//! Points here: the heap header, indirect blocks. Offsets of objects count from the block's first byte, prefix
//! included. The checksum is that of the whole block, unfiltered, with zeros in its own place; the header says if
//! there is one.

use crate::codec::checksum::lookup3;
use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::{Error, ErrorKind, Result, Rule};
use alloc::vec::Vec;

/// Name in errors.
pub const STRUCTURE: &str = "fractal heap direct block";

/// A block's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectBlock {
    /// Header of the heap that the block is of.
    pub heap: Address,
    /// Offset of the block in the heap's address space.
    pub offset: u64,
}

impl DirectBlock {
    /// First bytes.
    pub const SIGNATURE: &'static [u8; 4] = b"FHDB";

    /// Bytes before the first object.
    pub fn prefix_len(sizes: Sizes, offset_width: usize, checksum: bool) -> usize {
        let sum = if checksum { 4 } else { 0 };
        sizes.o().saturating_add(offset_width).saturating_add(sum).saturating_add(5)
    }

    /// Parses the prefix of the block that `cursor` holds as a whole, and checks its checksum, if it has one.
    pub fn parse(cursor: &mut Cursor<'_>, offset_width: usize, checksum: bool) -> Result<Self> {
        let whole = cursor.clone();
        cursor.signature(Self::SIGNATURE)?;
        cursor.version(&[0])?;
        let block =
            DirectBlock { heap: cursor.defined_address("heap header address")?, offset: cursor.uint(offset_width)? };
        if checksum {
            let here = cursor.clone();
            let at = cursor.position().saturating_sub(whole.position());
            let stored = cursor.u32()?;
            let computed = if cursor.is_unsealed() { stored } else { zeroed_checksum(whole.clone().rest(), at) };
            if stored != computed {
                let (expected, found) = (alloc::format!("{computed:#010x}"), alloc::format!("{stored:#010x}"));
                let error = here.unexpected("checksum", expected, found).breaks(Rule::Checksum);
                return Err(error.with_hint("the file is damaged here"));
            }
        }
        Ok(block)
    }

    /// Encodes a block of `size` bytes with these objects, zeros after them.
    pub fn encode(
        &self,
        writer: &mut Writer,
        offset_width: usize,
        checksum: bool,
        objects: &[u8],
        size: usize,
    ) -> Result<()> {
        let start = writer.position();
        let prefix = Self::prefix_len(writer.sizes(), offset_width, checksum);
        let free = size.checked_sub(prefix).and_then(|room| room.checked_sub(objects.len())).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, alloc::format!("{} bytes of objects in {size}", objects.len()))
                .within(STRUCTURE)
        })?;
        writer.bytes(Self::SIGNATURE);
        writer.u8(0);
        writer.address(Some(self.heap))?;
        writer.uint(self.offset, offset_width)?;
        let at = writer.position();
        writer.zeros(if checksum { 4 } else { 0 });
        writer.bytes(objects);
        writer.zeros(free);
        if checksum {
            let sum = lookup3(writer.as_slice().get(start..).unwrap_or(&[]), 0);
            writer.patch(at, &sum.to_le_bytes());
        }
        Ok(())
    }
}

/// Checksum of a block with zeros instead of the four bytes at `at`.
fn zeroed_checksum(block: &[u8], at: usize) -> u32 {
    let mut copy: Vec<u8> = block.to_vec();
    copy.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0);
    lookup3(&copy, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;

    const SIZES: Sizes = Sizes { offset: 4, length: 4 };
    const BLOCK: DirectBlock = DirectBlock { heap: Address(0x0203), offset: 0x0405 };

    #[test]
    fn golden_bytes_both_ways_and_no_truncation() {
        for checksum in [false, true] {
            let bytes = testing::round_trip(
                &BLOCK,
                SIZES,
                // Without a checksum nothing tells where the block ends.
                |cursor| DirectBlock::parse(cursor, 3, checksum).and_then(|b| cursor.skip(5).map(|()| b)),
                |block, writer| block.encode(writer, 3, checksum, b"objec", if checksum { 21 } else { 17 }),
            );
            assert_eq!(bytes[..12], [b'F', b'H', b'D', b'B', 0, 3, 2, 0, 0, 5, 4, 0]);
            assert_eq!(&bytes[bytes.len() - 5..], b"objec");
            let prefix = DirectBlock::prefix_len(SIZES, 3, checksum);
            assert_eq!(prefix, if checksum { 16 } else { 12 });
            for at in 0..if checksum { bytes.len() } else { 5 } {
                let mut broken = bytes.clone();
                broken[at] ^= 4;
                testing::refused(&broken, SIZES, |cursor| DirectBlock::parse(cursor, 3, checksum));
            }
        }
    }

    #[test]
    fn objects_must_fit() {
        assert!(BLOCK.encode(&mut Writer::new(SIZES), 3, true, &[0; 6], 21).is_err());
    }
}
