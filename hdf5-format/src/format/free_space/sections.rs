//! Free-space section list (File Format Spec v3/4, III.J)
//!
//! ```text
//! | "FSSE" 4 | version 1 | header O | group ... | zeros | checksum 4 |
//! group:   | sections | size | section ... |                  all sections of one size
//! section: | offset | kind 1 | by kind |
//! ```
//! Widths: the count is as wide as the number of stored sections needs, the size as the largest section, the offset as
//! the address bits. The free-space manager header points here, and holds all three. Early 1.8 releases wrote the size
//! a byte narrower where the largest section is a power of 256.

use super::header::{Client, FreeSpaceHeader};
use crate::codec::{Address, Cursor, Writer, limited_width};
use crate::error::Result;
use alloc::vec::Vec;

/// First four bytes.
pub const SIGNATURE: &[u8; 4] = b"FSSE";

/// The free sections of a manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeSpaceSections {
    /// The manager.
    pub header: Address,
    /// Sections in the order of the list: by size, then as stored.
    pub sections: Vec<Section>,
}

/// A free stretch of the client's space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Where it starts: an address, or an offset in the heap.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
    /// What kind of stretch.
    pub kind: SectionKind,
}

/// Kinds of section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// File: not paged.
    Simple,
    /// File, paged: within a page.
    Small,
    /// File, paged: a page or more.
    Large,
    /// Heap: in a direct block.
    Single,
    /// Heap: direct blocks of an indirect block's first row.
    FirstRow(IndirectSection),
    /// Heap: direct blocks of a further row.
    NormalRow,
    /// Heap: a range of an indirect block.
    Indirect(IndirectSection),
}

/// Which blocks of an indirect block are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndirectSection {
    /// Offset of the indirect block in the heap; as wide as the address bits.
    pub block_offset: u64,
    /// First row.
    pub row: u16,
    /// First column.
    pub column: u16,
    /// Blocks.
    pub entries: u16,
}

/// Widths of the fields that have no fixed one.
struct Widths {
    count: usize,
    size: usize,
    offset: usize,
}

impl Widths {
    fn of(header: &FreeSpaceHeader) -> Self {
        Widths {
            count: limited_width(header.serialised_count),
            size: limited_width(header.max_section_size),
            offset: usize::from(header.address_bits.div_ceil(8)),
        }
    }

    /// The widths that early releases wrote, if they differ.
    fn early(header: &FreeSpaceHeader) -> Option<Self> {
        let size = limited_width(header.max_section_size.saturating_sub(1));
        let widths = Widths::of(header);
        (size != widths.size).then_some(Widths { size, ..widths })
    }
}

impl FreeSpaceSections {
    /// Parses a list; the cursor must end where the used part of the list ends.
    pub fn parse(cursor: &mut Cursor<'_>, header: &FreeSpaceHeader) -> Result<Self> {
        let mut verify = cursor.clone();
        verify.skip(cursor.remaining().saturating_sub(4))?;
        cursor.signature(SIGNATURE)?;
        cursor.version(&[0])?;
        let owner = cursor.defined_address("manager address")?;
        verify.checksum()?;
        let mut early = cursor.clone();
        let sections = match (Self::groups(cursor, header, &Widths::of(header)), Widths::early(header)) {
            (Err(_), Some(widths)) => Self::groups(&mut early, header, &widths)?,
            (sections, _) => sections?,
        };
        cursor.skip(cursor.remaining())?;
        Ok(FreeSpaceSections { header: owner, sections })
    }

    fn groups(cursor: &mut Cursor<'_>, header: &FreeSpaceHeader, widths: &Widths) -> Result<Vec<Section>> {
        let mut sections = Vec::new();
        while (sections.len() as u64) < header.serialised_count {
            let here = cursor.clone();
            let count = cursor.uint(widths.count)?;
            let left = header.serialised_count.saturating_sub(sections.len() as u64);
            if count == 0 || count > left {
                return Err(here.unexpected("sections of one size", alloc::format!("1 to {left}"), count));
            }
            let here = cursor.clone();
            let size = cursor.uint(widths.size)?;
            if size == 0 || size > header.max_section_size {
                let expected = alloc::format!("1 to {}", header.max_section_size);
                return Err(here.unexpected("section size", expected, size));
            }
            for _ in 0..count {
                sections.push(Section::parse(cursor, header.client, size, widths)?);
            }
        }
        if cursor.remaining() < 4 {
            return Err(cursor.corrupt("the sections reach into the checksum"));
        }
        Ok(sections)
    }

    /// Appends the list in `header.sections_used` bytes. Sections of one size must follow each other.
    pub fn encode(&self, w: &mut Writer, header: &FreeSpaceHeader) -> Result<()> {
        let start = w.position();
        w.bytes(SIGNATURE);
        w.u8(0);
        w.address(Some(self.header))?;
        let widths = Widths::of(header);
        for group in self.sections.chunk_by(|a, b| a.size == b.size) {
            w.uint(group.len() as u64, widths.count)?;
            w.uint(group.first().map_or(0, |s| s.size), widths.size)?;
            group.iter().try_for_each(|s| s.encode(w, &widths))?;
        }
        let used = w.position().saturating_sub(start).saturating_add(4) as u64;
        w.zeros(crate::codec::to_usize(header.sections_used.saturating_sub(used))?);
        w.checksum_from(start);
        Ok(())
    }
}

