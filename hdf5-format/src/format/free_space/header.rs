//! Free-space manager header (File Format Spec v3/4, III.J)
//!
//! ```text
//! | "FSHD" 4 | version 1 | client 1 | total space L | sections L | serialised sections L | ghost sections L |
//! | section classes 2 | shrink percent 2 | expand percent 2 | address bits 2 | largest section L |
//! | section list O | used bytes of it L | allocated bytes of it L | checksum 4 |
//! ```
//! The file space info message and fractal heap headers point here.

use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::Result;

/// First four bytes.
pub const SIGNATURE: &[u8; 4] = b"FSHD";

/// Whose space it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Blocks of a fractal heap.
    FractalHeap,
    /// The file.
    File,
}

/// A free-space manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeSpaceHeader {
    /// Whose space it is.
    pub client: Client,
    /// Free bytes.
    pub total_space: u64,
    /// Sections, those that are not stored included.
    pub section_count: u64,
    /// Sections stored in the list.
    pub serialised_count: u64,
    /// Sections that are not stored.
    pub ghost_count: u64,
    /// Kinds of section that the client knows.
    pub class_count: u16,
    /// Percentage of use below which the list is made shorter.
    pub shrink_percent: u16,
    /// Percentage by which it is made longer.
    pub expand_percent: u16,
    /// Bits of an address in the client's space.
    pub address_bits: u16,
    /// Largest section possible.
    pub max_section_size: u64,
    /// The list of sections; undefined if there are none.
    pub sections: Option<Address>,
    /// Bytes of the list in use.
    pub sections_used: u64,
    /// Bytes of the list allocated.
    pub sections_allocated: u64,
}

impl FreeSpaceHeader {
    /// Parses the header.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.signature(SIGNATURE)?;
        cursor.version(&[0])?;
        let here = cursor.clone();
        let client = match cursor.u8()? {
            0 => Client::FractalHeap,
            1 => Client::File,
            other => return Err(here.unexpected("client", "0 or 1", other)),
        };
        let (total_space, section_count) = (cursor.length()?, cursor.length()?);
        let here = cursor.clone();
        let (serialised_count, ghost_count) = (cursor.length()?, cursor.length()?);
        if serialised_count.checked_add(ghost_count) != Some(section_count) {
            let found = alloc::format!("{serialised_count} and {ghost_count}");
            return Err(here.unexpected(
                "stored and other sections",
                alloc::format!("a sum of {section_count}"),
                found,
            ));
        }
        let (class_count, shrink_percent, expand_percent) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
        let here = cursor.clone();
        let address_bits = cursor.u16()?;
        if !(1..=64).contains(&address_bits) {
            return Err(here.unexpected("address bits", "1 to 64", address_bits));
        }
        let (max_section_size, sections) = (cursor.length()?, cursor.address()?);
        let here = cursor.clone();
        let (sections_used, sections_allocated) = (cursor.length()?, cursor.length()?);
        if sections_used > sections_allocated {
            return Err(here.unexpected("used bytes", alloc::format!("at most {sections_allocated}"), sections_used));
        }
        cursor.checksum()?;
        Ok(FreeSpaceHeader {
            client,
            total_space,
            section_count,
            serialised_count,
            ghost_count,
            class_count,
            shrink_percent,
            expand_percent,
            address_bits,
            max_section_size,
            sections,
            sections_used,
            sections_allocated,
        })
    }

    /// Bytes of the header.
    pub fn encoded_len(sizes: Sizes) -> usize {
        sizes.l().saturating_mul(7).saturating_add(sizes.o()).saturating_add(18)
    }

    /// Appends the header.
    pub fn encode(&self, w: &mut Writer) -> Result<()> {
        let start = w.position();
        w.bytes(SIGNATURE);
        w.u8(0);
        w.u8(u8::from(self.client == Client::File));
        for length in [self.total_space, self.section_count, self.serialised_count, self.ghost_count] {
            w.length(length)?;
        }
        [self.class_count, self.shrink_percent, self.expand_percent, self.address_bits].iter().for_each(|&n| w.u16(n));
        w.length(self.max_section_size)?;
        w.address(self.sections)?;
        w.length(self.sections_used)?;
        w.length(self.sections_allocated)?;
        w.checksum_from(start);
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::codec::testing;

    pub(crate) fn header(client: Client) -> FreeSpaceHeader {
        FreeSpaceHeader {
            client,
            total_space: 0x300,
            section_count: 3,
            serialised_count: 2,
            ghost_count: 1,
            class_count: 4,
            shrink_percent: 80,
            expand_percent: 120,
            address_bits: 32,
            max_section_size: 0x7fff,
            sections: Some(Address(0x400)),
            sections_used: 60,
            sections_allocated: 80,
        }
    }

    #[test]
    fn golden_bytes_both_ways() {
        let sizes = Sizes { offset: 4, length: 2 };
        let value = header(Client::File);
        let bytes = testing::round_trip(&value, sizes, FreeSpaceHeader::parse, FreeSpaceHeader::encode);
        let golden = b"FSHD\0\x01\0\x03\x03\0\x02\0\x01\0\x04\0\x50\0\x78\0\x20\0\xff\x7f\0\x04\0\0\x3c\0\x50\0";
        assert_eq!(&bytes[..32], golden);
        assert_eq!(bytes.len(), FreeSpaceHeader::encoded_len(sizes));
        testing::round_trip(
            &header(Client::FractalHeap),
            Sizes::EIGHT,
            FreeSpaceHeader::parse,
            FreeSpaceHeader::encode,
        );
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x80;
            testing::refused(&bad, sizes, FreeSpaceHeader::parse);
        }
    }

    #[test]
    fn refuses_broken_invariants() {
        let refused = |change: fn(&mut FreeSpaceHeader)| {
            let mut value = header(Client::File);
            change(&mut value);
            let mut w = Writer::new(Sizes::EIGHT);
            value.encode(&mut w).unwrap();
            testing::refused(w.as_slice(), Sizes::EIGHT, FreeSpaceHeader::parse);
        };
        refused(|h| h.section_count = 4);
        refused(|h| h.address_bits = 0);
        refused(|h| h.address_bits = 65);
        refused(|h| h.sections_used = 81);
    }

    proptest::proptest! {
        #[test]
        fn parses_what_it_encodes(
            file: bool, counts in proptest::array::uniform2(0..1u64 << 60), shorts in proptest::array::uniform3(0u16..),
            address_bits in 1u16..=64, lengths in proptest::array::uniform4(0..1u64 << 60),
        ) {
            let value = FreeSpaceHeader {
                client: if file { Client::File } else { Client::FractalHeap },
                total_space: lengths[0],
                section_count: counts[0] + counts[1],
                serialised_count: counts[0],
                ghost_count: counts[1],
                class_count: shorts[0],
                shrink_percent: shorts[1],
                expand_percent: shorts[2],
                address_bits,
                max_section_size: lengths[1],
                sections: Some(Address(lengths[2])),
                sections_used: lengths[2].min(lengths[3]),
                sections_allocated: lengths[3],
            };
            let mut w = Writer::new(Sizes::EIGHT);
            value.encode(&mut w).unwrap();
            let parsed = FreeSpaceHeader::parse(&mut Cursor::new(w.as_slice(), 0, "x", Sizes::EIGHT));
            assert_eq!(parsed.unwrap(), value);
        }
    }
}
