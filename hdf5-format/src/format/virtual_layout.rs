//! Virtual Dataset Global Heap Block (File Format Spec v3/4, VII.C)
//!
//! ```text
//! | version 1 | mappings L | mapping ... | checksum 4 |
//! v0: | source file, NUL | source dataset, NUL | source selection | virtual selection |
//! v1: | flags 1 | [source file] | [source dataset] | source selection | virtual selection |
//! ```
//! Flags, which the specification does not have: 1 the file's name is an L-byte number of an earlier mapping that has
//! the same, 2 so is the dataset's name, 4 the file's name is "." and left out. libhdf5 writes version 1 from 2.0 on,
//! where it is not longer.
//!
//! Virtual data layouts point here, by a global heap id.

use super::selection::Selection;
use crate::codec::{Cursor, Sizes, Writer};
use crate::error::{Error, ErrorKind, Result};
use alloc::collections::BTreeMap;
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

/// Lower bound of versions from which on version 1 of the block may be written: that of libhdf5 2.0.
const LOW_OF_VERSION_1: u8 = 4;

/// Bytes of the smallest mapping: two empty names, or flags and one, and two selections.
const SMALLEST: u64 = 34;

/// Names given by number may take this many times the block's length in memory.
const NAMES_PER_BLOCK: usize = 64;

/// Parses the block, which takes all that is left of the cursor.
///
/// # Errors
/// The block is damaged.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Vec<VirtualMapping>> {
    let mut cursor = cursor.sub(cursor.remaining())?;
    let version = cursor.version(&[0, 1])?;
    let here = cursor.clone();
    let count = cursor.length()?;
    if count > (cursor.remaining() as u64) / SMALLEST {
        return Err(here.unexpected("number of mappings", "as many as fit the block", count));
    }
    let mut names = cursor.remaining().saturating_mul(NAMES_PER_BLOCK);
    let mut mappings: Vec<VirtualMapping> = Vec::new();
    for _ in 0..count {
        let mapping = mapping(&mut cursor, version, &mappings, &mut names)?;
        mappings.push(mapping);
    }
    cursor.checksum()?;
    Ok(mappings)
}

fn mapping(
    cursor: &mut Cursor<'_>,
    version: u8,
    earlier: &[VirtualMapping],
    names: &mut usize,
) -> Result<VirtualMapping> {
    let here = cursor.clone();
    let flags = if version == 0 { 0 } else { cursor.u8()? };
    if flags & !(SHARED_FILE | SHARED_DATASET | SAME_FILE) != 0 {
        return Err(here.unexpected("mapping flags", "0 to 7", flags));
    }
    let mut shared = |cursor: &mut Cursor<'_>, name: fn(&VirtualMapping) -> &Vec<u8>| -> Result<Vec<u8>> {
        let here = cursor.clone();
        let index = cursor.length()?;
        let found = usize::try_from(index).ok().and_then(|i| earlier.get(i)).map(name);
        let found = found.ok_or_else(|| here.unexpected("mapping with the same name", "an earlier one", index))?;
        *names = names.checked_sub(found.len()).ok_or_else(|| here.corrupt("one long name in very many mappings"))?;
        Ok(found.clone())
    };
    let source_file = match flags & (SHARED_FILE | SAME_FILE) {
        0 => cursor.c_str()?.to_vec(),
        SHARED_FILE => shared(cursor, |m| &m.source_file)?,
        _ => b".".to_vec(),
    };
    let source_dataset = match flags & SHARED_DATASET {
        0 => cursor.c_str()?.to_vec(),
        _ => shared(cursor, |m| &m.source_dataset)?,
    };
    let source_selection = Selection::parse(cursor)?;
    let virtual_selection = Selection::parse(cursor)?;
    Ok(VirtualMapping { source_file, source_dataset, source_selection, virtual_selection })
}

