//! Stored references (File Format Spec, VIII.A.4, and the encoding of HDF5 1.12).
//!
//! ```text
//! object            header O                              (null: 0 or undefined)
//! region            heap collection O | index 4           heap object: dataset O | selection
//! 1.12, inline      type 1 | flags 1 | token length 1 | token
//! 1.12, elsewhere   type 1 | flags 1 | length 4 | heap collection O | index 4
//!                   heap object: token length 1 | token | [file length 2 | file, if flag 1]
//!                   | region: length 4 | rank 4 | selection | attribute: length 2 | name
//! ```

use super::selection::Selection;
use crate::codec::{Address, Cursor};
use crate::error::Result;
use alloc::vec::Vec;

/// Type numbers of the 1.12 encoding.
const OBJECT: u8 = 2;
const REGION: u8 = 3;
const ATTRIBUTE: u8 = 4;
/// The target lies in another file.
const EXTERNAL: u8 = 1;

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
    /// Elements, of a region reference.
    pub selection: Option<Selection>,
    /// Name, of an attribute reference.
    pub attribute: Option<Vec<u8>>,
}

impl StoredReference {
    /// Parses an element of a 1.12 reference type.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
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
            return token(cursor).map(StoredReference::Object);
        }
        cursor.skip(4)?;
        let (address, index) = (cursor.address()?, cursor.u32()?);
        match address {
            Some(address) if address.0 != 0 => Ok(StoredReference::Heap { kind, external, id: (address, index) }),
            _ => Ok(StoredReference::Null),
        }
    }
}

/// `length 1 | address`.
fn token(cursor: &mut Cursor<'_>) -> Result<Address> {
    let here = cursor.clone();
    let len = cursor.u8()?;
    if len == 0 || len > 16 {
        return Err(here.unexpected("token length", "1 to 16", len));
    }
    cursor.uint(usize::from(len)).map(Address)
}

impl HeapReference {
    /// Parses the heap object of a reference.
    pub fn parse(cursor: &mut Cursor<'_>, kind: u8, external: bool) -> Result<Self> {
        let object = token(cursor)?;
        let text = |cursor: &mut Cursor<'_>| -> Result<Vec<u8>> {
            let len = cursor.u16()?;
            Ok(cursor.bytes(usize::from(len))?.to_vec())
        };
        let file = if external { Some(text(cursor)?) } else { None };
        let mut reference = HeapReference { object, file, selection: None, attribute: None };
        if kind == REGION {
            cursor.skip(8)?;
            reference.selection = Some(Selection::parse(cursor)?);
        } else if kind == ATTRIBUTE {
            reference.attribute = Some(text(cursor)?);
        }
        Ok(reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;

    fn stored(bytes: &[u8]) -> Result<StoredReference> {
        StoredReference::parse(&mut Cursor::new(bytes, 0, "reference", Sizes::EIGHT))
    }

    #[test]
    fn reads_inline_and_heap_references() {
        let inline = [2, 0, 8, 0x20, 3, 0, 0, 0, 0, 0, 0];
        assert_eq!(stored(&inline).unwrap(), StoredReference::Object(Address(0x320)));
        assert_eq!(stored(&[0; 18]).unwrap(), StoredReference::Null);
        let heap = [4, 0, 20, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0];
        let id = (Address(0x40), 7);
        assert_eq!(stored(&heap).unwrap(), StoredReference::Heap { kind: 4, external: false, id });
        assert!(stored(&[5; 18]).is_err());
        (0..18).for_each(|n| assert!(stored(&heap[..n]).is_err()));
    }

    #[test]
    fn reads_what_the_heap_holds() {
        let bytes = [8, 0x20, 3, 0, 0, 0, 0, 0, 0, 1, 0, b'f', 2, 0, b'a', b'b'];
        let parse = |b: &[u8]| HeapReference::parse(&mut Cursor::new(b, 0, "reference", Sizes::EIGHT), 4, true);
        let reference = parse(&bytes).unwrap();
        assert_eq!((reference.object, reference.file), (Address(0x320), Some(b"f".to_vec())));
        assert_eq!(reference.attribute, Some(b"ab".to_vec()));
        (0..bytes.len()).for_each(|n| assert!(parse(&bytes[..n]).is_err()));
    }
}
