//! Stored references (File Format Spec v3/4, VIII.A.4, and the encoding of HDF5 1.12)
//!
//! ```text
//! object, region up to 1.10:
//!   object        | header O |                                   null: 0 or undefined
//!   region        | heap collection O | index 4 |                null: collection 0
//!   heap object   | header of the dataset O | selection |
//! from 1.12:
//!   object        | type 1 | flags 1 | token length 1 | token | to the type's size |
//!   others        | type 1 | flags 1 | length of the heap object 4 | heap collection O | index 4 |
//!   heap object   | token length 1 | token | [flag 1: length 2 | file] |
//!                 | region: length of the selection 4 | rank 4 | selection |
//!                 | attribute: length 2 | name |
//! ```
//! Types are 2 object, 3 region, 4 attribute; 0 is null. Flag 1 is a target in another file, which an object reference
//! too has in the heap. A token is the address of the object's header. libhdf5 may leave the heap object longer than
//! what it holds.

use super::selection::Selection;
use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::{Error, ErrorKind, Result};
use alloc::format;
use alloc::vec::Vec;

/// Type numbers of the 1.12 encoding.
const OBJECT: u8 = 2;
const REGION: u8 = 3;
const ATTRIBUTE: u8 = 4;
/// The target lies in another file.
const EXTERNAL: u8 = 1;

/// Longest token, in bytes.
const LONGEST_TOKEN: u8 = 16;

/// What the heap holds of a region reference up to 1.10.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionReference {
    /// Header of the dataset.
    pub dataset: Address,
    /// Elements of it.
    pub selection: Selection,
}

/// A 1.12 reference as stored in an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredReference {
    /// Points nowhere.
    Null,
    /// An object, complete.
    Object(Address),
    /// The rest is in the global heap.
    Heap {
        /// 2, 3 or 4.
        kind: u8,
        /// True if the target lies in another file.
        external: bool,
        /// Bytes of the heap object.
        len: u32,
        /// Collection and index.
        id: (Address, u32),
    },
}

/// What the heap holds of a 1.12 reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeapReference {
    /// Header of the object.
    pub object: Address,
    /// The file it lies in, if that is another one.
    pub file: Option<Vec<u8>>,
    /// Rank of the dataset and elements of it, of a region reference.
    pub selection: Option<(u32, Selection)>,
    /// Name, of an attribute reference.
    pub attribute: Option<Vec<u8>>,
}

/// Parses an object reference up to 1.10; `None` points nowhere.
///
/// # Errors
/// The cursor ends before.
pub fn parse_object(cursor: &mut Cursor<'_>) -> Result<Option<Address>> {
    Ok(cursor.address()?.filter(|a| a.0 != 0))
}

/// Encodes an object reference up to 1.10.
///
/// # Errors
/// The address is wider than the file has room for.
pub fn encode_object(object: Option<Address>, writer: &mut Writer) -> Result<()> {
    writer.address(Some(object.unwrap_or(Address(0))))
}

impl RegionReference {
    /// Parses the heap object.
    ///
    /// # Errors
    /// The address is undefined, or the selection is damaged.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let dataset = cursor.defined_address("dataset address")?;
        Ok(RegionReference { dataset, selection: Selection::parse(cursor)? })
    }

    /// Bytes of the heap object as [`RegionReference::encode`] writes it.
    ///
    /// # Errors
    /// The selection can not be written.
    pub fn encoded_len(&self, sizes: Sizes, low: u8) -> Result<usize> {
        Ok(self.selection.encoded_len(low)?.saturating_add(sizes.o()))
    }

    /// Encodes the heap object; `low` is the lower bound of versions as for [`Selection::encode_at_least`].
    ///
    /// # Errors
    /// The address is wider than the file has room for, or the selection can not be written.
    pub fn encode(&self, low: u8, writer: &mut Writer) -> Result<()> {
        writer.address(Some(self.dataset))?;
        self.selection.encode_at_least(writer, low)
    }
}

impl StoredReference {
    /// Bytes of an element of a 1.12 reference type, as far as they are used.
    pub fn encoded_len(sizes: Sizes) -> usize {
        // Type, flags, and whichever is longer: length and heap id, or token length and token.
        sizes.o().saturating_add(8).max(sizes.o().saturating_add(1)).saturating_add(2)
    }