/// Bytes of the block as [`encode`] writes it.
///
/// # Errors
/// A mapping can not be written.
pub fn encoded_len(mappings: &[VirtualMapping], low: u8, sizes: Sizes) -> Result<usize> {
    let mut writer = Writer::new(sizes);
    encode(mappings, low, &mut writer)?;
    Ok(writer.position())
}

/// Encodes the block for a lower bound of versions: `low` is 1 up to libhdf5 1.8, 2 for 1.10, 3 for 1.12 and 1.14, 4
/// from 2.0 on.
///
/// # Errors
/// A name has a NUL in it, or a selection can not be written.
pub fn encode(mappings: &[VirtualMapping], low: u8, writer: &mut Writer) -> Result<()> {
    let block = |version| {
        let mut block = Writer::new(writer.sizes());
        write(mappings, version, low, &mut block).map(|()| block.into_bytes())
    };
    let plain = block(0)?;
    let short = if low < LOW_OF_VERSION_1 { None } else { Some(block(1)?) };
    writer.bytes(&short.filter(|s| s.len() <= plain.len()).unwrap_or(plain));
    Ok(())
}

fn write(mappings: &[VirtualMapping], version: u8, low: u8, writer: &mut Writer) -> Result<()> {
    writer.u8(version);
    writer.length(mappings.len() as u64)?;
    let (mut files, mut datasets) = (BTreeMap::new(), BTreeMap::new());
    for (number, mapping) in (0u64..).zip(mappings) {
        let (file, dataset) = (&mapping.source_file, &mapping.source_dataset);
        let shares = |first: u64, name: &[u8]| version == 1 && first < number && name.len() >= writer.sizes().l();
        let first_file = *files.entry(file).or_insert(number);
        let first_dataset = *datasets.entry(dataset).or_insert(number);
        let file_flag = match (version, file.as_slice()) {
            (1, b".") => SAME_FILE,
            (_, name) if shares(first_file, name) => SHARED_FILE,
            _ => 0,
        };
        let dataset_flag = if shares(first_dataset, dataset) { SHARED_DATASET } else { 0 };
        if version == 1 {
            writer.u8(file_flag | dataset_flag);
        }
        match file_flag {
            SAME_FILE => {}
            SHARED_FILE => writer.length(first_file)?,
            _ => name(file, writer)?,
        }
        if dataset_flag == 0 {
            name(dataset, writer)?
        } else {
            writer.length(first_dataset)?
        }
        mapping.source_selection.encode_at_least(writer, low)?;
        mapping.virtual_selection.encode_at_least(writer, low)?;
    }
    writer.checksum_from(0);
    Ok(())
}

