//! Mappings of a virtual dataset (File Format Spec, "Virtual Dataset" global heap block).
//!
//! ```text
//! v0  version 0 | mappings L | each: source file NUL | source dataset NUL | source selection | virtual selection
//!     | checksum 4
//! v1  as v0, each beginning with flags 1: 1 the file's name is an L-byte number of an earlier mapping that has the
//!     same, 2 so is the dataset's name, 4 the file is "." and left out
//! ```
//!
//! Version 1 is not in the specification.

use super::selection::Selection;
use crate::codec::{Cursor, Writer};
use crate::error::Result;
use alloc::vec::Vec;

/// Elements of another dataset that stand for elements of the virtual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualMapping {
    /// Name of the source's file; `.` is the same file.
    pub source_file: Vec<u8>,
    /// Path of the source.
    pub source_dataset: Vec<u8>,
    /// Elements of the source.
    pub source_selection: Selection,
    /// Elements of the virtual dataset, as many.
    pub virtual_selection: Selection,
}

const SHARED_FILE: u8 = 1;
const SHARED_DATASET: u8 = 2;
const SAME_FILE: u8 = 4;

/// Parses the block.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Vec<VirtualMapping>> {
    let mut whole = cursor.clone();
    let version = cursor.version(&[0, 1])?;
    let here = cursor.clone();
    let count = cursor.length()?;
    // The smallest mapping: two empty names and two selections of 16 bytes.
    if count > (cursor.remaining() as u64) / 2 {
        return Err(here.corrupt(alloc::format!("{count} mappings do not fit the block")));
    }
    let mut mappings: Vec<VirtualMapping> = Vec::new();
    for _ in 0..count {
        let mapping = mapping(cursor, version, &mappings)?;
        mappings.push(mapping);
    }
    whole.skip(cursor.position().saturating_sub(whole.position()))?;
    whole.checksum()?;
    cursor.skip(4)?;
    Ok(mappings)
}

fn mapping(cursor: &mut Cursor<'_>, version: u8, earlier: &[VirtualMapping]) -> Result<VirtualMapping> {
    let here = cursor.clone();
    let flags = if version == 0 { 0 } else { cursor.u8()? };
    if flags & !(SHARED_FILE | SHARED_DATASET | SAME_FILE) != 0 {
        return Err(here.unexpected("mapping flags", "0 to 7", flags));
    }
    let same_as = |cursor: &mut Cursor<'_>| -> Result<VirtualMapping> {
        let here = cursor.clone();
        let index = cursor.length()?;
        let found = usize::try_from(index).ok().and_then(|i| earlier.get(i)).cloned();
        found.ok_or_else(|| here.unexpected("mapping with the same name", "an earlier one", index))
    };
    let source_file = match flags & (SHARED_FILE | SAME_FILE) {
        0 => cursor.c_str()?.to_vec(),
        SHARED_FILE => same_as(cursor)?.source_file,
        _ => b".".to_vec(),
    };
    let source_dataset =
        if flags & SHARED_DATASET == 0 { cursor.c_str()?.to_vec() } else { same_as(cursor)?.source_dataset };
    let source_selection = Selection::parse(cursor)?;
    let virtual_selection = Selection::parse(cursor)?;
    Ok(VirtualMapping { source_file, source_dataset, source_selection, virtual_selection })
}

/// Encodes the block in version 0.
pub fn encode(mappings: &[VirtualMapping], writer: &mut Writer) -> Result<()> {
    let start = writer.position();
    writer.u8(0);
    writer.length(mappings.len() as u64)?;
    for mapping in mappings {
        for name in [&mapping.source_file, &mapping.source_dataset] {
            writer.bytes(name);
            writer.u8(0);
        }
        mapping.source_selection.encode(writer)?;
        mapping.virtual_selection.encode(writer)?;
    }
    writer.checksum_from(start);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    fn mapping(file: &[u8], dataset: &[u8]) -> VirtualMapping {
        let (source_selection, virtual_selection) = (Selection::All, Selection::All);
        let (source_file, source_dataset) = (file.to_vec(), dataset.to_vec());
        VirtualMapping { source_file, source_dataset, source_selection, virtual_selection }
    }

    #[test]
    fn parses_what_it_encodes() {
        let mappings = alloc::vec![mapping(b"a.h5", b"/x"), mapping(b".", b"y")];
        let mut bytes = testing::round_trip(&mappings, Sizes::EIGHT, parse, |m, w| encode(m, w));
        bytes[10] ^= 1;
        testing::refused(&bytes, Sizes::EIGHT, parse);
    }

    #[test]
    fn version_1_shares_names() {
        let mut writer = Writer::new(Sizes::EIGHT);
        writer.u8(1);
        writer.u64(3);
        let selections = |w: &mut Writer| (0..2).for_each(|_| Selection::All.encode(w).unwrap());
        writer.bytes(b"\0a.h5\0/x\0");
        selections(&mut writer);
        writer.u8(SHARED_FILE | SHARED_DATASET);
        writer.u64(0);
        writer.u64(0);
        selections(&mut writer);
        writer.bytes(b"\x04/y\0");
        selections(&mut writer);
        writer.checksum_from(0);
        let parsed = parse(&mut Cursor::new(writer.as_slice(), 0, "mappings", Sizes::EIGHT)).unwrap();
        assert_eq!(parsed, [mapping(b"a.h5", b"/x"), mapping(b"a.h5", b"/x"), mapping(b".", b"/y")]);
    }
}