    /// Parses an element of a 1.12 reference type.
    ///
    /// # Errors
    /// The type is unknown, or the cursor ends before.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let mut cursor = cursor.sub(Self::encoded_len(cursor.sizes()))?;
        let here = cursor.clone();
        let kind = cursor.u8()?;
        let flags = cursor.u8()?;
        if kind == 0 {
            return Ok(StoredReference::Null);
        }
        if !(OBJECT..=ATTRIBUTE).contains(&kind) {
            return Err(here.unexpected("reference type", "2 to 4", kind));
        }
        let external = flags & EXTERNAL != 0;
        if kind == OBJECT && !external {
            return token(&mut cursor).map(StoredReference::Object);
        }
        let len = cursor.u32()?;
        let (address, index) = (cursor.address()?, cursor.u32()?);
        match address {
            Some(address) if address.0 != 0 => Ok(StoredReference::Heap { kind, external, len, id: (address, index) }),
            _ => Ok(StoredReference::Null),
        }
    }

    /// Encodes an element of a 1.12 reference type.
    ///
    /// # Errors
    /// An address is wider than the file has room for.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        let end = writer.position().saturating_add(Self::encoded_len(writer.sizes()));
        match self {
            StoredReference::Null => {}
            StoredReference::Object(address) => {
                writer.bytes(&[OBJECT, 0]);
                encode_token(*address, writer)?;
            }
            StoredReference::Heap { kind, external, len, id: (address, index) } => {
                writer.bytes(&[*kind, if *external { EXTERNAL } else { 0 }]);
                writer.u32(*len);
                writer.address(Some(*address))?;
                writer.u32(*index);
            }
        }
        writer.zeros(end.saturating_sub(writer.position()));
        Ok(())
    }
}

/// `length 1 | address`.
fn token(cursor: &mut Cursor<'_>) -> Result<Address> {
    let here = cursor.clone();
    let len = cursor.u8()?;
    if len == 0 || len > LONGEST_TOKEN {
        return Err(here.unexpected("token length", "1 to 16", len));
    }
    cursor.uint(usize::from(len)).map(Address)
}

fn encode_token(address: Address, writer: &mut Writer) -> Result<()> {
    writer.u8(writer.sizes().offset);
    writer.address(Some(address))
}