fn name(name: &[u8], writer: &mut Writer) -> Result<()> {
    if name.contains(&0) {
        return Err(Error::new(ErrorKind::Invalid, "a name of a virtual dataset's source with a NUL in it"));
    }
    writer.bytes(name);
    writer.u8(0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;
    use crate::format::selection::SlabDim;
    use alloc::vec;
    use proptest::prelude::*;

    const FILE: &[u8] = b"a/long/path/source.h5";
    const DATASET: &[u8] = b"a/long/path/dataset";

    /// The row of a virtual dataset that all of a source stands for.
    fn row(file: &[u8], dataset: &[u8], row: u64) -> VirtualMapping {
        let dim = |start, block| SlabDim { start, stride: 1, count: Some(1), block: Some(block) };
        let virtual_selection = Selection::Hyperslab(vec![dim(row, 1), dim(0, 10)]);
        let (source_file, source_dataset) = (file.to_vec(), dataset.to_vec());
        VirtualMapping { source_file, source_dataset, source_selection: Selection::All, virtual_selection }
    }

    fn rows() -> Vec<VirtualMapping> {
        let sources = [(FILE, DATASET), (FILE, DATASET), (b".", b"e"), (FILE, b"e"), (b".", DATASET)];
        (0..).zip(sources).map(|(i, (file, dataset))| row(file, dataset, i)).collect()
    }

    /// As libhdf5 2.0 writes the rows for the bound of versions of 2.0.
    #[test]
    fn golden_bytes_of_version_1() {
        let mut golden = b"\x01\x05\0\0\0\0\0\0\0".to_vec();
        let names: [&[u8]; 5] = [
            b"\0a/long/path/source.h5\0a/long/path/dataset\0",
            b"\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            b"\x04e\0",
            b"\x01\0\0\0\0\0\0\0\0e\0",
            b"\x06\0\0\0\0\0\0\0\0",
        ];
        for (row, names) in (0u8..).zip(names) {
            golden.extend(names);
            golden.extend(b"\x03\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x03\0\0\0\x01\x02\x02\0\0\0");
            golden.extend([row, 0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 10, 0]);
        }
        golden.extend([0x40, 0xf2, 0x17, 0x6c]);
        let encode = |m: &Vec<VirtualMapping>, w: &mut Writer| encode(m, 4, w);
        assert_eq!(testing::round_trip(&rows(), Sizes::EIGHT, parse, encode), golden);
        assert_eq!(encoded_len(&rows(), 4, Sizes::EIGHT).unwrap(), golden.len());
    }

    #[test]
    fn parses_what_it_encodes() {
        for low in 1..=4 {
            for sizes in [Sizes::EIGHT, Sizes { offset: 4, length: 2 }] {
                let mut bytes = testing::round_trip(&rows(), sizes, parse, |m, w| encode(m, low, w));
                bytes[10] ^= 1;
                testing::refused(&bytes, sizes, parse);
                testing::round_trip(&vec![], sizes, parse, |m, w| encode(m, low, w));
            }
        }
    }

    #[test]
    fn short_names_are_not_worth_version_1() {
        let mappings = vec![row(b"a.h5", b"d", 0), row(b"a.h5", b"d", 1)];
        let mut writer = Writer::new(Sizes::EIGHT);
        encode(&mappings, 4, &mut writer).unwrap();
        assert_eq!(writer.as_slice()[0], 0);
    }

    /// A block with a checksum that is right.
    fn summed(bytes: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new(Sizes::EIGHT);
        writer.bytes(bytes);
        writer.checksum_from(0);
        writer.into_bytes()
    }

    #[test]
    fn refuses_each_broken_rule() {
        let refused = |bytes: &[u8]| testing::refused(&summed(bytes), Sizes::EIGHT, parse);
        let all = [3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].repeat(2);
        // Version, number of mappings, flags, number of another mapping.
        refused(b"\x02\0\0\0\0\0\0\0\0");
        refused(b"\0\x01\0\0\0\0\0\0\0");
        refused(&[b"\x01\x01\0\0\0\0\0\0\0\x08\0\0", &all[..]].concat());
        refused(&[b"\x01\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0", &all[..]].concat());
        let mut writer = Writer::new(Sizes::EIGHT);
        assert!(encode(&[row(b"a\0b", b"d", 0)], 1, &mut writer).is_err());
    }

    #[test]
    fn a_long_name_can_not_be_multiplied() {
        let count = 4000u64;
        let mut bytes = vec![1];
        bytes.extend(count.to_le_bytes());
        bytes.push(0);
        bytes.extend(vec![b'x'; 100_000]);
        bytes.extend(b"\0d\0");
        let all = [3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].repeat(2);
        bytes.extend(&all);
        for _ in 1..count {
            bytes.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, b'd', 0]);
            bytes.extend(&all);
        }
        testing::refused(&summed(&bytes), Sizes::EIGHT, parse);
    }

    proptest! {
        #[test]
        fn damaged_bytes_are_survived(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            low in 1u8..=4,
        ) {
            let mut writer = Writer::new(Sizes::EIGHT);
            encode(&rows(), low, &mut writer).unwrap();
            let mut bytes = writer.into_bytes();
            bytes.truncate(bytes.len() - 4);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let bytes = summed(&bytes);
            if let Ok(mappings) = parse(&mut Cursor::new(&bytes, 0, "mappings", Sizes::EIGHT)) {
                encode(&mappings, low, &mut Writer::new(Sizes::EIGHT)).unwrap();
            }
        }
    }
}