impl Section {
    fn parse(cursor: &mut Cursor<'_>, client: Client, size: u64, widths: &Widths) -> Result<Self> {
        let offset = cursor.uint(widths.offset)?;
        let here = cursor.clone();
        let kind = match (client, cursor.u8()?) {
            (Client::File, 0) => SectionKind::Simple,
            (Client::File, 1) => SectionKind::Small,
            (Client::File, 2) => SectionKind::Large,
            (Client::FractalHeap, 0) => SectionKind::Single,
            (Client::FractalHeap, 1) => SectionKind::FirstRow(IndirectSection::parse(cursor, widths)?),
            (Client::FractalHeap, 2) => SectionKind::NormalRow,
            (Client::FractalHeap, 3) => SectionKind::Indirect(IndirectSection::parse(cursor, widths)?),
            (_, other) => return Err(here.unexpected("section kind", "one of the client's", other)),
        };
        Ok(Section { offset, size, kind })
    }

    fn encode(&self, w: &mut Writer, widths: &Widths) -> Result<()> {
        w.uint(self.offset, widths.offset)?;
        w.u8(match self.kind {
            SectionKind::Simple | SectionKind::Single => 0,
            SectionKind::Small | SectionKind::FirstRow(_) => 1,
            SectionKind::Large | SectionKind::NormalRow => 2,
            SectionKind::Indirect(_) => 3,
        });
        match self.kind {
            SectionKind::FirstRow(blocks) | SectionKind::Indirect(blocks) => blocks.encode(w, widths),
            _ => Ok(()),
        }
    }
}

impl IndirectSection {
    fn parse(cursor: &mut Cursor<'_>, widths: &Widths) -> Result<Self> {
        let block_offset = cursor.uint(widths.offset)?;
        Ok(IndirectSection { block_offset, row: cursor.u16()?, column: cursor.u16()?, entries: cursor.u16()? })
    }

    fn encode(&self, w: &mut Writer, widths: &Widths) -> Result<()> {
        w.uint(self.block_offset, widths.offset)?;
        [self.row, self.column, self.entries].iter().for_each(|&n| w.u16(n));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::header::tests::header;
    use super::*;
    use crate::codec::{Sizes, testing};

    fn list(kinds: [SectionKind; 2]) -> FreeSpaceSections {
        let [a, b] = kinds.map(|kind| Section { offset: 0x500, size: 0x20, kind });
        FreeSpaceSections { header: Address(0x400), sections: alloc::vec![a, Section { size: 0x30, ..b }] }
    }

    #[test]
    fn golden_bytes_both_ways() {
        let header = FreeSpaceHeader { sections_used: 37, ..header(Client::File) };
        let sizes = Sizes { offset: 4, length: 4 };
        let bytes = testing::round_trip(
            &list([SectionKind::Simple, SectionKind::Large]),
            sizes,
            |c| FreeSpaceSections::parse(c, &header),
            |v, w| v.encode(w, &header),
        );
        let golden = b"FSSE\0\0\x04\0\0\x01\x20\0\0\x05\0\0\0\x01\x30\0\0\x05\0\0\x02\0\0\0\0\0\0\0\0";
        assert_eq!(&bytes[..33], golden);
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x80;
            testing::refused(&bad, sizes, |c| FreeSpaceSections::parse(c, &header));
        }
    }

    #[test]
    fn knows_the_kinds_of_a_heap() {
        let header = FreeSpaceHeader { sections_used: 0, address_bits: 40, ..header(Client::FractalHeap) };
        let blocks = IndirectSection { block_offset: 0x1000, row: 1, column: 2, entries: 3 };
        for kinds in [
            [SectionKind::Single, SectionKind::FirstRow(blocks)],
            [SectionKind::NormalRow, SectionKind::Indirect(blocks)],
        ] {
            testing::round_trip(
                &list(kinds),
                Sizes::EIGHT,
                |c| FreeSpaceSections::parse(c, &header),
                |v, w| v.encode(w, &header),
            );
        }
    }

    #[test]
    fn reads_the_narrower_sizes_of_early_releases() {
        let header = FreeSpaceHeader {
            section_count: 1,
            serialised_count: 1,
            ghost_count: 0,
            max_section_size: 65536,
            ..header(Client::FractalHeap)
        };
        let bytes = b"FSSE\0\x18\x0e\0\0\0\0\0\0\x01\x67\x01\x99\0\0\0\0\x95\xf5\xa2\xb8";
        let parsed = FreeSpaceSections::parse(&mut Cursor::new(bytes, 0, "list", Sizes::EIGHT), &header).unwrap();
        assert_eq!(parsed.sections, [Section { offset: 0x99, size: 359, kind: SectionKind::Single }]);
    }

    #[test]
    fn refuses_broken_invariants() {
        let good = FreeSpaceHeader { sections_used: 0, ..header(Client::File) };
        let refused = |value: &FreeSpaceSections, header: &FreeSpaceHeader| {
            let mut w = Writer::new(Sizes::EIGHT);
            value.encode(&mut w, &good).unwrap();
            testing::refused(w.as_slice(), Sizes::EIGHT, |c| FreeSpaceSections::parse(c, header));
        };
        let value = list([SectionKind::Simple, SectionKind::Simple]);
        refused(&value, &FreeSpaceHeader { serialised_count: 9, ..good.clone() });
        refused(&value, &FreeSpaceHeader { max_section_size: 0x2f, ..good.clone() });
        refused(&value, &FreeSpaceHeader { serialised_count: 1 << 20, ..good.clone() });
        refused(
            &list([
                SectionKind::Simple,
                SectionKind::Indirect(IndirectSection { block_offset: 0, row: 0, column: 0, entries: 0 }),
            ]),
            &good,
        );
    }
}