impl HeapReference {
    /// Parses the heap object of a reference whose element says `kind` and `external`.
    ///
    /// # Errors
    /// The object ends before, or the selection is damaged.
    pub fn parse(cursor: &mut Cursor<'_>, kind: u8, external: bool) -> Result<Self> {
        let object = token(cursor)?;
        let text = |cursor: &mut Cursor<'_>| -> Result<Vec<u8>> {
            let len = cursor.u16()?;
            Ok(cursor.bytes(usize::from(len))?.to_vec())
        };
        let file = if external { Some(text(cursor)?) } else { None };
        let mut reference = HeapReference { object, file, selection: None, attribute: None };
        if kind == REGION {
            let len = cursor.u32()?;
            let rank = cursor.u32()?;
            let mut selection = cursor.sub(crate::codec::to_usize(len.into())?)?;
            reference.selection = Some((rank, Selection::parse(&mut selection)?));
        } else if kind == ATTRIBUTE {
            reference.attribute = Some(text(cursor)?);
        }
        Ok(reference)
    }

    /// The type number that the element of this reference has.
    pub fn kind(&self) -> u8 {
        match (&self.selection, &self.attribute) {
            (Some(_), _) => REGION,
            (None, Some(_)) => ATTRIBUTE,
            (None, None) => OBJECT,
        }
    }

    /// Bytes of the heap object as [`HeapReference::encode`] writes it.
    ///
    /// # Errors
    /// The reference can not be written.
    pub fn encoded_len(&self, sizes: Sizes) -> Result<usize> {
        let mut writer = Writer::new(sizes);
        self.encode(&mut writer)?;
        Ok(writer.position())
    }

    /// Encodes the heap object.
    ///
    /// # Errors
    /// The address is wider than the file has room for, a name is longer than 65535 bytes, or the selection can not be
    /// written.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        let text = |text: &[u8], writer: &mut Writer| -> Result<()> {
            let len = u16::try_from(text.len()).map_err(|_| {
                Error::new(ErrorKind::Invalid, format!("a name of {} bytes in a reference", text.len()))
            })?;
            writer.u16(len);
            writer.bytes(text);
            Ok(())
        };
        encode_token(self.object, writer)?;
        if let Some(file) = &self.file {
            text(file, writer)?;
        }
        if let Some((rank, selection)) = &self.selection {
            // These references came with 1.12, as the newest selections did.
            let low = 3;
            writer.uint(selection.encoded_len(low)? as u64, 4)?;
            writer.u32(*rank);
            return selection.encode_at_least(writer, low);
        }
        self.attribute.as_ref().map_or(Ok(()), |name| text(name, writer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;
    use crate::format::selection::SlabDim;
    use alloc::string::String;
    use alloc::vec;
    use proptest::prelude::*;

    const NARROW: Sizes = Sizes { offset: 4, length: 4 };

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: String = hex.split_whitespace().collect();
        (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
    }

    fn heap(kind: u8, external: bool, len: u32, id: (u64, u32)) -> StoredReference {
        StoredReference::Heap { kind, external, len, id: (Address(id.0), id.1) }
    }

    /// Elements as libhdf5 2.0 writes them.
    #[test]
    fn golden_elements() {
        for (hex, reference) in [
            ("0200 08 b300000000000000 00000000000000", StoredReference::Object(Address(0xb3))),
            ("0300 89000000 190a000000000000 01000000", heap(3, false, 0x89, (0xa19, 1))),
            ("0401 19000000 5a08000000000000 03000000", heap(4, true, 0x19, (0x85a, 3))),
            ("0000 00000000 0000000000000000 00000000", StoredReference::Null),
        ] {
            let stored = testing::round_trip(&reference, Sizes::EIGHT, StoredReference::parse, StoredReference::encode);
            assert_eq!(stored, bytes(hex));
        }
        let narrow = heap(2, true, 7, (9, 1));
        testing::round_trip(&narrow, NARROW, StoredReference::parse, StoredReference::encode);
    }

    /// Heap objects as libhdf5 2.0 writes them.
    #[test]
    fn golden_heap_objects() {
        let object = Address(0xb3);
        let file = || Some(b"newref.h5".to_vec());
        let dim = |start, stride, count, block| SlabDim { start, stride, count: Some(count), block: Some(block) };
        let slab = Selection::Hyperslab(vec![dim(1, 4, 2, 1), dim(2, 5, 3, 1)]);
        let name = || Some(b"att".to_vec());
        for (hex, external, reference) in [
            (
                "08 b300000000000000 1e000000 02000000 02000000 03000000 01 02 02000000 0100 0400 0200 0100 0200 0500
                 0300 0100",
                false,
                HeapReference { object, file: None, selection: Some((2, slab)), attribute: None },
            ),
            (
                "08 b300000000000000 0300 617474",
                false,
                HeapReference { object, file: None, selection: None, attribute: name() },
            ),
            (
                "08 b300000000000000 0900 6e65777265662e6835",
                true,
                HeapReference { object, file: file(), selection: None, attribute: None },
            ),
            (
                "08 b300000000000000 0900 6e65777265662e6835 0300 617474",
                true,
                HeapReference { object, file: file(), selection: None, attribute: name() },
            ),
        ] {
            let parse = |c: &mut Cursor<'_>| HeapReference::parse(c, reference.kind(), external);
            let stored = testing::round_trip(&reference, Sizes::EIGHT, parse, HeapReference::encode);
            assert_eq!(stored, bytes(hex));
            assert_eq!(reference.encoded_len(Sizes::EIGHT).unwrap(), stored.len());
            testing::round_trip(&reference, NARROW, parse, HeapReference::encode);
            // What libhdf5 leaves behind the content does not matter.
            let longer = [&stored[..], &[0; 80]].concat();
            assert_eq!(parse(&mut Cursor::new(&longer, 0, "reference", Sizes::EIGHT)).unwrap(), reference);
        }
    }

    #[test]
    fn references_up_to_1_10() {
        let region = RegionReference { dataset: Address(0x320), selection: Selection::All };
        let stored = testing::round_trip(&region, Sizes::EIGHT, RegionReference::parse, |r, w| r.encode(1, w));
        assert_eq!(stored, bytes("2003000000000000 03000000 01000000 00000000 00000000"));
        assert_eq!(region.encoded_len(Sizes::EIGHT, 1).unwrap(), stored.len());
        testing::round_trip(&region, NARROW, RegionReference::parse, |r, w| r.encode(3, w));
        for object in [None, Some(Address(0x320))] {
            testing::round_trip(&object, NARROW, parse_object, |o, w| encode_object(*o, w));
        }
        let undefined = [0xff; 8];
        assert_eq!(parse_object(&mut Cursor::new(&undefined, 0, "reference", Sizes::EIGHT)).unwrap(), None);
        testing::refused(&[0xff; 24], Sizes::EIGHT, RegionReference::parse);
    }

    #[test]
    fn refuses_each_broken_rule() {
        for kind in [1, 5] {
            testing::refused(&[kind; 18], Sizes::EIGHT, StoredReference::parse);
        }
        for token in [0, 17] {
            let mut stored = vec![2, 0, token];
            stored.resize(30, 0);
            testing::refused(&stored, Sizes::EIGHT, StoredReference::parse);
        }
        // The selection is longer than it says.
        let short = bytes("08 b300000000000000 0f000000 02000000 03000000 01000000 00000000 00000000");
        testing::refused(&short, Sizes::EIGHT, |c| HeapReference::parse(c, REGION, false));
        let name = Some(vec![b'x'; 65_536]);
        let long = HeapReference { object: Address(1), file: None, selection: None, attribute: name };
        assert!(long.encode(&mut Writer::new(Sizes::EIGHT)).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..80), kind in 2u8..=4, external: bool) {
            let cursor = || Cursor::new(&bytes, 0, "reference", Sizes::EIGHT);
            StoredReference::parse(&mut cursor()).ok();
            HeapReference::parse(&mut cursor(), kind, external).ok();
            RegionReference::parse(&mut cursor()).ok();
        }
    }
}
