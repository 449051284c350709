//! Shared Message pointer (File Format Spec v3/4, IV.A.2)
//!
//! ```text
//! v1: | version 1 | type 1 | 0 6 | name offset L | object header O |
//! v2: | version 1 | type 1 | object header O |
//! v3: | version 1 | type 1 | heap id 8, or object header O |
//! ```
//! The body of a message that is stored elsewhere, and the datatype or dataspace of an attribute that is. Versions 1
//! and 2 always point at a header, whatever their type says.
//!
//! libhdf5 reads version 1 as an old symbol table entry, with a name offset before the address that the
//! specification does not show.

use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::Result;

/// Where a shared message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedPointer {
    /// In the shared message heap of its kind.
    Heap([u8; 8]),
    /// In another object's header: a committed datatype.
    Object(Address),
}

const IN_HEAP: u8 = 1;
const COMMITTED: u8 = 2;

impl SharedPointer {
    /// Parses a pointer of any version.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let version = cursor.version(&[1, 2, 3])?;
        let here = cursor.clone();
        let kind = cursor.u8()?;
        match (version, kind) {
            (1, _) => {
                cursor.skip(6)?;
                cursor.skip(cursor.sizes().l())?;
            }
            (3, IN_HEAP) => return cursor.array().map(SharedPointer::Heap),
            (3, COMMITTED) | (2, _) => {}
            (_, other) => return Err(here.unexpected("shared message type", "1 or 2", other)),
        }
        cursor.defined_address("shared message address").map(SharedPointer::Object)
    }

    /// Bytes of the pointer as [`SharedPointer::encode`] writes it.
    pub fn encoded_len(&self, sizes: Sizes) -> usize {
        match self {
            SharedPointer::Heap(id) => id.len().saturating_add(2),
            SharedPointer::Object(_) => sizes.o().saturating_add(2),
        }
    }

    /// Encodes as libhdf5 does: version 3 for the heap, version 2 for a committed datatype.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        match self {
            SharedPointer::Heap(id) => {
                writer.bytes(&[3, IN_HEAP]);
                writer.bytes(id);
                Ok(())
            }
            SharedPointer::Object(address) => {
                writer.bytes(&[2, COMMITTED]);
                writer.address(Some(*address))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;

    #[test]
    fn parses_what_it_encodes() {
        for pointer in [SharedPointer::Heap(*b"\0abcdefg"), SharedPointer::Object(Address(0x320))] {
            let bytes = testing::round_trip(&pointer, Sizes::EIGHT, SharedPointer::parse, SharedPointer::encode);
            assert_eq!(bytes.len(), pointer.encoded_len(Sizes::EIGHT));
        }
        for kind in [0, 2] {
            let parsed =
                SharedPointer::parse(&mut Cursor::new(&[2, kind, 0x20, 3], 0, "x", Sizes { offset: 2, length: 2 }));
            assert_eq!(parsed.unwrap(), SharedPointer::Object(Address(0x320)));
        }
    }

    #[test]
    fn reads_version_1_as_libhdf5_does() {
        let mut bytes = [0u8; 24];
        (bytes[0], bytes[8], bytes[16]) = (1, 0x77, 0x40);
        let parsed = SharedPointer::parse(&mut Cursor::new(&bytes, 0, "x", Sizes::EIGHT)).unwrap();
        assert_eq!(parsed, SharedPointer::Object(Address(0x40)));
    }

    #[test]
    fn refuses_other_types_and_versions() {
        testing::refused(&[3, 3, 0, 0, 0, 0, 0, 0, 0, 0], Sizes::EIGHT, SharedPointer::parse);
        testing::refused(&[4, 2, 0, 0, 0, 0, 0, 0, 0, 0], Sizes::EIGHT, SharedPointer::parse);
        testing::refused(&[2, 0, 255, 255, 255, 255, 255, 255, 255, 255], Sizes::EIGHT, SharedPointer::parse);
    }
}
